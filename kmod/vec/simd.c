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
#if defined(CONFIG_ARM64) && defined(__AARCH64EL__) && defined(VEXFS_HAVE_NEON_PLAIN)
#define VEXFS_NEON
#include <asm/cpufeature.h>
#include <asm/neon.h>
#include <asm/simd.h>
#include <asm/sysreg.h>
#endif

static char *simd = "auto";
module_param(simd, charp, 0444);
MODULE_PARM_DESC(simd, "distance kernels: auto (default), int, or of this architecture: avx2, sse2; neondot, neon");

static const struct vexfs_simd *vexfs_simd_chosen __read_mostly = &vexfs_simd_int;

static bool vexfs_have_always(void)
{
	return true;
}

#if defined(CONFIG_X86_64)
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
#elif defined(VEXFS_NEON)
static bool vexfs_have_neon(void)
{
	return cpu_have_named_feature(ASIMD);
}

static bool vexfs_have_dotprod(void)
{
	return cpu_have_named_feature(ASIMDDP);
}

/*
 * kernel_neon_begin() saves the task's registers and leaves its FPCR: its rounding mode, its flushing of denormals,
 * which would make other keys than those on other machines. The task gets its own back on its way to user space.
 */
static bool vexfs_fpu_get(void)
{
	if (!may_use_simd())
		return false;
	kernel_neon_begin();
	write_sysreg(0, fpcr);
	return true;
}

static void vexfs_fpu_put(void)
{
	kernel_neon_end();
}
#else
static bool vexfs_fpu_get(void)
{
	return false;
}

static void vexfs_fpu_put(void)
{
}
#endif

/* This architecture's sets, the best first; the last one runs everywhere. */
static const struct vexfs_simd_set {
	const struct vexfs_simd *simd;
	bool (*usable)(void);
} vexfs_simd_sets[] = {
#if defined(CONFIG_X86_64)
	{ &vexfs_simd_avx2, vexfs_have_avx2 },
	{ &vexfs_simd_sse2, vexfs_have_always },
#elif defined(VEXFS_NEON)
	{ &vexfs_simd_neondot, vexfs_have_dotprod },
	{ &vexfs_simd_neon, vexfs_have_neon },
#endif
	{ &vexfs_simd_int, vexfs_have_always },
};

#ifdef VEXFS_KUNIT
bool vexfs_simd_usable(const struct vexfs_simd *s)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vexfs_simd_sets); i++)
		if (vexfs_simd_sets[i].simd == s)
			return vexfs_simd_sets[i].usable();
	return false;
}
#endif

/* Where the wish is in the list: 0, the best, for "auto" and for a name that is not in it. */
static u32 vexfs_simd_find(const char *want)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(vexfs_simd_sets); i++)
		if (!strcmp(want, vexfs_simd_sets[i].simd->name))
			return i;
	if (strcmp(want, "auto"))
		pr_warn("vexfs: simd=%s is unknown on this architecture, using auto\n", want);
	return 0;
}

/* Module load, before anything can be mounted. */
void vexfs_simd_init(void)
{
	const char *want = simd ? simd : "auto";
	u32 first = vexfs_simd_find(want), i = first;

	while (!vexfs_simd_sets[i].usable())
		i++;
	vexfs_simd_chosen = vexfs_simd_sets[i].simd;
	if (i != first && !strcmp(want, vexfs_simd_sets[first].simd->name))
		pr_warn("vexfs: simd=%s: this processor lacks its instructions, using %s\n", want,
			vexfs_simd_chosen->name);
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
