// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=512M time=240
 *
 * Vectors that int8 codes cannot tell apart: a common offset, one dominant component, mixed units, near-duplicates.
 * The default search finds what the exact one finds; where codes do their work, it does not measure everything.
 */
#include "tests/guest/vecguest.h"

#define DIM	32
#define N	1500
#define QUERIES	25
#define K	10

static struct vg_search g, exact;
static int file = -1, root = -1;

/* -1 to 1 */
static float uniform(uint64_t *s)
{
	return (float)((int)(vg_next(s) % 2000001) - 1000000) / 1000000;
}

static void ordinary(uint64_t seed, float *v)
{
	for (int i = 0; i < DIM; i++)
		v[i] = uniform(&seed);
}

static void offset(uint64_t seed, float *v)
{
	ordinary(seed, v);
	for (int i = 0; i < DIM; i++)
		v[i] += 1000;
}

static void dominant(uint64_t seed, float *v)
{
	ordinary(seed, v);
	v[3] *= 3000;
}

static void units(uint64_t seed, float *v)
{
	static const float unit[] = { 0.01F, 1, 30, 1000 };

	ordinary(seed, v);
	for (int i = 0; i < DIM; i++)
		v[i] *= unit[i % 4];
}

/* Ten groups, whose members differ by less than a step of a code. */
static void near_duplicates(uint64_t seed, float *v)
{
	float group[DIM];

	ordinary(seed % 10 + 100000000, group);
	ordinary(seed, v);
	for (int i = 0; i < DIM; i++)
		v[i] = group[i] + v[i] / 2000;
}

static const struct kind {
	const char *name;
	void (*make)(uint64_t seed, float *v);
	bool measured;		/* all of them, in the end */
} kinds[] = {
	{ "ordinary", ordinary, false },
	{ "offset", offset, true },
	{ "dominant", dominant, false },
	{ "units", units, false },
	{ "near-duplicates", near_duplicates, true },
};

#define NKINDS	(sizeof(kinds) / sizeof(kinds[0]))

static void fill(const struct kind *k, int metric)
{
	float v[DIM];
	struct vexfs_embedding e = { .collection = k->name, .data = v, .bytes = sizeof(v) };

	if (vg_collection(k->name, DIM, VEXFS_IOC_F32, metric))
		ktap_bail("collection %s", k->name);
	for (e.chunk = 0; e.chunk < N; e.chunk++) {
		k->make(e.chunk * 7919ULL + 13, v);
		if (vexfs_embedding_set(file, &e))
			ktap_bail("set");
	}
}

static void test_kind(const struct kind *k, int metric, const char *name)
{
	uint32_t hits = 0, approximate = 0;
	int bad = 0;
	float q[DIM];

	fill(k, metric);
	for (uint64_t i = 0; i < QUERIES; i++) {
		float last;

		k->make(500000 + i, q);
		bad += vg_run(&exact, root, k->name, q, DIM, K, VEXFS_SEARCH_EXACT) || exact.s.found != K;
		bad += vg_run(&g, root, k->name, q, DIM, K, 0) || g.s.found != K;
		last = vexfs_hit_distance(&exact.hits[K - 1]);
		for (uint32_t h = 0; h < g.s.found; h++)
			hits += vexfs_hit_distance(&g.hits[h]) <= last;
		approximate += !!(g.s.reply & VEXFS_REPLY_APPROXIMATE);
	}
	/* The metric of directions hides an offset's differences altogether: only recall counts there. */
	if (metric == VEXFS_IOC_L2)
		bad += k->measured ? approximate != 0 : approximate < QUERIES / 2;
	ktap(!bad && hits * 100 >= QUERIES * K * 99, "%s, %s: %u of %u found, %u of %u approximate", k->name, name, hits,
	     QUERIES * K, approximate, QUERIES);
	vexfs_collection_drop(root, k->name);
}

/* Who wants fewer compared gets an approximate answer, and is told. */
static void test_limit(void)
{
	float q[DIM];
	int bad;

	fill(&kinds[1], VEXFS_IOC_L2);
	kinds[1].make(1, q);
	g.s.max_work = N;
	bad = vg_run(&g, root, kinds[1].name, q, DIM, K, 0);
	ktap(!bad && g.s.found == K && g.s.reply == VEXFS_REPLY_APPROXIMATE, "not if it is more than may be compared");
	g.s.max_work = 2 * N;
	bad = vg_run(&g, root, kinds[1].name, q, DIM, K, 0);
	ktap(!bad && g.s.found == K && !g.s.reply, "twice as many are enough");
	g.s.max_work = 0;
}

int main(void)
{
	guest_setup();
	ktap_plan(2 * NKINDS + 2 + 2);
	vg_fresh("");
	root = vg_root();
	file = vg_file("all", 0644);
	for (uint32_t i = 0; i < NKINDS; i++) {
		test_kind(&kinds[i], VEXFS_IOC_L2, "l2");
		test_kind(&kinds[i], VEXFS_IOC_COSINE, "cosine");
	}
	test_limit();
	close(file);
	close(root);
	ktap(!umount(guest_mnt), "unmount");
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
