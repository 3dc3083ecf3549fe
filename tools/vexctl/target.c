// SPDX-License-Identifier: GPL-2.0
/* Files of a VexFS: opening them, finding their root, explaining their errors. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

const char *reason(int err)
{
	switch (-err) {
	case ENOTTY:
		return "it is not on a VexFS: give a path on a mounted one (mount -t vexfs DEVICE DIR)";
	case EUCLEAN:
		return "damage found on disk: see dmesg, unmount and run fsck.vexfs -n on the device";
	case EROFS:
		return "the filesystem is mounted read-only";
	case ENOSPC:
		return "no space left on the filesystem";
	case EACCES:
		return "permission denied: reading an embedding needs read permission on the file and "
		       "the collection, changing one write permission";
	case EPERM:
		return "only root may do this, and to create a collection the owner of the "
		       "filesystem's root directory, to change or drop one its owner";
	case EMEDIUMTYPE:
		return "the collection is for another embedder";
	case EDOM:
		return "an element is NaN or infinite, or the vector is all zero under the cosine metric";
	case ENODATA:
		return "no such embedding: 'vexctl list FILE' shows those there are";
	case ELOOP:
		return "it is a symbolic link: name the file itself";
	default:
		return strerror(-err);
	}
}

static void say_no_collection(const struct target *t, const char *collection)
{
	char names[256];

	collection_names(t, names, sizeof(names));
	if (names[0])
		say_error("collection '%s' does not exist on the filesystem of %s, or is not yours to use; "
			  "there: %s", collection, t->path, names);
	else
		say_error("collection '%s' does not exist on the filesystem of %s: create it with "
			  "'vexctl collection create %s %s --dim N'", collection, t->path, t->path,
			  collection);
}

int target_fail(const struct target *t, const char *collection, const char *doing, int err)
{
	if (err == -ENOENT && collection)
		say_no_collection(t, collection);
	else
		say_error("cannot %s %s: %s", doing, t->path, reason(err));
	return EXIT_FAILED;
}

int target_open(struct target *t, const char *path, int flags)
{
	struct vexfs_ioc_info info;
	int ret = 0;

	t->path = path;
	/* Non-blocking: a FIFO must not hang us, and is refused below. */
	t->fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (t->fd < 0 || fstat(t->fd, &t->st))
		ret = -errno;
	/* Other drivers give the same ioctl numbers other meanings. */
	else if (!S_ISREG(t->st.st_mode) && !S_ISDIR(t->st.st_mode))
		ret = -ENOTTY;
	else
		ret = vexfs_info(t->fd, &info);
	if (!ret)
		return EXIT_OK;
	if (t->fd < 0 && ret == -EACCES)	/* not about embeddings */
		say_error("cannot use %s: %s", path, strerror(-ret));
	else
		target_fail(t, NULL, "use", ret);
	target_close(t);
	return EXIT_FAILED;
}

void target_close(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

int open_regular(int dirfd, const char *path, int flags, struct stat *st)
{
	int fd = openat(dirfd, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st))
		ret = -errno;
	else if (!S_ISREG(st->st_mode))
		ret = -EINVAL;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int open_beneath(int dirfd, const char *path, int flags, struct stat *st)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how)), ret;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, st))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int target_collection(const struct target *t, const char *name, struct vexfs_ioc_collection *c)
{
	int ret = vexfs_collection_info(t->fd, name, c);

	if (!ret && (!c->dim || c->dim > VEXFS_DIM_MAX || !elem_size(c->elem)))
		ret = -EUCLEAN;
	return ret ? target_fail(t, name, "look up the collection on", ret) : EXIT_OK;
}

static int open_parent(int dirfd)
{
	return openat(dirfd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The directory a file is in, or the directory itself. */
static int start_directory(const struct target *t)
{
	char *copy, *slash;
	int fd;

	if (S_ISDIR(t->st.st_mode))
		return openat(t->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	copy = strdup(t->path);
	if (!copy)
		return -1;
	slash = strrchr(copy, '/');
	if (slash)
		slash[slash == copy] = '\0';
	fd = open(slash ? copy : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	return fd;
}

static void path_of(int fd, char *path)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
}

/*
 * Upward until the device number changes, or "/" is its own parent. Only the
 * root counts: whoever may write in some directory below it must not be able to
 * plant a model for searches of others.
 */
int mount_root(const struct target *t, char *path)
{
	int fd = start_directory(t), up;
	struct stat here, above;

	path[0] = '\0';
	if (fd < 0)
		return -errno;
	if (fstat(fd, &here) || here.st_dev != t->st.st_dev) {
		close(fd);
		return -EXDEV;
	}
	while ((up = open_parent(fd)) >= 0) {
		if (fstat(up, &above) || above.st_dev != here.st_dev ||
		    above.st_ino == here.st_ino)
			break;
		close(fd);
		fd = up;
		here = above;
	}
	if (up < 0) {		/* a directory above that we may not search */
		up = -errno;
		close(fd);
		return up;
	}
	close(up);
	path_of(fd, path);
	return fd;
}
