// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120
 *
 * Who may create, fill, search, change and drop a collection; that an idmapped
 * mount makes nobody its owner, and a user namespace nobody who may mount; that a
 * collection is for one embedder; and that structures of other sizes are
 * understood or refused.
 */
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/guest/vecguest.h"

#define OWNER	1000
#define OTHER	1001
#define GROUP	2000
#define DIM	4

static struct vg_search g;
static const float one[DIM] = { 1, 1, 1, 1 };

/* Descriptors of this process keep the filesystem mounted: one at a time. */
static int root_fd = -1, file_fd = -1;

static int root(void)
{
	if (root_fd >= 0)
		close(root_fd);
	root_fd = vg_root();
	return root_fd;
}

static void close_all(void)
{
	if (root_fd >= 0)
		close(root_fd);
	if (file_fd >= 0)
		close(file_fd);
	root_fd = file_fd = -1;
}

static void remount(void)
{
	close_all();
	vg_remount();
}

/* A child as @uid, of @group besides its own, returns what fn() says. */
static int as(uid_t uid, gid_t group, int (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setgroups(group ? 1 : 0, &group) || setgid(uid) || setuid(uid))
			_exit(100);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return 101;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 102;
}

/* ---- what users try; each returns an errno ------------------------------------- */

static int open_in(const char *rel, int flags)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (file_fd >= 0)
		close(file_fd);
	file_fd = open(p, flags);
	return file_fd;
}

static int create_new(void) { return -vg_collection("new", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2); }
static int drop(void) { return -vexfs_collection_drop(root(), "c"); }

static int drop_new(void) { return -vexfs_collection_drop(root(), "new"); }

static int info(void)
{
	struct vexfs_ioc_collection c;

	return -vexfs_collection_info(root(), "c", &c);
}

static int counts(void)
{
	struct vexfs_ioc_collection c;

	if (vexfs_collection_info(root(), "c", &c))
		return 99;
	return c.flags & VEXFS_COLL_COUNTS ? c.live == 1 : 2 + (c.live || c.slots || c.bytes);
}

static int listed(void)
{
	struct vexfs_ioc_collection c;
	struct vexfs_ioc_info i;
	uint32_t from = 0;
	int n = 0;

	for (; !vexfs_collection_next(root(), from, &c); from = c.id + 1)
		n++;
	if (vexfs_info(root(), &i) || i.collections != (unsigned int)n)
		return 99;
	return n;
}

static int search(void) { return -vg_run(&g, root(), "c", one, DIM, 1, 0); }

static int set_with(const char *embedder, uint8_t print)
{
	struct vexfs_embedder_id id = { .fingerprint = { print } };
	struct vexfs_embedding e = {
		.collection = "c", .data = (void *)one, .bytes = sizeof(one), .embedder = &id,
	};

	snprintf(id.name, sizeof(id.name), "%s", embedder);
	return -vexfs_embedding_set(open_in("shared", O_RDWR), &e);
}

static int set(void) { return set_with("", 0); }

static int del(void) { return -vexfs_embedding_del(open_in("shared", O_RDWR), "c", 0); }

static int get(void)
{
	char buf[64];
	struct vexfs_embedding e = { .collection = "c", .data = buf, .bytes = sizeof(buf) };

	return -vexfs_embedding_get(open_in("shared", O_RDONLY), &e);
}

static int set_readonly(void)
{
	struct vexfs_embedding e = { .collection = "c", .data = (void *)one, .bytes = sizeof(one) };

	return -vexfs_embedding_set(open_in("shared", O_RDONLY), &e);
}

static int change(uint32_t flags, uint32_t uid, uint32_t gid, uint16_t mode)
{
	struct vexfs_ioc_collection c = {
		.name = "c", .flags = flags, .uid = uid, .gid = gid, .mode = mode,
	};

	return -vexfs_collection_change(root(), &c);
}

static int chmod_0600(void) { return change(VEXFS_COLL_MODE, 0, 0, 0600); }
static int give_away(void) { return change(VEXFS_COLL_UID, OTHER, 0, 0); }
static int to_group(void) { return change(VEXFS_COLL_GID, 0, GROUP, 0); }
static int to_foreign_group(void) { return change(VEXFS_COLL_GID, 0, GROUP + 1, 0); }

/* ---- who may what --------------------------------------------------------------- */

static void test_owner(void)
{
	ktap(as(OTHER, 0, create_new) == EPERM, "a user may not create a collection");
	ktap(!change(VEXFS_COLL_UID | VEXFS_COLL_GID, OWNER, OWNER, 0), "root gives it to a user");
	ktap(!as(OTHER, 0, set) && !as(OTHER, 0, search) && !as(OTHER, 0, get),
	     "mode 0666: everybody may fill and search it");
	ktap(as(OTHER, 0, set_readonly) == EBADF, "through a descriptor open for writing");
	ktap(as(OTHER, 0, drop) == EPERM && as(OTHER, 0, chmod_0600) == EPERM,
	     "who is not the owner may neither drop nor change it");
	ktap(as(OTHER, 0, counts) == 2 && as(OWNER, 0, counts) == 1,
	     "and is not told how much is in it; the owner is");
	ktap(as(OWNER, 0, give_away) == EPERM, "the owner may not give it away");
	ktap(as(OWNER, GROUP, to_foreign_group) == EPERM && !as(OWNER, GROUP, to_group),
	     "only to one of the owner's groups");
	ktap(change(VEXFS_COLL_MODE, 0, 0, 0777) == EINVAL, "a mode with x bits: EINVAL");
}

static void test_modes(void)
{
	ktap(!as(OWNER, 0, chmod_0600), "the owner may change the mode");
	ktap(as(OTHER, 0, search) == ENOENT && as(OTHER, 0, set) == ENOENT &&
	     as(OTHER, 0, get) == ENOENT && as(OTHER, 0, info) == ENOENT &&
	     as(OTHER, 0, drop) == ENOENT && as(OTHER, 0, chmod_0600) == ENOENT,
	     "0600: for others it does not exist");
	ktap(!as(OTHER, 0, listed) && as(OWNER, 0, listed) == 1, "nor is it listed for them");
	ktap(!as(OWNER, 0, search) && !as(OWNER, 0, set), "the owner goes on");
	change(VEXFS_COLL_MODE, 0, 0, 0640);
	ktap(!as(OTHER, GROUP, search) && !as(OTHER, GROUP, get) && !as(OTHER, GROUP, info) &&
	     as(OTHER, GROUP, set) == EACCES && as(OTHER, GROUP, del) == EACCES,
	     "0640: its group may search it, not fill it");
	change(VEXFS_COLL_MODE, 0, 0, 0662);
	ktap(as(OTHER, 0, search) == EACCES && as(OTHER, 0, get) == EACCES && !as(OTHER, 0, set) &&
	     !as(OTHER, 0, info), "0662: others may fill it, not search it");
	change(VEXFS_COLL_MODE, 0, 0, 0);
	ktap(!search() && !set(), "0000: root may do all");
	remount();
	ktap(as(OWNER, 0, search) == ENOENT && !as(OWNER, 0, chmod_0600) && !as(OWNER, 0, search),
	     "owner and mode are there after a remount");
}

static void test_root_owner(void)
{
	char sub[300];

	chown(guest_mnt, OWNER, OWNER);
	ktap(!as(OWNER, 0, create_new), "the owner of the root directory may create one");
	ktap(!as(OWNER, 0, drop_new), "and drop it");
	snprintf(sub, sizeof(sub), "%s/sub", guest_mnt);
	vg_mkdir("sub", 0755);
	close_all();
	if (mount(sub, guest_mnt, NULL, MS_BIND, NULL))
		ktap_bail("bind mount");
	ktap(as(OWNER, 0, create_new) == EPERM, "but not through a mount of a directory below it");
	umount(guest_mnt);
	chown(guest_mnt, 0, 0);
}

/* ---- an idmapped mount, as a container gets one -------------------------------------- */

static char tenant[300];

static int container_root(void)
{
	int fd = open(tenant, O_RDONLY);
	struct vexfs_ioc_collection c = { .name = "c", .flags = VEXFS_COLL_MODE, .mode = 0666 };

	if (fd < 0)
		return 99;
	if (vexfs_collection_create(fd, "mine", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL) != -EPERM)
		return 1;
	if (vexfs_collection_change(fd, &c) != -EPERM)
		return 2;
	return vexfs_collection_drop(fd, "c") != -EPERM ? 3 : 0;
}

static void write_map(pid_t pid, const char *which)
{
	static const char map[] = "0 100000 65536";
	char p[64];
	int fd;

	snprintf(p, sizeof(p), "/proc/%d/%s", pid, which);
	fd = open(p, O_WRONLY);
	if (fd < 0 || write(fd, map, sizeof(map) - 1) != sizeof(map) - 1)
		ktap_bail("%s", p);
	close(fd);
}

/* A user namespace in which 0 is 100000 outside; its process waits to be killed. */
static int container(pid_t *pid)
{
	char p[64], x;
	int made[2], fd;

	if (pipe(made))
		ktap_bail("pipe");
	*pid = fork();
	if (!*pid) {
		if (unshare(CLONE_NEWUSER) || write(made[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(made[1]);
	if (read(made[0], &x, 1) != 1)
		ktap_bail("unshare");
	close(made[0]);
	write_map(*pid, "uid_map");
	write_map(*pid, "gid_map");
	snprintf(p, sizeof(p), "/proc/%d/ns/user", *pid);
	fd = open(p, O_RDONLY);
	if (fd < 0)
		ktap_bail("%s", p);
	return fd;
}

#ifndef SYS_open_tree
#define SYS_open_tree		428
#define SYS_move_mount		429
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr	442
#endif

/* The directory @from of the filesystem at @tenant, its owners shifted by @userns. */
static bool mount_idmapped(const char *from, int userns)
{
	struct { uint64_t set, clear, propagation, userns; } attr = {
		.set = 0x100000 /* MOUNT_ATTR_IDMAP */, .userns = (uint64_t)userns,
	};
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, from, 1 /* OPEN_TREE_CLONE */);
	bool ok = tree >= 0 &&
		  !syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) &&
		  !syscall(SYS_move_mount, tree, "", AT_FDCWD, tenant, 4 /* F_EMPTY_PATH */);

	close(tree);
	return ok;
}

static int in_container(int userns)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setns(userns, CLONE_NEWUSER) || setgroups(0, NULL) || setgid(0) || setuid(0))
			_exit(98);
		_exit(container_root());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return 101;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 102;
}

static void test_idmapped(void)
{
	char from[300];
	pid_t pid;
	int userns = container(&pid), i;

	change(VEXFS_COLL_MODE | VEXFS_COLL_UID, 0, 0, 0666);
	snprintf(tenant, sizeof(tenant), "%s-tenant", guest_mnt);
	mkdir(tenant, 0755);
	for (i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s%s", guest_mnt, i ? "" : "/sub");
		if (!mount_idmapped(from, userns))
			ktap_bail("idmapped mount of %s", from);
		ktap(!in_container(userns), "root of a container may not create, change or drop one: %s",
		     i ? "the whole filesystem mounted" : "a directory mounted");
		umount(tenant);
	}
	rmdir(tenant);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(userns);
}

/* ---- mounting --------------------------------------------------------------------------- */

/* As root of a user and mount namespace of its own: 0; 99: it could not mount a tmpfs either. */
static int mount_in_container(int userns)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setns(userns, CLONE_NEWUSER) || setgroups(0, NULL) || setgid(0) || setuid(0) ||
		    unshare(CLONE_NEWNS) || mount("none", "/proc", "tmpfs", 0, NULL))
			_exit(99);
		_exit(mount(guest_disk, "/proc", "vexfs", 0, NULL) ? errno : 0);
	}
	return pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st) ? 101 : WEXITSTATUS(st);
}

/* The image is parsed by the kernel: whoever has written it must not be the one who mounts it. */
static void test_user_mount(void)
{
	struct stat st;
	pid_t pid;
	int userns = container(&pid), err;

	if (stat(guest_disk, &st) || chmod(guest_disk, 0666))
		ktap_bail("%s", guest_disk);
	err = mount_in_container(userns);
	ktap(err == EPERM, "root of a container, who may write the device, may not mount it: %s", strerror(err));
	chmod(guest_disk, st.st_mode & 07777);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(userns);
}

/* ---- embedders ------------------------------------------------------------------------ */

static int search_with(const char *embedder)
{
	struct vexfs_embedder_id id = { .name = "" };
	int err;

	snprintf(id.name, sizeof(id.name), "%s", embedder);
	g.s.embedder = &id;
	err = search();
	g.s.embedder = NULL;
	return err;
}

static int bind(const char *embedder)
{
	struct vexfs_ioc_collection c = { .name = "c", .flags = VEXFS_COLL_EMBEDDER };

	snprintf(c.embedder.name, sizeof(c.embedder.name), "%s", embedder);
	c.embedder.fingerprint[0] = embedder[0] ? 7 : 0;
	return -vexfs_collection_change(root(), &c);
}

static void test_embedder(void)
{
	struct vexfs_ioc_collection c;

	ktap(!set_with("e 1", 7) && !search_with("e 2"), "a collection for any embedder takes all");
	ktap(!bind("e 1"), "it is bound to one");
	ktap(!set_with("e 1", 7) && !search_with("e 1"), "which goes on");
	ktap(!set_with("", 0) && !search_with(""), "as does who says nothing");
	ktap(set_with("e 2", 7) == EMEDIUMTYPE && search_with("e 2") == EMEDIUMTYPE,
	     "another is refused: EMEDIUMTYPE");
	ktap(set_with("e 1", 8) == EMEDIUMTYPE, "as is another model of it");
	ktap(bind("e 2") == EBUSY, "with embeddings in it, it stays bound");
	remount();
	ktap(!vexfs_collection_info(root(), "c", &c) && !strcmp(c.embedder.name, "e 1") &&
	     c.embedder.fingerprint[0] == 7, "also after a remount");
	ktap(!del() && !bind("e 2") && !bind(""), "empty, it can be bound anew");
}

/* ---- sizes ------------------------------------------------------------------------------ */

static int info_sized(uint32_t size, char tail)
{
	char buf[sizeof(struct vexfs_ioc_collection) + 64];
	struct vexfs_ioc_collection *c = (void *)buf;

	memset(buf, 0, sizeof(buf));
	c->size = size;
	strcpy(c->name, "c");
	buf[sizeof(*c) + 8] = tail;
	if (ioctl(root(), VEXFS_IOC_COLL_INFO, c))
		return errno;
	return c->dim == DIM && c->size == size && buf[sizeof(*c) + 8] == tail ? 0 : 99;
}

static void test_sizes(void)
{
	const uint32_t size = sizeof(struct vexfs_ioc_collection);

	ktap(!info_sized(size, 0), "a structure of version 1");
	ktap(!info_sized(size + 64, 0), "a longer one whose tail is zero");
	ktap(info_sized(size + 64, 1) == E2BIG, "not zero: E2BIG");
	ktap(info_sized(size - 1, 0) == EINVAL && info_sized(0, 0) == EINVAL, "a shorter one: EINVAL");
	ktap(info_sized(1 << 20, 0) == E2BIG, "an absurd one: E2BIG");
}

int main(void)
{
	guest_setup();
	ktap_plan(9 + 8 + 3 + 2 + 9 + 5 + 1 + 1);
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	close(vg_file("shared", 0666));
	if (vg_collection("c", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	test_owner();
	test_modes();
	test_root_owner();
	test_idmapped();
	test_embedder();
	test_sizes();
	close_all();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(!guest_fsck(), "fsck finds nothing");
	test_user_mount();
	return ktap_exit();
}
