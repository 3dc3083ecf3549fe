/* SPDX-License-Identifier: GPL-2.0 */
/* What trace.h and vec/trace.h share: how values are shown, and the clock. */
#ifndef VEXFS_KMOD_TRACE_COMMON_H
#define VEXFS_KMOD_TRACE_COMMON_H

#include <linux/ktime.h>
#include "kmod/vexfs.h"

#define vexfs_show_dev(d)	MAJOR(d), MINOR(d)
#define vexfs_show_elem(e)	__print_symbolic(e, { VEXFS_F32, "f32" }, { VEXFS_F16, "f16" }, \
						 { VEXFS_I8, "i8" })
#define vexfs_show_metric(m)	__print_symbolic(m, { VEXFS_L2, "l2" }, \
						 { VEXFS_COSINE, "cosine" }, { VEXFS_IP, "ip" })
#define vexfs_show_search(f)	__print_flags(f, "|", { VEXFS_SEARCH_EXACT, "EXACT" }, \
					      { VEXFS_SEARCH_FRESH, "FRESH" }, \
					      { VEXFS_SEARCH_PER_FILE, "PER_FILE" }, \
					      { VEXFS_SEARCH_COUNT, "COUNT" })
#define vexfs_show_iomap(f)	__print_flags(f, "|", { IOMAP_WRITE, "WRITE" }, \
					      { IOMAP_ZERO, "ZERO" }, { IOMAP_REPORT, "REPORT" }, \
					      { IOMAP_FAULT, "FAULT" }, { IOMAP_DIRECT, "DIRECT" }, \
					      { IOMAP_NOWAIT, "NOWAIT" })
#define vexfs_show_type(t)	__print_symbolic(t, { IOMAP_HOLE, "HOLE" }, \
						 { IOMAP_MAPPED, "MAPPED" }, \
						 { IOMAP_UNWRITTEN, "UNWRITTEN" })
#define vexfs_show_tier(t)	__print_symbolic(t, { VEXFS_TIER_FLAT, "flat" }, { VEXFS_TIER_GRAPH, "graph" })

#define vexfs_show_plan(p)	__print_symbolic(p, { VEXFS_SEARCHED_SCAN, "scan" }, { VEXFS_SEARCHED_SIFT, "sift" }, \
						 { VEXFS_SEARCHED_WALK, "walk" }, { VEXFS_SEARCHED_WIDE, "wide" })

#define VEXFS_TIER_FLAT	0
#define VEXFS_TIER_GRAPH	1

/* 6.10 keeps the source of a string from the declaration of the field. */
#ifdef VEXFS_HAVE_ASSIGN_STR_ONE
#define vexfs_assign_str(field, src)	__assign_str(field)
#else
#define vexfs_assign_str(field, src)	__assign_str(field, src)
#endif

/* Call the clock only for a tracepoint somebody listens to. */
#define vexfs_trace_start(event)	(trace_##event##_enabled() ? ktime_get() : 0)

static inline u64 vexfs_trace_since(ktime_t start)
{
	return start ? ktime_to_ns(ktime_sub(ktime_get(), start)) : 0;
}

/* 0: no handle, or its journal is gone */
static inline tid_t vexfs_handle_tid(const handle_t *handle)
{
	return IS_ERR_OR_NULL(handle) || !handle->h_transaction ? 0 : handle->h_transaction->t_tid;
}

#endif /* VEXFS_KMOD_TRACE_COMMON_H */
