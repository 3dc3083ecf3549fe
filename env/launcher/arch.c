// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machines QEMU makes, one row for each architecture of a guest (Debian's words): what differs in the command line,
 * and what such a guest cannot do. Everything else of the launcher is the same for all.
 */
#include <stdlib.h>
#include <string.h>

#include "vm.h"

/*
 * x86's clock need not be measured against an emulated timer (tsc_early_khz); its random numbers are seeded by the
 * processor. The other words are x86's as well.
 */
static char *x86_append(const struct machine *m)
{
	return xprintf("console=ttyS0 tsc_early_khz=%u no_timer_check random.trust_cpu=on", m->tsc_khz);
}

static char *arm64_append(const struct machine *m)
{
	(void)m;
	return xprintf("console=ttyAMA0");
}

/* la57: five-level page tables only make every emulated page walk longer. pauth: emulated, each signature is a hash. */
static const struct arch archs[] = {
	{
		.name = "amd64",
		.qemu = "qemu-system-x86_64",
		.package = "qemu-system-x86",
		.machine = "q35,usb=off,vmport=off,smbus=off,sata=off",
		.cpu_kvm = "max",
		.cpu_tcg = "max,-la57",
		.native = true,
		.append = x86_append,
	}, {
		.name = "arm64",
		.qemu = "qemu-system-aarch64",
		.package = "qemu-system-arm",
		.machine = "virt,gic-version=3",
		.cpu_tcg = "max,pauth-impdef=on",
		.append = arm64_append,
	},
};

const struct arch *arch_named(const char *name)
{
	for (size_t i = 0; i < sizeof(archs) / sizeof(*archs); i++)
		if (!strcmp(archs[i].name, name))
			return &archs[i];
	fatal(VEX_USAGE, "--arch '%s': use amd64 or arm64", name);
}

/* An option that a guest of this architecture cannot obey; before anything is started. */
void arch_check(const struct opts *o)
{
	const char *what = o->accel == ACCEL_KVM ? "--accel kvm" : o->kdump ? "--kdump" : o->kgdb ? "--kgdb" :
		o->image ? "--image" : o->screen ? "--screen" : NULL;

	if (!o->arch->native && what)
		fatal(VEX_USAGE, "%s guests are emulated and have no %s", o->arch->name, what);
}
