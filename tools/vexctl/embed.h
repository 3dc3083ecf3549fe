/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl embed: what its two files share. */
#ifndef VEXCTL_EMBED_H
#define VEXCTL_EMBED_H

#include <limits.h>

#include "tools/vexctl/vexctl.h"

/**
 * struct embed_counts - what became of the files
 * @embeddings: set, several per file with --chunk-size
 * @fresh: had one already
 * @empty: without a single word
 * @cut: longer than what is looked at
 */
struct embed_counts {
	uint64_t embedded, embeddings, fresh, binary, empty, cut, failed;
};

/**
 * struct embed_job - one run of vexctl embed
 * @first:  the first path; stays open for the filesystem it stands for
 * @rootfd, @root: of that filesystem
 * @e:      the embedder, loaded or @fitted in this run
 * @data:   room for one embedding
 * @text:   the file at hand
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
	bool fitted;
	void *data;
	struct text text;
	uint64_t generation;
	struct embed_counts counts;
};

/* Fit j->e on the files. Files that cannot be read are left for embed_files() to report. */
int embed_fit(struct embed_job *j);
/* Embed them; errors are reported and counted. */
void embed_files(struct embed_job *j);

#endif /* VEXCTL_EMBED_H */
