// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold of any image: the tools end, with an exit code they document; fsck -n and -p write nothing
 * to what they do not repair; what -y says it has repaired is clean; a second -y writes nothing. Core is used
 * as the kernel uses it, on every inode.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/dir.h"
#include "core/extent.h"
#include "core/links.h"
#include "core/xattr.h"
#include "lib/image.h"
#include "tests/fuzz/image.h"
#include "tools/dump/dump.h"
#include "tools/fsck/fsck.h"

#define MOST_INODES	512

static struct fuzz *at_hand;

int __real_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len);
int __wrap_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len);

/* All that the tools write goes through here; the linker sees to it. */
int __wrap_vexfs_dev_write(const struct vexfs_dev *dev, u64 off, const void *buf, size_t len)
{
	struct fuzz *z = at_hand;
	u64 i, end = off + len;

	for (i = off; z && i < end && i < FUZZ_BYTES; i++)
		if (z->dev[z->now][i] != ((const u8 *)buf)[i - off]) {
			fuzz_touch(z, i / VEXFS_BLOCK_SIZE);
			z->changed++;
			i |= VEXFS_BLOCK_SIZE - 1;
		}
	return __real_vexfs_dev_write(dev, off, buf, len);
}

/* ---- the tools ----------------------------------------------------------------- */

static int fsck(struct fuzz *z, const char *opt)
{
	char *argv[] = { "fsck.vexfs", (char *)opt, z->path[z->now], NULL };

	return fsck_main(3, argv);
}

static void dump(struct fuzz *z, const char *opt, const char *arg)
{
	char *path = z->path[z->now];
	char *argv[] = { "dump.vexfs", (char *)opt, arg ? (char *)arg : path, arg ? path : NULL, NULL };

	dump_main(arg ? 4 : 3, argv);
}

static void dump_json_all(struct fuzz *z)
{
	char *argv[] = { "dump.vexfs", "--json", "-S", "-c", "-i", "13", "-d", "11", "-s", "9", z->path[z->now], NULL };

	dump_main(ARRAY_SIZE(argv) - 1, argv);
}

static void dump_all(struct fuzz *z)
{
	static const char *const plain[] = { "-S", "-c", "-o", "-j" };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(plain); i++)
		dump(z, plain[i], NULL);
	dump(z, "-g", "0");
	dump(z, "-s", "0");
	dump(z, "-s", "9");
	dump(z, "-d", "2");
	dump(z, "-d", "11");
	dump(z, "-e", "14");
	dump(z, "-x", "13");
	dump(z, "--ls", "/dir/sub");
	dump(z, "--cat", "/dir/file");
	dump_json_all(z);
}

/* ---- core, as the kernel uses it -------------------------------------------------- */

static void use_extents(struct vexfs_tree *t, u64 size)
{
	struct vexfs_extent e, new = { .lblk = size >> VEXFS_BLOCK_SHIFT, .pblk = FUZZ_BLOCKS - 9, .len = 2 };
	u64 lblk = 0, done;
	u32 n;

	for (n = 0; n < 30 && lblk < VEXFS_MAX_LBLK && !vexfs_ext_next(t, lblk, &e); n++)
		lblk = e.lblk + e.len;
	vexfs_ext_insert(t, &new);
	vexfs_ext_convert(t, 10, 2, &done);
	vexfs_ext_unwrite(t, 0, 1, &done);
	vexfs_ext_end(t, &done);
	for (n = 0; n < 8 && !vexfs_ext_unmap_last(t, 0, VEXFS_MAX_LBLK, &e); n++)
		;
}

struct seen {
	u64	n, hash;
	char	name[VEXFS_NAME_LEN];
	u32	len;
};

static bool see(void *ctx, const struct vexfs_dent *d)
{
	struct seen *s = ctx;

	memcpy(s->name, d->name, d->name_len);
	s->len = d->name_len;
	s->hash = d->hash;
	return ++s->n < 500;
}

static void use_entries(struct vexfs_tree *t, const struct vexfs_geo *geo)
{
	struct vexfs_dent d = { .ino = 20, .type = DT_REG, .name_len = 3, .name = "new" };
	struct vexfs_dir_pos pos = { 0 };
	struct seen s = { 0 };
	u64 ino;
	u8 type;

	vexfs_dir_iterate(t, &pos, see, &s);
	if (s.n) {
		vexfs_dir_lookup(t, s.hash, s.name, s.len, &ino, &type);
		vexfs_dir_replace(t, s.hash, s.name, s.len, 12, DT_REG);
		vexfs_dir_remove(t, s.hash, s.name, s.len);
	}
	d.hash = vexfs_dir_hash(geo->hash_key, d.name, d.name_len);
	vexfs_dir_add(t, &d);
}

static void use_names(struct vexfs_image *img, u64 ino, const struct vexfs_inode *di)
{
	struct vexfs_linktree lt = { .io = &img->io, .ino = ino, .block = le64_to_cpu(di->i_link_block) };
	struct vexfs_name n, new = { 2, 12345 };
	u64 key = 0;
	u32 i;

	if (!lt.block)
		return;
	for (i = 0; i < 200 && !vexfs_linktree_next(&lt, &key, &n); i++)
		;
	vexfs_linktree_add(&lt, &new);
	vexfs_linktree_find(&lt, &new);
}

static void use_inode(struct vexfs_image *img, u64 ino)
{
	struct vexfs_inode *p, di;
	struct vexfs_tree t = { .io = &img->io, .root = &di.i_root, .owner = ino, .leaf_magic = VEXFS_MAGIC_NODE };
	struct vexfs_blk b;

	if (vexfs_image_inode(img, ino, &b, &p))
		return;
	di = *p;
	img->io.ops->put(&img->io, &b);
	if (vexfs_inode_verify(&di, &img->geo, ino))
		return;
	use_names(img, ino, &di);
	if (S_ISREG(le16_to_cpu(di.i_mode))) {
		use_extents(&t, le64_to_cpu(di.i_size));
	} else if (S_ISDIR(le16_to_cpu(di.i_mode))) {
		t.leaf_magic = VEXFS_MAGIC_DIR;
		use_entries(&t, &img->geo);
	}
}

/* In memory: the image is not opened for writing. */
static void use_core(struct fuzz *z)
{
	struct vexfs_image img = { 0 };
	struct vexfs_dev dev;
	const char *what;
	u64 ino;

	if (vexfs_dev_open(&dev, z->path[z->now], O_RDONLY))
		return;
	if (!vexfs_image_open(&img, &dev, 0, &what))
		for (ino = 1; ino <= MOST_INODES && vexfs_ino_valid(&img.geo, ino); ino++)
			use_inode(&img, ino);
	vexfs_image_close(&img);
	vexfs_dev_close(&dev);
}

/* ---- rules ------------------------------------------------------------------------- */

static const char *check_repair(struct fuzz *z, int before)
{
	int ret = fsck(z, "-y"), again;

	if (ret != FSCK_CLEAN && ret != FSCK_CORRECTED && ret != FSCK_ERRORS && ret != FSCK_FAILED)
		return "fsck -y ends with a code that is not documented";
	if (before == FSCK_CLEAN && ret != FSCK_CLEAN)
		return "fsck -n finds nothing, fsck -y does";
	if (before == FSCK_ERRORS && ret == FSCK_CLEAN)
		return "fsck -n finds something, fsck -y does not";
	if (ret <= FSCK_CORRECTED && fsck(z, "-n") != FSCK_CLEAN)
		return "fsck -n finds something after a repair";
	if (ret == FSCK_ERRORS && fsck(z, "-n") != FSCK_ERRORS)
		return "fsck -y says that something is left, fsck -n does not";
	z->changed = 0;
	again = fsck(z, "-y");
	if (z->changed)
		return "a second fsck -y writes again";
	if (ret <= FSCK_CORRECTED && again != FSCK_CLEAN)
		return "a second fsck -y finds something";
	return NULL;
}

const char *fuzz_check(struct fuzz *z)
{
	int ret;

	at_hand = z;
	z->changed = 0;
	ret = fsck(z, "-n");
	if (ret != FSCK_CLEAN && ret != FSCK_ERRORS && ret != FSCK_FAILED)
		return "fsck -n ends with a code that is not documented";
	dump_all(z);
	use_core(z);
	if (z->changed)
		return "fsck -n, dump or core has written";
	return check_repair(z, ret);
}
