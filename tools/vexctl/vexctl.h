/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl: what its files share. */
#ifndef VEXCTL_H
#define VEXCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <json-c/json.h>

#include "lib/embed.h"
#include "lib/vexfs.h"

/* Exit codes; documented in vexctl(1). */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTHING = 3,	/* nothing found */
	EXIT_PARTLY = 4,	/* found, but the index is stale or not everything was searched */
	EXIT_INTERRUPTED = 130,	/* as shells say of a program that Ctrl-C ended */
};

/**
 * struct options - a command line, parsed
 *
 * One set for all commands: an option means the same everywhere. Numbers have
 * been checked against their bounds; @given tells a default from a choice.
 */
struct options {
	const char *collection, *vector, *like, *list, *vectors, *type, *metric, *range, *embedder,
		*fingerprint, *mode, *owner, *output, *format, *paths, *since, *state, *query_prefix,
		*passage_prefix, *newer, *older, *larger, *smaller, *keep_old;
	uint64_t dim, chunk, k, effort, max_work, chunk_size, context, max_width, wait, interval, timeout, jobs;
	double min_score;
	bool json, help, yes, raw, exact, fresh, snippet, progress, force, refit, all, quiet, table,
		weak, per_file, line_number, with_hits, without_hits, null, verbose,
		skip_missing, read_only, summary, follow;
	uint64_t given;		/* bit per entry of the option table */
	char **args;
	int nargs;
};

/**
 * struct command - one of vexctl's commands
 * @name:	one or two words
 * @accepts:	names of its options, separated by spaces
 * @min_args, @max_args: positional arguments; @max_args < 0: any number
 * @help:	usage line, description, options, an example
 */
struct command {
	const char *name;
	const char *summary;
	const char *accepts;
	int min_args, max_args;
	bool needs_collection;	/* --collection is not optional */
	int (*run)(const struct command *cmd, struct options *opt);
	const char *help;
};

extern const struct command cmd_collection_create, cmd_collection_list, cmd_collection_change,
	cmd_collection_drop;
extern const struct command cmd_set, cmd_get, cmd_del, cmd_list, cmd_import, cmd_export, cmd_mcp;
extern const struct command cmd_changes, cmd_watch;
extern const struct command cmd_embed, cmd_index, cmd_search, cmd_stale, cmd_stat, cmd_status, cmd_grow, cmd_quota,
	cmd_rebuild, cmd_migrate, cmd_fingerprint;

/* dispatch.c */
int vexctl_main(int argc, char **argv);

/* options.c */
/* Parse argv[0..argc); EXIT_OK, or EXIT_USAGE after having said what is wrong.
 * opt->args points into @argv, whose order changes. */
int options_parse(const struct command *cmd, int argc, char **argv, struct options *opt);
bool option_given(const struct options *opt, const char *name);

/* parse.c: texts to values; 0 or a negative errno */
int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *out); /* -EINVAL, -ERANGE */
int parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out); /* with K, M, G, T */
int parse_range(const char *s, uint64_t *off, uint64_t *len);	/* OFF:LEN */
int parse_elem(const char *s);		/* VEXFS_IOC_F32..., -EINVAL */
int parse_metric(const char *s);
const char *elem_name(uint8_t elem);
const char *metric_name(uint8_t metric);
uint32_t elem_size(uint8_t elem);	/* bytes; 0: unknown */
const char *collection_name_error(const char *name);	/* NULL: a valid name */

/* vector.c */
/**
 * struct vector - elements as float32
 */
struct vector {
	float *v;
	size_t n;
};
void vector_free(struct vector *v);
/* Numbers separated by white space or commas, or a JSON array of numbers. -EINVAL with *@where =
 * byte offset of what is not a number; -E2BIG above VEXFS_DIM_MAX elements; -ENOMEM. */
int vector_parse(const char *text, size_t len, struct vector *v, size_t *where);
/* Little-endian elements of type @elem. -EINVAL: not a whole number of them. */
int vector_decode(const void *raw, size_t len, uint8_t elem, struct vector *v);
/* To little-endian elements of type @elem at @out. -EDOM: *@where is the index of an element that
 * is NaN, infinite, or outside the type. */
int vector_encode(const struct vector *v, uint8_t elem, void *out, size_t *where);
/* Scale to the whole range of int8, for directions (cosine) only. */
void vector_stretch_i8(struct vector *v);
/* Read a vector from @path ("-": standard input) for collection @c and check it against it; says
 * what is wrong. @raw: elements of the collection's type, or float32 if @as_f32. */
int vector_read(const char *path, bool raw, bool as_f32, const struct vexfs_ioc_collection *c,
		struct vector *v);

/* output.c */
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int usage_error(const struct command *cmd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool colour(FILE *f);			/* a terminal that may be coloured */
/* No control or format characters reach a terminal: they are shown as \xNN. */
void print_safe(FILE *f, const char *s, size_t len);
/* The same for text of a file: joiners that scripts need are passed on. At most *@max characters,
 * which is counted down; returns how many bytes were printed. */
size_t print_text(FILE *f, const char *s, size_t len, size_t *max);
struct json_object *json_text(const char *s, size_t len);	/* made valid UTF-8 */
void json_add_path(struct json_object *o, const char *path, size_t len);
struct json_object *json_double(double d, const char *fmt); /* as @fmt writes it; not finite: null */
int json_finish(struct json_object *o);	/* print and free; EXIT_FAILED if stdout is broken */
int json_line(struct json_object *o);	/* the same, on one line */
const char *human_bytes(uint64_t n, char buf[16]);
double now_seconds(void);

/**
 * struct progress - a line that tells how far a long job is
 */
struct progress {
	bool on, terminal;
	const char *what;
	uint64_t total;
	double begun, shown;
};
/* What progress_step() shows: a bar, and when it will be done. */
void progress_text(char *buf, size_t room, const char *what, uint64_t done, uint64_t total,
		   double seconds, bool bar);
void progress_begin(struct progress *p, const char *what, uint64_t total, bool asked);
void progress_step(struct progress *p, uint64_t done);
void progress_end(struct progress *p);

/* interrupt.c: signals that end long work between two of its steps */
void interrupt_catch(void);
void interrupt_release(void);
bool interrupted(void);

/* paths.c: a command's arguments, one after the other */
/* @fn for each path, "." if there is none; what failed does not end the others, Ctrl-C does.
 * The status that weighs most: failed, then the larger. */
int for_each_path(const struct options *opt, int (*fn)(const struct options *opt, const char *path));
int worse_status(int a, int b);
/* Say that a directory could not be walked; EXIT_FAILED. */
int list_fail(const char *path, int err);

/* target.c */
/**
 * struct target - an open file or directory on a VexFS
 */
struct target {
	const char *path;
	int fd;
	struct stat st;
};
/* Open for ioctls; says what is wrong and returns EXIT_FAILED. @flags: O_RDONLY, O_RDWR, O_DIRECTORY */
int target_open(struct target *t, const char *path, int flags);
void target_close(struct target *t);
/* Open what was a regular file when it was listed: no links, no waiting. A descriptor, -EINVAL if it
 * is another kind of file now, or another negative errno. */
int open_regular(int dirfd, const char *path, int flags, struct stat *st);
/* Open what is below @dirfd, whatever @path says: no links on the way, no way out (-EXDEV), no waiting. */
int open_beneath(int dirfd, const char *path, int flags, struct stat *st);
/* Say why a call on @t failed, and what to do; returns EXIT_FAILED. @collection may be NULL. */
int target_fail(const struct target *t, const char *collection, const char *doing, int err);
/* What an errno means to the user of a VexFS. */
const char *reason(int err);
/* The root of the filesystem that @t is on: an O_PATH descriptor, and its path at
 * @path (PATH_MAX bytes, "" if it has none). Negative errno. */
int mount_root(const struct target *t, char *path);
/* Look a collection up for a command; says what is wrong. EXIT_OK or EXIT_FAILED. */
int target_collection(const struct target *t, const char *name, struct vexfs_ioc_collection *c);

/* choose.c */
#define DEFAULT_COLLECTION	"default"
/* The collection meant by a command that names none: DEFAULT_COLLECTION, or the only one there is;
 * @texts: among those that a text can be searched in. Says what is wrong; EXIT_OK or EXIT_FAILED. */
int collection_choose(const struct target *t, bool texts, char name[VEXFS_IOC_NAME_LEN]);
/* The same for one that is to be filled: makes DEFAULT_COLLECTION of @dim elements if there is none. */
int collection_choose_or_make(const struct target *t, uint32_t dim, char name[VEXFS_IOC_NAME_LEN],
			      bool *made);
/* The name of a collection that vexctl migrate fills, or is about to drop: nobody means it without naming it. */
#define SHADOW_PREFIX		"_migrating_"
bool collection_is_shadow(const char *name);
/* Of a collection as status tells it: a migration that has not come to its end. As text, or into @json. */
void migration_report(const struct target *t, const char *name, const struct vexfs_ioc_collection *c,
		      struct json_object *json);
/* vexfs_collection_next() without those. */
int collection_after(const struct target *t, uint32_t from, struct vexfs_ioc_collection *c);
/* What collections there are, ", " between them, as many as fit; "" if none. */
void collection_names(const struct target *t, char *text, size_t room);

/*
 * model.c: the models of a filesystem's collections, in .vexctl/ at its root. They are known by the collection's name;
 * those of a collection whose name is about to move, by its index and time of creation, which come first.
 */
#define MODEL_DIR	".vexctl"
#define MODEL_NOTE_MAX	1024
/* A lexical model, or the note that another embedder fills the collection. */
bool model_exists(int rootfd, const char *collection);
/* Note which embedder was used, as the user named it. For messages, and so that commands without a collection's name
 * find it; nothing is ever run because of it. Best effort: it needs write permission on the root directory. */
void model_note(const struct target *t, const char *collection, const char *spec);
void model_note_read(const struct target *t, const char *collection, char spec[MODEL_NOTE_MAX]);	/* "": none */
/* The prefixes of a collection's texts, as JSON: prefix.c. 0 or a negative errno. */
int prefix_note_write(const struct target *t, const char *collection, const char *text);
int prefix_note_read(const struct target *t, const char *collection, char *text);	/* PREFIX_NOTE_MAX bytes */
int model_load(int rootfd, const char *collection, const char *embedder, struct vex_embedder **out);
/* Of a collection that is or was there; @c as it was told. */
void model_remove(int rootfd, const struct vexfs_ioc_collection *c);
/* From now on they stay with the collection, whatever it is called. Negative errno. */
int model_pin(int rootfd, const struct vexfs_ioc_collection *c);

/* builtin.c: embedders that are part of vexctl; 0 or a negative errno */
/* The one a collection is of: its name. */
const char *builtin_of(const struct vexfs_ioc_collection *c);
bool builtin_is(const char *embedder, const struct vex_embedder_ops *ops);	/* as --embedder says it */
bool builtin_named(const char *identity);	/* one of them has this identity */
bool builtin_made(const struct vexfs_ioc_collection *c);	/* it is of one of them, or of none yet */
/* Its model. -EMEDIUMTYPE: another one than that of the collection's fingerprint */
int builtin_load(int rootfd, const struct vexfs_ioc_collection *c, struct vex_embedder **e);
/* The collection, which is empty, is for vectors of @e's model alone from now on. */
int builtin_claim(int fd, struct vexfs_ioc_collection *c, const struct vex_embedder *e);
/* Say why there is no model, and what to do when the vectors were made by another one; EXIT_FAILED. */
int builtin_fail(const char *collection, const struct vexfs_ioc_collection *c, const char *root, int err);

int model_save(int rootfd, const char *collection, struct vex_embedder *e);
/* A text as a vector in the collection's element type, ready to set. @out: dim * element size. */
int model_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len,
		const struct vexfs_ioc_collection *c, void *out);
/* A unit vector in the collection's element type; @v may be changed. */
int model_encode(struct vector *v, const struct vexfs_ioc_collection *c, void *out);

/* changes.c: marks of the change feed as text, 16 and 1 to 16 hexadecimal digits with a colon between. */
#define MARK_MAX	40
void mark_print(const struct vexfs_feed_mark *m, char text[MARK_MAX]);
int mark_parse(const char *text, struct vexfs_feed_mark *m);	/* -EINVAL */
/**
 * struct feed - calls for changes, and what one told
 */
struct feed {
	struct vexfs_changes c;
	struct vexfs_change entry[256];
	char paths[65536];
};
struct feed *feed_create(const char *collection);	/* NULL: no memory */
/* Say why it cannot be read; EXIT_*. */
int feed_fail(const struct target *t, const char *collection, int err);

/* graphs.c: graphs in memory, from sysfs; nothing for those who are not told (all but root) */
struct graphs {
	uint64_t records, backlog, bytes, unsaved;
};
bool graphs_read(int fd, struct graphs *g);
void graphs_print(int fd);
void graphs_json(int fd, struct json_object *o);

/* collection.c: 0 or a negative errno */
int collections_json(const struct target *t, struct json_object **out);
int collections_print(const struct target *t, unsigned int *count);

/* owner.c: --mode, --owner, --embedder and --fingerprint into @c and its flags; EXIT_USAGE */
int collection_ask(const struct command *cmd, const struct options *opt,
		   struct vexfs_ioc_collection *c);
/* The embedder alone. */
int embedder_ask(const struct command *cmd, const struct options *opt,
		 struct vexfs_embedder_id *e);
int parse_fingerprint(const char *s, uint8_t out[32]);	/* -EINVAL */
struct json_object *embedder_json(const struct vexfs_embedder_id *e);	/* NULL: none named */
/* Say that the collection is for another embedder; EXIT_FAILED. */
int embedder_fail(const struct target *t, const char *collection);

/* vec.c */
int set_fail(const struct target *t, const char *collection, int err);	/* says why; EXIT_FAILED */

/* text.c */
#define TEXT_MAX	VEX_EMBED_MAX_TEXT	/* bytes of a file that are looked at */
struct text {
	char *data;		/* TEXT_MAX bytes of room */
	size_t len;
	bool binary;		/* a NUL byte in it */
	bool cut;		/* the file is longer */
	int trouble;		/* an enum skip: no text could be made of the file */
};
int text_init(struct text *t);		/* -ENOMEM */
void text_free(struct text *t);
/* The text of a file from @off, @len bytes of it, 0: as much as fits. UTF-16, HTML and PDF are made plain
 * text first, and @off and @len count bytes of that; form feeds are between the pages of a PDF. */
int text_read(struct text *t, int fd, uint64_t off, uint64_t len);
/* Where the passage that begins at @from ends: at most @size bytes on, at the end of a line, a word
 * or at least a character. */
size_t passage_end(const struct text *t, size_t from, size_t size);
unsigned int text_page(const struct text *t, size_t at);	/* from 1; 0: it has no pages */
size_t text_longest_line(const struct text *t);
size_t text_first_word(const struct text *t);	/* offset; t->len if there is none */

/* walk.c */
/**
 * struct file_list - the regular files below some paths, sorted as found
 */
struct file_list {
	char **path;
	size_t n, room;
	size_t errors;		/* directories that could not be read */
	bool quiet;		/* ... about which nothing is said */
};
int file_list_append(struct file_list *l, const char *path);	/* -ENOMEM */
int file_list_add(struct file_list *l, const char *path, dev_t dev);
void file_list_free(struct file_list *l);

/* terms.c */
#define TERMS_MAX	32
#define EXACT_MAX	8
/**
 * struct terms - a query by its words
 * @word, @len, @n: its distinct words, as vex_words() makes them
 * @weight: how much each counts, 1 if nothing is known
 * @kin: tells which other words mean the same; NULL: nothing does
 * @exact, @nexact: identifiers and quoted parts, as written; point into the query
 */
struct terms {
	unsigned int n, nexact;
	size_t len[TERMS_MAX], exact_len[EXACT_MAX];
	float weight[TERMS_MAX];
	const struct vex_embedder *kin;
	const char *exact[EXACT_MAX];
	char word[TERMS_MAX][VEX_WORD_MAX];
};
struct terms *terms_create(const char *query);	/* NULL: no memory */
void terms_free(struct terms *t);
/* Weigh the words as @e does, if it can tell. */
void terms_weigh(struct terms *t, const struct vex_embedder *e);
/* The words that are a subject, blanks between them; NULL if that is none, or not all the words are
 * known. The caller frees it. */
char *terms_subject(const struct terms *t);
/* Equal, or one continues the other: "sort" and "sorting". */
bool terms_same(const char *a, size_t alen, const char *b, size_t blen);

/* function_words.c: "the", "how", in a few languages; @word as vex_words() makes it */
bool is_function_word(const char *word, size_t len);

/* snippet.c */
/**
 * struct snippet - the part of a text that matches a query best
 * @text: one line, white space collapsed, NUL terminated
 * @mark: @mark[i]: byte i belongs to a word of the query
 * @at:   where in the whole text it begins
 */
#define SNIPPET_MAX	200
struct snippet {
	char text[SNIPPET_MAX + 1];
	bool mark[SNIPPET_MAX + 1];
	size_t len, at;
	bool more_before, more_after;
};
void snippet_find(const struct terms *terms, const char *text, size_t len, struct snippet *s);

#endif /* VEXCTL_H */
