// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 slice
 *
 * POSIX ACLs by system calls, as setfacl(1), getfacl(1), cp -a and tar would make them: who may
 * do what, modes and masks, inheritance, mount options, a crash, and an ACL that an image makes up.
 */
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define ACCESS	"system.posix_acl_access"
#define DEFAULT	"system.posix_acl_default"
#define NOID	0xffffffffU
#define MANY	8191		/* entries of 64 KiB */

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct acl {
	uint32_t version;
	struct entry e[MANY + 1];
};

static struct acl acl, got;
enum { U = 1, USER = 2, G = 4, GROUP = 8, MASK = 16, O = 32 };

static const char *f(const char *name)
{
	return guest_at(name);
}

/* Tag, permissions, id ... 0 */
static size_t make_acl(const unsigned int *p)
{
	size_t n = 0;

	acl.version = 2;
	for (; p[3 * n]; n++)
		acl.e[n] = (struct entry){ p[3 * n], p[3 * n + 1], p[3 * n + 2] };
	return 4 + n * sizeof(struct entry);
}

static int set_bytes(const char *file, const char *name, size_t n)
{
	return setxattr(f(file), name, &acl, n, 0) ? errno : 0;
}
#define SET(file, name, ...) set_bytes(file, name, make_acl((const unsigned int[]){ __VA_ARGS__, 0 }))

static bool has_bytes(const char *file, const char *name, size_t n)
{
	return getxattr(f(file), name, &got, sizeof(got)) == (ssize_t)n && !memcmp(&got, &acl, n);
}
#define HAS(file, name, ...) has_bytes(file, name, make_acl((const unsigned int[]){ __VA_ARGS__, 0 }))

static bool none(const char *file, const char *name)
{
	return getxattr(f(file), name, &got, sizeof(got)) < 0 && errno == ENODATA;
}

static int mode_of(const char *file)
{
	struct stat st;

	return lstat(f(file), &st) ? -1 : (int)(st.st_mode & 07777);
}

static void make(const char *name, mode_t mode)
{
	int fd = open(f(name), O_CREAT | O_RDWR, mode);

	if (fd < 0 || write(fd, "x", 1) != 1)
		ktap_bail("create %s", name);
	close(fd);
}

/* May user (and group) @id open it? */
static bool may(unsigned int id, const char *name, int flags)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setgroups(0, NULL) || setgid(id) || setuid(id))
			_exit(2);
		_exit(open(f(name), flags) < 0);
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) && !WEXITSTATUS(st);
}

/* ---- access ---------------------------------------------------------------------- */

static void test_access(void)
{
	make("a", 0640);
	ktap(none("a", ACCESS) && none("a", DEFAULT), "no ACL");
	ktap(!may(1000, "a", O_RDONLY), "a stranger may not read");
	ktap(!SET("a", ACCESS, U, 6, NOID, USER, 4, 1000, G, 4, NOID, MASK, 4, NOID, O, 0, NOID),
	     "setfacl -m u:1000:r");
	ktap(HAS("a", ACCESS, U, 6, NOID, USER, 4, 1000, G, 4, NOID, MASK, 4, NOID, O, 0, NOID), "getfacl");
	ktap(may(1000, "a", O_RDONLY) && !may(1000, "a", O_RDWR) && !may(1001, "a", O_RDONLY),
	     "that user may read now, and no other");
	ktap(!chmod(f("a"), 0600) && !may(1000, "a", O_RDONLY) &&
	     HAS("a", ACCESS, U, 6, NOID, USER, 4, 1000, G, 4, NOID, MASK, 0, NOID, O, 0, NOID),
	     "chmod changes the mask");
	ktap(!SET("a", ACCESS, U, 6, NOID, USER, 6, 1000, G, 0, NOID, MASK, 7, NOID, O, 4, NOID) &&
	     mode_of("a") == 0674 && may(1000, "a", O_RDWR), "and an ACL the mode");
	ktap(!SET("a", ACCESS, U, 6, NOID, G, 4, NOID, O, 4, NOID) && none("a", ACCESS) &&
	     mode_of("a") == 0644, "what a mode can say is stored as one");
	ktap(!SET("a", ACCESS, U, 6, NOID, G, 0, NOID, GROUP, 4, 1000, MASK, 4, NOID, O, 0, NOID) &&
	     may(1000, "a", O_RDONLY) && !may(1001, "a", O_RDONLY), "a named group");
	vg_remount();
	ktap(may(1000, "a", O_RDONLY) && !may(1001, "a", O_RDONLY) &&
	     HAS("a", ACCESS, U, 6, NOID, G, 0, NOID, GROUP, 4, 1000, MASK, 4, NOID, O, 0, NOID),
	     "after a remount the same");
	ktap(!removexattr(f("a"), ACCESS) && none("a", ACCESS) && !may(1000, "a", O_RDONLY), "setfacl -b");
}

static void test_errors(void)
{
	ktap(SET("a", ACCESS, U, 6, NOID, USER, 4, 1000, G, 4, NOID, O, 0, NOID) == EINVAL, "no mask: EINVAL");
	ktap(SET("a", ACCESS, U, 9, NOID, G, 4, NOID, O, 0, NOID) == EINVAL, "impossible permissions: EINVAL");
	ktap(SET("a", DEFAULT, U, 6, NOID, G, 4, NOID, O, 0, NOID) == EACCES, "a default ACL of a file: EACCES");
	ktap(!symlink("a", f("l")) && lsetxattr(f("l"), ACCESS, &acl, 28, 0) && errno == EOPNOTSUPP,
	     "of a symlink: EOPNOTSUPP");
}

/* ---- inheritance --------------------------------------------------------------------- */

static void test_default(void)
{
	umask(077);
	ktap(!mkdir(f("d"), 0755) && mode_of("d") == 0700, "without a default ACL the umask counts");
	chmod(f("d"), 0755);
	ktap(!SET("d", DEFAULT, U, 7, NOID, USER, 5, 1000, G, 5, NOID, MASK, 5, NOID, O, 0, NOID) &&
	     mode_of("d") == 0755, "a default ACL, which leaves the mode alone");
	make("d/f", 0666);
	ktap(mode_of("d/f") == 0640 &&
	     HAS("d/f", ACCESS, U, 6, NOID, USER, 5, 1000, G, 5, NOID, MASK, 4, NOID, O, 0, NOID) &&
	     may(1000, "d/f", O_RDONLY) && !may(1000, "d/f", O_RDWR), "a file inherits it, not the umask");
	ktap(!mkdir(f("d/s"), 0777) && mode_of("d/s") == 0750 &&
	     HAS("d/s", DEFAULT, U, 7, NOID, USER, 5, 1000, G, 5, NOID, MASK, 5, NOID, O, 0, NOID) &&
	     HAS("d/s", ACCESS, U, 7, NOID, USER, 5, 1000, G, 5, NOID, MASK, 5, NOID, O, 0, NOID),
	     "a directory both");
	ktap(!mknod(f("d/p"), S_IFIFO | 0666, 0) && mode_of("d/p") == 0640, "a fifo");
	ktap(!symlink("x", f("d/l")) && lgetxattr(f("d/l"), ACCESS, &got, sizeof(got)) < 0, "a symlink none");
	ktap(!SET("d", DEFAULT, U, 7, NOID, G, 5, NOID, O, 1, NOID), "one without names");
	make("d/g", 0666);
	ktap(mode_of("d/g") == 0640 && none("d/g", ACCESS), "is inherited as a mode");
	ktap(!removexattr(f("d"), DEFAULT) && none("d", DEFAULT), "setfacl -k");
	umask(022);
}

/* ---- as large as they can be --------------------------------------------------------------- */

static size_t many(unsigned int n)
{
	acl.version = 2;
	acl.e[0] = (struct entry){ U, 7, NOID };
	for (unsigned int i = 1; i < n - 3; i++)
		acl.e[i] = (struct entry){ USER, 4, 1000 + i };
	acl.e[n - 3] = (struct entry){ G, 5, NOID };
	acl.e[n - 2] = (struct entry){ MASK, 7, NOID };
	acl.e[n - 1] = (struct entry){ O, 0, NOID };
	return 4 + n * sizeof(struct entry);
}

static void test_large(void)
{
	size_t n = many(MANY);

	mkdir(f("big"), 0755);
	ktap(!set_bytes("big", DEFAULT, n) && has_bytes("big", DEFAULT, n), "an ACL of 64 KiB");
	ktap(!mkdir(f("big/s"), 0777) && has_bytes("big/s", DEFAULT, n) && has_bytes("big/s", ACCESS, n),
	     "is inherited twice by a directory");
	ktap(!chmod(f("big/s"), 0700), "chmod of that");
	many(MANY);
	acl.e[MANY - 2].perm = 0;
	ktap(has_bytes("big/s", ACCESS, n), "changes its mask");
	guest_run("rm -rf \"$TMPDIR/mnt/big\"");
}

/* ---- mount options ---------------------------------------------------------------------------- */

static void mount_with(const char *opts)
{
	umount(guest_mnt);
	if (guest_mount(opts))
		ktap_bail("mount -o %s", opts);
}

static void test_options(void)
{
	make("o", 0600);
	if (SET("o", ACCESS, U, 6, NOID, USER, 4, 1000, G, 0, NOID, MASK, 4, NOID, O, 0, NOID))
		ktap_bail("set");
	mount_with("noacl");
	ktap(getxattr(f("o"), ACCESS, &got, sizeof(got)) < 0 && errno == EOPNOTSUPP && !may(1000, "o", O_RDONLY),
	     "with noacl there are none");
	umask(077);
	make("n", 0666);
	umask(022);
	ktap(mode_of("n") == 0600, "and the umask counts");
	mount_with("acl");
	ktap(HAS("o", ACCESS, U, 6, NOID, USER, 4, 1000, G, 0, NOID, MASK, 4, NOID, O, 0, NOID) &&
	     may(1000, "o", O_RDONLY), "with acl they are back");
	ktap(!mount(NULL, guest_mnt, NULL, MS_REMOUNT, "noacl") && !may(1000, "o", O_RDONLY) &&
	     !mount(NULL, guest_mnt, NULL, MS_REMOUNT, "acl") && may(1000, "o", O_RDONLY), "remount changes it");
}

/* ---- a crash ---------------------------------------------------------------------------------- */

/* After a crash, mode and mask are of the same time. */
static void test_crash(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	bool old, new;
	int root;

	make("c", 0600);
	SET("c", ACCESS, U, 6, NOID, USER, 4, 1000, G, 0, NOID, MASK, 4, NOID, O, 0, NOID);
	sync();
	chmod(f("c"), 0670);
	root = vg_root();
	if (ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(root);
	umount(guest_mnt);
	if (guest_mount(NULL))
		ktap_bail("mount after a crash");
	old = mode_of("c") == 0640 &&
	      HAS("c", ACCESS, U, 6, NOID, USER, 4, 1000, G, 0, NOID, MASK, 4, NOID, O, 0, NOID);
	new = mode_of("c") == 0670 &&
	      HAS("c", ACCESS, U, 6, NOID, USER, 4, 1000, G, 0, NOID, MASK, 7, NOID, O, 0, NOID);
	ktap(old || new, "mode and mask change together");
}

int main(void)
{
	guest_setup();
	ktap_plan(11 + 4 + 9 + 4 + 4 + 1 + 1);
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	test_access();
	test_errors();
	test_default();
	test_large();
	test_options();
	test_crash();
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
