/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of VexFS behind ioctl(2), for one test program: files of an ordinary
 * temporary directory carry embeddings in this program's memory. It keeps the
 * contract of include/uapi/vexfs.h and nothing else; searches scan everything.
 *
 * It works because a program's own ioctl() and fstat() come before libc's.
 * fstat() makes the directory look like the root of a filesystem.
 */
#ifndef FAKE_VEXFS_H
#define FAKE_VEXFS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/vexfs.h"

#define FAKE_COLLECTIONS	8
#define FAKE_VECTORS		4096

struct fake_vector {
	bool used;
	ino_t ino;
	uint32_t coll, chunk;
	uint64_t off, len;
	struct timespec mtime;		/* of the content it was made from */
	char path[PATH_MAX];
	unsigned char data[4 * 1024];
};

static struct {
	char root[PATH_MAX];
	struct vexfs_ioc_collection coll[FAKE_COLLECTIONS];
	struct fake_vector *vec;
	int fail;			/* errno of every SET, if not 0 */
	int fail_drop;			/* errno of the next DROP */
	int fail_exchange, exchanges_left;	/* errno of an EXCHANGE, after so many that succeed */
	unsigned int made;		/* collections, which is their time of creation */
	unsigned int restless;		/* so many times a file changes as soon as it is read */
	unsigned int searches;
	uint32_t plan;
	unsigned int sets;
	void (*on_set)(void);		/* called after each of them, or NULL */
	uint64_t max_work;		/* the system's limit, 0: none */
	uint64_t bytes, device;		/* sizes of filesystem and device */
	unsigned int grows;		/* calls that were to grow it */
	void (*on_grow)(void);		/* called by each of them, or NULL */
} fake;

static bool fake_path(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return !strncmp(path, fake.root, strlen(fake.root));
}

int fstat(int fd, struct stat *st)
{
	char path[PATH_MAX];
	int ret = fstatat(fd, "", st, AT_EMPTY_PATH);

	if (!ret && fake.root[0] && !fake_path(fd, path))
		st->st_dev += 1;
	return ret;
}

static struct vexfs_ioc_collection *fake_coll(const char *name)
{
	int i;

	for (i = 0; i < FAKE_COLLECTIONS; i++)
		if (fake.coll[i].dim && !strcmp(fake.coll[i].name, name))
			return &fake.coll[i];
	return NULL;
}

static uint32_t fake_bytes(const struct vexfs_ioc_collection *c)
{
	return c->dim * (c->elem == VEXFS_IOC_F32 ? 4 : c->elem == VEXFS_IOC_F16 ? 2 : 1);
}

static int fake_create(struct vexfs_ioc_collection *c)
{
	uint32_t i;

	if (c->size != sizeof(*c) || (c->flags & ~0x7U) || !c->dim || c->dim > 1024)
		return EINVAL;
	if (fake_coll(c->name))
		return EEXIST;
	for (i = 0; i < FAKE_COLLECTIONS && fake.coll[i].dim; i++)
		;
	if (i == FAKE_COLLECTIONS)
		return ENOSPC;
	c->id = i;
	if (!(c->flags & VEXFS_COLL_MODE))
		c->mode = VEXFS_COLL_DEFAULT_MODE;
	if (!(c->flags & VEXFS_COLL_UID))
		c->uid = getuid();
	if (!(c->flags & VEXFS_COLL_GID))
		c->gid = getgid();
	c->flags = VEXFS_COLL_COUNTS;
	c->btime = ++fake.made;
	fake.coll[i] = *c;
	return 0;
}

static int fake_change(struct vexfs_ioc_collection *c)
{
	struct vexfs_ioc_collection *known = fake_coll(c->name);

	if (!known)
		return ENOENT;
	if (c->flags & VEXFS_COLL_MODE)
		known->mode = c->mode;
	if (c->flags & VEXFS_COLL_UID)
		known->uid = c->uid;
	if (c->flags & VEXFS_COLL_GID)
		known->gid = c->gid;
	if (c->flags & VEXFS_COLL_EMBEDDER)
		known->embedder = c->embedder;
	*c = *known;
	return 0;
}

static bool fake_part(const void *a, const void *b, size_t n)
{
	static const char zero[64];

	return !memcmp(a, zero, n) || !memcmp(b, zero, n) || !memcmp(a, b, n);
}

static bool fake_embedder(const struct vexfs_ioc_collection *c, const struct vexfs_embedder_id *e)
{
	return fake_part(c->embedder.name, e->name, sizeof(e->name)) &&
	       fake_part(c->embedder.fingerprint, e->fingerprint, sizeof(e->fingerprint));
}

static int fake_info_of(struct vexfs_ioc_collection *c)
{
	struct vexfs_ioc_collection *known = fake_coll(c->name);
	int i;

	if (!known)
		return ENOENT;
	*c = *known;
	c->live = 0;
	for (i = 0; i < FAKE_VECTORS; i++)
		c->live += fake.vec[i].used && fake.vec[i].coll == c->id;
	return 0;
}

static int fake_next(struct vexfs_ioc_collection *c)
{
	uint32_t i;

	for (i = c->id; i < FAKE_COLLECTIONS; i++) {
		if (!fake.coll[i].dim)
			continue;
		memcpy(c->name, fake.coll[i].name, sizeof(c->name));
		return fake_info_of(c);
	}
	return ENOENT;
}

static int fake_drop(struct vexfs_ioc_collection *c)
{
	struct vexfs_ioc_collection *known = fake_coll(c->name);
	int i;

	if (!known)
		return ENOENT;
	if (fake.fail_drop) {
		i = fake.fail_drop;
		fake.fail_drop = 0;
		return i;
	}
	for (i = 0; i < FAKE_VECTORS; i++)
		if (fake.vec[i].coll == known->id)
			fake.vec[i].used = false;
	memset(known, 0, sizeof(*known));
	return 0;
}

static int fake_exchange(const struct vexfs_ioc_exchange *x)
{
	struct vexfs_ioc_collection *a = fake_coll(x->name), *b = fake_coll(x->other);

	if (x->size != sizeof(*x) || x->flags || !strcmp(x->name, x->other))
		return EINVAL;
	if (!a || !b)
		return ENOENT;
	if (fake.fail_exchange && !fake.exchanges_left--) {
		int err = fake.fail_exchange;

		fake.fail_exchange = 0;
		return err;
	}
	memcpy(a->name, x->other, sizeof(a->name));
	memcpy(b->name, x->name, sizeof(b->name));
	return 0;
}

static struct fake_vector *fake_find(ino_t ino, uint32_t coll, uint32_t chunk)
{
	int i;

	for (i = 0; i < FAKE_VECTORS; i++)
		if (fake.vec[i].used && fake.vec[i].ino == ino && fake.vec[i].coll == coll &&
		    fake.vec[i].chunk == chunk)
			return &fake.vec[i];
	return NULL;
}

static float fake_element(const struct vexfs_ioc_collection *c, const void *data, uint32_t i)
{
	_Float16 h;
	float f;

	if (c->elem == VEXFS_IOC_I8)
		return ((const int8_t *)data)[i];
	if (c->elem == VEXFS_IOC_F16) {
		memcpy(&h, (const char *)data + 2 * i, 2);
		return (float)h;
	}
	memcpy(&f, (const char *)data + 4 * i, 4);
	return f;
}

static int fake_check(const struct vexfs_ioc_collection *c, const void *data)
{
	bool zero = true;
	uint32_t i;
	float f;

	for (i = 0; i < c->dim; i++) {
		f = fake_element(c, data, i);
		if (!isfinite(f))
			return EDOM;
		zero &= f == 0;
	}
	return zero && c->metric == VEXFS_IOC_COSINE ? EDOM : 0;
}

static uint64_t fake_generation(const struct stat *st)
{
	return ((uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec) | 1;
}

static int fake_data_gen(int fd, const struct stat *st, struct vexfs_ioc_data_gen *g)
{
	struct timespec later[2] = { st->st_atim, st->st_mtim };

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return EBADF;
	g->generation = fake_generation(st);
	if (fake.restless) {
		fake.restless--;
		later[1].tv_sec++;
		if (futimens(fd, later))
			abort();
	}
	return 0;
}

/* A set and a delete are changes of the inode. */
static void fake_touch(int fd, const struct stat *st)
{
	if (fchmod(fd, st->st_mode & 07777))
		abort();
}

static int fake_set(int fd, const struct stat *st, const struct vexfs_ioc_vec *v)
{
	struct vexfs_ioc_collection *c = fake_coll(v->collection);
	const void *data = (const void *)(uintptr_t)v->data;
	struct fake_vector *e;
	int ret, i;

	if (!c)
		return ENOENT;
	if (fake.fail)
		return fake.fail;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return EBADF;
	if (!fake_embedder(c, &v->embedder))
		return EMEDIUMTYPE;
	if (v->generation && v->generation != fake_generation(st))
		return ESTALE;
	if (v->bytes != fake_bytes(c) || !S_ISREG(st->st_mode))
		return EINVAL;
	ret = fake_check(c, data);
	if (ret)
		return ret;
	e = fake_find(st->st_ino, c->id, v->chunk);
	for (i = 0; !e && i < FAKE_VECTORS; i++)
		if (!fake.vec[i].used)
			e = &fake.vec[i];
	if (!e)
		return ENOSPC;
	*e = (struct fake_vector){ .used = true, .ino = st->st_ino, .coll = c->id,
				   .chunk = v->chunk, .off = v->range_off, .len = v->range_len,
				   .mtime = st->st_mtim };
	memcpy(e->data, data, v->bytes);
	fake_path(fd, e->path);
	fake_touch(fd, st);
	fake.sets++;
	if (fake.on_set)
		fake.on_set();
	return 0;
}

static bool fake_stale(const struct fake_vector *e, const struct stat *st)
{
	return e->mtime.tv_sec != st->st_mtim.tv_sec || e->mtime.tv_nsec != st->st_mtim.tv_nsec;
}

static int fake_get(const struct stat *st, struct vexfs_ioc_vec *v)
{
	struct vexfs_ioc_collection *c = fake_coll(v->collection);
	struct fake_vector *e = c ? fake_find(st->st_ino, c->id, v->chunk) : NULL;
	uint32_t room = v->bytes;

	if (!e)
		return c ? ENODATA : ENOENT;
	v->bytes = fake_bytes(c);
	v->range_off = e->off;
	v->range_len = e->len;
	v->flags = fake_stale(e, st) ? VEXFS_VEC_STALE : 0;
	if (room < v->bytes)
		return ERANGE;
	memcpy((void *)(uintptr_t)v->data, e->data, v->bytes);
	return 0;
}

static int fake_del(int fd, const struct stat *st, const struct vexfs_ioc_vec *v)
{
	struct vexfs_ioc_collection *c = fake_coll(v->collection);
	int i, gone = 0;

	if (!c)
		return ENOENT;
	for (i = 0; i < FAKE_VECTORS; i++) {
		if (!fake.vec[i].used || fake.vec[i].ino != st->st_ino ||
		    fake.vec[i].coll != c->id ||
		    (!(v->flags & VEXFS_VEC_ALL_CHUNKS) && fake.vec[i].chunk != v->chunk))
			continue;
		fake.vec[i].used = false;
		gone++;
	}
	if (!gone)
		return ENODATA;
	fake_touch(fd, st);
	return 0;
}

/* By collection and chunk: the smallest pair that is not below the cursor. */
static struct fake_vector *fake_after(ino_t ino, uint32_t coll, uint32_t chunk)
{
	struct fake_vector *best = NULL, *e;
	int i;

	for (i = 0; i < FAKE_VECTORS; i++) {
		e = &fake.vec[i];
		if (!e->used || e->ino != ino || e->coll < coll ||
		    (e->coll == coll && e->chunk < chunk))
			continue;
		if (!best || e->coll < best->coll ||
		    (e->coll == best->coll && e->chunk < best->chunk))
			best = e;
	}
	return best;
}

static int fake_list(const struct stat *st, struct vexfs_ioc_vec_list *l)
{
	struct vexfs_vec_entry *out = (void *)(uintptr_t)l->entries;
	uint32_t room = l->count;
	struct fake_vector *e;

	/* Never more than two at once: callers must go on. */
	if (room > 2)
		room = 2;
	for (l->count = 0; l->count < room; l->count++) {
		e = fake_after(st->st_ino, l->next_id, l->next_chunk);
		if (!e)
			break;
		out[l->count] = (struct vexfs_vec_entry){
			.collection_id = e->coll, .chunk = e->chunk, .range_off = e->off,
			.range_len = e->len, .flags = fake_stale(e, st) ? VEXFS_VEC_STALE : 0,
		};
		l->next_id = e->coll;
		l->next_chunk = e->chunk + 1;
	}
	return 0;
}

static float fake_distance(const struct vexfs_ioc_collection *c, const float *q, const void *data)
{
	double dot = 0, qq = 0, dd = 0, l2 = 0;
	uint32_t i;
	double a, b;

	for (i = 0; i < c->dim; i++) {
		a = (double)q[i];
		b = (double)fake_element(c, data, i);
		dot += a * b;
		qq += a * a;
		dd += b * b;
		l2 += (a - b) * (a - b);
	}
	if (c->metric == VEXFS_IOC_L2)
		return (float)l2;
	return (float)(c->metric == VEXFS_IOC_IP ? -dot : 1.0 - dot / sqrt(qq * dd));
}

static int fake_by_distance(const void *a, const void *b)
{
	const struct vexfs_search_hit *x = a, *y = b;
	float d = vexfs_hit_distance(x) - vexfs_hit_distance(y);

	return d < 0 ? -1 : d > 0;
}

static void fake_hit_paths(struct vexfs_ioc_search *s, struct vexfs_search_hit *hits,
			   const struct fake_vector *const *from, const char *scope)
{
	char *paths = (char *)(uintptr_t)s->paths;
	uint32_t used = 0, i, len;
	const char *p;

	for (i = 0; i < s->found; i++) {
		p = from[hits[i].path_off]->path + strlen(scope) + 1;
		len = (uint32_t)strlen(p);
		if (len > s->path_bytes - used) {
			hits[i].flags |= VEXFS_HIT_NO_PATH;
			hits[i].path_off = hits[i].path_len = 0;
			continue;
		}
		memcpy(paths + used, p, len);
		hits[i].path_off = used;
		hits[i].path_len = len;
		used += len;
	}
}

static int fake_time_before(const struct vexfs_search_time *a, const struct timespec *b)
{
	return a->sec != b->tv_sec ? a->sec < b->tv_sec : a->nsec < b->tv_nsec;
}

static int fake_time_after(const struct vexfs_search_time *a, const struct timespec *b)
{
	return a->sec != b->tv_sec ? a->sec > b->tv_sec : a->nsec > b->tv_nsec;
}

static bool fake_filter(const struct vexfs_ioc_search *s, const struct stat *st)
{
	if (s->filter & VEXFS_FILTER_NEWER && !fake_time_before(&s->newer, &st->st_mtim))
		return false;
	if (s->filter & VEXFS_FILTER_OLDER && !fake_time_after(&s->older, &st->st_mtim))
		return false;
	if (s->filter & VEXFS_FILTER_LARGER && (uint64_t)st->st_size <= s->larger)
		return false;
	if (s->filter & VEXFS_FILTER_SMALLER && (uint64_t)st->st_size >= s->smaller)
		return false;
	return !(s->filter & VEXFS_FILTER_UID) || st->st_uid == s->uid;
}

/* Hits are in order: the first of each file stays. */
static uint32_t fake_per_file(struct vexfs_search_hit *hits, uint32_t n)
{
	uint32_t i, j, kept = 0;

	for (i = 0; i < n; i++) {
		for (j = 0; j < kept && hits[j].ino != hits[i].ino; j++)
			;
		if (j == kept)
			hits[kept++] = hits[i];
	}
	return kept;
}

static int fake_search(int fd, const struct stat *st, struct vexfs_ioc_search *s)
{
	struct vexfs_ioc_collection *c = fake_coll(s->collection);
	static struct vexfs_search_hit all[FAKE_VECTORS];
	static const struct fake_vector *from[FAKE_VECTORS];
	const float *q = (const float *)(uintptr_t)s->query;
	uint64_t max = s->max_work && (!fake.max_work || s->max_work < fake.max_work) ?
		       s->max_work : fake.max_work;
	char scope[PATH_MAX];
	uint32_t n = 0;
	struct stat now;
	float d;
	int i;

	fake.searches++;
	if (!S_ISDIR(st->st_mode))
		return ENOTDIR;
	if (!c)
		return ENOENT;
	if (!s->k || s->k > VEXFS_SEARCH_MAX_K || s->query_bytes != 4 * c->dim)
		return EINVAL;
	if (!fake_embedder(c, &s->embedder))
		return EMEDIUMTYPE;
	fake_path(fd, scope);
	s->reply = 0;
	s->stale = 0;
	s->plan = fake.plan;
	s->pending = 3;
	for (i = 0; i < FAKE_VECTORS; i++) {
		const struct fake_vector *e = &fake.vec[i];

		if (!e->used || e->coll != c->id || strncmp(e->path, scope, strlen(scope)) ||
		    e->path[strlen(scope)] != '/' || stat(e->path, &now))
			continue;
		if (!fake_filter(s, &now))
			continue;
		s->stale += fake_stale(e, &now) && s->flags & VEXFS_SEARCH_COUNT;
		if (fake_stale(e, &now) && s->flags & VEXFS_SEARCH_FRESH)
			continue;
		if (max && n == max) {
			s->reply = VEXFS_REPLY_TRUNCATED;
			break;
		}
		d = fake_distance(c, q, e->data);
		from[n] = e;
		all[n] = (struct vexfs_search_hit){
			.ino = e->ino, .chunk = e->chunk, .range_off = e->off,
			.range_len = e->len, .path_off = n,
			.flags = fake_stale(e, &now) ? VEXFS_HIT_STALE : 0,
		};
		memcpy(&all[n++].distance, &d, sizeof(d));
	}
	qsort(all, n, sizeof(all[0]), fake_by_distance);
	if (s->flags & VEXFS_SEARCH_PER_FILE)
		n = fake_per_file(all, n);
	s->found = n < s->k ? n : s->k;
	fake_hit_paths(s, all, from, scope);
	memcpy((void *)(uintptr_t)s->hits, all, s->found * sizeof(all[0]));
	return 0;
}

static int fake_grow(struct vexfs_ioc_grow *g)
{
	uint64_t want = g->bytes ? g->bytes : fake.device;
	bool query = g->flags & VEXFS_GROW_QUERY;
	int err = 0;

	if (g->size != sizeof(*g) || (g->flags & ~VEXFS_GROW_QUERY))
		return EINVAL;
	fake.grows += !query;
	if (!query && fake.fail)
		err = fake.fail;
	else if (!query && want < fake.bytes)
		err = EINVAL;
	else if (!query)
		fake.bytes = want;
	if (!query && fake.on_grow)
		fake.on_grow();
	g->bytes = fake.bytes;
	g->device_bytes = fake.device;
	g->max_bytes = 1ull << 48;
	return err;
}

static int fake_info(struct vexfs_ioc_info *info)
{
	int i;

	memcpy(info->label, "fake\x1b[31m", 10);
	strcpy(info->simd, "avx2");
	strcpy(info->version, "0.0.0");
	info->uuid[0] = 0xab;
	info->uuid[15] = 0xcd;
	for (i = 0; i < FAKE_COLLECTIONS; i++)
		info->collections += !!fake.coll[i].dim;
	for (i = 0; i < FAKE_VECTORS; i++)
		info->embeddings += fake.vec[i].used;
	return 0;
}

static int fake_call(int fd, unsigned long request, void *arg)
{
	char path[PATH_MAX];
	struct stat st;

	if (!fake.root[0] || !fake_path(fd, path) || fstat(fd, &st))
		return ENOTTY;
	switch (request) {
	case VEXFS_IOC_COLL_CREATE:
		return fake_create(arg);
	case VEXFS_IOC_COLL_INFO:
		return fake_info_of(arg);
	case VEXFS_IOC_COLL_NEXT:
		return fake_next(arg);
	case VEXFS_IOC_COLL_DROP:
		return fake_drop(arg);
	case VEXFS_IOC_COLL_EXCHANGE:
		return fake_exchange(arg);
	case VEXFS_IOC_COLL_CHANGE:
		return fake_change(arg);
	case VEXFS_IOC_COLL_REBUILD:
		return fake_info_of(arg);
	case VEXFS_IOC_VEC_SET:
		return fake_set(fd, &st, arg);
	case VEXFS_IOC_DATA_GEN:
		return fake_data_gen(fd, &st, arg);
	case VEXFS_IOC_VEC_GET:
		return fake_get(&st, arg);
	case VEXFS_IOC_VEC_DEL:
		return fake_del(fd, &st, arg);
	case VEXFS_IOC_VEC_LIST:
		return fake_list(&st, arg);
	case VEXFS_IOC_SEARCH:
		return fake_search(fd, &st, arg);
	case VEXFS_IOC_GROW:
		return fake_grow(arg);
	case VEXFS_IOC_INFO:
		return fake_info(arg);
	case FS_IOC_GETVERSION:
		*(int *)arg = (int)(st.st_ino * 7 + 1);
		return 0;
	default:
		return ENOTTY;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	va_list ap;
	void *arg;
	int err;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	pthread_mutex_lock(&lock);
	err = fake_call(fd, request, arg);
	pthread_mutex_unlock(&lock);
	errno = err;
	return err ? -1 : 0;
}

static void fake_mount(void)
{
	char made[] = "/tmp/vexctl-test-XXXXXX";

	memset(&fake, 0, sizeof(fake));
	fake.vec = calloc(FAKE_VECTORS, sizeof(*fake.vec));
	if (!fake.vec || !mkdtemp(made) || !realpath(made, fake.root))
		abort();
}

static void fake_umount(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", fake.root);
	if (system(command))
		abort();
	free(fake.vec);
	memset(&fake, 0, sizeof(fake));
}

#endif /* FAKE_VEXFS_H */
