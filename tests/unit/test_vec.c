// SPDX-License-Identifier: GPL-2.0
/* core/vec: layout, validation, codes, keys, best-k. The distance kernels: test_vec_simd.c. */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "vecref.h"

static void test_space(void **state)
{
	struct vexfs_space s = { .dim = 1, .elem = VEXFS_F32, .metric = VEXFS_L2 };

	assert_true(vexfs_space_valid(&s));
	s.dim = 0;
	assert_false(vexfs_space_valid(&s));
	s.dim = VEXFS_MAX_DIM;
	assert_true(vexfs_space_valid(&s));
	assert_int_equal(vexfs_vec_bytes(&s), 65536);
	s.dim++;
	assert_false(vexfs_space_valid(&s));
	s = (struct vexfs_space){ .dim = 7, .elem = VEXFS_I8, .metric = VEXFS_IP };
	assert_true(vexfs_space_valid(&s));
	assert_int_equal(vexfs_vec_bytes(&s), 7);
	assert_int_equal(vexfs_code_bytes(&s), 23);
	s.elem = VEXFS_I8 + 1;
	assert_false(vexfs_space_valid(&s));
	s.elem = 0;
	assert_false(vexfs_space_valid(&s));
	s.elem = VEXFS_F16;
	assert_int_equal(vexfs_vec_bytes(&s), 14);
	s.metric = 0;
	assert_false(vexfs_space_valid(&s));
	s.metric = VEXFS_IP + 1;
	assert_false(vexfs_space_valid(&s));
}

/* No slot straddles a block, none overlaps its neighbour, no block could hold one more. */
static void test_layout(void **state)
{
	struct vexfs_layout l;
	u32 bytes;

	for (bytes = 1; bytes <= 4 * VEXFS_MAX_DIM + 16; bytes++) {
		vexfs_layout_init(&l, bytes);
		assert_int_equal(l.bytes, bytes);
		assert_true(l.stride >= bytes && l.stride % 16 == 0);
		if (bytes <= VEXFS_BLOCK_SIZE) {
			assert_int_equal(l.blocks, 1);
			assert_true(l.stride - bytes < 16);
			assert_true(l.per_block * l.stride <= VEXFS_BLOCK_SIZE);
			assert_true((l.per_block + 1) * l.stride > VEXFS_BLOCK_SIZE);
		} else {
			assert_int_equal(l.per_block, 1);
			assert_true(l.blocks * VEXFS_BLOCK_SIZE >= bytes);
			assert_true((l.blocks - 1) * VEXFS_BLOCK_SIZE < bytes);
		}
	}
	vexfs_layout_init(&l, 3072);
	assert_int_equal(l.per_block, 1);
	vexfs_layout_init(&l, 784);
	assert_int_equal(l.per_block, 5);
	vexfs_layout_init(&l, 0);		/* must not divide by zero */
	assert_true(l.per_block >= 1 && l.blocks == 1);
}

/* Check one f32 vector under each metric; @l2ip and @cosine are the expected results. */
static void check_f32(const float *v, u32 dim, int l2ip, int cosine)
{
	struct vexfs_space s = { .dim = dim, .elem = VEXFS_F32 };
	u8 odd[1 + 8 * sizeof(float)];
	u64 mem[8 * 40 / 8];
	struct vexfs_query q;

	memcpy(odd + 1, v, dim * sizeof(float));
	for (s.metric = VEXFS_L2; s.metric <= VEXFS_IP; s.metric++) {
		int want = s.metric == VEXFS_COSINE ? cosine : l2ip;
		u8 *aligned = (u8 *)(((uintptr_t)mem + 63) & ~(uintptr_t)63);

		assert_int_equal(vexfs_vec_check(&s, odd + 1), want);
		assert_true(vexfs_query_bytes(&s) + 64 <= sizeof(mem));
		assert_int_equal(vexfs_query_init(&q, &s, (const u32 *)v, aligned), want);
	}
}

static void test_check_f32(void **state)
{
	check_f32((float[]){ 1, 2, 3 }, 3, 0, 0);
	check_f32((float[]){ 1, NAN, 3 }, 3, -EDOM, -EDOM);
	check_f32((float[]){ 1, 2, -NAN }, 3, -EDOM, -EDOM);
	check_f32((float[]){ INFINITY, 2, 3 }, 3, -EDOM, -EDOM);
	check_f32((float[]){ 1, -INFINITY }, 2, -EDOM, -EDOM);
	check_f32((float[]){ 0, -0.0f, 0 }, 3, 0, -EDOM);
	check_f32((float[]){ FLT_MAX, 1 }, 2, 0, -EDOM);
	check_f32((float[]){ 1.3e19f, 1.3e19f }, 2, 0, 0);
	check_f32((float[]){ 1.3e19f, 1.4e19f }, 2, 0, -EDOM);	/* 3.65e38: too large only together */
	check_f32((float[]){ 1e-40f }, 1, 0, -EDOM);
	check_f32((float[]){ 1e-19f }, 1, 0, -EDOM);		/* square below 2^-126 */
	check_f32((float[]){ 0x1p-63f }, 1, 0, 0);		/* exactly 2^-126 */
	check_f32((float[]){ 0x1p-64f, 0x1p-64f, 0x1p-64f, 0x1p-64f }, 4, 0, 0);
	check_f32((float[]){ 0x1p-64f, 0x1p-64f, 0x1p-64f }, 3, 0, -EDOM);
}

static void test_check_small_types(void **state)
{
	struct vexfs_space h = { .dim = 2, .elem = VEXFS_F16, .metric = VEXFS_COSINE };
	struct vexfs_space b = { .dim = 2, .elem = VEXFS_I8, .metric = VEXFS_COSINE };

	assert_int_equal(vexfs_vec_check(&h, "\x00\x3c\x00\xc0"), 0);	/* 1, -2 */
	assert_int_equal(vexfs_vec_check(&h, "\x00\x3c\x00\x7c"), -EDOM);	/* Inf */
	assert_int_equal(vexfs_vec_check(&h, "\x01\xfc\x00\x3c"), -EDOM);	/* NaN */
	assert_int_equal(vexfs_vec_check(&h, "\x00\x80\x00\x00"), -EDOM);	/* -0, 0 */
	assert_int_equal(vexfs_vec_check(&h, "\x01\x00\x00\x00"), 0);	/* 2^-24: fine in f32 */
	assert_int_equal(vexfs_vec_check(&b, "\x00\x00"), -EDOM);
	assert_int_equal(vexfs_vec_check(&b, "\x80\x7f"), 0);
	b.metric = VEXFS_L2;
	assert_int_equal(vexfs_vec_check(&b, "\x00\x00"), 0);
}

static void test_to_f32(void **state)
{
	struct vexfs_space s = { .dim = 3, .elem = VEXFS_I8, .metric = VEXFS_L2 };
	float out[4] = { 0, 0, 0, 42 };

	vexfs_vec_to_f32(&s, "\x80\x00\x7f", (u32 *)out);
	assert_true(out[0] == -128 && out[1] == 0 && out[2] == 127 && out[3] == 42);
	s.elem = VEXFS_F16;
	vexfs_vec_to_f32(&s, "\x00\x3e\x00\xc4\x01\x00", (u32 *)out);
	assert_true(out[0] == 1.5f && out[1] == -4 && out[2] == 0x1p-24f && out[3] == 42);
	s.elem = VEXFS_F32;
	vexfs_vec_to_f32(&s, "\x00\x00\xc0\x3f\x00\x00\x00\x80\x01\x00\x00\x00", (u32 *)out);
	assert_true(out[0] == 1.5f && out[1] == 0 && signbit(out[1]) && out[2] == 0x1p-149f);
}

static void test_vec_crc(void **state)
{
	struct vexfs_space s = { .dim = 9, .elem = VEXFS_I8, .metric = VEXFS_L2 };

	/* RFC 3720 B.4's check value of "123456789" is e3069283 after the final inversion. */
	assert_int_equal(vexfs_vec_crc(&s, "123456789"), ~0xe3069283U);
}

static void check_code(const struct vexfs_space *s, const float *v, struct vexfs_code *rec)
{
	double norm2 = 0, max = 0, scale;
	const s8 *code = (const s8 *)(rec + 1);
	u32 i;

	for (i = 0; i < s->dim; i++) {
		norm2 += (double)v[i] * v[i];
		max = fmax(max, fabs(v[i]));
	}
	vexfs_code_encode(s, (const u32 *)v, 77, rec);
	scale = u2f(le32_to_cpu(rec->k_scale));
	assert_true(le32_to_cpu(rec->k_norm2) == f2u((float)norm2));
	assert_true(le32_to_cpu(rec->k_scale) == f2u((float)max / 127.0f));
	for (i = 0; i < s->dim; i++)
		assert_true(fabs(code[i] * scale - v[i]) <= scale * (0.5 + 1e-5));
	assert_true(vexfs_code_valid(s, rec, 77));
	assert_false(vexfs_code_valid(s, rec, 78));
}

static void test_encode(void **state)
{
	u64 seed = 4;
	u32 i;

	for (i = 0; i < 3000; i++) {
		struct vexfs_space s = { .dim = 1 + rnd(&seed, 200), .metric = VEXFS_COSINE,
					 .elem = VEXFS_F32 };
		float size = ldexpf(1.0f, (int)rnd(&seed, 110) - 55), v[200];
		struct vexfs_code *rec = malloc(vexfs_code_bytes(&s));
		u32 j;

		for (j = 0; j < s.dim; j++)
			v[j] = size * rnd_float(&seed);
		if (!vexfs_vec_check(&s, v))
			check_code(&s, v, rec);
		free(rec);
	}
}

/* Elements of very different size, zero, denormal, huge: no code outside +-127, all defined. */
static void test_encode_extremes(void **state)
{
	static const float pool[] = { 0, -0.0f, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45f, -1e-45f, 1e-39f,
				      1, -1, 0.004f, 0.0039f, 3e38f, 1e-10f };
	struct vexfs_space s = { .dim = 5, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	struct { struct vexfs_code rec; s8 code[8]; } r;
	u64 seed = 5;
	u32 i, j;

	for (i = 0; i < 20000; i++) {
		float v[5], max = 0;

		for (j = 0; j < s.dim; j++) {
			v[j] = pool[rnd(&seed, ARRAY_SIZE(pool))];
			max = fmaxf(max, fabsf(v[j]));
		}
		assert_int_equal(vexfs_vec_check(&s, v), 0);
		vexfs_code_encode(&s, (const u32 *)v, i, &r.rec);
		assert_true(vexfs_code_valid(&s, &r.rec, i));
		for (j = 0; j < s.dim; j++) {
			double want = max > 0 ? 127.0 * v[j] / max : 0;

			assert_true(fabs(r.code[j] - want) <= 0.5 + 1e-9);
		}
	}
}

/* Recompute the checksum, as an attacker would. */
static void reseal(const struct vexfs_space *s, struct vexfs_code *rec)
{
	rec->k_checksum = cpu_to_le32(crc32c(~0U, (u8 *)rec + 4, vexfs_code_bytes(s) - 4));
}

static void test_code_valid(void **state)
{
	static const u32 bad_scale[] = { 0x7f800000, 0x7fc00000, 0xbf800000, 0x80000000 };
	static const u32 bad_norm[] = { 0x7fc00000, 0xbf800000, 0x80000000 };
	struct vexfs_space s = { .dim = 4, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	struct { struct vexfs_code rec; s8 code[4]; } good, r;
	u32 i;

	vexfs_code_encode(&s, (const u32 *)(float[]){ 1, -2, 3, 4 }, 9, &good.rec);
	for (i = 0; i < 8 * sizeof(good); i++) {
		r = good;
		((u8 *)&r)[i / 8] ^= (u8)(1 << i % 8);
		assert_false(vexfs_code_valid(&s, &r.rec, 9));
	}
	for (i = 0; i < ARRAY_SIZE(bad_scale); i++) {
		r = good;
		r.rec.k_scale = cpu_to_le32(bad_scale[i]);
		reseal(&s, &r.rec);
		assert_false(vexfs_code_valid(&s, &r.rec, 9));
	}
	for (i = 0; i < ARRAY_SIZE(bad_norm); i++) {
		r = good;
		r.rec.k_norm2 = cpu_to_le32(bad_norm[i]);
		reseal(&s, &r.rec);
		assert_false(vexfs_code_valid(&s, &r.rec, 9));
	}
	r = good;
	r.code[3] = -128;
	reseal(&s, &r.rec);
	assert_false(vexfs_code_valid(&s, &r.rec, 9));
	r = good;
	r.rec.k_norm2 = 0;
	reseal(&s, &r.rec);
	assert_true(vexfs_code_valid(&s, &r.rec, 9));
	s.metric = VEXFS_COSINE;			/* would divide by it */
	assert_false(vexfs_code_valid(&s, &r.rec, 9));
}

static void test_query(void **state)
{
	struct vexfs_space s = { .dim = 33, .elem = VEXFS_F32, .metric = VEXFS_L2 };
	size_t bytes = vexfs_query_bytes(&s);
	u8 *mem = aligned_alloc(64, (bytes + 63) & ~63UL);
	struct vexfs_query q;
	float v[33];
	u32 i;

	assert_int_equal(bytes, 64 * 5);
	memset(mem, 0xee, bytes);
	for (i = 0; i < 33; i++)
		v[i] = (float)i - 16;
	assert_int_equal(vexfs_query_init(&q, &s, (const u32 *)v, mem), 0);
	assert_int_equal((uintptr_t)q.f32 % 64, 0);
	assert_int_equal((uintptr_t)q.code % 64, 0);
	assert_true((u8 *)(q.code + 64) <= mem + bytes);
	assert_memory_equal(q.f32, v, sizeof(v));
	for (i = 33; i < 64; i++)
		assert_true(q.f32[i] == 0 && q.code[i] == 0);
	assert_int_equal(q.code[0], -127);
	assert_int_equal(q.code[32], 127);
	free(mem);
}

static void test_keys(void **state)
{
	static const float order[] = { -INFINITY, -FLT_MAX, -1.5f, -1, -FLT_MIN, -1e-45f, 0, 1e-45f,
				       FLT_MIN, 0.5f, 1, 2, FLT_MAX, INFINITY };
	u64 seed = 6;
	u32 i, a, b;

	for (i = 1; i < ARRAY_SIZE(order); i++)
		assert_true(vexfs_f32_to_key(f2u(order[i - 1])) < vexfs_f32_to_key(f2u(order[i])));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(vexfs_key_to_f32(vexfs_f32_to_key(f2u(order[i]))), f2u(order[i]));
	assert_int_equal(vexfs_f32_to_key(0x80000000), vexfs_f32_to_key(0));
	assert_int_equal(vexfs_f32_to_key(f2u(NAN)), vexfs_f32_to_key(f2u(INFINITY)));
	assert_int_equal(vexfs_f32_to_key(f2u(-NAN)), vexfs_f32_to_key(f2u(INFINITY)));
	assert_true(vexfs_f32_to_key(f2u(INFINITY)) < ~0U);	/* an empty heap accepts it */
	for (i = 0; i < 200000; i++) {
		a = (u32)rnd64(&seed);
		b = (u32)rnd64(&seed);
		if (isnan(u2f(a)) || isnan(u2f(b)))
			continue;
		assert_int_equal(vexfs_f32_to_key(a) < vexfs_f32_to_key(b), u2f(a) < u2f(b));
	}
}

static int by_rank(const void *a, const void *b)
{
	const struct vexfs_cand *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void check_topk(u32 n, u32 cap, u32 keys, u64 *seed)
{
	struct vexfs_cand *all = malloc((n + 1) * sizeof(*all));
	struct vexfs_cand *mem = malloc((cap + !cap) * sizeof(*mem));
	struct vexfs_topk t;
	u32 i, want = n < cap ? n : cap;

	vexfs_topk_init(&t, mem, cap);
	for (i = 0; i < n; i++) {
		all[i].key = rnd(seed, keys);
		all[i].id = rnd(seed, 1000000);
		vexfs_topk_add(&t, all[i].key, all[i].id);
	}
	qsort(all, n, sizeof(*all), by_rank);
	assert_int_equal(t.n, want);
	if (cap)
		assert_int_equal(vexfs_topk_worst(&t), n < cap ? ~0U : all[cap - 1].key);
	vexfs_topk_sort(&t);
	for (i = 0; i < want; i++) {
		assert_int_equal(mem[i].key, all[i].key);
		assert_int_equal(mem[i].id, all[i].id);
	}
	free(all);
	free(mem);
}

static void test_topk(void **state)
{
	u64 seed = 7;
	u32 i;

	for (i = 0; i < 3000; i++)
		check_topk(rnd(&seed, 300), rnd(&seed, 40), i & 1 ? 8 : 1U << 31, &seed);
	check_topk(50000, 1000, 100, &seed);
	check_topk(10, 1000, 100, &seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_check_f32),
		cmocka_unit_test(test_check_small_types),
		cmocka_unit_test(test_to_f32),
		cmocka_unit_test(test_vec_crc),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_extremes),
		cmocka_unit_test(test_code_valid),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_topk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
