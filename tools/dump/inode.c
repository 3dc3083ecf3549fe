// SPDX-License-Identifier: GPL-2.0
/* Inodes, extents, directories. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/links.h"
#include "core/xattr.h"
#include "tools/dump/dump.h"

static const char *type_name(u32 mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown type";
	}
}

/* What does not print, and the quote, as \xNN. */
void dump_string(const char *s, u32 len)
{
	putchar('\'');
	for (; len; len--, s++) {
		unsigned char c = *s;

		if (c < 32 || c == 127 || c == '\'' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
	putchar('\'');
}

static void show_time(const char *what, __le64 sec, __le32 nsec)
{
	time_t t = (time_t)le64_to_cpu(sec);
	struct tm tm;
	char buf[64] = "?";

	if (gmtime_r(&t, &tm))
		strftime(buf, sizeof(buf), "%F %T", &tm);
	printf("%-12s %s.%09u\n", what, buf, le32_to_cpu(nsec));
}

static void show_link(const char *head, u64 parent, u64 hash)
{
	printf("%-12s parent %llu, hash %016llx\n", head, (unsigned long long)parent,
	       (unsigned long long)hash);
}

static void show_links(struct dump *d, u64 ino, const struct vexfs_inode *di)
{
	struct vexfs_linktree lt = {
		.io = &d->img.io, .ino = ino, .block = le64_to_cpu(di->i_link_block),
	};
	struct vexfs_name n;
	u64 key = 0;
	int i;

	for (i = 0; i < VEXFS_INODE_LINKS; i++)
		if (di->i_links[i].l_parent)
			show_link(i ? "" : "names", le64_to_cpu(di->i_links[i].l_parent),
				  le64_to_cpu(di->i_links[i].l_hash));
	if (!lt.block)
		return;
	printf("%-12s block %llu\n", "more names", (unsigned long long)lt.block);
	while (vexfs_linktree_next(&lt, &key, &n) == 0)
		show_link("", n.parent, n.hash);
}

static void show_area(const void *area, u32 size, const char *head)
{
	struct vexfs_xattr_ent e;
	u32 pos = 0;

	while (vexfs_xattr_next(area, size, &pos, &e)) {
		printf("%-12s %s%.*s, %u bytes", head, vexfs_xattr_prefix(e.kind), e.name_len, e.name,
		       e.value_len);
		if (e.large) {
			printf(" in inode %llu\n", (unsigned long long)e.ino);
			continue;
		}
		fputs(": ", stdout);
		dump_string(e.value, e.value_len);
		putchar('\n');
	}
}

static void show_xattrs(struct dump *d, u64 ino, const struct vexfs_inode *di)
{
	u64 blkno = le64_to_cpu(di->i_xattr_block);
	const char *bad;
	struct vexfs_blk b;

	show_area(di->i_xattr, VEXFS_XATTR_INLINE, "attribute");
	if (!blkno)
		return;
	printf("%-12s block %llu\n", "attributes", (unsigned long long)blkno);
	if (!dump_read(d, blkno, VEXFS_MAGIC_XATTR, ino, &b))
		return;
	bad = vexfs_xattr_block_verify(b.data, le16_to_cpu(di->i_mode));
	if (bad)
		dump_problem(d, "block %llu: %s", (unsigned long long)blkno, bad);
	else
		show_area(vexfs_xattr_block_area(b.data), VEXFS_MD_SPACE, "attribute");
	dump_put(d, &b);
}

static void show_root(const struct vexfs_inode *di)
{
	printf("%-12s level %u, %u records, %llu tree blocks\n", "root",
	       le16_to_cpu(di->i_root.r_level), le16_to_cpu(di->i_root.r_count),
	       (unsigned long long)le64_to_cpu(di->i_root.r_blocks));
}

static void show_content(struct dump *d, u64 ino, const struct vexfs_inode *di)
{
	u64 size = le64_to_cpu(di->i_size);
	u32 mode = le16_to_cpu(di->i_mode);

	if (S_ISLNK(mode) && size <= VEXFS_SYMLINK_INLINE) {
		printf("%-12s ", "target");
		dump_string((const char *)di->i_symlink, size);
		putchar('\n');
	} else if (S_ISCHR(mode) || S_ISBLK(mode)) {
		printf("%-12s %#x\n", "device", le32_to_cpu(di->i_rdev));
	} else if (S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode)) {
		show_root(di);
	}
}

/* What chattr(1) shows, and the project. */
static void show_attributes(const struct vexfs_inode *di)
{
	static const struct {
		u32 flag;
		const char *name;
	} names[] = {
		{ VEXFS_INODE_IMMUTABLE, "immutable" }, { VEXFS_INODE_APPEND, "append" },
		{ VEXFS_INODE_NODUMP, "nodump" }, { VEXFS_INODE_NOATIME, "noatime" },
		{ VEXFS_INODE_SYNC, "sync" }, { VEXFS_INODE_DIRSYNC, "dirsync" },
		{ VEXFS_INODE_PROJINHERIT, "projinherit" },
	};
	u32 flags = le32_to_cpu(di->i_flags) & VEXFS_INODE_FEATURES;
	size_t i;

	if (flags) {
		printf("%-12s %#x", "flags", flags);
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (flags & names[i].flag)
				printf(" %s", names[i].name);
		putchar('\n');
	}
	if (di->i_projid)
		printf("%-12s %u\n", "project", le32_to_cpu(di->i_projid));
	if (di->i_charged)
		printf("%-12s %llu bytes beside its blocks\n", "charged",
		       (unsigned long long)le64_to_cpu(di->i_charged));
	if (di->i_change_epoch)
		printf("%-12s number %llu\n", "change", (unsigned long long)le64_to_cpu(di->i_change_epoch));
}

void dump_inode(struct dump *d, u64 ino)
{
	struct vexfs_inode di;
	u32 flags;

	if (!dump_get_inode(d, ino, &di))
		return;
	flags = le32_to_cpu(di.i_flags);
	printf("inode %llu: %s, mode %04o%s\n", (unsigned long long)ino,
	       type_name(le16_to_cpu(di.i_mode)), le16_to_cpu(di.i_mode) & 07777,
	       flags & VEXFS_INODE_HIDDEN ? ", hidden" : "");
	printf("%-12s block %llu, offset %u\n", "stored in",
	       (unsigned long long)vexfs_ino_block(&d->img.geo, ino),
	       vexfs_ino_offset(&d->img.geo, ino));
	printf("%-12s %u:%u\n", "owner", le32_to_cpu(di.i_uid), le32_to_cpu(di.i_gid));
	printf("%-12s %u\n", "link count", le32_to_cpu(di.i_nlink));
	printf("%-12s %llu, %llu blocks\n", "size", (unsigned long long)le64_to_cpu(di.i_size),
	       (unsigned long long)le64_to_cpu(di.i_blocks));
	printf("%-12s %u, version %llu\n", "generation", le32_to_cpu(di.i_generation),
	       (unsigned long long)le64_to_cpu(di.i_version));
	show_attributes(&di);
	show_time("atime", di.i_atime, di.i_atime_nsec);
	show_time("mtime", di.i_mtime, di.i_mtime_nsec);
	show_time("ctime", di.i_ctime, di.i_ctime_nsec);
	show_time("btime", di.i_btime, di.i_btime_nsec);
	printf("%-12s datagen %llu, collections %#llx\n", "embeddings",
	       (unsigned long long)le64_to_cpu(di.i_datagen),
	       (unsigned long long)le64_to_cpu(di.i_vecmask));
	if (vexfs_inode_is_value(&di))
		printf("%-12s inode %llu\n", "value of", (unsigned long long)le64_to_cpu(di.i_links[0].l_parent));
	else
		show_links(d, ino, &di);
	show_xattrs(d, ino, &di);
	if (di.i_orphan_next)
		printf("%-12s %llu\n", "next orphan",
		       (unsigned long long)le64_to_cpu(di.i_orphan_next));
	show_content(d, ino, &di);
}

static struct vexfs_tree tree_of(struct dump *d, u64 ino, struct vexfs_inode *di, u32 leaf_magic)
{
	return (struct vexfs_tree){
		.io = &d->img.io, .root = &di->i_root, .owner = ino, .leaf_magic = leaf_magic,
	};
}

/* ---- extents ------------------------------------------------------------- */

static int show_node(void *ctx, struct vexfs_tree *t, u64 blkno, int level, const void *block)
{
	const struct vexfs_mdhdr *h = block;

	if (block && le32_to_cpu(h->h_magic) == VEXFS_MAGIC_CHAIN)
		printf("  chain      block %llu\n", (unsigned long long)blkno);
	else if (block)
		printf("  level %d    block %llu\n", level, (unsigned long long)blkno);
	return 0;
}

/* The change tree: numbers and the inodes that have them. */
static void show_changes(struct vexfs_tree *t)
{
	struct vexfs_kv kv;
	u64 from = 0;

	while (vexfs_bt_find_ge(t, from, &kv) == 0) {
		printf("  change %10llu  inode %llu\n", (unsigned long long)kv.key, (unsigned long long)kv.val);
		from = kv.key + 1;
	}
}

void dump_extents(struct dump *d, u64 ino)
{
	struct vexfs_extent e;
	struct vexfs_inode di;
	struct vexfs_tree t;
	u64 lblk = 0;

	if (!dump_get_inode(d, ino, &di))
		return;
	if (!S_ISREG(le16_to_cpu(di.i_mode)) &&
	    !(S_ISLNK(le16_to_cpu(di.i_mode)) && le64_to_cpu(di.i_size) > VEXFS_SYMLINK_INLINE)) {
		dump_problem(d, "inode %llu: a %s has no extents", (unsigned long long)ino,
			     type_name(le16_to_cpu(di.i_mode)));
		return;
	}
	printf("inode %llu: extents\n", (unsigned long long)ino);
	show_root(&di);
	t = tree_of(d, ino, &di, VEXFS_MAGIC_NODE);
	vexfs_bt_walk(&t, show_node, NULL);
	if (d->img.sb.s_change_ino && ino == le64_to_cpu(d->img.sb.s_change_ino)) {
		show_changes(&t);
		return;
	}
	while (vexfs_ext_next(&t, lblk, &e) == 0) {
		printf("  %10llu  %10llu  %6llu blocks%s\n", (unsigned long long)e.lblk,
		       (unsigned long long)e.pblk, (unsigned long long)e.len,
		       e.flags & VEXFS_EXT_UNWRITTEN ? "  unwritten" : "");
		lblk = e.lblk + e.len;
	}
}

/* ---- directories --------------------------------------------------------- */

static const char *dtype_name(u8 type)
{
	return type < 16 ? type_name(DTTOIF(type)) : "unknown type";
}

static bool show_entry(void *ctx, const struct vexfs_dent *e)
{
	printf("  %10llu  %016llx  %-10s ", (unsigned long long)e->ino,
	       (unsigned long long)e->hash, dtype_name(e->type));
	dump_string(e->name, e->name_len);
	putchar('\n');
	return true;
}

void dump_dir(struct dump *d, u64 ino)
{
	struct vexfs_dir_pos start = { 0 };
	struct vexfs_inode di;
	struct vexfs_tree t;

	if (!dump_get_inode(d, ino, &di))
		return;
	if (!S_ISDIR(le16_to_cpu(di.i_mode))) {
		dump_problem(d, "inode %llu: a %s, not a directory", (unsigned long long)ino,
			     type_name(le16_to_cpu(di.i_mode)));
		return;
	}
	printf("inode %llu: directory, parent %llu, %llu entries\n", (unsigned long long)ino,
	       (unsigned long long)le64_to_cpu(di.i_links[0].l_parent),
	       (unsigned long long)le64_to_cpu(di.i_size));
	show_root(&di);
	t = tree_of(d, ino, &di, VEXFS_MAGIC_DIR);
	vexfs_bt_walk(&t, show_node, NULL);
	vexfs_dir_iterate(&t, &start, show_entry, NULL);
}

/* ---- content ------------------------------------------------------------------ */

/* @len bytes of one extent or hole, from logical byte @off on. */
static bool put_run(struct dump *d, const struct vexfs_extent *e, u64 off, u64 len)
{
	static u8 buf[1 << 16];
	bool data = e->pblk && !(e->flags & VEXFS_EXT_UNWRITTEN);
	u64 at = ((e->pblk - e->lblk) << VEXFS_BLOCK_SHIFT) + off;
	size_t n;

	for (; len; len -= n, at += n) {
		n = len < sizeof(buf) ? len : sizeof(buf);
		memset(buf, 0, n);
		if (data && vexfs_dev_read(&d->dev, at, buf, n)) {
			dump_problem(d, "block %llu cannot be read",
				     (unsigned long long)(at >> VEXFS_BLOCK_SHIFT));
			return false;
		}
		if (fwrite(buf, 1, n, stdout) != n)
			return false;	/* main() reports it */
	}
	return true;
}

void dump_extract(struct dump *d, u64 ino)
{
	struct vexfs_inode di;
	struct vexfs_extent e;
	struct vexfs_tree t;
	u64 off = 0, size, end;

	if (!dump_get_inode(d, ino, &di))
		return;
	if (!S_ISREG(le16_to_cpu(di.i_mode))) {
		dump_problem(d, "inode %llu: a %s, not a file", (unsigned long long)ino,
			     type_name(le16_to_cpu(di.i_mode)));
		return;
	}
	t = tree_of(d, ino, &di, VEXFS_MAGIC_NODE);
	size = le64_to_cpu(di.i_size);
	for (; off < size; off = end) {
		if (vexfs_ext_find(&t, off >> VEXFS_BLOCK_SHIFT, &e))
			return;
		end = (e.lblk + e.len) << VEXFS_BLOCK_SHIFT;
		end = end < size ? end : size;
		if (!put_run(d, &e, off, end - off))
			return;
	}
}
