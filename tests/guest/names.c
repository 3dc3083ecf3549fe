// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 arm64
 *
 * A tree against a model in memory: create, mkdir, link, symlink, unlink,
 * rmdir, rename, exchange. After each round the whole tree is listed and
 * compared, then again after a remount; fsck judges the end.
 */
#include <dirent.h>
#include <sys/syscall.h>

#include "tests/guest/guest.h"

#define NAMES	300
#define ROUNDS	12
#define OPS	500
#define XCHG	2	/* RENAME_EXCHANGE */

enum kind { NONE, FILE_, DIR_, LINK_ };

/* Names 0..9 are directories' own slots at the top; every other name lives in
 * the root or in one of them. */
struct entry {
	enum kind kind;
	int parent;		/* -1 root, else index of a directory entry */
	int id;			/* identity of the inode (hard links share it) */
};

static struct entry e[NAMES];
static int next_id = 1;
static unsigned long long rng;

static unsigned int rnd(unsigned int n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(rng >> 33) % n;
}

/* Long names fill leaves quickly, so that trees split and merge. */
static void leaf_name(int i, char *out, size_t size)
{
	snprintf(out, size, "n%04d-%.*s", i, (i * 37) % 200,
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
}

static void full_path(int i, int parent, char *out, size_t size)
{
	char leaf[256], dir[256] = "";

	leaf_name(i, leaf, sizeof(leaf));
	if (parent >= 0) {
		leaf_name(parent, dir, sizeof(dir) - 1);
		strcat(dir, "/");
	}
	snprintf(out, size, "%s/%s%s", guest_mnt, dir, leaf);
}

static void path_of(int i, char *out, size_t size)
{
	full_path(i, e[i].parent, out, size);
}

static int some_dir(void)
{
	int i = rnd(10);

	return e[i].kind == DIR_ ? i : -1;
}

static bool dir_empty(int d)
{
	for (int i = 0; i < NAMES; i++)
		if (e[i].kind && e[i].parent == d)
			return false;
	return true;
}

static const char *op_make(int i)
{
	char p[1024];
	int fd, parent = i < 10 ? -1 : some_dir();

	full_path(i, parent, p, sizeof(p));
	if (i < 10) {
		if (mkdir(p, 0755))
			return "mkdir";
		e[i].kind = DIR_;
	} else if (rnd(5) == 0) {
		char target[512];

		memset(target, 't', sizeof(target));
		target[rnd(2) ? 20 : 400] = 0;
		if (symlink(target, p))
			return "symlink";
		e[i].kind = LINK_;
	} else {
		fd = open(p, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0 || dprintf(fd, "%d\n", next_id) < 0 || close(fd))
			return "create";
		e[i].kind = FILE_;
	}
	e[i].parent = parent;
	e[i].id = next_id++;
	return NULL;
}

static const char *op_remove(int i)
{
	char p[1024];
	int ret;

	path_of(i, p, sizeof(p));
	if (e[i].kind == DIR_) {
		ret = rmdir(p);
		if (!dir_empty(i))
			return ret && errno == ENOTEMPTY ? NULL : "rmdir of a full directory";
		if (ret)
			return "rmdir";
	} else if (unlink(p)) {
		return "unlink";
	}
	e[i].kind = NONE;
	return NULL;
}

static const char *op_link(int i, int j)
{
	char p[1024], q[1024];
	int parent = some_dir();

	if (e[i].kind != FILE_ || e[j].kind || j < 10)
		return NULL;
	path_of(i, p, sizeof(p));
	full_path(j, parent, q, sizeof(q));
	if (link(p, q))
		return "link";
	e[j] = e[i];
	e[j].parent = parent;
	return NULL;
}

/* Over nothing or over a file: j takes i's place in the model. */
static const char *op_rename(int i, int j)
{
	char p[1024], q[1024];
	int parent = e[j].kind ? e[j].parent : some_dir();

	if (i < 10 || j < 10 || i == j || !e[i].kind)
		return NULL;
	path_of(i, p, sizeof(p));
	full_path(j, parent, q, sizeof(q));
	if (rename(p, q))
		return "rename";
	if (e[j].kind == FILE_ && e[i].kind == FILE_ && e[j].id == e[i].id)
		return NULL;		/* two names of one file: rename does nothing */
	e[j] = e[i];
	e[j].parent = parent;
	e[i].kind = NONE;
	return NULL;
}

static const char *op_exchange(int i, int j)
{
	struct entry t;
	char p[1024], q[1024];

	if (i < 10 || j < 10 || i == j || !e[i].kind || !e[j].kind)
		return NULL;
	path_of(i, p, sizeof(p));
	path_of(j, q, sizeof(q));
	if (syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, q, XCHG))
		return "exchange";
	t = e[i];
	e[i].kind = e[j].kind;
	e[i].id = e[j].id;
	e[j].kind = t.kind;
	e[j].id = t.id;
	return NULL;
}

static const char *one(void)
{
	int i = rnd(NAMES), j = rnd(NAMES);

	switch (rnd(8)) {
	case 0: case 1: case 2: return e[i].kind ? NULL : op_make(i);
	case 3: return e[i].kind ? op_remove(i) : NULL;
	case 4: return op_link(i, j);
	case 5: return op_exchange(i, j);
	default: return op_rename(i, j);
	}
}

static nlink_t links_of(int i)
{
	nlink_t n = 0;

	for (int k = 0; k < NAMES; k++)
		if (e[k].kind == e[i].kind && e[k].id == e[i].id)
			n++;
	return n;
}

static const char *check_entry(int i)
{
	char p[1024], text[64] = "";
	struct stat st;
	int fd, ret;

	path_of(i, p, sizeof(p));
	ret = lstat(p, &st);
	if (!e[i].kind)
		return NULL;
	if (ret)
		return "entry is missing";
	if (e[i].kind == DIR_)
		return S_ISDIR(st.st_mode) && st.st_nlink == 2 ? NULL : "directory's links";
	if (e[i].kind == LINK_)
		return S_ISLNK(st.st_mode) && st.st_nlink == 1 ? NULL : "symlink";
	if (!S_ISREG(st.st_mode) || st.st_nlink != links_of(i))
		return "file's links";
	fd = open(p, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1 || close(fd))
		return "read";
	return atoi(text) == e[i].id ? NULL : "wrong file under the name";
}

static int count_dir(const char *p)
{
	DIR *d = opendir(p);
	int n = 0;

	if (!d)
		return -1;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static const char *check_tree(void)
{
	char p[1024];
	int want, i, d;

	for (i = 0; i < NAMES; i++) {
		const char *what = check_entry(i);

		if (what)
			return what;
	}
	for (d = -1; d < 10; d++) {
		if (d >= 0 && e[d].kind != DIR_)
			continue;
		for (want = 0, i = 0; i < NAMES; i++)
			want += e[i].kind && e[i].parent == d;
		if (d < 0)
			snprintf(p, sizeof(p), "%s", guest_mnt);
		else
			path_of(d, p, sizeof(p));
		if (count_dir(p) != want)
			return "directory lists too few or too many";
	}
	return NULL;
}

/* Far more entries than a leaf or the root holds; seek back into the middle. */
static const char *big_dir(void)
{
	char p[512];
	int i, n = 3000, seen = 0;
	struct dirent *de;
	long mid = 0;
	DIR *d;

	snprintf(p, sizeof(p), "%s/big", guest_mnt);
	if (mkdir(p, 0755))
		return "mkdir";
	for (i = 0; i < n; i++) {
		snprintf(p, sizeof(p), "%s/big/entry-%d", guest_mnt, i);
		if (mknod(p, S_IFREG | 0600, 0))
			return "mknod";
	}
	snprintf(p, sizeof(p), "%s/big", guest_mnt);
	d = opendir(p);
	while ((de = readdir(d)))
		if (++seen == 1000)
			mid = telldir(d);
	if (seen != n + 2)
		return "listing is not complete";
	seekdir(d, mid);
	for (seen = 0; readdir(d); seen++)
		;
	closedir(d);
	if (seen != n + 2 - 1000)
		return "seekdir lost or repeated entries";
	for (i = 0; i < n; i++) {
		snprintf(p, sizeof(p), "%s/big/entry-%d", guest_mnt, i);
		if (unlink(p))
			return "unlink";
	}
	snprintf(p, sizeof(p), "%s/big", guest_mnt);
	return rmdir(p) ? "rmdir" : NULL;
}

int main(void)
{
	const char *seed = getenv("VEX_SEED"), *what;
	int round, op;

	rng = seed ? strtoull(seed, NULL, 0) : 20261124;
	ktap_plan(4 + ROUNDS);
	guest_setup();
	ktap_note("seed %llu (VEX_SEED overrides)", rng);
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	for (round = 0; round < ROUNDS; round++) {
		for (op = 0, what = NULL; op < OPS && !what; op++)
			what = one();
		if (!what)
			what = check_tree();
		if (!what && round % 3 == 2) {
			if (umount(guest_mnt) || guest_mount(NULL))
				what = "remount";
			else
				what = check_tree();
		}
		ktap(!what, "round %d%s%s", round, what ? ": " : "", what ? what : "");
	}
	what = big_dir();
	ktap(!what, "3,000 entries%s%s", what ? ": " : "", what ? what : "");
	ktap(umount(guest_mnt) == 0, "unmount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
