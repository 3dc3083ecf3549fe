// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:640M mem=512M time=240
 *
 * Where blocks come from: files that grow at a time stay in few pieces, and what is kept for them to grow
 * on is neither missed by others when the device is full nor lost.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "core/block.h"
#include "tests/guest/guest.h"

#define BLOCK	4096
#define FILES	8
#define ROUNDS	1024		/* blocks of each file: 4 MiB */
#define GROUPS	5		/* of 126 MiB */
#define MOST	2		/* extents per MiB; one for each block without windows, so 256 */

static unsigned char buf[BLOCK];
static int fd[FILES];

static const char *name(int i)
{
	static char n[4][20];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(n[turn], sizeof(n[turn]), "f%d", i);
	return n[turn];
}

static void open_all(void)
{
	for (int i = 0; i < FILES; i++) {
		fd[i] = open(guest_at(name(i)), O_CREAT | O_RDWR | O_APPEND, 0644);
		if (fd[i] < 0)
			ktap_bail("open %s: %s", name(i), strerror(errno));
	}
}

static void close_all(void)
{
	for (int i = 0; i < FILES; i++)
		close(fd[i]);
}

static void remove_all(void)
{
	for (int i = 0; i < FILES; i++)
		unlink(guest_at(name(i)));
}

static int extents(int file)
{
	struct fiemap m = { .fm_length = ~0ULL, .fm_flags = FIEMAP_FLAG_SYNC };

	if (ioctl(file, FS_IOC_FIEMAP, &m))
		ktap_bail("FIEMAP: %s", strerror(errno));
	return (int)m.fm_mapped_extents;
}

static bool append(int i, int round)
{
	memset(buf, i * 31 + round, sizeof(buf));
	return write(fd[i], buf, sizeof(buf)) == sizeof(buf);
}

/* One block of each in turn. */
static bool interleave(int rounds)
{
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < FILES; i++)
			if (!append(i, r))
				return false;
	return true;
}

static bool content_right(int i, int rounds)
{
	for (int r = 0; r < rounds; r++) {
		if (pread(fd[i], buf, BLOCK, (off_t)r * BLOCK) != BLOCK)
			return false;
		if (buf[0] != (unsigned char)(i * 31 + r) || memcmp(buf, buf + 1, BLOCK - 1))
			return false;
	}
	return true;
}

static void test_pieces(void)
{
	int n = 0, right = 0, mib = FILES * ROUNDS * BLOCK >> 20;

	open_all();
	ktap(interleave(ROUNDS), "%d files of %d blocks, a block of each in turn", FILES, ROUNDS);
	for (int i = 0; i < FILES; i++)
		n += extents(fd[i]);
	ktap(n <= MOST * mib, "%d extents for %d MiB, at most %d for each", n, mib, MOST);
	close_all();
	umount(guest_mnt);
	if (guest_mount(NULL))
		ktap_bail("mount");
	open_all();
	for (int i = 0; i < FILES; i++)
		right += content_right(i, ROUNDS);
	ktap(right == FILES, "right after another mount: %d of %d", right, FILES);
}

/* Until there is no room. Blocks, -1 on another error. */
static int fill(const char *file)
{
	int f = open(guest_at(file), O_CREAT | O_WRONLY, 0644), n = 0;
	static char chunk[16 * BLOCK];
	ssize_t size;

	while ((size = write(f, chunk, sizeof(chunk))) > 0)
		n += (int)(size / BLOCK);
	if (errno != ENOSPC || fsync(f))
		n = -1;
	close(f);
	return n;
}

/* All are open, and each has a window; one file takes all there is. */
static void test_others_windows(void)
{
	unsigned long long before = guest_free_blocks();
	int n;

	if (!interleave(4))
		ktap_bail("append");
	n = fill("rest");
	ktap(n > 0 && (unsigned long long)n + 200 > before, "%d blocks for another, of %llu", n, before);
	ktap(guest_free_blocks() < 16, "nothing is left: %llu blocks", guest_free_blocks());
	/* Completing what was written gives a few promised blocks back. */
	for (n = 0; n < 16 && append(0, 0); n++)
		;
	ktap(n < 16 && errno == ENOSPC, "ENOSPC for who has lost its window, after %d blocks", n);
	unlink(guest_at("rest"));
	ktap(append(0, 0), "and room again when the other file is gone");
	close_all();
	remove_all();
	sync();
}

/* Appenders alone fill the device. What they get: blocks. */
static int fill_by_all(void)
{
	int n = 0, full = 0;

	open_all();
	while (full < FILES) {
		full = 0;
		for (int i = 0; i < FILES; i++) {
			if (append(i, 0))
				n++;
			else if (errno == ENOSPC)
				full++;
			else
				return -1;
		}
	}
	for (int i = 0; i < FILES; i++)
		if (fsync(fd[i]))
			return -1;
	return n;
}

static void test_full(void)
{
	unsigned long long before = guest_free_blocks();
	int n = fill_by_all(), more;

	ktap(n > 0 && (unsigned long long)n + 400 > before, "%d blocks for all, of %llu", n, before);
	close_all();
	more = fill("more");
	ktap(more >= 0 && more < 16 && guest_free_blocks() < 16, "then %d more, %llu are left", more,
	     guest_free_blocks());
	unlink(guest_at("more"));
	remove_all();
	sync();
	ktap(guest_free_blocks() == before, "all of it is back: %llu blocks of %llu", guest_free_blocks(), before);
}

/* So much of the device, however large it is. */
static void make(int mib)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f -- %s %dM", guest_disk, mib);
	if (guest_run(cmd) || guest_mount(NULL))
		ktap_bail("mkfs and mount");
}

static void unmount(void)
{
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck.vexfs -n finds it clean");
}

static unsigned int inodes_per_group(void)
{
	static unsigned char b[VEXFS_BLOCK_SIZE];
	int disk = open(guest_disk, O_RDONLY);

	if (disk < 0 || pread(disk, b, sizeof(b), 0) != sizeof(b))
		ktap_bail("read the superblock");
	close(disk);
	return le32_to_cpu(((struct vexfs_super_block *)(b + VEXFS_SB_OFFSET))->s_inodes_per_group);
}

/* Directories of the root, empty as they are, go to groups of their own. */
static void test_spread(void)
{
	unsigned int per_group;
	unsigned long long group[GROUPS];
	struct stat st;
	char dir[20];
	int same = 0;

	per_group = inodes_per_group();
	for (int i = 0; i < GROUPS; i++) {
		snprintf(dir, sizeof(dir), "dir%d", i);
		if (mkdir(guest_at(dir), 0755) || stat(guest_at(dir), &st))
			ktap_bail("mkdir: %s", strerror(errno));
		group[i] = (st.st_ino - 1) / per_group;
		for (int k = 0; k < i; k++)
			same += group[k] == group[i];
	}
	ktap(!same, "%d trees, %d times two in a group", GROUPS, same);
}

int main(void)
{
	ktap_plan(13);
	guest_setup();
	make(GROUPS * 126);
	test_spread();
	test_pieces();
	close_all();
	unmount();
	make(32);
	open_all();
	test_others_windows();
	test_full();
	unmount();
	return ktap_exit();
}
