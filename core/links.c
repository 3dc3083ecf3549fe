// SPDX-License-Identifier: GPL-2.0
/* The names an inode records. See core/links.h. */
#include "core/links.h"
#include "core/block.h"
#include "core/btree_node.h"

/* ---- keys ------------------------------------------------------------------- */

u64 vexfs_link_key(const struct vexfs_name *n)
{
	return n->hash ^ VEXFS_LINK_MASK(n->parent);
}

const char *vexfs_link_verify(u64 key, u64 val, struct vexfs_name *n)
{
	n->parent = val;
	n->hash = key ^ VEXFS_LINK_MASK(val);
	if (!val || val > VEXFS_MAX_INO)
		return "recorded name in an impossible directory";
	if (n->hash < VEXFS_HASH_MIN || n->hash > VEXFS_HASH_MAX)
		return "recorded name with an impossible hash";
	return NULL;
}

/* ---- the array -------------------------------------------------------------- */

int vexfs_links_index(const struct vexfs_link *links, const struct vexfs_name *n)
{
	int i;

	for (i = 0; i < VEXFS_INODE_LINKS; i++)
		if (le64_to_cpu(links[i].l_parent) == n->parent &&
		    le64_to_cpu(links[i].l_hash) == n->hash)
			return i;
	return -1;
}

bool vexfs_links_put(struct vexfs_link *links, const struct vexfs_name *n)
{
	u32 i = 0;

	while (i < VEXFS_INODE_LINKS && links[i].l_parent)
		i++;
	if (i == VEXFS_INODE_LINKS)
		return false;
	links[i].l_parent = cpu_to_le64(n->parent);
	links[i].l_hash = cpu_to_le64(n->hash);
	return true;
}

void vexfs_links_drop(struct vexfs_link *links, u32 index)
{
	u32 last = VEXFS_INODE_LINKS - 1;

	while (last > index && !links[last].l_parent)
		last--;
	links[index] = links[last];
	memset(&links[last], 0, sizeof(links[last]));
}

/* ---- the block with the root ------------------------------------------------- */

static struct vexfs_btree_root *root_of(const struct vexfs_blk *b)
{
	return (struct vexfs_btree_root *)((u8 *)b->data + VEXFS_MDHDR_SIZE);
}

const char *vexfs_linkblock_verify(const void *block, u64 nblocks)
{
	const struct vexfs_btree_root *root =
		(const void *)((const u8 *)block + VEXFS_MDHDR_SIZE);

	if (!root->r_count)
		return "block of names without names";
	if (!vexfs_all_zero(root + 1, VEXFS_MD_SPACE - sizeof(*root)))
		return "block of names with unknown fields";
	return vexfs_root_verify(root, false, nblocks);
}

static void tree_of(struct vexfs_linktree *lt, const struct vexfs_blk *b, struct vexfs_tree *t)
{
	t->io = lt->io;
	t->root = root_of(b);
	t->owner = VEXFS_OWNER_LINKS + lt->ino;
	t->leaf_magic = VEXFS_MAGIC_NODE;
	t->goal = lt->goal;
}

/* Once after it came from the device: see vexfs_tree_block_check(). */
static int linkblock_check(struct vexfs_io *io, struct vexfs_blk *b)
{
	const char *why;

	if (io->ops->checked && io->ops->checked(io, b))
		return 0;
	why = vexfs_linkblock_verify(b->data, vexfs_io_blocks(io));
	if (why)
		return io->ops->corrupt(io, b->blkno, why);
	if (io->ops->set_checked)
		io->ops->set_checked(io, b);
	return 0;
}

/* Pin the block with the root. -ENOENT: there is none. */
static int linktree_open(struct vexfs_linktree *lt, struct vexfs_blk *b, struct vexfs_tree *t)
{
	struct vexfs_io *io = lt->io;
	int err;

	if (!lt->block)
		return -ENOENT;
	if (!vexfs_io_range_valid(io, lt->block, 1))
		return io->ops->corrupt(io, lt->block, "block of names in fixed metadata");
	err = io->ops->read(io, lt->block, VEXFS_MAGIC_LINKS, 0, VEXFS_OWNER_LINKS + lt->ino, b);
	if (err)
		return err;
	err = linkblock_check(io, b);
	if (err)
		io->ops->put(io, b);
	else
		tree_of(lt, b, t);
	return err;
}

/* After a change: free the block if it holds nothing any more. */
static int linktree_close(struct vexfs_linktree *lt, struct vexfs_blk *b)
{
	struct vexfs_io *io = lt->io;
	int err;

	if (root_of(b)->r_count) {
		err = io->ops->dirty(io, b);
		io->ops->put(io, b);
		return err;
	}
	err = io->ops->free(io, b);
	if (b->data)
		io->ops->put(io, b);
	lt->block = 0;
	return err;
}

/* ---- reading ------------------------------------------------------------------ */

/* The record at or after @key; its name, verified. */
static int name_ge(struct vexfs_tree *t, u64 key, struct vexfs_kv *kv, struct vexfs_name *n)
{
	const char *why;
	int err = vexfs_bt_find_ge(t, key, kv);

	if (err)
		return err;
	why = vexfs_link_verify(kv->key, kv->val, n);
	return why ? vexfs_bt_corrupt(t, kv->key, why) : 0;
}

int vexfs_linktree_find(struct vexfs_linktree *lt, const struct vexfs_name *n)
{
	struct vexfs_name found;
	struct vexfs_tree t;
	struct vexfs_blk b;
	struct vexfs_kv kv;
	int err = linktree_open(lt, &b, &t);

	if (err)
		return err;
	err = name_ge(&t, vexfs_link_key(n), &kv, &found);
	lt->io->ops->put(lt->io, &b);
	if (err)
		return err;
	return found.parent == n->parent && found.hash == n->hash ? 0 : -ENOENT;
}

int vexfs_linktree_next(struct vexfs_linktree *lt, u64 *key, struct vexfs_name *n)
{
	struct vexfs_tree t;
	struct vexfs_blk b;
	struct vexfs_kv kv;
	int err = linktree_open(lt, &b, &t);

	if (err)
		return err;
	err = name_ge(&t, *key, &kv, n);
	lt->io->ops->put(lt->io, &b);
	if (!err)
		*key = kv.key + 1;
	return err;
}

/* ---- changing ------------------------------------------------------------------ */

/* The first name beyond the array. */
static int linktree_create(struct vexfs_linktree *lt, const struct vexfs_name *n)
{
	struct vexfs_io *io = lt->io;
	struct vexfs_tree t;
	struct vexfs_blk b;
	int err = io->ops->alloc(io, lt->goal, VEXFS_MAGIC_LINKS, VEXFS_OWNER_LINKS + lt->ino, &b);

	if (err)
		return err;
	tree_of(lt, &b, &t);
	err = vexfs_bt_insert(&t, vexfs_link_key(n), n->parent);	/* into the root */
	if (!err)
		lt->block = b.blkno;
	if (!err)
		err = io->ops->dirty(io, &b);
	io->ops->put(io, &b);
	return err;
}

int vexfs_linktree_add(struct vexfs_linktree *lt, const struct vexfs_name *n)
{
	struct vexfs_io *io = lt->io;
	struct vexfs_tree t;
	struct vexfs_blk b;
	int err, err2;

	if (!lt->block)
		return linktree_create(lt, n);
	err = linktree_open(lt, &b, &t);
	if (err)
		return err;
	err = io->ops->modify(io, &b);
	if (err) {
		io->ops->put(io, &b);
		return err;
	}
	err = vexfs_bt_insert(&t, vexfs_link_key(n), n->parent);
	err2 = linktree_close(lt, &b);
	if (err == -EEXIST)
		return -EMLINK;
	return err ? err : err2;
}

int vexfs_linktree_del(struct vexfs_linktree *lt, const struct vexfs_name *n)
{
	struct vexfs_io *io = lt->io;
	struct vexfs_tree t;
	struct vexfs_blk b;
	int err, err2;

	err = linktree_open(lt, &b, &t);
	if (err)
		return err;
	err = io->ops->modify(io, &b);
	if (err) {
		io->ops->put(io, &b);
		return err;
	}
	err = vexfs_bt_delete(&t, vexfs_link_key(n));
	err2 = linktree_close(lt, &b);
	return err ? err : err2;
}

/* What is in the root itself goes at once. */
static int shrink_root(struct vexfs_btree_root *root)
{
	memset(root, 0, sizeof(*root));
	return 0;
}

int vexfs_linktree_shrink(struct vexfs_linktree *lt)
{
	struct vexfs_io *io = lt->io;
	struct vexfs_path p;
	struct vexfs_tree t;
	struct vexfs_blk b;
	int err, err2;

	err = linktree_open(lt, &b, &t);
	if (err)
		return err == -ENOENT ? 0 : err;
	err = io->ops->modify(io, &b);
	if (err) {
		io->ops->put(io, &b);
		return err;
	}
	if (!t.root->r_level) {
		err = shrink_root(t.root);
	} else {
		err = vexfs_path_find(&t, ~0ULL, &p);
		if (!err)
			err = vexfs_path_remove_leaf(&t, &p);
	}
	err2 = linktree_close(lt, &b);
	err = err ? err : err2;
	return err ? err : lt->block != 0;
}
