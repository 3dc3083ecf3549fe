// SPDX-License-Identifier: GPL-2.0
/*
 * Feed damaged blocks to core's decoders: superblock, inode, B+tree node,
 * directory leaf. What a verifier accepts is then used, as the kernel would: the
 * geometry computed, the tree searched, changed and walked.
 *
 *	make fuzz				mutations of valid blocks, under ASan and UBSan
 *	build/fuzz_core 1000000			more of them; VEXFS_SEED=... for others
 *	build/fuzz_core FILE...			inputs that are in files
 *	clang -DVEXFS_LIBFUZZER -fsanitize=fuzzer,address,undefined -I. -Iinclude \
 *		tests/fuzz/fuzz_core.c core/block.c core/btree*.c core/extent.c core/dir.c \
 *		lib/crc32c.c -o build/fuzz_core_lf && build/fuzz_core_lf CORPUS
 *
 * An input is a byte that names the decoder (modulo 4) and the block. Checksums,
 * and the parts of a header that only say where a block belongs, are made right
 * before use: a fuzzer cannot find them, and everything behind them is the point.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/block.h"
#include "core/dir.h"
#include "core/extent.h"

#define NBLOCKS		16
#define OWNER		12ULL
#define TARGETS		4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const target_name[TARGETS] = { "superblock", "inode", "node", "leaf" };
static u64 accepted[TARGETS], rejected[TARGETS];

static void die(const char *what)
{
	fprintf(stderr, "fuzz_core: %s\n", what);
	abort();
}

/* ---- a device of 16 blocks; block 1 is the input --------------------------------- */

static struct vexfs_geo geo = { .blocks = NBLOCKS };
static u8 device[NBLOCKS][VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
static bool used[NBLOCKS];
static int pins;

static int dev_corrupt(struct vexfs_io *io, u64 blkno, const char *what)
{
	if (!what || !*what)
		die("damage without a name");
	return -EUCLEAN;
}

static int dev_read(struct vexfs_io *io, u64 blkno, u32 magic, u32 magic2, u64 owner,
		    struct vexfs_blk *b)
{
	const char *why = "free block";

	if (blkno < NBLOCKS && used[blkno])
		why = vexfs_mdhdr_verify(device[blkno], &geo, magic, magic2, blkno, owner);
	if (why)
		return dev_corrupt(io, blkno, why);
	b->blkno = blkno;
	b->data = device[blkno];
	pins++;
	return 0;
}

static int dev_modify(struct vexfs_io *io, struct vexfs_blk *b)
{
	return 0;
}

static int dev_dirty(struct vexfs_io *io, struct vexfs_blk *b)
{
	vexfs_mdhdr_seal(b->data);
	return 0;
}

static void dev_put(struct vexfs_io *io, struct vexfs_blk *b)
{
	pins -= b->data != NULL;
	memset(b, 0, sizeof(*b));
}

static int dev_alloc(struct vexfs_io *io, u64 goal, u32 magic, u64 owner, struct vexfs_blk *b)
{
	u64 i;

	for (i = 1; i < NBLOCKS && used[i]; i++)
		;
	if (i == NBLOCKS)
		return -ENOSPC;
	used[i] = true;
	vexfs_mdhdr_init(device[i], &geo, magic, i, owner);
	vexfs_mdhdr_seal(device[i]);
	return dev_read(io, i, magic, 0, owner, b);
}

static int dev_free(struct vexfs_io *io, struct vexfs_blk *b)
{
	used[b->blkno] = false;
	dev_put(io, b);
	return 0;
}

static const struct vexfs_io_ops dev_ops = {
	.read = dev_read,
	.modify = dev_modify,
	.dirty = dev_dirty,
	.put = dev_put,
	.alloc = dev_alloc,
	.free = dev_free,
	.corrupt = dev_corrupt,
};

static struct vexfs_io dev_io = { .ops = &dev_ops, .nblocks = NBLOCKS };

/* Make the input block 1 of the device and give it a header that lets it pass. */
static void device_load(const u8 *data, size_t size, u32 magic)
{
	struct vexfs_mdhdr *h = (void *)device[1], keep;

	memset(used, 0, sizeof(used));
	used[1] = true;
	memset(device[1], 0, VEXFS_BLOCK_SIZE);
	memcpy(device[1], data, min(size, (size_t)VEXFS_BLOCK_SIZE));
	keep = *h;
	memset(h, 0, sizeof(*h));
	h->h_magic = cpu_to_le32(magic);
	h->h_blkno = cpu_to_le64(1);
	h->h_owner = cpu_to_le64(OWNER);
	h->h_level = keep.h_level;
	h->h_count = keep.h_count;
	h->h_bytes = keep.h_bytes;
	vexfs_mdhdr_seal(device[1]);
}

/* A tree whose root has block 1 as only child, at @level - 1. */
static void tree_init(struct vexfs_tree *t, struct vexfs_btree_root *root, u32 level, u32 magic)
{
	memset(root, 0, sizeof(*root));
	root->r_level = cpu_to_le16(level);
	root->r_count = cpu_to_le16(1);
	root->r_blocks = cpu_to_le64(level);
	root->r_recs[0].val = cpu_to_le64(1);
	t->io = &dev_io;
	t->root = root;
	t->owner = OWNER;
	t->leaf_magic = magic;
	t->goal = 0;
}

static void check_result(int err)
{
	if (err && err != -ENOENT && err != -EEXIST && err != -EUCLEAN && err != -ENOSPC &&
	    err != -EINVAL)
		die("undocumented error");
	if (pins)
		die("a block stayed pinned");
}

static bool verdict(int target, const char *why)
{
	if (why)
		rejected[target]++;
	else
		accepted[target]++;
	return !why;
}

/* ---- the decoders -------------------------------------------------------------------- */

/* The bytes after the superblock are descriptors; what is accepted keeps metadata and data apart. */
static void fuzz_places(struct vexfs_geo *g, const u8 *data, size_t size)
{
	static u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
	u32 i;

	memset(block, 0, sizeof(block));
	if (size > sizeof(struct vexfs_super_block))
		memcpy(block, data + sizeof(struct vexfs_super_block),
		       min(size - sizeof(struct vexfs_super_block), sizeof(block)));
	g->place = calloc(g->groups, sizeof(*g->place));
	if (!g->place)
		die("no memory");
	for (i = 0; i < g->gdt_blocks; i++)
		vexfs_places_set(g, i, block);
	if (verdict(0, vexfs_places_verify(g)))
		for (i = 0; i < g->groups; i++)
			if (vexfs_group_overhead(g, i) > vexfs_group_blocks(g, i) ||
			    vexfs_data_range_valid(g, vexfs_group_ibmap(g, i), 1) ||
			    vexfs_group_itable(g, i) + g->itable_blocks > g->blocks)
				die("group metadata out of place");
	free(g->place);
}

static void fuzz_super(const u8 *data, size_t size)
{
	struct vexfs_super_block sb = { 0 };
	struct vexfs_geo g;

	memcpy(&sb, data, min(size, sizeof(sb)));
	sb.s_checksum = cpu_to_le32(vexfs_sb_checksum(&sb));
	if (!verdict(0, vexfs_sb_verify(&sb)))
		return;
	vexfs_geo_init(&g, &sb);
	if (g.groups <= 100)
		fuzz_places(&g, data, size);
}

static int visit(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	if (++*(u32 *)ctx > NBLOCKS + 1)
		die("walk does not end");
	return 0;
}

static void walk(struct vexfs_tree *t)
{
	u32 seen = 0;

	check_result(vexfs_bt_walk(t, visit, &seen));
}

static void use_extents(struct vexfs_tree *t, u64 key)
{
	struct vexfs_extent e = { key, 3, 5, VEXFS_EXT_UNWRITTEN }, found;
	u64 done;

	check_result(vexfs_ext_find(t, key, &found));
	check_result(vexfs_ext_next(t, key, &found));
	check_result(vexfs_ext_insert(t, &e));
	check_result(vexfs_ext_convert(t, key + 1, 1, &done));
	check_result(vexfs_ext_unmap_last(t, key, key + 9, &found));
}

static void use_records(struct vexfs_tree *t, u64 key)
{
	struct vexfs_kv kv;

	check_result(vexfs_bt_find_le(t, key, &kv));
	check_result(vexfs_bt_find_ge(t, key, &kv));
	check_result(vexfs_bt_insert(t, key, 7));
	check_result(vexfs_bt_update(t, key, 8));
	check_result(vexfs_bt_delete(t, key));
}

static void fuzz_inode(const u8 *data, size_t size)
{
	struct vexfs_inode di = { 0 };
	struct vexfs_tree t = { &dev_io, &di.i_root, OWNER, VEXFS_MAGIC_NODE, 0 };
	bool dir;

	memcpy(&di, data, min(size, sizeof(di)));
	di.i_magic = cpu_to_le16(VEXFS_INODE_MAGIC);
	di.i_ino = cpu_to_le64(OWNER);
	vexfs_inode_seal(&di);
	if (!verdict(1, vexfs_inode_verify(&di, &geo, OWNER)))
		return;
	dir = S_ISDIR(le16_to_cpu(di.i_mode));
	if (!dir && !S_ISREG(le16_to_cpu(di.i_mode)))
		return;
	memset(used, 0, sizeof(used));
	if (dir)
		t.leaf_magic = VEXFS_MAGIC_DIR;
	walk(&t);
	if (!dir)
		use_extents(&t, le64_to_cpu(di.i_root.r_recs[0].key));
	walk(&t);
}

static void fuzz_node(const u8 *data, size_t size)
{
	struct vexfs_btree_root root;
	const struct vexfs_rec *rec = (void *)(device[1] + VEXFS_MDHDR_SIZE);
	u32 level, i;
	struct vexfs_tree t;

	device_load(data, size, VEXFS_MAGIC_NODE);
	level = le16_to_cpu(((struct vexfs_mdhdr *)device[1])->h_level) % VEXFS_MAX_LEVEL;
	if (!verdict(2, vexfs_node_verify(device[1], level, 0, ~0ULL, NBLOCKS)))
		return;
	tree_init(&t, &root, level + 1, VEXFS_MAGIC_NODE);
	walk(&t);
	for (i = 0; i < 8; i++) {
		u64 key = le64_to_cpu(rec[i * 13 % VEXFS_RECS_PER_NODE].key);

		if (i % 2)
			use_records(&t, key + i);
		else
			use_extents(&t, key + i / 4);
	}
	walk(&t);
}

static bool emit(void *ctx, const struct vexfs_dent *d)
{
	u8 sum = 0;
	u32 i;

	for (i = 0; i < d->name_len; i++)
		sum += d->name[i];
	*(u8 *)ctx += sum;
	return true;
}

static void use_leaf(struct vexfs_tree *t, u64 hash, const char *name, u8 len)
{
	struct vexfs_dent d = { hash, 99, DT_REG, len, name };
	char buf[VEXFS_NAME_LEN + 1];
	u64 ino;
	u32 n;
	u8 type;

	check_result(vexfs_dir_lookup(t, hash, name, len, &ino, &type));
	check_result(vexfs_dir_name_of(t, hash, 99, buf, &n));
	check_result(vexfs_dir_add(t, &d));
	check_result(vexfs_dir_replace(t, hash, name, len, 5, DT_DIR));
	if (hash % 3)
		check_result(vexfs_dir_remove(t, hash, name, len));
}

static void fuzz_leaf(const u8 *data, size_t size)
{
	struct vexfs_dir_pos pos = { 0 };
	struct vexfs_btree_root root;
	char name[VEXFS_NAME_LEN];
	struct vexfs_tree t;
	u8 sum = 0;
	u32 i;

	device_load(data, size, VEXFS_MAGIC_DIR);
	if (!verdict(3, vexfs_dir_leaf_verify(device[1], 0, ~0ULL)))
		return;
	tree_init(&t, &root, 1, VEXFS_MAGIC_DIR);
	memset(name, 'n', sizeof(name));
	for (i = 0; i < 8; i++) {
		u8 len = 1 + data[i * 100 % size] % VEXFS_NAME_LEN;

		use_leaf(&t, vexfs_dir_hash(data, name, len), name, len);
	}
	check_result(vexfs_dir_iterate(&t, &pos, emit, &sum) < 0 ? -EUCLEAN : 0);
	walk(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const target[TARGETS])(const u8 *, size_t) = {
		fuzz_super, fuzz_inode, fuzz_node, fuzz_leaf,
	};

	if (size >= 2)
		target[data[0] % TARGETS](data + 1, size - 1);
	return 0;
}

#ifndef VEXFS_LIBFUZZER
/* ---- mutations of valid blocks, for builds without libFuzzer --------------------------- */

static u64 rng = 1;

static u64 rng_next(void)
{
	u64 z = (rng += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static u64 below(u64 n)
{
	return rng_next() % n;
}

static void seed_super(u8 *block)
{
	struct vexfs_super_block *sb = (void *)block;
	u64 blocks = 4096 + below(400000);
	u32 groups = DIV_ROUND_UP(blocks, VEXFS_BLOCKS_PER_GROUP), i;
	struct vexfs_group_desc *gd = (void *)(sb + 1) + VEXFS_MDHDR_SIZE;

	sb->s_magic = cpu_to_le32(VEXFS_SB_MAGIC);
	sb->s_version = cpu_to_le32(VEXFS_VERSION);
	sb->s_block_shift = cpu_to_le32(VEXFS_BLOCK_SHIFT);
	sb->s_blocks = cpu_to_le64(blocks);
	sb->s_groups = cpu_to_le32(groups);
	sb->s_blocks_per_group = cpu_to_le32(VEXFS_BLOCKS_PER_GROUP);
	sb->s_inodes_per_group = cpu_to_le32(256);
	sb->s_itable_blocks = cpu_to_le32(32);
	sb->s_gdt_blocks = cpu_to_le32(1);
	sb->s_inode_size = cpu_to_le32(VEXFS_INODE_SIZE);
	sb->s_root_ino = cpu_to_le64(VEXFS_ROOT_INO);
	sb->s_checksum_type = VEXFS_CHECKSUM_CRC32C;
	sb->s_hash_version = VEXFS_HASH_SIPHASH;
	sb->s_orphan_start = cpu_to_le64(536);
	sb->s_orphan_blocks = cpu_to_le32(2);
	sb->s_coll_start = cpu_to_le64(538);
	sb->s_coll_blocks = cpu_to_le32(VEXFS_COLL_BLOCKS);
	sb->s_journal_start = cpu_to_le64(546);
	sb->s_journal_blocks = cpu_to_le32(VEXFS_MIN_JOURNAL);
	for (i = 0; i < groups; i++) {	/* all of them in group 0 */
		gd[i].gd_bbmap = cpu_to_le64(3 + i);
		gd[i].gd_ibmap = cpu_to_le64(3 + groups + i);
		gd[i].gd_itable = cpu_to_le64(3 + 2 * groups + 32 * i);
	}
}

static void seed_recs(struct vexfs_rec *rec, u32 count, bool inner)
{
	u64 key = 0;
	u32 i;

	for (i = 0; i < count; i++) {
		key += 1 + below(30);
		rec[i].key = cpu_to_le64(key);
		rec[i].val = cpu_to_le64(1 + below(NBLOCKS - 4) +
					 (inner ? 0 : 1ULL << VEXFS_EXT_PBLK_BITS));
	}
}

static void seed_inode(u8 *block)
{
	static const u32 modes[] = { S_IFREG, S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR };
	struct vexfs_inode *di = (void *)block;
	u32 level = below(3);

	di->i_mode = cpu_to_le16(modes[below(ARRAY_SIZE(modes))] | 0644);
	di->i_nlink = cpu_to_le32(1);
	di->i_size = cpu_to_le64(below(200));
	di->i_root.r_level = cpu_to_le16(level);
	di->i_root.r_blocks = cpu_to_le64(level);
	di->i_root.r_count = cpu_to_le16(1 + below(VEXFS_RECS_PER_ROOT));
	seed_recs(di->i_root.r_recs, VEXFS_RECS_PER_ROOT, level);
}

static void seed_node(u8 *block)
{
	struct vexfs_mdhdr *h = (void *)block;
	u32 count = 1 + below(VEXFS_RECS_PER_NODE);
	u32 level = below(3) ? 0 : below(VEXFS_MAX_LEVEL);

	h->h_level = cpu_to_le16(level);
	h->h_count = cpu_to_le16(count);
	seed_recs((void *)(block + VEXFS_MDHDR_SIZE), count, level);
}

static void seed_leaf(u8 *block)
{
	struct vexfs_mdhdr *h = (void *)block;
	u32 off = 0, n = 0, most = 1 + below(150);
	u64 hash = VEXFS_HASH_MIN;

	for (; n < most; n++) {
		struct vexfs_dirent *de = (void *)(block + VEXFS_MDHDR_SIZE + off);
		u32 len = 1 + below(40), size = VEXFS_DIRENT_SIZE(len);

		if (off + size > VEXFS_MD_SPACE)
			break;
		hash += below(1ULL << 55);
		de->d_hash = cpu_to_le64(hash);
		de->d_ino = cpu_to_le64(11 + n);
		de->d_rec_len = cpu_to_le16(size);
		de->d_name_len = len;
		de->d_type = DT_REG;
		memset((u8 *)de + VEXFS_DIRENT_HDR, 'a' + n % 26, len);
		off += size;
	}
	h->h_count = cpu_to_le16(n);
	h->h_bytes = cpu_to_le32(off);
}

static void mutate(u8 *block, u32 size)
{
	u32 n = below(5), i;

	for (i = 0; i < n; i++) {
		u32 at = below(below(2) ? 160 : size);

		switch (below(4)) {
		case 0:
			block[at] = rng_next();
			break;
		case 1:
			block[at] ^= 1 << below(8);
			break;
		case 2:		/* the values at which counts and lengths break */
			block[at] = below(2) ? 0xff : 0;
			break;
		default:
			memmove(block + at, block + below(size - 8), min(8U, size - at));
		}
	}
}

static void run_random(u64 runs)
{
	static void (*const seed[TARGETS])(u8 *) = {
		seed_super, seed_inode, seed_node, seed_leaf,
	};
	static const u32 size[TARGETS] = {
		VEXFS_SB_SIZE, VEXFS_INODE_SIZE, VEXFS_BLOCK_SIZE, VEXFS_BLOCK_SIZE,
	};
	static u8 block[VEXFS_BLOCK_SIZE] __attribute__((aligned(8)));
	u64 i;

	for (i = 0; i < runs; i++) {
		u32 t = i % TARGETS;
		u8 *input = malloc(size[t] + 1);	/* the sanitizer knows its end */

		if (!input)
			die("out of memory");
		memset(block, 0, sizeof(block));
		seed[t](block);
		mutate(block, size[t]);
		input[0] = t;
		memcpy(input + 1, block, size[t]);
		LLVMFuzzerTestOneInput(input, size[t] + 1);
		free(input);
	}
}

static void run_file(const char *path)
{
	static u8 data[VEXFS_BLOCK_SIZE + 1];
	FILE *f = fopen(path, "rb");
	u8 *input;
	size_t n;

	if (!f) {
		perror(path);
		exit(2);
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	input = malloc(n ? n : 1);
	if (!input)
		die("out of memory");
	memcpy(input, data, n);
	LLVMFuzzerTestOneInput(input, n);
	free(input);
}

/* Mutations that are all accepted, or all rejected, test nothing. */
static int report(bool all)
{
	int t, bad = 0;

	for (t = 0; t < TARGETS; t++) {
		printf("%-10s %9llu accepted and used %9llu rejected\n", target_name[t],
		       (unsigned long long)accepted[t], (unsigned long long)rejected[t]);
		bad |= all && (!accepted[t] || !rejected[t]);
	}
	if (bad)
		fprintf(stderr, "fuzz_core: a decoder accepted or rejected nothing\n");
	return bad;
}

int main(int argc, char **argv)
{
	const char *seed = getenv("VEXFS_SEED");
	bool random = argc == 2 && isdigit((unsigned char)argv[1][0]);
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: fuzz_core RUNS | FILE...\n");
		return 2;
	}
	if (random) {
		rng = seed && *seed ? strtoull(seed, NULL, 0) : 1;
		printf("VEXFS_SEED=%llu\n", (unsigned long long)rng);
		run_random(strtoull(argv[1], NULL, 10));
	} else {
		for (i = 1; i < argc; i++)
			run_file(argv[i]);
	}
	return report(random);
}
#endif /* !VEXFS_LIBFUZZER */
