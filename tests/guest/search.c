// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=512M time=240 arm64
 *
 * Search against distances computed here: every metric and element type,
 * exact and approximate, with every set of distance kernels the module has;
 * scopes, chunks, renames, links, stale embeddings, candidates that must be
 * skipped by the thousand, and bad input.
 */
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/guest/vecguest.h"

#define N	600	/* vectors */
#define QUERIES	10
#define DIM	96

static struct vg_search g;
static float base[N][DIM];
static const char *simd_now = "?";

/* ---- order ---------------------------------------------------------------- */

struct ref {
	double d;
	uint32_t i;
};

static int ref_cmp(const void *a, const void *b)
{
	const struct ref *x = a, *y = b;

	return x->d < y->d ? -1 : x->d > y->d;
}

static void reference(int metric, const float *q, struct ref *r)
{
	for (uint32_t i = 0; i < N; i++)
		r[i] = (struct ref){ vg_distance(metric, q, base[i], DIM), i };
	qsort(r, N, sizeof(*r), ref_cmp);
}

/* Distances of the hits, rank by rank, are the reference's (ties may swap ids),
 * and each is the distance of the vector it claims to be. */
static int check_exact(int metric, const float *q, const struct ref *r, uint32_t k)
{
	int bad = g.s.found != k;

	for (uint32_t i = 0; i < g.s.found && i < k; i++) {
		double d = vexfs_hit_distance(&g.hits[i]);
		double tol = 1e-4 * fabs(r[i].d) + 1e-4;
		double own = vg_distance(metric, q, base[g.hits[i].chunk], DIM);

		bad += fabs(d - r[i].d) > tol || fabs(d - own) > tol;
	}
	return bad;
}

static uint32_t overlap(const struct ref *r, uint32_t k)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g.s.found; i++)
		n += vg_distance(VEXFS_IOC_L2, base[g.hits[i].chunk], base[r[k - 1].i], DIM) == 0 ||
		     vexfs_hit_distance(&g.hits[i]) <= r[k - 1].d + 1e-4 * fabs(r[k - 1].d) + 1e-4;
	return n;
}

static void order_of(int elem, int metric)
{
	static const char *const types[] = { "", "f32", "f16", "i8" };
	static const char *const metrics[] = { "", "l2", "cosine", "ip" };
	static struct ref r[N];
	int fd = vg_file("order", 0644), dir = vg_root(), bad = 0;
	uint32_t hit = 0, want = 0;
	float q[DIM];

	vg_collection("order", DIM, elem, metric);
	for (uint32_t i = 0; i < N; i++) {
		vg_vector(i, DIM, base[i]);
		bad += vg_set(fd, "order", elem, DIM, i, i) != 0;
	}
	for (uint32_t i = 0; i < QUERIES; i++) {
		vg_vector(100000 + i, DIM, q);
		reference(metric, q, r);
		bad += vg_run(&g, dir, "order", q, DIM, 10, VEXFS_SEARCH_EXACT) != 0;
		bad += check_exact(metric, q, r, 10);
		bad += vg_run(&g, dir, "order", q, DIM, 10, 0) != 0;
		hit += overlap(r, 10);
		want += 10;
		/* an embedding finds itself */
		bad += vg_run(&g, dir, "order", base[i * 7], DIM, 1, 0) != 0;
		if (metric != VEXFS_IOC_IP)
			bad += g.s.found != 1 || fabs(vexfs_hit_distance(g.hits)) > 1e-3;
	}
	ktap(!bad && hit * 100 >= want * 99, "%s %s by %s: exact order, recall %u/%u", types[elem],
	     metrics[metric], simd_now, hit, want);
	vexfs_collection_drop(dir, "order");
	close(fd);
	close(dir);
}

static void test_order(void)
{
	vg_fresh("");
	for (int elem = VEXFS_IOC_F32; elem <= VEXFS_IOC_I8; elem++)
		for (int metric = VEXFS_IOC_L2; metric <= VEXFS_IOC_IP; metric++)
			order_of(elem, metric);
	umount(guest_mnt);
}

/* The set that every processor of this architecture runs. */
#if defined(__x86_64__)
#define PLAIN_SIMD "sse2"
#elif defined(__AARCH64EL__)
#define PLAIN_SIMD "neon"
#else
#define PLAIN_SIMD "int"
#endif

/* Load the module again with other kernels. */
static bool reload(const char *simd)
{
	struct vexfs_ioc_info info;
	const char *ko = getenv("VEX_MODULE");
	char arg[64];
	int fd, root;

	snprintf(arg, sizeof(arg), "simd=%s", simd);
	fd = open(ko ? ko : "/vex/vexfs.ko", O_RDONLY);
	if (fd < 0 || syscall(SYS_delete_module, "vexfs", 0) ||
	    syscall(SYS_finit_module, fd, arg, 0))
		ktap_bail("loading the module again with %s", arg);
	close(fd);
	guest_mount("");
	root = vg_root();
	if (vexfs_info(root, &info))
		ktap_bail("VEXFS_IOC_INFO");
	close(root);
	umount(guest_mnt);
	simd_now = strcmp(simd, "auto") ? simd : "the best kernels";
	return !strcmp(simd, "auto") || !strcmp(info.simd, simd);
}

/* ---- scopes and names -------------------------------------------------------- */

static float at(float x, float *v)
{
	for (int i = 0; i < 8; i++)
		v[i] = i ? 1 : x;
	return x;
}

/* A file whose embedding lies at @x on a line. */
static void on_line(const char *rel, uint32_t chunk, float x)
{
	float v[8];
	struct vexfs_embedding e = { .collection = "line", .chunk = chunk, .data = v,
				     .bytes = sizeof(v) };
	int fd = vg_file(rel, 0644);

	at(x, v);
	if (vexfs_embedding_set(fd, &e))
		ktap_bail("set %s", rel);
	close(fd);
}

static int line_search(const char *scope, float x, uint32_t k, uint32_t flags)
{
	char p[300];
	float q[8];
	int fd, err;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, scope);
	fd = vg_open_dir(p);
	if (fd < 0)
		return -errno;
	at(x, q);
	err = vg_run(&g, fd, "line", q, 8, k, flags);
	close(fd);
	return err;
}

static void move(const char *from, const char *to)
{
	char a[300], b[300];

	snprintf(a, sizeof(a), "%s/%s", guest_mnt, from);
	snprintf(b, sizeof(b), "%s/%s", guest_mnt, to);
	if (rename(a, b))
		ktap_bail("rename %s %s", a, b);
}

static void test_scope(void)
{
	char a[300], b[300];

	vg_fresh("");
	vg_collection("line", 8, VEXFS_IOC_F32, VEXFS_IOC_L2);
	vg_mkdir("d", 0755);
	vg_mkdir("d/e", 0755);
	vg_mkdir("other", 0755);
	on_line("top", 0, 1);
	on_line("d/one", 0, 2);
	on_line("d/e/two", 0, 3);
	on_line("d/e/two", 5, 4);
	on_line("other/three", 0, 5);

	line_search(".", 0, 10, 0);
	ktap(g.s.found == 5 && !strcmp(vg_path(&g, 0), "top") &&
	     !strcmp(vg_path(&g, 1), "d/one") && !strcmp(vg_path(&g, 2), "d/e/two") &&
	     !strcmp(vg_path(&g, 4), "other/three"), "the root finds all, with paths, in order");
	ktap(g.hits[3].chunk == 5 && g.hits[2].chunk == 0 && g.hits[2].ino == g.hits[3].ino,
	     "two passages of a file are two hits");
	line_search("d", 0, 10, 0);
	ktap(g.s.found == 3 && !strcmp(vg_path(&g, 0), "one") &&
	     !strcmp(vg_path(&g, 1), "e/two"), "a directory finds what is below it");
	line_search("other", 0, 10, VEXFS_SEARCH_EXACT);
	ktap(g.s.found == 1 && !strcmp(vg_path(&g, 0), "three"), "exactly as well");
	move("d/e", "other/moved");
	line_search("other", 0, 10, 0);
	ktap(g.s.found == 3 && !strcmp(vg_path(&g, 0), "moved/two"),
	     "a renamed directory takes its files along");
	line_search("d", 0, 10, 0);
	ktap(g.s.found == 1, "and leaves the other scope");
	snprintf(a, sizeof(a), "%s/other/three", guest_mnt);
	snprintf(b, sizeof(b), "%s/d/link", guest_mnt);
	link(a, b);
	line_search("d", 5, 1, 0);
	ktap(g.s.found == 1 && !strcmp(vg_path(&g, 0), "link"), "a hard link counts where it lies");
	unlink(a);
	line_search(".", 5, 1, 0);
	ktap(g.s.found == 1 && !strcmp(vg_path(&g, 0), "d/link"), "and outlives the first name");
	unlink(b);
	line_search(".", 5, 10, 0);
	ktap(g.s.found == 4, "the last name gone, the hit is gone");
}

/* Many nearer files outside of the scope, and outside of the first windows. */
static void test_crowd(void)
{
	char rel[64];

	vg_mkdir("crowd", 0755);
	vg_mkdir("few", 0755);
	for (int i = 0; i < 1500; i++) {
		snprintf(rel, sizeof(rel), "crowd/f%d", i);
		on_line(rel, 0, 100 + (float)i / 100);
	}
	for (int i = 0; i < 5; i++) {
		snprintf(rel, sizeof(rel), "few/f%d", i);
		on_line(rel, 0, 1000 + (float)i);
	}
	line_search("few", 100, 3, 0);
	ktap(g.s.found == 3 && vg_found_path(&g, "f0") && vg_found_path(&g, "f2"),
	     "three far files are found behind 1500 nearer ones outside of the scope");
	line_search("few", 100, 1000, 0);
	ktap(g.s.found == 5, "k larger than what there is: all there is");
	g.s.effort = 1;
	line_search("few", 100, 3, 0);
	ktap(g.s.found == 3, "also with the least effort");
	g.s.effort = 0;
	line_search(".", 100, 1024, 0);
	ktap(g.s.found == 1024, "the largest k");
	for (uint32_t i = 1; i < g.s.found; i++)
		if (vexfs_hit_distance(&g.hits[i]) < vexfs_hit_distance(&g.hits[i - 1]))
			g.s.found = 0;
	ktap(g.s.found == 1024, "in order");
}

static void test_stale(void)
{
	int fd;

	on_line("few/stale", 0, 5000);
	line_search("few", 5000, 1, 0);
	ktap(g.s.found == 1 && !(g.hits[0].flags & VEXFS_HIT_STALE), "a new embedding is fresh");
	fd = vg_file("few/stale", 0644);	/* writes */
	close(fd);
	line_search("few", 5000, 1, 0);
	ktap(g.s.found == 1 && (g.hits[0].flags & VEXFS_HIT_STALE), "a write makes it stale");
	line_search("few", 5000, 2, VEXFS_SEARCH_FRESH);
	ktap(g.s.found == 2 && vg_found_path(&g, "f4") && !vg_found_path(&g, "stale"),
	     "fresh ones only: others take its place");
	vg_remount();
	line_search("few", 5000, 1, 0);
	ktap(g.s.found == 1 && (g.hits[0].flags & VEXFS_HIT_STALE), "still stale after a remount");
	on_line("few/stale", 0, 5000);
	line_search("few", 5000, 1, VEXFS_SEARCH_FRESH);
	ktap(g.s.found == 1 && vg_found_path(&g, "stale"), "set again, it is fresh");
}

/* ---- bad input ------------------------------------------------------------------- */

static void test_refusals(void)
{
	float q[8] = { 1, 1, 1, 1, 1, 1, 1, NAN };
	int dir = vg_root(), file = vg_file("top", 0644), err;
	struct vexfs_ioc_search req = { .size = sizeof(req), .k = 1, .query = (uintptr_t)q,
					.query_bytes = sizeof(q), .hits = 8, .paths = 8,
					.path_bytes = 100, .collection = "line" };

	ktap(vg_run(&g, dir, "nowhere", q, 8, 1, 0) == -ENOENT, "unknown collection: ENOENT");
	ktap(vg_run(&g, dir, "line", q, 8, 1, 0) == -EDOM, "a NaN in the query: EDOM");
	q[7] = 1;
	ktap(vg_run(&g, dir, "line", q, 8, 0, 0) == -EINVAL &&
	     vg_run(&g, dir, "line", q, 8, 1025, 0) == -EINVAL, "k = 0, k > 1024: EINVAL");
	ktap(vg_run(&g, dir, "line", q, 7, 1, 0) == -EINVAL, "wrong dimension: EINVAL");
	ktap(vg_run(&g, dir, "line", q, 8, 1, 0x80) == -EINVAL, "unknown flag: EINVAL");
	ktap(vg_run(&g, file, "line", q, 8, 1, 0) == -ENOTDIR, "a file is no scope: ENOTDIR");
	err = ioctl(dir, VEXFS_IOC_SEARCH, &req) ? errno : 0;
	ktap(err == EFAULT, "bad pointers: EFAULT");
	req.size = offsetof(struct vexfs_ioc_search, filter) - 1;
	err = ioctl(dir, VEXFS_IOC_SEARCH, &req) ? errno : 0;
	ktap(err == EINVAL, "smaller than the first version: EINVAL");
	g.s.k = 1;
	g.s.flags = 0;
	g.s.path_bytes = 2;	/* the nearest is called "top" */
	err = vexfs_search(dir, &g.s);
	ktap(!err && g.s.found == 1 && (g.hits[0].flags & VEXFS_HIT_NO_PATH),
	     "no room for the path: the hit says so");
	close(dir);
	close(file);
}

int main(void)
{
	guest_setup();
	ktap_plan(3 * 9 + 3 + 9 + 5 + 5 + 9 + 2);
	vg_fresh("");
	umount(guest_mnt);
	ktap(reload("int"), "the module runs on plain integers");
	test_order();
	ktap(reload(PLAIN_SIMD), "on " PLAIN_SIMD);
	test_order();
	ktap(reload("auto"), "on what it chooses");
	test_order();
	test_scope();
	test_crowd();
	test_stale();
	test_refusals();
	ktap(!umount(guest_mnt), "unmount");
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
