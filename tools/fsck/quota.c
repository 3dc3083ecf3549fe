// SPDX-License-Identifier: GPL-2.0
/*
 * Pass 6: what users, groups and projects have, against what their quota files say.
 *
 * Counted in the passes before; here it is compared. A file that is wrong is written anew, with the
 * limits that could be read.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/xattr.h"
#include "lib/image_write.h"
#include "lib/quota_file.h"
#include "tools/fsck/fsck.h"

static const char *const type_name[VEXFS_QUOTA_TYPES] = { "user", "group", "project" };

/**
 * struct fsck_quota - what has been counted
 * @table:  usage by id
 * @charges: of inodes, to be summed
 * @unsure: some of it is not known
 */
struct fsck_quota {
	struct vexfs_quota_table table[VEXFS_QUOTA_TYPES];
	struct vexfs_charges charges;
	bool	unsure;
};

static bool has_quota(const struct fsck *f)
{
	return f->img.geo.feature[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_QUOTA;
}

/* Made when it is needed first; NULL: no quota, or no memory (reported). */
static struct fsck_quota *counted(struct fsck *f)
{
	if (f->quota || !has_quota(f))
		return f->quota;
	f->quota = calloc(1, sizeof(*f->quota));
	if (!f->quota)
		fsck_fatal(f, -ENOMEM, "counting quota");
	return f->quota;
}

void fsck_quota_free(struct fsck *f)
{
	int i;

	if (!f->quota)
		return;
	for (i = 0; i < VEXFS_QUOTA_TYPES; i++)
		vexfs_quota_free(&f->quota->table[i]);
	vexfs_charges_free(&f->quota->charges);
	free(f->quota);
	f->quota = NULL;
}

/* ---- counting ---------------------------------------------------------------- */

void fsck_quota_inode(struct fsck *f, u64 ino, const struct vexfs_inode *di)
{
	const u32 id[VEXFS_QUOTA_TYPES] = {
		le32_to_cpu(di->i_uid), le32_to_cpu(di->i_gid), le32_to_cpu(di->i_projid),
	};
	struct fsck_quota *q = counted(f);
	int i;

	if (!q || le32_to_cpu(di->i_flags) & VEXFS_INODE_HIDDEN)
		return;
	for (i = 0; i < VEXFS_QUOTA_TYPES; i++) {
		struct vexfs_quota_rec *r = vexfs_quota_get(&q->table[i], id[i]);

		if (!r) {
			fsck_fatal(f, -ENOMEM, "counting quota");
			return;
		}
		r->inodes++;
		r->space += (le64_to_cpu(di->i_blocks) << VEXFS_BLOCK_SHIFT) + le64_to_cpu(di->i_charged);
	}
	/* So that one that is charged for nothing is looked at. */
	if (di->i_charged)
		fsck_quota_charge(f, ino, 0);
}

void fsck_quota_charge(struct fsck *f, u64 ino, u64 bytes)
{
	struct fsck_quota *q = counted(f);

	if (q && vexfs_charges_add(&q->charges, ino, bytes))
		fsck_fatal(f, -ENOMEM, "counting quota");
}

void fsck_quota_value(struct fsck *f, u64 ino, u32 len)
{
	fsck_quota_charge(f, ino, (u64)vexfs_xattr_value_blocks(len) << VEXFS_BLOCK_SHIFT);
}

void fsck_quota_unsure(struct fsck *f)
{
	if (counted(f))
		f->quota->unsure = true;
}

/* ---- the files ------------------------------------------------------------------ */

void fsck_quota_files(struct fsck *f)
{
	int i;

	for (i = 0; i < VEXFS_QUOTA_TYPES && has_quota(f); i++) {
		u64 ino = le64_to_cpu(f->img.sb.s_quota_ino[i]);
		struct fsck_ino *fi = fsck_ino_get(f, ino);
		const char *bad = NULL;

		if (!fi || fi->flags & FSCK_INO_BAD)
			bad = "is free or damaged";
		else if (!(fi->flags & FSCK_INO_HIDDEN) || fi->dtype != DT_REG)
			bad = "is not a hidden file";
		else if (fi->coll)
			bad = "has another use";
		if (bad)
			fsck_problem(f, QUOTA_INODE, type_name[i], (unsigned long long)ino, bad);
		else
			fi->coll = FSCK_COLL_QUOTA;
	}
}

static bool is_file(struct fsck *f, int type)
{
	const struct fsck_ino *fi = fsck_ino_get(f, le64_to_cpu(f->img.sb.s_quota_ino[type]));

	return fi && fi->coll == FSCK_COLL_QUOTA;
}

/* ---- comparing --------------------------------------------------------------------- */

/* An orphan is charged until it is freed, whatever it has lost by then. */
static void check_charge(struct fsck *f, const struct vexfs_charge *c)
{
	struct vexfs_inode di;
	u64 said;

	fsck_object(f, FSCK_FIX_CHARGE, c->ino);
	if (fsck_get_inode(f, c->ino, &di) || le32_to_cpu(di.i_flags) & VEXFS_INODE_HIDDEN)
		return;
	said = le64_to_cpu(di.i_charged);
	if (said != c->bytes && !(said > c->bytes && !di.i_nlink))
		fsck_problem(f, QUOTA_CHARGED, (unsigned long long)c->ino, (unsigned long long)said,
			     (unsigned long long)c->bytes);
}

static void check_usage(struct fsck *f, int type, u32 id, const struct vexfs_quota_rec *said,
			const struct vexfs_quota_rec *found)
{
	static const struct vexfs_quota_rec none;

	said = said ? said : &none;
	found = found ? found : &none;
	if (said->space != found->space || said->inodes != found->inodes)
		fsck_problem(f, QUOTA_USAGE, type_name[type], id, (unsigned long long)said->space,
			     (unsigned long long)said->inodes, (unsigned long long)found->space,
			     (unsigned long long)found->inodes);
}

static void compare(struct fsck *f, int type, const struct vexfs_quota_table *said)
{
	const struct vexfs_quota_table *found = &f->quota->table[type];
	size_t i;

	for (i = 0; i < found->n; i++)
		check_usage(f, type, found->rec[i].id, vexfs_quota_find(said, found->rec[i].id), &found->rec[i]);
	for (i = 0; i < said->n; i++)
		if (!vexfs_quota_find(found, said->rec[i].id))
			check_usage(f, type, said->rec[i].id, &said->rec[i], NULL);
}

static void check_file(struct fsck *f, int type)
{
	struct vexfs_quota_table said;
	const char *why;
	int err;

	vexfs_quota_init(&said);
	fsck_object(f, FSCK_FIX_QUOTA, type);
	fsck_where(f, FSCK_QUOTA_BLOCK, "quota of %ss", type_name[type]);
	err = vexfs_image_quota_load(&f->img, type, &said, &why);
	if (!err && why)
		fsck_problem(f, QUOTA_FILE, type_name[type], why);
	else if (!err)
		compare(f, type, &said);
	else if (err != -EUCLEAN)
		fsck_fatal(f, err, "reading quota");
	vexfs_quota_free(&said);
}

void fsck_quota(struct fsck *f)
{
	struct fsck_quota *q = counted(f);
	size_t n;
	int i;

	if (!q)
		return;
	vexfs_charges_sum(&q->charges);
	for (n = 0; n < q->charges.n && !q->unsure && !f->err; n++)
		check_charge(f, &q->charges.charge[n]);
	for (i = 0; i < VEXFS_QUOTA_TYPES && !f->err; i++)
		if (is_file(f, i))
			check_file(f, i);
}

/* ---- repairing ------------------------------------------------------------------------ */

int fsck_fix_charge(struct fsck *f, u64 ino)
{
	const struct vexfs_charge *c = f->quota ? vexfs_charges_find(&f->quota->charges, ino) : NULL;
	struct vexfs_inode di;
	int err = fsck_get_inode(f, ino, &di);

	if (err || !c)
		return err == -ENOENT ? 0 : err;
	di.i_charged = cpu_to_le64(c->bytes);
	err = fsck_put_inode(f, ino, &di);
	if (!err)
		fsck_did(f, "inode %llu: charged %llu bytes", (unsigned long long)ino,
			 (unsigned long long)c->bytes);
	return err;
}

/* Limits of those who have any, whether they have something or not. */
static int take_limits(struct vexfs_quota_table *t, const struct vexfs_quota_table *from)
{
	size_t i;

	t->bgrace = from->bgrace;
	t->igrace = from->igrace;
	for (i = 0; i < from->n; i++) {
		const struct vexfs_quota_rec *r = &from->rec[i];
		struct vexfs_quota_rec *to;
		u64 space, inodes;

		if (!r->ihard && !r->isoft && !r->bhard && !r->bsoft)
			continue;
		to = vexfs_quota_get(t, r->id);
		if (!to)
			return -ENOMEM;
		space = to->space;
		inodes = to->inodes;
		*to = *r;
		to->space = space;
		to->inodes = inodes;
	}
	return 0;
}

int fsck_fix_quota(struct fsck *f, u64 type)
{
	struct vexfs_quota_table said;
	const char *why;
	int err;

	if (!f->quota)
		return 0;
	vexfs_quota_init(&said);
	f->img.report = NULL;
	err = vexfs_image_quota_load(&f->img, type, &said, &why);
	if (!err || err == -EUCLEAN)
		err = take_limits(&f->quota->table[type], &said);
	if (!err)
		err = vexfs_image_quota_store(&f->img, type, &f->quota->table[type]);
	f->img.report = fsck_report;
	vexfs_quota_free(&said);
	if (!err)
		fsck_did(f, "quota of %ss written anew", type_name[type]);
	return err;
}
