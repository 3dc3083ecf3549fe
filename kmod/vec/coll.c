// SPDX-License-Identifier: GPL-2.0
/*
 * The table of collections: mount, lookup, creation. Removal: drop.c.
 */
#include "kmod/vec/turn.h"
#include "kmod/vec/trace.h"

/* ---- records ------------------------------------------------------------- */

struct vexfs_collection *vexfs_coll_record(struct vexfs_sb_info *sbi, u32 id, struct buffer_head **bh)
{
	*bh = sbi->coll_bh[id / VEXFS_COLL_PER_BLOCK];
	return (struct vexfs_collection *)((*bh)->b_data + VEXFS_MDHDR_SIZE) +
		id % VEXFS_COLL_PER_BLOCK;
}

int vexfs_coll_record_access(handle_t *handle, struct vexfs_coll *coll)
{
	struct buffer_head *bh;

	vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);
	return vexfs_md_modify(handle, coll->sb, bh);
}

/* After vexfs_coll_record_access(). Two collections in one block are changed
 * under different coll->sem: they touch different bytes, and jbd2 copies the
 * block out only when no handle is open. */
int vexfs_coll_record_write(handle_t *handle, struct vexfs_coll *coll)
{
	struct buffer_head *bh;
	struct vexfs_collection *rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);

	rec->c_state = cpu_to_le32(coll->state);
	rec->c_nslots = cpu_to_le64(coll->nslots);
	rec->c_stamp_limit = cpu_to_le64(coll->stamp_limit);
	rec->c_map = coll->map;
	vexfs_coll_owner_store(coll, rec);
	return vexfs_md_dirty(handle, coll->sb, bh);
}

int vexfs_coll_record_graph(handle_t *handle, struct vexfs_coll *coll, u64 ino)
{
	struct buffer_head *bh;
	struct vexfs_collection *rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);

	vexfs_coll_file_set_ino(rec, VEXFS_COLL_GRAPH, ino);
	return vexfs_md_dirty(handle, coll->sb, bh);
}

/* ---- lookup ----------------------------------------------------------------- */

/* Nobody knows it (any more). */
void vexfs_coll_free(struct vexfs_coll *coll)
{
	int i;

	vexfs_index_exit(coll);
	vexfs_views_drop(coll);
	for (i = 0; i < VEXFS_COLL_FILES; i++) {
		iput(vexfs_coll_hidden(coll, i)->inode);
		vexfs_extmap_free(vexfs_coll_hidden(coll, i));
	}
	iput(coll->graph.inode);
	iput(coll->graph_doomed);
	vexfs_extmap_free(&coll->graph);
	vexfs_slotmap_release(&coll->bits);
	kfree(coll);
}

/* No locks held. The last user of a dropped collection leaves it to the worker. */
void vexfs_coll_put(struct vexfs_coll *coll)
{
	if (coll && refcount_dec_and_test(&coll->users))
		queue_work(VEXFS_SB(coll->sb)->vec_wq, &coll->drop_work);
}

struct vexfs_coll *vexfs_coll_find(struct vexfs_sb_info *sbi, const char *name)
{
	int i;

	for (i = 0; i < VEXFS_MAX_COLL; i++)
		if (sbi->coll[i] && READ_ONCE(sbi->coll[i]->state) == VEXFS_COLL_LIVE &&
		    !strcmp(sbi->coll[i]->name, name))
			return sbi->coll[i];
	return NULL;
}

struct vexfs_coll *vexfs_coll_get(struct super_block *sb, const char *name)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_coll *coll;

	if (!vexfs_coll_name_valid(name, strnlen(name, VEXFS_COLL_NAME_LEN + 1)))
		return ERR_PTR(-EINVAL);
	down_read(&sbi->coll_sem);
	coll = vexfs_coll_find(sbi, name);
	if (coll && !refcount_inc_not_zero(&coll->users))
		coll = NULL;		/* a drop has come first */
	up_read(&sbi->coll_sem);
	return coll ? coll : ERR_PTR(-ENOENT);
}

struct vexfs_coll *vexfs_coll_get_id(struct super_block *sb, u32 id)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_coll *coll = NULL;

	down_read(&sbi->coll_sem);
	if (id < VEXFS_MAX_COLL)
		coll = sbi->coll[id];
	if (coll && (READ_ONCE(coll->state) != VEXFS_COLL_LIVE ||
		     !refcount_inc_not_zero(&coll->users)))
		coll = NULL;
	up_read(&sbi->coll_sem);
	return coll;
}

int vexfs_coll_check(const struct vexfs_coll *coll)
{
	if (READ_ONCE(coll->state) != VEXFS_COLL_LIVE)
		return -ENOENT;
	return READ_ONCE(coll->broken) ? -EFSCORRUPTED : 0;
}

void vexfs_coll_info(struct vexfs_coll *coll, struct vexfs_ioc_collection *out)
{
	int i;

	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	vexfs_coll_name(coll, out->name);
	out->id = coll->id;
	out->dim = coll->space.dim;
	out->elem = coll->space.elem;
	out->metric = coll->space.metric;
	out->btime = coll->btime;
	spin_lock(&coll->lock);
	out->live = coll->nlive;
	out->slots = coll->nslots;
	spin_unlock(&coll->lock);
	out->bytes = le64_to_cpu(READ_ONCE(coll->map.r_blocks)) << VEXFS_BLOCK_SHIFT;
	for (i = 0; i < VEXFS_COLL_FILES && !vexfs_coll_check(coll); i++)
		out->bytes += vexfs_coll_hidden(coll, i)->inode->i_blocks << 9;
	spin_lock(&coll->lock);
	if (coll->graph.inode)
		out->bytes += coll->graph.inode->i_blocks << 9;
	spin_unlock(&coll->lock);
}

/* ---- mount ---------------------------------------------------------------------- */


static struct vexfs_coll *vexfs_coll_alloc(struct super_block *sb, u32 id)
{
	struct vexfs_coll *coll = kzalloc(sizeof(*coll), GFP_KERNEL);

	if (!coll)
		return NULL;
	refcount_set(&coll->users, 1);
	INIT_WORK(&coll->drop_work, vexfs_coll_drop_work);
	vexfs_index_init(coll);
	init_rwsem(&coll->sem);
	mutex_init(&coll->map_mutex);
	mutex_init(&coll->table_mutex);
	spin_lock_init(&coll->lock);
	seqcount_spinlock_init(&coll->name_seq, &coll->lock);
	coll->sb = sb;
	coll->id = id;
	return coll;
}

static void vexfs_coll_layout(struct vexfs_coll *coll)
{
	vexfs_layout_init(&coll->payload.l,
			  vexfs_coll_file_record(&coll->space, VEXFS_COLL_PAYLOAD));
	vexfs_layout_init(&coll->code.l, vexfs_coll_file_record(&coll->space, VEXFS_COLL_CODE));
}

static void vexfs_coll_fill(struct vexfs_coll *coll, const struct vexfs_collection *rec)
{
	strscpy(coll->name, rec->c_name, sizeof(coll->name));
	coll->space = vexfs_coll_space(rec);
	coll->btime = le64_to_cpu(rec->c_btime);
	vexfs_coll_owner_load(coll, rec);
	coll->state = le32_to_cpu(rec->c_state);
	coll->nslots = le64_to_cpu(rec->c_nslots);
	coll->stamp_limit = le64_to_cpu(rec->c_stamp_limit);
	atomic64_set(&coll->stamp, coll->stamp_limit);
	coll->map = rec->c_map;
	vexfs_coll_layout(coll);
}

static int vexfs_coll_inode(struct vexfs_coll *coll, u64 ino, struct inode **where)
{
	struct inode *inode = vexfs_iget(coll->sb, ino, VEXFS_IGET_HIDDEN);

	if (IS_ERR(inode))
		return PTR_ERR(inode);
	if (!S_ISREG(inode->i_mode) || !(VEXFS_I(inode)->flags & VEXFS_INODE_HIDDEN) ||
	    VEXFS_I(inode)->links[0].l_parent) {
		iput(inode);
		return vexfs_corrupt(coll->sb, ino, 0,
				     "collection refers to an inode that is not its own");
	}
	*where = inode;
	return 0;
}

static u64 vexfs_hidden_blocks(const struct vexfs_hidden *h)
{
	return i_size_read(h->inode) >> VEXFS_BLOCK_SHIFT;
}

/* Does one of the first @n files have this inode? */
static bool vexfs_coll_uses(struct vexfs_coll *coll, int n, u64 ino)
{
	while (n--)
		if (vexfs_coll_hidden(coll, n)->inode->i_ino == ino)
			return true;
	return false;
}

static int vexfs_coll_inodes(struct vexfs_coll *coll, const struct vexfs_collection *rec)
{
	int i, err;

	for (i = 0; i < VEXFS_COLL_FILES; i++) {
		struct vexfs_hidden *h = vexfs_coll_hidden(coll, i);
		u64 ino = vexfs_coll_file_ino(rec, i);

		if (vexfs_coll_uses(coll, i, ino))
			return vexfs_corrupt(coll->sb, ino, 0, "collection uses one inode twice");
		err = vexfs_coll_inode(coll, ino, &h->inode);
		if (err)
			return err;
		if (vexfs_hidden_blocks(h) < vexfs_coll_file_blocks(rec, i))
			return vexfs_corrupt(coll->sb, ino, 0,
					     "collection's files are too short for its slots");
	}
	return 0;
}

void vexfs_coll_publish(struct vexfs_sb_info *sbi, u32 id, struct vexfs_coll *coll)
{
	spin_lock(&sbi->vec_lock);
	sbi->coll[id] = coll;
	spin_unlock(&sbi->vec_lock);
}

/* A damaged collection stays in the table, unusable, so that its name and index
 * are not given away; the mount goes on. */
static int vexfs_coll_load(struct super_block *sb, u32 id)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_collection *rec;
	struct vexfs_coll *coll;
	struct buffer_head *bh;
	const char *what;
	int err;

	rec = vexfs_coll_record(sbi, id, &bh);
	what = vexfs_coll_verify(rec, &sbi->geo, id);
	if (what)
		return vexfs_corrupt(sb, 0, bh->b_blocknr, what);
	if (!rec->c_state)
		return 0;
	coll = vexfs_coll_alloc(sb, id);
	if (!coll)
		return -ENOMEM;
	vexfs_coll_fill(coll, rec);
	err = vexfs_coll_inodes(coll, rec);
	if (err == -ENOMEM || err == -EINTR) {
		vexfs_coll_free(coll);
		return err;
	}
	if (err)
		vexfs_warn(sb, "collection %s cannot be used: error %d; run fsck.vexfs", coll->name,
			   err);
	coll->broken = err;
	if (coll->state != VEXFS_COLL_LIVE) {
		refcount_set(&coll->users, 0);
		coll->left = true;
	}
	vexfs_coll_publish(sbi, id, coll);
	return 0;
}

/* Does a collection have this file? */
static bool vexfs_coll_known(struct vexfs_sb_info *sbi, u64 ino)
{
	struct vexfs_coll *coll;
	int id, i;

	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		coll = sbi->coll[id];
		for (i = 0; coll && i < VEXFS_COLL_FILES; i++)
			if (vexfs_coll_hidden(coll, i)->inode && vexfs_coll_hidden(coll, i)->inode->i_ino == ino)
				return true;
		if (coll && coll->graph.inode && coll->graph.inode->i_ino == ino)
			return true;
	}
	return false;
}

/* Its graph's file, which is written to: nobody else's. Without it the collection is as good. */
static int vexfs_coll_load_graph(struct vexfs_coll *coll)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(coll->sb);
	struct buffer_head *bh;
	u64 ino = vexfs_coll_file_ino(vexfs_coll_record(sbi, coll->id, &bh), VEXFS_COLL_GRAPH);
	int err = 0;

	if (!ino || coll->broken)
		return 0;
	if (vexfs_coll_known(sbi, ino))
		err = vexfs_corrupt(coll->sb, ino, 0, "two uses of one file in collections");
	else
		err = vexfs_coll_inode(coll, ino, &coll->graph.inode);
	coll->graph_lost = err;
	return err == -ENOMEM || err == -EINTR ? err : 0;
}

static int vexfs_coll_read_table(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	u32 i;

	for (i = 0; i < VEXFS_COLL_BLOCKS; i++) {
		struct buffer_head *bh = vexfs_md_read(sb, sbi->geo.coll_start + i,
						       VEXFS_MAGIC_COLL, 0, i);

		if (IS_ERR(bh))
			return PTR_ERR(bh);
		sbi->coll_bh[i] = bh;
	}
	return 0;
}

/* Removals that nobody is at: a crash, or a read-only mount, has left them. Takes coll_sem. They look
 * at the files that had embeddings: orphans have been dealt with. */
void vexfs_colls_finish(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int id;

	down_read(&sbi->coll_sem);
	for (id = 0; id < VEXFS_MAX_COLL; id++) {
		struct vexfs_coll *coll = sbi->coll[id];

		if (!coll || !READ_ONCE(coll->left) || coll->broken)
			continue;
		WRITE_ONCE(coll->left, false);
		vexfs_msg(sbi->sb, KERN_INFO, "finishing the removal of collection %s",
			  vexfs_coll_label(coll));
		queue_work(sbi->vec_wq, &coll->drop_work);
	}
	up_read(&sbi->coll_sem);
}

/**
 * vexfs_colls_resume - a read-only filesystem becomes writable
 * @sb: s_umount held for writing; handles can be started
 *
 * Waits until removals and lost embeddings that had to wait have been dealt with.
 */
void vexfs_colls_resume(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	vexfs_colls_finish(sb);
	vexfs_lost_resume(sbi);
	flush_workqueue(sbi->vec_wq);
}

/**
 * vexfs_colls_load - read the collection table; load.c does the rest when it is needed
 * @sb: journal recovered, allocator and orphan table loaded; orphans not yet
 *	processed (an orphan's embeddings are deleted with it)
 *
 * Return: 0, or an error that prevents the mount. The caller calls
 * vexfs_colls_unload() in either case.
 */
int vexfs_colls_load(struct super_block *sb)
{
	int err, id;

	vexfs_payload_init(sb);
	err = vexfs_views_init(sb);
	if (!err)
		err = vexfs_turns_init(sb);
	if (!err)
		err = vexfs_evictor_init(sb);
	if (!err)
		err = vexfs_coll_read_table(sb);
	for (id = 0; id < VEXFS_MAX_COLL && !err; id++)
		err = vexfs_coll_load(sb, id);
	for (id = 0; id < VEXFS_MAX_COLL && !err; id++)
		if (VEXFS_SB(sb)->coll[id])
			err = vexfs_coll_load_graph(VEXFS_SB(sb)->coll[id]);
	return err;
}

/* Unmount, or a mount that failed. Nobody uses the filesystem any more; the
 * journal is still there. */
void vexfs_colls_unload(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int i;

	if (!sbi->vec_dirty.next)
		return;			/* the mount did not come this far */
	vexfs_save_finish(sb);
	vexfs_evictor_exit(sb);
	flush_workqueue(sbi->vec_wq);
	vexfs_payload_exit(sb);
	for (i = 0; i < VEXFS_MAX_COLL; i++) {
		struct vexfs_coll *coll = sbi->coll[i];

		vexfs_coll_publish(sbi, i, NULL);
		if (coll)
			vexfs_coll_free(coll);
	}
	vexfs_views_exit(sb);
	vexfs_turns_exit(sb);
	for (i = 0; i < VEXFS_COLL_BLOCKS; i++) {
		brelse(sbi->coll_bh[i]);
		sbi->coll_bh[i] = NULL;
	}
}

/* ---- creation -------------------------------------------------------------------------- */

void vexfs_coll_doom_file(handle_t *handle, struct inode *inode)
{
	if (!inode)
		return;
	clear_nlink(inode);
	if (!vexfs_orphan_add(handle, inode))
		vexfs_mark_inode_dirty(handle, inode);
}

/* The first @n files become orphans; those of a broken collection may be missing. */
void vexfs_coll_doom(handle_t *handle, struct vexfs_coll *coll, int n)
{
	int i;

	for (i = 0; i < n; i++)
		vexfs_coll_doom_file(handle, vexfs_coll_hidden(coll, i)->inode);
}

/* Hidden inodes of a new collection, in a handle; on an error those made are doomed. */
static int vexfs_coll_new_inodes(handle_t *handle, struct vexfs_coll *coll)
{
	int i;

	for (i = 0; i < VEXFS_COLL_FILES; i++) {
		struct inode *inode = vexfs_new_hidden_inode(handle, coll->sb, NULL);

		if (IS_ERR(inode)) {
			vexfs_coll_doom(handle, coll, i);
			return PTR_ERR(inode);
		}
		vexfs_coll_hidden(coll, i)->inode = inode;
	}
	return 0;
}

static int vexfs_coll_new_record(handle_t *handle, struct vexfs_coll *coll)
{
	struct buffer_head *bh;
	struct vexfs_collection *rec = vexfs_coll_record(VEXFS_SB(coll->sb), coll->id, &bh);
	int i;

	memset(rec, 0, sizeof(*rec));
	rec->c_id = cpu_to_le32(coll->id);
	strscpy(rec->c_name, coll->name, sizeof(rec->c_name));
	rec->c_dim = cpu_to_le32(coll->space.dim);
	rec->c_elem = coll->space.elem;
	rec->c_metric = coll->space.metric;
	for (i = 0; i < VEXFS_COLL_FILES; i++)
		vexfs_coll_file_set_ino(rec, i, vexfs_coll_hidden(coll, i)->inode->i_ino);
	rec->c_btime = cpu_to_le64(coll->btime);
	le16_add_cpu(&((struct vexfs_mdhdr *)bh->b_data)->h_count, 1);
	return vexfs_coll_record_write(handle, coll);
}

/* coll_sem held for writing, in a handle. */
static int vexfs_coll_insert(handle_t *handle, struct vexfs_coll *coll)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(coll->sb);
	int err;

	if (vexfs_coll_find(sbi, coll->name))
		return -EEXIST;
	for (coll->id = 0; coll->id < VEXFS_MAX_COLL; coll->id++)
		if (!sbi->coll[coll->id])
			break;
	if (coll->id == VEXFS_MAX_COLL)
		return -ENOSPC;
	err = vexfs_coll_record_access(handle, coll);
	if (!err)
		err = vexfs_coll_new_inodes(handle, coll);
	if (!err)
		err = vexfs_coll_new_record(handle, coll);
	if (!err) {
		refcount_inc(&coll->users);
		vexfs_coll_publish(sbi, coll->id, coll);
	}
	return err;
}

/**
 * vexfs_coll_create - make a vector space
 * @sb:  the filesystem; write access held, permission checked
 * @req: name, dim, elem, metric, embedder, owner and mode as flags say; the rest
 *	 is filled in
 *
 * Return: 0, -EINVAL (name, dimension, type or metric), -EPERM, -EEXIST, -ENOSPC.
 */
int vexfs_coll_create(struct super_block *sb, struct vexfs_ioc_collection *req)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	struct vexfs_space space = { .dim = req->dim, .elem = req->elem, .metric = req->metric };
	struct vexfs_coll *coll;
	handle_t *handle;
	int err, err2 = 0;

	if (!vexfs_space_valid(&space) ||
	    !vexfs_coll_name_valid(req->name, strnlen(req->name, sizeof(req->name))))
		return -EINVAL;
	coll = vexfs_coll_alloc(sb, 0);
	if (!coll)
		return -ENOMEM;
	strscpy(coll->name, req->name, sizeof(coll->name));
	coll->space = space;
	coll->state = VEXFS_COLL_LIVE;
	coll->stage = VEXFS_COLL_READY;
	coll->btime = ktime_get_real_seconds();
	err = vexfs_coll_new_owner(coll, req);
	if (err) {
		vexfs_coll_free(coll);
		return err;
	}
	vexfs_coll_layout(coll);
	down_write(&sbi->coll_sem);
	handle = vexfs_start(sb, VEXFS_COLL_FILES * (VEXFS_NEW_INODE_CREDITS + 2) + 1, 0);
	err = PTR_ERR_OR_ZERO(handle);
	if (!err) {
		err = vexfs_coll_insert(handle, coll);
		err2 = vexfs_stop(handle);
	}
	up_write(&sbi->coll_sem);
	trace_vexfs_coll_create(coll, err ? err : err2);
	if (err) {
		vexfs_coll_free(coll);		/* frees the doomed inodes */
		return err;
	}
	if (!err2)
		vexfs_coll_info(coll, req);
	vexfs_coll_put(coll);
	return err2;
}

void vexfs_coll_map(struct vexfs_tree *t, struct vexfs_kio *kio, struct vexfs_coll *coll,
		    handle_t *handle)
{
	vexfs_kio_init(kio, coll->sb, handle, coll->slots.inode->i_ino);
	t->io = &kio->io;
	t->root = &coll->map;
	t->owner = VEXFS_OWNER_COLL + coll->id;
	t->leaf_magic = VEXFS_MAGIC_NODE;
	t->goal = VEXFS_SB(coll->sb)->geo.coll_start;
}
