/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VexFS kernel side: in-memory structures and what the files of kmod/ share.
 *
 * Lock order, outermost first:
 *
 *	s_umount, sb_writers, i_rwsem (directories parent first, VFS rules)
 *	  inode->xattr_sem			stored attributes; held by readers over disk reads
 *	  mapping->invalidate_lock, folio lock
 *	    sbi->copies_lock			changes of the superblock and its copies
 *	    coll->map_mutex, table_mutex	who brings in what of a collection
 *	    sbi->coll_sem			set of collections, their names
 *	      coll->sem				map of one collection, changes of its slots; of two
 *						collections under coll_sem for writing alone
 *		jbd2 handle			vexfs_start() .. vexfs_stop()
 *		  inode->data_sem		extent or directory tree and its root
 *		    dquot->dq_lock, dqio_sem	what its owners have: kmod/quota.c
 *		      data_sem of a quota file	of a class of its own
 *		    data_sem of the change tree	likewise: kmod/feed.c; inside it es_lock
 *		    group->lock			bitmaps and descriptor of one group
 *		      sbi->pending_lock, room_lock, coll->lock, list spinlocks
 *		  sbi->orphan_lock		the orphan list; under no lock of a tree or group; inside
 *						it only an inode's spinlock and journal access
 *
 * What follows from it: no folio is locked and no inode looked up (iget may
 * wait for an eviction, which takes coll->sem and starts handles) inside a
 * handle or under coll_sem, coll->sem or data_sem; memory there is allocated
 * without __GFP_FS (jbd2 sees to it inside a handle).
 *
 * An open handle keeps the transaction from committing, and a commit is what
 * every writer waits for sooner or later. So inside a handle nobody waits for
 * a lock whose holder may wait for a disk or work on many objects: collections
 * are locked, and the blocks a change needs read, before the handle starts. A
 * search holds none of these locks at all (kmod/vec/vec.h).
 */
#ifndef VEXFS_KMOD_H
#define VEXFS_KMOD_H

#include <linux/buffer_head.h>
#include <linux/fs.h>
#include <linux/jbd2.h>
#include <linux/kobject.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/percpu_counter.h>
#include <linux/quota.h>
#include <linux/ratelimit.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/writeback.h>

#include "vexfs_config.h"	/* made by kmod/probe */
#include "kmod/compat/compat.h"
#include "vexfs/ondisk.h"
#include "core/block.h"
#include "core/btree.h"
#include "core/dir.h"
#include "core/extent.h"
#include "core/links.h"
#include "core/feature.h"

#define EFSCORRUPTED	EUCLEAN

struct vexfs_coll;
struct vexfs_views;
struct vexfs_turns;
struct vexfs_evictor;
struct vexfs_orphan;
struct vexfs_group_mem;

/**
 * struct vexfs_group - a block group in memory
 * @lock:     bitmaps, descriptor and the counters here
 * @too_long: no free run that may be taken has so many blocks; 0: not known. A hint: set under
 *	      pending_lock, read without
 * @mem:      what else there is of it while it is used, or NULL (kmod/balloc.h); changes under @lock
 *	      and pending_lock
 */
struct vexfs_group {
	struct mutex	lock;
	u32		free_blocks;
	u32		free_inodes;
	u32		ino_hint;
	u32		too_long;
	struct vexfs_group_mem *mem;
};

/**
 * struct vexfs_window - where a file will grow on: kmod/window.c
 * @node:  of the group's windows, while @len is not 0
 * @group: the group; under data_sem
 * @start: first block of it
 * @len:   blocks; 0: none. This and @start under group->lock
 * @size:  of the last window when it was made, at least 32; 0: there was none; under data_sem
 */
struct vexfs_window {
	struct hlist_node node;
	u32		group, start, len, size;
};

/**
 * struct vexfs_gset - a descriptor block and its groups, as many as there are or may come
 * @bh: the block
 *
 * Never moves and is not freed before the filesystem is unmounted.
 */
struct vexfs_gset {
	struct buffer_head	*bh;
	struct vexfs_group	group[VEXFS_GD_PER_BLOCK];
};

/**
 * struct vexfs_error - an error found
 * @time: seconds since 1970; 0: none
 * @ino:  inode, 0: unknown
 * @blk:  block, 0: unknown
 * @what: the failed check
 */
struct vexfs_error {
	s64	time;
	u64	ino, blk;
	char	what[48];
};

struct vexfs_sb_info {
	struct super_block	*sb;
	struct vexfs_geo	geo;
	struct buffer_head	*sb_bh;		/* block 0 */
	struct vexfs_super_block *es;		/* in it; changed under es_lock */
	struct mutex		es_lock;
	struct mutex		copies_lock;	/* which copies of it there are; outside a handle */
	struct vexfs_gset	**gset;		/* by descriptor block: vexfs_gi(), vexfs_gd() */
	u32			gset_room, place_room;	/* entries in it and geo.place; 0: no more than needed */
	struct vexfs_kept	*kept;		/* arrays that were replaced: kmod/grow.c */
	journal_t		*journal;
	struct jbd2_buffer_trigger_type trigger;	/* seals struct vexfs_mdhdr */
	struct percpu_counter	free_blocks;	/* without those pending and those promised */
	struct percpu_counter	free_inodes;
	struct percpu_counter	pending_blocks;
	atomic64_t		promised;	/* to extent trees: kmod/balloc.c */
	u32			reserve_blocks;	/* of free_blocks: not for VEXFS_ROOM_NORMAL */
	u64			root_blocks;	/* of the rest: for CAP_SYS_RESOURCE only */
	spinlock_t		room_lock;	/* near the end, claims take turns */
	struct workqueue_struct	*ioend_wq;
	unsigned int		errors;		/* VEXFS_ERRORS_* */
	unsigned int		commit;		/* option commit=; 0: the default */
	spinlock_t		err_lock;	/* the first error not yet in the superblock */
	struct work_struct	err_work;
	u64			err_ino, err_blk;
	const char		*err_what;	/* a constant string; NULL: none */
	unsigned int		err_count;
	unsigned int		errors_before;	/* in the superblock at mount */
	unsigned int		errors_seen;	/* since; with these under err_lock: */
	struct vexfs_error	first_error;	/* of this mount */
	struct vexfs_error	last_error;	/* likewise, or what the superblock says */
	struct kobject		kobj;		/* /sys/fs/vexfs/DEVICE: kmod/sysfs.c */
	struct completion	kobj_gone;
	struct ratelimit_state	complaints;	/* messages that may come in thousands */
	unsigned long		flags;
#define VEXFS_SBF_SHUTDOWN	0		/* no more I/O: answer -EIO */
#define VEXFS_SBF_RECOVERING	1		/* what was left undone is being finished: handles may start */
#define VEXFS_SBF_NORECOVERY	3		/* the log was not replayed: nothing may be written */
#define VEXFS_SBF_TOLD_ERROR	4		/* uevents that have been sent */
#define VEXFS_SBF_TOLD_SHUTDOWN	5
#define VEXFS_SBF_SILENT	6		/* being unmounted: none is sent */
#define VEXFS_SBF_DISCARD	7		/* option discard */
#define VEXFS_SBF_GROWING	8		/* somebody makes it larger: kmod/grow.c */
#define VEXFS_SBF_HELD		9		/* nothing is written in the background: kmod/vec/evict.c, save.c */
#define VEXFS_SBF_STOPPED	2		/* that the journal has stopped is known and told */

	spinlock_t		pending_lock;
	struct list_head	pending;	/* struct vexfs_pending, by tid */
	struct list_head	discards;	/* committed, by tid: for the device; worker and lock */
	struct workqueue_struct	*discard_wq;	/* NULL until the option is given */
	struct work_struct	discard_work;
	struct list_head	group_mem;	/* struct vexfs_group_mem, last used first; with this: */
	unsigned int		group_mems;	/* under pending_lock */
	u32			spread;		/* where the next tree may begin: kmod/ialloc.c; a hint, no lock */
	unsigned int		trimming;	/* blocks among the pending ones; under pending_lock */
	unsigned int		room_seq;	/* commits and trims that gave blocks; under pending_lock */
	wait_queue_head_t	room_wait;	/* for entries to leave pending */

	struct buffer_head	**orphan_bh;
	unsigned long		*orphan_map;	/* slots of the table in use */
	struct mutex		orphan_lock;	/* the lists; outside the buffers' journal access */
	struct list_head	orphan_list;	/* the list on disk */
	struct list_head	orphan_lost;	/* those of the table that are not in memory */
	u64			orphans_lost;	/* of both: not in memory */
	bool			orphan_broken;	/* the list on disk is damaged */

	/* collections: kmod/vec/coll.c */
	struct rw_semaphore	coll_sem;	/* the array, the collections' existence and names */
	u64			coll_exchanges;	/* of names; under coll_sem */
	struct vexfs_coll	*coll[VEXFS_MAX_COLL];
	struct buffer_head	*coll_bh[VEXFS_COLL_BLOCKS];
	struct workqueue_struct	*vec_wq;	/* removals that nobody waits for */
	/* payload and code buffers to write before the next commit: kmod/vec/payload.c */
	struct jbd2_inode	vec_jinode;
	spinlock_t		vec_lock;
	struct list_head	vec_dirty;	/* filled by sets */
	struct list_head	vec_writing;	/* the commit thread's own */
	unsigned long		vec_ndirty;	/* length of vec_dirty */
	struct list_head	vec_lost;	/* could not be written: kmod/vec/lost.c */
	struct delayed_work	vec_lost_work;
	atomic64_t		vec_nlost;	/* embeddings lost since the mount */
	/* the change feed: kmod/feed.c */
	struct inode		*change_inode;	/* NULL: there is none; with the next three under its data_sem */
	u64			change_epoch;	/* first number of the epoch */
	u64			change_next;	/* number of the next change */
	tid_t			change_tid;	/* transaction that began the epoch; 0: an earlier mount's */
	u64			change_id;	/* which feed it is: in marks */
	wait_queue_head_t	change_wait;	/* for change_next to move */
	struct vexfs_views	*views;		/* who may have what: kmod/vec/view.c */
	struct vexfs_turns	*turns;		/* of those who search: kmod/vec/turn.c */
	struct vexfs_evictor	*evictor;	/* embeddings of deleted files: kmod/vec/evict.c */
	atomic64_t		graph_builds, graph_loads, graph_saves;	/* begun anew, read, checkpoints */
};

/* In handle->h_type, which jbd2 only shows in its tracepoints: something was changed. */
#define VEXFS_HANDLE_CHANGED	1

struct vexfs_mount_opts {
	int errors;		/* -1: what the superblock says */
	bool acl;
	bool acl_given;
	int commit;		/* seconds; 0: the default; -1: as it was */
	bool norecovery;
	bool discard;
	bool discard_given;
	bool quota[VEXFS_QUOTA_TYPES];	/* limits are enforced */
};

struct vexfs_inode_info {
	struct inode		vfs_inode;
	struct rw_semaphore	data_sem;	/* root (extents or entries), disksize */
	spinlock_t		lock;		/* links, vecmask, datagen state */
	union {
		struct vexfs_btree_root	root;
		char			symlink[VEXFS_SYMLINK_INLINE + 1];
	};
	loff_t			disksize;	/* what the inode table says or will say */
	struct vexfs_link	links[VEXFS_INODE_LINKS];
	u64			link_block;	/* more names: kmod/links.c */
	u32			flags;		/* VEXFS_INODE_* */
	u32			projid;
	struct rw_semaphore	xattr_sem;	/* attributes: with these two, which change under
						 * @lock as well */
	u64			xattr_block;
	u8			xattr[VEXFS_XATTR_INLINE];
	u64			vecmask;	/* set bits under @lock */
	u64			charged;	/* bytes in i_blocks and i_bytes that are not the inode's
						 * own: kmod/quota.c; under @lock */
	qsize_t			reserved;	/* of the owners' quota, for fallocate(2) */
	struct dquot		*dquot[MAXQUOTAS];
	bool			judged;		/* a search may remember who may open it; under @lock */
	struct timespec64	btime;
	u64			datagen;
	bool			datagen_seen;	/* an embedding recorded datagen: the next
						 * content change must move it */
	tid_t			stale_tid;	/* transaction of the last change of datagen or @change */
	u64			change;		/* number in the feed, 0: none; under its lock */
	tid_t			sync_tid;	/* last transaction that changed the inode */
	tid_t			datasync_tid;	/* ... in a way fdatasync cares about */
	bool			rewritten;	/* cut to nothing and not closed since */
	u32			orphan_slot;	/* index + 1 in the orphan table, 0 = none */
	struct vexfs_orphan	*orphan;	/* place in the orphan list, NULL = none */
	bool			truncating;	/* blocks beyond the end may hold old content: to be
						 * freed before the file grows; i_rwsem */
	bool			tail;		/* writes may have left blocks beyond the end */
	u64			keep;		/* ... but below this logical block they stay;
						 * VEXFS_MAX_LBLK: whatever is there; i_rwsem,
						 * and data_sem where a fault may map blocks */
	bool			unwritten_known;	/* @unwritten counts all there are */
	u32			promised;	/* blocks for @root; with these under data_sem: */
	u64			unwritten;	/* blocks, at least what this mount has mapped */
	struct vexfs_window	window;		/* kmod/window.c */
	unsigned int		map_seq;	/* moves when a mapping changes */
	spinlock_t		ioend_lock;	/* taken in interrupts */
	struct list_head	ioends;		/* completed, to be converted */
	struct work_struct	ioend_work;
};

static inline struct vexfs_sb_info *VEXFS_SB(struct super_block *sb)
{
	return sb->s_fs_info;
}

static inline struct vexfs_inode_info *VEXFS_I(struct inode *inode)
{
	return container_of(inode, struct vexfs_inode_info, vfs_inode);
}

static inline bool vexfs_is_shutdown(struct super_block *sb)
{
	return test_bit(VEXFS_SBF_SHUTDOWN, &VEXFS_SB(sb)->flags);
}

static inline bool vexfs_norecovery(struct super_block *sb)
{
	return test_bit(VEXFS_SBF_NORECOVERY, &VEXFS_SB(sb)->flags);
}

/* options.c */
struct fs_context;
struct fs_parameter;
int vexfs_foreign_option(struct fs_context *fc, const struct fs_parameter *param);

/* sysfs.c */
int vexfs_sysfs_init(struct super_block *sb);
void vexfs_sysfs_exit(struct super_block *sb);
void vexfs_sysfs_event(struct super_block *sb, const char *event);
int vexfs_sysfs_module_init(void);
void vexfs_sysfs_module_exit(void);

/* super.c */
extern const struct super_operations vexfs_sops;

/* error.c: messages name the device; errors and warnings are limited, for each filesystem */
__printf(3, 4) void vexfs_printk(struct super_block *sb, const char *level, const char *fmt, ...);
#define vexfs_msg(sb, level, fmt, ...) vexfs_printk(sb, level, fmt, ##__VA_ARGS__)
#define vexfs_warn(sb, fmt, ...) vexfs_msg(sb, KERN_WARNING, fmt, ##__VA_ARGS__)
/*
 * Damage on disk: inode (0 if none), block (0 if none) and the failed check.
 * Applies the errors= policy, records it in the superblock. Returns -EFSCORRUPTED.
 * May be called with any lock held and inside a handle.
 */
int vexfs_corrupt(struct super_block *sb, u64 ino, u64 blkno, const char *what);
/* A metadata block cannot be read: -EIO to who needs it. The policy only if that leaves the
 * operation of the current handle half done. Any lock. */
int vexfs_read_error(struct super_block *sb, u64 ino, u64 blkno, const char *what);
/* Metadata cannot be written, or the journal refuses it: same policy as damage; quiet once the
 * journal has stopped. Any lock. Returns @err. */
int vexfs_write_error(struct super_block *sb, u64 ino, u64 blkno, const char *what, int err);
void vexfs_journal_stopped(struct super_block *sb);
void vexfs_error_init(struct super_block *sb);
void vexfs_error_load(struct super_block *sb);
void vexfs_error_exit(struct super_block *sb);
int vexfs_shutdown(struct super_block *sb, u32 how);

/* journal.c */
int vexfs_journal_load(struct super_block *sb);
int vexfs_journal_writable(struct super_block *sb, journal_t *journal);
/* A change is committed after @seconds; 0: after jbd2's own time. No lock. */
void vexfs_journal_interval(struct super_block *sb, unsigned int seconds);
void vexfs_journal_destroy(struct super_block *sb);
/*
 * Start a handle of @credits blocks, @revokes of which may be metadata frees.
 * ERR_PTR(-EROFS, -EIO, -ENOMEM). Nests. Not with a folio locked by a caller
 * that another handle could wait for (nothing does), not under any lock below
 * "jbd2 handle" in the order above.
 */
handle_t *vexfs_start(struct super_block *sb, int credits, int revokes);
/* Can one transaction have so many? */
bool vexfs_credits_fit(struct super_block *sb, int credits);
/* fsync where nothing may be written: 0, or -EROFS if that is since the journal has stopped. */
int vexfs_rdonly_sync(struct super_block *sb);
/* The same in the middle of an operation: waits for memory. ERR_PTR(-EROFS, -EIO). */
handle_t *vexfs_start_nofail(struct super_block *sb, int credits, int revokes);
int vexfs_stop(handle_t *handle);
/* Make sure @credits (and @revokes) are left; restarts the handle if they are
 * not (everything must be consistent and unlocked below the handle). */
int vexfs_extend(handle_t *handle, int credits, int revokes);
/* Commit the running transaction and wait (frees pending blocks). Not in a handle. */
int vexfs_force_commit(struct super_block *sb);
/* A buffer whose write failed is as memory has it: that is newer than the disk. */
void vexfs_bh_keep(struct buffer_head *bh);
/* Read a block of metadata; NULL if it cannot be read. */
struct buffer_head *vexfs_bread(struct super_block *sb, u64 blkno);
/* Read and verify a metadata block (header only). ERR_PTR. */
struct buffer_head *vexfs_md_read(struct super_block *sb, u64 blkno, u32 magic, u32 magic2,
				  u64 owner);
/* A new metadata block's buffer: zeroed, header filled in, write access taken. */
struct buffer_head *vexfs_md_create(handle_t *handle, struct super_block *sb, u64 blkno, u32 magic,
				    u64 owner);
int vexfs_md_modify(handle_t *handle, struct super_block *sb, struct buffer_head *bh); /* md block */
int vexfs_md_dirty(handle_t *handle, struct super_block *sb, struct buffer_head *bh);

/*
 * Private flags of the block device's buffers. A buffer is metadata or payload, never
 * both at a time: whoever reads metadata has verified it once and walks it without
 * checks, and payload is whatever a user sets. An image may well claim both of a block.
 */
enum {
	BH_VexfsVerified = BH_JBDPrivateStart,	/* metadata: verified, or made by us */
	BH_VexfsPayload,	/* payload or code of a collection */
	BH_VexfsQueued,		/* on vec_dirty: under vec_lock */
	BH_VexfsChecked,	/* payload, trees: all records in the block have passed their
				 * checks since it was read from the disk, or were written by us */
	BH_VexfsFailed,		/* the commit's write of it failed */
};
BUFFER_FNS(VexfsVerified, vexfs_verified)
BUFFER_FNS(VexfsPayload, vexfs_payload)
BUFFER_FNS(VexfsQueued, vexfs_queued)
BUFFER_FNS(VexfsChecked, vexfs_checked)
BUFFER_FNS(VexfsFailed, vexfs_failed)
/* From now on it is one and not the other, as long as it is in memory. False: it is the other. */
bool vexfs_claim_metadata(struct buffer_head *bh);
bool vexfs_claim_payload(struct buffer_head *bh);

/**
 * enum vexfs_room - what an allocation is for, and so how much it must leave
 * @VEXFS_ROOM_NORMAL:	 leaves the reserve
 * @VEXFS_ROOM_RESERVE:	 may take the last block: I/O completion, eviction, freeing
 * @VEXFS_ROOM_PROMISED: has been set aside before (vexfs_promise())
 */
enum vexfs_room {
	VEXFS_ROOM_NORMAL,
	VEXFS_ROOM_RESERVE,
	VEXFS_ROOM_PROMISED,
};

/**
 * struct vexfs_kio - core's block access, in a handle or (handle NULL) read-only
 * @owner_ino: for messages
 * @room:      for blocks allocated
 * @promised:  NULL, or blocks set aside, to be taken first
 * @nowait:    -EAGAIN for a block that is not in memory, which is @missing then
 * @charge:    NULL, or the inode that has the blocks: counted in it, charged to its owners (kmod/quota.c)
 */
struct vexfs_kio {
	struct vexfs_io		io;
	struct super_block	*sb;
	handle_t		*handle;
	u64			owner_ino;
	struct inode		*charge;	/* whose blocks they are, NULL: of no inode */
	enum vexfs_room		room;
	u32			*promised;
	bool			nowait;
	u64			missing;
};
void vexfs_kio_init(struct vexfs_kio *kio, struct super_block *sb, handle_t *handle, u64 ino);

/* balloc.c */
/*
 * Allocate up to *@len contiguous blocks near @goal, at least one. *@blkno, *@len on return.
 * Credits: 2. -ENOSPC.
 */
int vexfs_alloc_blocks(handle_t *handle, struct super_block *sb, u64 goal, u64 *blkno, u32 *len,
		       enum vexfs_room room);
/*
 * The same for content of a file. @goal: after the block before it, if @next. @grows: it is new at the end of a
 * file that has blocks: room for more is kept for it, a window. data_sem held for writing.
 */
int vexfs_alloc_data(handle_t *handle, struct inode *inode, u64 goal, bool next, bool grows, u64 *blkno,
		     u32 *len, enum vexfs_room room);
/* Set @n blocks aside, all or none; give back what is not needed. No lock needed. */
int vexfs_promise_take(struct vexfs_sb_info *sbi, u32 n);
void vexfs_promise_give(struct vexfs_sb_info *sbi, u32 n);
/*
 * After -ENOSPC: is it worth another attempt? *@seq: vexfs_room_seq() before the attempt; *@tries: 0
 * at first. Commits what blocks wait for; not in a handle.
 */
unsigned int vexfs_room_seq(struct vexfs_sb_info *sbi);
bool vexfs_room_retry(struct super_block *sb, unsigned int *seq, int *tries);
/* Free data blocks; reusable once the handle's transaction has committed. Splits at groups:
 * credits 2 per group touched. Metadata blocks: through kio free (revokes). */
int vexfs_free_blocks(handle_t *handle, struct super_block *sb, u64 blkno, u64 len);
void vexfs_balloc_commit(struct vexfs_sb_info *sbi, tid_t tid);
void vexfs_balloc_init(struct vexfs_sb_info *sbi);
int vexfs_groups_load(struct super_block *sb);
void vexfs_groups_unload(struct super_block *sb);
#define VEXFS_ALLOC_CREDITS	2
/* Any number below geo.groups; no lock. */
struct vexfs_group *vexfs_gi(struct vexfs_sb_info *sbi, u32 group);
struct vexfs_group_desc *vexfs_gd(struct vexfs_sb_info *sbi, u32 group, struct buffer_head **bh);
/* For @bh, which is the set's then. NULL: no memory. */
struct vexfs_gset *vexfs_gset_new(struct buffer_head *bh);
void vexfs_gset_free(struct vexfs_gset *s);

/* window.c, groupmem.c; there: which locks */
void vexfs_window_close(struct inode *inode);
long vexfs_group_mem_count(struct vexfs_sb_info *sbi);
long vexfs_group_mem_shrink(struct vexfs_sb_info *sbi, long nr);

/* What is kept of free_blocks, by the size there is. */
void vexfs_reserve_set(struct vexfs_sb_info *sbi);

/* grow.c: geometry that only grows; there: how others read it meanwhile */
int vexfs_ioc_grow(struct file *file, void __user *arg);
void vexfs_grow_unload(struct vexfs_sb_info *sbi);

/* discard.c */
int vexfs_fitrim(struct super_block *sb, struct fstrim_range __user *arg);
int vexfs_discard_prepare(struct super_block *sb);
void vexfs_discard_set(struct super_block *sb, bool on);
void vexfs_discard_flush(struct super_block *sb);

/* ialloc.c */
#define VEXFS_NEW_INODE_CREDITS	4	/* bitmap, descriptor, table block, spare */
struct inode *vexfs_new_inode(handle_t *handle, vexfs_idmap_t *idmap, struct inode *dir,
			      umode_t mode);
/* For a collection: no directory, VEXFS_INODE_HIDDEN, nlink 1. ERR_PTR. */
/* Near @owner, if it has one. */
struct inode *vexfs_new_hidden_inode(handle_t *handle, struct super_block *sb, struct inode *owner);
int vexfs_free_inode(handle_t *handle, struct inode *inode);

/* inode.c */
/*
 * By number. VEXFS_IGET_MAYBE: the number may be stale (search results, file handles):
 * -ESTALE without a complaint if the inode is free. VEXFS_IGET_HIDDEN: a hidden inode is
 * wanted (otherwise it is refused as damage). VEXFS_IGET_ORPHAN: one without a link is
 * wanted, to be deleted by the last iput. ERR_PTR.
 */
#define VEXFS_IGET_MAYBE	0x1
#define VEXFS_IGET_HIDDEN	0x2
#define VEXFS_IGET_ORPHAN	0x4
struct inode *vexfs_iget(struct super_block *sb, u64 ino, unsigned int flags);
/* Is somebody making an inode of this number just now? Then VEXFS_IGET_MAYBE says -ESTALE. Any context. */
bool vexfs_being_created(struct super_block *sb, u64 ino);
struct buffer_head *vexfs_itable_read(struct super_block *sb, u64 ino, struct vexfs_inode **di);
/* Make sure that the next call cannot fail in this handle. Credits: 1, the same. */
int vexfs_inode_access(handle_t *handle, struct inode *inode);
/* Write the in-memory inode into the journaled table block. Credits: 1. */
int vexfs_mark_inode_dirty(handle_t *handle, struct inode *inode);
void vexfs_set_inode_ops(struct inode *inode);
int vexfs_write_inode(struct inode *inode, struct writeback_control *wbc);
void vexfs_dirty_inode(struct inode *inode, int flags);
void vexfs_evict_inode(struct inode *inode);	/* evict.c */
int vexfs_setattr(vexfs_idmap_t *idmap, struct dentry *dentry, struct iattr *attr);
int vexfs_getattr(vexfs_idmap_t *idmap, const struct path *path, struct kstat *stat, u32 mask,
		  unsigned int flags);
/* Record that content is about to change: moves datagen if somebody has been told it. Not in a
 * handle, no folio locked; i_rwsem or mapping->invalidate_lock (shared) held until the change is
 * in the page cache or, for direct I/O, counted by inode_dio_begin(). */
int vexfs_content_changed(struct inode *inode);
/* Will it start a handle? */
bool vexfs_content_unnoted(struct inode *inode);
/* The generation of the content as it is now; every change from here on moves it. Writes the
 * content out. i_rwsem held for writing, nothing below it, not in a handle. */
int vexfs_datagen_settle(struct inode *inode, u64 *gen);
/* Move the end to @size, beyond where it is: i_rwsem and invalidate_lock held, the content has been
 * announced as changed. After an error nothing has changed. */
int vexfs_grow(struct inode *inode, loff_t size);
/* Zero what follows @from in its block, up to @to: the file is about to grow over it. */
int vexfs_zero_tail(struct inode *inode, loff_t from, loff_t to);

/**
 * struct vexfs_want - blocks to map where there is a hole
 * @lblk:  first logical block
 * @len:   how many at most
 * @flags: VEXFS_EXT_UNWRITTEN or 0
 * @aside: NULL, or for fallocate(2): blocks set aside (vexfs_promise_take()), which are
 *	   used and counted down; what is mapped beyond the end of the file stays there
 */
struct vexfs_want {
	u64	lblk, len;
	u64	flags;
	u32	*aside;
};

/* extent.c: all take data_sem themselves */
/* @inode's tree, for core, in a handle or (NULL) to read; the caller takes data_sem. */
void vexfs_ext_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *inode,
		    handle_t *handle);
/* The extent or hole at @lblk. */
int vexfs_map(struct inode *inode, u64 lblk, struct vexfs_extent *e);
/* The same, or -EAGAIN: it would have to wait for data_sem or the disk. */
int vexfs_map_nowait(struct inode *inode, u64 lblk, struct vexfs_extent *e);
/* The logical block after the last one mapped. */
int vexfs_map_end(struct inode *inode, u64 *end);
/* Map a hole: allocates up to @len blocks at @lblk with @flags (VEXFS_EXT_UNWRITTEN or 0).
 * Returns in @e what is there now, which may be an extent that was there before. -ENOSPC. */
int vexfs_map_alloc(handle_t *handle, struct inode *inode, u64 lblk, u64 len, u64 flags,
		    struct vexfs_extent *e);
/* The same; *@fresh: it was a hole, and *@e is what was allocated. */
int vexfs_map_new(handle_t *handle, struct inode *inode, const struct vexfs_want *want,
		  struct vexfs_extent *e, bool *fresh);
/* Unmap what is unwritten in [first, end): data of no page in the cache may belong there. */
void vexfs_unmap_unwritten(struct inode *inode, u64 first, u64 end);
int vexfs_map_credits(struct inode *inode);
/* Before unwritten blocks that are mapped are written: their conversion will find room. -ENOSPC. */
int vexfs_promise_mapped(struct inode *inode);
void vexfs_promise_end(struct inode *inode);	/* the inode leaves memory */
/* Unwritten -> written over a byte range, and the on-disk size up to @size if it grows. Own handles. */
int vexfs_convert(struct inode *inode, loff_t pos, u64 bytes, loff_t size);
/* Unmap and free [first, end) in logical blocks, in handles of its own. */
int vexfs_unmap_range(struct inode *inode, u64 first, u64 end);
/* The same; -EINTR after a fatal signal, with a part of it done, from the end on. */
int vexfs_punch_range(struct inode *inode, u64 first, u64 end);
int vexfs_unwrite_range(struct inode *inode, u64 first, u64 end);
/* shift.c */
int vexfs_insert_blocks(struct inode *inode, u64 first, u64 len);
int vexfs_collapse_blocks(struct inode *inode, u64 first, u64 len);
/* truncate.c */
/*
 * Truncate. begin: the inode is an orphan; cancel: nothing has happened after all. finish: i_size
 * is the new one: size on disk and blocks follow; cannot fail but on damage, and is then repeated by
 * retry, which has to be called (i_rwsem held) before the file grows.
 */
int vexfs_truncate_begin(struct inode *inode);
void vexfs_truncate_cancel(struct inode *inode);
int vexfs_truncate_finish(struct inode *inode);
int vexfs_truncate_retry(struct inode *inode);
int vexfs_truncate(struct inode *inode);	/* begin and finish: to i_size */
/* Free what writes left beyond i_size: i_rwsem held, or eviction. _all: also what is to be kept. */
int vexfs_trim(struct inode *inode);
int vexfs_trim_all(struct inode *inode);

/* file.c, iomap.c, falloc.c */
extern const struct file_operations vexfs_file_fops;
extern const struct inode_operations vexfs_file_iops;
extern const struct address_space_operations vexfs_aops;
extern const struct iomap_ops vexfs_iomap_ops, vexfs_iomap_read_ops;
extern const struct vexfs_iomap_folio_ops vexfs_folio_ops;

/* dio.c; there: which locks */
ssize_t vexfs_dio_read(struct kiocb *iocb, struct iov_iter *to);
ssize_t vexfs_dio_write(struct kiocb *iocb, struct iov_iter *from);	/* -ENOTBLK: do it through the page cache */
ssize_t vexfs_dio_overwrite(struct kiocb *iocb, struct iov_iter *from);
/* Commit a pending "content changed" before content is written. Not in a handle. */
int vexfs_stale_commit(struct inode *inode);
/* Map (or promise, see vexfs_promise_mapped()) what is at @want->lblk, and wait for room.
 * @may_flush: may write other files back for it; not with a folio locked. -ENOSPC. */
int vexfs_prepare(struct inode *inode, const struct vexfs_want *want, bool may_flush,
		  struct vexfs_extent *e, bool *fresh);
/* vexfs_promise_take() that waits for room; @n > 0. Not in a handle, no folio locked. */
int vexfs_set_aside(struct super_block *sb, u32 n);
/* Unmap unwritten blocks of [@pos, @pos + @length) after the first @written bytes, unless pages
 * are dirty there. i_rwsem held; takes invalidate_lock. */
void vexfs_give_back(struct inode *inode, loff_t pos, loff_t length, ssize_t written);
long vexfs_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
void vexfs_ioend_work(struct work_struct *work);
int vexfs_fsync(struct file *file, loff_t start, loff_t end, int datasync);

/* dir.c, namei.c, symlink.c */
extern const struct file_operations vexfs_dir_fops;
extern const struct inode_operations vexfs_dir_iops;
extern const struct inode_operations vexfs_symlink_iops, vexfs_fast_symlink_iops;
extern const struct inode_operations vexfs_special_iops;
void vexfs_dir_tree(struct vexfs_tree *t, struct vexfs_kio *kio, struct inode *dir);
/* Name of entry (@hash, @ino) in @dir, which the caller has locked (shared). @name: 256 bytes. */
int vexfs_dir_entry_name(struct inode *dir, u64 hash, u64 ino, char *name, u32 *len);

/* links.c: the record of an inode's names; there: which locks, and when each is called */
int vexfs_links_prepare(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
			const struct vexfs_name *to);
int vexfs_links_finish(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
		       const struct vexfs_name *to);
void vexfs_links_undo(handle_t *handle, struct inode *inode, const struct vexfs_name *from,
		      const struct vexfs_name *to);
/* Blocks these may change. What excludes changes of the names is held. */
int vexfs_links_credits(struct inode *inode);
int vexfs_links_more(struct inode *inode, u64 *key, struct vexfs_link *link);
int vexfs_links_evict(struct inode *inode);

/* orphan.c */
int vexfs_orphan_load(struct super_block *sb);
void vexfs_orphan_unload(struct super_block *sb);
void vexfs_orphan_init(struct vexfs_sb_info *sbi);
/* Credits: 2, one of which is the inode's own table block. Never -ENOSPC. */
int vexfs_orphan_add(handle_t *handle, struct inode *inode);
int vexfs_orphan_del(handle_t *handle, struct inode *inode);
bool vexfs_is_orphan(struct inode *inode);
void vexfs_orphan_leave(struct inode *inode);	/* at eviction, finished or not */
void vexfs_orphan_return(struct inode *inode);	/* it has been read again */
void vexfs_orphan_expect(struct super_block *sb);
void vexfs_orphan_recover(struct super_block *sb);

/* feature.c: before the first handle that stores what a feature adds. Not in a handle. */
int vexfs_feature_set(struct super_block *sb, enum vexfs_feature_word word, u32 bit);
int vexfs_label_set(struct super_block *sb, const char *label);	/* likewise */
#define VEXFS_SB_COPIES	40	/* groups 1, 3^n, 5^n, 7^n of the largest filesystem: 30 */
/* Buffers of superblock copies that verify, at most so many: the caller's. */
u32 vexfs_copies_read(struct super_block *sb, struct buffer_head **bh);

/* fileattr.c; there: which locks */
int vexfs_fileattr_get(struct dentry *dentry, vexfs_fileattr_t *fa);
int vexfs_fileattr_set(vexfs_idmap_t *idmap, struct dentry *dentry, vexfs_fileattr_t *fa);
void vexfs_flags_to_vfs(struct inode *inode);
void vexfs_inherit(struct inode *inode, struct inode *dir);
bool vexfs_project_allows(struct inode *dir, struct inode *inode);

#include "kmod/quota.h"
#include "kmod/feed.h"

/* export.c */
extern const struct export_operations vexfs_export_ops;

/* ioctl.c */
long vexfs_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* acl.c */
struct posix_acl *vexfs_get_acl(struct inode *inode, int type, bool rcu);
#ifdef VEXFS_HAVE_SET_ACL_DENTRY
int vexfs_set_acl(vexfs_idmap_t *idmap, struct dentry *dentry, struct posix_acl *acl, int type);
#else
int vexfs_set_acl(vexfs_idmap_t *idmap, struct inode *inode, struct posix_acl *acl, int type);
#endif

/* Extended attributes: xattr.c */
struct vexfs_xattr_ent;
int vexfs_xattr_get(struct inode *inode, u8 kind, const char *name, void *buf, size_t size);
int vexfs_xattr_set(struct inode *inode, const struct vexfs_xattr_ent *e, bool remove, int flags, umode_t mode);
int vexfs_xattr_evict(struct inode *inode);
extern const struct xattr_handler *const vexfs_xattr_handlers[];
ssize_t vexfs_listxattr(struct dentry *dentry, char *buf, size_t size);

/*
 * The vector half, kmod/vec/: all that the filesystem half knows of it, and may call.
 */
void vexfs_simd_init(void);				/* module load: choose the distance kernels */
int vexfs_colls_load(struct super_block *sb);	/* after recovery */
void vexfs_colls_finish(struct super_block *sb);	/* drops that a crash has left, in the background */
void vexfs_colls_resume(struct super_block *sb);	/* becomes writable: finish what was left */
void vexfs_colls_unload(struct super_block *sb);
/* After a commit: embeddings it could not write have been dealt with, their files have an error.
 * Not in a handle; s_umount and i_rwsem may be held. */
void vexfs_vec_settle(struct super_block *sb);
/* Called by the commit: write the payload it needs, wait for it. */
int vexfs_vec_submit(struct jbd2_inode *jinode);
int vexfs_vec_finish(struct jbd2_inode *jinode);
void vexfs_vec_commit(struct vexfs_sb_info *sbi, tid_t tid);	/* slots freed by tid may be reused */
/* The last name of @inode is gone and nobody has it open: delete its embeddings. Own handles; called
 * by eviction before the inode is freed. 1: it cannot be freed yet; a worker goes on when it has left
 * memory. */
int vexfs_vec_evict(struct inode *inode);
/* The worker stops at once, or (@finish) when it has done what can be waited for; and goes on. It
 * begins held. */
void vexfs_vec_hold(struct super_block *sb, bool finish);
void vexfs_vec_go_on(struct super_block *sb);
void vexfs_vec_forget(struct super_block *sb);	/* ... and recovery will tell anew what is left */
/* After -ENOSPC: has it freed something meanwhile? Not in a handle; waits for it. */
bool vexfs_vec_wait(struct super_block *sb);
/* Every ioctl that the filesystem half does not know; -ENOTTY. */
long vexfs_vec_ioctl(struct file *file, unsigned int cmd, void __user *arg);
/* Mode, owner or names of @inode have changed: searches ask again. May be called in a handle. */
void vexfs_perm_changed(struct inode *inode);
/* ... of any inode, for all that is known. */
void vexfs_perm_changed_all(struct super_block *sb);
/* For the superblock's shrinker. */
long vexfs_views_count(struct super_block *sb, struct shrink_control *sc);
long vexfs_views_shrink(struct super_block *sb, struct shrink_control *sc);
/* vec/index.c: graphs in memory; all takes vec_lock and coll->lock */
long vexfs_index_count(struct super_block *sb, struct shrink_control *sc);
long vexfs_index_shrink(struct super_block *sb, struct shrink_control *sc);
struct vexfs_index_state {
	u64	records, backlog, bytes, unsaved;
};
void vexfs_index_state(struct vexfs_sb_info *sbi, struct vexfs_index_state *out);
/* vec/save.c: checkpoints under way come to their end, within bounds. s_umount held. */
void vexfs_save_finish(struct super_block *sb);
/* Embeddings as attributes: user.vec.*, and their names after those of stored ones. */
extern const struct xattr_handler vexfs_vec_xattr_handler;
ssize_t vexfs_vec_listxattr(struct inode *inode, char *buf, size_t size, ssize_t total);

#endif /* VEXFS_KMOD_H */
