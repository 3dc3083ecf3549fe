// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180
 *
 * mkfs.vexfs --populate: a tree made on a mounted VexFS, copied into an image by mkfs, and that image mounted: names,
 * inodes, content and attributes are the same.
 */
#include <ftw.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "tests/guest/guest.h"

#define ENTRIES	3000

/* ---- a tree as one number per path, added up --------------------------------- */

static unsigned long long sum;
static size_t prefix;

static void mix(unsigned long long *h, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n--)
		*h = (*h ^ *p++) * 0x100000001b3ULL;
}

static void mix_number(unsigned long long *h, unsigned long long n)
{
	mix(h, &n, sizeof(n));
}

static void mix_content(unsigned long long *h, const char *path)
{
	static char buf[65536];
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		ktap_bail("open %s", path);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		mix(h, buf, n);
	close(fd);
	if (n < 0)
		ktap_bail("read %s", path);
}

static void mix_xattrs(unsigned long long *h, const char *path)
{
	static char names[65536], value[65536];
	ssize_t n = llistxattr(path, names, sizeof(names)), len;
	char *name;

	for (name = names; name < names + n; name += strlen(name) + 1) {
		len = lgetxattr(path, name, value, sizeof(value));
		if (len < 0)
			ktap_bail("%s: %s", path, name);
		mix(h, name, strlen(name));
		mix(h, value, len);
	}
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	unsigned long long h = 0xcbf29ce484222325ULL;
	char target[4096];

	mix(&h, path + prefix, strlen(path + prefix));
	mix_number(&h, st->st_mode);
	mix_number(&h, st->st_uid);
	mix_number(&h, st->st_gid);
	mix_number(&h, st->st_nlink);
	mix_number(&h, st->st_rdev);
	mix_number(&h, st->st_size);
	mix_number(&h, st->st_mtim.tv_sec);
	mix_number(&h, st->st_mtim.tv_nsec);
	if (S_ISREG(st->st_mode))
		mix_content(&h, path);
	if (S_ISLNK(st->st_mode))
		mix(&h, target, readlink(path, target, sizeof(target)));
	mix_xattrs(&h, path);
	sum += h;
	return 0;
}

static unsigned long long tree_sum(void)
{
	sum = 0;
	prefix = strlen(guest_mnt);
	if (nftw(guest_mnt, visit, 20, FTW_PHYS))
		ktap_bail("walk");
	return sum;
}

/* ---- the tree ------------------------------------------------------------------- */

static void put(const char *name, off_t off, const void *data, size_t n)
{
	int fd = open(guest_at(name), O_RDWR | O_CREAT, 0644);

	if (fd < 0 || pwrite(fd, data, n, off) != (ssize_t)n)
		ktap_bail("write %s", name);
	close(fd);
}

static int make_attrs(void)
{
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 0xe8, 3, 0, 0,
		4, 0, 4, 0, 255, 255, 255, 255, 16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255 };
	static char value[65536];

	memset(value, 'v', sizeof(value));
	return setxattr(guest_at("file"), "user.small", "1", 1, 0) ||
	       setxattr(guest_at("file"), "user.mid", value, 2000, 0) ||
	       setxattr(guest_at("file"), "trusted.large", value, sizeof(value), 0) ||
	       setxattr(guest_at("file"), "system.posix_acl_access", acl, sizeof(acl), 0) ||
	       setxattr(guest_at("dir"), "system.posix_acl_default", acl, sizeof(acl), 0) ||
	       lsetxattr(guest_at("short"), "security.test", "s", 1, 0);
}

static int make_names(void)
{
	char name[64], target[4096];
	int i, err = 0;

	memset(target, 't', sizeof(target) - 1);
	target[4095] = 0;
	for (i = 0; i < ENTRIES && !err; i++) {
		snprintf(name, sizeof(name), "dir/entry-%05d", i);
		err = mknod(guest_at(name), S_IFREG | 0600, 0);
	}
	for (i = 0; i < 20 && !err; i++) {
		snprintf(name, sizeof(name), "dir/link-%d", i);
		err = link(guest_at("file"), guest_at(name));
	}
	return err || symlink("file", guest_at("short")) || symlink(target, guest_at("long")) ||
	       mknod(guest_at("device"), S_IFCHR | 0640, makedev(259, 70000)) ||
	       mknod(guest_at("socket"), S_IFSOCK | 0600, 0) || mkfifo(guest_at("fifo"), 0600) ||
	       lchown(guest_at("short"), 7, 8) || chmod(guest_at("fifo"), 06711);
}

static bool make_tree(void)
{
	static char data[1 << 20];
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 2654435761U >> 24;
	if (mkdir(guest_at("dir"), 01770))
		return false;
	put("file", 0, data, 5000);
	put("file", 20 << 20, data, sizeof(data));
	return !make_names() && !make_attrs();
}

static bool populate(const char *image)
{
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -d %s %s 64M && fsck.vexfs -n %s", guest_mnt, image, image);
	return guest_run(cmd) == 0;
}

static bool to_disk(const char *image)
{
	char cmd[700];

	snprintf(cmd, sizeof(cmd), "dd if=%s of=%s bs=1M 2>/dev/null && rm %s", image, guest_disk, image);
	return guest_run(cmd) == 0;
}

int main(void)
{
	unsigned long long before, after;
	char image[300];

	guest_setup();
	snprintf(image, sizeof(image), "%s/image", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ktap_plan(5);
	ktap(!guest_mkfs("") && !guest_mount("") && make_tree(), "a tree of everything is made");
	before = tree_sum();
	ktap(populate(image), "mkfs --populate makes an image of it, fsck finds nothing");
	umount(guest_mnt);
	ktap(to_disk(image) && !guest_mount(""), "the image is mounted");
	after = tree_sum();
	ktap(before == after, "it is the same tree");
	put("dir/new", 0, "x", 1);
	ktap(!unlink(guest_at("dir/entry-00000")) && !unlink(guest_at("file")) && !umount(guest_mnt) && !guest_fsck(),
		"and can be changed");
	return ktap_exit();
}
