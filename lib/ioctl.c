// SPDX-License-Identifier: GPL-2.0
/* The ioctls of a mounted VexFS as functions; documented in lib/vexfs.h. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/vexfs.h"

static int call(int fd, unsigned long request, void *arg)
{
	int ret;

	/* Searches sleep interruptibly; a handled signal is no reason to fail. */
	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static int set_name(char dst[VEXFS_IOC_NAME_LEN], const char *name)
{
	size_t len = strlen(name);

	if (len >= VEXFS_IOC_NAME_LEN)
		return -ENAMETOOLONG;
	memset(dst, 0, VEXFS_IOC_NAME_LEN);
	memcpy(dst, name, len);
	return 0;
}

static uint64_t user_ptr(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}

int vexfs_info(int fd, struct vexfs_ioc_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return call(fd, VEXFS_IOC_INFO, info);
}

static int grow(int fd, uint32_t flags, uint64_t bytes, struct vexfs_ioc_grow *g)
{
	memset(g, 0, sizeof(*g));
	g->size = sizeof(*g);
	g->flags = flags;
	g->bytes = bytes;
	return ioctl(fd, VEXFS_IOC_GROW, g) < 0 ? -errno : 0;
}

int vexfs_size(int fd, struct vexfs_ioc_grow *g)
{
	return grow(fd, VEXFS_GROW_QUERY, 0, g);
}

int vexfs_grow(int fd, uint64_t bytes, struct vexfs_ioc_grow *g)
{
	return grow(fd, 0, bytes, g);
}

int vexfs_collection_make(int fd, struct vexfs_ioc_collection *c)
{
	c->size = sizeof(*c);
	return call(fd, VEXFS_IOC_COLL_CREATE, c);
}

int vexfs_collection_create(int fd, const char *name, uint32_t dim, uint8_t elem, uint8_t metric,
			    struct vexfs_ioc_collection *out)
{
	struct vexfs_ioc_collection c = { .dim = dim, .elem = elem, .metric = metric };
	int ret = set_name(c.name, name);

	if (!ret)
		ret = vexfs_collection_make(fd, &c);
	if (!ret && out)
		*out = c;
	return ret;
}

int vexfs_collection_change(int fd, struct vexfs_ioc_collection *c)
{
	c->size = sizeof(*c);
	return call(fd, VEXFS_IOC_COLL_CHANGE, c);
}

int vexfs_collection_info(int fd, const char *name, struct vexfs_ioc_collection *out)
{
	int ret;

	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	ret = set_name(out->name, name);
	return ret ? ret : call(fd, VEXFS_IOC_COLL_INFO, out);
}

int vexfs_collection_next(int fd, uint32_t from, struct vexfs_ioc_collection *out)
{
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	out->id = from;
	return call(fd, VEXFS_IOC_COLL_NEXT, out);
}

int vexfs_collection_drop(int fd, const char *name)
{
	struct vexfs_ioc_collection c = { .size = sizeof(c) };
	int ret = set_name(c.name, name);

	return ret ? ret : call(fd, VEXFS_IOC_COLL_DROP, &c);
}

int vexfs_collection_exchange(int fd, const char *name, const char *other)
{
	struct vexfs_ioc_exchange x = { .size = sizeof(x) };
	int ret = set_name(x.name, name);

	if (!ret)
		ret = set_name(x.other, other);
	return ret ? ret : call(fd, VEXFS_IOC_COLL_EXCHANGE, &x);
}

int vexfs_collection_rebuild(int fd, const char *name)
{
	struct vexfs_ioc_collection c = { .size = sizeof(c) };
	int ret = set_name(c.name, name);

	return ret ? ret : call(fd, VEXFS_IOC_COLL_REBUILD, &c);
}

int vexfs_data_generation(int fd, uint64_t *generation)
{
	struct vexfs_ioc_data_gen g = { .size = sizeof(g) };
	int ret = call(fd, VEXFS_IOC_DATA_GEN, &g);

	if (!ret)
		*generation = g.generation;
	return ret;
}

int vexfs_embedding_set(int fd, const struct vexfs_embedding *e)
{
	struct vexfs_ioc_vec v = {
		.size = sizeof(v), .chunk = e->chunk, .bytes = e->bytes,
		.data = user_ptr(e->data), .range_off = e->range_off, .range_len = e->range_len,
		.generation = e->generation,
	};
	int ret = set_name(v.collection, e->collection);

	if (e->embedder)
		v.embedder = *e->embedder;
	return ret ? ret : call(fd, VEXFS_IOC_VEC_SET, &v);
}

int vexfs_embedding_get(int fd, struct vexfs_embedding *e)
{
	struct vexfs_ioc_vec v = {
		.size = sizeof(v), .chunk = e->chunk, .bytes = e->bytes, .data = user_ptr(e->data),
	};
	int ret = set_name(v.collection, e->collection);

	if (ret)
		return ret;
	ret = call(fd, VEXFS_IOC_VEC_GET, &v);
	if (ret && ret != -ERANGE)
		return ret;
	e->bytes = v.bytes;
	e->range_off = v.range_off;
	e->range_len = v.range_len;
	e->stale = !!(v.flags & VEXFS_VEC_STALE);
	return ret;
}

static int del(int fd, const char *collection, uint32_t chunk, uint32_t flags)
{
	struct vexfs_ioc_vec v = { .size = sizeof(v), .flags = flags, .chunk = chunk };
	int ret = set_name(v.collection, collection);

	return ret ? ret : call(fd, VEXFS_IOC_VEC_DEL, &v);
}

int vexfs_embedding_del(int fd, const char *collection, uint32_t chunk)
{
	return del(fd, collection, chunk, 0);
}

int vexfs_embedding_del_all(int fd, const char *collection)
{
	return del(fd, collection, 0, VEXFS_VEC_ALL_CHUNKS);
}

int vexfs_embedding_list(int fd, struct vexfs_list *pos, struct vexfs_vec_entry *entries,
			 uint32_t count)
{
	struct vexfs_ioc_vec_list l = {
		.size = sizeof(l), .next_id = pos->next_id, .next_chunk = pos->next_chunk,
		.count = count, .entries = user_ptr(entries),
	};
	int ret = call(fd, VEXFS_IOC_VEC_LIST, &l);

	if (ret)
		return ret;
	if (l.count > count)	/* never trust a count past the room given */
		return -EUCLEAN;
	pos->next_id = l.next_id;
	pos->next_chunk = l.next_chunk;
	return (int)l.count;
}

/* Only what the bits name: a field without its bit is refused. */
static void set_filter(struct vexfs_ioc_search *q, const struct vexfs_search_filter *f)
{
	if (!f)
		return;
	q->filter = f->what;
	if (f->what & VEXFS_FILTER_UID)
		q->uid = f->uid;
	if (f->what & VEXFS_FILTER_NEWER)
		q->newer = (struct vexfs_search_time){ f->newer.tv_sec, (uint32_t)f->newer.tv_nsec, 0 };
	if (f->what & VEXFS_FILTER_OLDER)
		q->older = (struct vexfs_search_time){ f->older.tv_sec, (uint32_t)f->older.tv_nsec, 0 };
	if (f->what & VEXFS_FILTER_LARGER)
		q->larger = f->larger;
	if (f->what & VEXFS_FILTER_SMALLER)
		q->smaller = f->smaller;
}

int vexfs_search(int fd, struct vexfs_search *s)
{
	struct vexfs_ioc_search q = {
		.size = sizeof(q), .flags = s->flags, .k = s->k, .effort = s->effort,
		.query = user_ptr(s->vector), .query_bytes = 4 * s->dim,
		.path_bytes = s->path_bytes, .hits = user_ptr(s->hits), .paths = user_ptr(s->paths),
		.max_work = s->max_work,
	};
	int ret = set_name(q.collection, s->collection);

	if (s->embedder)
		q.embedder = *s->embedder;
	set_filter(&q, s->filter);
	if (!ret)
		ret = call(fd, VEXFS_IOC_SEARCH, &q);
	if (ret)
		return ret;
	if (q.found > s->k)
		return -EUCLEAN;
	s->found = q.found;
	s->reply = q.reply;
	s->plan = q.plan;
	s->pending = q.pending;
	s->stale = q.stale;
	return 0;
}

/* A signal ends the wait: who waits wants to know. */
int vexfs_changes(int fd, struct vexfs_changes *c)
{
	struct vexfs_ioc_changes q = {
		.size = sizeof(q), .flags = c->wait_ms ? VEXFS_CHANGES_WAIT : 0, .mark = c->mark,
		.entries = user_ptr(c->entries), .paths = user_ptr(c->paths), .count = c->count,
		.path_bytes = c->path_bytes, .timeout_ms = c->wait_ms,
	};
	int ret = set_name(q.collection, c->collection ? c->collection : "");

	if (ret)
		return ret;
	if (ioctl(fd, VEXFS_IOC_CHANGES, &q) < 0)
		return -errno;
	if (q.count > c->count)
		return -EUCLEAN;
	c->mark = q.mark;
	c->found = q.count;
	c->more = !!(q.flags & VEXFS_CHANGES_MORE);
	return 0;
}

float vexfs_hit_distance(const struct vexfs_search_hit *hit)
{
	float f;

	memcpy(&f, &hit->distance, sizeof(f));
	return f;
}
