// SPDX-License-Identifier: GPL-2.0
/*
 * Vectors: where they lie, whether they are acceptable, their int8 codes.
 *
 * Integer arithmetic only: this file is compiled without floating-point
 * registers. The distance kernels are in vec_int.c, and one file for each instruction set.
 */
#include "core/softfloat.h"
#include "core/vec.h"

#define CODE_MAX	127	/* -128 is no code: the kernels negate codes */
#define QUERY_PAD	32	/* elements; the widest step of a kernel */

static u32 elem_size(u8 elem)
{
	return elem == VEXFS_F32 ? 4 : elem == VEXFS_F16 ? 2 : 1;
}

bool vexfs_space_valid(const struct vexfs_space *s)
{
	return s->dim >= 1 && s->dim <= VEXFS_MAX_DIM &&
	       s->elem >= VEXFS_F32 && s->elem <= VEXFS_I8 &&
	       s->metric >= VEXFS_L2 && s->metric <= VEXFS_IP;
}

u32 vexfs_vec_bytes(const struct vexfs_space *s)
{
	return s->dim * elem_size(s->elem);
}

u32 vexfs_code_bytes(const struct vexfs_space *s)
{
	return (u32)sizeof(struct vexfs_code) + s->dim;
}

void vexfs_layout_init(struct vexfs_layout *l, u32 bytes)
{
	l->bytes = bytes;
	l->blocks = 1;
	l->per_block = 1;
	if (bytes > VEXFS_BLOCK_SIZE) {
		l->blocks = (bytes + VEXFS_BLOCK_SIZE - 1) >> VEXFS_BLOCK_SHIFT;
		l->stride = l->blocks << VEXFS_BLOCK_SHIFT;
		return;
	}
	l->stride = bytes ? (bytes + 15) & ~15U : 16;
	l->per_block = VEXFS_BLOCK_SIZE / l->stride;
}

/* Element i of a payload, which may lie at any address. */
static inline u32 f32_at(const u8 *p, u32 i)
{
	__le32 w;

	memcpy(&w, p + 4 * i, sizeof(w));
	return le32_to_cpu(w);
}

static inline u32 f16_at(const u8 *p, u32 i)
{
	__le16 h;

	memcpy(&h, p + 2 * i, sizeof(h));
	return vexfs_sf_from_f16(le16_to_cpu(h));
}

static u32 elem_f32(const struct vexfs_space *s, const u8 *p, u32 i)
{
	if (s->elem == VEXFS_F32)
		return f32_at(p, i);
	if (s->elem == VEXFS_F16)
		return f16_at(p, i);
	return vexfs_sf_from_s32((s8)p[i]);
}

u32 vexfs_vec_norm2(const u32 *f32, u32 dim)
{
	struct vexfs_acc acc;
	u32 i;

	vexfs_acc_init(&acc);
	for (i = 0; i < dim; i++)
		vexfs_acc_madd(&acc, f32[i], f32[i]);
	return vexfs_acc_f32(&acc);
}

/* A norm the cosine can divide by: its root neither vanishes nor overflows. */
static bool norm2_normal(u32 norm2)
{
	return norm2 >= VEXFS_SF_MIN && norm2 < VEXFS_SF_INF;
}

int vexfs_vec_check(const struct vexfs_space *s, const void *data)
{
	struct vexfs_acc acc;
	u32 i, f;

	vexfs_acc_init(&acc);
	for (i = 0; i < s->dim; i++) {
		f = elem_f32(s, data, i);
		if (!vexfs_sf_isfinite(f))
			return -EDOM;
		if (s->metric == VEXFS_COSINE)
			vexfs_acc_madd(&acc, f, f);
	}
	if (s->metric == VEXFS_COSINE && !norm2_normal(vexfs_acc_f32(&acc)))
		return -EDOM;
	return 0;
}

/* A loop per type: it runs for every candidate that is looked at in full precision. */
void vexfs_vec_to_f32(const struct vexfs_space *s, const void *data, u32 *dst)
{
	u32 i, dim = s->dim;

	if (s->elem == VEXFS_F32) {
		memcpy(dst, data, dim * sizeof(*dst));
		for (i = 0; i < dim; i++)	/* nothing on a little-endian machine */
			dst[i] = le32_to_cpu(((const __le32 *)dst)[i]);
	} else if (s->elem == VEXFS_F16) {
		for (i = 0; i < dim; i++)
			dst[i] = f16_at(data, i);
	} else {
		for (i = 0; i < dim; i++)
			dst[i] = vexfs_sf_from_s32(((const s8 *)data)[i]);
	}
}

u32 vexfs_vec_crc(const struct vexfs_space *s, const void *data)
{
	return crc32c(~0U, data, vexfs_vec_bytes(s));
}

static u32 max_abs(const u32 *f32, u32 dim)
{
	u32 i, max = 0;

	/* The bits of non-negative floats order like the floats. */
	for (i = 0; i < dim; i++)
		if ((f32[i] & ~VEXFS_SF_SIGN) > max)
			max = f32[i] & ~VEXFS_SF_SIGN;
	return max;
}

/**
 * struct quantiser - multiplication by 127 / max, in fixed point
 * @inv: floor(127 * 2^55 / m) < 2^39, m being max's mantissa shifted to 24 bits
 * @exp: exponent field of max, reduced by that shift
 *
 * A code is round(mx * inv / 2^(55 + exp - ex)), mx and ex being the element's
 * mantissa and exponent: 63 bits, and one division a vector. As |x| <= max,
 * the shift is at least 32 (a denormal max), 55 otherwise.
 */
struct quantiser {
	u64	inv;
	int	exp;
};

/* floor(n / d) by shift and subtract; d < 2^31. Once a vector: not worth a 64-bit division. */
static u64 slow_div(u64 n, u32 d)
{
	u64 q = 0, rest = 0;
	int i;

	for (i = 63; i >= 0; i--) {
		rest = rest << 1 | (n >> i & 1);
		if (rest >= d) {
			rest -= d;
			q |= 1ULL << i;
		}
	}
	return q;
}

static void quantiser_init(struct quantiser *qt, u32 max)
{
	u32 exp, m = vexfs_sf_split(max, &exp);

	qt->exp = (int)exp;
	for (; m < 1U << 23; m <<= 1)
		qt->exp--;
	qt->inv = slow_div((u64)CODE_MAX << 55, m);
}

static s8 quantise(const struct quantiser *qt, u32 f)
{
	u32 exp, m = vexfs_sf_split(f, &exp);
	int shift = 55 + qt->exp - (int)exp, code;

	if (shift > 63)			/* below half a step */
		return 0;
	code = (int)(((u64)m * qt->inv + (1ULL << (shift - 1))) >> shift);
	if (code > CODE_MAX)
		code = CODE_MAX;
	return f & VEXFS_SF_SIGN ? (s8)-code : (s8)code;
}

/* Return: the scale, float32 bits; 0 for a zero vector. */
u32 vexfs_vec_quantise(const u32 *f32, u32 dim, s8 *code)
{
	struct quantiser qt;
	u32 i, max = max_abs(f32, dim);

	if (!max) {
		memset(code, 0, dim);
		return 0;
	}
	quantiser_init(&qt, max);
	for (i = 0; i < dim; i++)
		code[i] = quantise(&qt, f32[i]);
	return vexfs_sf_div(max, vexfs_sf_from_s32(CODE_MAX));
}

static u32 code_crc(const struct vexfs_space *s, const void *rec)
{
	u32 skip = sizeof(__le32);	/* k_checksum */

	return crc32c(~0U, (const u8 *)rec + skip, vexfs_code_bytes(s) - skip);
}

/* Headers are copied in and out: a record may lie at any address. */
void vexfs_code_encode(const struct vexfs_space *s, const u32 *f32, u32 stamp,
		       struct vexfs_code *rec)
{
	struct vexfs_code head = { 0 };

	head.k_stamp = cpu_to_le32(stamp);
	head.k_scale = cpu_to_le32(vexfs_vec_quantise(f32, s->dim, (s8 *)(rec + 1)));
	head.k_norm2 = cpu_to_le32(vexfs_vec_norm2(f32, s->dim));
	memcpy((void *)rec, &head, sizeof(head));
	head.k_checksum = cpu_to_le32(code_crc(s, rec));
	memcpy((void *)rec, &head, sizeof(head));
}

/* Is a byte of w 0x80? Zero bytes of w ^ 0x8080..., found as in Hacker's Delight, 6-1. */
static bool has_minus128(u64 w)
{
	w ^= 0x8080808080808080ULL;
	return (w - 0x0101010101010101ULL) & ~w & 0x8080808080808080ULL;
}

static bool codes_valid(const s8 *code, u32 dim)
{
	u64 w;
	u32 i;

	for (i = 0; i + sizeof(w) <= dim; i += sizeof(w)) {
		memcpy(&w, code + i, sizeof(w));
		if (has_minus128(w))
			return false;
	}
	for (; i < dim; i++)
		if (code[i] < -CODE_MAX)
			return false;
	return true;
}

/* A checksum proves who wrote the record, not that the numbers make sense. */
static bool code_sane(const struct vexfs_space *s, const struct vexfs_code *head, const s8 *code)
{
	u32 scale = le32_to_cpu(head->k_scale), norm2 = le32_to_cpu(head->k_norm2);

	if (scale >= VEXFS_SF_INF || norm2 > VEXFS_SF_INF)
		return false;
	if (s->metric == VEXFS_COSINE && !norm2_normal(norm2))
		return false;
	return codes_valid(code, s->dim);
}

bool vexfs_code_valid(const struct vexfs_space *s, const struct vexfs_code *rec, u32 stamp)
{
	struct vexfs_code head;

	memcpy(&head, (const void *)rec, sizeof(head));
	return le32_to_cpu(head.k_stamp) == stamp &&
	       le32_to_cpu(head.k_checksum) == code_crc(s, rec) &&
	       code_sane(s, &head, (const s8 *)(rec + 1));
}

static u32 padded_dim(const struct vexfs_space *s)
{
	return (s->dim + QUERY_PAD - 1) & ~(QUERY_PAD - 1U);
}

size_t vexfs_query_bytes(const struct vexfs_space *s)
{
	return (size_t)padded_dim(s) * (sizeof(u32) + sizeof(s8));
}

static bool query_acceptable(const struct vexfs_query *q)
{
	u32 i;

	for (i = 0; i < q->space.dim; i++)
		if (!vexfs_sf_isfinite(q->f32[i]))
			return false;
	return true;
}

int vexfs_query_init(struct vexfs_query *q, const struct vexfs_space *s, const u32 *f32bits, void *mem)
{
	u32 pad = padded_dim(s);

	memset(mem, 0, vexfs_query_bytes(s));
	q->space = *s;
	q->f32 = mem;
	q->code = (s8 *)(q->f32 + pad);		/* pad * 4 is a multiple of 64 */
	memcpy(q->f32, f32bits, s->dim * sizeof(u32));
	if (!query_acceptable(q))
		return -EDOM;
	q->norm2 = vexfs_vec_norm2(q->f32, s->dim);
	if (s->metric == VEXFS_COSINE && !norm2_normal(q->norm2))
		return -EDOM;
	q->scale = vexfs_vec_quantise(q->f32, s->dim, q->code);
	return 0;
}

u32 vexfs_f32_to_key(u32 f32)
{
	if (vexfs_sf_isnan(f32))
		f32 = VEXFS_SF_INF;
	if (f32 == VEXFS_SF_SIGN)
		f32 = 0;
	return f32 & VEXFS_SF_SIGN ? ~f32 : f32 | VEXFS_SF_SIGN;
}

u32 vexfs_key_to_f32(u32 key)
{
	return key & VEXFS_SF_SIGN ? key & ~VEXFS_SF_SIGN : ~key;
}

static inline u64 cand_rank(struct vexfs_cand c)
{
	return (u64)c.key << 32 | c.id;
}

static void sift_down(struct vexfs_cand *heap, u32 n, struct vexfs_cand c)
{
	u32 i = 0, child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n && cand_rank(heap[child + 1]) > cand_rank(heap[child]))
			child++;
		if (cand_rank(heap[child]) <= cand_rank(c))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = c;
}

static void sift_up(struct vexfs_cand *heap, u32 i, struct vexfs_cand c)
{
	for (; i && cand_rank(heap[(i - 1) / 2]) < cand_rank(c); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = c;
}

void vexfs_topk_init(struct vexfs_topk *t, struct vexfs_cand *mem, u32 cap)
{
	t->heap = mem;
	t->cap = cap;
	t->n = 0;
}

void vexfs_topk_add(struct vexfs_topk *t, u32 key, u32 id)
{
	struct vexfs_cand c = { .key = key, .id = id };

	if (t->n < t->cap)
		sift_up(t->heap, t->n++, c);
	else if (t->cap && cand_rank(c) < cand_rank(t->heap[0]))
		sift_down(t->heap, t->n, c);
}

/* Heapsort: the worst of what remains goes behind it. */
void vexfs_topk_sort(struct vexfs_topk *t)
{
	struct vexfs_cand c;
	u32 n;

	for (n = t->n; n > 1; n--) {
		c = t->heap[n - 1];
		t->heap[n - 1] = t->heap[0];
		sift_down(t->heap, n - 1, c);
	}
}
