// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * What write(2) has accepted is not lost for want of room afterwards, and what
 * it has not accepted takes no room.
 */
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "tests/guest/guest.h"

#define BLOCK	4096
#define PAGES	256

static char buf[1 << 20];

static int new_file(const char *name)
{
	int fd = open(guest_at(name), O_CREAT | O_TRUNC | O_RDWR, 0644);

	if (fd < 0)
		ktap_bail("create %s", name);
	return fd;
}

/* Fill the device, then give @spare blocks back. */
static void fill_but(unsigned int spare)
{
	int fd = new_file("fill");
	struct stat st;

	memset(buf, 'F', sizeof(buf));
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	while (write(fd, buf, BLOCK) > 0)
		;
	if (fsync(fd) || fstat(fd, &st) || ftruncate(fd, st.st_size - (off_t)spare * BLOCK) || fsync(fd))
		ktap_bail("fill the device");
	close(fd);
	sync();
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		ktap_bail("drop caches");
	close(fd);
}

/* Blocks of a file that do not begin with this byte. */
static int wrong_blocks(int fd, int blocks, char fill)
{
	int wrong = 0;
	char c;

	for (int i = 0; i < blocks; i++) {
		c = 0;
		if (pread(fd, &c, 1, (off_t)i * BLOCK) < 0 || c != fill)
			wrong++;
	}
	return wrong;
}

/* Written back page by page, each second one first: the most extents a file can have. */
static void scattered_writeback(void)
{
	int fd = new_file("scattered"), failed = 0, blocks;
	ssize_t n;

	memset(buf, 'A', sizeof(buf));
	n = write(fd, buf, (size_t)PAGES * BLOCK);
	blocks = n > 0 ? (int)(n / BLOCK) : 0;
	for (int i = 0; i < blocks; i += 2)
		if (sync_file_range(fd, (off_t)i * BLOCK, BLOCK, SYNC_FILE_RANGE_WAIT_BEFORE |
				    SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER))
			failed++;
	ktap(blocks > PAGES / 2, "write(2) accepts %d of %d blocks", blocks, PAGES);
	ktap(!failed, "%d blocks could not be written back", failed);
	ktap(fsync(fd) == 0, "fsync");
	drop_caches();
	ktap(wrong_blocks(fd, blocks, 'A') == 0, "%d of %d accepted blocks are lost",
	     wrong_blocks(fd, blocks, 'A'), blocks);
	close(fd);
}

/* Many files at a time: each may need a block for its extents. */
static void scattered_files(void)
{
	enum { FILES = 40, EACH = 20 };
	int fd[FILES], blocks[FILES], failed = 0, wrong = 0, accepted = 0;
	char name[16];

	for (int f = 0; f < FILES; f++) {
		ssize_t n;

		snprintf(name, sizeof(name), "s%d", f);
		fd[f] = open(guest_at(name), O_CREAT | O_RDWR, 0644);
		if (fd[f] < 0)
			ktap_bail("create %s", name);
		memset(buf, 'B', sizeof(buf));
		n = write(fd[f], buf, (size_t)EACH * BLOCK);
		blocks[f] = n > 0 ? (int)(n / BLOCK) : 0;
		accepted += blocks[f];
	}
	for (int f = 0; f < FILES; f++)
		for (int i = 0; i < blocks[f]; i += 2)
			failed += sync_file_range(fd[f], (off_t)i * BLOCK, BLOCK, 7) != 0;
	for (int f = 0; f < FILES; f++)
		failed += fsync(fd[f]) != 0;
	drop_caches();
	for (int f = 0; f < FILES; f++) {
		wrong += wrong_blocks(fd[f], blocks[f], 'B');
		close(fd[f]);
	}
	ktap(accepted && !failed && !wrong, "%d files: %d blocks accepted, %d calls failed, %d blocks lost", FILES,
	     accepted, failed, wrong);
}

/* ---- what was not written takes no room ------------------------------------------- */

static long long blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -1 : (long long)st.st_blocks * 512 / BLOCK;
}

static void bad_buffer(int flags, const char *name)
{
	unsigned long long before, after;
	int fd = open(guest_at("bad"), O_CREAT | O_TRUNC | O_RDWR | flags, 0644);
	ssize_t n;

	sync();
	before = guest_free_blocks();
	n = write(fd, (void *)BLOCK, 32 << 20);
	ktap(n < 0 && errno == EFAULT, "%s: a bad buffer is refused", name);
	after = guest_free_blocks();
	ktap(blocks_of(fd) == 0 && before - after < 8, "%s: the file has %lld blocks, the device %llu less", name,
	     blocks_of(fd), before - after);
	close(fd);
	unlink(guest_at("bad"));
}

/* The second of two buffers is bad: what fits in front of it is written. */
static void short_write(void)
{
	struct iovec v[2] = { { buf, 10000 }, { (void *)BLOCK, 32 << 20 } };
	int fd = new_file("short");
	ssize_t n = writev(fd, v, 2);

	ktap(n >= 0 && n <= 10000 && blocks_of(fd) <= 4, "short write: %zd bytes, %lld blocks", n, blocks_of(fd));
	n = pwrite(fd, buf, 1, 20 << 20);
	n = pwrite(fd, (void *)BLOCK, 16 << 20, 1 << 20);
	ktap(n < 0 && blocks_of(fd) <= 6, "failed write into a hole: %lld blocks", blocks_of(fd));
	close(fd);
}

/* ---- root's share ------------------------------------------------------------------- */

static void space(unsigned long long *all, unsigned long long *avail)
{
	struct statvfs st;

	if (statvfs(guest_mnt, &st))
		ktap_bail("statvfs");
	*all = st.f_bfree;
	*avail = st.f_bavail;
}

/* Writes until it is refused. Returns bytes. */
static long long fill(const char *name, mode_t mode)
{
	int fd = open(guest_at(name), O_CREAT | O_TRUNC | O_RDWR, mode);
	long long bytes = 0;
	ssize_t n;

	if (fd < 0)
		ktap_bail("create %s", name);
	for (size_t len = sizeof(buf); len >= BLOCK; len /= 2)
		while ((n = write(fd, buf, len)) > 0)
			bytes += n;
	if (fsync(fd))
		ktap_bail("fsync %s", name);
	close(fd);
	return bytes;
}

/* What a user may not do any more, by fallocate and for a directory either. */
static void user_is_refused(void)
{
	int fd = open(guest_at("more"), O_CREAT | O_RDWR, 0644);
	int err = fallocate(fd, 0, 0, BLOCK * 64) ? errno : 0;
	int dir = 0, made = 0;
	char name[32];

	for (int i = 0; i < 64 && !dir; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		if (mkdir(guest_at(name), 0755))
			dir = errno;
		else
			made++;
		snprintf(name, sizeof(name), "d%d/f", i);
		if (!dir && mknod(guest_at(name), S_IFREG | 0644, 0))
			dir = errno;
	}
	ktap(fd >= 0 && err == ENOSPC && dir == ENOSPC, "a user: fallocate %d, mkdir %d after %d", err, dir, made);
	close(fd);
}

/* 64 MiB of the device, a tenth of it root's. */
static int mkfs_reserve(void)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f -m 10 -- %s 64M", guest_disk);
	return guest_run(cmd);
}

static void root_share(void)
{
	unsigned long long all, avail, before, share = (64 << 20) / BLOCK / 10;

	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	ktap(mkfs_reserve() == 0 && guest_mount(NULL) == 0 && chmod(guest_mnt, 0777) == 0, "mkfs -m 10 and mount");
	space(&all, &avail);
	ktap(all - avail == share, "%llu of %llu blocks are root's", all - avail, all);
	if (seteuid(1000))
		ktap_bail("seteuid");
	fill("user", 0644);
	space(&before, &avail);
	ktap(before >= share && before < share + 64 && avail < 64, "a user leaves %llu blocks, %llu for him", before, avail);
	user_is_refused();
	if (seteuid(0))
		ktap_bail("seteuid");
	fill("root", 0600);
	space(&all, &avail);
	ktap(all < 64 && avail == 0, "root leaves %llu blocks", all);
	if (seteuid(1000))
		ktap_bail("seteuid");
	ktap(unlink(guest_at("user")) == 0, "a user can delete on a full device");
	if (seteuid(0))
		ktap_bail("seteuid");
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
}

int main(void)
{
	ktap_plan(21);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");

	bad_buffer(0, "buffered");
	bad_buffer(O_DIRECT, "direct");
	short_write();

	fill_but(PAGES);
	scattered_writeback();
	unlink(guest_at("scattered"));
	fill_but(40 * 20);
	scattered_files();

	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	ktap(guest_mount(NULL) == 0, "it can be mounted");
	umount(guest_mnt);
	root_share();
	return ktap_exit();
}
