/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl index, stale, status: what their files share. */
#ifndef VEXCTL_INDEX_H
#define VEXCTL_INDEX_H

#include <pthread.h>

#include "tools/vexctl/embed.h"
#include "tools/vexctl/tree.h"

#define INDEX_DIM	768	/* of the collection that index makes */
#define STATIC_INDEX_DIM 960	/* for `static`: the same for words as they are written, and its own 192 */

/**
 * struct skipped - files that are not indexed
 */
struct skipped {
	struct skipped_file {
		char *path;
		enum skip why;
	} *file;
	size_t n, room;
	uint64_t count[SKIP_REASONS];
};
void skipped_add(struct skipped *s, const char *path, enum skip why);	/* names only if memory lasts */
void skipped_free(struct skipped *s);
/* For people: sums by reason, and the names of all but the ignored; of all with @verbose. */
void skipped_print(const struct skipped *s, bool verbose);
void skipped_json(const struct skipped *s, struct json_object *o);

/* reuse.c: vectors of texts seen before, for threads */
struct reuse;
struct reuse *reuse_create(size_t bytes);	/* of a vector; NULL: no memory */
void reuse_free(struct reuse *r);
/* Take vectors of earlier runs, too, and keep those of this one for later ones: best effort. @anew: only keep. */
void reuse_keep(struct reuse *r, const struct vex_embedder *e, const struct vexfs_ioc_collection *c, bool anew);
bool reuse_find(struct reuse *r, const char *text, size_t len, void *vector);
void reuse_add(struct reuse *r, const char *text, size_t len, const void *vector);

/* index_run.c: j->files by all processors. Negative errno of what ended it early, -EINTR: Ctrl-C. */
int index_files(struct embed_job *j, struct skipped *s);

/* scope.c */
/**
 * struct scope_state - how complete the index of a directory is
 * @known:   it, or a directory above it, was indexed as a whole
 * @when:    and when that began
 * @missing, @stale: files without an embedding that should have one; with one of older content
 * @looked:  files looked at
 * @partly:  there are more files than were looked at
 */
struct scope_state {
	bool known, partly;
	struct timespec when;
	uint64_t missing, stale, looked;
};
typedef void scope_fn(void *ctx, const char *path, bool stale);
/* Look at the files below @t that changed since it was indexed, or at @all; at @most files. Calls
 * @fn, if not NULL, for each that is missing or stale. 0 or a negative errno. */
int scope_check(const struct target *t, const struct vexfs_ioc_collection *c, bool all, uint64_t most,
		struct scope_state *s, scope_fn *fn, void *ctx);
/* Note that the directory was indexed as a whole, at @when. Best effort: it needs write permission. */
void scope_mark(int dirfd, const char *collection, const struct timespec *when);

#endif /* VEXCTL_INDEX_H */
