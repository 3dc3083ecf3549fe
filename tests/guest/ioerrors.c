// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * Errors stay where they are: a block that cannot be read is an error of who needs it,
 * and the filesystem goes on; metadata that cannot be written stops it, which is said and
 * recorded once. A vector that cannot be written is lost, and nothing else is.
 * device-mapper provides the bad sectors.
 */
#include <dirent.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"
#include "vexfs/ondisk.h"

static char *at(const char *name)
{
	static char p[4][600];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s", guest_mnt, name);
	return p[turn];
}

static int touch(const char *name)
{
	int fd = open(at(name), O_CREAT | O_WRONLY, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Every name in a directory is read: 0 or the error. */
static int list(const char *name)
{
	DIR *d = opendir(at(name));

	if (!d)
		return -errno;
	do {
		errno = 0;
	} while (readdir(d));
	closedir(d);
	return -errno;
}

/* Names go to all blocks of a directory: the first error, 0 if there is none. */
static int fill(const char *prefix)
{
	char name[300];
	int err = 0;

	for (int i = 0; i < 100 && !err; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		err = touch(name);
	}
	return err;
}

static bool rw(void)
{
	char line[1024], want[700];
	bool found = false;
	FILE *f = fopen("/proc/mounts", "r");

	snprintf(want, sizeof(want), " %s vexfs rw", guest_mnt);
	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, want) != NULL;
	if (f)
		fclose(f);
	return found;
}

static bool writable(void)
{
	return rw() && !touch("writable");
}

static void mount_it(const char *opts)
{
	if (guest_mount(opts))
		ktap_bail("mount %s", opts);
}

static void unmount_it(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
}

static void drop_caches(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || write(fd, "3", 1) != 1)
		ktap_bail("drop_caches");
	close(fd);
}

/* The superblock as it is on disk. */
static void read_super(struct vexfs_super_block *sb)
{
	int fd = open(cut_under, O_RDONLY | O_DIRECT);
	char *b;

	if (posix_memalign((void **)&b, 4096, 4096) || fd < 0 || pread(fd, b, 4096, 0) != 4096)
		ktap_bail("read the superblock");
	memcpy(sb, b + VEXFS_SB_OFFSET, sizeof(*sb));
	free(b);
	close(fd);
}

static unsigned int recorded(void)
{
	struct vexfs_super_block sb;

	read_super(&sb);
	return sb.s_error_count;
}

/* Bytes into the disk of the first structure that @match accepts, looked for at every
 * @step bytes outside the journal. Not mounted. */
static off_t find(unsigned int step, bool (*match)(const void *p, off_t at, uint64_t ino), uint64_t ino)
{
	struct vexfs_super_block sb;
	int fd = open(cut_under, O_RDONLY | O_DIRECT);
	off_t pos;
	char *b;

	read_super(&sb);
	if (posix_memalign((void **)&b, 4096, 4096) || fd < 0)
		ktap_bail("open %s", cut_under);
	for (pos = 4096; pread(fd, b, 4096, pos) == 4096; pos += 4096) {
		uint64_t blk = (uint64_t)pos / 4096;

		if (blk >= sb.s_journal_start && blk < sb.s_journal_start + sb.s_journal_blocks)
			continue;
		for (unsigned int i = 0; i < 4096; i += step)
			if (match(b + i, pos, ino)) {
				close(fd);
				free(b);
				return pos + i;
			}
	}
	ktap_bail("nothing of inode %llu on the disk", (unsigned long long)ino);
}

static bool is_leaf(const void *p, off_t at, uint64_t ino)
{
	const struct vexfs_mdhdr *h = p;

	return h->h_magic == VEXFS_MAGIC_DIR && h->h_blkno == (uint64_t)at / 4096 && h->h_owner == ino;
}

static bool is_inode(const void *p, off_t at, uint64_t ino)
{
	const struct vexfs_inode *di = p;

	(void)at;
	return di->i_magic == VEXFS_INODE_MAGIC && di->i_ino == ino && di->i_mode;
}

static void fresh(void)
{
	int fd = open(guest_disk, O_RDWR);
	char cmd[400];

	/* Takes note of what an earlier test has made fail; mkfs would be told. */
	fsync(fd);
	close(fd);
	/* The size whatever the disk has: which inodes share a block depends on it. */
	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f -- %s 67108864", guest_disk);
	if (guest_run(cmd))
		ktap_bail("mkfs");
	mount_it("");
	if (mkdir(at("a"), 0755) || mkdir(at("b"), 0755) || touch("b/x") || touch("x1") || touch("x2"))
		ktap_bail("make files");
	/* Enough inodes that b/last does not share a block with a directory. */
	for (int i = 0; i < 200; i++) {
		char name[200];

		snprintf(name, sizeof(name), "a/%0100d", i);
		if (touch(name))
			ktap_bail("make %s", name);
	}
	if (touch("b/last"))
		ktap_bail("make b/last");
	unmount_it();
}

static uint64_t inode_of(const char *name)
{
	struct stat st;

	mount_it("");
	if (stat(at(name), &st))
		ktap_bail("stat %s", name);
	unmount_it();
	return st.st_ino;
}

static void test_directory(void)
{
	off_t leaf;
	int one, two, three;

	fresh();
	leaf = find(4096, is_leaf, inode_of("a"));
	mount_it("");
	cut_block(leaf);
	guest_forget_messages();
	one = list("a");
	two = fill("a/new");
	three = fill("b/new");
	ktap(one == -EIO && two == -EIO && !three && writable(),
	     "a directory block that cannot be read: ls %d, create %d, elsewhere %d, still writable", one,
	     two, three);
	ktap(guest_said("metadata read failed") > 0, "it is in the log");
	cut_restore();
	ktap(!list("a") && !fill("a/again"), "readable again: the directory works");
	unmount_it();
	ktap(!recorded() && !guest_fsck(), "nothing is recorded as damage, fsck finds nothing");
}

/* Inodes share a block; those in it cannot be looked at, all else can. */
static void test_inodes(void)
{
	struct stat st;
	off_t where;
	int err;

	fresh();
	where = find(VEXFS_INODE_SIZE, is_inode, inode_of("b/last"));
	mount_it("");
	cut_block(where);
	err = stat(at("b/last"), &st) ? -errno : 0;
	ktap(err == -EIO && writable(), "an inode that cannot be read: stat %d, still writable", err);
	cut_restore();
	ktap(!stat(at("b/last"), &st), "readable again: the inode is there");
	unmount_it();
	ktap(!recorded() && !guest_fsck(), "nothing is recorded, fsck finds nothing");
}

/* Nor can a new one get a place among them: known before anything has changed. */
static void test_new_inode(void)
{
	char name[200];
	off_t where;
	int err;

	fresh();
	where = find(VEXFS_INODE_SIZE, is_inode, inode_of("b/last"));
	snprintf(name, sizeof(name), "a/%0100d", 199);
	mount_it("");
	if (unlink(at(name)))		/* the inode before b/last */
		ktap_bail("unlink");
	unmount_it();
	mount_it("");
	cut_block(where);
	err = touch("new");
	ktap(err == -EIO && rw() && access(at("new"), F_OK), "a new inode whose block cannot be read: create %d, still writable",
	     err);
	cut_restore();
	ktap(!touch("new"), "readable again: it is made");
	unmount_it();
	ktap(!recorded() && !guest_fsck(), "nothing is recorded, fsck finds nothing");
}

/* Writes fail, reads work. The journal gives up; nothing can be recorded. */
static void test_writes(void)
{
	int first, again = 0;

	fresh();
	mount_it("");
	guest_forget_messages();
	cut_writes();
	touch("lost");
	first = open(at("lost"), O_RDONLY);
	fsync(first);
	close(first);
	for (int i = 0; i < 20; i++)
		again += touch("more") != -EROFS;
	ktap(!again && !writable(), "metadata that cannot be written: read-only");
	ktap(guest_said("now read-only") == 1 && guest_said("journal was stopped") == 1 && !guest_said("inode 0"),
	     "which is said once (%d, %d)", guest_said("now read-only"), guest_said("journal was stopped"));
	cut_restore();
	guest_forget_messages();
	for (int i = 0; i < 20; i++) {
		drop_caches();
		touch("more");
		list("a");
	}
	ktap(!guest_said("vexfs"), "a stopped journal is quiet");
	unmount_it();
	ktap(recorded() <= 1, "and is recorded once at most (%u)", recorded());
	mount_it("");
	ktap(writable(), "the next mount is writable");
	unmount_it();
	ktap(!guest_fsck(), "fsck finds nothing");
}

/* Damage the inode of a file on disk. Not mounted. */
static void damage(const char *name)
{
	off_t where = find(VEXFS_INODE_SIZE, is_inode, inode_of(name));
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke %ld:%ld=ffff %s >/dev/null", (long)where / 4096,
		 (long)where % 4096, guest_disk);
	if (guest_run(cmd))
		ktap_bail("%s", cmd);
}

/* The record is made by a worker. */
static bool said_within(const char *text, int times)
{
	for (int i = 0; i < 300; i++) {
		if (guest_said(text) >= times)
			return true;
		usleep(100000);
	}
	return false;
}

/* The superblock itself cannot be written, twice: no warning of the kernel's. */
static void test_record(void)
{
	struct stat st;
	int one, two;
	bool said_one, said_two;

	fresh();
	damage("x1");
	damage("x2");
	mount_it("");
	cut_writes();
	guest_forget_messages();
	one = stat(at("x1"), &st) ? -errno : 0;
	said_one = said_within("could not be recorded", 1);
	two = stat(at("x2"), &st) ? -errno : 0;
	said_two = said_within("could not be recorded", 2);
	ktap(one == -EUCLEAN && two == -EUCLEAN && said_one && said_two,
	     "two errors that cannot be recorded: %d, %d", one, two);
	unmount_it();
	cut_restore();
}

/* ---- payload ------------------------------------------------------------------------ */

#define VDIM	1024		/* a vector fills a block */
#define SDIM	64		/* sixteen to a block */

static bool is_vector(const void *p, off_t pos, uint64_t seed, uint32_t dim)
{
	static float v[VDIM];

	(void)pos;
	vg_vector(seed, dim, v);
	return !memcmp(p, v, dim * sizeof(v[0]));
}

static bool is_large(const void *p, off_t pos, uint64_t seed)
{
	return is_vector(p, pos, seed, VDIM);
}

static bool is_small(const void *p, off_t pos, uint64_t seed)
{
	return is_vector(p, pos, seed, SDIM);
}

static int vset(int fd, uint32_t dim, uint64_t seed)
{
	return vg_set(fd, "c", VEXFS_IOC_F32, dim, 0, seed);
}

static int vget(int fd, uint32_t dim, uint64_t seed)
{
	return vg_compare(fd, "c", VEXFS_IOC_F32, dim, 0, seed);
}

static int synced(int fd)
{
	return fsync(fd) ? -errno : 0;
}

/* What /proc/self/mountstats counts. */
static long counted(void)
{
	char line[1024], *at;
	long n = -1;
	FILE *f = fopen("/proc/self/mountstats", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, guest_mnt) && (at = strstr(line, "lost_embeddings=")))
			n = atol(at + strlen("lost_embeddings="));
	if (f)
		fclose(f);
	return n;
}

static void open_pair(uint32_t dim, int *kept, int *lost)
{
	fresh();
	mount_it("");
	if (vg_collection("c", dim, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	*kept = vg_file("kept", 0644);
	*lost = vg_file("lost", 0644);
	if (vset(*kept, dim, 11) || vset(*lost, dim, 12) || fsync(*kept) || fsync(*lost))
		ktap_bail("set");
}

static void close_pair(int kept, int lost)
{
	cut_restore();
	close(kept);
	close(lost);
	unmount_it();
	ktap(!recorded() && !guest_fsck(), "nothing is recorded, fsck finds nothing");
}

/* The block that the next vector goes to cannot be written: that vector is lost, its file's
 * fsync says so, and all else works, the collection included. */
static void test_payload(void)
{
	int kept, lost, set, told, others, got;
	off_t where;

	open_pair(VDIM, &kept, &lost);
	where = find(4096, is_large, 12);
	if (vexfs_embedding_del(lost, "c", 0) || fsync(lost))
		ktap_bail("delete");
	cut_block(where);
	guest_forget_messages();
	set = vset(lost, VDIM, 13);
	told = synced(lost);
	others = synced(kept);
	got = vget(lost, VDIM, 13);
	ktap(!set && told == -EIO && !others && got == -ENODATA,
	     "a vector that cannot be written: set %d, fsync %d, get %d; the other file's fsync %d", set, told,
	     got, others);
	ktap(writable() && !vget(kept, VDIM, 11) && vg_live("c") == 1 && guest_said("is lost") == 1 && counted() == 1,
	     "that is all that is lost; it is in the log (%d) and counted (%ld)", guest_said("is lost"), counted());
	set = vset(lost, VDIM, 14);
	told = synced(lost);
	ktap(!set && !told && !vget(lost, VDIM, 14), "set again: it goes elsewhere (%d, %d)", set, told);
	close_pair(kept, lost);
	mount_it("");
	lost = open(at("lost"), O_RDONLY);
	ktap(!vget(lost, VDIM, 14), "and the next mount has it");
	close(lost);
	unmount_it();
}

/* Of the vectors in a block, those that are on the disk stay. syncfs, and a set on a mount
 * that syncs, return the error too. */
static void test_neighbours(void)
{
	int kept, lost, set, told, root;

	open_pair(SDIM, &kept, &lost);
	root = vg_root();
	cut_block_writes(find(SDIM * 4, is_small, 12));
	set = vset(lost, SDIM, 13);
	told = syncfs(root) ? -errno : 0;
	ktap(!set && told == -EIO && vget(lost, SDIM, 13) == -ENODATA && !vget(kept, SDIM, 11) && writable(),
	     "a neighbour in the block is kept: set %d, syncfs %d", set, told);
	close(root);
	cut_restore();
	if (vset(lost, SDIM, 15) || (fsync(lost), fsync(lost)))
		ktap_bail("set again");
	cut_block_writes(find(SDIM * 4, is_small, 15));
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_SYNCHRONOUS, NULL))
		ktap_bail("remount sync");
	set = vset(lost, SDIM, 16);
	ktap(set == -EIO && !vget(kept, SDIM, 11), "a set that is synchronous fails itself: %d", set);
	close_pair(kept, lost);
}

/* A vector that cannot be read is an error of who wants it; a search finds the others. */
static void test_unreadable(void)
{
	static float query[VDIM];
	static struct vg_search g;
	int kept, lost, got, err, root;
	off_t where;

	open_pair(VDIM, &kept, &lost);
	where = find(4096, is_large, 12);
	close_pair(kept, lost);
	mount_it("");
	cut_block(where);
	kept = open(at("kept"), O_RDONLY);
	lost = open(at("lost"), O_RDONLY);
	got = vget(lost, VDIM, 12);
	vg_vector(12, VDIM, query);
	root = vg_root();
	err = vg_run(&g, root, "c", query, VDIM, 5, 0);
	close(root);
	ktap(got == -EIO && !vget(kept, VDIM, 11) && writable(), "a vector that cannot be read: get %d", got);
	ktap(!err && g.s.found == 1 && (g.s.reply & VEXFS_REPLY_INCOMPLETE), "a search: %d, %u found, reply %#x",
	     err, g.s.found, g.s.reply);
	close_pair(kept, lost);
}

/* A block with room that cannot be read does not keep a collection from being filled. */
static void test_room(void)
{
	int kept, lost, set, told, got;
	off_t where;

	open_pair(SDIM, &kept, &lost);
	where = find(SDIM * 4, is_small, 12);
	close_pair(kept, lost);
	mount_it("");
	cut_block(where);
	kept = open(at("kept"), O_RDWR);
	lost = open(at("lost"), O_RDWR);
	set = vset(lost, SDIM, 17);
	told = synced(lost);
	got = vget(lost, SDIM, 17);
	ktap(!set && !told && !got && vget(kept, SDIM, 11) == -EIO && writable(),
	     "room in a block that cannot be read: set %d, fsync %d, get %d", set, told, got);
	close_pair(kept, lost);
}

int main(void)
{
	guest_setup();
	ktap_plan(32);
	if (!cut_setup())
		ktap_bail("no device-mapper");
	test_directory();
	test_inodes();
	test_new_inode();
	test_payload();
	test_neighbours();
	test_unreadable();
	test_room();
	test_writes();
	test_record();
	cut_remove();
	return ktap_exit();
}
