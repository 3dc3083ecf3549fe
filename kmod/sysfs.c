// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/fs/vexfs/DEVICE: what an administrator watches. Errors of this mount, the last one
 * ever, counters; and a uevent (SUBSYSTEM=vexfs, ACTION=change) at the first error of a mount
 * and when the filesystem is shut down.
 *
 * Showing takes err_lock alone. An attribute is not shown any more when vexfs_sysfs_exit()
 * has returned.
 */
#include "kmod/vexfs.h"
#include <linux/kobject.h>
#include <linux/sysfs.h>

static struct kset *vexfs_kset;

struct vexfs_attr {
	struct attribute attr;
	ssize_t (*show)(struct vexfs_sb_info *sbi, char *buf);
};

/* A copy, made under err_lock. */
static struct vexfs_error vexfs_error_of(struct vexfs_sb_info *sbi, const struct vexfs_error *from)
{
	struct vexfs_error e;

	spin_lock(&sbi->err_lock);
	e = *from;
	spin_unlock(&sbi->err_lock);
	return e;
}

static ssize_t vexfs_show_errors_count(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(sbi->errors_before) + READ_ONCE(sbi->errors_seen));
}

#define VEXFS_SHOW_ERROR(when, what, format, value)						\
static ssize_t vexfs_show_##when##_error_##what(struct vexfs_sb_info *sbi, char *buf)		\
{												\
	struct vexfs_error e = vexfs_error_of(sbi, &sbi->when##_error);				\
												\
	return sysfs_emit(buf, format "\n", value);						\
}

VEXFS_SHOW_ERROR(first, time, "%lld", e.time)
VEXFS_SHOW_ERROR(first, inode, "%llu", e.ino)
VEXFS_SHOW_ERROR(first, block, "%llu", e.blk)
VEXFS_SHOW_ERROR(first, check, "%s", e.what)
VEXFS_SHOW_ERROR(last, time, "%lld", e.time)
VEXFS_SHOW_ERROR(last, inode, "%llu", e.ino)
VEXFS_SHOW_ERROR(last, block, "%llu", e.blk)
VEXFS_SHOW_ERROR(last, check, "%s", e.what)

static ssize_t vexfs_show_state(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%s\n", vexfs_is_shutdown(sbi->sb) ? "shutdown" :
			  test_bit(VEXFS_SBF_STOPPED, &sbi->flags) ? "stopped" :
			  sb_rdonly(sbi->sb) ? "read-only" : "writable");
}

static ssize_t vexfs_show_lost_embeddings(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&sbi->vec_nlost));
}

/* Freed, but not before a commit. */
static ssize_t vexfs_show_pending_blocks(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", percpu_counter_sum_positive(&sbi->pending_blocks));
}

/* Set aside for the extent trees of files with unwritten blocks. */
static ssize_t vexfs_show_promised_blocks(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&sbi->promised));
}

static ssize_t vexfs_show_reserve_blocks(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%u\n", sbi->reserve_blocks);
}

/* Kept for CAP_SYS_RESOURCE: mkfs.vexfs -m. */
static ssize_t vexfs_show_root_reserve_blocks(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%llu\n", sbi->root_blocks);
}

/* Of all graphs. How much everybody stores is for the administrator alone: mode 0400. */
static ssize_t vexfs_show_graph_records(struct vexfs_sb_info *sbi, char *buf)
{
	struct vexfs_index_state s;

	vexfs_index_state(sbi, &s);
	return sysfs_emit(buf, "%llu\n", s.records);
}

/* That wait to be added or taken out. */
static ssize_t vexfs_show_graph_backlog(struct vexfs_sb_info *sbi, char *buf)
{
	struct vexfs_index_state s;

	vexfs_index_state(sbi, &s);
	return sysfs_emit(buf, "%llu\n", s.backlog);
}

static ssize_t vexfs_show_graph_bytes(struct vexfs_sb_info *sbi, char *buf)
{
	struct vexfs_index_state s;

	vexfs_index_state(sbi, &s);
	return sysfs_emit(buf, "%llu\n", s.bytes);
}

/* Blocks of graphs that have changed since their checkpoint. */
static ssize_t vexfs_show_graph_unsaved(struct vexfs_sb_info *sbi, char *buf)
{
	struct vexfs_index_state s;

	vexfs_index_state(sbi, &s);
	return sysfs_emit(buf, "%llu\n", s.unsaved);
}

/* Since the mount: graphs begun anew, read from the disk; checkpoints. */
static ssize_t vexfs_show_graph_builds(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&sbi->graph_builds));
}

static ssize_t vexfs_show_graph_loads(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&sbi->graph_loads));
}

static ssize_t vexfs_show_graph_saves(struct vexfs_sb_info *sbi, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (long long)atomic64_read(&sbi->graph_saves));
}

#define VEXFS_ATTR_MODE(which, bits)								\
static struct vexfs_attr vexfs_attr_##which = {							\
	.attr = { .name = #which, .mode = bits }, .show = vexfs_show_##which,			\
}
#define VEXFS_ATTR(which) VEXFS_ATTR_MODE(which, 0444)

VEXFS_ATTR(errors_count);
VEXFS_ATTR(first_error_time);
VEXFS_ATTR(first_error_inode);
VEXFS_ATTR(first_error_block);
VEXFS_ATTR(first_error_check);
VEXFS_ATTR(last_error_time);
VEXFS_ATTR(last_error_inode);
VEXFS_ATTR(last_error_block);
VEXFS_ATTR(last_error_check);
VEXFS_ATTR(state);
VEXFS_ATTR(lost_embeddings);
VEXFS_ATTR(pending_blocks);
VEXFS_ATTR(promised_blocks);
VEXFS_ATTR(reserve_blocks);
VEXFS_ATTR(root_reserve_blocks);
VEXFS_ATTR_MODE(graph_records, 0400);
VEXFS_ATTR_MODE(graph_backlog, 0400);
VEXFS_ATTR_MODE(graph_bytes, 0400);
VEXFS_ATTR_MODE(graph_unsaved, 0400);
VEXFS_ATTR_MODE(graph_builds, 0400);
VEXFS_ATTR_MODE(graph_loads, 0400);
VEXFS_ATTR_MODE(graph_saves, 0400);

static struct attribute *vexfs_attrs[] = {
	&vexfs_attr_errors_count.attr,
	&vexfs_attr_first_error_time.attr,
	&vexfs_attr_first_error_inode.attr,
	&vexfs_attr_first_error_block.attr,
	&vexfs_attr_first_error_check.attr,
	&vexfs_attr_last_error_time.attr,
	&vexfs_attr_last_error_inode.attr,
	&vexfs_attr_last_error_block.attr,
	&vexfs_attr_last_error_check.attr,
	&vexfs_attr_state.attr,
	&vexfs_attr_lost_embeddings.attr,
	&vexfs_attr_pending_blocks.attr,
	&vexfs_attr_promised_blocks.attr,
	&vexfs_attr_reserve_blocks.attr,
	&vexfs_attr_root_reserve_blocks.attr,
	&vexfs_attr_graph_records.attr,
	&vexfs_attr_graph_backlog.attr,
	&vexfs_attr_graph_bytes.attr,
	&vexfs_attr_graph_unsaved.attr,
	&vexfs_attr_graph_builds.attr,
	&vexfs_attr_graph_loads.attr,
	&vexfs_attr_graph_saves.attr,
	NULL
};
ATTRIBUTE_GROUPS(vexfs);

static ssize_t vexfs_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	return container_of(attr, struct vexfs_attr, attr)->show(
		container_of(kobj, struct vexfs_sb_info, kobj), buf);
}

static void vexfs_kobj_release(struct kobject *kobj)
{
	complete(&container_of(kobj, struct vexfs_sb_info, kobj)->kobj_gone);
}

static const struct sysfs_ops vexfs_sysfs_ops = { .show = vexfs_attr_show };

static const struct kobj_type vexfs_ktype = {
	.default_groups = vexfs_groups,
	.sysfs_ops = &vexfs_sysfs_ops,
	.release = vexfs_kobj_release,
};

/**
 * vexfs_sysfs_init - show a filesystem
 * @sb: mounted; the last step
 *
 * Return: 0, or what vexfs_sysfs_exit() does not have to undo.
 */
int vexfs_sysfs_init(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	int err;

	init_completion(&sbi->kobj_gone);
	sbi->kobj.kset = vexfs_kset;
	err = kobject_init_and_add(&sbi->kobj, &vexfs_ktype, NULL, "%s", sb->s_id);
	if (err) {
		kobject_put(&sbi->kobj);
		wait_for_completion(&sbi->kobj_gone);
		return err;
	}
	kobject_uevent(&sbi->kobj, KOBJ_ADD);
	schedule_work(&sbi->err_work);		/* the mount may have found something */
	return 0;
}

/* May be called if the above has not been, or failed. Waits for readers of attributes. */
void vexfs_sysfs_exit(struct super_block *sb)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);

	if (!sbi->kobj.state_in_sysfs)
		return;
	/* Those that wait are sent; those that come later find the bit. */
	flush_work(&sbi->err_work);
	set_bit(VEXFS_SBF_SILENT, &sbi->flags);
	flush_work(&sbi->err_work);
	kobject_del(&sbi->kobj);
	kobject_put(&sbi->kobj);
	wait_for_completion(&sbi->kobj_gone);
}

/**
 * vexfs_sysfs_event - tell user space
 * @sb:    any; nothing happens before it is shown
 * @event: "error" or "shutdown"
 *
 * Sleeps; no locks. From the work item err_work alone: vexfs_sysfs_exit() waits for that.
 */
void vexfs_sysfs_event(struct super_block *sb, const char *event)
{
	struct vexfs_sb_info *sbi = VEXFS_SB(sb);
	char text[32];
	char *env[] = { text, NULL };

	if (!sbi->kobj.state_in_sysfs || test_bit(VEXFS_SBF_SILENT, &sbi->flags))
		return;
	snprintf(text, sizeof(text), "VEXFS_EVENT=%s", event);
	kobject_uevent_env(&sbi->kobj, KOBJ_CHANGE, env);
}

int __init vexfs_sysfs_module_init(void)
{
	vexfs_kset = kset_create_and_add("vexfs", NULL, fs_kobj);
	return vexfs_kset ? 0 : -ENOMEM;
}

void vexfs_sysfs_module_exit(void)
{
	kset_unregister(vexfs_kset);
}
