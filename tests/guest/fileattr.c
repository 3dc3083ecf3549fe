// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180 slice
 *
 * The flags of chattr(1) and project ids: what each keeps from happening, also through a
 * descriptor or a mapping from before, and to embeddings; who may set them; what a new file
 * has from its directory; that they are on the disk, after a crash too, together with the
 * feature bit that makes older kernels keep off.
 */
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define COLL	"c"
#define DIM	8
#define ALL_FLAGS (FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | \
		   FS_DIRSYNC_FL | FS_PROJINHERIT_FL)
#define NOBODY	65534

static int open_it(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		ktap_bail("open %s", path);
	return fd;
}

static unsigned int flags_of(const char *path)
{
	unsigned int flags = 0;
	int fd = open_it(path);

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags))
		ktap_bail("FS_IOC_GETFLAGS");
	close(fd);
	return flags;
}

static int set_flags(const char *path, unsigned int flags)
{
	int fd = open_it(path), err = ioctl(fd, FS_IOC_SETFLAGS, &flags) ? -errno : 0;

	close(fd);
	return err;
}

static struct fsxattr fsx_of(const char *path)
{
	struct fsxattr x;
	int fd = open_it(path);

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x))
		ktap_bail("FS_IOC_FSGETXATTR");
	close(fd);
	return x;
}

static int set_fsx(const char *path, struct fsxattr x)
{
	int fd = open_it(path), err = ioctl(fd, FS_IOC_FSSETXATTR, &x) ? -errno : 0;

	close(fd);
	return err;
}

static int set_project(const char *path, unsigned int id, bool inherit)
{
	struct fsxattr x = fsx_of(path);

	x.fsx_projid = id;
	x.fsx_xflags = (x.fsx_xflags & ~FS_XFLAG_PROJINHERIT) | (inherit ? FS_XFLAG_PROJINHERIT : 0);
	return set_fsx(path, x);
}

static void put_file(const char *path)
{
	static char buf[8192];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);

	memset(buf, 'o', sizeof(buf));
	if (fd < 0 || write(fd, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
		ktap_bail("write %s", path);
	close(fd);
}

static void put_dir(const char *path)
{
	if (mkdir(path, 0777) || chmod(path, 0777))
		ktap_bail("mkdir %s", path);
}

/* What @call returned: 0 or -errno. */
#define ERR(call) ((call) ? -errno : 0)

static int open_for(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static bool feature(const char *name)
{
	char cmd[300];

	snprintf(cmd, sizeof(cmd), "dump.vexfs -S %s | grep -q '^ro_compat.*%s'", guest_disk, name);
	return guest_run(cmd) == 0;
}

static void remount(void)
{
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("remount");
}

/* ---- one file ---------------------------------------------------------------------------- */

static void each_flag(void)
{
	unsigned int flag;
	bool good = true;

	ktap(!feature("inode_flags") && !feature("project"), "a new filesystem has neither feature");
	put_file(guest_at("file"));
	put_dir(guest_at("dir"));
	for (flag = 1; flag; flag <<= 1) {
		bool known = flag & ALL_FLAGS;
		/* These mean nothing for a file, and are left out. */
		bool dir_only = flag & (FS_DIRSYNC_FL | FS_PROJINHERIT_FL);
		int file = set_flags(guest_at("file"), flag), dir = set_flags(guest_at("dir"), flag);

		if (file != (known ? 0 : -EOPNOTSUPP) || dir != file ||
		    flags_of(guest_at("file")) != (known && !dir_only ? flag : 0) ||
		    flags_of(guest_at("dir")) != (known ? flag : 0)) {
			ktap_note("flag %#x: %d and %d, then %#x and %#x", flag, file, dir,
				  flags_of(guest_at("file")), flags_of(guest_at("dir")));
			good = false;
		}
		if (known && (set_flags(guest_at("file"), 0) || set_flags(guest_at("dir"), 0)))
			good = false;
	}
	ktap(good, "each flag alone: set, read, cleared, or refused");
	sync();
	ktap(feature("inode_flags") && feature("project"), "... after which the superblock has the features");
}

static void other_fields(void)
{
	struct fsxattr x = fsx_of(guest_at("file")), y = x;

	x.fsx_xflags = FS_XFLAG_NODUMP | FS_XFLAG_NOATIME;
	ktap(set_fsx(guest_at("file"), x) == 0 && flags_of(guest_at("file")) == (FS_NODUMP_FL | FS_NOATIME_FL) &&
	     fsx_of(guest_at("file")).fsx_xflags == x.fsx_xflags, "FSSETXATTR sets the same flags");
	y.fsx_xflags = FS_XFLAG_EXTSIZE;
	y.fsx_extsize = 65536;
	ktap(set_fsx(guest_at("file"), y) == -EOPNOTSUPP, "extent size hints are refused");
	if (set_flags(guest_at("dir"), FS_DIRSYNC_FL))
		ktap_bail("dirsync");
	ktap(set_project(guest_at("dir"), 9, false) == 0 && flags_of(guest_at("dir")) == FS_DIRSYNC_FL &&
	     set_flags(guest_at("dir"), 0) == 0 && fsx_of(guest_at("dir")).fsx_projid == 9,
	     "each of the two calls keeps what it does not show");
	if (set_project(guest_at("dir"), 0, false) || set_flags(guest_at("file"), 0))
		ktap_bail("reset");
}

static bool atime_moves(void)
{
	struct timespec old[2] = { { 1000, 0 }, { 2000, 0 } };
	struct stat st;
	char c;
	int fd;

	if (utimensat(AT_FDCWD, guest_at("file"), old, 0))
		ktap_bail("utimensat");
	fd = open_it(guest_at("file"));
	if (read(fd, &c, 1) != 1 || fstat(fd, &st))
		ktap_bail("read");
	close(fd);
	return st.st_atime != 1000;
}

static void noatime(void)
{
	bool before = atime_moves(), with;

	if (set_flags(guest_at("file"), FS_NOATIME_FL))
		ktap_bail("noatime");
	with = atime_moves();
	if (set_flags(guest_at("file"), 0))
		ktap_bail("noatime");
	ktap(before && !with, "noatime: reading leaves the time");
}

/* ---- immutable, append -------------------------------------------------------------------- */

static int store(int fd, bool *died)
{
	int st;
	pid_t pid;
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		ktap_bail("mmap");
	*p = 'm';	/* the page is dirty and writable before the flag */
	if (set_flags(guest_at("imm"), FS_IMMUTABLE_FL))
		ktap_bail("immutable");
	pid = fork();
	if (!pid) {
		*(volatile char *)p = 'x';
		_exit(0);
	}
	if (waitpid(pid, &st, 0) != pid)
		ktap_bail("waitpid");
	*died = WIFSIGNALED(st) && WTERMSIG(st) == SIGBUS;
	st = *p;
	munmap(p, 4096);
	return st;
}

/* Through the system calls that take a name. */
static bool names_refused(const char *path)
{
	return ERR(unlink(path)) == -EPERM && ERR(rename(path, guest_at("elsewhere"))) == -EPERM &&
	       ERR(link(path, guest_at("second"))) == -EPERM && ERR(chmod(path, 0600)) == -EPERM &&
	       ERR(truncate(path, 0)) == -EPERM && open_for(path, O_WRONLY) == -EPERM;
}

static void immutable(void)
{
	const char *path = guest_at("imm");
	int fd, seen;
	bool died;

	put_file(path);
	fd = open(path, O_RDWR);
	if (fd < 0 || vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1))
		ktap_bail("set an embedding");
	seen = store(fd, &died);
	ktap(died && seen == 'm', "immutable: a store through a mapping from before is SIGBUS");
	ktap(ERR(pwrite(fd, "x", 1, 0) < 0) == -EPERM && ERR(pwrite(fd, "x", 1, 8192) < 0) == -EPERM &&
	     ERR(ftruncate(fd, 0)) == -EPERM, "... writing and cutting by a descriptor from before");
	ktap(names_refused(guest_at("imm")), "... unlink, rename, link, chmod, truncate, opening for writing");
	ktap(vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 2) == -EPERM &&
	     vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 1, 2) == -EPERM && vexfs_embedding_del(fd, COLL, 0) == -EPERM &&
	     ERR(setxattr(guest_at("imm"), "user.vec." COLL, "x", 1, 0)) == -EPERM,
	     "... setting and deleting embeddings");
	ktap(vg_compare(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1) == 0, "... the embedding can be read");
	ktap(set_flags(guest_at("imm"), FS_IMMUTABLE_FL | FS_NODUMP_FL) == -EPERM &&
	     set_project(guest_at("imm"), 5, false) == -EPERM, "... other flags and the project stay");
	ktap(set_flags(guest_at("imm"), 0) == 0 && pwrite(fd, "x", 1, 0) == 1 &&
	     vexfs_embedding_del(fd, COLL, 0) == 0, "... all of it until the flag is gone");
	close(fd);
}

static void append_only(void)
{
	const char *path = guest_at("app");
	int fd;

	put_file(path);
	fd = open(path, O_RDWR | O_APPEND);
	if (fd < 0 || vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1) || set_flags(path, FS_APPEND_FL))
		ktap_bail("append");
	ktap(open_for(path, O_WRONLY) == -EPERM && open_for(path, O_WRONLY | O_APPEND | O_TRUNC) == -EPERM &&
	     ERR(unlink(path)) == -EPERM && ERR(truncate(path, 0)) == -EPERM && ERR(ftruncate(fd, 0)) == -EPERM,
	     "append: nothing but appending");
	ktap(write(fd, "more", 4) == 4, "... which works");
	ktap(vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 2) == -EPERM && vexfs_embedding_del(fd, COLL, 0) == -EPERM,
	     "... embeddings stay");
	close(fd);
	if (set_flags(guest_at("app"), 0))
		ktap_bail("append");
}

static void directories(void)
{
	put_dir(guest_at("fixed"));
	put_file(guest_at("fixed/file"));
	put_dir(guest_at("grows"));
	put_file(guest_at("grows/file"));
	if (set_flags(guest_at("fixed"), FS_IMMUTABLE_FL) || set_flags(guest_at("grows"), FS_APPEND_FL))
		ktap_bail("flags");
	ktap(ERR(mkdir(guest_at("fixed/new"), 0700)) == -EPERM && ERR(unlink(guest_at("fixed/file"))) == -EPERM &&
	     open_for(guest_at("fixed/file"), O_WRONLY) == 0, "an immutable directory keeps its names");
	put_file(guest_at("grows/new"));
	ktap(ERR(unlink(guest_at("grows/file"))) == -EPERM && flags_of(guest_at("grows/new")) == 0,
	     "an append-only one gets more, which do not inherit it");
	if (set_flags(guest_at("fixed"), 0) || set_flags(guest_at("grows"), 0))
		ktap_bail("flags");
}

/* In a process of another user: what @what returns. */
static int as_nobody(int (*what)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(100);
		_exit(-what());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("waitpid");
	return -WEXITSTATUS(st);
}

static int open_fd;	/* the way to the mount point is root's only */

static int try_flag(unsigned int flag)
{
	return ERR(ioctl(open_fd, FS_IOC_SETFLAGS, &flag));
}
static int try_immutable(void) { return try_flag(FS_IMMUTABLE_FL); }
static int try_append(void) { return try_flag(FS_APPEND_FL); }
static int try_nodump(void) { return try_flag(FS_NODUMP_FL); }

static void who_may(void)
{
	put_file(guest_at("theirs"));
	open_fd = open_it(guest_at("theirs"));
	ktap(as_nobody(try_nodump) == -EPERM, "flags of another's file are not to be set");
	if (fchown(open_fd, NOBODY, NOBODY))
		ktap_bail("chown");
	ktap(as_nobody(try_immutable) == -EPERM && as_nobody(try_append) == -EPERM,
	     "nor immutable and append of one's own");
	ktap(as_nobody(try_nodump) == 0, "... but the others are");
	close(open_fd);
}

/* ---- inheritance ---------------------------------------------------------------------------- */

static void inheritance(void)
{
	unsigned int dir = FS_SYNC_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL;

	put_dir(guest_at("up"));
	if (set_flags(guest_at("up"), dir))
		ktap_bail("flags");
	put_file(guest_at("up/file"));
	put_dir(guest_at("up/sub"));
	ktap(flags_of(guest_at("up/file")) == (dir & ~FS_DIRSYNC_FL) && flags_of(guest_at("up/sub")) == dir,
	     "files and directories inherit what means something for them");
	if (symlink("x", guest_at("up/link")) || mknod(guest_at("up/fifo"), S_IFIFO | 0600, 0))
		ktap_bail("special files");
}

static void projects(void)
{
	struct fsxattr x;

	put_dir(guest_at("p7"));
	put_dir(guest_at("p8"));
	put_file(guest_at("outside"));
	if (set_project(guest_at("p7"), 7, true) || set_project(guest_at("p8"), 8, true))
		ktap_bail("project");
	put_file(guest_at("p7/file"));
	put_dir(guest_at("p7/sub"));
	put_file(guest_at("p8/file"));
	x = fsx_of(guest_at("p7/file"));
	ktap(x.fsx_projid == 7 && !(x.fsx_xflags & FS_XFLAG_PROJINHERIT), "a file is of its directory's project");
	x = fsx_of(guest_at("p7/sub"));
	ktap(x.fsx_projid == 7 && (x.fsx_xflags & FS_XFLAG_PROJINHERIT), "a directory too, and hands it on");
	ktap(ERR(link(guest_at("outside"), guest_at("p7/link"))) == -EXDEV &&
	     ERR(rename(guest_at("outside"), guest_at("p7/new"))) == -EXDEV &&
	     ERR(rename(guest_at("p8/file"), guest_at("p7/new"))) == -EXDEV &&
	     ERR(syscall(SYS_renameat2, AT_FDCWD, guest_at("p7/file"), AT_FDCWD, guest_at("outside"), 2)) == -EXDEV,
	     "no file of another project comes into it");
	ktap(link(guest_at("p7/file"), guest_at("p7/sub/link")) == 0 &&
	     rename(guest_at("p7/file"), guest_at("p7/sub/file")) == 0 &&
	     rename(guest_at("p7/sub/file"), guest_at("out")) == 0, "within it, and out of it, they move");
	ktap(set_project(guest_at("out"), ~0U, false) == -EINVAL && set_project(guest_at("out"), ~0U - 1, false) == 0,
	     "every project id but the invalid one");
}

/* ---- the disk -------------------------------------------------------------------------------- */

static void durable(void)
{
	put_dir(guest_at("kept"));
	if (set_flags(guest_at("kept"), ALL_FLAGS & ~FS_PROJINHERIT_FL))
		ktap_bail("flags");
	remount();
	ktap(flags_of(guest_at("kept")) == (ALL_FLAGS & ~FS_PROJINHERIT_FL) &&
	     ERR(mkdir(guest_at("kept/x"), 0700)) == -EPERM && fsx_of(guest_at("p7")).fsx_projid == 7,
	     "all of it is there after a remount, and holds");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount read-only");
	ktap(set_flags(guest_at("kept"), 0) == -EROFS, "nothing of it changes on a read-only mount");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, NULL) || set_flags(guest_at("kept"), 0))
		ktap_bail("remount");
}

/* On a fresh filesystem, so that the feature bit is part of what the crash finds. */
static bool crash(unsigned int how, bool *there)
{
	int fd;

	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs");
	put_file(guest_at("file"));
	sync();
	if (set_flags(guest_at("file"), FS_IMMUTABLE_FL))
		ktap_bail("flags");
	fd = open_it(guest_mnt);
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
	if (umount(guest_mnt) || guest_fsck() || guest_mount(NULL))
		return false;
	*there = flags_of(guest_at("file")) == FS_IMMUTABLE_FL;
	return umount(guest_mnt) == 0 && guest_fsck() == 0 && feature("inode_flags") >= *there;
}

int main(void)
{
	bool there;

	ktap_plan(33);
	guest_setup();
	if (guest_mkfs("") || guest_mount(NULL) || vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("mkfs and mount");
	each_flag();
	other_fields();
	noatime();
	immutable();
	append_only();
	directories();
	who_may();
	inheritance();
	projects();
	durable();
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck finds nothing");
	ktap(crash(VEXFS_SHUTDOWN_LOGFLUSH, &there) && there, "a crash: what was committed is there");
	ktap(crash(VEXFS_SHUTDOWN_NOLOGFLUSH, &there), "a crash without: all of it or nothing");
	return ktap_exit();
}
