// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:160M mem=768M time=400
 *
 * How filtered searches are planned: whatever part of the files matches, all, half, a thousandth, at random or those
 * farthest from the query, results are those of a model, with and without a graph, for root and for a user from whom
 * some are hidden. The plan is told to root and the collection's owner, and to nobody else.
 */
#include <grp.h>
#include <sys/wait.h>

#include "tests/guest/vecguest.h"

#define COLL	"p"
#define DIM	24
#define FILES	2000
#define CHUNKS	4
#define N	(FILES * CHUNKS)
#define CLUSTERS 40
#define QUERIES	12
#define K	10
#define USER	1000

static struct vg_search g;
static int root = -1;

/* ---- files -------------------------------------------------------------------------- */

/*
 * @seed:   of its vectors
 * @random: 0..FILES-1, each once, by no rule; its size is one more
 * @far:    0..FILES-1: its place by distance from the centre; its mtime
 */
static struct file {
	uint64_t ino;
	uint32_t seed, random, far;
	bool hidden;
	double d;
} files[FILES];

static void centre(float *v)
{
	vg_vector(99999, DIM, v);
}

static void vector_of(const struct file *f, uint32_t chunk, float *v)
{
	float off[DIM];

	vg_vector(f->seed % CLUSTERS, DIM, v);
	vg_vector(1000 + f->seed, DIM, off);
	for (int i = 0; i < DIM; i++)
		v[i] += 0.3F * off[i];
	vg_vector(1000000 + f->seed * CHUNKS + chunk, DIM, off);
	for (int i = 0; i < DIM; i++)
		v[i] += 0.05F * off[i];
}

static int farther(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return x->d < y->d ? -1 : x->d > y->d;
}

static void rank_files(void)
{
	float q[DIM], v[DIM];

	centre(q);
	for (uint32_t i = 0; i < FILES; i++) {
		files[i].seed = i;
		files[i].hidden = !vg_rnd(10);
		vector_of(&files[i], 0, v);
		files[i].d = vg_distance(VEXFS_IOC_L2, q, v, DIM);
	}
	qsort(files, FILES, sizeof(*files), farther);
	for (uint32_t i = 0; i < FILES; i++) {
		uint32_t j = vg_rnd(i + 1);

		files[i].far = i;
		files[i].random = files[j].random;
		files[j].random = i;
	}
}

static void make_file(struct file *f)
{
	struct timespec times[2] = { { .tv_sec = 1000000 + f->far }, { .tv_sec = 1000000 + f->far } };
	float v[DIM];
	struct vexfs_embedding e = { .collection = COLL, .data = v, .bytes = sizeof(v) };
	struct stat st;
	char p[300];
	int fd, bad = 0;

	snprintf(p, sizeof(p), "%s/d%u/f%u", guest_mnt, f->seed % 20, f->seed);
	fd = open(p, O_CREAT | O_RDWR, f->hidden ? 0600 : 0644);
	bad += fd < 0 || ftruncate(fd, f->random + 1);
	for (e.chunk = 0; e.chunk < CHUNKS; e.chunk++) {
		vector_of(f, e.chunk, v);
		bad += vexfs_embedding_set(fd, &e) != 0;
	}
	bad += fchmod(fd, f->hidden ? 0600 : 0644) || futimens(fd, times) || fstat(fd, &st);
	f->ino = st.st_ino;
	close(fd);
	if (bad)
		ktap_bail("making %s", p);
}

/* ---- the model --------------------------------------------------------------------------- */

/* Distance of the last of the K nearest that match; *@n: how many match, K at most. */
static double model(bool user, bool (*match)(const struct file *f, uint32_t limit), uint32_t limit, const float *q,
		    uint32_t *n)
{
	double best[K + 1], d;
	float v[DIM];
	uint32_t i, c, at;

	*n = 0;
	for (i = 0; i < FILES; i++) {
		if ((user && files[i].hidden) || !match(&files[i], limit))
			continue;
		for (c = 0; c < CHUNKS; c++) {
			vector_of(&files[i], c, v);
			d = vg_distance(VEXFS_IOC_L2, q, v, DIM);
			for (at = *n; at && best[at - 1] > d; at--)
				best[at] = best[at - 1];
			best[at] = d;
			*n += *n < K;
		}
	}
	return *n ? best[*n - 1] : 0;
}

static bool at_random(const struct file *f, uint32_t limit)
{
	return f->random < limit;
}

static bool far_away(const struct file *f, uint32_t limit)
{
	return f->far >= FILES - limit;
}

static const struct file *file_of(uint64_t ino)
{
	for (uint32_t i = 0; i < FILES; i++)
		if (files[i].ino == ino)
			return &files[i];
	return NULL;
}

/* ---- searches -------------------------------------------------------------------------------- */

struct result {
	uint32_t bad, hits, wanted, plans[5];
};

/* Near the centre, so that what is far from it is far from the query. */
static void query(uint32_t i, float *q)
{
	float off[DIM];

	centre(q);
	vg_vector(500000 + i, DIM, off);
	for (int j = 0; j < DIM; j++)
		q[j] += 0.2F * off[j];
}

static void one_search(uint32_t i, bool user, bool away, uint32_t limit, uint32_t flags, struct result *r)
{
	struct vexfs_search_filter w = { .what = away ? VEXFS_FILTER_NEWER : VEXFS_FILTER_SMALLER,
					 .newer.tv_sec = 1000000 + FILES - limit - 1, .smaller = limit + 1 };
	bool (*match)(const struct file *f, uint32_t limit) = away ? far_away : at_random;
	const struct file *f;
	uint32_t want;
	double last;
	float q[DIM];

	query(i, q);
	last = model(user, match, limit, q, &want);
	g.s.filter = &w;
	if (vg_run(&g, root, COLL, q, DIM, K, flags) || g.s.found != want || g.s.plan > VEXFS_SEARCHED_WIDE) {
		r->bad++;
		return;
	}
	r->plans[g.s.plan]++;
	r->wanted += want;
	for (uint32_t h = 0; h < g.s.found; h++) {
		f = file_of(g.hits[h].ino);
		r->bad += !f || !match(f, limit) || (user && f->hidden);
		r->hits += (double)vexfs_hit_distance(&g.hits[h]) <= last * 1.00001;
	}
}

static struct result all_searches(bool user, bool away, uint32_t limit, uint32_t flags)
{
	struct result r = { 0 };
	int p[2], status;
	pid_t pid;

	if (pipe(p))
		ktap_bail("pipe");
	pid = fork();
	if (!pid) {
		if (user && (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER)))
			_exit(1);
		for (uint32_t i = 0; i < QUERIES; i++)
			one_search(i, user, away, limit, flags, &r);
		_exit(write(p[1], &r, sizeof(r)) != sizeof(r));
	}
	if (waitpid(pid, &status, 0) != pid || status || read(p[0], &r, sizeof(r)) != sizeof(r))
		ktap_bail("the searches");
	close(p[0]);
	close(p[1]);
	return r;
}

static bool plans_fit(const struct result *r, bool user, bool graph, bool away, uint32_t limit)
{
	if (user)
		return r->plans[VEXFS_SEARCHED_UNTOLD] == QUERIES;
	if (limit == FILES)	/* all match */
		return r->plans[graph ? VEXFS_SEARCHED_WIDE : VEXFS_SEARCHED_SIFT] == QUERIES;
	if (limit <= FILES / 100 || (away && limit <= FILES / 10))
		return r->plans[VEXFS_SEARCHED_SCAN] == QUERIES;
	return !r->plans[VEXFS_SEARCHED_UNTOLD];
}

static void test_shares(bool user, bool graph)
{
	static const uint32_t limits[] = { FILES, FILES / 2, FILES / 10, FILES / 100, FILES / 1000 };

	for (uint32_t i = 0; i < 2 * sizeof(limits) / sizeof(*limits); i++) {
		uint32_t limit = limits[i / 2];
		bool away = i % 2;
		struct result r = all_searches(user, away, limit, 0);

		ktap(!r.bad && r.hits * 100 >= r.wanted * 99 && plans_fit(&r, user, graph, away, limit),
		     "%s, %s: %u of %u files match, %s: %u of %u hits, %u wrong; scan %u sift %u walk %u wide %u",
		     user ? "user" : "root", graph ? "graph" : "no graph", limit, FILES,
		     away ? "the farthest" : "at random", r.hits, r.wanted, r.bad, r.plans[VEXFS_SEARCHED_SCAN],
		     r.plans[VEXFS_SEARCHED_SIFT], r.plans[VEXFS_SEARCHED_WALK], r.plans[VEXFS_SEARCHED_WIDE]);
	}
}

/* Without filters; and exactly: the same as the model, whatever the plan. */
static void test_plain(void)
{
	struct vexfs_ioc_collection c = { .flags = VEXFS_COLL_UID, .uid = USER };
	struct result r;
	float q[DIM];
	bool told;
	int bad;

	query(1, q);
	g.s.filter = NULL;
	bad = vg_run(&g, root, COLL, q, DIM, K, 0);
	ktap(!bad && g.s.plan == VEXFS_SEARCHED_WALK && !g.s.pending, "without a filter: a walk, none wait: plan %u, %llu",
	     g.s.plan, (unsigned long long)g.s.pending);
	r = all_searches(false, false, FILES / 2, VEXFS_SEARCH_EXACT);
	bad = r.bad || r.hits != r.wanted;
	r = all_searches(false, true, FILES / 10, VEXFS_SEARCH_EXACT);
	ktap(!bad && !r.bad && r.hits == r.wanted, "exactly: %u of %u", r.hits, r.wanted);
	snprintf(c.name, sizeof(c.name), "%s", COLL);
	bad = vexfs_collection_change(root, &c);
	r = all_searches(true, false, FILES / 2, 0);
	told = !r.plans[VEXFS_SEARCHED_UNTOLD] && !r.plans[VEXFS_SEARCHED_WALK] && !r.plans[VEXFS_SEARCHED_WIDE];
	ktap(!bad && !r.bad && told, "a user who owns the collection is told: nothing through the graph, some are hidden");
}

/* More than a search opens: at least so many. */
static void test_stale(void)
{
	float q[DIM];
	char p[300];
	int fd, bad = 0;

	for (uint32_t i = 0; i < FILES; i++) {
		snprintf(p, sizeof(p), "%s/d%u/f%u", guest_mnt, files[i].seed % 20, files[i].seed);
		fd = open(p, O_WRONLY);
		bad += fd < 0 || pwrite(fd, "x", 1, 0) != 1;
		close(fd);
	}
	query(2, q);
	g.s.filter = NULL;
	bad += vg_run(&g, root, COLL, q, DIM, K, VEXFS_SEARCH_COUNT) || g.s.found != K;
	ktap(!bad && g.s.stale == 1024 && g.s.reply & VEXFS_REPLY_AT_LEAST, "all are stale: at least %llu",
	     (unsigned long long)g.s.stale);
	bad = vg_run(&g, root, COLL, q, DIM, K, VEXFS_SEARCH_FRESH);
	ktap(!bad && !g.s.found && !(g.s.reply & VEXFS_REPLY_AT_LEAST), "and none is fresh");
}

int main(void)
{
	float q[DIM];

	guest_setup();
	ktap_plan(10 + 10 + 1 + 10 + 3 + 2 + 2);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	root = vg_root();
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (int i = 0; i < 20; i++) {
		char rel[20];

		snprintf(rel, sizeof(rel), "d%d", i);
		vg_mkdir(rel, 0755);
	}
	rank_files();
	for (uint32_t i = 0; i < FILES; i++)
		make_file(&files[(i * 7919) % FILES]);
	vg_parameter("graph_min", "1000000");
	test_shares(false, false);
	test_shares(true, false);
	vg_parameter("graph_min", "2000");
	query(0, q);
	g.s.filter = NULL;
	if (vg_run(&g, root, COLL, q, DIM, K, 0))
		ktap_bail("search");
	ktap(vg_absorbed(N), "absorbed");
	test_shares(false, true);
	test_plain();
	test_stale();
	close(root);
	ktap(!umount(guest_mnt), "unmount");
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
