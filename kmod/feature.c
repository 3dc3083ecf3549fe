// SPDX-License-Identifier: GPL-2.0
/*
 * Changing the superblock and its copies, through the journal: feature bits, the label.
 *
 * A feature bit is set before the first transaction that stores what the feature adds, and
 * stays set.
 */
#include "kmod/vexfs.h"

/**
 * struct vexfs_super_change - what to do to each of them
 * @apply: called under es_lock; what it does cannot fail
 * @word:  of a feature's bit
 * @bit:   of a feature, or 0
 * @label: a new one, or NULL
 */
struct vexfs_super_change {
	void (*apply)(struct vexfs_super_block *es, const struct vexfs_super_change *c);
	enum vexfs_feature_word word;
	u32 bit;
	const char *label;
};

/* The copies that can be changed: fsck reports the others. No lock. */
u32 vexfs_copies_read(struct super_block *sb, struct buffer_head **bh)
{
	struct vexfs_geo *geo = &VEXFS_SB(sb)->geo;
	u32 group, n = 0;

	for (group = 1; group < vexfs_geo_groups(geo) && n < VEXFS_SB_COPIES; group++) {
		if (!vexfs_group_has_super(group))
			continue;
		bh[n] = sb_bread(sb, vexfs_group_start(geo, group));
		if (bh[n] && vexfs_sb_verify((void *)(bh[n]->b_data + VEXFS_SB_OFFSET))) {
			brelse(bh[n]);
			bh[n] = NULL;
		}
		n += bh[n] != NULL;
	}
	return n;
}

static void vexfs_feature_or(struct vexfs_super_block *es, const struct vexfs_super_change *c)
{
	if (c->word == VEXFS_COMPAT)
		es->s_feature_compat |= cpu_to_le32(c->bit);
	else if (c->word == VEXFS_RO_COMPAT)
		es->s_feature_ro_compat |= cpu_to_le32(c->bit);
	else
		es->s_feature_incompat |= cpu_to_le32(c->bit);
}

static void vexfs_label_put(struct vexfs_super_block *es, const struct vexfs_super_change *c)
{
	memset(es->s_label, 0, sizeof(es->s_label));
	memcpy(es->s_label, c->label, strlen(c->label));
}

/* Write access to all of them first; @bh[0] is block 0. Takes es_lock. */
static int vexfs_supers_write(handle_t *handle, struct super_block *sb, struct buffer_head **bh, u32 n,
			      const struct vexfs_super_change *c)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err = 0;
	u32 i;

	for (i = 0; i < n && !err; i++) {
		vexfs_bh_keep(bh[i]);
		err = jbd2_journal_get_write_access(handle, bh[i]);
	}
	if (err)
		return err;
	mutex_lock(&sbi->es_lock);
	for (i = 0; i < n; i++) {
		struct vexfs_super_block *es = (void *)(bh[i]->b_data + VEXFS_SB_OFFSET);

		c->apply(es, c);
		es->s_checksum = cpu_to_le32(vexfs_sb_checksum(es));
	}
	WRITE_ONCE(sbi->geo.feature[c->word], sbi->geo.feature[c->word] | c->bit);
	mutex_unlock(&sbi->es_lock);
	for (i = 0; i < n && !err; i++)
		err = vexfs_md_dirty(handle, sb, bh[i]);
	return err;
}

static int vexfs_supers_store(struct super_block *sb, const struct vexfs_super_change *c, struct buffer_head **bh)
{
	u32 n = 1 + vexfs_copies_read(sb, bh + 1), i;
	handle_t *handle = vexfs_start(sb, n, 0);
	int err = PTR_ERR_OR_ZERO(handle), err2;

	bh[0] = VEXFS_SB(sb)->sb_bh;
	if (!err) {
		err = vexfs_supers_write(handle, sb, bh, n, c);
		err2 = vexfs_stop(handle);
		err = err ? err : err2;
	}
	for (i = 1; i < n; i++)
		brelse(bh[i]);
	return err;
}

/* In one transaction. Not in a handle; takes copies_lock. */
static int vexfs_supers_change(struct super_block *sb, const struct vexfs_super_change *c)
{
	struct buffer_head **bh = kcalloc(1 + VEXFS_SB_COPIES, sizeof(*bh), GFP_NOFS);
	int err;

	if (!bh)
		return -ENOMEM;
	mutex_lock(&VEXFS_SB(sb)->copies_lock);
	err = vexfs_supers_store(sb, c, bh);
	mutex_unlock(&VEXFS_SB(sb)->copies_lock);
	kfree(bh);
	return err;
}

/**
 * vexfs_label_set - name the filesystem
 * @sb:    writable
 * @label: shorter than VEXFS_LABEL_LEN
 *
 * Not in a handle; takes es_lock.
 *
 * Return: 0, -EROFS, -EIO, -ENOMEM.
 */
int vexfs_label_set(struct super_block *sb, const char *label)
{
	struct vexfs_super_change c = { .apply = vexfs_label_put, .label = label };

	return vexfs_supers_change(sb, &c);
}

/**
 * vexfs_feature_set - the filesystem is about to store what a feature adds
 * @sb:	  writable
 * @word: of the feature
 * @bit:  in it; supported
 *
 * Not in a handle; takes es_lock. What is stored in a handle that starts after this cannot be on the
 * disk without the bit. Returns at once if the bit is set.
 *
 * Return: 0, -EROFS, -EIO, -ENOMEM.
 */
int vexfs_feature_set(struct super_block *sb, enum vexfs_feature_word word, u32 bit)
{
	struct vexfs_super_change c = { .apply = vexfs_feature_or, .word = word, .bit = bit };

	if (READ_ONCE(VEXFS_SB(sb)->geo.feature[word]) & bit)
		return 0;
	return vexfs_supers_change(sb, &c);
}
