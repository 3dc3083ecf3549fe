/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A power cut without losing the machine: the test disk behind device-mapper.
 * From cut_power() on, every write claims to succeed and is dropped (dm-flakey),
 * so that after unmounting and cut_restore() the disk holds what had reached it
 * at that moment and nothing else. No tool is needed: the ioctls are spoken here.
 */
#ifndef VEXFS_POWERCUT_H
#define VEXFS_POWERCUT_H

#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "tests/guest/guest.h"

#define CUT_NAME "vexcut"

static int cut_ctl = -1;
static unsigned long long cut_sectors;
static char cut_under[200], cut_node[256];

struct cut_ioctl {
	struct dm_ioctl io;
	struct dm_target_spec spec;
	char params[512];
};

static inline void cut_call(struct cut_ioctl *c, unsigned long cmd, unsigned int flags)
{
	c->io.version[0] = DM_VERSION_MAJOR;
	c->io.data_size = sizeof(*c);
	c->io.data_start = sizeof(c->io);
	c->io.flags = flags;
	strcpy(c->io.name, CUT_NAME);
	if (ioctl(cut_ctl, cmd, c))
		ktap_bail("device-mapper ioctl %#lx", cmd);
}

/* Swap tables; what is queued goes to the new one. */
static inline void cut_table(const char *target, const char *params)
{
	struct cut_ioctl c = { .io.target_count = 1, .spec.length = cut_sectors };

	strcpy(c.spec.target_type, target);
	snprintf(c.params, sizeof(c.params), "%s", params);
	cut_call(&c, DM_TABLE_LOAD, 0);
	memset(&c, 0, sizeof(c));
	cut_call(&c, DM_DEV_SUSPEND, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG);
	memset(&c, 0, sizeof(c));
	cut_call(&c, DM_DEV_SUSPEND, 0);	/* resume */
}

/* Everything works (again). Not mounted. */
static inline void cut_restore(void)
{
	char p[300];

	snprintf(p, sizeof(p), "%s 0", cut_under);
	cut_table("linear", p);
}

/* From now on writes are dropped. */
static inline void cut_power(void)
{
	char p[300];

	snprintf(p, sizeof(p), "%s 0 0 3600 1 drop_writes", cut_under);
	cut_table("flakey", p);
}

/* After guest_setup(): puts the device between guest_disk and the test. False:
 * this kernel has no dm-flakey. */
static inline bool cut_setup(void)
{
	struct cut_ioctl c = { };
	int fd;

	if (guest_run("modprobe dm-mod") || guest_run("modprobe dm-flakey"))
		return false;
	snprintf(cut_under, sizeof(cut_under), "%s", guest_disk);
	fd = open(cut_under, O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &cut_sectors))
		ktap_bail("size of %s", cut_under);
	cut_sectors >>= 9;
	close(fd);
	cut_ctl = open("/dev/mapper/control", O_RDWR);
	if (cut_ctl < 0)
		ktap_bail("open /dev/mapper/control");
	cut_call(&c, DM_DEV_CREATE, 0);
	snprintf(cut_node, sizeof(cut_node), "/dev/dm-%u", minor((dev_t)c.io.dev));
	cut_restore();
	guest_disk = cut_node;
	return true;
}

static inline void cut_remove(void)
{
	struct cut_ioctl c = { };

	cut_call(&c, DM_DEV_REMOVE, 0);
	guest_disk = cut_under;
}

#endif /* VEXFS_POWERCUT_H */
