/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VexFS ioctl interface.
 *
 * Every structure starts with its own size, so that it can grow: a kernel
 * accepts any size it knows and answers -EINVAL to others. Reserved fields and
 * unknown flags must be zero. Pointers travel as __u64.
 *
 * Errors common to all calls: ENOTTY (not a VexFS file), EFAULT, EINVAL (size,
 * flag or field not understood), ENOENT (no such collection), EUCLEAN (damage
 * found on disk, see the kernel log), EROFS, EIO.
 */
#ifndef _UAPI_VEXFS_H
#define _UAPI_VEXFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VEXFS_IOC_NAME_LEN	64	/* with the terminating NUL */

/* element types and metrics: the same numbers as on disk */
#define VEXFS_IOC_F32		1
#define VEXFS_IOC_F16		2
#define VEXFS_IOC_I8		3
#define VEXFS_IOC_L2		1	/* squared Euclidean distance */
#define VEXFS_IOC_COSINE	2	/* 1 - cosine */
#define VEXFS_IOC_IP		3	/* minus the inner product */

/**
 * struct vexfs_ioc_collection - a vector space
 * @size:	sizeof(struct vexfs_ioc_collection)
 * @flags:	0
 * @name:	1..63 bytes of [A-Za-z0-9_-], NUL terminated
 * @id:		out, index of the collection; in for COLL_NEXT
 * @dim:	elements per vector, 1..16384
 * @elem:	VEXFS_IOC_F32, _F16, _I8
 * @metric:	VEXFS_IOC_L2, _COSINE, _IP
 * @live:	out, embeddings in it
 * @slots:	out, embeddings it has room for without growing
 * @btime:	out, creation, seconds since the epoch
 * @bytes:	out, disk space held, in bytes
 */
struct vexfs_ioc_collection {
	__u32	size;
	__u32	flags;
	char	name[VEXFS_IOC_NAME_LEN];
	__u32	id;
	__u32	dim;
	__u8	elem;
	__u8	metric;
	__u16	pad;
	__u32	pad2;
	__u64	live;
	__u64	slots;
	__u64	btime;
	__u64	bytes;
	__u64	reserved[4];
};

/* On any open file of the filesystem. CREATE and DROP need the owner of the
 * root directory or CAP_SYS_ADMIN (EPERM). CREATE: EEXIST, ENOSPC (64 is the
 * limit, or the device is full). NEXT: the first collection with an id >= @id,
 * ENOENT past the last. */
#define VEXFS_IOC_COLL_CREATE	_IOWR('V', 1, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_INFO	_IOWR('V', 2, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_NEXT	_IOWR('V', 3, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_DROP	_IOWR('V', 4, struct vexfs_ioc_collection)

#define VEXFS_VEC_ALL_CHUNKS	0x1	/* DEL: every chunk of the file */
#define VEXFS_VEC_STALE		0x100	/* out: content changed since the set */

/**
 * struct vexfs_ioc_vec - one embedding of the file the call is made on
 * @size:	sizeof(struct vexfs_ioc_vec)
 * @flags:	in: 0, or VEXFS_VEC_ALL_CHUNKS; out: VEXFS_VEC_STALE
 * @collection:	name
 * @chunk:	0..2^24-1
 * @bytes:	SET: length of the data, must be dim * element size; GET: in, room;
 *		out, length (ERANGE with @bytes set if the room is too small)
 * @data:	pointer to the elements, little-endian
 * @range_off, @range_len: byte range the embedding was made from; 0, 0 = whole file
 * @generation:	SET: what VEXFS_IOC_DATA_GEN said before the content was read, or 0
 */
struct vexfs_ioc_vec {
	__u32	size;
	__u32	flags;
	char	collection[VEXFS_IOC_NAME_LEN];
	__u32	chunk;
	__u32	bytes;
	__u64	data;
	__u64	range_off;
	__u64	range_len;
	__u64	generation;
	__u64	reserved[1];
};

/* On a regular file. SET and DEL need a descriptor open for writing (EBADF), GET
 * needs read permission (EACCES). SET: EINVAL wrong length, EDOM a NaN, an
 * infinity, or a zero vector under the cosine metric, ENOSPC, ESTALE the content
 * is not of @generation any more. SET writes the content out first, so that an
 * embedding is never on disk before what it was made from; errors of that are
 * its own (EIO). GET and DEL: ENODATA. */
#define VEXFS_IOC_VEC_SET	_IOW('V', 10, struct vexfs_ioc_vec)
#define VEXFS_IOC_VEC_GET	_IOWR('V', 11, struct vexfs_ioc_vec)
#define VEXFS_IOC_VEC_DEL	_IOW('V', 12, struct vexfs_ioc_vec)

/**
 * struct vexfs_ioc_data_gen - which content a file has
 * @size:	sizeof(struct vexfs_ioc_data_gen)
 * @flags:	0
 * @generation:	out, not 0: any change of the content from now on ends it
 */
struct vexfs_ioc_data_gen {
	__u32	size;
	__u32	flags;
	__u64	generation;
	__u64	reserved[2];
};

/* On a regular file open for reading (EBADF). Ask first, read then, and give the
 * answer to SET: it fails with ESTALE if the content changed since, through
 * write(2), a mapping, or any other way. Good while the descriptor is open. */
#define VEXFS_IOC_DATA_GEN	_IOWR('V', 14, struct vexfs_ioc_data_gen)

struct vexfs_vec_entry {
	__u32	collection_id;
	__u32	chunk;
	__u64	range_off;
	__u64	range_len;
	__u32	flags;			/* VEXFS_VEC_STALE */
	__u32	pad;
};

/**
 * struct vexfs_ioc_vec_list - list a file's embeddings
 * @size:	sizeof(struct vexfs_ioc_vec_list)
 * @next_id, @next_chunk: in: where to begin (0, 0 first); out: where to go on
 * @count:	in: room in entries; out: entries written; 0 = no more
 * @entries:	pointer to struct vexfs_vec_entry[count]
 */
struct vexfs_ioc_vec_list {
	__u32	size;
	__u32	flags;
	__u32	next_id;
	__u32	next_chunk;
	__u32	count;
	__u32	pad;
	__u64	entries;
	__u64	reserved[2];
};
#define VEXFS_IOC_VEC_LIST	_IOWR('V', 13, struct vexfs_ioc_vec_list)

#define VEXFS_SEARCH_EXACT	0x1	/* full-precision scan */
#define VEXFS_SEARCH_FRESH	0x2	/* leave stale embeddings out */
#define VEXFS_SEARCH_MAX_K	1024

#define VEXFS_REPLY_APPROXIMATE	0x1	/* not all embeddings were measured: a nearer one may be missing */
#define VEXFS_REPLY_INCOMPLETE	0x2	/* damage, or a limit, kept some files out: fewer than k may be
					 * found although more exist */

#define VEXFS_HIT_STALE		0x1
#define VEXFS_HIT_NO_PATH	0x2	/* @paths had no room for it */

/**
 * struct vexfs_search_hit - one result
 * @ino, @generation: the file
 * @chunk, @range_off, @range_len: the passage
 * @distance:	float32 bits; smaller is nearer
 * @flags:	VEXFS_HIT_*
 * @path_off, @path_len: path relative to the scope, within @paths, without NUL
 */
struct vexfs_search_hit {
	__u64	ino;
	__u32	generation;
	__u32	chunk;
	__u64	range_off;
	__u64	range_len;
	__u32	distance;
	__u32	flags;
	__u32	path_off;
	__u32	path_len;
};

/**
 * struct vexfs_ioc_search - nearest neighbours below a directory
 * @size:	sizeof(struct vexfs_ioc_search)
 * @flags:	VEXFS_SEARCH_*
 * @collection:	name
 * @k:		results wanted, 1..VEXFS_SEARCH_MAX_K (0: EINVAL)
 * @effort:	candidates to rerank in full precision, 0 = default
 * @query:	pointer to dim float32 (whatever the element type of the collection)
 * @query_bytes: 4 * dim
 * @path_bytes:	room at @paths
 * @hits:	pointer to struct vexfs_search_hit[k]
 * @paths:	pointer to the path buffer
 * @found:	out: hits written, nearest first; fewer than k only if no more exist
 *		that the caller may open
 * @reply:	out: VEXFS_REPLY_*
 */
struct vexfs_ioc_search {
	__u32	size;
	__u32	flags;
	char	collection[VEXFS_IOC_NAME_LEN];
	__u32	k;
	__u32	effort;
	__u64	query;
	__u32	query_bytes;
	__u32	path_bytes;
	__u64	hits;
	__u64	paths;
	__u32	found;
	__u32	reply;
	__u64	reserved[5];
};

/* On a directory: the scope. A file is a candidate if the caller may read it
 * and search every directory from the scope down to it. EDOM as for SET. */
#define VEXFS_IOC_SEARCH	_IOWR('V', 20, struct vexfs_ioc_search)

/**
 * struct vexfs_ioc_info - about the mounted filesystem and the module
 * @simd:	distance kernels in use: "avx2", "sse2" or "int"
 */
struct vexfs_ioc_info {
	__u32	size;
	__u32	flags;
	__u8	uuid[16];
	char	label[64];
	char	simd[16];
	char	version[32];
	__u64	collections;
	__u64	embeddings;
	__u64	reserved[4];
};
#define VEXFS_IOC_INFO		_IOWR('V', 30, struct vexfs_ioc_info)

/*
 * Stop the filesystem at once, for tests of crash recovery: the number and the
 * modes are those of XFS, ext4 and f2fs, which no uapi header has for everybody.
 * CAP_SYS_ADMIN (EPERM).
 */
#define VEXFS_IOC_SHUTDOWN	_IOR('X', 125, __u32)
#define VEXFS_SHUTDOWN_DEFAULT	0	/* as after sync(2): everything is written first */
#define VEXFS_SHUTDOWN_LOGFLUSH	1	/* what the journal holds is committed */
#define VEXFS_SHUTDOWN_NOLOGFLUSH 2	/* a power cut */

#endif /* _UAPI_VEXFS_H */
