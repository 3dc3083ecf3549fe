// SPDX-License-Identifier: GPL-2.0
/* Populated images for the tests of the tools. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/image_format.h"
#include "lib/image_write.h"
#include "tests/unit/imgbuild.h"

#define NOW	1700000000

/* ---- the image ----------------------------------------------------------- */

static void report(void *ctx, u64 blkno, const char *what)
{
	fail_msg("building an image: block %llu: %s", (unsigned long long)blkno, what);
}

void ib_open(struct ib *ib)
{
	const char *what = NULL;

	assert_int_equal(vexfs_dev_open(&ib->dev, ib->path, O_RDWR), 0);
	assert_int_equal(vexfs_image_open(&ib->img, &ib->dev, VEXFS_IMAGE_RW, &what), 0);
	ib->img.report = report;
}

void ib_make(struct ib *ib, u64 blocks)
{
	struct vexfs_format f = {
		.blocks = blocks, .uuid = "0123456789abcde", .label = "test",
		.hash_key = "0123456789abcde", .generation = 7, .now = NOW,
	};
	const char *dir = getenv("TMPDIR");
	struct vexfs_super_block sb;
	char why[256];
	int fd;

	memset(ib, 0, sizeof(*ib));
	snprintf(ib->path, sizeof(ib->path), "%s/vexfs-test-XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(ib->path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, blocks << VEXFS_BLOCK_SHIFT), 0);
	close(fd);
	assert_int_equal(vexfs_format_plan(&f, &sb, why, sizeof(why)), 0);
	assert_int_equal(vexfs_dev_open(&ib->dev, ib->path, O_RDWR), 0);
	assert_int_equal(vexfs_format_write(&ib->dev, &f, &sb), 0);
	vexfs_dev_close(&ib->dev);
	ib_open(ib);
}

void ib_close(struct ib *ib)
{
	assert_int_equal(vexfs_image_flush(&ib->img), 0);
	vexfs_image_close(&ib->img);
	assert_int_equal(vexfs_dev_close(&ib->dev), 0);
}

void ib_remove(struct ib *ib)
{
	unlink(ib->path);
}

void *ib_pin(struct ib *ib, u64 blkno, struct vexfs_blk *b)
{
	assert_int_equal(vexfs_image_get(&ib->img, blkno, b), 0);
	return b->data;
}

void ib_change(struct ib *ib, struct vexfs_blk *b, bool seal)
{
	vexfs_image_dirty(&ib->img, b, seal);
	ib->img.io.ops->put(&ib->img.io, b);
}

static void *payload(const struct vexfs_blk *b)
{
	return (u8 *)b->data + VEXFS_MDHDR_SIZE;
}

/* ---- inodes -------------------------------------------------------------- */

struct vexfs_inode ib_get_inode(struct ib *ib, u64 ino)
{
	struct vexfs_inode *p, di;
	struct vexfs_blk b;

	assert_int_equal(vexfs_image_inode(&ib->img, ino, &b, &p), 0);
	di = *p;
	ib->img.io.ops->put(&ib->img.io, &b);
	return di;
}

void ib_put_inode(struct ib *ib, u64 ino, const struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;

	assert_int_equal(vexfs_image_inode(&ib->img, ino, &b, &p), 0);
	*p = *di;
	vexfs_inode_seal(p);
	ib_change(ib, &b, false);
}

u64 ib_new_inode(struct ib *ib, u32 mode)
{
	struct vexfs_inode di;

	assert_int_equal(vexfs_image_new_inode(&ib->img, mode, &di), 0);
	di.i_nlink = 0;
	di.i_version = 0;
	di.i_mtime = cpu_to_le64(NOW);
	di.i_generation = cpu_to_le32(42);
	assert_int_equal(vexfs_image_put_inode(&ib->img, &di), 0);
	return le64_to_cpu(di.i_ino);
}

/* ---- trees of an inode --------------------------------------------------- */

/* Use a tree between these two: they keep root and i_blocks of the inode right. */
struct open_tree {
	struct vexfs_inode di;
	struct vexfs_tree t;
	u64	ino;
};

static void tree_open(struct ib *ib, struct open_tree *o, u64 ino, u32 leaf_magic)
{
	o->ino = ino;
	o->di = ib_get_inode(ib, ino);
	o->t = (struct vexfs_tree){
		.io = &ib->img.io, .root = &o->di.i_root, .owner = ino, .leaf_magic = leaf_magic,
	};
	ib->img.allocated = 0;
}

static void tree_close(struct ib *ib, struct open_tree *o, u32 data)
{
	o->di.i_blocks = cpu_to_le64(le64_to_cpu(o->di.i_blocks) + ib->img.allocated + data);
	ib_put_inode(ib, o->ino, &o->di);
}

void ib_add_name(struct ib *ib, u64 dir, const char *name, u64 ino)
{
	struct vexfs_inode d = ib_get_inode(ib, dir), di = ib_get_inode(ib, ino);

	if (S_ISDIR(le16_to_cpu(di.i_mode)))
		di.i_nlink = cpu_to_le32(le32_to_cpu(di.i_nlink) + 2);
	assert_int_equal(vexfs_image_add_name(&ib->img, &d, &di, name, strlen(name)), 0);
	ib_put_inode(ib, dir, &d);
	ib_put_inode(ib, ino, &di);
}

u64 ib_mkdir(struct ib *ib, u64 dir, const char *name)
{
	u64 ino = ib_new_inode(ib, S_IFDIR | 0755);

	ib_add_name(ib, dir, name, ino);
	return ino;
}

void ib_add_extent(struct ib *ib, u64 ino, u64 lblk, u32 len, u64 flags)
{
	u32 done = 0;

	while (done < len) {
		struct vexfs_extent e = { .lblk = lblk + done, .flags = flags };
		struct open_tree o;
		u32 n = len - done;

		assert_int_equal(vexfs_image_alloc_blocks(&ib->img, 0, &n, &e.pblk), 0);
		e.len = n;
		tree_open(ib, &o, ino, VEXFS_MAGIC_NODE);
		assert_int_equal(vexfs_ext_insert(&o.t, &e), 0);
		tree_close(ib, &o, n);
		done += n;
	}
}

u64 ib_file(struct ib *ib, u64 dir, const char *name, u32 blocks, u32 run)
{
	u64 ino = ib_new_inode(ib, S_IFREG | 0644), lblk = 0;
	struct vexfs_inode di;
	u32 done, n;

	for (done = 0; done < blocks; done += n, lblk += n + 1) {
		n = blocks - done < run ? blocks - done : run;
		ib_add_extent(ib, ino, lblk, n, 0);
	}
	di = ib_get_inode(ib, ino);
	di.i_size = cpu_to_le64(lblk << VEXFS_BLOCK_SHIFT);
	ib_put_inode(ib, ino, &di);
	ib_add_name(ib, dir, name, ino);
	return ino;
}

u64 ib_symlink(struct ib *ib, u64 dir, const char *name, const char *target)
{
	u64 ino = ib_new_inode(ib, S_IFLNK | 0777);
	struct vexfs_inode di = ib_get_inode(ib, ino);

	assert_int_equal(vexfs_image_set_target(&ib->img, &di, target, strlen(target)), 0);
	ib->img.goal = 0;
	ib_put_inode(ib, ino, &di);
	ib_add_name(ib, dir, name, ino);
	return ino;
}

u64 ib_map(struct ib *ib, u64 ino, u64 lblk)
{
	struct vexfs_extent e;
	struct open_tree o;

	tree_open(ib, &o, ino, VEXFS_MAGIC_NODE);
	assert_int_equal(vexfs_ext_find(&o.t, lblk, &e), 0);
	assert_true(e.pblk != 0);
	return e.pblk + (lblk - e.lblk);
}

void ib_orphan(struct ib *ib, u32 slot, u64 ino)
{
	struct vexfs_blk b;

	ib_pin(ib, ib->img.geo.orphan_start + slot / VEXFS_ORPHANS_PER_BLOCK, &b);
	((__le64 *)payload(&b))[slot % VEXFS_ORPHANS_PER_BLOCK] = cpu_to_le64(ino);
	ib_change(ib, &b, true);
}

void ib_orphan_head(struct ib *ib, u32 block, u64 ino)
{
	struct vexfs_blk b;

	ib_pin(ib, ib->img.geo.orphan_start + block, &b);
	((struct vexfs_mdhdr *)b.data)->h_next = cpu_to_le64(ino);
	ib_change(ib, &b, true);
}

void ib_orphan_next(struct ib *ib, u64 ino, u64 next)
{
	struct vexfs_inode di = ib_get_inode(ib, ino);

	di.i_orphan_next = cpu_to_le64(next);
	ib_put_inode(ib, ino, &di);
}

/* ---- collections --------------------------------------------------------- */

static struct vexfs_collection *coll_at(struct ib *ib, u32 id, struct vexfs_blk *b)
{
	ib_pin(ib, ib->img.geo.coll_start + id / VEXFS_COLL_PER_BLOCK, b);
	return (struct vexfs_collection *)payload(b) + id % VEXFS_COLL_PER_BLOCK;
}

struct vexfs_collection ib_get_coll(struct ib *ib, u32 id)
{
	struct vexfs_collection c;
	struct vexfs_blk b;

	c = *coll_at(ib, id, &b);
	ib->img.io.ops->put(&ib->img.io, &b);
	return c;
}

void ib_put_coll(struct ib *ib, u32 id, const struct vexfs_collection *c)
{
	struct vexfs_blk b;

	*coll_at(ib, id, &b) = *c;
	ib_change(ib, &b, true);
}

static struct vexfs_space space_of(const struct vexfs_collection *c)
{
	return (struct vexfs_space){ le32_to_cpu(c->c_dim), c->c_elem, c->c_metric };
}

static u64 hidden_file(struct ib *ib, u64 blocks)
{
	u64 ino = ib_new_inode(ib, S_IFREG | 0600);
	struct vexfs_inode di;

	ib_add_extent(ib, ino, 0, blocks, 0);
	di = ib_get_inode(ib, ino);
	di.i_size = cpu_to_le64(blocks << VEXFS_BLOCK_SHIFT);
	di.i_nlink = cpu_to_le32(1);
	di.i_flags = cpu_to_le32(VEXFS_INODE_HIDDEN);
	ib_put_inode(ib, ino, &di);
	return ino;
}

void ib_feature(struct ib *ib, enum vexfs_feature_word word, u32 bit)
{
	struct vexfs_blk b;
	u8 *p = ib_pin(ib, 0, &b);
	struct vexfs_super_block *sb = (void *)(p + VEXFS_SB_OFFSET);

	if (word == VEXFS_COMPAT)
		sb->s_feature_compat |= cpu_to_le32(bit);
	else
		sb->s_feature_incompat |= cpu_to_le32(bit);
	sb->s_checksum = cpu_to_le32(vexfs_sb_checksum(sb));
	ib_change(ib, &b, false);
	ib->img.geo.feature[word] |= bit;
}

static u64 value_file(struct ib *ib, u64 owner, const u8 *value, u32 len)
{
	u32 blocks = vexfs_xattr_value_blocks(len), i, n;
	u64 ino = hidden_file(ib, blocks);
	struct vexfs_inode di = ib_get_inode(ib, ino);
	struct vexfs_blk b;
	u8 *p;

	di.i_links[0].l_parent = cpu_to_le64(owner);
	ib_put_inode(ib, ino, &di);
	for (i = 0; i < blocks; i++) {
		n = vexfs_xattr_value_bytes(i, len);
		p = ib_pin(ib, ib_map(ib, ino, i), &b);
		vexfs_mdhdr_init(p, &ib->img.geo, VEXFS_MAGIC_VALUE, b.blkno, ino);
		((struct vexfs_mdhdr *)p)->h_bytes = cpu_to_le32(n);
		memcpy(p + VEXFS_MDHDR_SIZE, value + i * VEXFS_MD_SPACE, n);
		ib_change(ib, &b, true);
	}
	return ino;
}

static u64 xattr_to_block(struct ib *ib, u64 ino, const struct vexfs_xattr_ent *e)
{
	struct vexfs_inode di = ib_get_inode(ib, ino);
	u64 blkno = le64_to_cpu(di.i_xattr_block);
	struct vexfs_blk b;
	u32 one = 1;
	u8 *p;

	if (!blkno) {
		assert_int_equal(vexfs_image_alloc_blocks(&ib->img, 0, &one, &blkno), 0);
		di.i_xattr_block = cpu_to_le64(blkno);
		di.i_blocks = cpu_to_le64(le64_to_cpu(di.i_blocks) + 1);
		ib_put_inode(ib, ino, &di);
		p = ib_pin(ib, blkno, &b);
		vexfs_mdhdr_init(p, &ib->img.geo, VEXFS_MAGIC_XATTR, blkno, ino);
	} else {
		p = ib_pin(ib, blkno, &b);
	}
	assert_true(vexfs_xattr_add(vexfs_xattr_block_area(p), VEXFS_MD_SPACE, e));
	vexfs_xattr_block_count(p);
	ib_change(ib, &b, true);
	return blkno;
}

u64 ib_xattr(struct ib *ib, u64 ino, enum ib_where where, u8 kind, const char *name, const void *value,
	     u32 len)
{
	struct vexfs_xattr_ent e = {
		.kind = kind, .name = name, .name_len = strlen(name), .value = value, .value_len = len,
		.large = where == IB_LARGE,
	};
	struct vexfs_inode di;

	ib_feature(ib, VEXFS_INCOMPAT, VEXFS_FEATURE_INCOMPAT_XATTR);
	if (where == IB_LARGE)
		e.ino = value_file(ib, ino, value, len);
	if (where == IB_BLOCK)
		return xattr_to_block(ib, ino, &e);
	di = ib_get_inode(ib, ino);
	assert_true(vexfs_xattr_add(di.i_xattr, VEXFS_XATTR_INLINE, &e));
	ib_put_inode(ib, ino, &di);
	return e.ino;
}

static u64 region_file(struct ib *ib, u32 bytes, u32 nslots)
{
	struct vexfs_layout l;

	vexfs_layout_init(&l, bytes);
	return hidden_file(ib, vexfs_layout_need(&l, nslots));
}

void ib_collection(struct ib *ib, u32 id, const char *name, u32 dim, u32 blocks)
{
	struct vexfs_collection c = {
		.c_state = cpu_to_le32(VEXFS_COLL_LIVE), .c_id = cpu_to_le32(id),
		.c_dim = cpu_to_le32(dim), .c_elem = VEXFS_F32, .c_metric = VEXFS_COSINE,
		.c_nslots = cpu_to_le64(blocks * VEXFS_SLOTS_PER_BLOCK),
		.c_stamp_limit = cpu_to_le64(65536),
	};
	struct vexfs_space s = space_of(&c);
	struct vexfs_mdhdr *h;
	struct vexfs_blk b;
	u64 ino;
	u32 i;

	snprintf((char *)c.c_name, sizeof(c.c_name), "%s", name);
	ino = hidden_file(ib, blocks);
	vexfs_coll_file_set_ino(&c, VEXFS_COLL_SLOTS, ino);
	for (i = 0; i < blocks; i++) {
		ib_pin(ib, ib_map(ib, ino, i), &b);
		vexfs_mdhdr_init(b.data, &ib->img.geo, VEXFS_MAGIC_SLOT, b.blkno, ino);
		ib_change(ib, &b, true);
	}
	for (i = VEXFS_COLL_PAYLOAD; i < VEXFS_COLL_FILES; i++)
		vexfs_coll_file_set_ino(&c, i, region_file(ib, vexfs_coll_file_record(&s, i),
							   blocks * VEXFS_SLOTS_PER_BLOCK));
	ib_put_coll(ib, id, &c);
	h = ib_pin(ib, ib->img.geo.coll_start + id / VEXFS_COLL_PER_BLOCK, &b);
	h->h_count = cpu_to_le16(le16_to_cpu(h->h_count) + 1);
	ib_change(ib, &b, true);
}

static void region_write(struct ib *ib, u64 ino, u32 bytes, u32 slot, const u8 *rec)
{
	struct vexfs_layout l;
	u32 left = bytes, offs, n;
	struct vexfs_blk b;
	u64 lblk;

	vexfs_layout_init(&l, bytes);
	lblk = vexfs_layout_lblk(&l, slot);
	offs = vexfs_layout_offset(&l, slot);
	for (; left; left -= n, rec += n, lblk++, offs = 0) {
		n = VEXFS_BLOCK_SIZE - offs < left ? VEXFS_BLOCK_SIZE - offs : left;
		ib_pin(ib, ib_map(ib, ino, lblk), &b);
		memcpy((u8 *)b.data + offs, rec, n);
		ib_change(ib, &b, false);
	}
}

/* Returns the crc of the payload. */
static u32 write_vector(struct ib *ib, const struct vexfs_collection *c, u32 slot, u32 stamp)
{
	struct vexfs_space s = space_of(c);
	float *v = calloc(s.dim, sizeof(float));
	u32 *bits = calloc(s.dim, sizeof(u32)), i, crc;
	void *code = calloc(1, vexfs_code_bytes(&s));

	assert_true(v && bits && code);
	for (i = 0; i < s.dim; i++)
		v[i] = (float)((slot * 31 + i * 7) % 101) - 50.5f;
	vexfs_vec_to_f32(&s, v, bits);
	vexfs_code_encode(&s, bits, stamp, code);
	crc = vexfs_vec_crc(&s, v);
	region_write(ib, le64_to_cpu(c->c_payload_ino), vexfs_vec_bytes(&s), slot, (u8 *)v);
	region_write(ib, le64_to_cpu(c->c_code_ino), vexfs_code_bytes(&s), slot, code);
	free(v);
	free(bits);
	free(code);
	return crc;
}

void ib_embed(struct ib *ib, u32 id, u32 slot, u64 ino, u32 chunk)
{
	struct vexfs_collection c = ib_get_coll(ib, id);
	struct vexfs_tree map = {
		.io = &ib->img.io, .root = &c.c_map, .owner = VEXFS_OWNER_COLL + id,
		.leaf_magic = VEXFS_MAGIC_NODE,
	};
	struct vexfs_inode di = ib_get_inode(ib, ino);
	u64 stamp = 100 + slot;
	struct vexfs_slot v = {
		.v_ino = cpu_to_le64(ino), .v_generation = di.i_generation,
		.v_chunk = cpu_to_le32(chunk), .v_stamp = cpu_to_le64(stamp),
		.v_state = VEXFS_SLOT_LIVE, .v_datagen = di.i_datagen,
	};
	struct vexfs_mdhdr *h;
	struct vexfs_blk b;

	v.v_payload_crc = cpu_to_le32(write_vector(ib, &c, slot, stamp));
	h = ib_pin(ib, ib_map(ib, le64_to_cpu(c.c_slot_ino), slot / VEXFS_SLOTS_PER_BLOCK), &b);
	((struct vexfs_slot *)payload(&b))[slot % VEXFS_SLOTS_PER_BLOCK] = v;
	h->h_count = cpu_to_le16(le16_to_cpu(h->h_count) + 1);
	ib_change(ib, &b, true);
	assert_int_equal(vexfs_bt_insert(&map, VEXFS_MAPKEY(ino, chunk), slot), 0);
	ib_put_coll(ib, id, &c);
	di.i_vecmask |= cpu_to_le64(1ULL << id);
	ib_put_inode(ib, ino, &di);
}

/* ---- running a program --------------------------------------------------- */

static char *read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, size + 1);

	assert_true(size >= 0 && text);
	assert_int_equal(pread(fd, text, size, 0), size);
	return text;
}

int run_captured(int (*prog)(int argc, char **argv), char **argv, char **out)
{
	FILE *tmp = tmpfile();
	int saved_out = dup(1), saved_err = dup(2), argc = 0, ret;

	assert_non_null(tmp);
	while (argv[argc])
		argc++;
	fflush(NULL);
	dup2(fileno(tmp), 1);
	dup2(fileno(tmp), 2);
	ret = prog(argc, argv);
	fflush(NULL);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	*out = read_all(fileno(tmp));
	fclose(tmp);
	return ret;
}
