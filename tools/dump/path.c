// SPDX-License-Identifier: GPL-2.0
/* --ls and --cat: by path instead of by number. Symbolic links are not followed. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/dump/dump.h"

/* One step of a path. False: reported. */
static bool step(struct dump *d, u64 *ino, const char *path, const char *name, size_t len)
{
	struct vexfs_inode di;
	struct vexfs_tree t = {
		.io = &d->img.io, .root = &di.i_root, .owner = *ino, .leaf_magic = VEXFS_MAGIC_DIR,
	};
	int err = -1;
	u8 type;

	if (!dump_get_inode(d, *ino, &di))
		return false;
	if (len == 1 && *name == '.')
		return true;
	if (S_ISDIR(le16_to_cpu(di.i_mode)) && len == 2 && !memcmp(name, "..", 2)) {
		*ino = le64_to_cpu(di.i_links[0].l_parent);
		return true;
	}
	if (S_ISDIR(le16_to_cpu(di.i_mode)) && len <= VEXFS_NAME_LEN)
		err = vexfs_dir_lookup(&t, vexfs_dir_hash(d->img.geo.hash_key, name, len), name, len, ino, &type);
	if (err)
		dump_problem(d, "%s: no '%.*s' in inode %llu", path, (int)len, name, (unsigned long long)*ino);
	return !err;
}

static bool resolve(struct dump *d, const char *path, u64 *ino)
{
	const char *p = path;
	size_t len;

	for (*ino = VEXFS_ROOT_INO; *p; p += len) {
		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len && !step(d, ino, path, p, len))
			return false;
	}
	return true;
}

/* ---- a list, as ls -li has it ---------------------------------------------------- */

static void show_line(struct dump *d, u64 ino, const char *name, u32 len)
{
	struct vexfs_inode di;

	if (!dump_get_inode(d, ino, &di))
		return;
	printf("%8llu %06o %4u %5u %5u %12llu ", (unsigned long long)ino, le16_to_cpu(di.i_mode),
	       le32_to_cpu(di.i_nlink), le32_to_cpu(di.i_uid), le32_to_cpu(di.i_gid),
	       (unsigned long long)le64_to_cpu(di.i_size));
	dump_string(name, len);
	putchar('\n');
}

static bool show_entry(void *ctx, const struct vexfs_dent *e)
{
	show_line(ctx, e->ino, e->name, e->name_len);
	return true;
}

void dump_ls(struct dump *d, const char *path)
{
	struct vexfs_dir_pos pos = { 0 };
	struct vexfs_inode di;
	struct vexfs_tree t = { .io = &d->img.io, .root = &di.i_root, .leaf_magic = VEXFS_MAGIC_DIR };
	u64 ino;

	if (!resolve(d, path, &ino) || !dump_get_inode(d, ino, &di))
		return;
	t.owner = ino;
	if (S_ISDIR(le16_to_cpu(di.i_mode)))
		vexfs_dir_iterate(&t, &pos, show_entry, d);
	else
		show_line(d, ino, path, strlen(path));
}

void dump_cat(struct dump *d, const char *path)
{
	u64 ino;

	if (resolve(d, path, &ino))
		dump_extract(d, ino);
}
