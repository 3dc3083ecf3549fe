/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libvexfs: the calls a program makes on a mounted VexFS.
 *
 * Thin wrappers of the ioctls in <uapi/vexfs.h>: they fill in sizes, zero what
 * is reserved and turn errno into a return value. No function prints, keeps
 * state, or allocates. All are safe to call from several threads.
 *
 * Return value of every function: 0, or a negative errno. Common to all:
 * -ENOTTY (the descriptor is not on a VexFS), -ENOENT (no such collection),
 * -EINVAL, -EUCLEAN (damage found on disk, see the kernel log), -EROFS, -EIO,
 * -ENAMETOOLONG (a collection name of 64 bytes or more).
 */
#ifndef LIBVEXFS_H
#define LIBVEXFS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#if __has_include("uapi/vexfs.h")	/* in the source tree */
#include "uapi/vexfs.h"
#else				/* installed */
#include <linux/vexfs.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define VEXFS_DIM_MAX	16384		/* elements per vector */
#define VEXFS_CHUNK_MAX	0xffffffu	/* highest chunk number */

/**
 * vexfs_info - the mounted filesystem and its module
 * @fd:	any open file or directory of the filesystem
 */
int vexfs_info(int fd, struct vexfs_ioc_info *info);

/**
 * vexfs_size - how large are the filesystem and its device?
 * @fd:	any open file or directory of the filesystem
 * @g:	out: @bytes, @device_bytes and @max_bytes
 */
int vexfs_size(int fd, struct vexfs_ioc_grow *g);

/**
 * vexfs_grow - make the filesystem larger
 * @fd:	any open file or directory of the filesystem
 * @bytes: the size wanted; 0: that of the device
 * @g:	out, after an error too: as vexfs_size()
 *
 * Return: 0, also if nothing was to be done, -EPERM, -EBUSY, -EINVAL (smaller than it is), -ENOSPC (larger than the
 * device), -EFBIG (larger than the format can have), -EINTR (a signal: a part of it is done).
 */
int vexfs_grow(int fd, uint64_t bytes, struct vexfs_ioc_grow *g);

/**
 * vexfs_collection_create - make a vector space
 * @fd:		any open file or directory of the filesystem
 * @name:	1..63 bytes of [A-Za-z0-9_-]
 * @dim:	elements per vector, 1..VEXFS_DIM_MAX
 * @elem:	VEXFS_IOC_F32, VEXFS_IOC_F16 or VEXFS_IOC_I8
 * @metric:	VEXFS_IOC_L2, VEXFS_IOC_COSINE or VEXFS_IOC_IP
 * @out:	the new collection, or NULL
 *
 * Return: 0, -EEXIST, -ENOSPC (64 collections is the limit, or the device is
 * full), -EPERM (needs the owner of the root directory or CAP_SYS_ADMIN).
 */
int vexfs_collection_create(int fd, const char *name, uint32_t dim, uint8_t elem, uint8_t metric,
			    struct vexfs_ioc_collection *out);

/**
 * vexfs_collection_make - make a vector space with an owner, a mode or an embedder
 * @c:	in: name, dim, elem, metric, embedder; mode, uid and gid as flags say
 *	(VEXFS_COLL_MODE, _UID, _GID); out: the new collection. @c->size is filled in
 *
 * Return: as vexfs_collection_create().
 */
int vexfs_collection_make(int fd, struct vexfs_ioc_collection *c);

/**
 * vexfs_collection_change - another owner, group, mode or embedder
 * @c:	in: name and what flags say (VEXFS_COLL_EMBEDDER as well); out: as it is now
 *
 * Return: 0, -ENOENT, -EPERM (not the owner), -EBUSY (embeddings of another
 * embedder are in it).
 */
int vexfs_collection_change(int fd, struct vexfs_ioc_collection *c);

/** vexfs_collection_info - look a collection up by name; -ENOENT */
int vexfs_collection_info(int fd, const char *name, struct vexfs_ioc_collection *out);

/**
 * vexfs_collection_next - the first collection with an id of at least @from
 *
 * To list them all: start at 0 and go on from out->id + 1 until -ENOENT.
 */
int vexfs_collection_next(int fd, uint32_t from, struct vexfs_ioc_collection *out);

/** vexfs_collection_drop - remove a collection and every embedding in it; -ENOENT, -EPERM */
int vexfs_collection_drop(int fd, const char *name);

/**
 * vexfs_collection_rebuild - throw a collection's graph away; the kernel makes a new one in the background
 * -ENOENT, -EPERM; -ENOTTY: an older kernel
 */
int vexfs_collection_rebuild(int fd, const char *name);

/**
 * vexfs_collection_exchange - two collections get each other's names, in one transaction
 * @fd:	   any open file of the filesystem
 * @name:  of one
 * @other: of the other
 *
 * Both names exist at every moment, also after a power cut. For the owner of both, and for CAP_SYS_ADMIN.
 * Return: 0, -ENOENT (one of them), -EPERM, -EINVAL (one name twice, or a bad one), -EROFS; -ENOTTY: an older kernel.
 */
int vexfs_collection_exchange(int fd, const char *name, const char *other);

/**
 * struct vexfs_embedding - one embedding of a file
 * @collection:	name
 * @chunk:	0..VEXFS_CHUNK_MAX
 * @data:	elements, little-endian, in the collection's element type
 * @bytes:	length of @data: dim * element size
 * @range_off, @range_len: byte range it was made from; 0, 0 = the whole file
 * @stale:	out: the file's content changed after the embedding was set
 * @generation:	in, for set: what vexfs_data_generation() said before the content was
 *		read, or 0: whatever the content is now
 * @embedder:	SET: what made it, or NULL
 */
struct vexfs_embedding {
	const char *collection;
	uint32_t chunk;
	uint32_t bytes;
	void *data;
	uint64_t range_off;
	uint64_t range_len;
	int stale;
	uint64_t generation;
	const struct vexfs_embedder_id *embedder;
};

/**
 * vexfs_data_generation - which content a file has
 * @fd:		a regular file, open for reading
 * @generation:	out: not 0
 *
 * Ask, read the content, make the embedding, set it with this generation: the set
 * fails with -ESTALE if the content has changed in between. Good as long as @fd is
 * open. Return: 0, -EBADF (not open for reading).
 */
int vexfs_data_generation(int fd, uint64_t *generation);

/**
 * vexfs_embedding_set - store or replace an embedding
 * @fd:	a regular file, open for writing
 *
 * In the same transaction discipline as the file: after a crash there is the
 * old embedding or the new one.
 *
 * Return: 0, -EINVAL (wrong length), -EDOM (a NaN, an infinity, or a zero
 * vector under the cosine metric), -EBADF, -EACCES (on the collection), -EMEDIUMTYPE
 * (it is for another embedder), -ENOSPC, -ESTALE (the content is not of
 * e->generation any more).
 */
int vexfs_embedding_set(int fd, const struct vexfs_embedding *e);

/**
 * vexfs_embedding_get - read an embedding
 * @e:	in: collection, chunk, data, bytes (room); out: bytes, range, stale
 *
 * Return: 0, -ENODATA (none), -ERANGE (e->bytes says the room needed), -EACCES.
 */
int vexfs_embedding_get(int fd, struct vexfs_embedding *e);

/** vexfs_embedding_del - delete one chunk's embedding; -ENODATA, -EBADF, -EACCES */
int vexfs_embedding_del(int fd, const char *collection, uint32_t chunk);

/** vexfs_embedding_del_all - delete all of the file's embeddings in a collection; -ENODATA, -EBADF */
int vexfs_embedding_del_all(int fd, const char *collection);

/**
 * struct vexfs_list - a walk over a file's embeddings; start with all zero
 */
struct vexfs_list {
	uint32_t next_id;
	uint32_t next_chunk;
};

/**
 * vexfs_embedding_list - the next embeddings of a file, by collection and chunk
 * @pos:	where to go on; updated
 * @entries:	room for @count of them
 *
 * Return: the number written, 0 at the end, or a negative errno.
 */
int vexfs_embedding_list(int fd, struct vexfs_list *pos, struct vexfs_vec_entry *entries,
			 uint32_t count);

/**
 * struct vexfs_search_filter - which files a search is about; all that @what names must hold
 * @what:	VEXFS_FILTER_*
 * @uid:	owner
 * @newer, @older: content changed (mtime) after, before that
 * @larger, @smaller: more, fewer bytes than that
 */
struct vexfs_search_filter {
	uint32_t what;
	uint32_t uid;
	struct timespec newer, older;
	uint64_t larger, smaller;
};

/**
 * struct vexfs_search - a search
 * @collection:	name
 * @vector:	@dim float32, whatever the element type of the collection
 * @k:		results wanted, 1..VEXFS_SEARCH_MAX_K
 * @flags:	VEXFS_SEARCH_EXACT, VEXFS_SEARCH_FRESH, VEXFS_SEARCH_PER_FILE, VEXFS_SEARCH_COUNT
 * @effort:	candidates to rerank in full precision, 0 = default
 * @hits:	room for @k
 * @paths, @path_bytes: buffer of the paths, not NUL terminated; a hit whose path
 *		does not fit has VEXFS_HIT_NO_PATH
 * @found:	out: hits written, nearest first
 * @reply:	out: VEXFS_REPLY_*
 * @embedder:	what made the query, or NULL
 * @max_work:	embeddings to compare at most, 0 = as many as the system allows; if
 *		there are more, @reply has VEXFS_REPLY_TRUNCATED
 * @filter:	or NULL: all files
 * @plan:	out: VEXFS_SEARCHED_*
 * @stale:	out, with VEXFS_SEARCH_COUNT: stale embeddings below the scope
 * @pending:	out, if @plan is not VEXFS_SEARCHED_UNTOLD: embeddings the graph has not absorbed
 */
struct vexfs_search {
	const char *collection;
	const float *vector;
	uint32_t dim;
	uint32_t k;
	uint32_t flags;
	uint32_t effort;
	struct vexfs_search_hit *hits;
	char *paths;
	uint32_t path_bytes;
	uint32_t found;
	uint32_t reply;
	const struct vexfs_embedder_id *embedder;
	uint64_t max_work;
	const struct vexfs_search_filter *filter;
	uint32_t plan;
	uint64_t pending;
	uint64_t stale;
};

/**
 * vexfs_search - the nearest embeddings below a directory
 * @fd:	the directory: the scope of the search
 *
 * Only files the caller may open count. Return: 0 (also when nothing was
 * found), -EINVAL (dimension, k), -EDOM (query), -ENOTDIR, -EACCES (on the
 * collection), -EMEDIUMTYPE (it is for another embedder), -EAGAIN (@fd is O_NONBLOCK,
 * and the user has as many searches at work as may be; otherwise it waits).
 */
int vexfs_search(int fd, struct vexfs_search *s);

/** vexfs_hit_distance - the distance of a hit; smaller is nearer */
float vexfs_hit_distance(const struct vexfs_search_hit *hit);

/**
 * struct vexfs_changes - a call for what has changed
 * @collection:	name, or NULL: all changes
 * @mark:	in: from where, zeros: from now on; out: for the next call, also in another process or after a crash
 * @entries:	room for @count
 * @paths, @path_bytes: buffer of the paths, not NUL terminated
 * @wait_ms:	wait so long for the first change; 0: do not wait
 * @found:	out: entries written
 * @more:	out: call again
 */
struct vexfs_changes {
	const char *collection;
	struct vexfs_feed_mark mark;
	struct vexfs_change *entries;
	uint32_t count;
	char *paths;
	uint32_t path_bytes;
	uint32_t wait_ms;
	uint32_t found;
	int more;
};

/**
 * vexfs_changes - what has changed below a directory since a mark
 * @fd:	the directory
 *
 * Only files a search could find. Return: 0; -EREMOTE (the mark is of another filesystem or feed: look at everything
 * again, with a new mark), -EOPNOTSUPP (no feed is kept), -EINTR (a signal, while it waits), -ENOTDIR, -EACCES,
 * -ENOENT (the collection), -EROFS. After an error the mark is as it was.
 */
int vexfs_changes(int fd, struct vexfs_changes *c);

#ifdef __cplusplus
}
#endif

#endif /* LIBVEXFS_H */
