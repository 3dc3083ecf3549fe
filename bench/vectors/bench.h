/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the vector benchmark share. */
#ifndef VEXFS_BENCH_VECTORS_H
#define VEXFS_BENCH_VECTORS_H

#ifdef __cplusplus
extern "C" {
#else
#ifdef __aarch64__
#include <sys/auxv.h>
#include <asm/hwcap.h>
#endif

#include "core/vec.h"

#define K	10		/* neighbours asked for */
#define RERANK	40		/* candidates of the int8 scan that are looked at in full precision */

/**
 * struct set - vectors, queries and the truth
 * @f32:     n rows of dim floats
 * @query:   nq rows of dim floats
 * @payload: n vectors as a collection stores them
 * @codes:   code records laid out as the code file lays them out (struct vexfs_layout)
 * @rec:     n pointers into @codes
 * @limit:   per query the distance of its K-th neighbour, in double precision
 */
struct set {
	const char *name;
	char what[128];
	struct vexfs_space space;
	u32 n, nq;
	float *f32, *query;
	u8 *payload, *codes;
	const struct vexfs_code **rec;
	double *limit;
};

extern const char *const set_names[];
/* Return: false, with the reason printed, if the set cannot be had here. */
bool set_open(struct set *d, const char *name, const char *data_dir);
void set_close(struct set *d);
double set_distance(const struct set *d, const float *query, const float *v);

/**
 * struct method - one way to answer a query
 * @search: write the K best ids; @arg as given in the method
 * @bytes:  bytes the method must read per query, 0 = not stated
 */
struct method {
	const char *name, *engine;
	void (*search)(const struct set *d, void *arg, const float *query, u32 *ids);
	void *arg;
	double bytes;
};

#define MAX_METHODS 12
int methods_own(const struct set *d, struct method *m);
int methods_faiss(const struct set *d, struct method *m);
void methods_faiss_close(struct method *m, int n);

/* Bytes per second of a plain sum over @bytes of memory, best of several passes. */
double bandwidth(size_t bytes);

double cpu_seconds(void);
#endif

/* faiss_flat.cc; kind: 0 flat, 1 SQ8. metric: 0 L2, 1 inner product. NULL if Faiss throws. */
void *faiss_open(int kind, int metric, int dim, long n, const float *data);
void faiss_search(void *index, const float *query, long *ids, int k);
void faiss_close(void *index);

#ifdef __cplusplus
}
#endif
#endif
