// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120
 *
 * A file as swap space: pages go there and come back; what it may not have, and what nobody may
 * do to it meanwhile. And what statx(2) says of direct I/O and of attributes.
 */
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>

#include "tests/guest/guest.h"

#define PAGES	4096			/* of the swap file: 16 MiB */
#define USED	2048			/* pushed out to it */
#define PAGEOUT	21			/* MADV_PAGEOUT */

static char path[300];

static int swap_on(void) { return swapon(path, 0) ? -errno : 0; }

/* What mkswap(8) writes. */
static void header(int fd)
{
	static char page[4096];
	unsigned int *w = (unsigned int *)(page + 1024);

	w[0] = 1;
	w[1] = PAGES - 1;
	memcpy(page + 4096 - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, page, sizeof(page), 0) != sizeof(page) || fsync(fd))
		ktap_bail("write the header");
}

static int make(bool written)
{
	static char block[1 << 16];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);

	if (fd < 0 || ftruncate(fd, PAGES * 4096L))
		ktap_bail("make %s", path);
	for (long at = 0; written && at < PAGES * 4096L; at += sizeof(block))
		if (pwrite(fd, block, sizeof(block), at) != sizeof(block))
			ktap_bail("write %s", path);
	header(fd);
	return fd;
}

static long swapped_kb(void)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "r");
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmSwap: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

static void test_pages(void)
{
	unsigned long *m = mmap(NULL, USED * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long kb;
	int bad = 0;

	if (m == MAP_FAILED)
		ktap_bail("mmap");
	for (unsigned long i = 0; i < USED; i++)
		m[i * 512] = i * 2654435761UL;
	if (madvise(m, USED * 4096L, PAGEOUT))
		ktap_bail("MADV_PAGEOUT");
	kb = swapped_kb();
	ktap(kb >= USED * 4 / 2, "%ld KiB are swapped out", kb);
	for (unsigned long i = 0; i < USED; i++)
		bad += m[i * 512] != i * 2654435761UL;
	ktap(!bad, "and come back: %d of %d pages differ", bad, USED);
	munmap(m, USED * 4096L);
}

static void test_busy(int fd)
{
	char c = 'x';

	ktap(ftruncate(fd, 4096) && errno == ETXTBSY, "no truncating");
	ktap(pwrite(fd, &c, 1, 100) < 0 && errno == ETXTBSY, "no writing");
	ktap(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) && errno == ETXTBSY, "no punching");
	ktap(unlink(path) && errno == EPERM, "no unlinking");
}

static void test_statx(void)
{
	unsigned int flags = FS_NODUMP_FL | FS_APPEND_FL;
	struct statx x = { };
	char name[300];
	int fd, ok;

	snprintf(name, sizeof(name), "%s/x", guest_mnt);
	fd = open(name, O_CREAT | O_RDWR, 0644);
	ok = fd >= 0 && !statx(AT_FDCWD, name, 0, 0x2000 /* STATX_DIOALIGN */, &x) && (x.stx_mask & 0x2000);
	/* stx_dio_mem_align and stx_dio_offset_align: behind stx_mnt_id, not in this libc's header */
	ktap(ok && ((unsigned int *)&x)[38] && ((unsigned int *)&x)[39], "direct I/O: memory %u, offset %u",
	     ((unsigned int *)&x)[38], ((unsigned int *)&x)[39]);
	ktap(x.stx_attributes_mask & STATX_ATTR_NODUMP && !(x.stx_attributes & STATX_ATTR_NODUMP), "not nodump");
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags) || statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &x))
		ktap_bail("set flags");
	ktap((x.stx_attributes & (STATX_ATTR_NODUMP | STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE)) ==
	     (STATX_ATTR_NODUMP | STATX_ATTR_APPEND), "nodump and append-only show");
	flags = 0;
	if (ioctl(fd, FS_IOC_SETFLAGS, &flags))
		ktap_bail("clear flags");
	close(fd);
}

int main(void)
{
	int fd;

	guest_setup();
	if (access("/proc/swaps", F_OK)) {
		printf("KTAP version 1\n1..0 # SKIP this kernel has no swap\n");
		return 0;
	}
	ktap_plan(14);
	snprintf(path, sizeof(path), "%s/swap", guest_mnt);
	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs");
	close(make(false));
	ktap(swap_on() == -EINVAL, "not with holes");
	fd = make(true);
	ktap(swap_on() == 0, "swap on");
	test_pages();
	test_busy(fd);
	ktap(swapoff(path) == 0, "swap off");
	ktap(ftruncate(fd, 0) == 0, "then it is a file again");
	close(fd);
	test_statx();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck finds nothing");
	return ktap_exit();
}
