// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=512M time=400 slice
 *
 * What fsck.vexfs -y has repaired, the kernel takes: a filesystem that it made is damaged under right checksums (or
 * wrong ones), repaired, and mounted. The tree is what it was, but for what the case says; it can be changed, and
 * the kernel has nothing to say. Afterwards fsck finds nothing.
 */
#include <sys/xattr.h>

#include "core/coll.h"
#include "core/extent.h"
#include "lib/image.h"
#include "tests/guest/vecguest.h"

#define FILES	60
#define DIM	24

static struct vexfs_dev dev;
static struct vexfs_image img;
static uint64_t ino[FILES], dir_ino;

/* ---- the tree ------------------------------------------------------------------------- */

static const char *name_of(int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "d%d/file-%d", i % 3, i);
	return name;
}

static void content(int i, char *buf, size_t size)
{
	for (size_t k = 0; k < size; k++)
		buf[k] = (char)(i * 7 + (int)k * 13 + (int)(k >> 9));
}

static void make_file(int i)
{
	char buf[20000], big[2000];
	size_t size = 100 + (size_t)i * 300;
	int fd = open(guest_at(name_of(i)), O_CREAT | O_RDWR, 0644);
	struct stat st;

	content(i, buf, size);
	memset(big, 'x', sizeof(big));
	if (fd < 0 || write(fd, buf, size) != (ssize_t)size || fstat(fd, &st) ||
	    fsetxattr(fd, "user.small", "value", 5, 0) || fsetxattr(fd, "user.big", big, 1500, 0))
		ktap_bail("file %d", i);
	ino[i] = st.st_ino;
	if (i % 2 == 0 && vg_set(fd, "words", VEXFS_IOC_F32, DIM, 0, (uint64_t)i))
		ktap_bail("embedding %d", i);
	close(fd);
}

static void populate(void)
{
	struct stat st;

	vg_fresh("");
	if (vg_collection("words", DIM, VEXFS_IOC_F32, VEXFS_IOC_COSINE))
		ktap_bail("collection");
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "d%d", i);
		vg_mkdir(name, 0755);
	}
	for (int i = 0; i < FILES; i++)
		make_file(i);
	if (link(guest_at("d0/file-0"), guest_at("d1/again")) || symlink("file-1", guest_at("d1/link")) ||
	    stat(guest_at("d1"), &st))
		ktap_bail("names");
	dir_ino = st.st_ino;
	if (umount(guest_mnt))
		ktap_bail("umount");
}

/* What a case may cost. */
enum { NOTHING = 0, EMBEDDINGS = 1, ATTRIBUTES = 2, NAMES = 4, MODE = 8 };

static bool file_there(int i, int cost)
{
	char buf[20000], want[20000], value[16];
	size_t size = 100 + (size_t)i * 300;
	int fd = open(guest_at(name_of(i)), O_RDWR);
	struct stat st;
	bool ok;

	if (fd < 0)
		return cost & NAMES;
	content(i, want, size);
	ok = !fstat(fd, &st) && st.st_ino == ino[i] && st.st_size == (off_t)size &&
	     read(fd, buf, sizeof(buf)) == (ssize_t)size && !memcmp(buf, want, size) &&
	     ((cost & MODE) || (st.st_mode & 07777) == 0644) && ((cost & NAMES) || st.st_nlink == (i ? 1 : 2));
	if (ok && !(cost & ATTRIBUTES))
		ok = fgetxattr(fd, "user.small", value, sizeof(value)) == 5 && fgetxattr(fd, "user.big", NULL, 0) == 1500;
	if (ok && i % 2 == 0 && !(cost & EMBEDDINGS))
		ok = !vg_compare(fd, "words", VEXFS_IOC_F32, DIM, 0, (uint64_t)i);
	close(fd);
	return ok;
}

static bool tree_there(int cost)
{
	int bad = 0;

	for (int i = 0; i < FILES; i++)
		if (!file_there(i, cost)) {
			ktap_note("file %d is not what it was", i);
			bad++;
		}
	return !bad;
}

/* It can be changed: names, content, attributes, embeddings. */
static bool change(int cost)
{
	int fd = open(guest_at("new"), O_CREAT | O_RDWR, 0644);
	bool ok = fd >= 0 && write(fd, "new", 3) == 3 && !fsetxattr(fd, "user.small", "n", 1, 0);

	if (ok && vg_live("words") >= 0)
		ok = !vg_set(fd, "words", VEXFS_IOC_F32, DIM, 0, 999);
	if (fd >= 0)
		close(fd);
	for (int i = 0; ok && i < FILES; i += 5)
		ok = !unlink(guest_at(name_of(i))) || (cost & NAMES);
	return ok && !mkdir(guest_at("d2/sub"), 0755) && !rename(guest_at("new"), guest_at("d2/sub/new"));
}

/* ---- damage ----------------------------------------------------------------------------- */

static void image_open(void)
{
	const char *what = NULL;

	if (vexfs_dev_open(&dev, guest_disk, O_RDWR) || vexfs_image_open(&img, &dev, VEXFS_IMAGE_RW, &what))
		ktap_bail("%s: %s", guest_disk, what ? what : "cannot be opened");
}

static void image_close(void)
{
	if (vexfs_image_flush(&img))
		ktap_bail("writing the damage");
	vexfs_image_close(&img);
	vexfs_dev_close(&dev);
}

static u8 *pin(u64 blkno, struct vexfs_blk *b)
{
	if (vexfs_image_get(&img, blkno, b))
		ktap_bail("block %llu", (unsigned long long)blkno);
	return b->data;
}

static void put(struct vexfs_blk *b, bool seal)
{
	vexfs_image_dirty(&img, b, seal);
	img.io.ops->put(&img.io, b);
}

static struct vexfs_inode *pin_inode(u64 n, struct vexfs_blk *b)
{
	struct vexfs_inode *di;

	if (vexfs_image_inode(&img, n, b, &di))
		ktap_bail("inode %llu", (unsigned long long)n);
	return di;
}

#define EDIT_INODE(n, ...) do { \
	struct vexfs_blk b_; \
	struct vexfs_inode *di = pin_inode(n, &b_); \
	__VA_ARGS__; \
	vexfs_inode_seal(di); \
	put(&b_, false); \
} while (0)

static void flip(u64 blkno, u32 off)
{
	struct vexfs_blk b;

	pin(blkno, &b)[off] ^= 1;
	put(&b, false);
}

static void inode_fields(void)
{
	EDIT_INODE(ino[4], di->i_reserved[3] = 1; di->i_blocks = cpu_to_le64(77));
	EDIT_INODE(ino[6], di->i_nlink = cpu_to_le32(9));
}

static void inode_checksum(void)
{
	flip(vexfs_ino_block(&img.geo, ino[5]), vexfs_ino_offset(&img.geo, ino[5]) + 4);
}

static void super_state(void)
{
	struct vexfs_blk b;
	struct vexfs_super_block *sb = (void *)(pin(0, &b) + VEXFS_SB_OFFSET);

	sb->s_state = cpu_to_le32(6);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	put(&b, false);
}

static void bitmaps(void)
{
	struct vexfs_blk b;

	memset(pin(vexfs_group_bbmap(&img.geo, 0), &b) + VEXFS_MDHDR_SIZE, 0, 1000);
	put(&b, true);
	memset(pin(vexfs_group_ibmap(&img.geo, 0), &b) + VEXFS_MDHDR_SIZE, 0, 8);
	put(&b, true);
}

static void directory(void)
{
	struct vexfs_blk b;
	u64 leaf = le64_to_cpu(pin_inode(dir_ino, &b)->i_root.r_recs[0].val);

	put(&b, false);
	flip(leaf, 200);
}

static u64 attributes_of(int i)
{
	struct vexfs_blk b;
	u64 blkno = le64_to_cpu(pin_inode(ino[i], &b)->i_xattr_block);

	put(&b, false);
	return blkno;
}

static void attribute_count(void)
{
	struct vexfs_blk b;

	((struct vexfs_mdhdr *)pin(attributes_of(8), &b))->h_count = cpu_to_le16(9);
	put(&b, true);
}

static void attribute_checksum(void) { flip(attributes_of(8), 300); }

static struct vexfs_collection *pin_coll(struct vexfs_blk *b)
{
	return (void *)(pin(img.geo.coll_start, b) + VEXFS_MDHDR_SIZE);
}

static void coll_fields(void)
{
	struct vexfs_blk b;

	pin_coll(&b)->c_flags = cpu_to_le16(5);
	memset(&pin_coll(&b)->c_map, 0, sizeof(struct vexfs_btree_root));
	put(&b, true);
}

static void coll_checksum(void) { flip(img.geo.coll_start, 4000); }

/* The record does not know what vectors are. */
static void coll_dim(void)
{
	struct vexfs_blk b;

	pin_coll(&b)->c_dim = 0;
	put(&b, true);
}

static u64 block_of(u64 n, u64 lblk)
{
	struct vexfs_blk b;
	struct vexfs_btree_root root = pin_inode(n, &b)->i_root;
	struct vexfs_tree t = { .io = &img.io, .root = &root, .owner = n, .leaf_magic = VEXFS_MAGIC_NODE };
	struct vexfs_extent e;

	put(&b, false);
	if (vexfs_ext_find(&t, lblk, &e) || !e.pblk)
		ktap_bail("inode %llu has no block %llu", (unsigned long long)n, (unsigned long long)lblk);
	return e.pblk + (lblk - e.lblk);
}

static u64 coll_file(enum vexfs_coll_file which)
{
	struct vexfs_blk b;
	u64 n = vexfs_coll_file_ino(pin_coll(&b), which);

	put(&b, true);
	return n;
}

static void slot_fields(void)
{
	struct vexfs_blk b;
	struct vexfs_slot *v = (void *)(pin(block_of(coll_file(VEXFS_COLL_SLOTS), 0), &b) + VEXFS_MDHDR_SIZE);

	v[2].v_flags = 3;
	v[3].v_stamp = v[4].v_stamp;
	put(&b, true);
}

static void slot_checksum(void) { flip(block_of(coll_file(VEXFS_COLL_SLOTS), 0), 999); }
static void payload(void) { flip(block_of(coll_file(VEXFS_COLL_PAYLOAD), 0), 10); }

static void code_file(void)
{
	struct vexfs_blk b;

	vexfs_coll_file_set_ino(pin_coll(&b), VEXFS_COLL_CODE, ino[7]);
	put(&b, true);
}

/* ---- the cases -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void	(*make)(void);
	int	cost;
} cases[] = {
	{ "fields of inodes", inode_fields, NOTHING },
	{ "checksum of an inode", inode_checksum, MODE },
	{ "a field of the superblock", super_state, NOTHING },
	{ "bits of the bitmaps", bitmaps, NOTHING },
	{ "a leaf of a directory", directory, NAMES },
	{ "the count of a block of attributes", attribute_count, NOTHING },
	{ "the checksum of a block of attributes", attribute_checksum, ATTRIBUTES },
	{ "fields and map of a collection", coll_fields, NOTHING },
	{ "the checksum of the collection table", coll_checksum, NOTHING },
	{ "the dimension of a collection", coll_dim, EMBEDDINGS },
	{ "fields of slots", slot_fields, NOTHING },
	{ "the checksum of a block of slots", slot_checksum, EMBEDDINGS },
	{ "a vector", payload, EMBEDDINGS },
	{ "the code file of a collection", code_file, NOTHING },
};

static int repair(void)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "fsck.vexfs -y %s >/dev/null", guest_disk);
	return guest_run(cmd);
}

static bool mounts_and_works(int cost)
{
	bool ok;

	guest_forget_messages();
	if (guest_mount(""))
		return false;
	ok = tree_there(cost) && change(cost);
	if (umount(guest_mnt))
		ktap_bail("umount");
	return ok;
}

static void run(size_t i)
{
	const char *name = cases[i].name;

	populate();
	image_open();
	cases[i].make();
	image_close();
	ktap(repair() == 1, "%s: repaired", name);
	ktap(mounts_and_works(cases[i].cost), "%s: the tree is there, and can be changed", name);
	ktap(!guest_said("vexfs.*corrupt\\|vexfs.*error\\|WARNING\\|BUG"), "%s: the kernel says nothing", name);
	ktap(!guest_fsck(), "%s: nothing is left", name);
}

int main(void)
{
	size_t n = sizeof(cases) / sizeof(cases[0]);

	guest_setup();
	ktap_plan((int)n * 4);
	for (size_t i = 0; i < n; i++)
		run(i);
	return ktap_exit();
}
