// SPDX-License-Identifier: GPL-2.0
/* vexctl export: files of embeddings, written record by record */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/transfer.h"

static int cannot_write(const char *name, int err)
{
	say_error("cannot write %s: %s", name, strerror(err));
	return EXIT_FAILED;
}

/* A file beside @name, under another name until it is whole; *@part NULL: @name is a device. */
static int open_part(const char *name, char **part, FILE **f)
{
	struct stat st;
	int fd, err;

	if (!stat(name, &st) && !S_ISREG(st.st_mode)) {
		*f = fopen(name, "we");
		return *f ? EXIT_OK : cannot_write(name, errno);
	}
	if (asprintf(part, "%s.part-%ld", name, (long)getpid()) < 0)
		return cannot_write(name, ENOMEM);
	fd = open(*part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	*f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (*f)
		return EXIT_OK;
	err = errno;
	if (fd >= 0)
		close(fd);
	free(*part);
	*part = NULL;
	return cannot_write(name, err);
}

int sink_open(struct sink *s, const struct options *opt, enum transfer_format format,
	      const struct vexfs_ioc_collection *c)
{
	char head[NPY_HEAD] = "";
	int ret = EXIT_OK;

	s->name = opt->output && strcmp(opt->output, "-") ? opt->output : NULL;
	s->format = format;
	s->elem = c->elem;
	s->dim = c->dim;
	s->f = stdout;
	if (s->name)
		ret = open_part(s->name, &s->part, &s->f);
	if (!ret && has_side_file(format)) {
		s->side_name = side_file(opt, s->name);
		ret = s->side_name ? open_part(s->side_name, &s->side_part, &s->side) :
				     cannot_write(s->name, ENOMEM);
	}
	if (!ret && format == FORMAT_NPY)	/* how many rows, sink_done() tells */
		fwrite(head, sizeof(head), 1, s->f);
	return ret;
}

static struct json_object *vector_json(const struct sink *s, const struct vector *v)
{
	struct json_object *a = json_object_new_array();
	size_t i;

	for (i = 0; i < v->n; i++)
		json_object_array_add(a, json_double((double)v->v[i], s->elem == VEXFS_IOC_F16 ? "%.5g" : "%.9g"));
	return a;
}

static void put_json(struct sink *s, const struct record *r)
{
	struct json_object *o = json_object_new_object(), *range = json_object_new_object();

	json_add_path(o, r->path, strlen(r->path));
	json_object_object_add(o, "chunk", json_object_new_int64(r->chunk));
	json_object_object_add(range, "offset", json_object_new_uint64(r->off));
	json_object_object_add(range, "length", json_object_new_uint64(r->len));
	json_object_object_add(o, "range", range);
	json_object_object_add(o, "stale", json_object_new_boolean(r->stale));
	json_object_object_add(o, "vector", vector_json(s, &r->v));
	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE), s->f);
	putc('\n', s->f);
	json_object_put(o);
}

static void put_place(FILE *f, const struct record *r)
{
	copy_path(f, r->path);
	fprintf(f, "\t%u\t%llu\t%llu", r->chunk, (unsigned long long)r->off, (unsigned long long)r->len);
}

static void put_copy(struct sink *s, const struct record *r)
{
	size_t i;

	put_place(s->f, r);
	for (i = 0; i < r->v.n; i++)
		fprintf(s->f, s->elem == VEXFS_IOC_F16 ? "%s%.5g" : "%s%.9g", i ? "," : "\t[",
			(double)r->v.v[i]);
	fputs("]\n", s->f);
}

static void put_row(struct sink *s, const struct record *r, const void *raw, size_t bytes)
{
	uint32_t dim = htole32(s->dim);
	size_t i;

	if (s->format == FORMAT_FVECS) {	/* of float32, whatever the collection has */
		fwrite(&dim, sizeof(dim), 1, s->f);
		for (i = 0; i < r->v.n; i++) {
			uint32_t bits;

			memcpy(&bits, &r->v.v[i], sizeof(bits));
			bits = htole32(bits);
			fwrite(&bits, sizeof(bits), 1, s->f);
		}
	} else {
		fwrite(raw, bytes, 1, s->f);
	}
	put_place(s->side, r);
	putc('\n', s->side);
}

int sink_put(struct sink *s, const struct record *r, const void *raw, size_t bytes)
{
	errno = 0;
	if (s->format == FORMAT_JSONL)
		put_json(s, r);
	else if (s->format == FORMAT_COPY)
		put_copy(s, r);
	else
		put_row(s, r, raw, bytes);
	s->rows++;
	if (ferror(s->f) || (s->side && ferror(s->side)))
		return cannot_write(s->name ? s->name : "standard output", errno ? errno : EIO);
	return EXIT_OK;
}

static int finish(FILE *f, bool whole, const char *name)
{
	int err = 0;

	if (fflush(f) || ferror(f) || (whole && fsync(fileno(f))))
		err = errno ? errno : EIO;
	if (fclose(f) && !err)
		err = errno;
	return err ? cannot_write(name, err) : EXIT_OK;
}

static int finish_npy(struct sink *s)
{
	char head[NPY_HEAD];

	npy_head(head, s->elem, s->rows, s->dim);
	if (!fseek(s->f, 0, SEEK_SET) && fwrite(head, sizeof(head), 1, s->f) == 1)
		return EXIT_OK;
	return cannot_write(s->name, errno);
}

static int name_part(char **part, const char *name)
{
	if (*part && rename(*part, name))
		return cannot_write(name, errno);
	free(*part);
	*part = NULL;
	return EXIT_OK;
}

int sink_done(struct sink *s)
{
	int ret = s->format == FORMAT_NPY ? finish_npy(s) : EXIT_OK;

	if (!ret && !s->name)
		return EXIT_OK;		/* standard output is flushed by main */
	if (!ret) {
		ret = finish(s->f, s->part, s->name);
		s->f = NULL;
	}
	if (!ret && s->side) {
		ret = finish(s->side, s->side_part, s->side_name);
		s->side = NULL;
	}
	if (!ret && s->side_name)
		ret = name_part(&s->side_part, s->side_name);
	return ret ? ret : name_part(&s->part, s->name);
}

void sink_drop(struct sink *s)
{
	if (s->f && s->name)
		fclose(s->f);
	if (s->side)
		fclose(s->side);
	if (s->part)
		unlink(s->part);
	if (s->side_part)
		unlink(s->side_part);
	free(s->part);
	free(s->side_part);
	free(s->side_name);
}
