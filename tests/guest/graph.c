// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=768M time=500
 *
 * Search through the graph: recall against the exact search on clustered vectors; what
 * was set is found by the next search and what was deleted by none, absorbed or not;
 * who may use the graph and who has a scan; stale ones left out; sets, deletes,
 * searches, a drop and an unmount at once; no memory for it; memory taken back. Which
 * way a search went is in its tracepoint, how far the worker is in sysfs.
 */
#include <grp.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/vecguest.h"

#define COLL	"g"
#define DIM	32
#define N	3400
#define CLUSTERS 50
#define QUERIES	60
#define K	10
#define FEW	20
#define USER	1000
#define ROOM	(400 << 10)
#define WAIT_MS	240000
#define TRACING	"/sys/kernel/tracing"

static struct vg_search g, exact;
static int all = -1, root = -1;

/* ---- vectors ------------------------------------------------------------------- */

/* Seeds of one cluster have neighbours of different distances, none of them equal. */
static void clustered(uint64_t seed, float *v)
{
	float centre[DIM], off[DIM];

	vg_vector(seed % CLUSTERS, DIM, centre);
	vg_vector(seed + 1000003, DIM, off);
	for (int i = 0; i < DIM; i++)
		v[i] = centre[i] + 0.3F * off[i];
}

static int set_seed(int fd, uint32_t chunk, uint64_t seed)
{
	float v[DIM];
	struct vexfs_embedding e = { .collection = COLL, .chunk = chunk, .data = v, .bytes = sizeof(v) };

	clustered(seed, v);
	return vexfs_embedding_set(fd, &e);
}

static int search_seed(struct vg_search *s, int dir, uint64_t seed, uint32_t flags)
{
	float v[DIM];

	clustered(seed, v);
	return vg_run(s, dir, COLL, v, DIM, K, flags);
}

static bool has_chunk(const struct vg_search *s, uint32_t chunk)
{
	for (uint32_t i = 0; i < s->s.found; i++)
		if (s->hits[i].chunk == chunk)
			return true;
	return false;
}

/* ---- which way, and how far ------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ktap_bail("write '%s' to %s", text, path);
	close(fd);
}

static void trace_clear(void)
{
	put(TRACING "/trace", "\n");
}

/* Searches of the trace that went this way. */
static int traced(const char *tier)
{
	char line[1024], want[32];
	FILE *f = fopen(TRACING "/trace", "r");
	int n = 0;

	if (!f)
		ktap_bail("no trace");
	snprintf(want, sizeof(want), " tier %s ", tier);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "vexfs_search_end") && strstr(line, want);
	fclose(f);
	return n;
}

static void trace_start(void)
{
	if (access(TRACING "/events", F_OK) && mount("none", TRACING, "tracefs", 0, NULL))
		ktap_bail("tracefs");
	put(TRACING "/events/vexfs/vexfs_search_end/enable", "1");
	put(TRACING "/tracing_on", "1");
	trace_clear();
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void parameter(const char *name, const char *value)
{
	char p[100];

	snprintf(p, sizeof(p), "/sys/module/vexfs/parameters/%s", name);
	put(p, value);
}

/* ---- recall ------------------------------------------------------------------------- */

/* Hits as near as the exact search's last, of all; negative: an error. */
static double recall(int dir)
{
	int hit = 0;

	for (int q = 0; q < QUERIES; q++) {
		uint64_t seed = 7000000 + (uint64_t)q * 13;
		float limit;

		if (search_seed(&exact, dir, seed, VEXFS_SEARCH_EXACT) || exact.s.found != K)
			return -1;
		if (search_seed(&g, dir, seed, 0) || g.s.found != K)
			return -2;
		limit = vexfs_hit_distance(&exact.hits[K - 1]) * 1.00001F;
		for (uint32_t i = 0; i < K; i++)
			hit += vexfs_hit_distance(&g.hits[i]) <= limit;
	}
	return (double)hit / (QUERIES * K);
}

/* Does a line of vexctl stat contain this? */
static bool stat_says(const char *text)
{
	char cmd[400], line[256];
	bool said = false;
	FILE *p;

	snprintf(cmd, sizeof(cmd), "vexctl stat %s", guest_mnt);
	p = popen(cmd, "r");
	while (p && fgets(line, sizeof(line), p))
		said = said || strstr(line, text);
	return p && !pclose(p) && said;
}

static void test_build(void)
{
	char line[100];
	int bad = 0;

	all = vg_file("all", 0644);
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (uint32_t i = 0; i < N; i++)
		bad += set_seed(all, i, i) != 0;
	ktap(!bad && vg_attr("graph_bytes") == 0, "%d embeddings set, and no graph before somebody searches", N);
	bad = search_seed(&g, root, 1, 0);
	ktap(!bad && g.s.found == K && traced("flat") == 1, "the first search scans");
	bad = !vg_absorbed(N);
	ktap(!bad && vg_attr("graph_bytes") > 0, "then a graph of all comes to be, in %ld KiB", vg_attr("graph_bytes") / 1024);
	snprintf(line, sizeof(line), "graphs       %d embeddings, 0 to absorb", N);
	ktap(stat_says(line), "vexctl stat says so");
}

static void test_recall(const char *when)
{
	double r;

	trace_clear();
	r = recall(root);
	ktap(r >= 0.99 && traced("graph") == QUERIES, "%s: recall %.4f, %d of %d searches through the graph", when, r,
	     traced("graph"), QUERIES);
}

/* ---- set and deleted -------------------------------------------------------------------- */

static void test_next(void)
{
	int bad = 0, gone = 0;

	trace_clear();
	for (uint32_t i = 0; i < FEW; i++) {
		uint64_t seed = 500000 + i;

		bad += set_seed(all, N + i, seed) != 0;
		bad += search_seed(&g, root, seed, 0) || !has_chunk(&g, N + i) || vexfs_hit_distance(g.hits) > 1e-3F;
		/* again, as another */
		bad += set_seed(all, N + i, seed + 1000) != 0;
		bad += search_seed(&g, root, seed + 1000, 0) || !has_chunk(&g, N + i);
		bad += search_seed(&g, root, seed, 0) || (g.s.found && vexfs_hit_distance(g.hits) < 1e-3F);
	}
	ktap(!bad && traced("graph") > FEW, "an embedding is found by the next search, set anew as what it is now");
	trace_clear();
	for (uint32_t i = 0; i < FEW; i++) {
		gone += vexfs_embedding_del(all, COLL, N + i) != 0;
		gone += search_seed(&g, root, 501000 + i, 0) || has_chunk(&g, N + i) || g.s.found != K;
	}
	for (uint32_t i = 0; i < FEW; i++) {
		gone += vexfs_embedding_del(all, COLL, i) != 0;
		gone += search_seed(&g, root, i, 0) || has_chunk(&g, i) || g.s.found != K;
	}
	ktap(!gone && traced("graph") > FEW, "a deleted one by none, new or absorbed: %d failed, %d through the graph", gone,
	     traced("graph"));
	ktap(vg_absorbed(N - FEW), "and the worker takes them out");
	for (uint32_t i = 0; i < FEW; i++)
		gone += set_seed(all, i, i) != 0;
	ktap(!gone && vg_absorbed(N), "set again, they are absorbed again");
}

/* ---- who may ------------------------------------------------------------------------------- */

struct told {
	int failed, hidden, found, graph;
};

/* In a child that is nobody in particular. */
static void as_user(struct told *t, uint32_t hidden_from)
{
	for (int q = 0; q < FEW; q++) {
		t->failed += search_seed(&g, root, (uint64_t)q, 0) != 0;
		t->found += g.s.found == K;
		for (uint32_t i = 0; i < g.s.found; i++)
			t->hidden += g.hits[i].chunk >= hidden_from;
	}
}

static struct told user(uint32_t hidden_from)
{
	struct told t = { 0 };
	int p[2], status;
	pid_t pid;

	trace_clear();
	if (pipe(p))
		ktap_bail("pipe");
	pid = fork();
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(USER, USER, USER) || setresuid(USER, USER, USER))
			_exit(1);
		as_user(&t, hidden_from);
		_exit(write(p[1], &t, sizeof(t)) != sizeof(t));
	}
	if (waitpid(pid, &status, 0) != pid || status || read(p[0], &t, sizeof(t)) != sizeof(t))
		ktap_bail("the user's searches");
	close(p[0]);
	close(p[1]);
	t.graph = traced("graph");
	return t;
}

static void test_user(void)
{
	struct told t;
	int fd, bad = 0;
	char p[300];

	t = user(~0U);
	ktap(!t.failed && t.found == FEW && t.graph == FEW, "a user who may open everything has the graph: %d of %d", t.graph,
	     FEW);
	fd = vg_file("secret", 0600);
	for (uint32_t i = 0; i < 200; i++)
		bad += set_seed(fd, 100000 + i, i) != 0;
	bad += !vg_absorbed(N + 200);
	t = user(100000);
	ktap(!bad && !t.failed && !t.hidden && t.found == FEW && !t.graph,
	     "with others' secrets in the collection, %d of %d complete, %d hidden, none through the graph", t.found, FEW,
	     t.hidden);
	trace_clear();
	bad = search_seed(&g, root, 3, 0) || !has_chunk(&g, 100003) || traced("graph") != 1;
	ktap(!bad, "root finds them through the graph");
	close(fd);
	snprintf(p, sizeof(p), "%s/secret", guest_mnt);
	ktap(!unlink(p) && vg_absorbed(N), "unlinked, they leave the graph");
	t = user(100000);
	ktap(!t.failed && t.found == FEW && t.graph == FEW, "and the user has it again");
}

/* A directory with a few: what matches is cheaper to scan. */
static void test_scope(void)
{
	int fd, dir, bad = 0;
	char p[300];

	vg_mkdir("sub", 0755);
	fd = vg_file("sub/few", 0644);
	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(fd, 200000 + i, 900000 + i) != 0;
	close(fd);
	bad += !vg_absorbed(N + FEW);
	snprintf(p, sizeof(p), "%s/sub", guest_mnt);
	dir = vg_open_dir(p);
	trace_clear();
	for (uint64_t q = 0; q < FEW; q++) {
		bad += search_seed(&g, dir, q, 0) || g.s.found != K;
		for (uint32_t i = 0; i < g.s.found; i++)
			bad += g.hits[i].chunk < 200000;
	}
	ktap(!bad && traced("flat") == FEW, "below a directory with few, those are scanned");
	close(dir);
	snprintf(p, sizeof(p), "%s/sub/few", guest_mnt);
	ktap(!unlink(p) && vg_absorbed(N), "and gone again");
}

/* All that is near is stale: the fresh ones come, far away as they are. */
static void test_fresh(void)
{
	int fd = vg_file("fresh", 0644), bad = 0;

	for (uint32_t i = 0; i < K; i++)
		bad += set_seed(fd, 300000 + i, 1) != 0;
	if (pwrite(all, "changed", 7, 0) != 7)
		ktap_bail("write");
	bad += search_seed(&g, root, 2, VEXFS_SEARCH_FRESH) || g.s.found != K;
	for (uint32_t i = 0; i < g.s.found; i++)
		bad += g.hits[i].chunk < 300000;
	ktap(!bad, "k fresh ones are found when all that is near is stale");
	close(fd);
}

/* ---- everything at once ---------------------------------------------------------------------- */

static int changer(int from, int rounds)
{
	int bad = 0;

	for (int i = 0; i < rounds; i++) {
		uint32_t chunk = 400000 + (uint32_t)(from * 1000 + i % 100);

		bad += set_seed(all, chunk, (uint64_t)(from * 7777 + i)) != 0;
		if (i % 3 == 2)
			bad += vexfs_embedding_del(all, COLL, chunk) != 0;
	}
	return bad;
}

/* Chunks below N never change: each finds itself. */
static int searcher(int from, int rounds)
{
	int bad = 0;

	for (int i = 0; i < rounds; i++) {
		uint32_t chunk = (uint32_t)(from * 911 + i * 37) % N;

		bad += search_seed(&g, root, chunk, 0) || g.s.found != K || vexfs_hit_distance(g.hits) > 1e-3F;
	}
	return bad;
}

/* Collections that come, are searched and go. */
static int dropper(int rounds)
{
	float v[DIM];
	int bad = 0;

	for (int r = 0; r < rounds; r++) {
		bad += vexfs_collection_create(root, "d", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL) != 0;
		for (uint32_t i = 0; i < 120; i++) {
			struct vexfs_embedding e = { .collection = "d", .chunk = i, .data = v, .bytes = sizeof(v) };

			clustered(i, v);
			bad += vexfs_embedding_set(all, &e) != 0;
		}
		bad += vg_run(&g, root, "d", v, DIM, K, 0) || g.s.found != K;
		bad += vexfs_collection_drop(root, "d") != 0;
	}
	return bad;
}

static void test_at_once(void)
{
	int status, bad = 0;
	pid_t pid[5];

	parameter("graph_min", "100");
	for (int i = 0; i < 5; i++) {
		pid[i] = fork();
		if (!pid[i])
			_exit((i < 2 ? changer(i, 300) : i < 4 ? searcher(i, 150) : dropper(4)) != 0);
	}
	for (int i = 0; i < 5; i++) {
		waitpid(pid[i], &status, 0);
		bad += status != 0;
		if (status)
			ktap_note("child %d: %x", i, (unsigned int)status);
	}
	parameter("graph_min", "2000");
	ktap(!bad, "sets, deletes, searches and drops at once");
}

/* ---- memory ------------------------------------------------------------------------------------ */

static void again(void)
{
	close(all);
	close(root);
	vg_remount();
	root = vg_root();
	all = vg_file("all", 0644);
}

static void test_memory(void)
{
	long end = now_ms() + WAIT_MS;
	int bad = 0;

	while (vg_attr("graph_bytes") > 0 && now_ms() < end)
		put("/proc/sys/vm/drop_caches", "2");
	ktap(vg_attr("graph_bytes") == 0, "memory is taken back");
	trace_clear();
	bad += searcher(1, FEW);
	ktap(!bad && traced("flat") == FEW, "searches scan then: %d failed, %d of %d scanned", bad, traced("flat"), FEW);
	again();
	parameter("graph_memory", "400");
	bad = search_seed(&g, root, 1, 0);
	for (end = now_ms() + WAIT_MS; vg_attr("graph_bytes") < ROOM && now_ms() < end; usleep(20000))
		;
	bad += searcher(1, FEW);
	ktap(!bad && vg_attr("graph_bytes") == ROOM && vg_attr("graph_backlog") > 0,
	     "a graph of %ld KiB that may grow no more: %ld wait, and everything is found: %d failed",
	     vg_attr("graph_bytes") / 1024, vg_attr("graph_backlog"), bad);
	parameter("graph_memory", "0");
}

/* The worker is at it. */
static void test_unmount(void)
{
	again();
	if (search_seed(&g, root, 1, 0))
		ktap_bail("search");
	close(all);
	close(root);
	ktap(!umount(guest_mnt), "unmounted while a graph is built");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
}

int main(void)
{
	guest_setup();
	ktap_plan(24);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	trace_start();
	root = vg_root();
	test_build();
	test_recall("built");
	test_next();
	test_recall("after sets and deletes");
	test_user();
	test_scope();
	test_fresh();
	test_at_once();
	test_memory();
	test_unmount();
	return ktap_exit();
}
