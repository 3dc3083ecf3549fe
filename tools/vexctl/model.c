// SPDX-License-Identifier: GPL-2.0
/* The models of a filesystem's collections: .vexctl/<collection>.<embedder> at its root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/remote.h"

#define NOTE	"external"	/* the collection's embedder is not built in */
#define PREFIXES "prefixes"	/* what it puts before texts */

/* O_NOFOLLOW: a symbolic link in the root could point out of the filesystem. */
static int open_model_dir(int rootfd, bool make)
{
	int fd;

	if (make && mkdirat(rootfd, MODEL_DIR, 0777) && errno != EEXIST)
		return -errno;
	fd = openat(rootfd, MODEL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void name_of(char name[128], const char *collection, const char *embedder)
{
	snprintf(name, 128, "%.63s.%.15s", collection, embedder);
}

/* No collection's name has such a sign. */
static void pinned_name(char name[128], const struct vexfs_ioc_collection *c, const char *embedder)
{
	snprintf(name, 128, "@%u.%llx.%.15s", c->id, (unsigned long long)c->btime, embedder);
}

static bool is_there(int dir, const char *name)
{
	return !faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* What model_pin() has pinned comes first: another collection may have had this name before. */
static void model_name(int dir, char name[128], const char *collection, const char *embedder)
{
	struct vexfs_ioc_collection c;

	if (!vexfs_collection_info(dir, collection, &c)) {
		pinned_name(name, &c, embedder);
		if (is_there(dir, name))
			return;
	}
	name_of(name, collection, embedder);
}

static bool has_file(int dir, const char *collection, const char *what)
{
	char name[128];

	model_name(dir, name, collection, what);
	return is_there(dir, name);
}

bool model_exists(int rootfd, const char *collection)
{
	int dir = open_model_dir(rootfd, false);
	bool there;

	if (dir < 0)
		return false;
	there = has_file(dir, collection, vex_lexical_ops.name) || has_file(dir, collection, vex_static_ops.name) ||
		has_file(dir, collection, NOTE);
	close(dir);
	return there;
}

static int write_note(int dir, const char *collection, const char *what, const char *text)
{
	char name[128], temporary[160];
	int fd, ret = 0;
	ssize_t n;

	model_name(dir, name, collection, what);
	snprintf(temporary, sizeof(temporary), ".%s.%ld", name, (long)getpid());
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	if (n != (ssize_t)strlen(text))
		ret = n < 0 ? -errno : -ENOSPC;
	else if (renameat(dir, temporary, dir, name))
		ret = -errno;
	if (ret)
		unlinkat(dir, temporary, 0);
	close(fd);
	return ret;
}

static void read_note(int dir, const char *collection, const char *what, char *text, size_t room)
{
	char name[128];
	struct stat st;
	ssize_t n;
	int fd;

	model_name(dir, name, collection, what);
	fd = open_regular(dir, name, O_RDONLY, &st);
	n = fd < 0 ? 0 : read(fd, text, room - 1);
	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static int note_dir(const struct target *t, bool make)
{
	char path[PATH_MAX];
	int root = mount_root(t, path), dir;

	if (root < 0)
		return root;
	dir = open_model_dir(root, make);
	close(root);
	return dir;
}

void model_note_read(const struct target *t, const char *collection, char spec[MODEL_NOTE_MAX])
{
	int dir = note_dir(t, false);

	spec[0] = '\0';
	if (dir < 0)
		return;
	read_note(dir, collection, NOTE, spec, MODEL_NOTE_MAX);
	close(dir);
}

void model_note(const struct target *t, const char *collection, const char *spec)
{
	char was[MODEL_NOTE_MAX];
	int dir = note_dir(t, true);

	if (dir < 0)
		return;
	read_note(dir, collection, NOTE, was, sizeof(was));
	if (strcmp(was, spec) && strlen(spec) < sizeof(was))
		write_note(dir, collection, NOTE, spec);
	close(dir);
}

int prefix_note_read(const struct target *t, const char *collection, char *text)
{
	int dir = note_dir(t, false);

	if (dir < 0)
		return dir;
	read_note(dir, collection, PREFIXES, text, PREFIX_NOTE_MAX);
	close(dir);
	return 0;
}

int prefix_note_write(const struct target *t, const char *collection, const char *text)
{
	char *was = malloc(PREFIX_NOTE_MAX);
	int dir = was ? note_dir(t, true) : -ENOMEM, ret = dir < 0 ? dir : 0;

	if (dir >= 0) {
		read_note(dir, collection, PREFIXES, was, PREFIX_NOTE_MAX);
		if (strcmp(was, text) != 0)
			ret = write_note(dir, collection, PREFIXES, text);
		close(dir);
	}
	free(was);
	return ret;
}

int model_load(int rootfd, const char *collection, const char *embedder, struct vex_embedder **out)
{
	char name[128];
	int dir = open_model_dir(rootfd, false), ret;

	if (dir < 0)
		return dir;
	model_name(dir, name, collection, embedder);
	ret = vex_model_load(dir, name, out);
	close(dir);
	if (!ret && strcmp((*out)->ops->name, embedder)) {
		vex_embedder_destroy(*out);
		ret = -EBADMSG;
	}
	return ret;
}

int model_save(int rootfd, const char *collection, struct vex_embedder *e)
{
	char name[128];
	int dir = open_model_dir(rootfd, true), ret;

	if (dir < 0)
		return dir;
	model_name(dir, name, collection, e->ops->name);
	ret = vex_model_save(e, dir, name);
	if (!ret && fsync(dir))	/* the name as well as the contents */
		ret = -errno;
	close(dir);
	return ret;
}

/* What begins so: with the name or the number of a collection, and a dot. Whichever embedder it is of. */
typedef int each_fn(int dir, const char *name, const char *kind, const char *to);

/* Number of files, or the first error. */
static int each_file(int dir, const char *prefix, each_fn *fn, const char *to)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0, n = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	size_t len = strlen(prefix);
	struct dirent *e;

	if (!d) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (ret >= 0 && (e = readdir(d)))
		if (!strncmp(e->d_name, prefix, len)) {
			ret = fn(dir, e->d_name, e->d_name + len, to);
			n++;
		}
	closedir(d);
	return ret < 0 ? ret : n;
}

static int remove_file(int dir, const char *name, const char *kind, const char *to)
{
	return unlinkat(dir, name, 0) ? -errno : 0;
}

static int pin_file(int dir, const char *name, const char *kind, const char *to)
{
	char pinned[512];

	snprintf(pinned, sizeof(pinned), "%s%s", to, kind);
	if (is_there(dir, pinned))
		return 0;
	return renameat(dir, name, dir, pinned) ? -errno : 0;
}

/* A file of the collection's name is its own only if none has been pinned. */
void model_remove(int rootfd, const struct vexfs_ioc_collection *c)
{
	char name[128], pinned[128];
	int dir = open_model_dir(rootfd, false);

	if (dir < 0)
		return;
	name_of(name, c->name, "");
	pinned_name(pinned, c, "");
	if (!each_file(dir, pinned, remove_file, NULL))
		each_file(dir, name, remove_file, NULL);
	close(dir);
}

int model_pin(int rootfd, const struct vexfs_ioc_collection *c)
{
	char name[128], pinned[128];
	int dir = open_model_dir(rootfd, false), ret;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	name_of(name, c->name, "");
	pinned_name(pinned, c, "");
	ret = each_file(dir, name, pin_file, pinned);
	if (ret > 0)
		ret = fsync(dir) ? -errno : 0;
	close(dir);
	return ret;
}

int model_encode(struct vector *v, const struct vexfs_ioc_collection *c, void *out)
{
	size_t where;

	if (c->elem == VEXFS_IOC_I8)
		vector_stretch_i8(v);
	return vector_encode(v, c->elem, out, &where);
}

int model_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len,
		const struct vexfs_ioc_collection *c, void *out)
{
	struct vector v = { .v = malloc(e->dim * sizeof(float)), .n = e->dim };
	int ret;

	if (!v.v)
		return -ENOMEM;
	ret = e->ops->embed(e, kind, text, len, v.v);
	if (!ret)
		ret = model_encode(&v, c, out);
	vector_free(&v);
	return ret;
}
