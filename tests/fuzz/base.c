// SPDX-License-Identifier: GPL-2.0
/* The images that are mutated: small, with everything a filesystem can hold; one has a log to replay. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/fuzz/image.h"
#include "tests/unit/jbuild.h"

#define ROOT	VEXFS_ROOT_INO

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void names(struct ib *ib, u64 dir, u64 sub)
{
	char name[VEXFS_NAME_LEN + 1];
	u64 ino, chain;
	int i;

	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%0*d", 120 + i, i);
		ib_file(ib, dir, name, i % 3, 1);
	}
	ino = ib_file(ib, dir, "many", 1, 1);
	for (i = 0; i < 14; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		ib_add_name(ib, sub, name, ino);
	}
	vexfs_dir_hash_prefix = "collide-";
	chain = ib_mkdir(ib, ROOT, "chain");
	for (i = 0; i < 45; i++) {
		snprintf(name, sizeof(name), "collide-%0200d", i);
		ib_file(ib, chain, name, 0, 1);
	}
}

/* A complete ACL with one named user. */
static const u8 acl[] = {
	2, 0, 0, 0, 1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 4, 0, 5, 0, 0, 0, 4, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
	0x10, 0, 5, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 5, 0, 0xff, 0xff, 0xff, 0xff,
};

static void attributes(struct ib *ib, u64 dir, u64 file)
{
	static u8 value[9000];

	memset(value, 'v', sizeof(value));
	ib_xattr(ib, file, IB_INLINE, VEXFS_XATTR_USER, "inline", "value", 5);
	ib_xattr(ib, file, IB_INLINE, VEXFS_XATTR_ACL, "", acl, sizeof(acl));
	ib_xattr(ib, file, IB_BLOCK, VEXFS_XATTR_USER, "block", value, 900);
	ib_xattr(ib, file, IB_BLOCK, VEXFS_XATTR_TRUSTED, "t", "", 0);
	ib_xattr(ib, file, IB_LARGE, VEXFS_XATTR_SECURITY, "l", value, sizeof(value));
	ib_xattr(ib, dir, IB_BLOCK, VEXFS_XATTR_DEFAULT_ACL, "", acl, sizeof(acl));
}

static void embeddings(struct ib *ib, u64 a, u64 b)
{
	int i;

	ib_collection(ib, 0, "words", 8, 1);
	ib_collection(ib, 9, "pages", 1100, 2);
	for (i = 0; i < 12; i++)
		ib_embed(ib, 0, i, a, i);
	for (i = 0; i < 5; i++)
		ib_embed(ib, 9, i * 7, i % 2 ? a : b, i);
}

static void orphans(struct ib *ib)
{
	u64 first = ib_new_inode(ib, S_IFREG | 0600), second = ib_new_inode(ib, S_IFREG | 0600);

	ib_add_extent(ib, first, 0, 3, 0);
	ib_orphan(ib, 3, first);
	ib_orphan_head(ib, 0, second);
}

static void populate(struct ib *ib)
{
	char target[1001] = "";
	u64 dir = ib_mkdir(ib, ROOT, "dir"), sub = ib_mkdir(ib, dir, "sub");
	u64 file = ib_file(ib, dir, "file", 5, 5), frag = ib_file(ib, dir, "fragmented", 260, 1), ino;

	names(ib, dir, sub);
	memset(target, 'x', sizeof(target) - 1);
	ib_symlink(ib, dir, "short", "file");
	ib_symlink(ib, dir, "long", target);
	ino = ib_file(ib, sub, "prealloc", 1, 1);
	ib_add_extent(ib, ino, 10, 3, VEXFS_EXT_UNWRITTEN);
	ib_add_name(ib, sub, "fifo", ib_new_inode(ib, S_IFIFO | 0600));
	attributes(ib, dir, file);
	embeddings(ib, file, frag);
	orphans(ib);
}

/* Two transactions: blocks as they are, one of them revoked. */
static void add_log(struct ib *ib)
{
	u64 where[] = { ib->img.geo.place[0].bbmap, ib->img.geo.place[0].itable, ib->img.geo.coll_start };
	struct vexfs_blk b;
	struct jb jb;
	u32 i;

	jb_begin(&jb, ib, 1, 1);
	for (i = 0; i < 2 * ARRAY_SIZE(where); i++) {
		ib_pin(ib, where[i % ARRAY_SIZE(where)], &b);
		jb_block(&jb, where[i % ARRAY_SIZE(where)], b.data);
		ib->img.io.ops->put(&ib->img.io, &b);
		if (i + 1 == ARRAY_SIZE(where)) {
			jb_commit(&jb);
			jb_revoke(&jb, FUZZ_BLOCKS - 2);
		}
	}
	jb_commit(&jb);
	jb_end(&jb);
}

static u8 *load(const char *path)
{
	u8 *p = mmap(NULL, FUZZ_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (p == MAP_FAILED || fd < 0 || read(fd, p, FUZZ_BYTES) != (ssize_t)FUZZ_BYTES)
		die(path);
	close(fd);
	return p;
}

static void list_blocks(struct fuzz *z, int base)
{
	u32 i;

	z->block[base] = calloc(FUZZ_BLOCKS, sizeof(u32));
	if (!z->block[base])
		die("memory");
	for (i = 0; i < FUZZ_BLOCKS; i++)
		if (!vexfs_all_zero(z->base[base] + (size_t)i * VEXFS_BLOCK_SIZE, VEXFS_BLOCK_SIZE))
			z->block[base][z->nblock[base]++] = i;
}

static void open_memory(struct fuzz *z, int base)
{
	int fd = memfd_create("vexfs-fuzz", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FUZZ_BYTES))
		die("memfd");
	z->dev[base] = mmap(NULL, FUZZ_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	z->touched[base] = calloc(FUZZ_BLOCKS, 1);
	if (z->dev[base] == MAP_FAILED || !z->touched[base])
		die("mmap");
	memcpy(z->dev[base], z->base[base], FUZZ_BYTES);
	snprintf(z->path[base], sizeof(z->path[base]), "/proc/self/fd/%d", fd);
}

static void keep(struct fuzz *z, int base, struct ib *ib)
{
	ib_close(ib);
	z->base[base] = load(ib->path);
	list_blocks(z, base);
	open_memory(z, base);
}

void fuzz_make(struct fuzz *z)
{
	struct ib ib;

	memset(z, 0, sizeof(*z));
	ib_make(&ib, FUZZ_BLOCKS);
	populate(&ib);
	z->geo = ib.img.geo;
	z->geo.place = malloc(sizeof(*z->geo.place));
	if (!z->geo.place)
		die("memory");
	*z->geo.place = *ib.img.geo.place;
	keep(z, 0, &ib);
	ib_open(&ib);
	add_log(&ib);
	keep(z, 1, &ib);
	ib_remove(&ib);
}
