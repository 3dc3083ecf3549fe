// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=256M time=180 slice arm64
 *
 * Mount options: "norecovery" reads a filesystem whose log is full without writing a byte,
 * also on a device that cannot be written; "commit=" moves the moment of a commit; what lines
 * of fstab for other filesystems ask for is accepted where it is done anyway and refused with
 * a reason where it is not; /proc/mounts shows what is not the default.
 */
#include <glob.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <time.h>

#include "tests/guest/guest.h"
#include "uapi/vexfs.h"

/* Options of the mount as /proc/mounts shows them. */
static bool shows(const char *want)
{
	char line[1024], at[300], opts[512];
	bool found = false;
	FILE *f = fopen("/proc/mounts", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %299s vexfs %511s", at, opts) == 2 && !strcmp(at, guest_mnt)) {
			found = !strcmp(opts, want);
			if (!found)
				ktap_note("it shows %s", opts);
		}
	fclose(f);
	return found;
}

static int try_mount(unsigned long flags, const char *opts)
{
	return mount(guest_disk, guest_mnt, "vexfs", flags, opts) ? -errno : 0;
}

static int try_remount(unsigned long flags, const char *opts)
{
	return mount(NULL, guest_mnt, NULL, MS_REMOUNT | flags, opts) ? -errno : 0;
}

static void put_file(const char *name)
{
	int fd = open(guest_at(name), O_CREAT | O_WRONLY, 0644);

	if (fd < 0 || write(fd, name, strlen(name)) < 0)
		ktap_bail("write %s", name);
	close(fd);
}

static bool holds(const char *name)
{
	char buf[32] = "";
	int fd = open(guest_at(name), O_RDONLY);
	bool good = fd >= 0 && read(fd, buf, sizeof(buf) - 1) > 0 && !strcmp(buf, name) && fsync(fd) == 0;

	close(fd);
	return good;
}

/* ---- norecovery ---------------------------------------------------------------------------- */

static unsigned long long disk_sum(void)
{
	static unsigned char buf[65536];
	unsigned long long sum = 1469598103934665603ULL;
	int fd = open(guest_disk, O_RDONLY);
	ssize_t n, i;

	if (fd < 0)
		ktap_bail("open the disk");
	ioctl(fd, BLKFLSBUF, 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++)
			sum = (sum ^ buf[i]) * 1099511628211ULL;
	close(fd);
	return sum;
}

static void set_readonly(int on)
{
	int fd = open(guest_disk, O_RDONLY);

	if (fd < 0 || ioctl(fd, BLKROSET, &on))
		ktap_bail("BLKROSET");
	close(fd);
}

/* A filesystem with "old" in it, and a log that has to be replayed. */
static void crashed(void)
{
	unsigned int how = VEXFS_SHUTDOWN_LOGFLUSH;
	int fd;

	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs");
	put_file("old");
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("remount");
	put_file("new");
	fd = open(guest_mnt, O_RDONLY);
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
	if (umount(guest_mnt))
		ktap_bail("umount");
	guest_forget_messages();
}

static void norecovery(void)
{
	unsigned long long before;

	crashed();
	before = disk_sum();
	ktap(try_mount(0, "norecovery") == -EINVAL && guest_said("norecovery.*read-only") == 1,
	     "norecovery: not without ro");
	ktap(try_mount(MS_RDONLY, "norecovery") == 0 && holds("old"), "with ro, files can be read");
	ktap(shows("ro,relatime,errors=remount-ro,norecovery"), "... it is shown");
	ktap(guest_said("not replayed") == 1 && guest_said("recovering") == 0, "... the kernel says what it has not done");
	ktap(try_remount(0, NULL) == -EINVAL && try_remount(MS_RDONLY, NULL) == 0 &&
	     try_remount(MS_RDONLY, "norecovery") == 0 && shows("ro,relatime,errors=remount-ro,norecovery"),
	     "... it stays so until the next mount");
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(disk_sum() == before, "... and not a byte of the disk has changed");

	set_readonly(1);
	ktap(try_mount(MS_RDONLY, NULL) == -EROFS, "a disk that cannot be written: no mount without replay");
	ktap(try_mount(MS_RDONLY, "noload") == 0 && holds("old") && umount(guest_mnt) == 0, "... but with noload, its other name");
	set_readonly(0);
	ktap(try_mount(0, NULL) == 0 && guest_said("recovering") == 1 && holds("old") && !access(guest_at("new"), F_OK),
	     "the log is replayed by the next mount that may");
	ktap(try_remount(0, "norecovery") == -EINVAL && shows("rw,relatime,errors=remount-ro"),
	     "a mount that has replayed it cannot take that back");
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck finds nothing");
}

/* ---- commit= --------------------------------------------------------------------------------- */

static unsigned long commits(void)
{
	char pattern[100];
	unsigned long n = 0;
	glob_t g;
	FILE *f;

	snprintf(pattern, sizeof(pattern), "/proc/fs/jbd2/%s*/info", strrchr(guest_disk, '/') + 1);
	if (glob(pattern, 0, NULL, &g) || g.gl_pathc != 1)
		ktap_bail("%s", pattern);
	f = fopen(g.gl_pathv[0], "r");
	if (!f || fscanf(f, "%lu", &n) != 1)
		ktap_bail("%s", g.gl_pathv[0]);
	fclose(f);
	globfree(&g);
	return n;
}

/* Seconds from a change to its commit, which nothing but time brings about. */
static double until_commit(void)
{
	struct timespec a, b;
	unsigned long before;

	sync();
	before = commits();
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (chmod(guest_at("file"), before % 2 ? 0600 : 0640))
		ktap_bail("chmod");
	while (commits() == before)
		usleep(100000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static void commit(void)
{
	double s;

	if (guest_mkfs("") || guest_mount("commit=16"))
		ktap_bail("mount");
	put_file("file");
	ktap(shows("rw,relatime,errors=remount-ro,commit=16"), "commit=16 is shown");
	s = until_commit();
	ktap_note("committed after %.1f s", s);
	ktap(s > 14, "a change is not committed before its time, 5 s by default");
	ktap(try_remount(0, "commit=1") == 0 && shows("rw,relatime,errors=remount-ro,commit=1") &&
	     try_remount(0, "commit=0") == 0 && shows("rw,relatime,errors=remount-ro"),
	     "a remount changes it; 0 is the default");
	ktap(try_remount(0, "commit=4000000000") == -EINVAL && try_remount(0, "commit=often") == -EINVAL &&
	     shows("rw,relatime,errors=remount-ro"), "what no clock counts is refused");
	umount(guest_mnt);
}

/* ---- other filesystems' ------------------------------------------------------------------------ */

static bool all_are(const char *const *opts, int want)
{
	bool good = true;

	for (; *opts; opts++) {
		int err = try_mount(0, *opts);

		if (!err && !shows("rw,relatime,errors=remount-ro"))
			good = false;
		if (!err && umount(guest_mnt))
			ktap_bail("umount");
		if (err != want) {
			ktap_note("%s: %s", *opts, strerror(-err));
			good = false;
		}
	}
	return good;
}

static void foreign(void)
{
	static const char *const accepted[] = {
		"user_xattr", "barrier", "barrier=1", "data=ordered", "delalloc", "auto_da_alloc", "inode64",
		"journal_checksum", "stripe=128", "logbufs=8,logbsize=32k", "noquota", "i_version", NULL,
	};
	static const char *const refused[] = {
		"nobarrier", "barrier=0", "data=writeback", "data=journal", "usrquota", "usrjquota=aquota.user",
		"jqfmt=vfsv1", "prjquota", "nouser_xattr", "journal_async_commit", "dax", "logdev=/dev/vdc", NULL,
	};
	static const char *const unknown[] = { "no_such_option", "compress=zstd", "barrier=1,nonsense", NULL };

	ktap(all_are(accepted, 0), "options for what is done anyway are accepted");
	guest_forget_messages();
	ktap(all_are(refused, -EINVAL), "those for what is not are refused");
	ktap(guest_said("vexfs: option .*: ") == sizeof(refused) / sizeof(refused[0]) - 1, "... each with a reason");
	ktap(all_are(unknown, -EINVAL), "unknown ones likewise");
}

int main(void)
{
	ktap_plan(19);
	guest_setup();
	norecovery();
	commit();
	foreign();
	return ktap_exit();
}
