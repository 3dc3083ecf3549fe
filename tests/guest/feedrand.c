// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=400
 *
 * The change feed against what there is: files are written in every way, moved, linked and deleted at random, in and
 * out of the scope, directories too, and in some rounds the power goes. Then the tree below the scope is walked and
 * compared with the walk at the mark: whatever is new or has other content must be told, or lie below a directory
 * that is (no omission), and what is told must exist under the path told and have been touched since the mark
 * before (no ghost: a file whose pages were still dirty at a mark may be told twice). fsck compares tree and inodes.
 */
#include "tests/guest/feedguest.h"
#include "tests/guest/powercut.h"

#ifndef ROUNDS
#define ROUNDS	24
#define STEPS	100
#endif
#define FILES	90
#define DIRS	6
#define TOUCHED	(STEPS * 6)

/* A file below the scope, as a walk finds it. */
struct seen {
	uint64_t ino;
	uint32_t crc;
	char path[120];
};

static struct seen before[FILES * 3], after[FILES * 3];
static int nbefore, nafter;
static uint64_t touched[2][TOUCHED];
static int ntouched[2];
static bool have_cut;
static char buf[8192];

/* ---- what there is ---- */

static uint32_t sum(const char *path)
{
	uint32_t h = 2166136261U;
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		ktap_bail("open %s", path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			h = (h ^ (unsigned char)buf[i]) * 16777619U;
	close(fd);
	return h ? h : 1;
}

static void place(uint32_t dir, uint32_t file, char *rel)
{
	if (dir < DIRS)
		sprintf(rel, "s/d%u/f%u", dir, file);
	else if (dir < 2 * DIRS)
		sprintf(rel, "o/d%u/f%u", dir - DIRS, file);
	else
		sprintf(rel, "%s/f%u", dir == 2 * DIRS ? "s" : "o", file);
}

static int walk(struct seen *out)
{
	struct stat st;
	int n = 0;

	for (uint32_t d = 0; d <= 2 * DIRS; d++)
		for (uint32_t f = 0; f < FILES && n < FILES * 3; f++) {
			char rel[100];

			place(d, f, rel);
			if (rel[0] != 's' || stat(guest_at(rel), &st))
				continue;
			out[n].ino = st.st_ino;
			out[n].crc = sum(guest_at(rel));
			strcpy(out[n++].path, rel + 2);
		}
	return n;
}

static const struct seen *find(const struct seen *s, int n, uint64_t ino)
{
	for (int i = 0; i < n; i++)
		if (s[i].ino == ino)
			return &s[i];
	return NULL;
}

static void touch(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && ntouched[0] < TOUCHED)
		touched[0][ntouched[0]++] = st.st_ino;
}

static bool was_touched(uint64_t ino)
{
	for (int r = 0; r < 2; r++)
		for (int i = 0; i < ntouched[r]; i++)
			if (touched[r][i] == ino)
				return true;
	return false;
}

/* ---- changes ---- */

static void noise(void)
{
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)vg_rnd(256);
}

static void store(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR);
	char *p;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			ktap_bail("mmap %s", path);
		p[vg_rnd((uint32_t)st.st_size)]++;
		munmap(p, (size_t)st.st_size);
	}
	close(fd);
}

static void put(const char *path, int flags)
{
	int fd = open(path, O_RDWR | flags, 0644);

	if (fd < 0)
		return;
	noise();
	if (pwrite(fd, buf, 1 + vg_rnd(sizeof(buf)), vg_rnd(3) * 1000) < 0)
		ktap_note("write: %s", strerror(errno));
	if (!vg_rnd(5))
		fsync(fd);
	close(fd);
}

static void direct(const char *path)
{
	static char block[4096] __attribute__((aligned(4096)));
	int fd = open(path, O_RDWR | O_DIRECT);

	if (fd < 0)
		return;
	noise();
	memcpy(block, buf, sizeof(block));
	if (pwrite(fd, block, sizeof(block), 0) < 0)
		ktap_note("direct write: %s", strerror(errno));
	close(fd);
}

static void punch(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fd < 0)
		return;
	if (fallocate(fd, vg_rnd(2) ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0, vg_rnd(4000), 1 + vg_rnd(5000)))
		ktap_note("fallocate: %s", strerror(errno));
	close(fd);
}

/* Of a directory everything below is touched, for it is found elsewhere. */
static void move_dir(uint32_t d)
{
	char in[32], out[32];
	struct stat st;

	sprintf(in, "s/d%u", d);
	sprintf(out, "o/d%u", d);
	if (stat(guest_at(in), &st) == 0)
		rename(guest_at(in), guest_at(out));
	else
		rename(guest_at(out), guest_at(in));
	touch(guest_at(in));
}

static void replace(const char *path)
{
	put(guest_at("o/tmp"), O_CREAT | O_TRUNC);
	if (rename(guest_at("o/tmp"), path))
		unlink(guest_at("o/tmp"));
}

static void step(void)
{
	char one[100], two[100], *path;
	uint32_t what = vg_rnd(16);

	place(vg_rnd(2 * DIRS + 2), vg_rnd(FILES), one);
	place(vg_rnd(2 * DIRS + 2), vg_rnd(FILES), two);
	path = strdup(guest_at(one));
	touch(path);
	if (what < 5)
		put(path, O_CREAT | (vg_rnd(3) ? 0 : O_TRUNC));
	else if (what == 5)
		store(path);
	else if (what == 6)
		direct(path);
	else if (what == 7)
		truncate(path, vg_rnd(sizeof(buf)));
	else if (what == 8)
		punch(path);
	else if (what == 9)
		replace(path);
	else if (what == 10)
		link(path, guest_at(two));
	else if (what == 11)
		unlink(path);
	else if (what == 12)
		chmod(path, vg_rnd(2) ? 0644 : 0600);
	else if (what == 13 && !vg_rnd(4))
		move_dir(vg_rnd(DIRS));
	else
		rename(path, guest_at(two));
	touch(path);
	touch(guest_at(two));
	free(path);
}

/* ---- comparing ---- */

static bool below_told(const char *path)
{
	for (int i = 0; i < feed_n; i++) {
		size_t n = strlen(feed_told[i].path);

		if ((feed_told[i].flags & VEXFS_CHANGE_TREE) && (!n || (!strncmp(path, feed_told[i].path, n) && path[n] == '/')))
			return true;
	}
	return false;
}

static int omissions(void)
{
	int n = 0;

	for (int i = 0; i < nafter; i++) {
		const struct seen *old = find(before, nbefore, after[i].ino);

		if ((old && old->crc == after[i].crc) || feed_find(after[i].ino) || below_told(after[i].path))
			continue;
		ktap_note("omitted: %s (inode %llu, %s)", after[i].path, (unsigned long long)after[i].ino,
			  old ? "other content" : "new");
		n++;
	}
	return n;
}

static int ghosts(void)
{
	int n = 0;

	for (int i = 0; i < feed_n; i++) {
		char rel[160];
		struct stat st;

		snprintf(rel, sizeof(rel), "s/%s", feed_told[i].path);
		if (stat(guest_at(rel), &st) == 0 && st.st_ino == feed_told[i].ino && was_touched(st.st_ino))
			continue;
		ktap_note("ghost: %s (inode %llu)", feed_told[i].path, (unsigned long long)feed_told[i].ino);
		n++;
	}
	return n;
}

/* Everything is on the disk, so that a crash later cannot take back what was seen here. */
static void look(void)
{
	sync();
	nbefore = nafter;
	memcpy(before, after, sizeof(before));
	memcpy(touched[1], touched[0], sizeof(touched[0]));
	ntouched[1] = ntouched[0];
	ntouched[0] = 0;
}

/* The shutdown ioctl serves where there is no dm-flakey. */
static bool cut(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd;
	bool ok;

	if (have_cut) {
		cut_power();
	} else {
		fd = vg_root();
		if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
			ktap_bail("shutdown");
		close(fd);
	}
	if (umount(guest_mnt))
		ktap_bail("umount");
	if (have_cut)
		cut_restore();
	ok = guest_fsck() == 0;
	if (guest_mount(""))
		ktap_bail("mount: %s", strerror(errno));
	return ok;
}

static void make(void)
{
	char rel[32];

	if (guest_mkfs("-O change_feed,quota -N 2000") || guest_mount(""))
		ktap_bail("mkfs and mount");
	if (mkdir(guest_at("s"), 0755) || mkdir(guest_at("o"), 0755))
		ktap_bail("mkdir");
	for (int d = 0; d < DIRS; d++) {
		sprintf(rel, "%s/d%d", d % 2 ? "o" : "s", d);
		if (mkdir(guest_at(rel), 0755))
			ktap_bail("mkdir %s", rel);
	}
	sync();
}

int main(void)
{
	int wrong[2] = { 0 }, crashes = 0, sound = 0, told = 0;
	struct vexfs_feed_mark mark;

	ktap_plan(4);
	guest_setup();
	have_cut = cut_setup();
	make();
	mark = feed_now(guest_at("s"));
	for (int r = 0; r < ROUNDS; r++) {
		for (int s = 0; s < STEPS; s++)
			step();
		if (r % 3 == 2) {
			crashes++;
			sound += cut();
		} else if (r % 3 == 1) {
			sync();
		}
		if (feed_read(guest_at("s"), NULL, &mark))
			ktap_bail("changes");
		nafter = walk(after);
		wrong[0] += omissions();
		wrong[1] += ghosts();
		told += feed_n;
		look();
	}
	ktap(wrong[0] == 0 && told, "%d steps, %d changes told: %d omitted", ROUNDS * STEPS, told, wrong[0]);
	ktap(wrong[1] == 0, "%d ghosts", wrong[1]);
	ktap(sound == crashes, "%d of %d power cuts left a sound filesystem", sound, crashes);
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "and so does the end");
	if (have_cut)
		cut_remove();
	return ktap_exit();
}
