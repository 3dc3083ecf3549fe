// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180 slice
 *
 * FITRIM and the option discard: what is discarded is free and stays free after a crash, who may ask, what is refused;
 * and that writers near the end of the device do not miss the blocks being trimmed.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

#include "tests/guest/powercut.h"
#include "uapi/vexfs.h"
#include "vexfs/ondisk.h"

#define SIZE	(4 << 20)
#define NOBODY	65534

static char buf[SIZE] __attribute__((aligned(4096)));

static const char *at(const char *name)
{
	static char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, name);
	return p;
}

/* Returns 0 or -errno. */
static int make(const char *name, char fill, size_t size)
{
	int fd = open(at(name), O_CREAT | O_TRUNC | O_RDWR, 0644), err = 0;

	memset(buf, fill, size);
	if (fd < 0 || write(fd, buf, size) != (ssize_t)size || fsync(fd))
		err = errno ? -errno : -EIO;
	close(fd);
	return err;
}

static bool holds(const char *name, char fill, size_t size)
{
	int fd = open(at(name), O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != fill)
			return false;
	return n == (ssize_t)size;
}

/* Where the first block of a file is on the device. */
static off_t place(const char *name)
{
	struct { struct fiemap m; struct fiemap_extent e; } f = {
		.m = { .fm_length = 4096, .fm_extent_count = 1, .fm_flags = FIEMAP_FLAG_SYNC },
	};
	int fd = open(at(name), O_RDONLY);

	if (fd < 0 || ioctl(fd, FS_IOC_FIEMAP, &f.m) || f.m.fm_mapped_extents != 1)
		ktap_bail("FIEMAP of %s", name);
	close(fd);
	return (off_t)f.e.fe_physical;
}

/* Not through device-mapper, which may fail to write what is dirty first. */
static int on_disk(off_t byte)
{
	static char block[4096] __attribute__((aligned(4096)));
	const char *disk = cut_ctl < 0 ? guest_disk : cut_under;
	int fd = open(disk, O_RDONLY | O_DIRECT);

	if (fd < 0 || pread(fd, block, sizeof(block), byte) != sizeof(block))
		ktap_bail("read %s", disk);
	close(fd);
	return block[100];
}

/* Bytes, or -errno. */
static long long trim(unsigned long long start, unsigned long long len, unsigned long long minlen)
{
	struct fstrim_range r = { start, len, minlen };
	int fd = open(guest_mnt, O_RDONLY), err = ioctl(fd, FITRIM, &r) ? -errno : 0;

	close(fd);
	return err ? err : (long long)r.len;
}

static long long trim_all(void) { return trim(0, ~0ULL, 0); }

static int trim_as_nobody(void)
{
	int st, fd = open(guest_mnt, O_RDONLY);
	struct fstrim_range r = { 0, ~0ULL, 0 };
	pid_t pid = fork();

	if (!pid)
		_exit(setgid(NOBODY) || setuid(NOBODY) ? 100 : ioctl(fd, FITRIM, &r) ? errno : 0);
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("waitpid");
	close(fd);
	return -WEXITSTATUS(st);
}

static bool option_shown(const char *option)
{
	static char line[1000];
	FILE *f = fopen("/proc/self/mounts", "r");
	bool shown = false;

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, guest_mnt))
			shown = strstr(line, option);
	if (f)
		fclose(f);
	return shown;
}

/* A disk in memory that discards nothing. */
static void test_no_discard(void)
{
	static const char set_up[] =
		"set -e; [ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config; "
		"d=/sys/kernel/config/nullb/vexfs; mkdir $d; echo 32 >$d/size; echo 1 >$d/memory_backed; "
		"echo 1 >$d/power; "
		/* named after its directory, or by number on older kernels */
		"disk=/dev/vexfs; [ -b $disk ] || disk=/dev/nullb$(cat $d/index); ln -sf $disk $TMPDIR/null";
	static const char tear_down[] =
		"rmdir /sys/kernel/config/nullb/vexfs; umount /sys/kernel/config; rmmod null_blk";
	const char *disk = guest_disk;
	char null[300];

	if (guest_run("modprobe null_blk nr_devices=0")) {
		ktap_skip("a device that discards nothing", "this kernel has no null_blk");
		return;
	}
	snprintf(null, sizeof(null), "%s/null", getenv("TMPDIR"));
	guest_disk = null;
	if (guest_run(set_up) || guest_mkfs("") || guest_mount(NULL))
		ktap_bail("a filesystem on null_blk");
	ktap(trim_all() == -EOPNOTSUPP, "a device that discards nothing");
	ktap(!mount(NULL, guest_mnt, NULL, MS_REMOUNT, "discard") && !option_shown("discard"), "nor by option");
	if (umount(guest_mnt) || guest_run(tear_down))
		ktap_bail("remove null_blk");
	guest_disk = disk;
}

static void test_refused(void)
{
	ktap(trim_as_nobody() == -EPERM, "users do not trim");
	ktap(trim(1ULL << 40, 4096, 0) == -EINVAL, "a range beyond the end");
	ktap(trim(0, 4095, 0) == -EINVAL, "less than a block");
	ktap(trim(0, ~0ULL, 1ULL << 40) == -EINVAL, "a run longer than any");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount");
	ktap(trim_all() == -EROFS, "a read-only mount");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, NULL))
		ktap_bail("remount");
}

static void test_uncommitted(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd, now;
	off_t byte;

	if (make("keep", 'k', SIZE) || make("gone", 'g', SIZE))
		ktap_bail("make files");
	sync();
	byte = place("gone");
	if (unlink(at("gone")))
		ktap_bail("unlink");
	ktap(trim_all() > 0, "trim");
	now = on_disk(byte);
	ktap(now == 'g', "blocks freed by a transaction under way are left alone (%d)", now);
	fd = open(guest_mnt, O_RDONLY);
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
	if (umount(guest_mnt) || guest_mount("commit=300"))
		ktap_bail("mount after the crash");
	ktap(holds("gone", 'g', SIZE), "after a crash the file is there and whole");
	if (unlink(at("gone")))
		ktap_bail("unlink");
	sync();
	ktap(trim(byte, SIZE, 0) == SIZE, "when it has been committed they are trimmed");
	now = on_disk(byte);
	ktap(now == 0, "the device has forgotten them (%d)", now);
	ktap(holds("keep", 'k', SIZE), "another file is whole");
}

/* df(1) tells of every block that a file can have, and of no other. */
static void test_all_counted(void)
{
	long long all = trim_all();
	struct statfs st;

	if (statfs(guest_mnt, &st))
		ktap_bail("statfs");
	ktap(all == (long long)st.f_blocks * 4096 && st.f_bfree <= st.f_blocks,
	     "of an empty filesystem everything is trimmed: %lld bytes of %llu blocks, %llu of them free", all,
	     (unsigned long long)st.f_blocks, (unsigned long long)st.f_bfree);
}

static void test_minlen(void)
{
	long long all = trim_all(), some = trim(0, ~0ULL, 1 << 20);

	for (int i = 0; i < 40; i++) {
		char name[20];

		snprintf(name, sizeof(name), "s%d", i);
		if (make(name, 's', 8192) || (i % 2 && (make("t", 't', 4096) || unlink(at("t")))))
			ktap_bail("make %s", name);
	}
	for (int i = 0; i < 40; i += 2) {
		char name[20];

		snprintf(name, sizeof(name), "s%d", i);
		unlink(at(name));
	}
	sync();
	all = trim_all();
	some = trim(0, ~0ULL, 1 << 20);
	ktap(all > some && some > 0, "short runs are left alone on request: %lld and %lld bytes", all, some);
}

/* What is on the disk at @byte after the file there was unlinked and that committed. */
static int after_unlink(off_t byte, int before)
{
	int now, waits = 0;

	if (unlink(at("gone")))
		ktap_bail("unlink");
	if (on_disk(byte) != before)
		return -1;
	sync();
	/* A worker does it. */
	while ((now = on_disk(byte)) && waits++ < (option_shown("discard") ? 200 : 5))
		usleep(50000);
	return now;
}

static void test_option(void)
{
	int now;

	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, "discard") || make("gone", 'g', SIZE))
		ktap_bail("remount");
	ktap(option_shown("discard"), "the option shows");
	now = after_unlink(place("gone"), 'g');
	ktap(now == 0, "what was unlinked is discarded when that has been committed (%d)", now);
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, "nodiscard") || make("gone", 'g', SIZE))
		ktap_bail("remount");
	ktap(!option_shown("discard"), "nodiscard");
	now = after_unlink(place("gone"), 'g');
	ktap(now == 'g', "what was unlinked stays there (%d)", now);
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, "discard"))
		ktap_bail("remount");
}

/* Room for a file again and again, while all of it is always being trimmed. */
static void test_near_the_end(void)
{
	pid_t trimmer;
	int n = 0, err, bad = 0;

	while (!(err = make(n % 2 ? "fill1" : "fill0", 'f', 4096)) && n < 2)
		n++;
	for (n = 0; !(err = make("fill", 'f', SIZE)); n++) {
		char name[200];

		snprintf(name, sizeof(name), "%s/big%d", guest_mnt, n);
		if (rename(at("fill"), name))
			ktap_bail("rename");
	}
	unlink(at("fill"));
	unlink(at("big0"));
	sync();
	trimmer = fork();
	if (!trimmer)
		for (;;)
			trim_all();
	for (int i = 0; i < 30 && !bad; i++) {
		err = make("again", 'a' + i % 26, SIZE);
		bad += err || !holds("again", 'a' + i % 26, SIZE) || unlink(at("again"));
	}
	kill(trimmer, SIGKILL);
	waitpid(trimmer, NULL, 0);
	ktap(!bad && n > 3, "30 times the last %d bytes, beside a trimmer: error %d", SIZE, bad ? err : 0);
	ktap(holds("big1", 'f', SIZE) && holds("keep", 'k', SIZE), "what is not free is whole");
}

/* The journal can no longer be written: what was to be freed has its old owner after a replay. */
static void test_abort(void)
{
	struct vexfs_super_block es;
	int fd, now;
	off_t byte;

	if (!cut_setup()) {
		for (int i = 0; i < 3; i++)
			ktap_skip("blocks of a transaction that was given up", "this kernel has no dm-flakey");
		return;
	}
	if (guest_mkfs("") || guest_mount("discard,commit=300") || make("gone", 'g', SIZE))
		ktap_bail("a filesystem behind device-mapper");
	sync();
	byte = place("gone");
	fd = open(guest_disk, O_RDONLY);
	if (fd < 0 || pread(fd, &es, sizeof(es), VEXFS_SB_OFFSET) != sizeof(es))
		ktap_bail("read the superblock");
	close(fd);
	if (unlink(at("gone")))
		ktap_bail("unlink");
	cut_range_writes((off_t)es.s_journal_start * 4096, (off_t)es.s_journal_blocks * 4096);
	sync();
	usleep(300000);
	now = on_disk(byte);
	ktap(now == 'g', "blocks of a transaction that was given up are left alone (%d)", now);
	ktap(trim_all() < 0, "nor are they trimmed");
	umount(guest_mnt);
	cut_restore();
	if (guest_mount(NULL))
		ktap_bail("mount after the abort");
	ktap(holds("gone", 'g', SIZE), "the file is there and whole");
	guest_forget_messages();
	if (umount(guest_mnt))
		ktap_bail("umount");
	cut_remove();
}

int main(void)
{
	ktap_plan(25);
	guest_setup();
	if (guest_mkfs("") || guest_mount("commit=300"))
		ktap_bail("mkfs");
	test_all_counted();
	test_refused();
	test_uncommitted();
	test_minlen();
	test_option();
	test_near_the_end();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck finds nothing");
	test_no_discard();
	test_abort();
	return ktap_exit();
}
