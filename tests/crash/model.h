/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small tree of files, its whole history, and what a crash may leave of it.
 *
 * The operations follow from a seed, so that the program that does them in a guest and the one that
 * judges what a crash has left, elsewhere and later, need to tell each other nothing but the number
 * of the last operation that had returned.
 */
#ifndef VEXFS_CRASH_MODEL_H
#define VEXFS_CRASH_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define CR_NAMES	6		/* per directory: f0 .. f5, and directories d0 .. d1 */
#define CR_PATH		64
#define CR_MAX_SIZE	(12 * 4096)
#define CR_DIM		8
#define CR_COLL		"crash"
#define CR_BALLAST	"ballast"	/* a file that is not in the model */
#define CR_FREE		1000		/* blocks that it leaves: more than all files can have */
#define CR_XATTR	"k"		/* of the namespace user */
#define CR_XATTR_MAX	9000
#define CR_SMALL	48		/* MiB: a filesystem that is to grow, on a disk of CR_LARGE */
#define CR_LARGE	160
#define CR_OWNERS	4		/* user ids 0 .. 3 */
#define CR_ACL_UID	5000		/* an ACL names this user + the operation that set it */

enum cr_kind {
	CR_CREATE, CR_TMPFILE, CR_MKDIR, CR_SYMLINK, CR_UNLINK, CR_RMDIR, CR_RENAME, CR_EXCHANGE, CR_WHITEOUT, CR_LINK,
	CR_CHMOD, CR_CHOWN, CR_ACL_SET, CR_ACL_DEL, CR_XATTR_SET, CR_XATTR_DEL, CR_VEC_SET, CR_VEC_DEL,
	CR_WRITE, CR_DIRECT, CR_APPEND, CR_MMAP, CR_TRUNCATE, CR_ALLOCATE, CR_PUNCH, CR_ZERO,
	CR_COLLAPSE, CR_INSERT,
	CR_FSYNC, CR_FDATASYNC, CR_FSYNC_DIR, CR_SYNC, CR_GROW,
	CR_KINDS,
};
extern const char *const cr_kind_name[CR_KINDS];

/**
 * struct cr_op - an operation; what does not belong to its kind is 0
 * @index: 1 for the first one
 * @path:  from the root, without a slash at the begin
 * @to:    the new name of a link or rename; the target of a symlink
 * @mode:  permission bits of what is made, or set by chmod or with an ACL
 * @off, @len: of content, bytes; @len also: of the attribute, of the file after truncate; the new owner; the size
 *	   of the filesystem, MiB
 * @seed:  what bytes are written (cr_bytes())
 */
struct cr_op {
	enum cr_kind	kind;
	uint32_t	index;
	char		path[CR_PATH], to[CR_PATH];
	uint32_t	mode, off, len;
	uint64_t	seed;
};

/* A value from operation @op on. */
struct cr_change {
	uint32_t	op, value;
};

struct cr_changes {
	struct cr_change	*v;
	uint32_t		n, room;
};

struct cr_version {
	uint32_t	op, size;
	uint8_t		*data;
};

/**
 * struct cr_node - a file, directory or symlink, dead ones included
 * @mode, @uid, @acl, @xattr, @vec: of cr_changes: permission bits; owner; the operation that set the ACL,
 *		0: none; length of the attribute, 0: none; the operation that set the embedding, 0: none
 * @synced:	operations after which all content was durable
 * @changed:	the last operation that changed the inode or, for a directory, its entries
 */
struct cr_node {
	char			type;		/* 'f', 'd', 'l', 'c': whiteout */
	char			target[CR_PATH];
	struct cr_changes	mode, uid, acl, xattr, vec, synced;
	struct cr_version	*version;
	uint32_t		versions;
	uint32_t		changed;
};

struct cr_entry {
	uint32_t	dir, node;
	char		name[8];
	uint32_t	born, died;	/* died: UINT32_MAX as long as it lives */
};

/**
 * struct cr_script - which sequences are done, one after the other (sequence.c)
 * @length: operations in each; 0: no script, operations are random
 * @step:   of the sequence that is being done
 * @next:   its number, of all sequences of this length
 * @left:   so many, with it
 */
struct cr_script {
	uint32_t	length, step;
	uint64_t	next, left;
};

/**
 * struct cr_model
 * @floor: of each operation: all changes of names and attributes up to the operation of this number
 *	   are durable once it has returned
 */
struct cr_model {
	uint64_t	rnd;
	uint32_t	ops;
	uint32_t	*floor;
	struct cr_node	*node;
	struct cr_entry	*entry;
	uint32_t	nodes, entries;
	uint32_t	must_sync;	/* node + 1: the next operation is its fsync */
	uint32_t	mib;		/* of the filesystem; 0: it does not grow */
	struct cr_script script;
};

struct cr_model *cr_model_new(uint64_t seed);
void cr_model_free(struct cr_model *m);
/* Choose the next operation and do it to the model; false: the script has ended. */
bool cr_model_step(struct cr_model *m, struct cr_op *op);
/* Do an operation; false: it cannot be done now, and nothing has changed. */
bool cr_model_apply(struct cr_model *m, const struct cr_op *op);

/* ---- choosing: what cr_model_step() tries; @op->index and @op->seed are set ---- */

bool cr_choose(struct cr_model *m, struct cr_op *op);
/* False: that was all. */
bool cr_script_next(struct cr_model *m, struct cr_op *op);
/* How many sequences of this length there are. */
uint64_t cr_sequences(uint32_t length);
/* Less than @n, from the seed. */
uint32_t cr_rnd(struct cr_model *m, uint32_t n);
uint32_t cr_size(const struct cr_node *n);
/* NULL: the directory has no such name. */
struct cr_entry *cr_find_name(struct cr_model *m, uint32_t dir, const char *name);
bool cr_is_empty(const struct cr_model *m, uint32_t dir);
/* The path of an entry that existed after @op; the path of a name in a directory that exists now. */
void cr_entry_path(const struct cr_model *m, const struct cr_entry *e, uint32_t op, char *path);
void cr_new_path(const struct cr_model *m, uint32_t dir, const char *name, char *path);

/* @len bytes that a write with this seed puts at @off of a file. */
void cr_bytes(uint64_t seed, uint32_t off, uint32_t len, uint8_t *out);
void cr_vector(uint32_t op, float *v);

/* ---- the state after an operation --------------------------------------------- */

struct cr_name {
	char		path[CR_PATH];
	uint32_t	node;
};

/* Names after operation @op, in order; the caller frees *@names. Returns how many. */
uint32_t cr_names(const struct cr_model *m, uint32_t op, struct cr_name **names);
/* The value of a change in effect after @op. */
uint32_t cr_value(const struct cr_changes *c, uint32_t op);
uint32_t cr_links(const struct cr_model *m, uint32_t node, uint32_t op);
/* Index of the version in effect after @op. */
uint32_t cr_version_at(const struct cr_node *n, uint32_t op);

#endif /* VEXFS_CRASH_MODEL_H */
