/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors: validation, int8 codes, distances, best-k selection.
 *
 * Floating-point values cross this interface only as IEEE-754 bits in u32, so
 * that nothing but the SIMD units is compiled with floating-point registers.
 * Distances are returned as *keys*: u32 that order like the floats they stand
 * for, negative ones included (vexfs_key_to_f32()).
 */
#ifndef VEXFS_CORE_VEC_H
#define VEXFS_CORE_VEC_H

#include "core/platform.h"

/**
 * struct vexfs_space - what a collection holds
 * @dim:    elements per vector, 1..VEXFS_MAX_DIM
 * @elem:   VEXFS_F32, VEXFS_F16, VEXFS_I8
 * @metric: VEXFS_L2, VEXFS_COSINE, VEXFS_IP
 */
struct vexfs_space {
	u32	dim;
	u8	elem;
	u8	metric;
};

bool vexfs_space_valid(const struct vexfs_space *s);
u32 vexfs_vec_bytes(const struct vexfs_space *s);	/* dim * element size */
u32 vexfs_code_bytes(const struct vexfs_space *s);	/* sizeof(struct vexfs_code) + dim */

/**
 * struct vexfs_layout - where slot s of a payload or code file lies
 * @stride:	bytes between neighbours in a block (vectors that fit a block)
 * @per_block:	slots per block, >= 1; then blocks is 1
 * @blocks:	blocks per slot, >= 1
 * Slot s: logical block s / per_block * blocks, byte (s % per_block) * stride.
 */
struct vexfs_layout {
	u32	bytes, stride, per_block, blocks;
};
void vexfs_layout_init(struct vexfs_layout *l, u32 bytes);

/* 0, or -EDOM: an element is NaN or infinite, or the vector is zero (or its squared norm overflows
 * or underflows float32) under VEXFS_COSINE. Integer arithmetic only. @data: vexfs_vec_bytes() bytes,
 * no alignment needed. */
int vexfs_vec_check(const struct vexfs_space *s, const void *data);
/* Elements as float32 bits. @dst: dim words. Integer arithmetic only. */
void vexfs_vec_to_f32(const struct vexfs_space *s, const void *data, u32 *dst);
/* crc32c of the payload. */
u32 vexfs_vec_crc(const struct vexfs_space *s, const void *data);

/* Make the code record of a checked vector. Integer arithmetic only; the per-vector scale is
 * max|element| / 127. @rec: vexfs_code_bytes() bytes. @f32: dim words from vexfs_vec_to_f32(). */
void vexfs_code_encode(const struct vexfs_space *s, const u32 *f32, u32 stamp, struct vexfs_code *rec);
bool vexfs_code_valid(const struct vexfs_space *s, const struct vexfs_code *rec, u32 stamp);

/**
 * struct vexfs_query - a prepared query
 * @f32:   dim float32 bits, 64-byte aligned, zero-padded to a multiple of 32 elements
 * @code:  the query as int8, likewise padded
 * @scale, @norm2: as in struct vexfs_code; float32 bits
 */
struct vexfs_query {
	struct vexfs_space space;
	u32	scale, norm2;
	u32	*f32;
	s8	*code;
};

/* Bytes of memory vexfs_query_init() carves @f32 and @code from. */
size_t vexfs_query_bytes(const struct vexfs_space *s);
/* -EDOM as vexfs_vec_check(). @f32bits: dim words from the user. @mem: 64-byte aligned. */
int vexfs_query_init(struct vexfs_query *q, const struct vexfs_space *s, const u32 *f32bits, void *mem);

/**
 * struct vexfs_simd - one set of distance kernels
 * @name:   "avx2", "sse2", "int"
 * @fpu:    the caller must own the FPU (kernel_fpu_begin())
 * @scan:   approximate distance keys of @n code records to the query; records need no alignment and
 *	    are readable for exactly vexfs_code_bytes()
 * @exact:  distance keys of @n full-precision vectors given as float32 bits (dim words each)
 *
 * Neither sleeps nor faults. The float kernels of one set return the same bits for the same input.
 */
struct vexfs_simd {
	const char *name;
	bool fpu;
	void (*scan)(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n, u32 *keys);
	void (*exact)(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys);
};

extern const struct vexfs_simd vexfs_simd_int;		/* plain integers: everywhere */
#ifdef __x86_64__
extern const struct vexfs_simd vexfs_simd_sse2;		/* core/vec_sse2.c: own compiler flags */
extern const struct vexfs_simd vexfs_simd_avx2;		/* core/vec_avx2.c: needs AVX2 and FMA */
#endif

u32 vexfs_key_to_f32(u32 key);
u32 vexfs_f32_to_key(u32 f32);

/**
 * struct vexfs_topk - the best (smallest key) of a stream; ties: the smaller id wins
 * A binary max-heap over caller's memory.
 */
struct vexfs_cand {
	u32	key;
	u32	id;
};
struct vexfs_topk {
	struct vexfs_cand *heap;
	u32	cap, n;
};
void vexfs_topk_init(struct vexfs_topk *t, struct vexfs_cand *mem, u32 cap);
void vexfs_topk_add(struct vexfs_topk *t, u32 key, u32 id);
static inline u32 vexfs_topk_worst(const struct vexfs_topk *t)
{
	return t->n < t->cap ? ~0U : t->heap[0].key;
}
void vexfs_topk_sort(struct vexfs_topk *t);	/* ascending; destroys the heap */

#endif /* VEXFS_CORE_VEC_H */
