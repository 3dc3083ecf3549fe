/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The grammar of tests/guest/calls.c: each ioctl as a table of fields, with what a valid call has there and which of
 * them the kernel answers in; the errors that include/uapi/vexfs.h documents for it; who may make it.
 */
#ifndef VEXFS_CALLGRAMMAR_H
#define VEXFS_CALLGRAMMAR_H

#include <linux/fs.h>
#include <stddef.h>

#include "tests/guest/vecguest.h"

#define DIM	8
#define STRUCT_MAX 512	/* the largest structure, and a tail */

enum kind { K_SIZE, K_FLAGS, K_NAME, K_NUM, K_PTR, K_EMBEDDER, K_ZERO, K_BYTES };

/*
 * @arg: K_FLAGS: the bits; K_NUM: the largest valid value; K_PTR: which region; K_BYTES: the value of a valid call
 * @out: the kernel answers here
 */
struct field {
	unsigned short off, len;
	enum kind kind;
	unsigned long long arg;
	bool out;
};

#define F(type, member, kind, arg, out) \
	{ offsetof(struct type, member), sizeof(((struct type *)0)->member), kind, arg, out }

#define C_ADMIN		0x1	/* succeeds for root only */
#define C_WRITES	0x2	/* cannot succeed on a read-only filesystem */
#define C_TELLS		0x4	/* answers in the structure after an error, too */

/* Regions that pointers lead to; of the last two the kernel writes no more than the reply says. */
enum { R_DATA, R_RECORDS, R_PATHS, REGIONS };

struct call {
	const char *name;
	unsigned int request;
	unsigned int size;
	unsigned int flags;
	const struct field *fields;
	int errors[14];		/* beside EFAULT, EINVAL, E2BIG */
};

static const struct field f_coll[] = {
	F(vexfs_ioc_collection, size, K_SIZE, sizeof(struct vexfs_ioc_collection), true),
	F(vexfs_ioc_collection, flags, K_FLAGS, 0, true),
	F(vexfs_ioc_collection, name, K_NAME, 0, true),
	F(vexfs_ioc_collection, id, K_NUM, 4, true),
	F(vexfs_ioc_collection, dim, K_BYTES, DIM, true),
	F(vexfs_ioc_collection, elem, K_BYTES, VEXFS_IOC_F32, true),
	F(vexfs_ioc_collection, metric, K_NUM, 3, true),
	F(vexfs_ioc_collection, mode, K_BYTES, 0666, true),
	F(vexfs_ioc_collection, uid, K_ZERO, 0, true),
	F(vexfs_ioc_collection, gid, K_ZERO, 0, true),
	F(vexfs_ioc_collection, pad, K_ZERO, 0, false),
	F(vexfs_ioc_collection, live, K_ZERO, 0, true),
	F(vexfs_ioc_collection, slots, K_ZERO, 0, true),
	F(vexfs_ioc_collection, btime, K_ZERO, 0, true),
	F(vexfs_ioc_collection, bytes, K_ZERO, 0, true),
	F(vexfs_ioc_collection, embedder, K_EMBEDDER, 0, true),
	F(vexfs_ioc_collection, reserved, K_ZERO, 0, false),
	{ }
};

/* CREATE and CHANGE: as above, with flags that say what is given. The owner stays root or becomes an invalid user. */
static const struct field f_make[] = {
	F(vexfs_ioc_collection, size, K_SIZE, sizeof(struct vexfs_ioc_collection), true),
	F(vexfs_ioc_collection, flags, K_FLAGS, VEXFS_COLL_MODE | VEXFS_COLL_UID | VEXFS_COLL_GID, true),
	F(vexfs_ioc_collection, name, K_NAME, 0, true),
	F(vexfs_ioc_collection, id, K_ZERO, 0, true),
	F(vexfs_ioc_collection, dim, K_BYTES, DIM, true),
	F(vexfs_ioc_collection, elem, K_BYTES, VEXFS_IOC_F32, true),
	F(vexfs_ioc_collection, metric, K_NUM, 3, true),
	F(vexfs_ioc_collection, mode, K_BYTES, 0666, true),
	F(vexfs_ioc_collection, uid, K_BYTES, 0, true),
	F(vexfs_ioc_collection, gid, K_BYTES, 0, true),
	F(vexfs_ioc_collection, pad, K_ZERO, 0, false),
	F(vexfs_ioc_collection, live, K_ZERO, 0, true),
	F(vexfs_ioc_collection, slots, K_ZERO, 0, true),
	F(vexfs_ioc_collection, btime, K_ZERO, 0, true),
	F(vexfs_ioc_collection, bytes, K_ZERO, 0, true),
	F(vexfs_ioc_collection, embedder, K_EMBEDDER, 0, true),
	F(vexfs_ioc_collection, reserved, K_ZERO, 0, false),
	{ }
};

static const struct field f_exchange[] = {
	F(vexfs_ioc_exchange, size, K_SIZE, sizeof(struct vexfs_ioc_exchange), false),
	F(vexfs_ioc_exchange, flags, K_ZERO, 0, false),
	F(vexfs_ioc_exchange, name, K_NAME, 0, false),
	F(vexfs_ioc_exchange, other, K_NAME, 0, false),
	F(vexfs_ioc_exchange, reserved, K_ZERO, 0, false),
	{ }
};

#define VEC_FIELDS(answers, flags_of) \
	F(vexfs_ioc_vec, size, K_SIZE, sizeof(struct vexfs_ioc_vec), answers), \
	F(vexfs_ioc_vec, flags, K_FLAGS, flags_of, answers), \
	F(vexfs_ioc_vec, collection, K_NAME, 0, false), \
	F(vexfs_ioc_vec, chunk, K_NUM, 1, false), \
	F(vexfs_ioc_vec, bytes, K_BYTES, DIM * 4, answers), \
	F(vexfs_ioc_vec, data, K_PTR, R_DATA, false), \
	F(vexfs_ioc_vec, range_off, K_NUM, 1000, answers), \
	F(vexfs_ioc_vec, range_len, K_NUM, 1000, answers), \
	F(vexfs_ioc_vec, generation, K_ZERO, 0, answers), \
	F(vexfs_ioc_vec, embedder, K_EMBEDDER, 0, answers), \
	F(vexfs_ioc_vec, reserved, K_ZERO, 0, false), \
	{ }

static const struct field f_set[] = { VEC_FIELDS(false, 0) };
static const struct field f_get[] = { VEC_FIELDS(true, 0) };
static const struct field f_del[] = { VEC_FIELDS(false, VEXFS_VEC_ALL_CHUNKS) };

static const struct field f_gen[] = {
	F(vexfs_ioc_data_gen, size, K_SIZE, sizeof(struct vexfs_ioc_data_gen), false),
	F(vexfs_ioc_data_gen, flags, K_ZERO, 0, false),
	F(vexfs_ioc_data_gen, generation, K_NUM, 9, true),
	F(vexfs_ioc_data_gen, reserved, K_ZERO, 0, false),
	{ }
};

static const struct field f_list[] = {
	F(vexfs_ioc_vec_list, size, K_SIZE, sizeof(struct vexfs_ioc_vec_list), false),
	F(vexfs_ioc_vec_list, flags, K_ZERO, 0, false),
	F(vexfs_ioc_vec_list, next_id, K_NUM, 4, true),
	F(vexfs_ioc_vec_list, next_chunk, K_NUM, 7, true),
	F(vexfs_ioc_vec_list, count, K_NUM, 20, true),
	F(vexfs_ioc_vec_list, pad, K_ZERO, 0, false),
	F(vexfs_ioc_vec_list, entries, K_PTR, R_RECORDS, false),
	F(vexfs_ioc_vec_list, reserved, K_ZERO, 0, false),
	{ }
};

static const struct field f_search[] = {
	F(vexfs_ioc_search, size, K_SIZE, sizeof(struct vexfs_ioc_search), false),
	F(vexfs_ioc_search, flags, K_FLAGS, 15, false),
	F(vexfs_ioc_search, collection, K_NAME, 0, false),
	F(vexfs_ioc_search, k, K_NUM, 20, false),
	F(vexfs_ioc_search, effort, K_NUM, 100, false),
	F(vexfs_ioc_search, query, K_PTR, R_DATA, false),
	F(vexfs_ioc_search, query_bytes, K_BYTES, DIM * 4, false),
	F(vexfs_ioc_search, path_bytes, K_NUM, 2000, false),
	F(vexfs_ioc_search, hits, K_PTR, R_RECORDS, false),
	F(vexfs_ioc_search, paths, K_PTR, R_PATHS, false),
	F(vexfs_ioc_search, found, K_ZERO, 0, true),
	F(vexfs_ioc_search, reply, K_ZERO, 0, true),
	F(vexfs_ioc_search, embedder, K_EMBEDDER, 0, false),
	F(vexfs_ioc_search, max_work, K_NUM, 30, false),
	F(vexfs_ioc_search, reserved, K_ZERO, 0, false),
	F(vexfs_ioc_search, filter, K_FLAGS, VEXFS_FILTER_UID, false),
	F(vexfs_ioc_search, uid, K_ZERO, 0, false),
	F(vexfs_ioc_search, newer, K_ZERO, 0, false),
	F(vexfs_ioc_search, older, K_ZERO, 0, false),
	F(vexfs_ioc_search, larger, K_ZERO, 0, false),
	F(vexfs_ioc_search, smaller, K_ZERO, 0, false),
	F(vexfs_ioc_search, plan, K_ZERO, 0, true),
	F(vexfs_ioc_search, pad, K_ZERO, 0, false),
	F(vexfs_ioc_search, pending, K_ZERO, 0, true),
	F(vexfs_ioc_search, stale, K_ZERO, 0, true),
	{ }
};

static const struct field f_changes[] = {
	F(vexfs_ioc_changes, size, K_SIZE, sizeof(struct vexfs_ioc_changes), false),
	F(vexfs_ioc_changes, flags, K_FLAGS, VEXFS_CHANGES_WAIT, true),
	F(vexfs_ioc_changes, collection, K_NAME, 1, false),
	F(vexfs_ioc_changes, mark.feed, K_BYTES, 0, true),	/* a valid one: mark_feed() */
	F(vexfs_ioc_changes, mark.number, K_NUM, 200, true),
	F(vexfs_ioc_changes, entries, K_PTR, R_RECORDS, false),
	F(vexfs_ioc_changes, paths, K_PTR, R_PATHS, false),
	F(vexfs_ioc_changes, count, K_NUM, 20, true),
	F(vexfs_ioc_changes, path_bytes, K_NUM, 2000, false),
	F(vexfs_ioc_changes, timeout_ms, K_BYTES, 20, false),
	F(vexfs_ioc_changes, pad, K_ZERO, 0, false),
	F(vexfs_ioc_changes, reserved, K_ZERO, 0, false),
	{ }
};

static const struct field f_info[] = {
	F(vexfs_ioc_info, size, K_SIZE, sizeof(struct vexfs_ioc_info), false),
	F(vexfs_ioc_info, flags, K_ZERO, 0, false),
	F(vexfs_ioc_info, uuid, K_ZERO, 0, true),
	F(vexfs_ioc_info, label, K_ZERO, 0, true),
	F(vexfs_ioc_info, simd, K_ZERO, 0, true),
	F(vexfs_ioc_info, version, K_ZERO, 0, true),
	F(vexfs_ioc_info, collections, K_ZERO, 0, true),
	F(vexfs_ioc_info, embeddings, K_ZERO, 0, true),
	F(vexfs_ioc_info, reserved, K_ZERO, 0, false),
	{ }
};

#define GROW_FIELDS(flags_kind, flags_of) \
	F(vexfs_ioc_grow, size, K_SIZE, sizeof(struct vexfs_ioc_grow), false), \
	F(vexfs_ioc_grow, flags, flags_kind, flags_of, false), \
	F(vexfs_ioc_grow, bytes, K_NUM, 64 << 20, true), \
	F(vexfs_ioc_grow, device_bytes, K_ZERO, 0, true), \
	F(vexfs_ioc_grow, max_bytes, K_ZERO, 0, true), \
	F(vexfs_ioc_grow, reserved, K_ZERO, 0, false), \
	{ }

static const struct field f_grow[] = { GROW_FIELDS(K_ZERO, 0) };
static const struct field f_size[] = { GROW_FIELDS(K_BYTES, VEXFS_GROW_QUERY) };

/* Modes that do not exist: a valid one would stop the filesystem. Users may try them all. */
static const struct field f_shutdown[] = { { 0, 4, K_BYTES, 3, false }, { } };
static const struct field f_label[] = { { 0, FSLABEL_MAX, K_NAME, 0, false }, { } };
static const struct field f_get_label[] = { { 0, FSLABEL_MAX, K_ZERO, 0, true }, { } };
static const struct field f_version[] = { { 0, 4, K_ZERO, 0, true }, { } };
static const struct field f_trim[] = {
	F(fstrim_range, start, K_NUM, 1 << 20, false), F(fstrim_range, len, K_NUM, 1 << 20, true),
	F(fstrim_range, minlen, K_NUM, 65536, true), { }
};
static const struct field f_attr_get[] = { { 0, sizeof(struct fsxattr), K_ZERO, 0, true }, { } };
static const struct field f_attr_set[] = {
	F(fsxattr, fsx_xflags, K_FLAGS, FS_XFLAG_NOATIME | FS_XFLAG_NODUMP | FS_XFLAG_SYNC, false),
	F(fsxattr, fsx_extsize, K_ZERO, 0, false), F(fsxattr, fsx_nextents, K_ZERO, 0, false),
	F(fsxattr, fsx_projid, K_ZERO, 0, false), F(fsxattr, fsx_cowextsize, K_ZERO, 0, false),
	F(fsxattr, fsx_pad, K_ZERO, 0, false), { }
};

static const struct call calls[] = {
	{ "COLL_CREATE", VEXFS_IOC_COLL_CREATE, sizeof(struct vexfs_ioc_collection), C_ADMIN | C_WRITES, f_make,
	  { EPERM, EROFS, EEXIST, ENOSPC } },
	{ "COLL_INFO", VEXFS_IOC_COLL_INFO, sizeof(struct vexfs_ioc_collection), 0, f_coll, { ENOENT } },
	{ "COLL_NEXT", VEXFS_IOC_COLL_NEXT, sizeof(struct vexfs_ioc_collection), 0, f_coll, { ENOENT } },
	{ "COLL_DROP", VEXFS_IOC_COLL_DROP, sizeof(struct vexfs_ioc_collection), C_ADMIN | C_WRITES, f_coll,
	  { ENOENT, EPERM, EROFS } },
	{ "COLL_CHANGE", VEXFS_IOC_COLL_CHANGE, sizeof(struct vexfs_ioc_collection), C_ADMIN | C_WRITES, f_make,
	  { ENOENT, EPERM, EROFS, EBUSY } },
	{ "COLL_REBUILD", VEXFS_IOC_COLL_REBUILD, sizeof(struct vexfs_ioc_collection), C_ADMIN | C_WRITES, f_coll,
	  { ENOENT, EPERM, EROFS } },
	{ "COLL_EXCHANGE", VEXFS_IOC_COLL_EXCHANGE, sizeof(struct vexfs_ioc_exchange), C_ADMIN | C_WRITES, f_exchange,
	  { ENOENT, EPERM, EROFS } },
	{ "VEC_SET", VEXFS_IOC_VEC_SET, sizeof(struct vexfs_ioc_vec), C_WRITES, f_set,
	  { ENOENT, EROFS, EPERM, EACCES, EBADF, ESTALE, ENOSPC, EMEDIUMTYPE, EDOM, EDQUOT } },
	{ "VEC_GET", VEXFS_IOC_VEC_GET, sizeof(struct vexfs_ioc_vec), C_TELLS, f_get,
	  { ENOENT, EACCES, ENODATA, ERANGE } },
	{ "VEC_DEL", VEXFS_IOC_VEC_DEL, sizeof(struct vexfs_ioc_vec), C_WRITES, f_del,
	  { ENOENT, EROFS, EPERM, EACCES, EBADF, ENODATA } },
	{ "VEC_LIST", VEXFS_IOC_VEC_LIST, sizeof(struct vexfs_ioc_vec_list), 0, f_list, { EACCES } },
	{ "DATA_GEN", VEXFS_IOC_DATA_GEN, sizeof(struct vexfs_ioc_data_gen), 0, f_gen, { EBADF } },
	{ "SEARCH", VEXFS_IOC_SEARCH, sizeof(struct vexfs_ioc_search), 0, f_search,
	  { ENOENT, EACCES, ENOTDIR, EMEDIUMTYPE, EDOM, EAGAIN } },
	{ "CHANGES", VEXFS_IOC_CHANGES, sizeof(struct vexfs_ioc_changes), 0, f_changes,
	  { ENOENT, EACCES, ENOTDIR, EREMOTE, EROFS } },
	{ "INFO", VEXFS_IOC_INFO, sizeof(struct vexfs_ioc_info), 0, f_info, { 0 } },
	{ "GROW", VEXFS_IOC_GROW, sizeof(struct vexfs_ioc_grow), C_ADMIN | C_WRITES | C_TELLS, f_grow,
	  { EPERM, EFBIG, ENOSPC, EBUSY, EROFS } },
	{ "GROW QUERY", VEXFS_IOC_GROW, sizeof(struct vexfs_ioc_grow), C_TELLS, f_size,
	  { EPERM, EFBIG, ENOSPC, EBUSY, EROFS } },
	{ "SHUTDOWN", VEXFS_IOC_SHUTDOWN, 4, C_ADMIN, f_shutdown, { EPERM } },
	{ "SETFSLABEL", FS_IOC_SETFSLABEL, FSLABEL_MAX, C_ADMIN | C_WRITES, f_label, { EPERM, EROFS } },
	{ "GETFSLABEL", FS_IOC_GETFSLABEL, FSLABEL_MAX, 0, f_get_label, { 0 } },
	{ "GETVERSION", FS_IOC_GETVERSION, 4, 0, f_version, { 0 } },
	{ "FITRIM", FITRIM, sizeof(struct fstrim_range), C_ADMIN, f_trim, { EPERM, EROFS, EOPNOTSUPP } },
	{ "FSGETXATTR", FS_IOC_FSGETXATTR, sizeof(struct fsxattr), 0, f_attr_get, { ENOTTY } },
	{ "FSSETXATTR", FS_IOC_FSSETXATTR, sizeof(struct fsxattr), C_WRITES, f_attr_set,
	  { EPERM, EROFS, EACCES, EOPNOTSUPP, ENOTTY } },
	{ "unknown", _IOWR('V', 99, struct vexfs_ioc_info), sizeof(struct vexfs_ioc_info), C_ADMIN | C_WRITES, f_info,
	  { ENOTTY } },
};

#define CALLS	(sizeof(calls) / sizeof(calls[0]))

#endif /* VEXFS_CALLGRAMMAR_H */
