/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guest tests of embeddings share: vectors that are a function of a
 * seed (nothing to store), and distances computed here, in double precision,
 * with none of the filesystem's own arithmetic.
 */
#ifndef VEXFS_VECGUEST_H
#define VEXFS_VECGUEST_H

#include <math.h>
#include <stdint.h>
#include <time.h>
#include "lib/vexfs.h"
#include "tests/guest/guest.h"

#define VG_MAX_DIM	16384

static uint64_t vg_state = 1;

static inline uint32_t vg_next(uint64_t *s)
{
	*s = *s * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*s >> 33);
}

static inline uint32_t vg_rnd(uint32_t n)
{
	return vg_next(&vg_state) % n;
}

static inline size_t vg_elem_size(int elem)
{
	return elem == VEXFS_IOC_F32 ? 4 : elem == VEXFS_IOC_F16 ? 2 : 1;
}

/* Element @i of the vector with this seed, as every element type can hold it. */
static inline void vg_vector(uint64_t seed, uint32_t dim, float *v)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15ULL + 12345;

	vg_next(&s);
	for (uint32_t i = 0; i < dim; i++)
		v[i] = (float)((int)(vg_next(&s) % 255) - 127);
	if (v[0] == 0)
		v[0] = 1;
}

/* As stored. Values up to 127 are exact in f16 and i8 as well. */
static inline size_t vg_pack(int elem, const float *v, uint32_t dim, void *out)
{
	for (uint32_t i = 0; i < dim; i++) {
		if (elem == VEXFS_IOC_F32)
			((float *)out)[i] = v[i];
		else if (elem == VEXFS_IOC_F16)
			((_Float16 *)out)[i] = (_Float16)v[i];
		else
			((int8_t *)out)[i] = (int8_t)v[i];
	}
	return dim * vg_elem_size(elem);
}

static inline double vg_distance(int metric, const float *a, const float *b, uint32_t dim)
{
	double dot = 0, aa = 0, bb = 0, l2 = 0;

	for (uint32_t i = 0; i < dim; i++) {
		dot += (double)a[i] * b[i];
		aa += (double)a[i] * a[i];
		bb += (double)b[i] * b[i];
		l2 += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
	}
	if (metric == VEXFS_IOC_L2)
		return l2;
	if (metric == VEXFS_IOC_IP)
		return -dot;
	return 1 - dot / sqrt(aa * bb);
}

static inline int vg_open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY);
}

/* A descriptor of guest_mnt, for calls on the filesystem. */
static inline int vg_root(void)
{
	int fd = vg_open_dir(guest_mnt);

	if (fd < 0)
		ktap_bail("open %s", guest_mnt);
	return fd;
}

static inline int vg_collection(const char *name, uint32_t dim, int elem, int metric)
{
	int fd = vg_root();
	int err = vexfs_collection_create(fd, name, dim, (uint8_t)elem, (uint8_t)metric, NULL);

	close(fd);
	return err;
}

/* Embeddings in a collection, or a negative errno. */
static inline long vg_live(const char *name)
{
	struct vexfs_ioc_collection c;
	int fd = vg_root(), err = vexfs_collection_info(fd, name, &c);

	close(fd);
	return err ? err : (long)c.live;
}

/* Set the embedding of an open file from the seed. */
static inline int vg_set(int fd, const char *coll, int elem, uint32_t dim, uint32_t chunk,
			 uint64_t seed)
{
	static float v[VG_MAX_DIM];
	static char raw[VG_MAX_DIM * 4];
	struct vexfs_embedding e = { .collection = coll, .chunk = chunk, .data = raw };

	vg_vector(seed, dim, v);
	e.bytes = (uint32_t)vg_pack(elem, v, dim, raw);
	e.range_off = seed % 1000;
	e.range_len = seed % 77;
	return vexfs_embedding_set(fd, &e);
}

/* 0: the file's embedding is the one with this seed; 1: it is another; or an errno. */
static inline int vg_compare(int fd, const char *coll, int elem, uint32_t dim, uint32_t chunk,
			     uint64_t seed)
{
	static float v[VG_MAX_DIM];
	static char want[VG_MAX_DIM * 4], got[VG_MAX_DIM * 4];
	struct vexfs_embedding e = {
		.collection = coll, .chunk = chunk, .data = got, .bytes = sizeof(got),
	};
	int err = vexfs_embedding_get(fd, &e);
	size_t n;

	if (err)
		return err;
	vg_vector(seed, dim, v);
	n = vg_pack(elem, v, dim, want);
	return e.bytes != n || memcmp(want, got, n) || e.range_off != seed % 1000 ||
	       e.range_len != seed % 77;
}

/* A file below the mount point with some text in it. */
static inline int vg_file(const char *rel, int mode)
{
	char p[600];
	int fd;

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	fd = open(p, O_CREAT | O_RDWR, mode);
	if (fd < 0)
		ktap_bail("create %s", p);
	if (write(fd, rel, strlen(rel)) != (ssize_t)strlen(rel))
		ktap_bail("write %s", p);
	fchmod(fd, (mode_t)mode);
	return fd;
}

static inline void vg_mkdir(const char *rel, int mode)
{
	char p[600];

	snprintf(p, sizeof(p), "%s/%s", guest_mnt, rel);
	if (mkdir(p, 0755) || chmod(p, (mode_t)mode))
		ktap_bail("mkdir %s", p);
}

static inline void vg_fresh(const char *opts)
{
	if (guest_mkfs(opts))
		ktap_bail("mkfs.vexfs failed");
	if (guest_mount(""))
		ktap_bail("mount");
}

static inline void vg_remount(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
	if (guest_mount(""))
		ktap_bail("mount again");
}

/* A number from /sys/fs/vexfs/DEVICE; -1: none. */
static inline long vg_attr(const char *name)
{
	char p[300], text[64] = "";
	ssize_t n;
	int fd;

	snprintf(p, sizeof(p), "/sys/fs/vexfs/%s/%s", strrchr(guest_disk, '/') + 1, name);
	fd = open(p, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atol(text) : -1;
}

/* A parameter of the module. */
static inline void vg_parameter(const char *name, const char *value)
{
	char p[100];
	int fd;

	snprintf(p, sizeof(p), "/sys/module/vexfs/parameters/%s", name);
	fd = open(p, O_WRONLY | O_TRUNC);
	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		ktap_bail("write '%s' to %s", value, p);
	close(fd);
}

/* Until the graphs have so many records and nothing waits to be absorbed. */
static inline bool vg_absorbed(long records)
{
	struct timespec t;
	time_t end;

	clock_gettime(CLOCK_MONOTONIC, &t);
	end = t.tv_sec + 600;
	while (vg_attr("graph_records") != records || vg_attr("graph_backlog")) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (t.tv_sec > end) {
			ktap_note("%ld records, not %ld, and %ld wait", vg_attr("graph_records"), records,
				  vg_attr("graph_backlog"));
			return false;
		}
		usleep(20000);
	}
	return true;
}

/* A search with its buffers. */
struct vg_search {
	struct vexfs_search s;
	struct vexfs_search_hit hits[1024];
	char paths[1 << 18];
};

static inline int vg_run(struct vg_search *g, int dirfd, const char *coll, const float *q,
			 uint32_t dim, uint32_t k, uint32_t flags)
{
	g->s.collection = coll;
	g->s.vector = q;
	g->s.dim = dim;
	g->s.k = k;
	g->s.flags = flags;
	g->s.hits = g->hits;
	g->s.paths = g->paths;
	g->s.path_bytes = sizeof(g->paths);
	return vexfs_search(dirfd, &g->s);
}

/* Path of hit @i as a string. */
static inline const char *vg_path(struct vg_search *g, uint32_t i)
{
	static char p[4096];
	const struct vexfs_search_hit *h = &g->hits[i];

	if (i >= g->s.found || (h->flags & VEXFS_HIT_NO_PATH))
		return "";
	snprintf(p, sizeof(p), "%.*s", (int)h->path_len, g->paths + h->path_off);
	return p;
}

static inline bool vg_found_path(struct vg_search *g, const char *path)
{
	for (uint32_t i = 0; i < g->s.found; i++)
		if (!strcmp(vg_path(g, i), path))
			return true;
	return false;
}

#endif /* VEXFS_VECGUEST_H */
