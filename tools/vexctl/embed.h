/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl embed: what its two files share. */
#ifndef VEXCTL_EMBED_H
#define VEXCTL_EMBED_H

#include <limits.h>

#include "tools/vexctl/vexctl.h"

/**
 * struct embed_counts - what became of the files
 * @embeddings: set, several per file with passages
 * @reused: of them, copied from an equal text
 * @fresh: had one already
 * @empty: without a single word
 * @cut: longer than what is looked at
 */
struct embed_counts {
	uint64_t embedded, embeddings, reused, fresh, binary, empty, cut, failed;
};

struct reuse;

/**
 * struct embed_job - one run of vexctl embed or index
 * @first:  the first path; stays open for the filesystem it stands for
 * @rootfd, @root: of that filesystem
 * @e:      the embedder, loaded or @fitted in this run, or @remote
 * @remote: it is none of vexctl's own, and shared: embedder_choose() gave it
 * @index:  choose passages by the file's size
 * @reuse:  vectors of texts seen before; NULL: none are kept
 * @text:   the file at hand
 * @passage: bytes of its passages, 0: it is embedded as a whole
 * @why:    it was not embedded, an enum skip
 * @generation: of its content, from before it was read
 */
struct embed_job {
	const struct options *opt;
	const char *embedder;
	struct target first;
	struct vexfs_ioc_collection coll;
	int rootfd;
	char root[PATH_MAX];
	struct file_list files;
	struct vex_embedder *e;
	bool fitted, index, remote;
	struct reuse *reuse;
	struct text text;
	uint64_t passage;
	int why;
	uint64_t generation;
	struct embed_counts counts;
};

/* embed.c: say what is wrong; EXIT_* */
/* From j->first and the collection's name to all that does not depend on the files. */
int embed_prepare(struct embed_job *j);
/* The model: the one there is, or a new one of j->files. */
int embed_model(struct embed_job *j);
void embed_end(struct embed_job *j);
/* What every report has of the job and its counts. */
void embed_counts_json(const struct embed_job *j, struct json_object *o);

/* embed_files.c */
/**
 * struct embed_state - the embeddings a file has in the collection
 * @chunks: one more than the highest chunk number
 */
struct embed_state {
	bool has_first, first_is_whole, stale;
	uint32_t chunks;
};
int embed_file_state(int fd, uint32_t collection, struct embed_state *s);

/* Why index does not take a text, an enum skip; 0: it does. */
int embed_unfit(const struct text *t);

/* passages.c: the file's text, embedded and set passage by passage; what an earlier content had goes.
 * -ENODATA: it has no words; -ESTALE: its content is not of j->generation any more. */
int passages_set(struct embed_job *j, int fd, const struct embed_state *s);

/* Fit j->e on the files. Files that cannot be read are left for embed_files() to report. */
int embed_fit(struct embed_job *j);
/* Embed them; errors are reported and counted. */
void embed_files(struct embed_job *j);
/* Embed one; counts it. 0, or a negative errno and in j->why the reason if that is no failure. */
int embed_one(struct embed_job *j, const char *path);
/* Say that a file failed, unless too many did. */
void embed_complain(struct embed_job *j, const char *path, int err);

#endif /* VEXCTL_EMBED_H */
