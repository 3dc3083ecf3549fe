/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vexctl migrate: what its files share.
 *
 * The new embeddings are set into a collection of their own, the shadow. Its name says which collection it is to
 * replace, by index and time of creation, so a later run knows it, and nobody's collection is taken for one. When
 * nothing is left to embed, the two collections exchange their names in one step. From then on the collection of the
 * shadow's name is the old one: the name tells that as well, since it is the name of the collection itself.
 */
#ifndef VEXCTL_MIGRATE_H
#define VEXCTL_MIGRATE_H

#include "tools/vexctl/index.h"

/**
 * struct migration - one run of vexctl migrate
 * @asked:     the command line
 * @opt:       of @job: its collection is the one to fill
 * @name:      of the collection to migrate
 * @shadow:    of the one that is filled, and of the old one after the exchange
 * @from:      the old one
 * @exchanged: the names have been
 * @resumed:   an earlier run has begun it
 * @kept:      an earlier run has done it, and has called the old one as --keep-old says
 * @files:     that have an embedding in the old one
 * @embeddings: they have there
 * @lost:      of the files, those whose text cannot be embedded anew although the embedding is of their content
 * @behind:    of the files, those that changed meanwhile
 * @hidden:    embeddings of files that were not found
 * @first_lost: one of @lost, or NULL
 */
struct migration {
	const struct options *asked;
	struct options opt;
	struct embed_job job;
	struct skipped skipped;
	char name[VEXFS_IOC_NAME_LEN], shadow[VEXFS_IOC_NAME_LEN];
	struct vexfs_ioc_collection from;
	bool exchanged, resumed, kept;
	uint64_t files, embeddings, lost, behind, hidden;
	char *first_lost;
	double begun;
};

/* migrate_state.c */
enum migrate_how {
	MIGRATE_NONE,
	MIGRATE_FILLS,		/* the shadow is filled, the old one answers */
	MIGRATE_EXCHANGED,	/* the new one answers, the old one has the name of a shadow */
	MIGRATE_LEFT,		/* done, but for an empty collection that --keep-old needed */
};

/**
 * struct migrate_found - what an interrupted migration has left
 * @other:	 the shadow, or after the exchange the old one
 * @placeholder: the empty collection that was to give --keep-old's name to the old one, or has taken it; or ""
 */
struct migrate_found {
	enum migrate_how how;
	struct vexfs_ioc_collection other;
	char placeholder[VEXFS_IOC_NAME_LEN];
};

/* The shadow of @c, which is called @name. */
void migrate_shadow_name(const struct vexfs_ioc_collection *c, const char *name, char shadow[VEXFS_IOC_NAME_LEN]);
/* What there is of a migration of collection @c, which is called @name. 0 or a negative errno. */
int migrate_find(int fd, const char *name, const struct vexfs_ioc_collection *c, struct migrate_found *f);
/* An empty collection called @name, which says that it belongs to the migration of @shadow. Negative errno. */
int migrate_placeholder_make(int fd, const char *name, const char *shadow);

/* migrate_look.c */
/* Look at all files of the filesystem: into m->job.files goes what is to be embedded, and the numbers are counted anew.
 * 0 or a negative errno. */
int migrate_look(struct migration *m);

#endif /* VEXCTL_MIGRATE_H */
