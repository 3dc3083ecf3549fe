// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl export --follow: the state file
 *
 * The first line says whose state it is. Then batches, each of lines "F" (a file, with its path), "C" (an embedding of
 * the file before), "D" (a delete), "H" (deletes up to this batch are forgotten), "R" (those of later batches than this
 * one follow anew) and at last "S": number of the batch and a sum of its bytes. A batch is added and flushed; a part of one at the end is cut off when the file is read. When
 * the file has grown to twice its size it is written anew, under another name, and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "tools/vexctl/follow.h"

#define HEAD		"vexctl-follow 1 "
#define SMALL		(1u << 20)	/* a file is not written anew before it has grown by that */

static int fail(const struct state *s, const char *doing, int err)
{
	say_error("cannot %s the state file %s: %s", doing, s->name, strerror(-err));
	return EXIT_FAILED;
}

static uint64_t sum_of(uint64_t sum, const char *p, size_t n)
{
	while (n--)
		sum = (sum ^ (unsigned char)*p++) * 0x100000001b3u;
	return sum;
}
#define SUM_FIRST	0xcbf29ce484222325u

/* ---- writing ------------------------------------------------------------------------ */

static void put_path(FILE *f, const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path <= ' ' || *path == '%' || *path == 0x7f)
			fprintf(f, "%%%02x", (unsigned char)*path);
		else
			putc(*path, f);
}

static void put_file(FILE *out, const struct known_file *f)
{
	size_t i;

	fprintf(out, "F %" PRIx64 " %x %llx %lx %" PRIx64 " ", f->ino, f->generation,
		(unsigned long long)f->ctime.tv_sec, f->ctime.tv_nsec, f->path_at);
	put_path(out, f->path);
	putc('\n', out);
	for (i = 0; i < f->n; i++)
		fprintf(out, "C %x %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", f->chunk[i].chunk, f->chunk[i].digest,
			f->chunk[i].set_at, f->chunk[i].stale_at);
}

static void put_gone(FILE *out, const struct gone *g)
{
	fprintf(out, "D %" PRIx64 " %x %x %" PRIx64 "\n", g->ino, g->generation, g->chunk, g->at);
}

static int empty_log(struct state *s)
{
	if (s->log_f)
		fclose(s->log_f);
	free(s->log);
	s->log = NULL;
	s->log_f = open_memstream(&s->log, &s->log_len);
	return s->log_f ? 0 : -ENOMEM;
}

/* The batch is in s->log; its last line, and all of it to @fd. */
static int put_batch(struct state *s, int fd, uint64_t seq)
{
	const char *p;
	size_t left;
	ssize_t n;
	int err;

	fflush(s->log_f);
	fprintf(s->log_f, "S %" PRIx64 " %" PRIx64 "\n", seq, sum_of(SUM_FIRST, s->log, s->log_len));
	err = fflush(s->log_f) ? -ENOMEM : 0;
	for (p = s->log, left = s->log_len; !err && left; left -= (size_t)n, p += n) {
		n = write(fd, p, left);
		if (n < 0 && errno != EINTR)
			err = -errno;
		n = n < 0 ? 0 : n;
	}
	if (!err && fdatasync(fd))
		err = -errno;
	s->bytes += s->log_len;
	return err ? err : empty_log(s);
}

static int put_all(struct state *s)
{
	const struct known_file *f;
	size_t i;

	if (empty_log(s))
		return -ENOMEM;
	fprintf(s->log_f, "%s%016" PRIx64 " %s\nH %" PRIx64 "\n", HEAD, s->id, s->owner, s->horizon);
	for (i = 0; i < s->ngone; i++)
		put_gone(s->log_f, &s->gone[i]);
	for (i = 0; i < s->buckets; i++)
		for (f = s->hash[i]; f; f = f->next)
			if (f->n)
				put_file(s->log_f, f);
	return 0;
}

static int sync_directory(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *dir = slash ? strndup(name, (size_t)(slash - name) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, err;

	free(dir);
	if (fd < 0)
		return -errno;
	err = fsync(fd) ? -errno : 0;
	close(fd);
	return err;
}

/* Under another name until it is whole, and locked before it has its name. */
static int write_anew(struct state *s)
{
	char *part;
	int fd = -1, err = 0;

	if (asprintf(&part, "%s.part", s->name) < 0)
		return -ENOMEM;
	unlink(part);		/* of a run that was killed: the lock is ours */
	fd = open(part, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		err = -errno;
	s->bytes = 0;
	if (!err)
		err = put_all(s);
	if (!err)
		err = put_batch(s, fd, s->seq);
	if (!err && rename(part, s->name))
		err = -errno;
	if (!err)
		err = sync_directory(s->name);
	if (err && fd >= 0) {
		close(fd);
		unlink(part);
	} else if (!err) {
		close(s->fd);
		s->fd = fd;
		s->whole = s->bytes;
	}
	free(part);
	return err;
}

int state_commit(struct state *s)
{
	size_t i;
	int err;

	s->seq++;
	for (i = 0; i < s->ndirty; i++) {
		s->dirty[i]->dirty = false;
		if (s->name && s->dirty[i]->n)
			put_file(s->log_f, s->dirty[i]);
	}
	s->ndirty = 0;
	if (!s->name)
		return EXIT_OK;
	if (s->rewound)
		fprintf(s->log_f, "R %" PRIx64 "\n", s->rewound);
	s->rewound = 0;
	for (i = s->ngone; i && s->gone[i - 1].at == s->seq; i--)
		put_gone(s->log_f, &s->gone[i - 1]);
	if (s->bytes > 2 * s->whole + SMALL)
		err = write_anew(s);
	else
		err = put_batch(s, s->fd, s->seq);
	return err ? fail(s, "write", err) : EXIT_OK;
}

int state_reset(struct state *s)
{
	int err;

	state_clear(s);
	if (getrandom(&s->id, sizeof(s->id), 0) != (ssize_t)sizeof(s->id))
		s->id = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	s->id |= 1;		/* 0 is no mark */
	if (!s->name)
		return EXIT_OK;
	err = write_anew(s);
	return err ? fail(s, "write", err) : EXIT_OK;
}

/* ---- reading ------------------------------------------------------------------------ */

static char *take_path(const char *text)
{
	char *path = strdup(text), *out = path;
	unsigned int byte;

	if (!path)
		return NULL;
	for (; *text; text++) {
		if (*text == '%' && sscanf(text + 1, "%2x", &byte) == 1 && byte) {
			*out++ = (char)byte;
			text += 2;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
	return path;
}

/* "F ...": what was known of the file before is replaced. */
static int take_file(struct state *s, const char *line, struct known_file **f)
{
	uint64_t ino, at;
	unsigned int generation;
	unsigned long long sec;
	unsigned long nsec;
	int end = -1;

	if (sscanf(line, "F %" SCNx64 " %x %llx %lx %" SCNx64 " %n", &ino, &generation, &sec, &nsec, &at, &end) != 5 ||
	    end < 0)
		return -EINVAL;
	*f = state_find(s, ino);
	if (*f)
		state_remove(s, *f);
	*f = state_add(s, ino, generation);
	if (!*f)
		return -ENOMEM;
	(*f)->ctime = (struct timespec){ (time_t)sec, (long)nsec };
	(*f)->path_at = at;
	(*f)->path = take_path(line + end);
	return (*f)->path ? 0 : -ENOMEM;
}

static int take_chunk(struct known_file *f, const char *line)
{
	struct known_chunk c = { 0 }, *k;

	if (!f || sscanf(line, "C %x %" SCNx64 " %" SCNx64 " %" SCNx64, &c.chunk, &c.digest, &c.set_at,
			 &c.stale_at) != 4)
		return -EINVAL;
	k = known_chunk_add(f, c.chunk);
	if (!k)
		return -ENOMEM;
	*k = c;
	return 0;
}

/* A file all of whose embeddings are gone has no other line. */
static int take_gone(struct state *s, const char *line)
{
	struct known_file *f, none = { 0 };
	struct known_chunk *c;
	struct gone g;

	if (sscanf(line, "D %" SCNx64 " %x %x %" SCNx64, &g.ino, &g.generation, &g.chunk, &g.at) != 4)
		return -EINVAL;
	none.ino = g.ino;
	none.generation = g.generation;
	f = state_find(s, g.ino);
	if (f && f->generation == g.generation) {
		c = g.chunk == GONE_ALL ? NULL : known_chunk(f, g.chunk);
		if (c && c->set_at < g.at) {
			memmove(c, c + 1, (size_t)(f->chunk + --f->n - c) * sizeof(*c));
		} else if (g.chunk == GONE_ALL && f->path_at < g.at) {
			state_remove(s, f);
			f = NULL;
		}
		if (f && !f->n)
			state_remove(s, f);
	}
	return state_gone(s, &none, g.chunk, g.at);
}

static int take_rewind(struct state *s, const char *line)
{
	uint64_t since;

	if (sscanf(line, "R %" SCNx64, &since) != 1)
		return -EINVAL;
	while (s->ngone && s->gone[s->ngone - 1].at > since)
		s->ngone--;
	return 0;
}

static int take_line(struct state *s, const char *line, struct known_file **f)
{
	uint64_t sum;

	switch (line[0]) {
	case 'F':
		return take_file(s, line, f);
	case 'C':
		return take_chunk(*f, line);
	case 'D':
		return take_gone(s, line);
	case 'R':
		return take_rewind(s, line);
	case 'H':
		return sscanf(line, "H %" SCNx64, &s->horizon) == 1 ? 0 : -EINVAL;
	case 'S':
		return sscanf(line, "S %" SCNx64 " %" SCNx64, &s->seq, &sum) == 2 ? 0 : -EINVAL;
	default:
		return strncmp(line, HEAD, strlen(HEAD)) ? -EINVAL : 0;
	}
}

/* How many bytes of the file are whole batches. */
static off_t whole_batches(FILE *f, char **line, size_t *room)
{
	uint64_t sum = SUM_FIRST, seq, said;
	off_t at = 0, whole = 0;
	ssize_t n;

	while ((n = getline(line, room, f)) > 0 && (*line)[n - 1] == '\n') {
		at += n;
		if ((*line)[0] != 'S') {
			sum = sum_of(sum, *line, (size_t)n);
			continue;
		}
		if (sscanf(*line, "S %" SCNx64 " %" SCNx64, &seq, &said) != 2 || said != sum)
			break;
		whole = at;
		sum = SUM_FIRST;
	}
	return whole;
}

static int check_owner(struct state *s, FILE *f, char **line, size_t *room)
{
	ssize_t n = getline(line, room, f);

	if (n <= 0 || sscanf(*line, HEAD "%16" SCNx64, &s->id) != 1 || n < (ssize_t)strlen(HEAD) + 18) {
		say_error("%s is not a state file of 'vexctl export --follow': give another name", s->name);
		return EXIT_FAILED;
	}
	(*line)[n - 1] = '\0';
	if (!strcmp(*line + strlen(HEAD) + 17, s->owner))
		return EXIT_OK;
	say_error("%s is the state of another directory or collection (%s): give another name", s->name,
		  *line + strlen(HEAD) + 17);
	return EXIT_FAILED;
}

static int read_batches(struct state *s, FILE *f)
{
	struct known_file *file = NULL;
	char *line = NULL;
	size_t room = 0;
	off_t whole, at = 0;
	ssize_t n;
	int ret = check_owner(s, f, &line, &room), err = 0;

	rewind(f);
	whole = ret ? 0 : whole_batches(f, &line, &room);
	rewind(f);
	while (!ret && !err && at < whole && (n = getline(&line, &room, f)) > 0) {
		at += n;
		line[n - 1] = '\0';
		err = take_line(s, line, &file);
	}
	free(line);
	if (!ret && !err && (ftruncate(s->fd, whole) || at != whole))
		err = -EIO;
	s->bytes = s->whole = (uint64_t)whole;
	return err ? fail(s, "read", err) : ret;
}

/* The file has its name still: whoever wrote it anew meanwhile has another lock. */
static int lock(const struct state *s)
{
	struct stat a, b;

	if (!flock(s->fd, LOCK_EX | LOCK_NB) && !fstat(s->fd, &a) && !stat(s->name, &b) && a.st_ino == b.st_ino)
		return EXIT_OK;
	say_error("the state file %s is in use by another 'vexctl export --follow'", s->name);
	return EXIT_FAILED;
}

int state_load(struct state *s)
{
	struct stat st;
	FILE *f;
	int ret;

	s->fd = open(s->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	if (s->fd < 0 || fstat(s->fd, &st))
		return fail(s, "open", -errno);
	if (!S_ISREG(st.st_mode)) {
		say_error("%s is not a regular file: a state file is written anew now and then", s->name);
		return EXIT_FAILED;
	}
	ret = lock(s);
	if (ret || !st.st_size)
		return ret ? ret : state_reset(s);
	f = fopen(s->name, "re");
	if (!f)
		return fail(s, "open", -errno);
	ret = read_batches(s, f);
	fclose(f);
	return ret;
}
