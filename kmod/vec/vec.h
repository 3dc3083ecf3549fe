/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vector half of the kernel side: collections, slots, payload, search.
 *
 * A collection in memory is counted: every user holds a reference while it
 * works without coll_sem, and a live collection has one more. A drop marks the
 * collection, gives that one up, and frees slots, payload and map when the last
 * user has gone. Whoever changes something looks at coll->state under
 * coll->sem first: a drop may have come before.
 *
 * A search works on a collection that changes. It takes no lock that a writer
 * waits for, only coll->lock for copies of a few hundred bytes, and notices by
 * stamps, coll->seq and coll->nset what moved meanwhile.
 */
#ifndef VEXFS_KMOD_VEC_H
#define VEXFS_KMOD_VEC_H

#include "kmod/vexfs.h"
#include "core/coll.h"
#include "core/vec.h"
#include "uapi/vexfs.h"

/**
 * struct vexfs_extmap - where the blocks of a hidden file are; never changed, only replaced
 * @blocks: blocks of the file, from 0
 * @n:	    entries of @e, ascending
 */
struct vexfs_extmap {
	struct rcu_head		rcu;
	u64			blocks;
	u32			n;
	struct vexfs_extent	e[];
};

/**
 * struct vexfs_hidden - one of a collection's files
 * @map: replaced under coll->sem held for writing, read under RCU
 */
struct vexfs_hidden {
	struct inode			*inode;
	struct vexfs_extmap __rcu	*map;
};

/**
 * struct vexfs_region - the payload or the code file of a collection
 * @h: all its blocks are mapped
 * @l: where slot s lies
 */
struct vexfs_region {
	struct vexfs_hidden	h;
	struct vexfs_layout	l;
};

/* Freed slots wait in one of two sets, by the parity of the transaction that
 * freed them: jbd2 has at most one running and one committing. */
struct vexfs_slotmap {
	unsigned long	*live;		/* changed under coll->sem and coll->lock, read under either */
	unsigned long	*used;		/* live, pending or bad; under coll->lock */
	unsigned long	*pending[2];	/* under coll->lock */
	unsigned long	*bad;		/* their block cannot be written; under coll->lock */
	u32		npending[2];
	u32		hint;		/* no unused slot below */
};

struct vexfs_coll_owner {
	kuid_t	uid;
	kgid_t	gid;
	u32	mode;
};

/* How much of a collection has been brought in: load.c. */
enum vexfs_coll_stage {
	VEXFS_COLL_KNOWN,	/* record and inodes */
	VEXFS_COLL_MAPPED,	/* the maps of its files */
	VEXFS_COLL_READY,	/* the bitmaps of its slots */
};

#define VEXFS_RECENT	1024	/* sets a search can catch up with; power of two */

/**
 * struct vexfs_coll - a collection in memory
 * @users:     who works with it, and one more until a drop: 0 means that the drop may begin
 * @sem:       slots, map, record and @state. Shared: reading the map; exclusive: changing
 *	       anything. Outside of every handle. Searches never take it
 * @lock:      bitmaps, slot records in their blocks, @nslots, @nlive, @seq, @nset,
 *	       @recent; to change them @sem is needed as well. Short and innermost
 * @state:     VEXFS_COLL_LIVE or _DROPPING
 * @name:      moves to another collection by an exchange: changed under coll_sem and both @sem held for
 *	       writing, read under one of them, or by vexfs_coll_name()
 * @name_seq:  says that it did
 * @broken:    its slot table or record is damaged; everything but drop fails
 * @stage:     grows under @map_mutex, then @table_mutex and @lock; read anywhere
 * @map_mutex: who brings in the maps; this and @table_mutex outside of @sem and handles
 * @table_mutex: who makes the bitmaps
 * @map:       the record's c_map
 * @nslots:    slots that exist
 * @seq:       counts replaced and deleted embeddings, so that a search in several
 *	       steps notices what moved under it
 * @nset:      counts slots that became live; @recent holds the last of them, so that a
 *	       search finds what was set again where it had already been
 * @freed_early: slots were freed before the bitmaps were READY, the last by transaction
 *	       @freed_tid: under @lock
 * @stamp:     next stamp; all below @stamp_limit may be used
 * @stamp_limit: what the record on disk says
 * @drop:      who waits for the removal, or NULL
 * @left:      it is to be removed, and no work is queued for that
 * @index:     its graph in memory, or NULL: under @lock (kmod/vec/index.c)
 * @index_work: the worker that builds it and keeps it up
 * @index_after: not to be built before, in jiffies; @index_stop: not at all
 * @index_rebuild: first, it is to be thrown away
 * @index_late: the worker waits for a checkpoint: it may be woken
 * @graph:     the file of its graph: kmod/vec/graphfile.c. The worker's; @graph.inode under @lock
 * @graph_lost: the record names a file that cannot be used
 * @graph_doomed: one that is not the collection's any more
 * @save_after: no checkpoint before, in jiffies; @save_told: that it failed has been told
 */
struct vexfs_coll {
	refcount_t		users;
	struct super_block	*sb;
	u32			id;
	char			name[VEXFS_COLL_NAME_LEN + 1];
	seqcount_spinlock_t	name_seq;	/* with @lock */
	struct vexfs_space	space;
	u64			btime;
	struct vexfs_coll_owner	owner;		/* these two under @lock; to change them @sem as well */
	struct vexfs_embedder_id embedder;

	struct rw_semaphore	sem;
	u32			state;
	bool			broken;
	enum vexfs_coll_stage	stage;
	struct mutex		map_mutex, table_mutex;
	struct vexfs_btree_root	map;
	atomic64_t		stamp;
	u64			stamp_limit;
	struct vexfs_hidden	slots;
	struct vexfs_region	payload, code;

	spinlock_t		lock;
	u32			nslots;
	u32			nlive;
	u64			seq;
	u64			nset;
	bool			freed_early;
	tid_t			freed_tid;
	struct vexfs_slotmap	bits;
	u32			recent[VEXFS_RECENT];

	struct work_struct	drop_work;
	struct vexfs_drop	*drop;
	bool			left;

	struct vexfs_index	*index;
	struct delayed_work	index_work;
	u64			index_after;
	bool			index_stop, index_late, index_rebuild;

	struct vexfs_hidden	graph;
	struct inode		*graph_doomed;
	u64			save_after;
	bool			graph_lost, save_told;
};

/**
 * vexfs_coll_name - the name that a collection has now
 * @coll: a reference held; takes no lock
 * @name: room for it, VEXFS_COLL_NAME_LEN + 1 bytes
 *
 * Return: @name.
 */
static inline const char *vexfs_coll_name(const struct vexfs_coll *coll, char *name)
{
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&coll->name_seq);
		memcpy(name, coll->name, sizeof(coll->name));
	} while (read_seqcount_retry(&coll->name_seq, seq));
	return name;
}

/* For messages: in memory of the block that it is used in. */
#define vexfs_coll_label(coll)	vexfs_coll_name(coll, (char [VEXFS_COLL_NAME_LEN + 1]){ })

/* In memory, the file that core/coll.h calls @which. */
static inline struct vexfs_hidden *vexfs_coll_hidden(struct vexfs_coll *coll,
						     enum vexfs_coll_file which)
{
	struct vexfs_hidden *const h[VEXFS_COLL_FILES] = {
		[VEXFS_COLL_SLOTS] = &coll->slots,
		[VEXFS_COLL_PAYLOAD] = &coll->payload.h,
		[VEXFS_COLL_CODE] = &coll->code.h,
	};

	return h[which];
}

/* access.c */
/* Is the caller the owner, or whoever manages the filesystem? */
bool vexfs_coll_counted(struct vexfs_coll *coll);
bool vexfs_coll_owned(struct vexfs_coll *coll);
int vexfs_coll_may_change(struct vexfs_coll *coll);
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
/* By name, without a reference: coll_sem held. NULL. */
struct vexfs_coll *vexfs_coll_find(struct vexfs_sb_info *sbi, const char *name);
void vexfs_coll_put(struct vexfs_coll *coll);
/* Is it there and sound? 0, -ENOENT, -EUCLEAN. It stays so while coll->sem is held; without it, what
 * the answer was about is at least not freed as long as the caller's reference lasts. */
int vexfs_coll_check(const struct vexfs_coll *coll);
/* Write the record (map root, nslots, stamp limit). coll->sem held for writing. Credits: 1. */
int vexfs_coll_record_access(handle_t *handle, struct vexfs_coll *coll);
int vexfs_coll_record_write(handle_t *handle, struct vexfs_coll *coll);
/* Likewise; c_graph_ino becomes @ino. */
int vexfs_coll_record_graph(handle_t *handle, struct vexfs_coll *coll, u64 ino);
/* The embedding map, for core: coll->sem held (for writing with a handle). */
void vexfs_coll_map(struct vexfs_tree *t, struct vexfs_kio *kio, struct vexfs_coll *coll,
		    handle_t *handle);
int vexfs_coll_create(struct super_block *sb, struct vexfs_ioc_collection *req);
void vexfs_coll_info(struct vexfs_coll *coll, struct vexfs_ioc_collection *out);
/* Its record on disk, in *@bh, which stays with the mount. */
struct vexfs_collection *vexfs_coll_record(struct vexfs_sb_info *sbi, u32 id, struct buffer_head **bh);
/* Its place in the table is @coll's (NULL: nobody's) from now on. Takes vec_lock. */
void vexfs_coll_publish(struct vexfs_sb_info *sbi, u32 id, struct vexfs_coll *coll);
/* Its first @n files, or one, become orphans, in a handle. */
void vexfs_coll_doom(handle_t *handle, struct vexfs_coll *coll, int n);
void vexfs_coll_doom_file(handle_t *handle, struct inode *inode);
/* Nobody knows it (any more). No locks. */
void vexfs_coll_free(struct vexfs_coll *coll);

/* exchange.c */
int vexfs_coll_exchange(struct super_block *sb, const char *name, const char *other);
/* How many there have been since the mount, none under way: who walks over names compares. Takes coll_sem. */
u64 vexfs_coll_exchanges(struct super_block *sb);

/* drop.c */
int vexfs_coll_drop(struct super_block *sb, const char *name);	/* -EPERM */
/* For a mark that is on disk: frees what is left of the collection. */
void vexfs_coll_drop_work(struct work_struct *work);

/* extmap.c */
int vexfs_extmap_load(struct vexfs_hidden *h, bool killable);
void vexfs_extmap_free(struct vexfs_hidden *h);
int vexfs_extmap_add(struct vexfs_hidden *h, const struct vexfs_extent *e);
int vexfs_extmap_find(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e);
/* The same, without a complaint. */
bool vexfs_extmap_look(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e);
/* The next extent at or after @lblk, without a complaint. -ENOENT. */
int vexfs_extmap_next(const struct vexfs_hidden *h, u64 lblk, struct vexfs_extent *e);
u64 vexfs_extmap_blocks(const struct vexfs_hidden *h);

/* load.c */
int vexfs_coll_need_maps(struct vexfs_coll *coll, bool killable);
int vexfs_coll_need_table(struct vexfs_coll *coll);

/* slottab.c: the slot table and the bitmaps made from it */
int vexfs_slotmap_alloc(struct vexfs_slotmap *m, u32 nslots);
void vexfs_slotmap_release(struct vexfs_slotmap *m);
/* Ask for @n blocks of the slot table, from that of @slot on; does not wait. */
void vexfs_slots_ahead(struct vexfs_coll *coll, u32 slot, u32 n);
/* The table says that @slot is live. coll->lock held. */
void __vexfs_slot_found(struct vexfs_coll *coll, u32 slot);
/* Bring in the slot's block; *@slot points into it. ERR_PTR. coll->sem held, or only for a copy
 * made under coll->lock. May read the disk: not in a handle, unless it was brought in before. */
struct buffer_head *vexfs_slot_read(struct vexfs_coll *coll, u32 slot, struct vexfs_slot **s);
/* A consistent copy of the slot's record. No lock needed; may read the disk. */
int vexfs_slot_copy(struct vexfs_coll *coll, u32 slot, struct vexfs_slot *out);
bool vexfs_slot_find_free(struct vexfs_coll *coll, u32 *slot);
bool vexfs_slot_used(struct vexfs_coll *coll, u32 slot);
bool vexfs_slot_live(struct vexfs_coll *coll, u32 slot);
/* Takes coll->lock; the __ forms want it held. coll->sem held for writing. */
void vexfs_slot_mark_live(struct vexfs_coll *coll, u32 slot);
void vexfs_slot_mark_freed(struct vexfs_coll *coll, u32 slot, tid_t tid);
void __vexfs_slot_mark_live(struct vexfs_coll *coll, u32 slot);
void __vexfs_slot_mark_freed(struct vexfs_coll *coll, u32 slot, tid_t tid);
/* Which of the slots from @first on are live: a copy of @bits, whose number is returned; 0 past the
 * last slot. No lock needed; @first: a multiple of VEXFS_LIVE_BITS. */
#define VEXFS_LIVE_BITS	4096
u32 vexfs_slots_live(struct vexfs_coll *coll, u32 first, unsigned long *bits);
/* Slots set since coll->nset was *@mark, which moves to now. -EAGAIN: more than are remembered. */
int vexfs_slots_recent(struct vexfs_coll *coll, u64 *mark, u32 *slots);
u64 vexfs_slots_mark(struct vexfs_coll *coll);
u64 vexfs_slots_seq(struct vexfs_coll *coll);
/* Their block cannot be written: not to be used before the next mount. Takes coll->lock. */
void vexfs_slots_quarantine(struct vexfs_coll *coll, u32 first, u32 n);
/* Blocks at the end of a hidden file that has @have, up to @need, some of them. In a handle; the
 * file's only changer. */
int vexfs_hidden_append(handle_t *handle, struct vexfs_hidden *h, u64 have, u64 need);
/* More slots. Own handles; no locks held. -ENOSPC. */
int vexfs_coll_grow(struct vexfs_coll *coll);
/* Before the slot inode is freed as if it held data: revoke its blocks. Own handles; no users. */
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

/**
 * struct vexfs_pinned - a slot's block, brought in before the handle starts
 * @bh: NULL: none
 */
struct vexfs_pinned {
	u32			slot;
	struct buffer_head	*bh;
	struct vexfs_slot	*s;
};
/* The slot of a key: coll->sem held. -ENODATA. */
int vexfs_map_lookup(struct vexfs_coll *coll, u64 key, u32 *slot);
/* A slot about to be freed: coll->sem held for writing. The caller puts @p->bh, also after an error. */
int vexfs_slot_pin_live(struct vexfs_coll *coll, u32 slot, struct vexfs_pinned *p);
/* A handle that changes one embedding: coll->sem held for writing. */
handle_t *vexfs_vec_start(struct vexfs_coll *coll);
/* @inode: of the file, NULL: nobody's (it is being deleted, and its charge goes with it). */
int vexfs_del_slot(handle_t *handle, struct inode *inode, struct vexfs_coll *coll, u64 key,
		   struct vexfs_pinned *p);
/* Its embedding @s has gone. Credits: 1. */
int vexfs_vec_uncharge(handle_t *handle, struct inode *inode, struct vexfs_coll *coll,
		       const struct vexfs_slot *s);
/* The file of an embedding, NULL: there is none any more. Not in a handle, no lock of the vector half. */
struct inode *vexfs_vec_file(struct super_block *sb, const struct vexfs_slot *s);
/* Of a collection being dropped: nothing in it is charged any more, or in its map. Own handles. */
int vexfs_coll_uncharge_all(struct vexfs_coll *coll);

/* i_rwsem held for writing, write access to the mount. -EINVAL, -EDOM, -ENOENT, -ENOSPC,
 * -ESTALE, -EEXIST / -ENODATA for the XATTR_ flags, errors of writing the content. */
int vexfs_vec_set(struct inode *inode, const struct vexfs_vec_arg *arg);
/* -ENODATA, -ERANGE (arg->bytes says how much), -EUCLEAN. @arg->data NULL: only the length. */
int vexfs_vec_get(struct inode *inode, struct vexfs_vec_arg *arg);
/* The first embedding at or after (id, chunk); -ENOENT past the last. */
int vexfs_vec_next(struct inode *inode, u32 *id, u32 *chunk, struct vexfs_vec_entry *e,
		   char *name);

/* del.c: deleting them */
/* One: i_rwsem held for writing. -ENODATA. */
int vexfs_vec_del(struct inode *inode, const char *coll, u32 chunk);
/* Many: those from @chunk to @last, batch by batch. No locks held. ERR_PTR. */
struct vexfs_del;
struct vexfs_del *vexfs_del_begin(struct inode *inode, const char *coll, u32 chunk, u32 last);
/* The next few: i_rwsem held for writing, write access to the mount. -ENODATA: there were none. */
int vexfs_del_batch(struct vexfs_del *d);
bool vexfs_del_more(const struct vexfs_del *d);	/* there were more than it deleted */
void vexfs_del_end(struct vexfs_del *d);

/* evict.c */
int vexfs_evictor_init(struct super_block *sb);
void vexfs_evictor_exit(struct super_block *sb);

/* payload.c */
/**
 * struct vexfs_queued - a block that must be on disk before the running transaction commits
 * @coll: collection it belongs to
 * @slot: one of those whose records are in it
 * @code: of the code file
 * @told: it could not be written, and the files concerned have an error
 */
struct vexfs_queued {
	struct list_head list;
	struct buffer_head *bh;
	u32	coll, slot;
	bool	code, told;
};
/**
 * struct vexfs_cursor - reading a region in order: remembers the last extent
 * Needs no lock; vexfs_cursor_done() ends it.
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
/* The record as the device has it. No handle; waits for the disk. */
int vexfs_region_read_disk(const struct vexfs_region *r, u32 slot, void *buf);
/* Is the block at @pblk the one that holds @slot's record, or part of it? */
bool vexfs_region_holds(const struct vexfs_region *r, u32 slot, u64 pblk);

/**
 * struct vexfs_region_io - the blocks of one slot, brought in to be written
 */
#define VEXFS_REGION_BLOCKS	(VEXFS_MAX_DIM * 4 / VEXFS_BLOCK_SIZE + 1)
struct vexfs_region_io {
	u32 n;
	struct buffer_head *bh[VEXFS_REGION_BLOCKS];
};
/* Bring in the blocks of unused @slot. coll->sem held for writing, not in a handle: may read the disk.
 * vexfs_region_unpin() also after an error. */
int vexfs_region_prepare(struct vexfs_coll *coll, struct vexfs_region *r, u32 slot,
			 struct vexfs_region_io *io);
void vexfs_region_unpin(struct vexfs_region_io *io);
/* Its blocks are about to be freed and may become metadata. No users, no locks. */
void vexfs_region_disown(struct vexfs_region *r);
/* In a handle, coll->sem still held: write the record into what was prepared and queue its blocks. */
int vexfs_region_write(handle_t *handle, struct vexfs_coll *coll, struct vexfs_region *r,
		       u32 slot, const void *rec, struct vexfs_region_io *io);
void vexfs_payload_relieve(struct super_block *sb);
void vexfs_payload_init(struct super_block *sb);
void vexfs_payload_exit(struct super_block *sb);

/* lost.c */
void vexfs_lost_init(struct vexfs_sb_info *sbi);
/* Takes the list over. Any context but interrupts. */
void vexfs_lost_add(struct vexfs_sb_info *sbi, struct list_head *lost, unsigned long delay);
void vexfs_lost_resume(struct vexfs_sb_info *sbi);
void vexfs_lost_exit(struct vexfs_sb_info *sbi);
void vexfs_lost_quarantine(struct vexfs_coll *coll, const struct vexfs_region *r, u32 slot);
/* After the commit of a set: has it come to the disk? -EIO. i_rwsem held, no handle. */
int vexfs_lost_check(struct vexfs_coll *coll, u64 key);

/* index.c: the graph in memory */
struct vexfs_index;
void vexfs_index_init(struct vexfs_coll *coll);
void vexfs_index_exit(struct vexfs_coll *coll);
void vexfs_index_want(struct vexfs_coll *coll);
void vexfs_index_kick(struct vexfs_coll *coll);
/* Have the worker throw it away and make it anew. @coll READY; does not wait. */
void vexfs_index_rebuild(struct vexfs_coll *coll);
/* Slot @slot has been set or freed. coll->lock held; the __ form wants a graph. */
void __vexfs_index_changed(struct vexfs_coll *coll, u32 slot);
static inline void vexfs_index_changed(struct vexfs_coll *coll, u32 slot)
{
	if (coll->index)
		__vexfs_index_changed(coll, slot);
}

/* search.c */
int vexfs_search(struct file *scope, struct vexfs_ioc_search *req);
/* changes.c: the request is checked but for the mark and the collection. No locks held. */
int vexfs_changes(struct file *scope, struct vexfs_ioc_changes *req);

/* filter.c */
/**
 * struct vexfs_filter - what a file must be to be searched
 * @what: VEXFS_FILTER_*
 * @uid:  its owner, as the mount shows it
 * @newer, @older: its content changed after, before that
 * @larger, @smaller: it has more, fewer bytes
 */
struct vexfs_filter {
	u32			what;
	kuid_t			uid;
	struct timespec64	newer, older;
	u64			larger, smaller;
};
int vexfs_filter_init(struct vexfs_filter *fl, const struct vexfs_ioc_search *req);
bool vexfs_filter_inode(const struct vexfs_filter *fl, vexfs_idmap_t *idmap, struct inode *inode);

/* scope.c */
#define VEXFS_PATH_ROOM	65536	/* longest path from a scope that a search walks */
struct vexfs_scope;
/**
 * struct vexfs_verdict - about one inode, for one search
 * @ok:	  a regular file the caller may read, reachable from the scope
 * @pass: and it passes the filter
 */
struct vexfs_verdict {
	u64	ino;
	u64	datagen;
	u32	generation;
	bool	ok, pass;
};
/* @fl outlives the scope; NULL: every file passes. Return: NULL: no memory. */
struct vexfs_scope *vexfs_scope_create(struct file *file, const struct vexfs_filter *fl);
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
 * @truncated:	there are more, but the search may not compare so many
 * @hidden:	of the slots asked about, some are of files the caller may not have
 */
struct vexfs_permitted {
	unsigned long	*bits;
	u32		nslots, n;
	bool		incomplete, truncated, hidden;
};
/**
 * struct vexfs_asked_about - slots of which it is asked whether any is hidden
 * @bits: live, or in use when a graph met them; NULL: none. The number is a multiple of VEXFS_LIVE_BITS
 */
struct vexfs_asked_about {
	const unsigned long	*bits;
	u32			n;
};
int vexfs_views_init(struct super_block *sb);
void vexfs_views_exit(struct super_block *sb);
void vexfs_views_drop(struct vexfs_coll *coll);
void vexfs_views_set(struct vexfs_coll *coll, u32 slot);
struct vexfs_view *vexfs_view_get(struct vexfs_coll *coll, vexfs_idmap_t *idmap);
void vexfs_view_put(struct vexfs_view *v);
int vexfs_view_permitted(struct vexfs_view *v, struct vexfs_coll *coll, struct vexfs_scope *sc,
			 const struct vexfs_asked_about *about, struct vexfs_permitted *out);
int vexfs_view_cut(struct vexfs_view *v, struct vexfs_coll *coll, u32 max, struct vexfs_permitted *out);
int vexfs_view_sample(struct vexfs_view *v, const struct vexfs_permitted *p, u32 *out, u32 room);
/* cut.c */
#define VEXFS_TAGS	65536	/* values of the tag of a file: a hash of its inode number */
int vexfs_permitted_cut(struct vexfs_coll *coll, struct vexfs_permitted *out, const u16 *tag, u32 max);

/* simd.c */
const struct vexfs_simd *vexfs_simd(void);
/* Before and after the kernels are used directly. Process context; nothing in between may sleep or fault. */
void vexfs_simd_fpu(bool on);
void vexfs_simd_scan(const struct vexfs_query *q, const struct vexfs_code *const *recs, u32 n,
		     u32 *keys);
void vexfs_simd_exact(const struct vexfs_query *q, const u32 *const *vecs, u32 n, u32 *keys);

#endif /* VEXFS_KMOD_VEC_H */
