// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 slice
 *
 * The change feed: every way to change a file is told, once, to whoever may find it; marks of other feeds are refused;
 * waiting; embeddings that are new or stale; a full device; read-only mounts; what a call reads. Random changes and
 * power cuts: feedrand.c.
 */
#include "tests/guest/feedguest.h"

#define USER	1000
#define MANY	3000

static char buf[1 << 16];
static struct vexfs_feed_mark mark;

static void fresh(const char *mkfs)
{
	if (guest_mkfs(mkfs))
		ktap_bail("mkfs.vexfs %s", mkfs);
	if (guest_mount("") || chmod(guest_mnt, 0755))
		ktap_bail("mount: %s", strerror(errno));
}

static void check_done(const char *what)
{
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "%s: fsck finds tree and inodes agree", what);
}

static void put(const char *path, size_t bytes)
{
	int fd = open(path, O_CREAT | O_RDWR, 0666);

	if (fd < 0 || write(fd, buf, bytes) != (ssize_t)bytes || close(fd))
		ktap_bail("write %s", path);
}

/* What has changed below "s" since the last time; what is dirty is written first, so that it is not told twice. */
static int next(void)
{
	sync();
	return feed_read(guest_at("s"), NULL, &mark);
}

static bool told(const char *path)
{
	return next() == 0 && FEED_IS(path) && next() == 0 && feed_n == 0;
}

/* ---- ways to change ---- */

static void store_mapped(const char *path)
{
	int fd = open(path, O_RDWR);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		ktap_bail("mmap");
	p[7]++;
	munmap(p, 4096);
	close(fd);
}

static void write_direct(const char *path)
{
	int fd = open(path, O_RDWR | O_DIRECT);
	void *p;

	if (posix_memalign(&p, 4096, 4096))
		ktap_bail("memory");
	memset(p, 5, 4096);
	if (fd < 0 || pwrite(fd, p, 4096, 0) != 4096)
		ktap_bail("O_DIRECT");
	free(p);
	close(fd);
}

static void punch(const char *path)
{
	int fd = open(path, O_RDWR);

	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096))
		ktap_bail("punch");
	close(fd);
}

static void test_writers(void)
{
	put(guest_at("s/a"), 8192);
	ktap(told("a"), "a new file, once");
	put(guest_at("s/a"), 100);
	ktap(told("a"), "write(2)");
	store_mapped(guest_at("s/a"));
	ktap(told("a"), "a store through a mapping");
	write_direct(guest_at("s/a"));
	ktap(told("a"), "O_DIRECT");
	ktap(truncate(guest_at("s/a"), 5000) == 0 && told("a"), "truncate(2)");
	punch(guest_at("s/a"));
	ktap(told("a"), "fallocate(2)");
	ktap(chmod(guest_at("s/a"), 0600) == 0 && told("a"), "chmod(2)");
	ktap(chown(guest_at("s/a"), 0, 5) == 0 && told("a"), "chown(2)");
	ktap(next() == 0 && feed_n == 0 && access(guest_at("s/a"), R_OK) == 0 && next() == 0 && feed_n == 0,
		"reading does not count as a change");
}

static void test_names(void)
{
	mkdir(guest_at("s/d"), 0755);
	mkdir(guest_at("o/t"), 0755);
	put(guest_at("o/x"), 10);
	put(guest_at("o/t/below"), 10);
	ktap(next() == 0 && feed_n == 0, "neither outside of the scope nor directories that are made");
	ktap(rename(guest_at("o/x"), guest_at("s/d/x")) == 0 && told("d/x"), "moved into the scope");
	ktap(rename(guest_at("s/d/x"), guest_at("s/d/y")) == 0 && told("d/y"), "renamed");
	ktap(link(guest_at("s/d/y"), guest_at("o/z")) == 0 && told("d/y"), "another name");
	ktap(rename(guest_at("o/t"), guest_at("s/t")) == 0 && next() == 0 && FEED_IS("t") &&
		feed_told[0].flags == VEXFS_CHANGE_TREE, "a directory that is moved in says: walk it");
	put(guest_at("s/t/new"), 10);
	ktap(rename(guest_at("s/t/new"), guest_at("s/d/y")) == 0 && told("d/y"), "written anew and renamed over");
	ktap(unlink(guest_at("s/d/y")) == 0 && next() == 0 && feed_n == 0, "what is deleted is not told");
	put(guest_at("s/short"), 10);
	ktap(unlink(guest_at("s/short")) == 0 && next() == 0 && feed_n == 0, "nor what came and went");
	ktap(feed_read(guest_at("s/t"), NULL, &(struct vexfs_feed_mark){ mark.feed, 1 }) == 0 && feed_has("below") &&
		!feed_has("a"), "all from the beginning, of a directory");
}

/* Pages that were dirty when the epoch ended, and a mapping that stays. */
static void test_epochs(void)
{
	int fd = open(guest_at("s/a"), O_RDWR);
	uint64_t gen;
	char *p;

	if (ftruncate(fd, 8192))
		ktap_bail("truncate");
	next();
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[0]++;
	ktap(feed_read(guest_at("s"), NULL, &mark) == 0 && FEED_IS("a"), "told while its page is dirty");
	ktap(vexfs_data_generation(fd, &gen) == 0, "the generation is asked for before it is read");
	p[0]++;
	ktap(feed_read(guest_at("s"), NULL, &mark) == 0 && FEED_IS("a"), "a store after that is told");
	p[0]++;
	sync();
	ktap(feed_read(guest_at("s"), NULL, &mark) == 0 && FEED_IS("a"), "without asking, when the page is written");
	munmap(p, 4096);
	close(fd);
}

/* ---- who may know ---- */

static int user_sees(void)
{
	struct vexfs_feed_mark m = { mark.feed, 1 };

	if (setgid(USER) || setuid(USER))
		return 100;
	if (feed_read(guest_at("s"), NULL, &m))
		return 101;
	return feed_has("open") && !feed_has("secret") && !feed_has("shut/in") && !feed_has("blind/in");
}

static void test_permission(void)
{
	int st = -1;
	pid_t pid;

	mkdir(guest_at("s/shut"), 0700);
	mkdir(guest_at("s/blind"), 0711);
	put(guest_at("s/shut/in"), 10);
	put(guest_at("s/blind/in"), 10);
	put(guest_at("s/open"), 10);
	put(guest_at("s/secret"), 10);
	chmod(guest_at("s/secret"), 0600);
	next();
	pid = fork();
	if (!pid)
		_exit(user_sees());
	waitpid(pid, &st, 0);
	ktap(WIFEXITED(st) && WEXITSTATUS(st) == 1, "a user is told what he could find: %d", WEXITSTATUS(st));
	ktap(chmod(guest_at("s/blind"), 0755) == 0 && told("blind"), "a directory that opens up is told");
}

/* ---- marks and arguments ---- */

static int ask(int fd, struct vexfs_ioc_changes q)
{
	q.size = sizeof(q);
	return ioctl(fd, VEXFS_IOC_CHANGES, &q) ? errno : 0;
}

static void test_arguments(void)
{
	struct vexfs_change e[4];
	struct vexfs_ioc_changes q = { .mark = mark, .count = 4, .entries = (uintptr_t)e }, bad = q;
	int fd = vg_open_dir(guest_at("s")), file = open(guest_at("s/a"), O_RDONLY);

	ktap(ask(fd, q) == 0 && ask(file, q) == ENOTDIR, "a scope is a directory");
	bad.flags = 2;
	ktap(ask(fd, bad) == EINVAL, "unknown flags");
	bad = q, bad.count = 0;
	ktap(ask(fd, bad) == EINVAL, "no room");
	bad = q, bad.mark.feed++;
	ktap(ask(fd, bad) == EREMOTE, "a mark of another feed");
	bad = q, bad.mark.number += 1000;
	ktap(ask(fd, bad) == EREMOTE, "a mark of the future");
	bad = q, strcpy(bad.collection, "none");
	ktap(ask(fd, bad) == ENOENT, "no such collection");
	bad = q, bad.entries = 8, bad.mark.number = 1;
	ktap(ask(fd, bad) == EFAULT, "no memory at that address");
	close(file);
	close(fd);
	bad.mark.feed = (__u64)feed_read_some(guest_at("s"), NULL, &(struct vexfs_feed_mark){ mark.feed, 1 }, 1);
	ktap(!bad.mark.feed && feed_n > 4 && feed_calls >= feed_n, "one entry at a time: %d in %d calls", feed_n, feed_calls);
}

static int change_later(void)
{
	usleep(300000);
	close(open(guest_at("s/later"), O_CREAT | O_RDWR, 0644));
	return 0;
}

static void test_wait(void)
{
	struct vexfs_change e[4];
	char paths[100];
	struct vexfs_changes c = {
		.mark = mark, .entries = e, .count = 4, .paths = paths, .path_bytes = sizeof(paths), .wait_ms = 50,
	};
	int fd = vg_open_dir(guest_at("s"));
	pid_t pid;

	ktap(vexfs_changes(fd, &c) == 0 && !c.found && !c.more, "nothing comes while it waits");
	pid = fork();
	if (!pid)
		_exit(change_later());
	c.wait_ms = 60000;
	ktap(vexfs_changes(fd, &c) == 0 && c.found == 1 && c.entries[0].path_len == 5, "a change ends the wait");
	waitpid(pid, NULL, 0);
	mark = c.mark;
	close(fd);
	next();
}

/* ---- embeddings ---- */

static void test_embeddings(void)
{
	struct vexfs_feed_mark m = mark;
	int fd;

	if (vg_collection("c", 8, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	put(guest_at("s/e1"), 100);
	put(guest_at("s/e2"), 100);
	ktap(feed_read(guest_at("s"), "c", &m) == 0 && FEED_IS("e1", "e2") && feed_told[0].flags == VEXFS_CHANGE_NEW,
		"files without an embedding");
	fd = open(guest_at("s/e1"), O_RDWR);
	if (vg_set(fd, "c", VEXFS_IOC_F32, 8, 0, 1))
		ktap_bail("set");
	m = mark;
	ktap(feed_read(guest_at("s"), "c", &m) == 0 && FEED_IS("e2"), "one that has its embedding is left out");
	if (pwrite(fd, "x", 1, 0) != 1)
		ktap_bail("write");
	ktap(feed_read(guest_at("s"), "c", &m) == 0 && feed_find(feed_ino(fd)) &&
		feed_find(feed_ino(fd))->flags == VEXFS_CHANGE_STALE, "until its content changes");
	close(fd);
	next();
}

/* ---- the device ---- */

static void test_full(void)
{
	int fd = open(guest_at("o/fill"), O_CREAT | O_RDWR, 0666), i;
	char name[32];

	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "s/full%d", i);
		put(guest_at(name), 4096);
	}
	next();
	while (write(fd, buf, sizeof(buf)) > 0)
		;
	while (write(fd, buf, 1) > 0)
		;
	ktap(errno == ENOSPC, "the device is full");
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "s/full%d", i);
		put(guest_at(name), 4096);
	}
	ktap(next() == 0 && feed_n == 300, "300 files are overwritten and told: %d", feed_n);
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "s/full%d", i);
		if (truncate(guest_at(name), 0) || unlink(guest_at(name)))
			ktap_bail("%s", name);
	}
	ktap(next() == 0 && feed_n == 0, "cut and deleted");
	ktap(ftruncate(fd, 0) == 0 && close(fd) == 0 && unlink(guest_at("o/fill")) == 0, "room again");
}

static void test_mounts(void)
{
	struct vexfs_feed_mark m = mark;

	put(guest_at("s/a"), 10);
	if (umount(guest_mnt) || mount(guest_disk, guest_mnt, "vexfs", MS_RDONLY, ""))
		ktap_bail("read-only mount");
	ktap(feed_read(guest_at("s"), NULL, &m) == -EROFS, "a read-only mount has no mark after the last change");
	ktap(feed_read(guest_at("s"), NULL, &(struct vexfs_feed_mark){ m.feed, m.number }) == -EROFS &&
		mount(NULL, guest_mnt, NULL, MS_REMOUNT, "") == 0, "made writable");
	ktap(next() == 0 && FEED_IS("a"), "and the change is told");
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0 && guest_run("tune.vexfs -O ^change_feed \"$VEX_DISK_TEST\"") == 0 && guest_fsck() == 0,
		"turned off");
	ktap(guest_mount("") == 0 && feed_read(guest_at("s"), NULL, &m) == -EOPNOTSUPP, "no feed");
	put(guest_at("s/a"), 10);
	ktap(umount(guest_mnt) == 0 && guest_run("tune.vexfs -O change_feed \"$VEX_DISK_TEST\"") == 0 &&
		guest_mount("") == 0 && feed_read(guest_at("s"), NULL, &m) == -EREMOTE, "turned on again: another feed");
	mark = feed_now(guest_at("s"));
	put(guest_at("s/a"), 10);
	ktap(told("a"), "which works");
}

/* ---- what it costs ---- */

static long reads_now(void)
{
	char path[300], line[200] = "";
	long n;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/block/%s/stat", strrchr(guest_disk, '/') + 1);
	f = fopen(path, "r");
	if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "%*d %*d %ld", &n) != 1)
		ktap_bail("%s", path);
	fclose(f);
	return n / 8;
}

/* Blocks that one reading takes from the disk, nothing of the filesystem being in memory. */
static long cost(void)
{
	struct vexfs_feed_mark m = mark;
	long before;

	if (umount(guest_mnt) || guest_mount(""))
		ktap_bail("mount again");
	before = reads_now();
	if (feed_read(guest_at("s"), NULL, &m))
		ktap_bail("read");
	mark = m;
	return reads_now() - before;
}

static void test_cost(void)
{
	char name[32];
	long none, ten;
	int i;

	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "s/many%d", i);
		put(guest_at(name), 1);
	}
	next();
	none = cost();
	ktap(feed_n == 0 && none <= 8, "nothing has changed: %ld blocks read", none);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s/many%d", i * MANY / 10);
		put(guest_at(name), 2);
	}
	ten = cost();
	/* Of each: its inode, the leaf of its name, its old place in the tree at most; a walk would read 375 inode blocks. */
	ktap(feed_n == 10 && ten <= 60, "10 of %d files: %ld blocks read", MANY, ten);
}

int main(void)
{
	ktap_plan(52);
	guest_setup();
	if (getenv("TMPDIR") && chmod(getenv("TMPDIR"), 0755))
		ktap_bail("chmod");
	fresh("-N 8000");
	ktap(feed_read(guest_mnt, NULL, &mark) == -EOPNOTSUPP, "without the feature there is no feed");
	if (umount(guest_mnt))
		ktap_bail("umount");
	fresh("-O change_feed -N 8000");
	mkdir(guest_at("s"), 0755);
	mkdir(guest_at("o"), 0755);
	mark = feed_now(guest_at("s"));
	test_writers();
	test_names();
	test_epochs();
	test_permission();
	test_arguments();
	test_wait();
	test_embeddings();
	test_full();
	test_mounts();
	test_cost();
	check_done("feed");
	return ktap_exit();
}
