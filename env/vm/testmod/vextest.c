// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves on request, so that the environment can prove that it notices:
 * insmod vextest.ko how=warn|oops|panic|spin
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/smp.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "warn, oops, panic or spin");

/* Every processor stops taking interrupts: what a deadlock under spin_lock_irq looks like. */
static void spin(void *unused)
{
	unsigned long flags;

	local_irq_save(flags);
	for (;;)
		cpu_relax();
}

static int __init vextest_init(void)
{
	if (!strcmp(how, "warn"))
		WARN(1, "vextest: a deliberate warning\n");
	else if (!strcmp(how, "oops"))
		WRITE_ONCE(*(int *)NULL, 1);
	else if (!strcmp(how, "panic"))
		panic("vextest: a deliberate panic");
	else if (!strcmp(how, "spin"))
		on_each_cpu(spin, NULL, 0);
	else
		return -EINVAL;
	return 0;
}

static void __exit vextest_exit(void)
{
}

module_init(vextest_init);
module_exit(vextest_exit);
MODULE_DESCRIPTION("Deliberate kernel faults for the environment's self-tests");
MODULE_LICENSE("GPL");
