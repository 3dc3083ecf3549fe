/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A power cut without losing the machine: the test disk behind device-mapper.
 * From cut_power() on, every write claims to succeed and is dropped (dm-flakey),
 * so that after unmounting and cut_restore() the disk holds what had reached it
 * at that moment and nothing else. No tool is needed: the ioctls are spoken here.
 * Bad sectors, a slow disk and one that refuses writes are made the same way.
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
static pid_t cut_owner;		/* who has to remove the device; 0: nobody any more */

struct cut_ioctl {
	struct dm_ioctl io;
	_Alignas(8) char targets[1024];
};

/* A piece of the device: sectors [first, first + len) are @target's. */
struct cut_piece {
	unsigned long long first, len;
	const char *target;
	char params[450];
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
static inline void cut_pieces(const struct cut_piece *piece, unsigned int n)
{
	struct cut_ioctl c = { .io.target_count = n };
	char *at = c.targets;

	for (unsigned int i = 0; i < n; i++) {
		struct dm_target_spec *spec = (void *)at;
		size_t size = sizeof(*spec) + strlen(piece[i].params) + 1;

		size = (size + 7) / 8 * 8;
		if (at + size > c.targets + sizeof(c.targets))
			ktap_bail("device-mapper table too long");
		spec->sector_start = piece[i].first;
		spec->length = piece[i].len;
		spec->next = (unsigned int)size;
		strcpy(spec->target_type, piece[i].target);
		strcpy(at + sizeof(*spec), piece[i].params);
		at += size;
	}
	cut_call(&c, DM_TABLE_LOAD, 0);
	memset(&c, 0, sizeof(c));
	cut_call(&c, DM_DEV_SUSPEND, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG);
	memset(&c, 0, sizeof(c));
	cut_call(&c, DM_DEV_SUSPEND, 0);	/* resume */
}

static inline struct cut_piece cut_linear(unsigned long long first, unsigned long long len)
{
	struct cut_piece p = { .first = first, .len = len, .target = "linear" };

	snprintf(p.params, sizeof(p.params), "%s %llu", cut_under, first);
	return p;
}

/* Everything works (again). */
static inline void cut_restore(void)
{
	struct cut_piece p = cut_linear(0, cut_sectors);

	cut_pieces(&p, 1);
}

static inline void cut_flakey(const char *feature)
{
	struct cut_piece p = { .len = cut_sectors, .target = "flakey" };

	snprintf(p.params, sizeof(p.params), "%s 0 0 3600 1 %s", cut_under, feature);
	cut_pieces(&p, 1);
}

/* From now on writes are dropped. */
static inline void cut_power(void)
{
	cut_flakey("drop_writes");
}

/* From now on writes fail; reads work. */
static inline void cut_writes(void)
{
	cut_flakey("error_writes");
}

/* From now on every write takes this long; reads do not. After modprobe dm-delay. */
static inline void cut_slow_writes(unsigned int ms)
{
	struct cut_piece p = { .len = cut_sectors, .target = "delay" };

	snprintf(p.params, sizeof(p.params), "%s 0 0 %s 0 %u", cut_under, cut_under, ms);
	cut_pieces(&p, 1);
}

/* The block of 4 KiB around this byte can be neither read nor written any more. */
static inline void cut_block(off_t byte)
{
	unsigned long long s = (unsigned long long)byte / 4096 * 8;
	struct cut_piece p[] = {
		cut_linear(0, s), { .first = s, .len = 8, .target = "error" },
		cut_linear(s + 8, cut_sectors - s - 8),
	};

	cut_pieces(p, 3);
}

/* @len bytes from @byte on can be read but not written any more; both in blocks. */
static inline void cut_range_writes(off_t byte, off_t len)
{
	unsigned long long s = (unsigned long long)byte / 512, n = (unsigned long long)len / 512;
	struct cut_piece p[] = {
		cut_linear(0, s), { .first = s, .len = n, .target = "flakey" },
		cut_linear(s + n, cut_sectors - s - n),
	};

	snprintf(p[1].params, sizeof(p[1].params), "%s %llu 0 3600 1 error_writes", cut_under, s);
	cut_pieces(p, 3);
}

/* The block around this byte can be read but not written any more. */
static inline void cut_block_writes(off_t byte)
{
	cut_range_writes(byte / 4096 * 4096, 4096);
}

/* At exit: a device that is left would keep the disk from the tests that follow. */
static inline void cut_leave(void)
{
	struct cut_ioctl c = { .io.version = { DM_VERSION_MAJOR }, .io.data_size = sizeof(c) };

	if (getpid() != cut_owner)
		return;
	umount(guest_mnt);
	strcpy(c.io.name, CUT_NAME);
	if (ioctl(cut_ctl, DM_DEV_REMOVE, &c))
		ktap_note("the device of the power cuts stays: %s", strerror(errno));
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
	cut_owner = getpid();
	atexit(cut_leave);
	cut_restore();
	guest_disk = cut_node;
	return true;
}

static inline void cut_remove(void)
{
	struct cut_ioctl c = { };

	cut_call(&c, DM_DEV_REMOVE, 0);
	cut_owner = 0;
	guest_disk = cut_under;
}

#endif /* VEXFS_POWERCUT_H */
