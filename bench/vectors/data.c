// SPDX-License-Identifier: GPL-2.0
/* The benchmark's vectors: real sets from the data directory, and a generated one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define SYNTH_N		100000
#define SYNTH_DIM	768
#define SYNTH_CLUSTERS	1000
#define SYNTH_INTRINSIC	32
#define SYNTH_QUERIES	50
#define SYNTH_SEED	20240607

const char *const set_names[] = { "stackexchange", "siftsmall", "synthetic", NULL };

static void *must(void *p)
{
	if (p)
		return p;
	fputs("bench: out of memory: the synthetic set needs about 800 MB\n", stderr);
	exit(1);
}

/* A whole file, or NULL with the reason printed. */
static u8 *load(const char *dir, const char *name, size_t *len)
{
	char path[4096];
	u8 *buf = NULL;
	FILE *f;
	long n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (!f) {
		fprintf(stderr, "SKIP: no %s: set VEXFS_DATA to a directory that holds it\n", path);
		return NULL;
	}
	if (!fseek(f, 0, SEEK_END) && (n = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
		buf = must(malloc((size_t)n));
		*len = fread(buf, 1, (size_t)n, f);
	}
	fclose(f);
	return buf;
}

/* .fvecs: rows of a u32 count and that many floats. */
static float *load_fvecs(const char *dir, const char *name, u32 dim, u32 *rows)
{
	size_t len = 0, row = 4 + 4 * (size_t)dim, i;
	u8 *buf = load(dir, name, &len);
	float *f;

	if (!buf)
		return NULL;
	*rows = (u32)(len / row);
	f = must(malloc((size_t)*rows * dim * sizeof(float) + 1));
	for (i = 0; i < *rows; i++)
		memcpy(f + i * dim, buf + i * row + 4, 4 * (size_t)dim);
	free(buf);
	return f;
}

static float *widen(const struct vexfs_space *s, const u8 *payload, u32 n)
{
	float *f = must(malloc((size_t)n * s->dim * sizeof(float) + 1));
	u32 i;

	for (i = 0; i < n; i++)
		vexfs_vec_to_f32(s, payload + (size_t)i * vexfs_vec_bytes(s),
				 (u32 *)(f + (size_t)i * s->dim));
	return f;
}

static bool open_stackexchange(struct set *d, const char *dir)
{
	size_t len = 0, qlen = 0;
	u8 *q;

	d->space = (struct vexfs_space){ .dim = 768, .elem = VEXFS_F16, .metric = VEXFS_COSINE };
	d->payload = load(dir, "stackexchange-bge-768/questions.f16", &len);
	q = d->payload ? load(dir, "stackexchange-bge-768/queries.f16", &qlen) : NULL;
	if (!q)
		return false;
	d->n = (u32)(len / vexfs_vec_bytes(&d->space));
	d->nq = (u32)(qlen / vexfs_vec_bytes(&d->space));
	d->f32 = widen(&d->space, d->payload, d->n);
	d->query = widen(&d->space, q, d->nq);
	free(q);
	return true;
}

static bool open_siftsmall(struct set *d, const char *dir)
{
	d->space = (struct vexfs_space){ .dim = 128, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	d->f32 = load_fvecs(dir, "siftsmall-128.base.fvecs", 128, &d->n);
	d->query = d->f32 ? load_fvecs(dir, "siftsmall-128.query.fvecs", 128, &d->nq) : NULL;
	return d->query;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static u64 rnd64(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Near normal, standard deviation 1: four uniform numbers, scaled. */
static float rnd_normal(u64 *state)
{
	u64 r = rnd64(state);
	int i, s = 0;

	for (i = 0; i < 4; i++, r >>= 16)
		s += (int)(r & 0xffff) - 32768;
	return (float)s / 37837.0f;
}

static void fill_normal(float *p, size_t n, float size, u64 *seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = size * rnd_normal(seed);
}

/* A point of a random cluster: its centre plus a step within the intrinsic dimensions. */
static void synth_row(float *row, const float *centre, const float *basis, u64 *seed)
{
	u32 i, j;

	memcpy(row, centre + rnd64(seed) % SYNTH_CLUSTERS * SYNTH_DIM, SYNTH_DIM * sizeof(float));
	for (j = 0; j < SYNTH_INTRINSIC; j++) {
		float z = rnd_normal(seed);

		for (i = 0; i < SYNTH_DIM; i++)
			row[i] += z * basis[j * SYNTH_DIM + i];
	}
}

static bool open_synthetic(struct set *d)
{
	float *centre = must(malloc(sizeof(float) * SYNTH_CLUSTERS * SYNTH_DIM));
	float *basis = must(malloc(sizeof(float) * SYNTH_INTRINSIC * SYNTH_DIM));
	u64 seed = SYNTH_SEED;
	u32 i;

	d->space = (struct vexfs_space){ .dim = SYNTH_DIM, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	d->n = SYNTH_N;
	d->nq = SYNTH_QUERIES;
	d->f32 = must(malloc(sizeof(float) * SYNTH_N * SYNTH_DIM));
	d->query = must(malloc(sizeof(float) * SYNTH_QUERIES * SYNTH_DIM));
	fill_normal(centre, SYNTH_CLUSTERS * SYNTH_DIM, 1.0f, &seed);
	fill_normal(basis, SYNTH_INTRINSIC * SYNTH_DIM, 0.2f, &seed);
	for (i = 0; i < d->n; i++)
		synth_row(d->f32 + (size_t)i * SYNTH_DIM, centre, basis, &seed);
	for (i = 0; i < d->nq; i++)
		synth_row(d->query + (size_t)i * SYNTH_DIM, centre, basis, &seed);
	free(centre);
	free(basis);
	return true;
}

double set_distance(const struct set *d, const float *query, const float *v)
{
	double dot = 0, nq = 0, nc = 0, l2 = 0;
	u32 i;

	for (i = 0; i < d->space.dim; i++) {
		double a = query[i], b = v[i];

		dot += a * b;
		nq += a * a;
		nc += b * b;
		l2 += (a - b) * (a - b);
	}
	return d->space.metric == VEXFS_L2 ? l2 : 1 - dot / sqrt(nq * nc);
}

/* The K-th smallest distance; a recall counts everything that is no farther. */
static double kth_distance(const struct set *d, const float *query)
{
	double best[K], x;
	u32 i, j, n = 0;

	for (i = 0; i < d->n; i++) {
		x = set_distance(d, query, d->f32 + (size_t)i * d->space.dim);
		if (n == K && x >= best[K - 1])
			continue;
		for (j = n < K ? n++ : K - 1; j && best[j - 1] > x; j--)
			best[j] = best[j - 1];
		best[j] = x;
	}
	return best[n - 1] + 1e-6 * fabs(best[n - 1]) + 1e-7;
}

/* Code records at the places the code file gives them, five or so to a block. */
static void encode(struct set *d)
{
	struct vexfs_layout l;
	size_t blocks;
	u32 i;

	vexfs_layout_init(&l, vexfs_code_bytes(&d->space));
	blocks = ((size_t)d->n + l.per_block - 1) / l.per_block * l.blocks;
	d->codes = must(aligned_alloc(VEXFS_BLOCK_SIZE, blocks * VEXFS_BLOCK_SIZE));
	d->rec = must(malloc(d->n * sizeof(*d->rec)));
	for (i = 0; i < d->n; i++) {
		u8 *p = d->codes + (size_t)(i / l.per_block) * l.blocks * VEXFS_BLOCK_SIZE +
			(size_t)(i % l.per_block) * l.stride;

		vexfs_code_encode(&d->space, (const u32 *)(d->f32 + (size_t)i * d->space.dim), i,
				  (struct vexfs_code *)p);
		d->rec[i] = (const struct vexfs_code *)p;
	}
}

static void finish(struct set *d)
{
	static const char *const elem[] = { "", "f32", "f16", "i8" };
	static const char *const metric[] = { "", "L2", "cosine", "inner product" };
	u32 i;

	if (!d->payload)
		d->payload = (u8 *)d->f32;
	d->limit = must(malloc(d->nq * sizeof(double)));
	for (i = 0; i < d->nq; i++)
		d->limit[i] = kth_distance(d, d->query + (size_t)i * d->space.dim);
	encode(d);
	snprintf(d->what, sizeof(d->what), "%u x %u %s, %s, %u queries", d->n, d->space.dim,
		 elem[d->space.elem], metric[d->space.metric], d->nq);
}

bool set_open(struct set *d, const char *name, const char *data_dir)
{
	bool ok;

	memset(d, 0, sizeof(*d));
	d->name = name;
	if (!strcmp(name, "stackexchange"))
		ok = open_stackexchange(d, data_dir);
	else if (!strcmp(name, "siftsmall"))
		ok = open_siftsmall(d, data_dir);
	else
		ok = open_synthetic(d);
	if (ok && d->n >= K && d->nq)
		finish(d);
	return ok && d->n >= K && d->nq;
}

void set_close(struct set *d)
{
	if (d->payload != (u8 *)d->f32)
		free(d->payload);
	free(d->f32);
	free(d->query);
	free(d->codes);
	free(d->rec);
	free(d->limit);
}
