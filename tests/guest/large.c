// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:16383G mem=1G time=900 full
 *
 * A device of almost 16 TiB: its last inode, data in its last block, a file of the largest
 * size. To get there at once, descriptors are made to say, while the test runs, that there
 * are free inodes in the last group only, and free blocks in the last two.
 */
#include <inttypes.h>
#include <sys/statvfs.h>
#include <time.h>

#include "core/block.h"
#include "tests/guest/guest.h"

#define FILE_MIB	64	/* more than the last group of this disk has */
#define MOUNT_KIB	(64 << 10)
#define MAX_FILE	(((uint64_t)1 << 44) - 4096)

static struct vexfs_geo geo;
static uint32_t *blocks, *inodes;	/* what descriptors said, by group */
static char buf[1 << 20];

static void block_io(int fd, uint64_t blkno, void *data, bool out)
{
	off_t off = (off_t)(blkno * VEXFS_BLOCK_SIZE);
	ssize_t n = out ? pwrite(fd, data, VEXFS_BLOCK_SIZE, off) : pread(fd, data, VEXFS_BLOCK_SIZE, off);

	if (n != VEXFS_BLOCK_SIZE)
		ktap_bail("block %" PRIu64 " of the disk", blkno);
}

/* What a descriptor keeps of a number; the rest is put aside until it is given back. */
static void put_aside(uint32_t *field, uint32_t *aside, bool close_them)
{
	uint32_t now = *field;

	*field = close_them ? 0 : now + *aside;
	*aside = close_them ? now : 0;
}

static void close_groups(bool close_them)
{
	static uint8_t b[VEXFS_BLOCK_SIZE];
	int fd = open(guest_disk, O_RDWR);
	uint32_t g = 0;

	if (fd < 0)
		ktap_bail("open the disk");
	for (uint32_t i = 0; i < geo.gdt_blocks; i++) {
		struct vexfs_group_desc *gd = (void *)(b + VEXFS_MDHDR_SIZE);

		block_io(fd, vexfs_gdt_block(&geo, i), b, false);
		for (int k = 0; k < VEXFS_GD_PER_BLOCK && g < geo.groups - 1; k++, g++) {
			if (g < geo.groups - 2)
				put_aside(&gd[k].gd_free_blocks, &blocks[g], close_them);
			put_aside(&gd[k].gd_free_inodes, &inodes[g], close_them);
		}
		vexfs_mdhdr_seal(b);
		block_io(fd, vexfs_gdt_block(&geo, i), b, true);
	}
	if (fsync(fd) || close(fd))
		ktap_bail("write the disk");
}

static void read_geometry(void)
{
	static uint8_t b[VEXFS_BLOCK_SIZE];
	int fd = open(guest_disk, O_RDONLY);

	block_io(fd, 0, b, false);
	close(fd);
	vexfs_geo_init(&geo, (void *)(b + VEXFS_SB_OFFSET));
	blocks = calloc(geo.groups, sizeof(*blocks));
	inodes = calloc(geo.groups, sizeof(*inodes));
	if (!blocks || !inodes)
		ktap_bail("no memory for %u groups", geo.groups);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool up(void)
{
	long start = now_ms();
	int err = guest_mount(NULL);

	ktap_note("mounting: %ld ms", now_ms() - start);
	return !err;
}

/* KiB of memory that nobody uses, caches apart. */
static long unused_kib(void)
{
	char line[100];
	FILE *f;
	long kib = 0;

	sync();
	if (system("echo 3 >/proc/sys/vm/drop_caches"))
		ktap_bail("drop_caches");
	f = fopen("/proc/meminfo", "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* What a mounted filesystem of this size keeps in memory. */
static void mount_costs(void)
{
	long before = unused_kib(), start = now_ms(), ms, kib;
	struct statvfs st;

	if (guest_mount(NULL))
		ktap_bail("mount");
	ms = now_ms() - start;
	kib = before - unused_kib();
	ktap(kib <= MOUNT_KIB, "mounted it takes %ld KiB of memory, at most %d", kib, MOUNT_KIB);
	ktap_note("mounting: %ld ms", ms);
	if (statvfs(guest_mnt, &st))
		ktap_bail("statvfs");
	ktap(st.f_blocks > (fsblkcnt_t)4200000000U, "mounted: %llu blocks", (unsigned long long)st.f_blocks);
	umount(guest_mnt);
}

static unsigned long long make(const char *name)
{
	int fd = open(guest_at(name), O_CREAT | O_EXCL | O_RDWR, 0644);
	struct stat st = { 0 };

	if (fd < 0)
		return 0;
	if (fstat(fd, &st))
		ktap_bail("fstat");
	close(fd);
	return st.st_ino;
}

/* The last group has as many inodes as any other. */
static void last_inode(void)
{
	unsigned long long want = (unsigned long long)geo.groups * geo.inodes_per_group, ino = 0, last = 0;
	char name[32];

	ktap(!mkdir(guest_at("edge"), 0755), "a directory in the last group");
	for (unsigned int i = 1; i <= geo.inodes_per_group; i++) {
		snprintf(name, sizeof(name), "edge/%u", i);
		ino = make(name);
		last = ino > last ? ino : last;
	}
	ktap(last == want && !ino && errno == ENOSPC, "inode %llu is the last, of %llu", last, want);
}

/* Every block of the last group, in a file of an inode of that group. */
static void last_block(void)
{
	int fd = open(guest_at("edge/1"), O_RDWR), n;
	struct stat st;
	char cmd[300];

	for (n = 0; n < FILE_MIB; n++) {
		memset(buf, n + 1, sizeof(buf));
		if (write(fd, buf, sizeof(buf)) != sizeof(buf))
			break;
	}
	ktap(n == FILE_MIB && !fsync(fd) && !fstat(fd, &st), "%d MiB in a file", n);
	close(fd);
	umount(guest_mnt);
	snprintf(cmd, sizeof(cmd), "dump.vexfs -e %llu %s | awk '$2 + $3 == %llu { f = 1 } END { exit !f }'",
		 (unsigned long long)st.st_ino, guest_disk, (unsigned long long)geo.blocks);
	ktap(!guest_run(cmd), "it has the last block of the device, %llu", (unsigned long long)geo.blocks - 1);
}

static bool content_right(void)
{
	int fd = open(guest_at("edge/1"), O_RDONLY), n = 0;
	bool good = fd >= 0;

	while (good && read(fd, buf, sizeof(buf)) == sizeof(buf)) {
		n++;
		good = buf[0] == n && buf[sizeof(buf) - 1] == n;
	}
	close(fd);
	return good && n == FILE_MIB;
}

static void largest_file(void)
{
	int fd = open(guest_at("edge/2"), O_RDWR);
	char c = 0;

	ktap(pwrite(fd, "m", 1, (off_t)MAX_FILE - 1) == 1 && !fsync(fd), "a file of 16 TiB less 4 KiB");
	ktap(pwrite(fd, "m", 1, (off_t)MAX_FILE) < 0 && errno == EFBIG, "and no byte more");
	ktap(pread(fd, &c, 1, (off_t)MAX_FILE - 1) == 1 && c == 'm', "its last byte can be read");
	close(fd);
}

int main(void)
{
	time_t start = time(NULL);

	ktap_plan(13);
	guest_setup();
	ktap(!guest_mkfs("-i 67108864"), "mkfs");
	ktap_note("mkfs: %ld s", (long)(time(NULL) - start));
	read_geometry();
	mount_costs();
	close_groups(true);
	if (!up())
		ktap_bail("mount with closed groups");
	last_inode();
	last_block();
	if (!up())
		ktap_bail("mount again");
	ktap(content_right(), "its content after another mount");
	ktap(!unlink(guest_at("edge/1")), "removed again");
	largest_file();
	umount(guest_mnt);
	close_groups(false);
	start = time(NULL);
	ktap(!guest_fsck(), "fsck.vexfs -n finds it clean");
	ktap_note("fsck.vexfs -n: %ld s", (long)(time(NULL) - start));
	return ktap_exit();
}
