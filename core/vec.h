/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors: validation, int8 codes, distances, best-k selection.
 *
 * Floating-point values cross this interface only as IEEE-754 bits in u32, so
 * that nothing but the SIMD units is compiled with floating-point registers.
 * Distances are returned as *keys*: u32 that order like the floats they stand
 * for, negative ones included (vexfs_key_to_f32()).
 *
 * Nothing here sleeps, allocates, locks or keeps state: every function may be
 * called from any context, concurrently, as far as its arguments allow it.
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

/* All three members are in range. Every other function takes this for granted. */
bool vexfs_space_valid(const struct vexfs_space *s);
u32 vexfs_vec_bytes(const struct vexfs_space *s);	/* dim * element size */
u32 vexfs_code_bytes(const struct vexfs_space *s);	/* sizeof(struct vexfs_code) + dim */

/**
 * struct vexfs_layout - where slot s of a payload or code file lies
 * @bytes:	bytes of one slot's content
 * @stride:	bytes between neighbours in a block (vectors that fit a block)
 * @per_block:	slots per block, >= 1; then blocks is 1
 * @blocks:	blocks per slot, >= 1
 * Slot s: logical block s / per_block * blocks, byte (s % per_block) * stride.
 */
struct vexfs_layout {
	u32	bytes, stride, per_block, blocks;
};

/* @bytes: vexfs_vec_bytes() for the payload file, vexfs_code_bytes() for the code file. */
void vexfs_layout_init(struct vexfs_layout *l, u32 bytes);

/**
 * vexfs_vec_check - is this a vector distances can be computed with
 * @s:	  valid space
 * @data: vexfs_vec_bytes() bytes, little-endian elements, no alignment needed
 *
 * Return: 0, or -EDOM: an element is NaN or infinite, or, under VEXFS_COSINE,
 * the squared norm is not a normal float32 (zero vector, below 2^-126, above
 * 2^128): the distance would divide by it.
 */
int vexfs_vec_check(const struct vexfs_space *s, const void *data);

/**
 * vexfs_vec_to_f32 - elements as float32 bits, exactly
 * @s:	  valid space
 * @data: as in vexfs_vec_check()
 * @dst:  dim words
 */
void vexfs_vec_to_f32(const struct vexfs_space *s, const void *data, u32 *dst);

/* crc32c of the payload, seed ~0: struct vexfs_slot.v_payload_crc. */
u32 vexfs_vec_crc(const struct vexfs_space *s, const void *data);

/* Squared norm, exact before the last rounding; +Inf above float32. @f32: @dim finite words. */
u32 vexfs_vec_norm2(const u32 *f32, u32 dim);

/* Codes of @dim finite words with their scale, which is returned; vexfs_code_encode() says how. */
u32 vexfs_vec_quantise(const u32 *f32, u32 dim, s8 *code);

/**
 * vexfs_code_encode - make the code record of a vector
 * @s:	   valid space
 * @f32:   dim words from vexfs_vec_to_f32(), of a vector that passed vexfs_vec_check()
 * @stamp: low half of the slot's v_stamp
 * @rec:   vexfs_code_bytes() bytes to fill, no alignment needed
 *
 * Scalar quantisation, symmetric, one scale per vector: the scale is
 * max|element| / 127, a code round(element / scale), in -127..127. The norm is
 * the vector's own, not the code's. Scales of denormal size lose precision,
 * and a squared norm above float32 is +Inf: such vectors scan badly (all at
 * the same distance), and rank right where the full precision is consulted.
 */
void vexfs_code_encode(const struct vexfs_space *s, const u32 *f32, u32 stamp, struct vexfs_code *rec);

/**
 * vexfs_code_valid - may this record, read from disk, be scanned
 * @s:	   valid space
 * @rec:   vexfs_code_bytes() bytes, no alignment needed
 * @stamp: what the slot table says
 *
 * Return: true if checksum and stamp match, scale and norm are numbers a
 * distance can be made of, and no code is -128.
 */
bool vexfs_code_valid(const struct vexfs_space *s, const struct vexfs_code *rec, u32 stamp);

/**
 * struct vexfs_query - a prepared query
 * @space: what it is compared in
 * @f32:   dim float32 bits, 64-byte aligned, zero-padded to a multiple of 32 elements
 * @code:  the query as int8, likewise padded
 * @scale: as in struct vexfs_code; float32 bits in host order
 * @norm2: likewise
 *
 * Read-only after vexfs_query_init(): any number of scans may share it.
 */
struct vexfs_query {
	struct vexfs_space space;
	u32	scale, norm2;
	u32	*f32;
	s8	*code;
};

/* Bytes of memory vexfs_query_init() carves @f32 and @code from. */
size_t vexfs_query_bytes(const struct vexfs_space *s);

/**
 * vexfs_query_init - prepare a query
 * @q:	     to fill
 * @s:	     valid space; its element type does not matter, a query is float32
 * @f32bits: dim words from the user, in host order
 * @mem:     vexfs_query_bytes() bytes, 64-byte aligned, the caller's; outlives @q
 *
 * Return: 0, or -EDOM as vexfs_vec_check().
 */
int vexfs_query_init(struct vexfs_query *q, const struct vexfs_space *s, const u32 *f32bits, void *mem);

/**
 * struct vexfs_recentre - how a vector becomes one of a graph's
 * @mean:   to subtract; @n float32 words
 * @n:	    elements
 * @unit:   to multiply with before that, float32 bits
 * @length: not 0: instead of that, scale the vector to this length
 */
struct vexfs_recentre {
	const u32 *mean;
	u32	n, unit, length;
};

/**
 * struct vexfs_simd - one set of distance kernels
 * @name:   "avx2", "sse2", "neondot", "neon", "int"
 * @fpu:    the caller must own the FPU (kernel_fpu_begin(), kernel_neon_begin())
 * @scan:   approximate distance keys of @n code records to the query; records need no alignment and
 *	    are readable for exactly vexfs_code_bytes(). Fastest with @n a multiple of 4
 * @exact:  distance keys of @n full-precision vectors given as float32 bits (dim words each)
 * @shift:  fill @q->f32, code, scale and norm2 from @v, sh->n finite words. Memory of @q as vexfs_query_init()
 *	    makes it, zeros beyond sh->n included. A component or norm that overflows makes norm2 +Inf or NaN
 *
 * None sleeps nor faults. A distance is the same bits whatever the other
 * records of the call, their number or their addresses. @scan returns the same
 * bits in every set, for records that pass vexfs_code_valid(); @exact and @shift
 * differ between sets by the rounding of their sums. A distance that overflows is
 * infinite; one that is undefined after an overflow is +Inf, the farthest.
 * Records and vectors are not checked: no content makes a kernel misbehave.
 */
struct vexfs_simd {
	const char *name;
	bool fpu;
	void (*scan)(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n, u32 *keys);
	void (*exact)(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys);
	void (*shift)(struct vexfs_query *q, const u32 *v, const struct vexfs_recentre *sh);
};

extern const struct vexfs_simd vexfs_simd_int;		/* plain integers: everywhere */
#ifdef __x86_64__
extern const struct vexfs_simd vexfs_simd_sse2;		/* core/vec_sse2.c: own compiler flags */
extern const struct vexfs_simd vexfs_simd_avx2;		/* core/vec_avx2.c: needs AVX2 and FMA */
/* core/vec_avx512.c: needs AVX512F, BW, VL, VNNI. Not in the module yet. */
extern const struct vexfs_simd vexfs_simd_avx512;
#endif
#ifdef __AARCH64EL__
extern const struct vexfs_simd vexfs_simd_neon;		/* core/vec_neon.c: own compiler flags */
extern const struct vexfs_simd vexfs_simd_neondot;	/* core/vec_neondot.c: needs FEAT_DotProd */
#endif

/**
 * vexfs_key_to_f32 - the float32 bits a key stands for
 * @key: from vexfs_f32_to_key() or a distance kernel
 */
u32 vexfs_key_to_f32(u32 key);

/**
 * vexfs_f32_to_key - a u32 that orders like the float
 * @f32: float32 bits
 *
 * -0 counts as 0. A NaN, the distance of nothing meaningful (Inf - Inf after
 * an overflow), counts as +Inf: it sorts last. No key is ~0.
 */
u32 vexfs_f32_to_key(u32 f32);

struct vexfs_cand {
	u32	key;
	u32	id;
};

/**
 * struct vexfs_topk - the best (smallest key) of a stream; ties: the smaller id wins
 * @heap: binary max-heap over caller's memory
 * @cap:  entries it may hold; 0 keeps nothing
 * @n:	  entries it holds
 */
struct vexfs_topk {
	struct vexfs_cand *heap;
	u32	cap, n;
};
void vexfs_topk_init(struct vexfs_topk *t, struct vexfs_cand *mem, u32 cap);
void vexfs_topk_add(struct vexfs_topk *t, u32 key, u32 id);

/* A key above this would not be kept; ~0, above every key, while there is room. Not for cap 0. */
static inline u32 vexfs_topk_worst(const struct vexfs_topk *t)
{
	return t->n < t->cap ? ~0U : t->heap[0].key;
}
void vexfs_topk_sort(struct vexfs_topk *t);	/* ascending; destroys the heap */

#endif /* VEXFS_CORE_VEC_H */
