// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves on request, so that the environment can prove that it notices:
 * insmod vextest.ko how=WORD, see the table at the end. Those that need a checker do nothing without it.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "which fault");

static void do_warn(void)
{
	WARN(1, "vextest: a deliberate warning\n");
}

static void do_oops(void)
{
	int *p = NULL;

	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(*p, 1);
}

static void do_panic(void)
{
	panic("vextest: a deliberate panic");
}

/* Every processor stops taking interrupts: what a deadlock under spin_lock_irq looks like. */
static void spin(void *unused)
{
	unsigned long flags;

	local_irq_save(flags);
	for (;;)
		cpu_relax();
}

static void do_spin(void)
{
	on_each_cpu(spin, NULL, 0);
}

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);

static void do_circular(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);
	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

/* Two locks of one class; a second mutex_lock() of the same one would never return. */
static void do_recursive(void)
{
	static struct mutex twin[2];

	for (int i = 0; i < 2; i++)
		mutex_init(&twin[i]);
	mutex_lock(&twin[0]);
	mutex_lock(&twin[1]);
	mutex_unlock(&twin[1]);
	mutex_unlock(&twin[0]);
}

static int __rcu *guarded;

static void do_rcu(void)
{
	(void)rcu_dereference(guarded);		/* without rcu_read_lock() */
}

static void do_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void do_kasan(void)
{
	u8 *p = kmalloc(96, GFP_KERNEL), *stale = p;

	OPTIMIZER_HIDE_VAR(stale);
	kfree(p);
	if (p)
		(void)READ_ONCE(stale[48]);
}

static void do_ubsan(void)
{
	unsigned int by = 40;

	OPTIMIZER_HIDE_VAR(by);
	pr_info("vextest: %u\n", 1u << by);
}

/* Several: the address of one may survive by chance in a stale stack slot. */
static void do_leak(void)
{
	for (int i = 0; i < 8; i++) {
		u8 *p = kmalloc(96, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(p);
		if (p)
			memset(p, 0x5a, 96);
	}
}

static void do_refcount(void)
{
	refcount_t r = REFCOUNT_INIT(0);

	refcount_inc(&r);
}

static void do_list(void)
{
	LIST_HEAD(head);
	struct list_head *node = kzalloc(sizeof(*node), GFP_KERNEL);

	if (!node)
		return;
	list_add(node, &head);
	node->prev = node;
	list_del(node);
	kfree(node);
}

/* Until the module is removed, so that the guest can end. */
static struct task_struct *sleeper;

static int sleep_hard(void *unused)
{
	while (!kthread_should_stop()) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

static void do_hung(void)
{
	sleeper = kthread_run(sleep_hard, NULL, "vextest-hung");
	if (IS_ERR(sleeper))
		sleeper = NULL;
}

/* A processor that makes no progress for longer than the soft-lockup and RCU-stall detectors wait. */
static void do_lockup(void)
{
	preempt_disable();
	for (int i = 0; i < 30000; i++)
		mdelay(1);
	preempt_enable();
}

static const struct {
	const char	*word;
	void		(*fault)(void);
} faults[] = {
	{ "warn", do_warn }, { "oops", do_oops }, { "panic", do_panic }, { "spin", do_spin },
	{ "circular", do_circular }, { "recursive", do_recursive }, { "rcu", do_rcu },
	{ "atomic", do_atomic }, { "kasan", do_kasan }, { "ubsan", do_ubsan }, { "leak", do_leak },
	{ "refcount", do_refcount }, { "list", do_list }, { "hung", do_hung }, { "lockup", do_lockup },
};

static int __init vextest_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (strcmp(how, faults[i].word))
			continue;
		faults[i].fault();
		return 0;
	}
	return -EINVAL;
}

static void __exit vextest_exit(void)
{
	if (sleeper)
		kthread_stop(sleeper);
}

module_init(vextest_init);
module_exit(vextest_exit);
MODULE_DESCRIPTION("Deliberate kernel faults for the environment's self-tests");
MODULE_LICENSE("GPL");
