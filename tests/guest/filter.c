// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=512M time=240
 *
 * Filters of a search against a model: random files (size, time, owner, mode, directory, stale or not), random
 * filters, scopes and numbers of results, as root and as two users; what changes between two searches; what the
 * call refuses.
 */
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "tests/guest/vecguest.h"

#define COLL	"f"
#define DIM	16
#define FILES	300
#define CHUNKS	3
#define ROUNDS	250
#define EPOCH	1700000000
#define NDIRS	6

static struct vg_search g;

/* ---- the model -------------------------------------------------------------------- */

/* Who may read and search it: root; @owner; everybody. */
static const struct directory {
	const char *path;
	int mode, parent;
	uint32_t owner;
} dirs[NDIRS] = {
	{ ".", 0755, -1, 0 },		{ "open", 0755, 0, 0 },	  { "open/deep", 0755, 1, 0 },
	{ "mine", 0700, 0, 1000 },	{ "shut", 0711, 0, 0 },	  { "shut/open", 0755, 4, 0 },
};

static struct file {
	uint64_t ino, size;
	uint32_t owner, nchunks;
	int mode, dir;
	bool stale;
	struct timespec mtime;
} files[FILES];

/* An embedding by its distance to a query. */
struct near {
	double d;
	uint64_t ino;
	uint32_t chunk, file;
};

static uint64_t seed_of(uint32_t file, uint32_t chunk)
{
	return 1000 + file * 16 + chunk;
}

static bool may(uint32_t user, uint32_t owner, int mode, int bits)
{
	if (!user)
		return true;
	return ((user == owner ? mode >> 6 : mode) & bits) == bits;
}

/* All directories from the scope down to the file, both included. */
static bool reaches(uint32_t user, int scope, const struct file *f)
{
	for (int d = f->dir; d >= 0; d = dirs[d].parent) {
		if (!may(user, dirs[d].owner, dirs[d].mode, 5))
			return false;
		if (d == scope)
			return true;
	}
	return false;
}

static bool after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static bool passes(const struct vexfs_search_filter *w, const struct file *f)
{
	if (w->what & VEXFS_FILTER_NEWER && !after(&f->mtime, &w->newer))
		return false;
	if (w->what & VEXFS_FILTER_OLDER && !after(&w->older, &f->mtime))
		return false;
	if (w->what & VEXFS_FILTER_LARGER && f->size <= w->larger)
		return false;
	if (w->what & VEXFS_FILTER_SMALLER && f->size >= w->smaller)
		return false;
	return !(w->what & VEXFS_FILTER_UID) || f->owner == w->uid;
}

static int nearer(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->d != y->d)
		return x->d < y->d ? -1 : 1;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

/* What a search is to find, nearest first. */
static uint32_t model(uint32_t user, int scope, const struct vexfs_search_filter *w, uint32_t flags, const float *q,
		      struct near *out)
{
	uint32_t n = 0, kept = 0, j;
	float v[DIM];

	for (uint32_t i = 0; i < FILES; i++) {
		const struct file *f = &files[i];

		if (!may(user, f->owner, f->mode, 4) || !reaches(user, scope, f) || !passes(w, f) ||
		    (flags & VEXFS_SEARCH_FRESH && f->stale))
			continue;
		for (uint32_t c = 0; c < f->nchunks; c++) {
			vg_vector(seed_of(i, c), DIM, v);
			out[n++] = (struct near){ vg_distance(VEXFS_IOC_L2, q, v, DIM), f->ino, c, i };
		}
	}
	qsort(out, n, sizeof(*out), nearer);
	if (!(flags & VEXFS_SEARCH_PER_FILE))
		return n;
	for (uint32_t i = 0; i < n; i++) {
		for (j = 0; j < kept && out[j].ino != out[i].ino; j++)
			;
		if (j == kept)
			out[kept++] = out[i];
	}
	return kept;
}

/* Stale embeddings that the filter is about, whatever was asked of freshness and files. */
static uint64_t model_stale(uint32_t user, int scope, const struct vexfs_search_filter *w)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < FILES; i++) {
		const struct file *f = &files[i];

		if (f->stale && may(user, f->owner, f->mode, 4) && reaches(user, scope, f) && passes(w, f))
			n += f->nchunks;
	}
	return n;
}

/* ---- files ------------------------------------------------------------------------- */

static void path_of(uint32_t i, char *p, size_t room)
{
	snprintf(p, room, "%s/%s/f%u", guest_mnt, dirs[files[i].dir].path, i);
}

/* Size and times of the model; content changed after the set makes it stale. */
static void fill(uint32_t i)
{
	struct file *f = &files[i];
	struct timespec times[2];
	struct stat st;
	char p[300];
	int fd, bad = 0;

	path_of(i, p, sizeof(p));
	fd = open(p, O_RDWR | O_CREAT, 0600);
	bad += fd < 0 || ftruncate(fd, (off_t)f->size);
	for (uint32_t c = 0; c < f->nchunks; c++)
		bad += vg_set(fd, COLL, VEXFS_IOC_F32, DIM, c, seed_of(i, c)) != 0;
	if (f->stale)
		bad += pwrite(fd, "x", 1, 0) != 1;
	times[0] = times[1] = f->mtime;
	bad += futimens(fd, times) || fchown(fd, f->owner, 0) || fchmod(fd, (mode_t)f->mode) || fstat(fd, &st);
	f->ino = st.st_ino;
	close(fd);
	if (bad)
		ktap_bail("making %s", p);
}

static void make_files(void)
{
	static const int modes[] = { 0644, 0600, 0640, 0604, 0444 };

	for (int d = 1; d < NDIRS; d++) {
		char p[300];

		vg_mkdir(dirs[d].path, dirs[d].mode);
		snprintf(p, sizeof(p), "%s/%s", guest_mnt, dirs[d].path);
		if (chown(p, dirs[d].owner, 0))
			ktap_bail("chown %s", p);
	}
	for (uint32_t i = 0; i < FILES; i++) {
		struct file *f = &files[i];

		f->owner = 1000 + vg_rnd(2);
		f->owner = vg_rnd(3) ? f->owner : 0;
		f->mode = modes[vg_rnd(5)];
		f->dir = (int)vg_rnd(NDIRS);
		f->size = 1 + vg_rnd(10000);
		f->stale = !vg_rnd(4);
		f->nchunks = 1 + vg_rnd(CHUNKS);
		f->mtime.tv_sec = EPOCH - 500 + (time_t)vg_rnd(1000);
		f->mtime.tv_nsec = (long)vg_rnd(1000000000);
		fill(i);
	}
}

/* ---- one search, compared ------------------------------------------------------------ */

static void random_filter(struct vexfs_search_filter *w)
{
	memset(w, 0, sizeof(*w));
	/* The limits of a file that there is: one at the limit is left out. */
	w->newer = w->older = files[vg_rnd(FILES)].mtime;
	w->what = vg_rnd(32);
	if (vg_rnd(2))
		w->what &= ~(vg_rnd(2) ? VEXFS_FILTER_NEWER : VEXFS_FILTER_OLDER);
	if (vg_rnd(2))
		w->older = files[vg_rnd(FILES)].mtime;
	w->larger = files[vg_rnd(FILES)].size;
	w->smaller = files[vg_rnd(FILES)].size;
	w->uid = vg_rnd(4) ? 1000 + vg_rnd(2) : 0;
}

static bool in_model(const struct near *m, uint32_t n, const struct vexfs_search_hit *h)
{
	for (uint32_t i = 0; i < n; i++)
		if (m[i].ino == h->ino && m[i].chunk == h->chunk)
			return true;
	return false;
}

struct result {
	uint32_t bad, hits, wanted, searches, empty;
};

static bool search_wrong(uint32_t user, int dirfd, int scope, struct result *r)
{
	static struct near m[FILES * CHUNKS];
	struct vexfs_search_filter w;
	uint32_t flags = vg_rnd(16), k = 1 + vg_rnd(vg_rnd(2) ? 12 : 200), n, want;
	bool wrong = false;
	float q[DIM];

	random_filter(&w);
	vg_vector(vg_rnd(100000), DIM, q);
	n = model(user, scope, &w, flags, q, m);
	want = n < k ? n : k;
	g.s.filter = &w;
	if (vg_run(&g, dirfd, COLL, q, DIM, k, flags) || g.s.found != want ||
	    g.s.reply & (VEXFS_REPLY_TRUNCATED | VEXFS_REPLY_INCOMPLETE | VEXFS_REPLY_AT_LEAST))
		return true;
	wrong |= g.s.stale != (flags & VEXFS_SEARCH_COUNT ? model_stale(user, scope, &w) : 0);
	for (uint32_t i = 0; i < want; i++) {
		const struct vexfs_search_hit *h = &g.hits[i];

		if (flags & VEXFS_SEARCH_EXACT)
			wrong |= h->ino != m[i].ino || h->chunk != m[i].chunk ||
				 !!(h->flags & VEXFS_HIT_STALE) != files[m[i].file].stale;
		/* The nearest passage of a file may be another one by its code. */
		wrong |= !(flags & VEXFS_SEARCH_PER_FILE) && !in_model(m, n, h);
		r->hits += (double)vexfs_hit_distance(h) <= m[want - 1].d;
	}
	r->wanted += want;
	r->empty += !want;
	r->searches++;
	return wrong;
}

static struct result random_searches(uint32_t user)
{
	struct result r = { 0 };
	int fd[NDIRS];

	for (int d = 0; d < NDIRS; d++) {
		char p[300];

		snprintf(p, sizeof(p), "%s/%s", guest_mnt, dirs[d].path);
		fd[d] = vg_open_dir(p);
	}
	if (user && (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)))
		r.bad++;
	vg_state = user + 77;
	for (int i = 0; i < ROUNDS; i++) {
		int scope = vg_rnd(2) ? 0 : (int)vg_rnd(NDIRS);

		r.bad += search_wrong(user, fd[scope], scope, &r);
	}
	return r;
}

static void test_random(uint32_t user)
{
	struct result r;
	int p[2], status;
	pid_t pid;

	if (pipe(p))
		ktap_bail("pipe");
	pid = fork();
	if (!pid) {
		r = random_searches(user);
		_exit(write(p[1], &r, sizeof(r)) != sizeof(r));
	}
	if (waitpid(pid, &status, 0) != pid || status || read(p[0], &r, sizeof(r)) != sizeof(r))
		ktap_bail("the searches of user %u", user);
	close(p[0]);
	close(p[1]);
	ktap(!r.bad && r.hits * 1000ULL >= r.wanted * 995ULL && r.empty < r.searches / 2,
	     "user %u: %u searches like the model, %u differ; %u of %u hits, %u found nothing", user, r.searches, r.bad,
	     r.hits, r.wanted, r.empty);
}

/* ---- what changes ---------------------------------------------------------------------- */

static uint32_t count(const struct vexfs_search_filter *w)
{
	int root = vg_root();
	float q[DIM];

	vg_vector(1, DIM, q);
	g.s.filter = w;
	if (vg_run(&g, root, COLL, q, DIM, 1024, VEXFS_SEARCH_PER_FILE))
		ktap_bail("search");
	close(root);
	return g.s.found;
}

static void test_changes(void)
{
	struct vexfs_search_filter large = { .what = VEXFS_FILTER_LARGER, .larger = 50000 };
	struct vexfs_search_filter recent = { .what = VEXFS_FILTER_NEWER, .newer.tv_sec = EPOCH + 5000 };
	struct vexfs_search_filter old = { .what = VEXFS_FILTER_OLDER, .older.tv_sec = -10 };
	struct vexfs_search_filter mine = { .what = VEXFS_FILTER_UID, .uid = 4000 };
	struct timespec times[2] = { { .tv_sec = -20 }, { .tv_sec = -20 } };
	char p[300];
	int fd;

	ktap(count(&large) == 0 && count(&recent) == 0 && count(&mine) == 0 && count(&old) == 0, "none are so");
	path_of(7, p, sizeof(p));
	fd = open(p, O_RDWR);
	ktap(!ftruncate(fd, 50000) && count(&large) == 0 && !ftruncate(fd, 50001) && count(&large) == 1,
	     "one that grows is larger, not at the limit");
	ktap(count(&recent) == 1, "and newer");
	ktap(!fchown(fd, 4000, 0) && count(&mine) == 1, "given to a user, it is theirs");
	ktap(!futimens(fd, times) && count(&recent) == 0 && count(&old) == 1, "its time set before 1970, it is old");
	close(fd);
	vg_remount();
	ktap(count(&large) == 1 && count(&mine) == 1 && count(&old) == 1, "all of it after a remount");
	ktap(!unlink(p) && count(&large) == 0, "unlinked, it is gone");
}

static uint64_t stale(void)
{
	int root = vg_root();
	float q[DIM];

	vg_vector(1, DIM, q);
	g.s.filter = NULL;
	if (vg_run(&g, root, COLL, q, DIM, 1, VEXFS_SEARCH_COUNT | VEXFS_SEARCH_FRESH))
		ktap_bail("search");
	close(root);
	return g.s.stale;
}

/* What a mount hides is not counted: nobody can open it. */
static void test_covered(void)
{
	uint64_t all = stale(), below = 0;
	char p[300];

	for (uint32_t i = 0; i < FILES; i++)
		below += files[i].dir == 2 && files[i].stale && i != 7 ? files[i].nchunks : 0;
	snprintf(p, sizeof(p), "%s/%s", guest_mnt, dirs[2].path);
	if (mount("none", p, "tmpfs", 0, NULL))
		ktap_bail("mount on %s", p);
	ktap(below && stale() == all - below, "under a mount %llu stale ones are not counted, of %llu",
	     (unsigned long long)below, (unsigned long long)all);
	umount(p);
	ktap(stale() == all, "the mount gone, they are again");
}

/* As many passages of one file as the first windows hold, nearer than all others. */
static void test_per_file(void)
{
	int root, fd = vg_file("many", 0644), bad = 0;
	bool twice = false;
	float q[DIM];

	for (uint32_t c = 0; c < 900; c++) {
		struct vexfs_embedding e = { .collection = COLL, .chunk = c, .data = q, .bytes = sizeof(q) };

		vg_vector(5, DIM, q);
		q[c % DIM] += (float)c / 1000;
		bad += vexfs_embedding_set(fd, &e) != 0;
	}
	close(fd);
	root = vg_root();
	vg_vector(5, DIM, q);
	g.s.filter = NULL;
	for (int exact = 0; exact < 2; exact++) {
		bad += vg_run(&g, root, COLL, q, DIM, 50, VEXFS_SEARCH_PER_FILE | (exact ? VEXFS_SEARCH_EXACT : 0));
		bad += g.s.found != 50 || strcmp(vg_path(&g, 0), "many") != 0 || vexfs_hit_distance(g.hits) > 0;
		for (uint32_t i = 0; i < g.s.found; i++)
			for (uint32_t j = 0; j < i; j++)
				twice |= g.hits[i].ino == g.hits[j].ino;
	}
	ktap(!bad && !twice, "one passage a file: 50 files behind 900 passages of one");
	close(root);
}

/* ---- bad input --------------------------------------------------------------------------- */

static int ask(struct vexfs_ioc_search *s)
{
	int root = vg_root(), err = ioctl(root, VEXFS_IOC_SEARCH, s) ? errno : 0;

	close(root);
	return err;
}

static void test_refusals(void)
{
	static float q[DIM] = { 1 };
	const struct vexfs_ioc_search ok = { .size = sizeof(ok), .k = 3, .query = (uintptr_t)q, .query_bytes = sizeof(q),
					     .hits = (uintptr_t)g.hits, .collection = COLL };
	struct {
		struct vexfs_ioc_search s;
		uint64_t tail;
	} big = { .s = ok };
	struct vexfs_ioc_search s = ok;
	int bad = 0;

	s.size = offsetof(struct vexfs_ioc_search, filter);
	s.filter = ~0U;
	ktap(ask(&s) == 0 && s.found == 3 && s.filter == ~0U, "a structure of before has no filter");
	big.s.size = sizeof(big);
	bad += ask(&big.s) != 0;
	big.tail = 1;
	big.s.size = sizeof(big);
	bad += ask(&big.s) != E2BIG;
	ktap(!bad, "a newer one is accepted if what is new is zero");
	s = ok;
	s.filter = 0x20;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.flags = 0x10;
	bad += ask(&s) != EINVAL;
	ktap(!bad, "unknown filters and flags: EINVAL");
	s = ok;
	s.uid = 1;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.larger = 1;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.smaller = 1;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.newer.nsec = 1;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.older.sec = 1;
	bad += ask(&s) != EINVAL;
	ktap(!bad, "a field without its bit: EINVAL");
	s = ok;
	s.filter = VEXFS_FILTER_NEWER;
	s.newer.nsec = 1000000000;
	bad += ask(&s) != EINVAL;
	s.newer.nsec = 0;
	s.newer.pad = 1;
	bad += ask(&s) != EINVAL;
	s = ok;
	s.filter = VEXFS_FILTER_UID;
	s.uid = ~0U;
	bad += ask(&s) != EINVAL;
	ktap(!bad, "a time or a user that cannot be: EINVAL");
}

int main(void)
{
	guest_setup();
	ktap_plan(3 + 7 + 2 + 1 + 5 + 2);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	make_files();
	test_random(0);
	test_random(1000);
	test_random(1001);
	test_changes();
	test_covered();
	test_per_file();
	test_refusals();
	ktap(!umount(guest_mnt), "unmount");
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
