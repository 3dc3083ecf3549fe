// SPDX-License-Identifier: GPL-2.0
/*
 * Scan or walk? Counted in records that are compared one after the other; one
 * somewhere in memory costs about RANDOM of those. No method of filtering wins
 * everywhere; counting what matches first, with a way out of the walk, is the
 * steadiest (docs/design.md). Locking: none needed.
 */
#include "core/graph_impl.h"

#define RANDOM		4	/* a record met by a walk, in records scanned */
#define WALK_BASE	150	/* records a walk compares before it is near, */
#define WALK_EACH	8	/* and for each candidate it keeps */
#define EF_MAX		4096
#define JUDGE		16	/* a filter asked of one, in records scanned */
#define SIFT_FEW	16	/* that pass: fewer tell nothing */

static u64 walk_cost(u32 ef)
{
	return (u64)RANDOM * (WALK_BASE + (u64)WALK_EACH * ef);
}

/* Those that do not match are met too rarely to matter. */
static bool nearly_all(const struct vexfs_plan_ask *ask)
{
	return ask->match >= ask->total - ask->total / 16;
}

/* Candidates of which ef pass, with a quarter more for bad luck. */
static u64 wide_ef(const struct vexfs_plan_ask *ask)
{
	u64 ef = max(ask->ef, ask->k);

	if (nearly_all(ask))
		return ef;
	/* below 2^64: ef is at most 2^32, total too */
	return ef * (ask->total / ask->match + 1) + ef / 4;
}

enum vexfs_plan vexfs_graph_plan(const struct vexfs_plan_ask *ask, u32 *ef, u32 *budget)
{
	u64 wide = ask->match ? wide_ef(ask) : EF_MAX + 1ULL;

	*ef = (u32)min(wide, (u64)EF_MAX);
	*budget = max(ask->match / RANDOM, (u32)(walk_cost(*ef) / RANDOM));
	if (wide > EF_MAX || walk_cost(*ef) >= ask->match)
		return VEXFS_PLAN_SCAN;
	return nearly_all(ask) ? VEXFS_PLAN_WALK : VEXFS_PLAN_WIDEN;
}

u32 vexfs_graph_sift(const struct vexfs_sift_ask *ask)
{
	u64 window;

	if (ask->passed < SIFT_FEW || ask->asked > ~0U / max(ask->window, 1U))
		return 0;
	/* As if a quarter of those had passed by chance. */
	window = (u64)(ask->window * ask->asked / (ask->passed - ask->passed / 4)) + ask->window / 4;
	if (window > ask->most || ask->n + window * JUDGE >= (u64)ask->n * JUDGE)
		return 0;
	return (u32)window;
}
