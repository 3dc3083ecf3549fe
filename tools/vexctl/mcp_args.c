// SPDX-License-Identifier: GPL-2.0
/* vexctl mcp: arguments of tools; a client is as little trusted as any other input */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/mcp.h"

static struct json_object *argument(struct json_object *args, const char *key)
{
	struct json_object *v = NULL;

	if (args)
		json_object_object_get_ex(args, key, &v);
	return v;
}

bool mcp_text(struct json_object *args, const char *key, size_t max, const char **out, struct mcp_result *r)
{
	struct json_object *v = argument(args, key);
	size_t len;

	if (!v)
		return true;
	if (!json_object_is_type(v, json_type_string))
		return mcp_wrong(r, "'%s' must be a string", key);
	len = (size_t)json_object_get_string_len(v);
	if (len > max)
		return mcp_wrong(r, "'%s' is longer than %zu bytes", key, max);
	*out = json_object_get_string(v);
	if (strlen(*out) != len)
		return mcp_wrong(r, "'%s' has a NUL character in it", key);
	return true;
}

bool mcp_number(struct json_object *args, const char *key, uint64_t min, uint64_t max, uint64_t *out,
		struct mcp_result *r)
{
	struct json_object *v = argument(args, key);

	if (!v)
		return true;
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0 ||
	    json_object_get_uint64(v) < min || json_object_get_uint64(v) > max)
		return mcp_wrong(r, "'%s' must be an integer from %llu to %llu", key, (unsigned long long)min,
				 (unsigned long long)max);
	*out = json_object_get_uint64(v);
	return true;
}

bool mcp_share(struct json_object *args, const char *key, double *out, struct mcp_result *r)
{
	struct json_object *v = argument(args, key);
	double d;

	if (!v)
		return true;
	d = json_object_get_double(v);
	if ((!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int)) ||
	    !(d >= 0 && d <= 1))
		return mcp_wrong(r, "'%s' must be a number from 0 to 1", key);
	*out = d;
	return true;
}

bool mcp_flag(struct json_object *args, const char *key, bool *out, struct mcp_result *r)
{
	struct json_object *v = argument(args, key);

	if (!v)
		return true;
	if (!json_object_is_type(v, json_type_boolean))
		return mcp_wrong(r, "'%s' must be true or false", key);
	*out = json_object_get_boolean(v);
	return true;
}

/* What is left of an absolute @path below the directory; NULL: it is not below it. */
static const char *below(const struct mcp_dir *d, const char *path)
{
	size_t len = strlen(d->path);

	if (!strcmp(d->path, "/"))
		len = 0;
	if (strncmp(path, d->path, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len + strspn(path + len, "/");
}

static const struct mcp_dir *find_dir(const struct mcp *m, const char **path, struct mcp_result *r)
{
	const char *rest, *best = NULL;
	const struct mcp_dir *dir = NULL;
	size_t i;

	if (**path != '/') {
		if (m->ndirs == 1)
			return &m->dir[0];
		mcp_fail(r, "several directories are served: give an absolute path, for example %s",
			 m->dir[0].path);
		return NULL;
	}
	for (i = 0; i < m->ndirs; i++) {
		rest = below(&m->dir[i], *path);
		if (rest && (!best || rest > best)) {	/* the deepest */
			best = rest;
			dir = &m->dir[i];
		}
	}
	if (!dir)
		mcp_fail(r, "%s is outside of the directories that are served", *path);
	else
		*path = best;
	return dir;
}

static const char *open_error(int err)
{
	switch (-err) {
	case EXDEV:
		return "it leads out of the directories that are served";
	case ELOOP:
		return "a part of it is a symbolic link";
	default:
		return strerror(-err);
	}
}

static char *path_of(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	return n > 0 ? strndup(path, (size_t)n) : NULL;
}

int mcp_open(const struct mcp *m, const char *path, int flags, char **whole, struct mcp_result *r)
{
	const char *rest = path ? path : "";
	const struct mcp_dir *dir = find_dir(m, &rest, r);
	struct stat st;
	int fd;

	if (!dir)
		return -1;
	fd = open_beneath(dir->fd, *rest ? rest : ".", flags, &st);
	if (fd >= 0 && !(flags & O_DIRECTORY) && !S_ISREG(st.st_mode)) {
		close(fd);
		fd = -EINVAL;
	}
	if (fd < 0) {
		mcp_fail(r, "cannot open %s: %s", path ? path : dir->path,
			 fd == -EINVAL ? "it is not a regular file" : open_error(fd));
		return -1;
	}
	*whole = path_of(fd);
	if (*whole)
		return fd;
	mcp_fail(r, "cannot open %s: its path is not known", path ? path : dir->path);
	close(fd);
	return -1;
}

struct json_object *mcp_safe(const char *text, size_t len)
{
	const char *p = text, *end = text + len, *line;
	struct json_object *o = NULL;
	char *safe = NULL;
	size_t room, most;
	FILE *f = open_memstream(&safe, &room);

	while (f && p < end) {
		line = memchr(p, '\n', (size_t)(end - p));
		if (!line)
			line = end;
		most = SIZE_MAX;
		print_text(f, p, (size_t)(line - p), &most);
		if (line < end)
			putc('\n', f);
		p = line + 1;
	}
	if (f && !fclose(f))
		o = json_text(safe, room);
	free(safe);
	return o;
}
