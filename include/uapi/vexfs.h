/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VexFS ioctl interface, version 1.
 *
 * One structure per call. Each starts with its own size, which is its version:
 * a newer kernel takes the missing tail of an older structure for zeros; an older
 * kernel takes a newer structure as long as what it does not know is zero, and
 * answers E2BIG otherwise. The size is not part of what a call is recognised by:
 * kernels look at type and number of the request only. A structure smaller than
 * that of version 1 is EINVAL, as are reserved fields and unknown flags that are
 * not zero. Pointers travel as __u64.
 *
 * All errors, and the calls that give them:
 *
 *	ENOTTY		any: not a VexFS file, or an unknown call
 *	EFAULT, EINVAL, E2BIG	any: a pointer, a size, flag or field
 *	ENOENT		any with a collection: there is none, or the caller may
 *			neither search nor fill it; COLL_NEXT: no more
 *	EUCLEAN, EIO	any: damage found on disk (see the kernel log), a disk error
 *	EROFS		those that write
 *	EFBIG		GROW: more than the format can have
 *	EPERM		COLL_CREATE, COLL_DROP, COLL_CHANGE, COLL_REBUILD, COLL_EXCHANGE: not the
 *			owner; GROW: not the administrator;
 *			VEC_SET, VEC_DEL: the file is immutable or append-only
 *	EACCES		VEC_*, SEARCH, CHANGES: permission on the collection or the file
 *	EBADF		VEC_SET, VEC_DEL: the descriptor is not open for writing;
 *			DATA_GEN: not for reading
 *	ESTALE		VEC_SET: the content is not of @generation any more
 *	EEXIST		COLL_CREATE: the name is taken
 *	ENOSPC		GROW: the device is smaller than that;
 *			COLL_CREATE: 64 collections exist, or the device is full;
 *			VEC_SET: the device is full
 *	EBUSY		COLL_CHANGE: holds embeddings of another embedder; GROW: it is
 *			being grown
 *	EMEDIUMTYPE	VEC_SET, SEARCH: the collection is for another embedder
 *	EDOM		VEC_SET, SEARCH: a NaN, an infinity, or a zero vector under
 *			the cosine metric
 *	ENODATA		VEC_GET, VEC_DEL: the file has no such embedding
 *	ERANGE		VEC_GET: no room; @bytes says how much it takes
 *	ENOTDIR		SEARCH, CHANGES: the scope is not a directory
 *	EOPNOTSUPP	CHANGES: the filesystem keeps no change feed
 *	EREMOTE		CHANGES: the mark is not of this feed: look at everything again
 *	EAGAIN		SEARCH: as many of the user's searches run as may, and the
 *			descriptor is O_NONBLOCK
 *	ENOMEM, ENFILE, EINTR	VEC_*, SEARCH, CHANGES: memory, open files, a fatal signal
 */
#ifndef _UAPI_VEXFS_H
#define _UAPI_VEXFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VEXFS_IOC_NAME_LEN	64	/* with the terminating NUL */

/* element types and metrics: the same numbers as on disk (the module asserts it) */
#define VEXFS_IOC_F32		1
#define VEXFS_IOC_F16		2
#define VEXFS_IOC_I8		3
#define VEXFS_IOC_L2		1	/* squared Euclidean distance */
#define VEXFS_IOC_COSINE	2	/* 1 - cosine */
#define VEXFS_IOC_IP		3	/* minus the inner product */

/**
 * struct vexfs_embedder_id - what turns content into vectors
 * @name:	name and version, NUL padded; empty: any
 * @fingerprint: of its model, by whatever hash it likes; zeros: any
 *
 * A collection that names one refuses sets and searches that name another: their
 * vectors cannot be compared. Who names none is not checked.
 */
struct vexfs_embedder_id {
	char	name[64];
	__u8	fingerprint[32];
};

/* @flags of struct vexfs_ioc_collection */
#define VEXFS_COLL_MODE		0x1	/* CREATE, CHANGE: @mode is given */
#define VEXFS_COLL_UID		0x2	/* ... @uid */
#define VEXFS_COLL_GID		0x4	/* ... @gid */
#define VEXFS_COLL_EMBEDDER	0x8	/* CHANGE: @embedder is given */
#define VEXFS_COLL_COUNTS	0x100	/* out: @live, @slots and @bytes are told */

#define VEXFS_COLL_DEFAULT_MODE	0666

/**
 * struct vexfs_ioc_collection - a vector space
 * @size:	sizeof(struct vexfs_ioc_collection)
 * @flags:	VEXFS_COLL_*
 * @name:	1..63 bytes of [A-Za-z0-9_-], NUL terminated
 * @id:		out, index of the collection; in for COLL_NEXT
 * @dim:	elements per vector, 1..16384
 * @elem:	VEXFS_IOC_F32, _F16, _I8
 * @metric:	VEXFS_IOC_L2, _COSINE, _IP
 * @mode:	who may search (r) and fill (w) it, as of a file: 0..0666
 * @uid, @gid:	owner, as the caller's user namespace numbers them
 * @live:	out, embeddings in it
 * @slots:	out, embeddings it has room for without growing
 * @btime:	out, creation, seconds since the epoch
 * @bytes:	out, disk space held, in bytes
 * @embedder:	what its vectors are made by
 *
 * @live, @slots and @bytes are for the owner: they count everybody's embeddings.
 */
struct vexfs_ioc_collection {
	__u32	size;
	__u32	flags;
	char	name[VEXFS_IOC_NAME_LEN];
	__u32	id;
	__u32	dim;
	__u8	elem;
	__u8	metric;
	__u16	mode;
	__u32	uid;
	__u32	gid;
	__u32	pad;
	__u64	live;
	__u64	slots;
	__u64	btime;
	__u64	bytes;
	struct vexfs_embedder_id embedder;
	__u64	reserved[4];
};

/*
 * On any open file of the filesystem.
 *
 * CREATE: in @name, @dim, @elem, @metric, @embedder, and what @flags says. For
 * CAP_SYS_ADMIN in the filesystem's user namespace, or the owner of the root
 * directory as on disk, through a mount that shows it. The creator becomes owner.
 * INFO, NEXT: by @name; the first with an id >= @id. Need r.
 * CHANGE: what @flags says. DROP: by @name; deletes every embedding in it. Both
 * for the owner or CAP_SYS_ADMIN as above; another @uid takes the latter, another
 * @gid must be one of the owner's groups.
 */
#define VEXFS_IOC_COLL_CREATE	_IOWR('V', 1, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_INFO	_IOWR('V', 2, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_NEXT	_IOWR('V', 3, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_DROP	_IOWR('V', 4, struct vexfs_ioc_collection)
#define VEXFS_IOC_COLL_CHANGE	_IOWR('V', 5, struct vexfs_ioc_collection)
/* Throw its graph away, in memory and on the disk; a worker makes a new one. By @name; as DROP. */
#define VEXFS_IOC_COLL_REBUILD	_IOWR('V', 6, struct vexfs_ioc_collection)

/**
 * struct vexfs_ioc_exchange - two collections that get each other's names
 * @size:	sizeof(struct vexfs_ioc_exchange)
 * @flags:	0
 * @name, @other: two names, NUL terminated; the same one twice is EINVAL
 */
struct vexfs_ioc_exchange {
	__u32	size;
	__u32	flags;
	char	name[VEXFS_IOC_NAME_LEN];
	char	other[VEXFS_IOC_NAME_LEN];
	__u64	reserved[3];
};

/*
 * On any open file of the filesystem; as DROP, of both collections. Names alone move: id, owner, mode, embedder,
 * embeddings and graph stay with their collection. At every moment, and after a power cut, both names exist: a call
 * that names one of them finds the collection of before or of after, never none, and works on that one to its end.
 */
#define VEXFS_IOC_COLL_EXCHANGE	_IOW('V', 7, struct vexfs_ioc_exchange)

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
 * @embedder:	SET: what made it
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
	struct vexfs_embedder_id embedder;
	__u64	reserved[1];
};

/* On a regular file. SET and DEL need a descriptor open for writing and w on the
 * collection, GET read permission on the file and r. SET: EINVAL if @bytes is not
 * the length of a vector. It writes the content out first, so that an embedding is
 * never on disk before what it was made from; errors of that are its own (EIO). */
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
#define VEXFS_SEARCH_PER_FILE	0x4	/* the nearest embedding of each file only */
#define VEXFS_SEARCH_COUNT	0x8	/* count stale embeddings: @stale */
#define VEXFS_SEARCH_MAX_K	1024

/* @filter of struct vexfs_ioc_search: what a file must be, as stat(2) shows it to the caller; all that is given */
#define VEXFS_FILTER_NEWER	0x1	/* content changed (mtime) after @newer */
#define VEXFS_FILTER_OLDER	0x2	/* content changed before @older */
#define VEXFS_FILTER_LARGER	0x4	/* of more than @larger bytes */
#define VEXFS_FILTER_SMALLER	0x8	/* of less than @smaller bytes */
#define VEXFS_FILTER_UID	0x10	/* owned by @uid */

#define VEXFS_REPLY_APPROXIMATE	0x1	/* not all embeddings were measured: a nearer one may be missing */
#define VEXFS_REPLY_INCOMPLETE	0x2	/* damage, or a limit, kept some files out: fewer than k may be
					 * found although more exist */
#define VEXFS_REPLY_AT_LEAST	0x8	/* @stale counts a part of them: there are many, or some cannot be looked at */
#define VEXFS_REPLY_TRUNCATED	0x4	/* the caller may open more embeddings than a search compares
					 * (@max_work): nearer ones may be missing */

/* @plan of struct vexfs_ioc_search: how the embeddings were found */
#define VEXFS_SEARCHED_UNTOLD	0	/* told to the owner of the collection, and to CAP_DAC_READ_SEARCH */
#define VEXFS_SEARCHED_SCAN	1	/* all that match were compared */
#define VEXFS_SEARCHED_SIFT	2	/* all that are permitted were, and the nearest filtered */
#define VEXFS_SEARCHED_WALK	3	/* through the graph */
#define VEXFS_SEARCHED_WIDE	4	/* through the graph, past many that do not match */

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
 * struct vexfs_search_time - a point in time
 * @sec:  seconds since the epoch; negative: before it
 * @nsec: 0..999999999
 * @pad:  0
 */
struct vexfs_search_time {
	__s64	sec;
	__u32	nsec;
	__u32	pad;
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
 *		that the caller may open, or @reply says that not all were looked at
 * @reply:	out: VEXFS_REPLY_*
 * @embedder:	what made the query
 * @max_work:	embeddings to compare at most; 0, or more than that: as many as the
 *		system allows
 * @filter:	VEXFS_FILTER_*; a field whose bit is not set must be 0. A structure that ends
 *		before @filter has none
 * @uid:	as the caller's user namespace numbers it
 * @newer, @older, @larger, @smaller: limits; a file at the limit is left out
 * @plan:	out: VEXFS_SEARCHED_*
 * @pad:	0
 * @pending:	out, if @plan is told: embeddings of those searched that the graph has not absorbed:
 *		they were compared one by one
 * @stale:	out, with VEXFS_SEARCH_COUNT: embeddings below the scope, of files that the filter is
 *		about and the caller can open, whose file has changed since
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
	struct vexfs_embedder_id embedder;
	__u64	max_work;
	__u64	reserved[4];
	__u32	filter;
	__u32	uid;
	struct vexfs_search_time newer;
	struct vexfs_search_time older;
	__u64	larger;
	__u64	smaller;
	__u32	plan;
	__u32	pad;
	__u64	pending;
	__u64	stale;
};

/* On a directory: the scope. Needs r on the collection. A file can be found if the
 * caller may read it, and may read and search every directory from the scope down
 * to it; each hit was opened on the caller's behalf. A user has so many searches
 * on a filesystem at a time; others wait, first come, first served, or fail with
 * EAGAIN if the descriptor is O_NONBLOCK. */
#define VEXFS_IOC_SEARCH	_IOWR('V', 20, struct vexfs_ioc_search)

/* @flags of struct vexfs_ioc_changes */
#define VEXFS_CHANGES_WAIT	0x1	/* in: if nothing has changed, wait for it, @timeout_ms at most */
#define VEXFS_CHANGES_MORE	0x100	/* out: call again, with the mark returned */

/* @flags of struct vexfs_change */
#define VEXFS_CHANGE_TREE	0x1	/* a directory that got another name, owner or mode: all
					 * below it may be new to the caller */
#define VEXFS_CHANGE_NEW	0x2	/* the file has no embedding in the collection */
#define VEXFS_CHANGE_STALE	0x4	/* it has one that its content has changed since */
#define VEXFS_CHANGE_NO_PATH	0x8	/* @paths is too small for it, or it lies too deep */

/**
 * struct vexfs_feed_mark - a place in the change feed of a filesystem
 * @feed:   which feed; 0 with @number 0: none yet
 * @number: changes below it are known
 */
struct vexfs_feed_mark {
	__u64	feed;
	__u64	number;
};

/**
 * struct vexfs_change - a file that has changed, or a directory
 * @ino, @generation: of it
 * @flags:  VEXFS_CHANGE_*
 * @number: of the change; later ones have greater numbers
 * @path_off, @path_len: path relative to the scope, within @paths, without NUL; of the scope itself: empty
 */
struct vexfs_change {
	__u64	ino;
	__u32	generation;
	__u32	flags;
	__u64	number;
	__u32	path_off;
	__u32	path_len;
};

/**
 * struct vexfs_ioc_changes - what has changed below a directory
 * @size:	sizeof(struct vexfs_ioc_changes)
 * @flags:	VEXFS_CHANGES_*
 * @collection:	name; then files whose embeddings in it are of their content are left out. Empty: all that changed
 * @mark:	in: from where; zeros: from now on, which returns a mark and no entries. Out: for the next call
 * @entries:	pointer to struct vexfs_change[@count]
 * @paths:	pointer to the path buffer
 * @count:	in: room, at least 1; out: entries written, oldest change first
 * @path_bytes: room at @paths
 * @timeout_ms: for VEXFS_CHANGES_WAIT
 */
struct vexfs_ioc_changes {
	__u32	size;
	__u32	flags;
	char	collection[VEXFS_IOC_NAME_LEN];
	struct vexfs_feed_mark mark;
	__u64	entries;
	__u64	paths;
	__u32	count;
	__u32	path_bytes;
	__u32	timeout_ms;
	__u32	pad;
	__u64	reserved[4];
};

/*
 * On a directory: the scope. Files that were made, written, given a name or moved, or whose owner, mode or ACL
 * changed, since the mark; each once, if the caller could find it by SEARCH. A call looks at a limited number of
 * changes, wherever they are in the filesystem: without entries and with VEXFS_CHANGES_MORE the next call continues.
 * What was deleted is not told; what changes meanwhile is told again. What is told is on the disk, so a mark stays
 * good over crashes; EREMOTE says that it is of another filesystem, or of a feed that was turned on or repaired since.
 * Files of a directory that is told with VEXFS_CHANGE_TREE are not told for that: walk it.
 * Who reads a file that was told asks for VEXFS_IOC_DATA_GEN first: it waits for writes that are under way.
 * EROFS: there are changes that a read-only mount cannot give a mark for.
 */
#define VEXFS_IOC_CHANGES	_IOWR('V', 21, struct vexfs_ioc_changes)

/**
 * struct vexfs_ioc_info - about the mounted filesystem and the module
 * @collections: those the caller may search
 * @embeddings: in those of them whose counts the caller is told
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

#define VEXFS_GROW_QUERY	0x1	/* change nothing, tell the sizes */

/**
 * struct vexfs_ioc_grow - the size of the filesystem
 * @size:	sizeof(struct vexfs_ioc_grow)
 * @flags:	0, or VEXFS_GROW_QUERY
 * @bytes:	in: the size wanted, 0: that of the device; rounded down to blocks, and a last group of blocks too
 *		short for its own metadata is left off. Out: the size it has now
 * @device_bytes: out, of the device
 * @max_bytes:	out, the most that the format can have
 *
 * The three sizes are told after an error, too.
 */
struct vexfs_ioc_grow {
	__u32	size;
	__u32	flags;
	__u64	bytes;
	__u64	device_bytes;
	__u64	max_bytes;
	__u64	reserved[5];
};

/*
 * On any open file of the filesystem: make it larger, while it is in use. Goes in steps of up to 7.75 GiB, each of
 * which is there as a whole after a crash or not at all; a signal ends it between two of them (EINTR), and another
 * call continues. It is on disk when the call returns. For CAP_SYS_ADMIN (QUERY: for everybody).
 * EBUSY: somebody else is growing it. EINVAL: it is larger than that. ENOSPC: the device is smaller than that.
 * EFBIG: more than @max_bytes. EUCLEAN: damage was found since the last fsck. EROFS, EIO.
 */
#define VEXFS_IOC_GROW		_IOWR('V', 31, struct vexfs_ioc_grow)

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
