// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:200M mem=768M time=300 data
 *
 * Real embeddings (Stack Exchange titles, bge-base-en-v1.5, 768-d): one file
 * each in a directory per forum, searched in the kernel and compared with the
 * exact neighbours that come with the set; then a remount, a scope, deletions.
 */
#include <time.h>

#include "tests/guest/vecguest.h"

#define DIM	768
#define K	10
#define EXACT_QUERIES 10
#define TRUTH	100
#define MAXN	7000

static float *base, *queries;
static int *truth, nbase, nqueries;
static char (*names)[96];
static struct vg_search g;

static float half(uint16_t h)
{
	_Float16 f;

	memcpy(&f, &h, 2);
	return (float)f;
}

static float *load_f16(const char *dir, const char *name, int *rows)
{
	static uint16_t row[DIM];
	char p[512];
	float *v = NULL;
	FILE *f;

	snprintf(p, sizeof(p), "%s/stackexchange-bge-768/%s", dir, name);
	f = fopen(p, "rb");
	if (!f)
		return NULL;
	for (*rows = 0; fread(row, 2, DIM, f) == DIM; (*rows)++) {
		v = realloc(v, sizeof(float) * DIM * (size_t)(*rows + 1));
		for (int i = 0; i < DIM; i++)
			v[*rows * DIM + i] = half(row[i]);
	}
	fclose(f);
	return v;
}

static int *load_truth(const char *dir)
{
	char p[512];
	int *t = malloc(sizeof(int) * TRUTH * (size_t)nqueries), d;
	FILE *f;

	snprintf(p, sizeof(p), "%s/stackexchange-bge-768/groundtruth.ivecs", dir);
	f = fopen(p, "rb");
	for (int q = 0; f && q < nqueries; q++)
		if (fread(&d, 4, 1, f) != 1 || d != TRUTH || fread(t + q * TRUTH, 4, TRUTH, f) != TRUTH)
			ktap_bail("groundtruth.ivecs is not what it should be");
	if (!f)
		ktap_bail("no groundtruth.ivecs");
	fclose(f);
	return t;
}

/* The forum of each row, from the jsonl beside the vectors: directories. */
static void load_names(const char *dir)
{
	char p[512], line[4096], *s, *e;
	FILE *f;

	names = calloc(MAXN, sizeof(*names));
	snprintf(p, sizeof(p), "%s/stackexchange-bge-768/questions.jsonl", dir);
	f = fopen(p, "r");
	for (int i = 0; i < nbase; i++) {
		if (!f || !fgets(line, sizeof(line), f))
			ktap_bail("questions.jsonl is too short");
		s = strstr(line, "\"forum\"");
		s = s ? strchr(s + 7, '"') : NULL;
		e = s ? strchr(s + 1, '"') : NULL;
		if (!e)
			ktap_bail("a line of questions.jsonl names no forum");
		snprintf(names[i], sizeof(names[i]), "%.*s/q%d", (int)(e - s - 1), s + 1, i);
	}
	fclose(f);
}

static bool store_one(int i)
{
	struct vexfs_embedding e = { .collection = "bge", .data = base + (size_t)i * DIM,
				     .bytes = DIM * 4 };
	char p[700], *slash;
	int fd, err;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, names[i]);
	slash = strrchr(p, '/');
	*slash = 0;
	mkdir(p, 0755);
	*slash = '/';
	fd = open(p, O_CREAT | O_WRONLY, 0644);
	err = fd < 0 ? -errno : vexfs_embedding_set(fd, &e);
	close(fd);
	if (err)
		ktap_note("%s: %s", p, strerror(-err));
	return !err;
}

static double dist(const float *a, const float *b)
{
	return vg_distance(VEXFS_IOC_COSINE, a, b, DIM);
}

/* Recall@10 over the queries; a hit as near as the tenth true one counts (ties). */
static double recall(uint32_t flags, int n, double *msec)
{
	double hits = 0, msecs = 0;
	struct timespec a, b;
	int root = vg_root();

	for (int q = 0; q < n; q++) {
		const float *v = queries + (size_t)q * DIM;
		double limit = dist(v, base + (size_t)truth[q * TRUTH + K - 1] * DIM) + 1e-6;

		clock_gettime(CLOCK_MONOTONIC, &a);
		if (vg_run(&g, root, "bge", v, DIM, K, flags))
			ktap_bail("search");
		clock_gettime(CLOCK_MONOTONIC, &b);
		msecs += (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		for (uint32_t i = 0; i < g.s.found; i++) {
			const char *name = strrchr(vg_path(&g, i), 'q');

			if (name && dist(v, base + (size_t)atoi(name + 1) * DIM) <= limit)
				hits++;
		}
	}
	close(root);
	*msec = msecs / n;
	return hits / n / K;
}

static void test_recall(const char *when)
{
	/* An exact search reads and checks every vector: under emulation, seconds. */
	double ms, r = recall(VEXFS_SEARCH_EXACT, EXACT_QUERIES, &ms);

	ktap(r == 1.0, "%s: exact recall@10 %.4f, %.1f ms a query", when, r, ms);
	r = recall(0, nqueries, &ms);
	ktap(r >= 0.99, "%s: recall@10 %.4f, %.1f ms a query", when, r, ms);
}

/* Only hits below the scope, and all k of them. */
static void test_scope(void)
{
	char p[600], forum[96];
	int fd, bad = 0;

	snprintf(forum, sizeof(forum), "%.*s", (int)strcspn(names[0], "/"), names[0]);
	snprintf(p, sizeof(p), "%s/%s", guest_mnt, forum);
	fd = vg_open_dir(p);
	for (int q = 0; q < 20; q++) {
		bad += vg_run(&g, fd, "bge", queries + (size_t)q * DIM, DIM, K, 0) || g.s.found != K;
		for (uint32_t i = 0; i < g.s.found; i++) {
			int row = atoi(vg_path(&g, i) + 1);

			bad += vg_path(&g, i)[0] != 'q' ||
			       strncmp(names[row], forum, strlen(forum)) != 0;
		}
	}
	close(fd);
	ktap(!bad, "a search below %s finds ten of its own and nothing else", forum);
}

/* Delete what the first queries found best: it must not be found again. */
static void test_delete(void)
{
	int root = vg_root(), bad = 0;
	char p[5000], gone[96];

	for (int q = 0; q < 20; q++) {
		const float *v = queries + (size_t)q * DIM;

		bad += vg_run(&g, root, "bge", v, DIM, K, 0) || !g.s.found;
		snprintf(gone, sizeof(gone), "%.90s", vg_path(&g, 0));
		snprintf(p, sizeof(p), "%s/%s", guest_mnt, gone);
		bad += unlink(p) != 0;
		bad += vg_run(&g, root, "bge", v, DIM, K, 0) || g.s.found != K ||
		       vg_found_path(&g, gone);
	}
	close(root);
	ktap(!bad, "a deleted file is gone from the results at once, and ten others come");
}

int main(void)
{
	const char *dir = getenv("VEX_DATA");
	int bad = 0;

	guest_setup();
	ktap_plan(8);
	base = dir ? load_f16(dir, "questions.f16", &nbase) : NULL;
	queries = base ? load_f16(dir, "queries.f16", &nqueries) : NULL;
	if (!queries) {
		for (int i = 0; i < 8; i++)
			ktap_skip("real embeddings", "the Stack Exchange set is not here (VEXFS_DATA)");
		return ktap_exit();
	}
	truth = load_truth(dir);
	load_names(dir);
	vg_fresh("");
	vg_collection("bge", DIM, VEXFS_IOC_F32, VEXFS_IOC_COSINE);
	for (int i = 0; i < nbase; i++)
		bad += !store_one(i);
	ktap(!bad && vg_live("bge") == nbase, "%d files with their embeddings", nbase);
	test_recall("fresh");
	vg_remount();
	test_recall("after a remount");
	test_scope();
	test_delete();
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
