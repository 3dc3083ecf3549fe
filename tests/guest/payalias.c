// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * A block is metadata or payload, whatever the image says. Here the slots of a
 * collection are mapped onto the leaf of a directory, under right checksums:
 * otherwise any user with one writable file could write a directory's block
 * while the kernel walks it.
 */
#include <dirent.h>
#include "core/block.h"
#include "tests/guest/vecguest.h"

#define COLL	"alias"
#define DIM	4096	/* of int8: a vector is a block */
#define FILES	30
#define SLOTS	8	/* mapped onto the one block */

static uint64_t leaf_block;
static unsigned char leaf[4096];

static void block_io(uint64_t blkno, void *buf, bool write)
{
	int fd = open(guest_disk, write ? O_RDWR : O_RDONLY);
	off_t at = (off_t)blkno * 4096;

	if (fd < 0 || (write ? pwrite(fd, buf, 4096, at) : pread(fd, buf, 4096, at)) != 4096 ||
	    (write && fsync(fd)))
		ktap_bail("block %llu", (unsigned long long)blkno);
	close(fd);
}

/* The disk, unmounted: the payload file's first slots lead to the directory's leaf. */
static void craft(ino_t dir)
{
	unsigned char sb[4096], b[4096];
	struct vexfs_collection *rec = (void *)(b + VEXFS_MDHDR_SIZE);
	struct vexfs_inode *di;
	struct vexfs_geo geo = { 0 };
	uint64_t payload;

	block_io(0, sb, false);
	vexfs_geo_init(&geo, (void *)(sb + VEXFS_SB_OFFSET));
	/* The first descriptor block is enough: a test disk has few groups. */
	block_io(1, b, false);
	geo.place = calloc(geo.groups, sizeof(*geo.place));
	if (!geo.place || geo.gdt_blocks != 1)
		ktap_bail("%u groups", geo.groups);
	vexfs_places_set(&geo, 0, b);
	block_io(vexfs_ino_block(&geo, dir), b, false);
	di = (void *)(b + vexfs_ino_offset(&geo, dir));
	leaf_block = di->i_root.r_recs[0].val;
	block_io(leaf_block, leaf, false);
	block_io(geo.coll_start, b, false);
	payload = rec->c_payload_ino;
	block_io(vexfs_ino_block(&geo, payload), b, false);
	di = (void *)(b + vexfs_ino_offset(&geo, payload));
	memset(di->i_root.r_recs, 0, sizeof(di->i_root.r_recs));
	di->i_root.r_count = SLOTS;
	for (uint64_t i = 0; i < SLOTS; i++) {
		di->i_root.r_recs[i].key = i;
		di->i_root.r_recs[i].val = leaf_block | 1ULL << 44;	/* one block long */
	}
	vexfs_inode_seal(di);
	block_io(vexfs_ino_block(&geo, payload), b, true);
	ktap_note("directory %llu has its leaf in block %llu, and so have %d slots", (unsigned long long)dir,
		  (unsigned long long)leaf_block, SLOTS);
	free(geo.place);
}

static int list(void)
{
	char p[300];
	int n = 0;
	DIR *d;

	snprintf(p, sizeof(p), "%s/d", guest_mnt);
	d = opendir(p);
	errno = 0;
	while (d && readdir(d))
		n++;
	if (!d || errno) {
		n = -errno;
		ktap_note("listing: %s", strerror(errno));
	}
	if (d)
		closedir(d);
	return n;
}

static void mount_again(void)
{
	if (guest_mount("errors=continue"))
		ktap_bail("mount");
}

static int set_one(uint32_t chunk)
{
	char p[300];
	int fd, err;

	snprintf(p, sizeof(p), "%s/mine", guest_mnt);
	fd = open(p, O_RDWR);
	err = vg_set(fd, COLL, VEXFS_IOC_I8, DIM, chunk, chunk + 1);
	close(fd);
	return err;
}

static void prepare(void)
{
	struct stat st;
	char p[300];

	vg_fresh("");
	if (vg_collection(COLL, DIM, VEXFS_IOC_I8, VEXFS_IOC_L2))
		ktap_bail("collection");
	vg_mkdir("d", 0755);
	for (int i = 0; i < FILES; i++) {
		snprintf(p, sizeof(p), "d/file%d", i);
		close(vg_file(p, 0644));
	}
	close(vg_file("mine", 0666));
	if (set_one(0))
		ktap_bail("first set");
	snprintf(p, sizeof(p), "%s/d", guest_mnt);
	if (stat(p, &st) || umount(guest_mnt))
		ktap_bail("stat, umount");
	craft(st.st_ino);
}

/* The directory is in use: nothing is set, nothing of it changes. */
static void test_directory_first(void)
{
	unsigned char now[4096];
	int err = 0, n;

	mount_again();
	n = list();
	for (uint32_t c = 1; c < 4; c++)
		err = err ? err : set_one(c) == -EUCLEAN ? 0 : 1;
	ktap(n > 0 && !err, "a set into a directory's block is refused as damage");
	ktap(list() == n, "the directory lists as before");
	if (umount(guest_mnt))
		ktap_bail("umount");
	block_io(leaf_block, now, false);
	ktap(!memcmp(now, leaf, sizeof(now)), "its block is as it was");
}

/* The slot is in use: the directory cannot be read meanwhile. */
static void test_payload_first(void)
{
	int set, n;

	mount_again();
	set = set_one(5);
	n = list();
	ktap(!set && n == -EUCLEAN, "a directory whose block holds an embedding is refused as damage (set %d, list %d)",
	     set, n);
	umount(guest_mnt);
}

/* No false alarm: blocks of a dropped collection become directories, and the other way round. */
static int reuse_round(void)
{
	char p[300];
	int bad = 0, fd = vg_file("many", 0644), root = vg_root();

	bad += vg_collection("again", DIM, VEXFS_IOC_I8, VEXFS_IOC_L2) != 0;
	for (uint32_t c = 0; c < 1500; c++)
		bad += vg_set(fd, "again", VEXFS_IOC_I8, DIM, c, c) != 0;
	fsync(fd);
	close(fd);
	bad += vexfs_collection_drop(root, "again") != 0;
	close(root);
	sync();
	for (int i = 0; i < 1500; i++) {
		snprintf(p, sizeof(p), "%s/sub%d", guest_mnt, i);
		bad += mkdir(p, 0755) != 0;
		snprintf(p, sizeof(p), "sub%d/f", i);
		close(vg_file(p, 0644));
	}
	sync();
	for (int i = 0; i < 1500; i++) {
		snprintf(p, sizeof(p), "%s/sub%d/f", guest_mnt, i);
		bad += unlink(p) != 0;
		snprintf(p, sizeof(p), "%s/sub%d", guest_mnt, i);
		bad += rmdir(p) != 0;
	}
	sync();
	return bad;
}

static void test_reuse(void)
{
	int bad = 0;

	vg_fresh("");
	for (int i = 0; i < 3; i++)
		bad += reuse_round();
	ktap(!bad && !umount(guest_mnt) && !guest_fsck(),
	     "blocks change between payload and directories without a false alarm");
}

int main(void)
{
	guest_setup();
	ktap_plan(5);
	prepare();
	test_directory_first();
	prepare();
	test_payload_first();
	test_reuse();
	return ktap_exit();
}
