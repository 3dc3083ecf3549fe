// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120
 *
 * A search returns what the caller could open, and no more: checked as an
 * unprivileged user against open(2) itself, for files and directories of every
 * mode on the way, then case by case.
 */
#include <grp.h>

#include "tests/guest/vecguest.h"

#define UID	1000
#define DIM	8
#define TREE	200

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

static bool can_open(const char *rel)
{
	char p[400];
	int fd;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	fd = open(p, O_RDONLY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int check_tree(void)
{
	int bad = 0;
	uint32_t openable = 0;

	if (look("t", 0, 1024, 0))
		return 50;
	for (int i = 0; i < TREE; i++) {
		bool may = can_open(tree_path[i]);

		openable += may;
		if (may != vg_found_path(&g, tree_path[i] + 2)) {
			ktap_note("%s: open %d", tree_path[i], may);
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
	ktap(as_user(see_closed) == 1, "search permission is enough on the way");
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

int main(void)
{
	guest_setup();
	ktap_plan(4 + 13 + 1);
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	vg_fresh("");
	chmod(guest_mnt, 0755);
	vg_collection("p", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	vg_mkdir("t", 0755);
	make_tree();
	ktap(!look("t", 0, 1024, 0) && g.s.found == TREE, "root finds all %d files", TREE);
	ktap(!as_user(check_tree), "a user finds exactly the files open(2) lets that user read");
	ktap(!as_user(check_prefix), "the nearest k of those, for every k");
	vg_remount();
	ktap(!as_user(check_tree), "the same with nothing in the caches");
	test_cases();
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	return ktap_exit();
}
