/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexctl export --follow: what the reader of the stream knows, and how it is told what has changed.
 *
 * Operations come in batches with a number each. The known embeddings, with the number of the batch that told them,
 * are written to the state file before the batch is written to the output: a reader that has any batch finds the state
 * at that batch or beyond, and whatever it lacks is told again in the first batches after it says so (--since).
 */
#ifndef VEXCTL_FOLLOW_H
#define VEXCTL_FOLLOW_H

#include <time.h>

#include "tools/vexctl/vexctl.h"

/**
 * struct known_chunk - an embedding the reader was told of
 * @digest:  of range and vector
 * @set_at:  batch that told it, 0: it has to be told again
 * @stale_at: batch that told that its file has changed since; 0: it has not
 * @here:    seen by the look at its file that is under way
 */
struct known_chunk {
	uint32_t chunk;
	bool here;
	uint64_t digest, set_at, stale_at;
};

/**
 * struct known_file - a file, by inode and generation
 * @next:    of the same hash
 * @ctime:   when it was last looked at, 0: look again. A set, a delete and a write move it
 * @path_at: batch that told the path, 0: it has to be told again
 * @pass:    the last pass over the directory that met it
 * @dirty:   to be written to the state file
 */
struct known_file {
	struct known_file *next;
	uint64_t ino, path_at;
	uint32_t generation, pass;
	struct timespec ctime;
	char *path;
	struct known_chunk *chunk;
	size_t n, room;
	bool dirty;
};

/** struct gone - embeddings that were deleted: @chunk GONE_ALL: all of the file's */
#define GONE_ALL	UINT32_MAX
struct gone {
	uint64_t ino, at;
	uint32_t generation, chunk;
};

/**
 * struct state - all that the reader was told
 * @id:      random; marks of another one are refused
 * @seq:     of the last batch
 * @horizon: deletes of batches up to it are forgotten
 * @rewound: those of later batches belong to the batch under way
 * @owner:   first line of the file: filesystem, directory, collection
 * @name:    of the file; NULL: in memory only
 * @log:     what the batch under way will add to the file
 */
struct state {
	uint64_t id, seq, horizon, rewound;
	struct known_file **hash;
	size_t buckets, files;
	struct gone *gone;
	size_t ngone, gone_room;
	struct known_file **dirty;
	size_t ndirty, dirty_room;
	char owner[160];
	const char *name;
	int fd;
	uint64_t bytes, whole;
	char *log;
	size_t log_len;
	FILE *log_f;
};

/* follow_state.c: 0 or a negative errno */
int state_init(struct state *s);
void state_free(struct state *s);
struct known_file *state_find(const struct state *s, uint64_t ino);
struct known_file *state_add(struct state *s, uint64_t ino, uint32_t generation);	/* NULL: no memory */
void state_remove(struct state *s, struct known_file *f);
void state_clear(struct state *s);
int state_dirty(struct state *s, struct known_file *f);
/* Of the batch @at: */
int state_gone(struct state *s, const struct known_file *f, uint32_t chunk, uint64_t at);
struct known_chunk *known_chunk(struct known_file *f, uint32_t chunk);		/* NULL: not known */
struct known_chunk *known_chunk_add(struct known_file *f, uint32_t chunk);	/* NULL: no memory */

/* follow_file.c: the state file. They say what is wrong: EXIT_OK or EXIT_FAILED. */
/* Read, or make, s->name; s->owner is what its first line must say. */
int state_load(struct state *s);
/* Everything anew, with another id: the reader begins from nothing. */
int state_reset(struct state *s);
/* The batch s->seq + 1, on the disk. */
int state_commit(struct state *s);

/**
 * struct stream - the output, a batch at a time
 * @sql:      statements of PostgreSQL, otherwise JSON lines
 * @previous: mark the reader has, "": none
 * @ops:      in the batch under way
 * @told:     operations so far
 */
struct stream {
	bool sql;
	const struct vexfs_ioc_collection *coll;
	char previous[MARK_MAX];
	char *text;
	size_t len;
	FILE *f;
	unsigned int ops;
	uint64_t told;
};
int stream_open(struct stream *o);		/* -ENOMEM */
void stream_close(struct stream *o);
void stream_reset(struct stream *o);
void stream_set(struct stream *o, const struct known_file *f, const struct vexfs_embedding *e, const struct vector *v);
void stream_stale(struct stream *o, const struct known_file *f, uint32_t chunk);
void stream_move(struct stream *o, const struct known_file *f);
void stream_delete(struct stream *o, uint64_t ino, uint32_t generation, uint32_t chunk);
/* Write the batch, with its mark. EXIT_OK; EXIT_INTERRUPTED; EXIT_FAILED, said. */
int stream_flush(struct stream *o, const struct vexfs_feed_mark *mark);

/* follow.c */
int export_follow(const struct command *cmd, struct options *opt);
bool follow_stopped(void);

#endif /* VEXCTL_FOLLOW_H */
