// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180
 *
 * A search returns what the caller could find by readdir(3) and open, and no
 * more: checked as an unprivileged user against those calls themselves, for files
 * and directories of every mode on the way, then case by case: mounts on top,
 * idmapped mounts, Landlock, a listener that refuses, changes between searches.
 */
#include <dirent.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>

#include "tests/guest/vecguest.h"

#define UID	1000
#define DIM	8
#define TREE	200
#define DEPTH	1500

static struct vg_search g;

static void place(const char *rel, float x, int mode, uid_t uid)
{
	float v[DIM] = { x, 1, 1, 1, 1, 1, 1, 1 };
	struct vexfs_embedding e = { .collection = "p", .data = v, .bytes = sizeof(v) };
	int fd = vg_file(rel, mode);

	if (vexfs_embedding_set(fd, &e) || fchown(fd, uid, uid))
		ktap_bail("set %s", rel);
	fchmod(fd, (mode_t)mode);
	close(fd);
}

static int look(const char *scope, float x, uint32_t k, uint32_t flags)
{
	float q[DIM] = { x, 1, 1, 1, 1, 1, 1, 1 };
	char p[300];
	int fd, err;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, scope);
	fd = vg_open_dir(p);
	if (fd < 0)
		return -errno;
	err = vg_run(&g, fd, "p", q, DIM, k, flags);
	close(fd);
	return err;
}

/* ---- as somebody else: a child reports how many checks went wrong ------------- */

static int as_user(int (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setgroups(0, NULL) || setgid(UID) || setuid(UID))
			_exit(100);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return 101;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 102;
}

/* ---- a tree of random modes -------------------------------------------------------- */

static char tree_path[TREE][120];

static void make_tree(void)
{
	static const int fmodes[] = { 0644, 0600, 0000, 0444, 0604, 0640 };
	static const int dmodes[] = { 0755, 0700, 0711, 0744, 0755, 0701 };
	char d1[32], d2[64];

	for (int i = 0; i < TREE; i++) {
		uid_t uid = vg_rnd(3) ? 0 : UID;

		snprintf(d1, sizeof(d1), "t/a%u", vg_rnd(8));
		snprintf(d2, sizeof(d2), "%s/b%u", d1, vg_rnd(4));
		for (char *d = d1; d; d = d == d1 ? d2 : NULL) {
			char p[300];

			snprintf(p, sizeof(p), "%s/%s", guest_mnt, d);
			if (!mkdir(p, 0755) && chmod(p, (mode_t)dmodes[vg_rnd(6)]))
				ktap_bail("chmod %s", p);
		}
		snprintf(tree_path[i], sizeof(tree_path[i]), "%s/f%d", d2, i);
		place(tree_path[i], (float)i, fmodes[vg_rnd(6)], uid);
	}
}

static bool opens(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | flags);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Could the file be found by reading directories from "t" down, and opened? */
static bool can_find(const char *rel)
{
	char p[400], *slash;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (!opens(p, 0))
		return false;
	while ((slash = strrchr(p + strlen(guest_mnt) + 1, '/'))) {
		*slash = 0;
		if (!opens(p, O_DIRECTORY))
			return false;
	}
	return true;
}

static int check_tree(void)
{
	int bad = 0;
	uint32_t openable = 0;

	if (look("t", 0, 1024, 0))
		return 50;
	for (int i = 0; i < TREE; i++) {
		bool may = can_find(tree_path[i]);

		openable += may;
		if (may != vg_found_path(&g, tree_path[i] + 2)) {
			ktap_note("%s: can be found and opened: %d", tree_path[i], may);
			bad++;
		}
	}
	bad += g.s.found != openable || !openable || openable == TREE;
	return bad > 49 ? 49 : bad;
}

/* k that can be found are found however many nearer ones may not be seen */
static int check_prefix(void)
{
	static struct vexfs_search_hit all[1024];
	uint32_t n;
	int bad = 0;

	if (look("t", 0, 1024, 0))
		return 50;
	n = g.s.found;
	memcpy(all, g.hits, sizeof(all));
	for (uint32_t k = 1; k <= n; k += 7) {
		if (look("t", 0, k, k & 1 ? VEXFS_SEARCH_EXACT : 0) || g.s.found != k)
			return 51;
		for (uint32_t i = 0; i < k; i++)
			bad += g.hits[i].ino != all[i].ino;
	}
	return bad > 49 ? 49 : bad;
}

/* ---- single cases --------------------------------------------------------------------- */

static int sees(const char *scope, const char *path)
{
	return !look(scope, 0, 100, 0) && vg_found_path(&g, path);
}

static int see_private(void) { return sees("s", "private"); }
static int see_public(void) { return sees("s", "public"); }
static int see_closed(void) { return sees("s", "closed/in"); }
static int see_link(void) { return sees("s", "way"); }
static int see_deep(void) { return sees("c", "d/e/file"); }
static int see_any_in_c(void) { return look("c", 0, 100, 0) || g.s.found; }
static int see_noexec_scope(void) { return look("noexec", 0, 10, 0) || g.s.found; }
static int see_below_noexec(void) { return look("noexec/sub", 0, 10, 0); }

static int change_refused(void)
{
	char p[300];
	struct vexfs_embedding e = { .collection = "p", .data = p, .bytes = 32 };
	int fd, root = vg_root(), bad = 0;

	bad += vexfs_collection_create(root, "mine", 4, VEXFS_IOC_F32, VEXFS_IOC_L2, NULL) != -EPERM;
	bad += vexfs_collection_drop(root, "p") != -EPERM;
	memset(p, 0, sizeof(p));
	snprintf(p + 100, 200, "%s/s/public", guest_mnt);
	fd = open(p + 100, O_RDONLY);
	bad += fd < 0;
	bad += vexfs_embedding_set(fd, &e) != -EBADF;
	bad += vexfs_embedding_del(fd, "p", 0) != -EBADF;
	e.bytes = 32;
	bad += vexfs_embedding_get(fd, &e) != 0;
	close(fd);
	return bad;
}

/* A descriptor the user was handed, of a file the user may not read. */
static int handed_fd = -1;
static int get_refused(void)
{
	char buf[32];
	struct vexfs_embedding e = { .collection = "p", .data = buf, .bytes = sizeof(buf) };

	return vexfs_embedding_get(handed_fd, &e) != -EACCES;
}

static void chmod_rel(const char *rel, int mode)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (chmod(p, (mode_t)mode))
		ktap_bail("chmod %s", p);
}

static void unlink_rel(const char *rel)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (unlink(p))
		ktap_bail("unlink %s", p);
}

static void rmdir_rel(const char *rel)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (rmdir(p))
		ktap_bail("rmdir %s", p);
}

static void rename_rel(const char *from, const char *to)
{
	char a[300], b[300];

	snprintf(a, sizeof(a), "%s/%s", guest_mnt, from);
	snprintf(b, sizeof(b), "%s/%s", guest_mnt, to);
	if (rename(a, b))
		ktap_bail("rename %s to %s", a, b);
}

static void chown_rel(const char *rel, uid_t uid, int mode)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (chown(p, uid, uid) || chmod(p, (mode_t)mode))
		ktap_bail("chown %s", p);
}

static void test_cases(void)
{
	char a[300], b[300];

	vg_mkdir("s", 0755);
	vg_mkdir("s/closed", 0700);
	place("s/public", 1, 0644, 0);
	place("s/private", 2, 0600, 0);
	place("s/closed/in", 3, 0644, 0);
	ktap(as_user(see_public) == 1, "a readable file is found");
	ktap(!as_user(see_private), "an unreadable one is not");
	ktap(see_private() && see_closed(), "root finds both");
	ktap(!as_user(see_closed), "a readable file behind a closed directory is not");
	chmod_rel("s/closed", 0711);
	ktap(!as_user(see_closed), "nor is one in a directory whose names the user may not read");
	chmod_rel("s/closed", 0755);
	ktap(as_user(see_closed) == 1, "it is once the directory may be read and searched");
	chmod_rel("s/closed", 0700);
	snprintf(a, sizeof(a), "%s/s/closed/in", guest_mnt);
	snprintf(b, sizeof(b), "%s/s/way", guest_mnt);
	link(a, b);
	ktap(as_user(see_link) == 1 && !as_user(see_closed), "another name opens a way, and is shown");
	unlink(b);
	ktap(!as_user(see_link), "until it is gone");
	chmod_rel("s/private", 0644);
	ktap(as_user(see_private) == 1, "permission counts when the question is asked");
	chmod_rel("s/private", 0600);
	ktap(!as_user(see_private), "both ways");
	vg_mkdir("noexec", 0744);
	vg_mkdir("noexec/sub", 0755);
	place("noexec/f", 4, 0644, 0);
	ktap(!as_user(see_noexec_scope), "nothing is found in a scope that may not be searched");
	ktap(as_user(see_below_noexec) != 0, "and what is below it cannot be opened");
	ktap(!as_user(change_refused), "set, delete, create and drop are refused, get is not");
	handed_fd = open(a, O_RDONLY);
	fchmod(handed_fd, 0600);
	ktap(!as_user(get_refused), "get asks for permission even on an open file");
	close(handed_fd);
}

/* Owner all, user UID @perm, group and others nothing; @perm -1: no ACL. */
static void acl_rel(const char *rel, int perm)
{
	struct {
		uint32_t version;
		struct { uint16_t tag, perm; uint32_t id; } e[5];
	} acl = { 2, { { 1, 7, ~0U }, { 2, (uint16_t)perm, UID }, { 4, 0, ~0U }, { 16, 7, ~0U }, { 32, 0, ~0U } } };
	char p[300];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (perm < 0 ? removexattr(p, "system.posix_acl_access") :
	    setxattr(p, "system.posix_acl_access", &acl, sizeof(acl), 0))
		ktap_bail("ACL of %s", rel);
}

static void remount_with(const char *option)
{
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, option))
		ktap_bail("remount with %s", option);
}

static void test_acls(void)
{
	chmod_rel("s/private", 0600);
	chmod_rel("s/closed", 0700);
	chmod_rel("s/closed/in", 0644);
	ktap(!as_user(see_private) && !as_user(see_closed), "what modes hide is not found");
	acl_rel("s/private", 4);
	ktap(as_user(see_private) == 1, "an ACL that names the user opens a file");
	acl_rel("s/private", 2);
	ktap(!as_user(see_private), "one that gives write permission alone does not");
	acl_rel("s/private", 4);
	chmod_rel("s/private", 0600);
	ktap(!as_user(see_private), "nor one with a mask of nothing, which chmod makes");
	chmod_rel("s/private", 0640);
	ktap(as_user(see_private) == 1, "until chmod makes another");
	remount_with("noacl");
	chmod_rel("s/private", 0600);	/* is judged without the ACL */
	chmod_rel("s/private", 0640);
	ktap(!as_user(see_private), "remounted with noacl, it is hidden");
	remount_with("acl");
	ktap(as_user(see_private) == 1, "and with acl found");
	acl_rel("s/private", -1);
	chmod_rel("s/private", 0600);
	ktap(!as_user(see_private), "without the ACL it is hidden again");
	acl_rel("s/closed", 1);
	ktap(!as_user(see_closed), "an ACL that lets search a directory but not read it opens no way");
	acl_rel("s/closed", 5);
	ktap(as_user(see_closed) == 1, "one that lets read and search it does");
	vg_remount();
	ktap(as_user(see_closed) == 1, "with nothing in the caches too");
	acl_rel("s/closed", 0);
	ktap(!as_user(see_closed), "until it is changed");
	acl_rel("s/closed/in", 0);
	acl_rel("s/closed", 5);
	ktap(!as_user(see_closed), "an ACL keeps a user out of a file whose mode lets the group in");
	acl_rel("s/closed/in", -1);
	acl_rel("s/closed", -1);
}

/* ---- more than permission bits --------------------------------------------------- */

static int see_two(void) { return sees("m", "near") + 2 * sees("m", "far"); }
static int see_masked(void) { return sees("m", "dir/masked"); }

/* The nearest one the user can open, with k = 1. */
static int nearest_is_far(void)
{
	return !look("m", 0, 1, 0) && g.s.found == 1 && !strcmp(vg_path(&g, 0), "far");
}

static void test_mounts(void)
{
	char dir[300];

	vg_mkdir("m", 0755);
	vg_mkdir("m/dir", 0755);
	place("m/dir/masked", 0, 0644, 0);
	place("m/far", 9, 0644, 0);
	snprintf(dir, sizeof(dir), "%s/m/dir", guest_mnt);
	ktap(as_user(see_masked) == 1, "a file in a directory is found");
	if (mount(dir, dir, NULL, MS_BIND, NULL))
		ktap_bail("bind mount");
	ktap(as_user(see_masked) == 1, "also with the same directory mounted on top of it");
	umount(dir);
	if (mount("none", dir, "tmpfs", 0, NULL))
		ktap_bail("tmpfs");
	ktap(!as_user(see_masked) && !see_masked(), "with another filesystem on top it is not");
	ktap(as_user(nearest_is_far) == 1, "and the next one takes its place");
	umount(dir);
	ktap(as_user(see_masked) == 1, "until that is unmounted");
}

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset	444
#define SYS_landlock_restrict_self	446
#endif
#define LANDLOCK_READ_FILE	(1ULL << 2)
#define LANDLOCK_READ_DIR	(1ULL << 3)

/* From here on the process may use none of @rights. */
static int landlock(uint64_t rights)
{
	int fd = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);

	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}

static int landlocked_scope(uint64_t rights)
{
	float q[DIM] = { 0, 1, 1, 1, 1, 1, 1, 1 };
	char p[300];
	int fd;

	snprintf(p, sizeof(p), "%s/m", guest_mnt);
	fd = vg_open_dir(p);
	if (fd < 0 || landlock(rights))
		return 50;
	if (vg_run(&g, fd, "p", q, DIM, 10, 0))
		return 51;
	return (int)g.s.found;
}

static int no_read_file(void) { return landlocked_scope(LANDLOCK_READ_FILE); }
static int no_read_dir(void) { return landlocked_scope(LANDLOCK_READ_DIR); }

static void test_landlock(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0) {
		ktap_skip("a sandbox that may read no file", "this kernel has no Landlock");
		ktap_skip("a sandbox that may read no directory", "this kernel has no Landlock");
		return;
	}
	ktap(!as_user(no_read_file), "a sandbox that may read no file finds none");
	ktap(!as_user(no_read_dir), "one that may read no directory learns no names");
}

/* Refuse every open of m/near until killed. */
static pid_t refuse_near(void)
{
	int fan = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
	struct fanotify_event_metadata ev;
	char p[300];
	pid_t pid;

	snprintf(p, sizeof(p), "%s/m/near", guest_mnt);
	if (fan < 0 || fanotify_mark(fan, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, p))
		return -1;
	pid = fork();
	if (pid) {
		close(fan);
		return pid;
	}
	while (read(fan, &ev, sizeof(ev)) == (ssize_t)sizeof(ev)) {
		struct fanotify_response r = { .fd = ev.fd, .response = FAN_DENY };

		if (write(fan, &r, sizeof(r)) != (ssize_t)sizeof(r))
			break;
		close(ev.fd);
	}
	_exit(0);
}

static void test_fanotify(void)
{
	pid_t pid;

	place("m/near", 0, 0644, 0);
	unlink_rel("m/dir/masked");
	ktap(as_user(see_two) == 3, "two files are found");
	pid = refuse_near();
	if (pid < 0) {
		ktap_skip("a listener that refuses", "this kernel has no fanotify permission events");
		ktap_skip("the next one", "this kernel has no fanotify permission events");
		return;
	}
	ktap(as_user(see_two) == 2, "not the one whose opening a fanotify listener refuses");
	ktap(as_user(nearest_is_far) == 1, "the next one takes its place");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Changes that must not be missed by whatever a search remembers of the one before. */
static void test_changes(void)
{
	vg_mkdir("c", 0755);
	vg_mkdir("c/d", 0755);
	vg_mkdir("c/d/e", 0755);
	vg_mkdir("away", 0755);
	place("c/d/e/file", 1, 0644, 0);
	ktap(as_user(see_deep) == 1, "a file two directories down is found");
	chmod_rel("c/d", 0700);
	ktap(!as_user(see_deep), "not after chmod of the upper one");
	chmod_rel("c/d", 0755);
	ktap(as_user(see_deep) == 1, "and again after another");
	rename_rel("c/d", "away/d");
	ktap(!as_user(see_deep) && !as_user(see_any_in_c), "not after it has moved away");
	rename_rel("away/d", "c/d");
	ktap(as_user(see_deep) == 1, "and again after it has come back");
	rename_rel("c/d/e/file", "away/file");
	ktap(!as_user(see_any_in_c), "not after the file itself has moved away");
	rename_rel("away/file", "c/d/e/file");
	chown_rel("c/d/e/file", UID, 0600);
	ktap(as_user(see_deep) == 1, "owner and mode 0600: found by the owner");
	chown_rel("c/d/e/file", 0, 0600);
	ktap(!as_user(see_deep), "not after it was given away");
	chmod_rel("c/d/e/file", 0644);
	unlink_rel("c/d/e/file");
	ktap(!as_user(see_any_in_c), "nor after it was removed");
	place("c/d/e/file", 1, 0644, 0);
	ktap(as_user(see_deep) == 1, "a new file of that name is");
	rename_rel("c/d/e/file", "c/file");
	rmdir_rel("c/d/e");
	vg_mkdir("away/e", 0755);
	rename_rel("c/file", "away/e/file");
	rename_rel("away/e", "c/d/e");
	ktap(as_user(see_deep) == 1, "also in a new directory with the number of the old one");
}

/* Far below the scope: no depth is too much. */
static void test_deep(void)
{
	int at = vg_root(), fd, i;
	float v[DIM] = { 77, 1, 1, 1, 1, 1, 1, 1 };
	struct vexfs_embedding e = { .collection = "p", .data = v, .bytes = sizeof(v) };

	for (i = 0; i < DEPTH && at >= 0; i++) {
		int next = mkdirat(at, i ? "d" : "deep", 0755) ? -1 :
			openat(at, i ? "d" : "deep", O_RDONLY | O_DIRECTORY);

		close(at);
		at = next;
	}
	fd = at < 0 ? -1 : openat(at, "file", O_CREAT | O_RDWR, 0644);
	if (fd < 0 || vexfs_embedding_set(fd, &e))
		ktap_bail("%d directories deep", i);
	close(fd);
	close(at);
	ktap(!look("deep", 77, 1, 0) && g.s.found == 1 && g.hits[0].path_len == 2 * (DEPTH - 1) + 4,
	     "a file is found below %d directories", DEPTH);
}

/* ---- beside create and unlink ------------------------------------------------------ */

static void churn(int n)
{
	char name[40];

	for (int i = 0; ; i++) {
		snprintf(name, sizeof(name), "churn/%d-%d", n, i % 4);
		place(name, (float)i, 0644, UID);
		unlink_rel(name);
	}
}

static void test_churn(void)
{
	time_t end = time(NULL) + 10;
	int searches = 0, failed = 0, last = 0;
	pid_t pid[2];

	vg_mkdir("churn", 0777);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i])
			churn(i);
	}
	for (; time(NULL) < end; searches++) {
		int err = look("churn", 1, 4, 0);

		failed += err != 0;
		last = err ? err : last;
	}
	for (int i = 0; i < 2; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	ktap(searches && !failed, "%d searches beside create, set and unlink: %d fail (%s)", searches,
	     failed, strerror(-last));
}

int main(void)
{
	guest_setup();
	ktap_plan(4 + 14 + 13 + 5 + 2 + 3 + 11 + 1 + 1 + 1);
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	vg_collection("p", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	vg_mkdir("t", 0755);
	make_tree();
	ktap(!look("t", 0, 1024, 0) && g.s.found == TREE, "root finds all %d files", TREE);
	ktap(!as_user(check_tree), "a user finds exactly the files that user can find and open");
	ktap(!as_user(check_prefix), "the nearest k of those, for every k");
	vg_remount();
	ktap(!as_user(check_tree), "the same with nothing in the caches");
	test_cases();
	test_acls();
	test_mounts();
	test_landlock();
	test_fanotify();
	test_changes();
	test_deep();
	test_churn();
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
