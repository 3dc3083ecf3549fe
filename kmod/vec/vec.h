/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vector half of the kernel side: collections, slots, payload, search.
 *
 * A collection in memory is counted: the table (sbi->coll[]) holds one
 * reference until the collection is gone, every user holds one while it works
 * without coll_sem. Whoever takes coll->sem must look at coll->state before
 * touching anything else: a drop may have come first.
 */
#ifndef VEXFS_KMOD_VEC_H
#define VEXFS_KMOD_VEC_H

#include "kmod/vexfs.h"
#include "core/coll.h"
#include "core/vec.h"
#include "uapi/vexfs.h"

/**
 * struct vexfs_region - the payload or the code file of a collection
 * @inode:  hidden inode, all blocks below @blocks mapped
 * @l:	    where slot s lies
 * @blocks: blocks mapped, from 0
 */
struct vexfs_region {
	struct inode		*inode;
	struct vexfs_layout	l;
	u64			blocks;
};

/* Freed slots wait in one of two sets, by the parity of the transaction that
 * freed them: jbd2 has at most one running and one committing. */
struct vexfs_slotmap {
	unsigned long	*live;		/* under coll->sem */
	unsigned long	*used;		/* live or pending; under coll->lock */
	unsigned long	*pending[2];	/* under coll->lock */
	u32		npending[2];
	u32		hint;		/* no unused slot below */
};

struct vexfs_coll_owner {
	kuid_t	uid;
	kgid_t	gid;
	u32	mode;
};

/**
 * struct vexfs_coll - a collection in memory
 * @sem:       slots, map, record and @state. Shared: reading; exclusive: changing
 * @lock:      bitmaps the commit callback changes
 * @state:     VEXFS_COLL_LIVE or _DROPPING
 * @broken:    its slot table or record is damaged; everything but drop fails
 * @map:       the record's c_map
 * @nslots:    slots that exist
 * @seq:       counts replaced and deleted embeddings, so that a search in several
 *	       steps notices what moved under it
 * @stamp:     next stamp; all below @stamp_limit may be used
 * @stamp_limit: what the record on disk says
 */
struct vexfs_coll {
	refcount_t		ref;
	struct super_block	*sb;
	u32			id;
	char			name[VEXFS_COLL_NAME_LEN + 1];
	struct vexfs_space	space;
	u64			btime;
	struct vexfs_coll_owner	owner;		/* these two under @lock; to change them @sem as well */
	struct vexfs_embedder_id embedder;

	struct rw_semaphore	sem;
	u32			state;
	bool			broken;
	struct vexfs_btree_root	map;
	u32			nslots;
	u32			nlive;
	u64			seq;
	atomic64_t		stamp;
	u64			stamp_limit;
	struct inode		*slots;
	struct vexfs_region	payload, code;

	spinlock_t		lock;
	struct vexfs_slotmap	bits;
};

/* access.c */
/* Is the caller the owner, or whoever manages the filesystem? */
bool vexfs_coll_owned(struct vexfs_coll *coll);
int vexfs_coll_permission(struct vexfs_coll *coll, int mask);
/* vexfs_coll_get() and vexfs_coll_permission(). */
struct vexfs_coll *vexfs_coll_open(struct super_block *sb, const char *name, int mask);
bool vexfs_coll_may_create(struct file *file);
int vexfs_coll_embedder(struct vexfs_coll *coll, const struct vexfs_embedder_id *e);
bool vexfs_embedder_valid(const struct vexfs_embedder_id *e);
int vexfs_coll_new_owner(struct vexfs_coll *coll, const struct vexfs_ioc_collection *req);
int vexfs_coll_change(struct vexfs_coll *coll, const struct vexfs_ioc_collection *req);
void vexfs_coll_owner_load(struct vexfs_coll *coll, const struct vexfs_collection *rec);
void vexfs_coll_owner_store(const struct vexfs_coll *coll, struct vexfs_collection *rec);
void vexfs_coll_tell(struct vexfs_coll *coll, struct vexfs_ioc_collection *out);

#define VEXFS_STAMP_BATCH	65536

/* coll.c */
/* A counted reference to the live collection @name: -ENOENT, -EINVAL (bad name). ERR_PTR. */
struct vexfs_coll *vexfs_coll_get(struct super_block *sb, const char *name);
/* ... with index @id; NULL if there is none. */
struct vexfs_coll *vexfs_coll_get_id(struct super_block *sb, u32 id);
void vexfs_coll_put(struct vexfs_coll *coll);
/* Is it there and sound? coll->sem held. 0, -ENOENT, -EUCLEAN. */
int vexfs_coll_check(const struct vexfs_coll *coll);
/* Write the record (map root, nslots, stamp limit). coll->sem held for writing. Credits: 1. */
int vexfs_coll_record_access(handle_t *handle, struct vexfs_coll *coll);
int vexfs_coll_record_write(handle_t *handle, struct vexfs_coll *coll);
/* The embedding map, for core: coll->sem held (for writing with a handle). */
void vexfs_coll_map(struct vexfs_tree *t, struct vexfs_kio *kio, struct vexfs_coll *coll,
		    handle_t *handle);
int vexfs_coll_create(struct super_block *sb, struct vexfs_ioc_collection *req);
int vexfs_coll_drop(struct super_block *sb, const char *name);	/* -EPERM */
void vexfs_coll_info(struct vexfs_coll *coll, struct vexfs_ioc_collection *out);

/* slottab.c: the slot table and the bitmaps made from it */
int vexfs_slotmap_load(struct vexfs_coll *coll);
void vexfs_slotmap_free(struct vexfs_coll *coll);
/* Bring in the slot's block; *@slot points into it. ERR_PTR. coll->sem held. */
struct buffer_head *vexfs_slot_read(struct vexfs_coll *coll, u32 slot, struct vexfs_slot **s);
bool vexfs_slot_find_free(struct vexfs_coll *coll, u32 *slot);
bool vexfs_slot_used(struct vexfs_coll *coll, u32 slot);
void vexfs_slot_mark_live(struct vexfs_coll *coll, u32 slot);
void vexfs_slot_mark_freed(struct vexfs_coll *coll, u32 slot, tid_t tid);
/* More slots. Own handles; no locks held. -ENOSPC. */
int vexfs_coll_grow(struct vexfs_coll *coll);
/* Before the slot inode is freed as if it held data: revoke its blocks. Own handles. */
int vexfs_slots_revoke(struct vexfs_coll *coll);

/* slot.c: embeddings of a file */
/**
 * struct vexfs_vec_arg - one embedding, as ioctl and xattr see it
 * @coll:  name of the collection
 * @data:  SET: elements, little-endian; GET: room for @bytes
 * @bytes: length of @data; GET: in room, out length
 * @flags: SET: XATTR_CREATE, XATTR_REPLACE or 0
 * @stale: GET: content changed since the set
 * @generation: SET: the data generation it was made from plus 1, 0: the present one
 * @embedder: SET: what made it; NULL: not said
 */
struct vexfs_vec_arg {
	const char	*coll;
	u32		chunk;
	void		*data;
	u32		bytes;
	int		flags;
	u64		off, len;
	bool		stale;
	u64		generation;
	const struct vexfs_embedder_id *embedder;
};

/* i_rwsem held for writing, write access to the mount. -EINVAL, -EDOM, -ENOENT, -ENOSPC,
 * -ESTALE, -EEXIST / -ENODATA for the XATTR_ flags, errors of writing the content. */
int vexfs_vec_set(struct inode *inode, const struct vexfs_vec_arg *arg);
/* -ENODATA, -ERANGE (arg->bytes says how much), -EUCLEAN. @arg->data NULL: only the length. */
int vexfs_vec_get(struct inode *inode, struct vexfs_vec_arg *arg);
/* i_rwsem held for writing. @all: every chunk. -ENODATA. */
int vexfs_vec_del(struct inode *inode, const char *coll, u32 chunk, bool all);
/* The first embedding at or after (id, chunk); -ENOENT past the last. */
int vexfs_vec_next(struct inode *inode, u32 *id, u32 *chunk, struct vexfs_vec_entry *e,
		   char *name);

/* payload.c */
/**
 * struct vexfs_cursor - reading a region in order: remembers the last extent
 * coll->sem is held for as long as it is used; vexfs_cursor_done() ends it.
 */
struct vexfs_cursor {
	const struct vexfs_region *r;
	struct vexfs_extent e;
	u64	ahead;		/* blocks below have been asked for */
	u64	lblk;		/* of @bh */
	struct buffer_head *bh;	/* the last block pinned, or NULL */
};
void vexfs_cursor_init(struct vexfs_cursor *c, const struct vexfs_region *r);
void vexfs_cursor_done(struct vexfs_cursor *c);
u64 vexfs_region_need(const struct vexfs_region *r, u32 nslots);	/* blocks for so many slots */
/* Ask for blocks ahead of the one that holds @slot; does not wait. */
void vexfs_region_ahead(struct vexfs_cursor *c, u32 slot);
/* Ask for the blocks of @slot alone. */
void vexfs_region_prefetch(struct vexfs_cursor *c, u32 slot);
/* The block (with a reference) of a record that fits a block; *@rec points into it. ERR_PTR. */
struct buffer_head *vexfs_region_pin(struct vexfs_cursor *c, u32 slot, const void **rec);
/* Copy a record of any size. */
int vexfs_region_read(struct vexfs_cursor *c, u32 slot, void *buf);
/* In a handle, coll->sem held for writing: write a record and queue its blocks. */
int vexfs_region_write(handle_t *handle, struct vexfs_coll *coll, struct vexfs_region *r,
		       u32 slot, const void *rec);
void vexfs_payload_init(struct super_block *sb);
void vexfs_payload_exit(struct super_block *sb);

/* search.c */
int vexfs_search(struct file *scope, struct vexfs_ioc_search *req);

/* scope.c */
#define VEXFS_PATH_ROOM	65536	/* longest path from a scope that a search walks */
struct vexfs_scope;
/**
 * struct vexfs_verdict - about one inode, for one search
 * @ok:	  a regular file the caller may read, reachable from the scope
 */
struct vexfs_verdict {
	u64	ino;
	u64	datagen;
	u32	generation;
	bool	ok;
};
/* NULL: no memory. */
struct vexfs_scope *vexfs_scope_create(struct file *file);
void vexfs_scope_free(struct vexfs_scope *sc);
void vexfs_scope_forget(struct vexfs_scope *sc);	/* what was learnt so far */
u64 vexfs_scope_top(const struct vexfs_scope *sc);
const struct path *vexfs_scope_at(const struct vexfs_scope *sc);
void vexfs_links_ask(struct inode *inode, struct vexfs_link *links);
int vexfs_scope_reaches(struct vexfs_scope *sc, u64 dir);
/* No locks held. 0 or -EINTR, -ENOMEM. */
int vexfs_scope_judge(struct vexfs_scope *sc, u64 ino, struct vexfs_verdict *v);
int vexfs_scope_path(struct vexfs_scope *sc, struct vexfs_link link, u64 ino, char **path,
		     u32 *len);

/* view.c */
struct vexfs_view;
/**
 * struct vexfs_permitted - what a caller may have of a collection
 * @bits:	slots below @nslots, @n of them set; newer ones are not permitted
 * @incomplete:	damage or an I/O error kept some files from being judged
 */
struct vexfs_permitted {
	unsigned long	*bits;
	u32		nslots, n;
	bool		incomplete;
};
int vexfs_views_init(struct super_block *sb);
void vexfs_views_exit(struct super_block *sb);
void vexfs_views_drop(struct vexfs_coll *coll);
void vexfs_views_set(struct vexfs_coll *coll, u32 slot);
struct vexfs_view *vexfs_view_get(struct vexfs_coll *coll, vexfs_idmap_t *idmap);
void vexfs_view_put(struct vexfs_view *v);
int vexfs_view_permitted(struct vexfs_view *v, struct vexfs_coll *coll, struct vexfs_scope *sc,
			 struct vexfs_permitted *out);

/* simd.c */
const struct vexfs_simd *vexfs_simd(void);
void vexfs_simd_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		     u32 *keys);
void vexfs_simd_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys);

#endif /* VEXFS_KMOD_VEC_H */
