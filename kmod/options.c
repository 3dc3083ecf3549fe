// SPDX-License-Identifier: GPL-2.0
/*
 * Mount options of other filesystems, as lines of fstab carry them. Who asks for what VexFS
 * does anyway, or gives a hint, is not refused; who asks for something that would not be
 * done is told so. What is in neither table is unknown, as before.
 */
#include "kmod/vexfs.h"
#include <linux/fs_context.h>
#include <linux/fs_parser.h>

/**
 * struct vexfs_foreign - an option
 * @key:   its name
 * @value: NULL: without a value; "*": any
 * @why:   what to say when it is refused; NULL: it is accepted
 */
struct vexfs_foreign {
	const char *key, *value, *why;
};

static const char no_quota[] = "quota files are inside the filesystem: use usrquota, grpquota";
static const char always_flushed[] = "the device's cache is always flushed";
static const char ordered_only[] = "data are always on the device before what refers to them";

static const struct vexfs_foreign vexfs_foreign[] = {
	/* What is done anyway. */
	{ "barrier", NULL },
	{ "barrier", "1" },
	{ "data", "ordered" },
	{ "user_xattr", NULL },
	{ "journal_checksum", NULL },
	{ "auto_da_alloc", NULL },
	{ "auto_da_alloc", "1" },
	{ "block_validity", NULL },
	{ "i_version", NULL },
	{ "noquota", NULL },
	{ "inode64", NULL },
	{ "attr2", NULL },
	{ "dax", "never" },
	/* Hints. */
	{ "delalloc", NULL },
	{ "nodelalloc", NULL },
	{ "stripe", "*" },
	{ "init_itable", NULL },
	{ "init_itable", "*" },
	{ "noinit_itable", NULL },
	{ "inode_readahead_blks", "*" },
	{ "max_batch_time", "*" },
	{ "min_batch_time", "*" },
	{ "journal_ioprio", "*" },
	{ "dioread_nolock", NULL },
	{ "dioread_lock", NULL },
	{ "logbufs", "*" },
	{ "logbsize", "*" },
	{ "allocsize", "*" },
	{ "largeio", NULL },
	{ "nolargeio", NULL },
	{ "swalloc", NULL },
	{ "sunit", "*" },
	{ "swidth", "*" },
	/* What would not be done. */
	{ "nobarrier", NULL, always_flushed },
	{ "barrier", "*", always_flushed },
	{ "data", "*", ordered_only },
	{ "journal_async_commit", NULL, always_flushed },
	{ "noauto_da_alloc", NULL, "files that are replaced are always written first" },
	{ "auto_da_alloc", "*", "files that are replaced are always written first" },
	{ "nouser_xattr", NULL, "embeddings are attributes of users" },
	{ "usrjquota", "*", no_quota },
	{ "grpjquota", "*", no_quota },
	{ "jqfmt", "*", no_quota },
	{ "dax", NULL, "files are always cached" },
	{ "dax", "*", "files are always cached" },
	{ "journal_dev", "*", "the journal is always on the same device" },
	{ "logdev", "*", "the journal is always on the same device" },
};

static bool vexfs_foreign_is(const struct vexfs_foreign *f, const struct fs_parameter *param)
{
	const char *value = param->type == fs_value_is_string ? param->string : NULL;

	if (strcmp(f->key, param->key) || !f->value != !value)
		return false;
	return !value || !strcmp(f->value, "*") || !strcmp(f->value, value);
}

/**
 * vexfs_foreign_option - an option that VexFS does not have
 * @fc:    of the mount
 * @param: the option
 *
 * Return: 0: it changes nothing; -EINVAL, with a message; -ENOPARAM: unknown.
 */
int vexfs_foreign_option(struct fs_context *fc, const struct fs_parameter *param)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vexfs_foreign); i++)
		if (vexfs_foreign_is(&vexfs_foreign[i], param))
			return vexfs_foreign[i].why ? invalfc(fc, "option '%s': %s", param->key,
							      vexfs_foreign[i].why) :
						      0;
	return -ENOPARAM;
}
