/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints, vexfs:*, of collections, embeddings and searches. See trace.h. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vexfs

#if !defined(VEXFS_KMOD_TRACE_VEC_H) || defined(TRACE_HEADER_MULTI_READ)
#define VEXFS_KMOD_TRACE_VEC_H

#include <linux/tracepoint.h>
#include "kmod/vec/search.h"
#include "kmod/trace_common.h"

/* ---- collections and embeddings --------------------------------------------------------- */

/* A collection's name may change meanwhile: it is copied once, into room for any. */

DECLARE_EVENT_CLASS(vexfs_collection,
	TP_PROTO(struct vexfs_coll *coll, int ret),
	TP_ARGS(coll, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, coll)
		__field(u32, dim)
		__field(u32, elem)
		__field(u32, metric)
		__field(u32, live)
		__field(int, ret)
		__dynamic_array(char, collection, VEXFS_COLL_NAME_LEN + 1)
	),
	TP_fast_assign(
		__entry->dev = coll->sb->s_dev;
		__entry->coll = coll->id;
		__entry->dim = coll->space.dim;
		__entry->elem = coll->space.elem;
		__entry->metric = coll->space.metric;
		__entry->live = coll->nlive;
		__entry->ret = ret;
		vexfs_coll_name(coll, __get_str(collection));
	),
	TP_printk("dev %d:%d coll %u collection %s dim %u elem %s metric %s live %u ret %d",
		  vexfs_show_dev(__entry->dev), __entry->coll, __get_str(collection), __entry->dim,
		  vexfs_show_elem(__entry->elem), vexfs_show_metric(__entry->metric),
		  __entry->live, __entry->ret)
);
DEFINE_EVENT(vexfs_collection, vexfs_coll_create,
	TP_PROTO(struct vexfs_coll *coll, int ret), TP_ARGS(coll, ret));
DEFINE_EVENT(vexfs_collection, vexfs_coll_drop,
	TP_PROTO(struct vexfs_coll *coll, int ret), TP_ARGS(coll, ret));

/* name, other: as they were asked for */
TRACE_EVENT(vexfs_coll_exchange,
	TP_PROTO(struct super_block *sb, const char *name, const char *other, int ret),
	TP_ARGS(sb, name, other, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(int, ret)
		__string(collection, name)
		__string(other, other)
	),
	TP_fast_assign(
		__entry->dev = sb->s_dev;
		__entry->ret = ret;
		vexfs_assign_str(collection, name);
		vexfs_assign_str(other, other);
	),
	TP_printk("dev %d:%d collection %s other %s ret %d", vexfs_show_dev(__entry->dev), __get_str(collection),
		  __get_str(other), __entry->ret)
);

/* slot: what the operation ended on, ~0 if on none */
DECLARE_EVENT_CLASS(vexfs_vec,
	TP_PROTO(u64 ino, struct vexfs_coll *coll, u32 chunk, u32 slot, bool replace,
		 u64 duration_ns, int ret),
	TP_ARGS(ino, coll, chunk, slot, replace, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u32, coll)
		__field(u32, chunk)
		__field(u32, slot)
		__field(u32, replace)
		__field(u64, duration_ns)
		__field(int, ret)
		__dynamic_array(char, collection, VEXFS_COLL_NAME_LEN + 1)
	),
	TP_fast_assign(
		__entry->dev = coll->sb->s_dev;
		__entry->ino = ino;
		__entry->coll = coll->id;
		__entry->chunk = chunk;
		__entry->slot = ret ? ~0U : slot;
		__entry->replace = replace;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
		vexfs_coll_name(coll, __get_str(collection));
	),
	TP_printk("dev %d:%d ino %llu coll %u collection %s chunk %u slot %d replace %u duration_ns %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->ino, __entry->coll, __get_str(collection),
		  __entry->chunk, (int)__entry->slot, __entry->replace, __entry->duration_ns,
		  __entry->ret)
);
#define DEFINE_VEXFS_VEC(name) \
DEFINE_EVENT(vexfs_vec, name, \
	TP_PROTO(u64 ino, struct vexfs_coll *coll, u32 chunk, u32 slot, \
		 bool replace, u64 duration_ns, int ret), \
	TP_ARGS(ino, coll, chunk, slot, replace, duration_ns, ret))
DEFINE_VEXFS_VEC(vexfs_vec_set);
DEFINE_VEXFS_VEC(vexfs_vec_get);
DEFINE_VEXFS_VEC(vexfs_vec_del);

/* Content is about to change under an embedding: from now on it is stale */
TRACE_EVENT(vexfs_stale,
	TP_PROTO(struct inode *inode, u64 datagen, tid_t tid),
	TP_ARGS(inode, datagen, tid),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, datagen)
		__field(u32, tid)
	),
	TP_fast_assign(
		__entry->dev = inode->i_sb->s_dev;
		__entry->ino = inode->i_ino;
		__entry->datagen = datagen;
		__entry->tid = tid;
	),
	TP_printk("dev %d:%d ino %llu datagen %llu tid %u", vexfs_show_dev(__entry->dev),
		  __entry->ino, __entry->datagen, __entry->tid)
);

/* ---- search --------------------------------------------------------------------------------- */

TRACE_EVENT(vexfs_search_begin,
	TP_PROTO(struct inode *dir, const struct vexfs_find *f),
	TP_ARGS(dir, f),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, dir)
		__field(u32, coll)
		__field(u32, dim)
		__field(u32, elem)
		__field(u32, metric)
		__field(u32, live)
		__field(u32, k)
		__field(u32, window)
		__field(u32, flags)
		__dynamic_array(char, collection, VEXFS_COLL_NAME_LEN + 1)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->dir = dir->i_ino;
		__entry->coll = f->coll->id;
		__entry->dim = f->coll->space.dim;
		__entry->elem = f->coll->space.elem;
		__entry->metric = f->coll->space.metric;
		__entry->live = f->coll->nlive;
		__entry->k = f->k;
		__entry->window = f->first_window;
		__entry->flags = f->flags;
		vexfs_coll_name(f->coll, __get_str(collection));
	),
	TP_printk("dev %d:%d dir %llu coll %u collection %s dim %u elem %s metric %s live %u k %u window %u flags %s",
		  vexfs_show_dev(__entry->dev), __entry->dir, __entry->coll, __get_str(collection),
		  __entry->dim, vexfs_show_elem(__entry->elem), vexfs_show_metric(__entry->metric),
		  __entry->live, __entry->k, __entry->window, vexfs_show_search(__entry->flags))
);

/* One round: candidates looked at in it, found: results so far */
TRACE_EVENT(vexfs_search_round,
	TP_PROTO(const struct vexfs_find *f),
	TP_ARGS(f),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, coll)
		__field(u32, round)
		__field(u32, window)
		__field(u32, candidates)
		__field(u32, found)
		__field(u64, distances)
	),
	TP_fast_assign(
		__entry->dev = f->coll->sb->s_dev;
		__entry->coll = f->coll->id;
		__entry->round = f->rounds;
		__entry->window = f->window;
		__entry->candidates = f->ncands;
		__entry->found = min(f->nresults, f->k);
		__entry->distances = f->distances;
	),
	TP_printk("dev %d:%d coll %u round %u window %u candidates %u found %u distances %llu",
		  vexfs_show_dev(__entry->dev), __entry->coll, __entry->round, __entry->window,
		  __entry->candidates, __entry->found, __entry->distances)
);

/* rounds, candidates, distances: of all attempts; distances: computed, approximate and exact */
TRACE_EVENT(vexfs_search_end,
	TP_PROTO(struct inode *dir, const struct vexfs_find *f, u64 duration_ns, int ret),
	TP_ARGS(dir, f, duration_ns, ret),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, dir)
		__field(u32, coll)
		__field(u32, tier)
		__field(u32, plan)
		__field(u32, k)
		__field(u32, found)
		__field(u32, rounds)
		__field(u32, retries)
		__field(u64, candidates)
		__field(u64, distances)
		__field(u64, duration_ns)
		__field(int, ret)
		__dynamic_array(char, collection, VEXFS_COLL_NAME_LEN + 1)
	),
	TP_fast_assign(
		__entry->dev = dir->i_sb->s_dev;
		__entry->dir = dir->i_ino;
		__entry->coll = f->coll->id;
		__entry->tier = f->plan >= VEXFS_SEARCHED_WALK ? VEXFS_TIER_GRAPH : VEXFS_TIER_FLAT;
		__entry->plan = f->plan;
		__entry->k = f->k;
		__entry->found = ret ? 0 : f->nresults;
		__entry->rounds = f->all_rounds;
		__entry->retries = f->retries;
		__entry->candidates = f->candidates;
		__entry->distances = f->distances;
		__entry->duration_ns = duration_ns;
		__entry->ret = ret;
		vexfs_coll_name(f->coll, __get_str(collection));
	),
	TP_printk("dev %d:%d dir %llu coll %u collection %s tier %s plan %s k %u found %u rounds %u retries %u candidates %llu distances %llu duration_ns %llu ret %d",
		  vexfs_show_dev(__entry->dev), __entry->dir, __entry->coll, __get_str(collection),
		  vexfs_show_tier(__entry->tier), vexfs_show_plan(__entry->plan), __entry->k, __entry->found, __entry->rounds,
		  __entry->retries, __entry->candidates, __entry->distances,
		  __entry->duration_ns, __entry->ret)
);

#endif /* VEXFS_KMOD_TRACE_VEC_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH kmod/vec
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
