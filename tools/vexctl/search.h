/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl search: what its files share. */
#ifndef VEXCTL_SEARCH_H
#define VEXCTL_SEARCH_H

#include "tools/vexctl/vexctl.h"

/**
 * struct found - one hit, judged
 * @hit:   the kernel's answer
 * @path:  relative to the scope, not terminated; @path_len 0: it has none
 * @score: similarity of the vectors, 0 to 1
 * @words: share of the query's words that the passage has, 0 to 1, rare words weighing most
 * @rank_words: how well it answers by words alone; larger is better
 * @verbatim: identifiers and quoted parts of the query that it has as they are written
 * @by_vector, @fused: place among the vectors; the sum of reciprocal ranks
 * @weak:  no more alike than unrelated texts are by chance
 * @line, @page: of the passage's best part, from 1; 0: unknown, or without pages
 * @snippet: that part; empty if the file could not be read
 */
struct found {
	const struct vexfs_search_hit *hit;
	const char *path;
	size_t path_len;
	float score, words, rank_words;
	unsigned int verbatim;
	size_t by_vector;
	float fused;
	bool weak;
	uint64_t line;
	unsigned int page;
	struct snippet snippet;
};

/**
 * struct search_job - a search from the command line to its output
 * @text:   the words, or NULL when a vector was given; @like: those of a file, which is @not
 * @scope:  the directory; @prefix is what the paths of hits need to be found from here
 * @e:      the embedder of @text, loaded for this search; NULL: a vector was given, or it is @remote
 * @terms:  of @text
 * @filter: which files
 * @found, @nfound: what is shown
 * @stale:  hits shown whose file has changed since
 */
struct search_job {
	const struct options *opt;
	const char *text;
	char *like;
	ino_t not;
	struct target scope;
	char *prefix;
	char collection[VEXFS_IOC_NAME_LEN];
	struct vexfs_ioc_collection coll;
	struct vexfs_search s;
	struct vexfs_search_filter filter;
	struct vexfs_embedder_id embedder;
	struct vex_embedder *e, *remote;
	struct vector v;
	struct terms *terms;
	struct text file;
	struct found *found;
	size_t nfound, stale;
	double seconds;
};

/* search_query.c: says what is wrong; EXIT_*, or SEARCH_AGAIN: the name is that of another collection since */
#define SEARCH_AGAIN	(-1)
int search_vector(struct search_job *j);	/* j->v, from the text or the file */
int search_ask(struct search_job *j);		/* j->s */
/* The passages found are of too few files, and there are more: ask for one of each. */
bool search_wants_files(const struct search_job *j);

/* search_filter.c */
/* --newer, --older, --larger, --smaller and --owner into @f; EXIT_USAGE. */
int search_filter(const struct command *cmd, const struct options *opt, struct vexfs_search_filter *f);

/* search_hits.c */
/* Judge, rank and choose what the kernel found: j->found. -ENOMEM. */
int search_judge(struct search_job *j);
/* The hit's passage, or the file from its beginning to the passage's end, into j->file; false: there
 * is no text. */
bool search_text(struct search_job *j, const struct found *f, bool whole);

/* search_summary.c: what the filesystem said of the search. EXIT_OK or EXIT_FAILED */
int search_summary(const struct search_job *j);

/* search_print.c: EXIT_OK or EXIT_FAILED */
int search_print(struct search_job *j);

/* fuse.c */
/* Order by exact parts first, then by reciprocal ranks of vectors and words. */
void fuse_ranks(struct found *f, size_t n);
/* The smallest similarity that two unrelated texts do not have by chance, in @dim dimensions. */
float noise_floor(uint32_t dim);
/* A distance as a similarity between 0 and 1; never negative, never NaN. */
float similarity(uint8_t metric, float distance);

/* words.c */
/**
 * struct word_score - how a passage answers a query's words
 * @share: of the query's words, rare ones weighing most, 0 to 1
 * @rank:  by words, their number and the passage's length; larger is better
 * @verbatim: identifiers and quoted parts found as written
 */
struct word_score {
	float share, rank;
	unsigned int verbatim;
};
void words_score(const struct terms *t, const char *text, size_t len, struct word_score *s);

#endif /* VEXCTL_SEARCH_H */
