// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * Collections are brought in when they are needed: a mount reads as much with many
 * embeddings as with few, a damaged or unreadable slot table is an error of the
 * collection's users only, and what is deleted before anybody has set or searched
 * is gone, and its slots used again no sooner than they may be.
 */
#include <sys/ioctl.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"
#include "vexfs/ondisk.h"

#define DIM	8
#define FILES	20
#define CHUNKS	40		/* more than a block of the slot table */
#define SEED(f, c) ((uint64_t)(f) * 1000 + (c) + 1)

static char *at(unsigned int f)
{
	static char p[2][600];
	static int turn;

	turn = !turn;
	snprintf(p[turn], sizeof(p[turn]), "%s/f%u", guest_mnt, f);
	return p[turn];
}

static int open_file(unsigned int f)
{
	int fd = open(at(f), O_RDWR);

	if (fd < 0)
		ktap_bail("open %s", at(f));
	return fd;
}

static int set(const char *coll, unsigned int f, uint32_t chunk, uint64_t seed)
{
	int fd = open_file(f), err = vg_set(fd, coll, VEXFS_IOC_F32, DIM, chunk, seed);

	close(fd);
	return err;
}

static int get(unsigned int f, uint32_t chunk)
{
	int fd = open_file(f), err = vg_compare(fd, "c", VEXFS_IOC_F32, DIM, chunk, SEED(f, chunk));

	close(fd);
	return err;
}

/* Chunks of a file that are as they were set. */
static unsigned int intact(unsigned int f)
{
	unsigned int n = 0;

	for (uint32_t c = 0; c < CHUNKS; c++)
		n += !get(f, c);
	return n;
}

static int search(void)
{
	static struct vg_search g;
	static float q[DIM];
	int root = vg_root(), err;

	vg_vector(1, DIM, q);
	err = vg_run(&g, root, "c", q, DIM, 3, 0);
	close(root);
	return err;
}

static void unmount_it(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
}

static void mount_it(const char *opts)
{
	if (guest_mount(opts))
		ktap_bail("mount %s", opts);
}

static void make(unsigned int files)
{
	int fd = open(guest_disk, O_RDWR);

	/* Takes note of what an earlier test has made fail; mkfs would be told. */
	fsync(fd);
	close(fd);
	vg_fresh("");
	if (vg_collection("c", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2) ||
	    vg_collection("other", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	for (unsigned int f = 0; f < FILES; f++) {
		close(vg_file(strrchr(at(f), '/') + 1, 0644));
		for (uint32_t c = 0; c < CHUNKS && f < files; c++)
			if (set("c", f, c, SEED(f, c)))
				ktap_bail("set %u.%u", f, c);
	}
	unmount_it();
}

static unsigned long sectors_read(void)
{
	unsigned long n = 0;
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/block/%s/stat", strrchr(guest_disk, '/') + 1);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%*u %*u %lu", &n) != 1)
		ktap_bail("%s", path);
	fclose(f);
	return n;
}

static unsigned long mount_reads(void)
{
	unsigned long before = sectors_read();

	mount_it("");
	before = sectors_read() - before;
	unmount_it();
	return before;
}

/* Where the block of the slot table that has embeddings of inode @ino is. Not mounted. */
static off_t table_block(uint64_t ino)
{
	const struct vexfs_slot *s;
	const struct vexfs_mdhdr *h;
	int fd = open(cut_under, O_RDONLY | O_DIRECT);
	off_t pos;
	char *b;

	if (posix_memalign((void **)&b, 4096, 4096) || fd < 0)
		ktap_bail("open %s", cut_under);
	h = (const void *)b;
	s = (const void *)(b + VEXFS_MDHDR_SIZE);
	for (pos = 0; pread(fd, b, 4096, pos) == 4096; pos += 4096) {
		if (h->h_magic != VEXFS_MAGIC_SLOT || h->h_blkno != (uint64_t)pos / 4096)
			continue;
		for (int i = 0; i < VEXFS_SLOTS_PER_BLOCK; i++)
			if (s[i].v_ino == ino && s[i].v_state == VEXFS_SLOT_LIVE) {
				close(fd);
				free(b);
				return pos;
			}
	}
	ktap_bail("no slot of inode %llu on the disk", (unsigned long long)ino);
}

static uint64_t inode_of(unsigned int f)
{
	struct stat st;

	mount_it("");
	if (stat(at(f), &st))
		ktap_bail("stat %s", at(f));
	unmount_it();
	return st.st_ino;
}

static void poke(off_t where, const char *hex, bool seal)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke %ld:%ld=%s %s %s >/dev/null", (long)where / 4096,
		 (long)where % 4096, hex, seal ? "--seal" : "", guest_disk);
	if (guest_run(cmd))
		ktap_bail("%s", cmd);
}

static int bind(const char *embedder)
{
	struct vexfs_ioc_collection c = { .name = "c", .flags = VEXFS_COLL_EMBEDDER };
	int root = vg_root(), err;

	snprintf((char *)c.embedder.name, sizeof(c.embedder.name), "%s", embedder);
	err = vexfs_collection_change(root, &c);
	close(root);
	return err;
}

static void test_mount(void)
{
	unsigned long few, many;
	int one, two;

	make(1);
	few = mount_reads();
	make(FILES);
	many = mount_reads();
	ktap(few == many, "a mount reads %lu sectors with %d embeddings, %lu with %d", few, CHUNKS, many,
	     FILES * CHUNKS);
	mount_it("");
	ktap(intact(0) == CHUNKS && intact(FILES - 1) == CHUNKS && vg_live("c") == FILES * CHUNKS && !search(),
	     "all of them are there");
	one = bind("one");
	vg_remount();
	two = bind("two");
	ktap(!one && two == -EBUSY, "what is not loaded is not taken for empty: %d, %d", one, two);
	unmount_it();
}

/* One block of the table, of the first file. @how: what its user gets. */
static void users(const char *what, int how, bool live)
{
	int first = get(0, 0), last = get(FILES - 1, CHUNKS - 1), other = set("other", 0, 0, 1);
	int one = search(), two = set("c", 1, 1, SEED(1, 1));

	ktap(first == how && !last && !other && one == how && two == how,
	     "%s: get %d, of another block %d, another collection %d, search %d, set %d", what, first, last,
	     other, one, two);
	ktap((get(FILES - 1, 0) == 0) == live, "... then %s", live ? "the rest can be read" : "none of it is used");
}

static void test_damage(void)
{
	off_t where;

	make(FILES);
	where = table_block(inode_of(0));
	poke(where + VEXFS_MDHDR_SIZE + 50, "ff", false);
	if (system("dmesg -c >/dev/null"))
		ktap_bail("dmesg");
	mount_it("errors=continue");
	ktap(!guest_said("corrupt"), "a damaged slot table: the mount does not notice");
	users("damaged", -EUCLEAN, false);
	unmount_it();
}

static void test_unreadable(void)
{
	off_t where;

	make(FILES);
	where = table_block(inode_of(0));
	mount_it("");
	cut_block(where);
	users("unreadable", -EIO, true);
	cut_restore();
	ktap(!get(0, 0) && !search() && !set("c", 1, 1, SEED(1, 1)), "readable again: all of it works");
	unmount_it();
	ktap(!guest_fsck(), "fsck finds nothing");
}

/* By unlink and by call, of a collection that nobody has used since the mount. */
static void test_delete(void)
{
	unsigned int bad = 0;
	int err, fd;

	make(FILES);
	mount_it("");
	err = unlink(at(0)) || unlink(at(1)) ? -errno : 0;
	fd = open_file(2);
	err = err ? err : vexfs_embedding_del_all(fd, "c");
	close(fd);
	fd = open_file(3);
	err = err ? err : vexfs_embedding_del(fd, "c", 7);
	close(fd);
	ktap(!err && vg_live("c") == (FILES - 3) * CHUNKS - 1, "deleted before anything was loaded: %d", err);
	for (unsigned int f = 4; f < FILES; f++)
		bad += intact(f) != CHUNKS;
	ktap(!bad && intact(3) == CHUNKS - 1, "the others are there");
	unmount_it();
	ktap(!guest_fsck(), "fsck finds nothing");
}

/* Slots freed before the bitmaps exist are not used before their transaction has committed:
 * a crash that undoes the unlink finds the embeddings. */
static void test_crash(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH, bad = 0, left, i;
	int root;

	make(FILES);
	mount_it("");
	sync();
	if (unlink(at(0)))
		ktap_bail("unlink");
	for (i = 0; i < CHUNKS; i++)
		if (set("c", 1, CHUNKS + i, 99 + i))
			ktap_bail("set");
	root = vg_root();
	if (ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(root);
	unmount_it();
	mount_it("");
	left = access(at(0), F_OK) ? 0 : intact(0);
	for (i = 1; i < FILES; i++)
		bad += intact(i) != CHUNKS;
	ktap((left == 0 || left == CHUNKS) && !bad,
	     "a crash after unlink and sets: %u of the removed file, %u files damaged", left, bad);
	unmount_it();
	ktap(!guest_fsck(), "fsck finds nothing");
}

static void test_race(void)
{
	unsigned int bad = 0, round;
	int status;
	pid_t pid;

	for (round = 0; round < 3; round++) {
		make(FILES);
		mount_it("");
		pid = fork();
		if (!pid) {
			for (unsigned int f = 1; f < FILES; f += 2)
				unlink(at(f));
			_exit(0);
		}
		bad += search() != 0;
		bad += set("c", 0, CHUNKS, 5) != 0;
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			ktap_bail("fork");
		bad += vg_live("c") != FILES / 2 * CHUNKS + 1;
		for (unsigned int f = 0; f < FILES; f += 2)
			bad += intact(f) != CHUNKS;
		unmount_it();
		bad += guest_fsck() != 0;
	}
	ktap(!bad, "unlink beside the first search, three times: %u wrong", bad);
}

int main(void)
{
	guest_setup();
	ktap_plan(16);
	if (!cut_setup())
		ktap_bail("no device-mapper");
	test_mount();
	test_damage();
	test_unreadable();
	test_delete();
	test_crash();
	test_race();
	cut_remove();
	return ktap_exit();
}
