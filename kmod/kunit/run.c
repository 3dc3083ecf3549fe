// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/vexfs/kunit: run the suites now. At module load they would run
 * every time, also where a test loads the module a hundred times.
 */
#include "kmod/kunit/kunit.h"
#include <kunit/test.h>
#include <linux/debugfs.h>
#include <linux/module.h>

static struct kunit_suite *const vexfs_kunit_suites[] = {
	&vexfs_kunit_core, &vexfs_kunit_parse, &vexfs_kunit_slot, &vexfs_kunit_vec,
};

static DEFINE_MUTEX(vexfs_kunit_lock);

/* -EIO if a test has failed; the kernel log says which. */
static ssize_t vexfs_kunit_write(struct file *file, const char __user *buf, size_t size,
				 loff_t *pos)
{
	ssize_t ret = size;
	int i;

	if (mutex_lock_interruptible(&vexfs_kunit_lock))
		return -EINTR;
	pr_info("KTAP version 1\n");
	pr_info("1..%zu\n", ARRAY_SIZE(vexfs_kunit_suites));
	for (i = 0; i < ARRAY_SIZE(vexfs_kunit_suites); i++) {
		kunit_run_tests(vexfs_kunit_suites[i]);
		if (kunit_suite_has_succeeded(vexfs_kunit_suites[i]) == KUNIT_FAILURE)
			ret = -EIO;
	}
	mutex_unlock(&vexfs_kunit_lock);
	return ret;
}

static const struct file_operations vexfs_kunit_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = vexfs_kunit_write,
	.llseek = noop_llseek,
};

void vexfs_kunit_debugfs(struct dentry *dir)
{
	debugfs_create_file("kunit", 0200, dir, NULL, &vexfs_kunit_fops);
}
