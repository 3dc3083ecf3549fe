// SPDX-License-Identifier: GPL-2.0
/* vexctl search: the output, for people, for grep's friends, and for programs */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/search.h"
#include "tools/vexctl/tree.h"

/* The colours of grep. */
#define PATH_COLOUR	"35"
#define LINE_COLOUR	"32"
#define MATCH_COLOUR	"1;31"
#define NOTE_COLOUR	"33"

static void paint(const char *code, const char *what, size_t len)
{
	bool on = colour(stdout);

	if (on)
		printf("\x1b[%sm", code);
	print_safe(stdout, what, len);
	if (on)
		fputs("\x1b[m", stdout);
}

/* With -0 a name goes out as it is, for xargs -0; not to a terminal. */
static void print_name(const struct search_job *j, const struct found *f)
{
	char *name;
	int len;

	if (!f->path_len) {
		printf("(inode %llu)", (unsigned long long)f->hit->ino);
		return;
	}
	len = asprintf(&name, "%s%.*s", j->prefix, (int)f->path_len, f->path);
	if (len < 0)
		return;
	if (j->opt->null && !isatty(STDOUT_FILENO))
		fwrite(name, 1, (size_t)len, stdout);
	else
		paint(PATH_COLOUR, name, (size_t)len);
	free(name);
}

static void print_marked(const struct snippet *s, size_t max)
{
	bool on = colour(stdout);
	size_t i, run;

	for (i = 0; i < s->len && max; i += run) {
		for (run = 1; i + run < s->len && s->mark[i + run] == s->mark[i]; run++)
			;
		if (on && s->mark[i])
			fputs("\x1b[" MATCH_COLOUR "m", stdout);
		run = print_text(stdout, s->text + i, run, &max);
		if (on && s->mark[i])
			fputs("\x1b[m", stdout);
	}
}

/* path:line: or, for context, path-line- */
static void print_place(const struct search_job *j, const struct found *f, uint64_t line, char mark)
{
	char number[32];
	int len = snprintf(number, sizeof(number), "%llu", (unsigned long long)line);

	print_name(j, f);
	putchar(j->opt->null ? '\0' : mark);
	if (line) {
		paint(LINE_COLOUR, number, (size_t)len);
		putchar(mark);
	}
	putchar(' ');
}

static void print_notes(const struct found *f)
{
	if (f->hit->flags & VEXFS_HIT_STALE)
		paint(NOTE_COLOUR, "(stale) ", 8);
	if (f->weak)
		paint(NOTE_COLOUR, "(weak) ", 7);
}

static void print_page(const struct found *f)
{
	char text[32];

	if (!f->page)
		return;
	snprintf(text, sizeof(text), "(page %u) ", f->page);
	paint(NOTE_COLOUR, text, strlen(text));
}

static void print_hit(const struct search_job *j, const struct found *f)
{
	print_place(j, f, f->line, ':');
	print_notes(f);
	print_page(f);
	if (f->snippet.len)
		print_marked(&f->snippet, (size_t)j->opt->max_width);
	else
		fputs("(no text to show)", stdout);
	putchar('\n');
}

/* The beginning of the line that is @n lines before the one at @at. */
static size_t lines_back(const char *text, size_t at, uint64_t *n, uint64_t wanted)
{
	while (at && text[at - 1] != '\n')
		at--;
	for (*n = 0; at && *n < wanted; (*n)++)
		for (at--; at && text[at - 1] != '\n'; at--)
			;
	return at;
}

static void print_context(struct search_job *j, const struct found *f)
{
	const char *text = j->file.data;
	size_t at, end, max;
	uint64_t before, line, last = f->line + j->opt->context;

	at = lines_back(text, (size_t)f->hit->range_off + f->snippet.at, &before,
			j->opt->context);
	for (line = f->line - before; line <= last && at < j->file.len; line++) {
		for (end = at; end < j->file.len && text[end] != '\n'; end++)
			;
		print_place(j, f, line, line == f->line ? ':' : '-');
		if (line == f->line)
			print_notes(f);
		max = (size_t)j->opt->max_width;
		print_text(stdout, text + at, end - at, &max);
		putchar('\n');
		at = end + 1;
	}
}

static void print_hits(struct search_job *j)
{
	size_t i;

	for (i = 0; i < j->nfound; i++) {
		if (!j->opt->context || !j->found[i].line || !search_text(j, &j->found[i], true)) {
			print_hit(j, &j->found[i]);
			continue;
		}
		if (i)
			puts("--");
		print_context(j, &j->found[i]);
	}
}

static void print_names(const struct search_job *j)
{
	size_t i;

	for (i = 0; i < j->nfound; i++) {
		print_name(j, &j->found[i]);
		putchar(j->opt->null ? '\0' : '\n');
	}
}

static bool is_hit(const struct search_job *j, const char *path)
{
	size_t i, len = strlen(path);

	for (i = 0; i < j->nfound; i++)
		if (j->found[i].path_len == len && !memcmp(j->found[i].path, path, len))
			return true;
	return false;
}

static int print_other(void *ctx, const char *path, const struct stat *st, bool fresh)
{
	const struct search_job *j = ctx;

	path += strlen(j->scope.path);
	path += strspn(path, "/");
	if (is_hit(j, path))
		return 0;
	print_name(j, &(struct found){ .path = path, .path_len = strlen(path) });
	putchar(j->opt->null ? '\0' : '\n');
	return 0;
}

/* -L: the files below the scope, but for the ignored, that are not among the hits. */
static int print_others(struct search_job *j)
{
	static const struct tree_ops ops = { .file = print_other };
	char root[PATH_MAX];
	int fd = mount_root(&j->scope, root), ret = fd;

	if (fd >= 0) {
		close(fd);
		ret = tree_walk(j->scope.path, root, NULL, &ops, j);
	}
	if (!ret)
		return EXIT_OK;
	say_error("cannot list the files below %s: %s", j->scope.path, strerror(-ret));
	return EXIT_FAILED;
}

/* ---- columns -------------------------------------------------------------------------- */

static void print_row(const struct search_job *j, const struct found *f, size_t rank)
{
	const struct vexfs_search_hit *h = f->hit;

	printf("%4zu  %10.4f  %10.4f  ", rank, (double)vexfs_hit_distance(h), (double)f->score);
	print_name(j, f);
	if (h->range_len)
		printf(" [%llu..%llu]", (unsigned long long)h->range_off,
		       (unsigned long long)(h->range_off + h->range_len));
	else if (h->chunk)
		printf(" [chunk %u]", h->chunk);
	fputs(f->weak ? "  (weak)" : "", stdout);
	puts(h->flags & VEXFS_HIT_STALE ? "  (stale)" : "");
	if (!j->opt->snippet || !f->snippet.len)
		return;
	printf("      %s", f->snippet.more_before ? "... " : "");
	print_marked(&f->snippet, (size_t)j->opt->max_width);
	puts(f->snippet.more_after ? " ..." : "");
}

static void print_table(const struct search_job *j)
{
	size_t i;

	printf("%4s  %10s  %10s  %s\n", "RANK", "DISTANCE", "SCORE", "PATH");
	for (i = 0; i < j->nfound; i++)
		print_row(j, &j->found[i], i + 1);
	printf("%zu hit%s in %.1f ms%s%s%s\n", j->nfound, j->nfound == 1 ? "" : "s",
	       j->seconds * 1e3, j->opt->exact ? ", exact" : "",
	       j->s.reply & VEXFS_REPLY_INCOMPLETE ? ", incomplete" : "",
	       j->s.reply & VEXFS_REPLY_TRUNCATED ? ", truncated" : "");
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void add_path(struct json_object *o, const struct search_job *j, const struct found *f)
{
	char *name;
	int len;

	if (!f->path_len)
		return;
	len = asprintf(&name, "%s%.*s", j->prefix, (int)f->path_len, f->path);
	if (len < 0)
		return;
	json_add_path(o, name, (size_t)len);
	free(name);
}

static void add_range(struct json_object *o, const struct vexfs_search_hit *h)
{
	struct json_object *range = json_object_new_object();

	json_object_object_add(range, "offset", json_object_new_uint64(h->range_off));
	json_object_object_add(range, "length", json_object_new_uint64(h->range_len));
	json_object_object_add(o, "range", range);
	json_object_object_add(o, "chunk", json_object_new_int64(h->chunk));
	json_object_object_add(o, "inode", json_object_new_uint64(h->ino));
	json_object_object_add(o, "generation", json_object_new_int64(h->generation));
}

static const char *embedder_of(const struct search_job *j)
{
	return j->coll.embedder.name[0] ? j->coll.embedder.name : j->embedder.name;
}

static struct json_object *hit_json(const struct search_job *j, const struct found *f, size_t rank)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "rank", json_object_new_uint64(rank));
	json_object_object_add(o, "score", json_double((double)f->score, "%.6g"));
	if (j->text)
		json_object_object_add(o, "words", json_double((double)f->words, "%.6g"));
	json_object_object_add(o, "distance",
			       json_double((double)vexfs_hit_distance(f->hit), "%.9g"));
	add_path(o, j, f);
	json_object_object_add(o, "line", f->line ? json_object_new_uint64(f->line) : NULL);
	if (f->page)
		json_object_object_add(o, "page", json_object_new_int64(f->page));
	add_range(o, f->hit);
	json_object_object_add(o, "stale",
			       json_object_new_boolean(!!(f->hit->flags & VEXFS_HIT_STALE)));
	json_object_object_add(o, "weak", json_object_new_boolean(f->weak));
	json_object_object_add(o, "collection", json_object_new_string(j->collection));
	json_object_object_add(o, "embedder",
			       json_text(embedder_of(j), strnlen(embedder_of(j), 64)));
	if (f->snippet.len)
		json_object_object_add(o, "passage", json_text(f->snippet.text, f->snippet.len));
	return o;
}

static int print_json(const struct search_job *j)
{
	size_t i;
	int ret = EXIT_OK;

	for (i = 0; !ret && i < j->nfound; i++)
		ret = json_line(hit_json(j, &j->found[i], i + 1));
	return ret;
}

int search_print(struct search_job *j)
{
	if (j->opt->without_hits)
		return print_others(j);
	if (j->opt->with_hits)
		print_names(j);
	else if (j->opt->json)
		return print_json(j);
	else if (j->opt->table)
		print_table(j);
	else
		print_hits(j);
	return EXIT_OK;
}
