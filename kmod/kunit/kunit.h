/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit suites of the module: what user-space tests of core/ cannot see, or must
 * also hold in the kernel's build. Compiled into debug builds (VEXFS_DEBUG=1) for
 * kernels with CONFIG_KUNIT. They run when the module is loaded if the kernel was
 * booted with kunit.enable=1, and whenever something is written to
 * /sys/kernel/debug/vexfs/kunit; they report as KTAP in the kernel log.
 */
#ifndef VEXFS_KMOD_KUNIT_H
#define VEXFS_KMOD_KUNIT_H

#include "kmod/vec/vec.h"

/* Static, but for the suites. */
#ifdef VEXFS_KUNIT
#define vexfs_testable
#else
#define vexfs_testable static
#endif

struct dentry;

#ifdef VEXFS_KUNIT
struct kunit_suite;
struct fs_context;
struct fs_parameter;

extern struct kunit_suite vexfs_kunit_core, vexfs_kunit_parse, vexfs_kunit_slot, vexfs_kunit_vec;
/* run.c: the debugfs file that runs them on demand */
void vexfs_kunit_debugfs(struct dentry *dir);

/* super.c */
int vexfs_parse_param(struct fs_context *fc, struct fs_parameter *param);
/* xattr.c */
int vexfs_xattr_parse(const char *name, char *coll, u32 *chunk);
int vexfs_xattr_name(char *out, const char *coll, u32 chunk);
/* load.c */
int vexfs_load_begin(struct vexfs_coll *coll, bool *early, tid_t *tid);
void vexfs_load_undo(struct vexfs_coll *coll);
/* slottab.c */
void vexfs_slotmap_swap(struct vexfs_coll *coll, struct vexfs_slotmap *new, u32 nslots);
void vexfs_coll_commit(struct vexfs_coll *coll, u32 parity);
/* simd.c */
bool vexfs_simd_usable(const struct vexfs_simd *s);
void vexfs_simd_scan_by(const struct vexfs_simd *s, const struct vexfs_query *q,
			const struct vexfs_code *const *recs, u32 n, u32 *keys);
void vexfs_simd_exact_by(const struct vexfs_simd *s, const struct vexfs_query *q,
			 const u32 *const *vecs, u32 n, u32 *keys);

/* A generator whose sequence is the same in every run (splitmix64). */
static inline u64 vexfs_kunit_random(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static inline u32 vexfs_kunit_below(u64 *state, u32 n)
{
	return (u32)((vexfs_kunit_random(state) >> 32) * n >> 32);
}
#else
static inline void vexfs_kunit_debugfs(struct dentry *dir) { }
#endif /* VEXFS_KUNIT */

#endif /* VEXFS_KMOD_KUNIT_H */
