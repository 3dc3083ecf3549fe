// SPDX-License-Identifier: GPL-2.0
/*
 * Which distance kernels to use: chosen once, when the module is loaded.
 *
 * Callers hand over a batch whose memory is pinned; the FPU section around it
 * disables preemption, so a batch is at most some ten microseconds of work
 * (VEXFS_BATCH_ELEMS in search.c), and nothing in it sleeps or faults.
 */
#include "kmod/vec/vec.h"
#include "kmod/kunit/kunit.h"
#include <linux/module.h>
#include <linux/moduleparam.h>
#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#endif

static char *simd = "auto";
module_param(simd, charp, 0444);
MODULE_PARM_DESC(simd, "distance kernels: auto (default), avx2, sse2 or int");

static const struct vexfs_simd *vexfs_simd_chosen __read_mostly = &vexfs_simd_int;

#ifdef CONFIG_X86_64
/* The kernel must save the registers; under User-Mode Linux the host does, or its flags would not say AVX2. */
static bool vexfs_saves_ymm(void)
{
#ifdef CONFIG_UML
	return true;
#else
	return cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL);
#endif
}

/* The instructions must exist, and their registers must be saved. */
static bool vexfs_have_avx2(void)
{
	return boot_cpu_has(X86_FEATURE_AVX2) && boot_cpu_has(X86_FEATURE_FMA) && vexfs_saves_ymm();
}

static const struct vexfs_simd *vexfs_simd_pick(const char *want)
{
	if (!strcmp(want, "int"))
		return &vexfs_simd_int;
	if (!strcmp(want, "sse2"))
		return &vexfs_simd_sse2;
	if (vexfs_have_avx2())
		return &vexfs_simd_avx2;
	if (!strcmp(want, "avx2"))
		pr_warn("vexfs: simd=avx2: this processor has no AVX2 with FMA, using sse2\n");
	return &vexfs_simd_sse2;
}

#ifdef VEXFS_KUNIT
bool vexfs_simd_usable(const struct vexfs_simd *s)
{
	return s != &vexfs_simd_avx2 || vexfs_have_avx2();
}
#endif

static bool vexfs_fpu_get(void)
{
	if (!irq_fpu_usable())
		return false;
	kernel_fpu_begin();
	return true;
}

static void vexfs_fpu_put(void)
{
	kernel_fpu_end();
}
#else
static const struct vexfs_simd *vexfs_simd_pick(const char *want)
{
	return &vexfs_simd_int;
}

static bool vexfs_fpu_get(void)
{
	return false;
}

static void vexfs_fpu_put(void)
{
}

#ifdef VEXFS_KUNIT
bool vexfs_simd_usable(const struct vexfs_simd *s)
{
	return s == &vexfs_simd_int;
}
#endif
#endif

static bool vexfs_simd_name_valid(const char *name)
{
	return !strcmp(name, "auto") || !strcmp(name, "avx2") || !strcmp(name, "sse2") ||
	       !strcmp(name, "int");
}

/* Module load, before anything can be mounted. */
void vexfs_simd_init(void)
{
	const char *want = simd ? simd : "auto";

	if (!vexfs_simd_name_valid(want)) {
		pr_warn("vexfs: simd=%s is unknown (auto, avx2, sse2, int), using auto\n", want);
		want = "auto";
	}
	vexfs_simd_chosen = vexfs_simd_pick(want);
	pr_info("vexfs: distance kernels: %s\n", vexfs_simd_chosen->name);
}

const struct vexfs_simd *vexfs_simd(void)
{
	return vexfs_simd_chosen;
}

void vexfs_simd_fpu(bool on)
{
	if (!on)
		vexfs_fpu_put();
	else if (!vexfs_fpu_get())
		WARN_ON_ONCE(1);	/* only in an interrupt */
}

vexfs_testable void vexfs_simd_scan_by(const struct vexfs_simd *s, const struct vexfs_query *q,
				       const struct vexfs_code *const *recs, u32 n, u32 *keys)
{
	if (!s->fpu) {
		s->scan(q, recs, n, keys);
	} else if (vexfs_fpu_get()) {
		s->scan(q, recs, n, keys);
		vexfs_fpu_put();
	} else {
		vexfs_simd_int.scan(q, recs, n, keys);
	}
}

vexfs_testable void vexfs_simd_exact_by(const struct vexfs_simd *s, const struct vexfs_query *q,
					const u32 *const *vecs, u32 n, u32 *keys)
{
	if (!s->fpu) {
		s->exact(q, vecs, n, keys);
	} else if (vexfs_fpu_get()) {
		s->exact(q, vecs, n, keys);
		vexfs_fpu_put();
	} else {
		vexfs_simd_int.exact(q, vecs, n, keys);
	}
}

/**
 * vexfs_simd_scan - approximate distance keys of a batch of code records
 * @q:	  prepared query
 * @recs: records, pinned
 * @n:	  how many
 * @keys: the results
 *
 * Process context, nothing atomic held.
 */
void vexfs_simd_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		     u32 *keys)
{
	vexfs_simd_scan_by(vexfs_simd_chosen, q, recs, n, keys);
}

/* As vexfs_simd_scan(), for full-precision vectors as float32 bits, dim words each. */
void vexfs_simd_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys)
{
	vexfs_simd_exact_by(vexfs_simd_chosen, q, vecs, n, keys);
}
