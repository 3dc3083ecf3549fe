// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/vexfs/trigger: provoke one fault of each kind in VexFS code,
 * to prove that the tools that should see it do. Reading lists the words.
 *
 * Only in debug builds (make modules VEXFS_DEBUG=1): Kbuild leaves this file out
 * otherwise. Each fault has a function of its own that the compiler may neither
 * inline nor clone, so that a backtrace names it.
 */
#include "kmod/vexfs.h"
#include "kmod/debugfs.h"
#include "kmod/xattr.h"
#include "kmod/kunit/kunit.h"
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define VEXFS_TRIGGER_BYTES	96
#define VEXFS_TRIGGER_LEAKS	8
#define VEXFS_TRIGGER_SPIN_S	30

#define __trigger	noinline __noclone

static struct dentry *vexfs_debugfs_dir;

/* ---- the faults ---------------------------------------------------------------- */

static __trigger int vexfs_trigger_panic(void)
{
	panic("vexfs: panic triggered through debugfs");
}

/* Through a pointer whose value the compiler does not know. */
static __trigger int vexfs_trigger_oops(void)
{
	int *p = NULL;

	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(*p, 1);
	return 0;
}

static __trigger int vexfs_trigger_bug(void)
{
	BUG();
	return 0;
}

static __trigger int vexfs_trigger_warn(void)
{
	WARN(1, "vexfs: warning triggered through debugfs\n");
	return 0;
}

static DEFINE_MUTEX(vexfs_trigger_a);
static DEFINE_MUTEX(vexfs_trigger_b);

static __trigger void vexfs_trigger_lock_ab(void)
{
	mutex_lock(&vexfs_trigger_a);
	mutex_lock(&vexfs_trigger_b);
	mutex_unlock(&vexfs_trigger_b);
	mutex_unlock(&vexfs_trigger_a);
}

static __trigger void vexfs_trigger_lock_ba(void)
{
	mutex_lock(&vexfs_trigger_b);
	mutex_lock(&vexfs_trigger_a);
	mutex_unlock(&vexfs_trigger_a);
	mutex_unlock(&vexfs_trigger_b);
}

/* One task, so nothing blocks: lockdep sees from the order that two could. */
static __trigger int vexfs_trigger_deadlock(void)
{
	vexfs_trigger_lock_ab();
	vexfs_trigger_lock_ba();
	return 0;
}

static __trigger int vexfs_trigger_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();		/* a report, not a sleep: the machine lives on */
	spin_unlock(&lock);
	return 0;
}

static __trigger int vexfs_trigger_uaf(void)
{
	u8 *p = kmalloc(VEXFS_TRIGGER_BYTES, GFP_KERNEL);
	u8 *stale = p;

	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(stale);
	kfree(p);
	(void)READ_ONCE(stale[VEXFS_TRIGGER_BYTES / 2]);
	return 0;
}

static __trigger int vexfs_trigger_oob(void)
{
	u8 *p = kmalloc(VEXFS_TRIGGER_BYTES - 3, GFP_KERNEL);
	size_t past = VEXFS_TRIGGER_BYTES - 3;

	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(past);
	WRITE_ONCE(p[past], 0x5a);	/* padding of the slab object: harmless without KASAN */
	kfree(p);
	return 0;
}

/* Several: the address of one may survive by chance in a stale stack slot. */
static __trigger int vexfs_trigger_leak(void)
{
	int i;

	for (i = 0; i < VEXFS_TRIGGER_LEAKS; i++) {
		u8 *p = kmalloc(VEXFS_TRIGGER_BYTES, GFP_KERNEL);

		if (!p)
			return -ENOMEM;
		memset(p, 0x5a, VEXFS_TRIGGER_BYTES);
		OPTIMIZER_HIDE_VAR(p);
	}
	return 0;
}

static DECLARE_COMPLETION(vexfs_trigger_gate);

/* The writer cannot be killed; the hung-task detector and a test's time-out see it. */
static __trigger int vexfs_trigger_hang(void)
{
	reinit_completion(&vexfs_trigger_gate);
	wait_for_completion(&vexfs_trigger_gate);
	return 0;
}

static __trigger int vexfs_trigger_resume(void)
{
	complete_all(&vexfs_trigger_gate);
	return 0;
}

/* One processor makes no progress: soft lockup and RCU stall detectors. */
static __trigger int vexfs_trigger_spin(void)
{
	int i;

	preempt_disable();
	for (i = 0; i < VEXFS_TRIGGER_SPIN_S * 1000; i++)
		mdelay(1);
	preempt_enable();
	return 0;
}

static const struct vexfs_trigger {
	const char	*word;
	int		(*fn)(void);
	const char	*what;
} vexfs_triggers[] = {
	{ "panic",	vexfs_trigger_panic,	"panic()" },
	{ "oops",	vexfs_trigger_oops,	"write through a null pointer" },
	{ "bug",	vexfs_trigger_bug,	"BUG()" },
	{ "warn",	vexfs_trigger_warn,	"WARN()" },
	{ "deadlock",	vexfs_trigger_deadlock,	"two mutexes taken in both orders (lockdep)" },
	{ "atomic",	vexfs_trigger_atomic,	"sleep under a spinlock (DEBUG_ATOMIC_SLEEP)" },
	{ "uaf",	vexfs_trigger_uaf,	"read of freed memory (KASAN)" },
	{ "oob",	vexfs_trigger_oob,	"write past the end of an allocation (KASAN)" },
	{ "leak",	vexfs_trigger_leak,	"eight objects nobody points to (kmemleak)" },
	{ "hang",	vexfs_trigger_hang,	"wait for ever, unkillable (hung task), until resume" },
	{ "resume",	vexfs_trigger_resume,	"end all hangs" },
	{ "spin",	vexfs_trigger_spin,	"30 s without preemption (soft lockup, RCU stall)" },
};

/* ---- the file --------------------------------------------------------------------- */

static int vexfs_trigger_show(struct seq_file *seq, void *unused)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(vexfs_triggers); i++)
		seq_printf(seq, "%-9s %s\n", vexfs_triggers[i].word, vexfs_triggers[i].what);
	return 0;
}

static int vexfs_trigger_open(struct inode *inode, struct file *file)
{
	return single_open(file, vexfs_trigger_show, NULL);
}

static ssize_t vexfs_trigger_write(struct file *file, const char __user *buf, size_t size,
				   loff_t *pos)
{
	char text[16], *word;
	size_t i;
	int err;

	if (size >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, buf, size))
		return -EFAULT;
	text[size] = 0;
	word = strim(text);
	for (i = 0; i < ARRAY_SIZE(vexfs_triggers); i++) {
		if (strcmp(word, vexfs_triggers[i].word))
			continue;
		pr_info("vexfs: trigger %s: %s\n", word, vexfs_triggers[i].what);
		err = vexfs_triggers[i].fn();
		return err ? err : size;
	}
	return -EINVAL;
}

static const struct file_operations vexfs_trigger_fops = {
	.owner		= THIS_MODULE,
	.open		= vexfs_trigger_open,
	.read		= seq_read,
	.llseek		= seq_lseek,
	.write		= vexfs_trigger_write,
	.release	= single_release,
};

/* Without debugfs there is no file, and nothing else changes. */
void vexfs_debugfs_init(void)
{
	vexfs_debugfs_dir = debugfs_create_dir("vexfs", NULL);
	debugfs_create_file("trigger", 0600, vexfs_debugfs_dir, NULL, &vexfs_trigger_fops);
	debugfs_create_bool("label", 0600, vexfs_debugfs_dir, &vexfs_label_pretend);
	vexfs_kunit_debugfs(vexfs_debugfs_dir);
	pr_notice("vexfs: debug build: faults on demand in /sys/kernel/debug/vexfs/trigger\n");
}

void vexfs_debugfs_exit(void)
{
	debugfs_remove_recursive(vexfs_debugfs_dir);
}
