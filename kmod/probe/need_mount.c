// SPDX-License-Identifier: GPL-2.0
/* What has had one form on all kernels so far. */
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/statfs.h>
int fill(struct super_block *sb, struct fs_context *fc);
int param(struct fs_context *fc, struct fs_parameter *p);
int statfs(struct dentry *dentry, struct kstatfs *buf);
int show(struct seq_file *seq, struct dentry *root);
int probe(struct fs_context *fc, struct file_system_type *type);
static const struct fs_context_operations ops = { .parse_param = param };
static const struct super_operations sops = { .statfs = statfs, .show_options = show };
int probe(struct fs_context *fc, struct file_system_type *type)
{
	fc->ops = &ops;
	fc->root->d_sb->s_op = &sops;
	type->kill_sb = kill_block_super;
	return get_tree_bdev(fc, fill);
}
