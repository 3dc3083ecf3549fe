// SPDX-License-Identifier: GPL-2.0
/* vexctl search: the command */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"
#include "tools/vexctl/search.h"

#define SEARCH_TRIES	3
#define LOOK_MOST	1000	/* files that changed since they were indexed, looked at */

/* On standard error, so that it is seen also where the results go through a pipe. */
static void warn_truncated(const struct search_job *j)
{
	if (j->opt->max_work)
		say_error(
			"not everything was searched: there are more embeddings below %s, and at most "
			"%llu were to be compared (--max-work)",
			j->scope.path, (unsigned long long)j->opt->max_work);
	else
		say_error(
			"not everything was searched: there are more embeddings below %s than one "
			"search compares; search smaller directories one by one",
			j->scope.path);
}

/* Files that a search here cannot find, or finds by what they were. */
static bool warn_scope(const struct search_job *j)
{
	struct scope_state s = { 0 };
	char option[VEXFS_IOC_NAME_LEN + 16] = "";
	int ret = 0;

	if (j->text)
		ret = scope_check(&j->scope, &j->coll, false, LOOK_MOST, &s, NULL, NULL);
	if (ret || (!s.missing && !s.stale && !j->stale))
		return false;
	if (s.stale < j->stale)
		s.stale = j->stale;
	if (j->opt->collection)
		snprintf(option, sizeof(option), " --collection %s", j->collection);
	say_error("%s%llu files here are not indexed and %llu have changed since: run 'vexctl index%s %s'",
		  s.partly ? "at least " : "", (unsigned long long)s.missing,
		  (unsigned long long)s.stale, option, j->scope.path);
	return true;
}

/* What makes the result less than it could be: one line, with what to do. */
static bool warn_partly(const struct search_job *j)
{
	if (j->s.reply & VEXFS_REPLY_TRUNCATED)
		warn_truncated(j);
	else if (j->s.reply & VEXFS_REPLY_INCOMPLETE)
		say_error("some files below %s could not be looked at: see the kernel's log, dmesg",
			  j->scope.path);
	else
		return warn_scope(j);
	return true;
}

static void say_nothing(const struct search_job *j)
{
	if (j->s.found)
		say_error("nothing found: nothing below %s is like that%s", j->scope.path,
			  j->opt->min_score > 0 || j->opt->weak ?
				  "" :
				  " (--weak shows what comes nearest)");
	else
		say_error(
			"nothing found: no embedding in collection '%s' below %s that you may read%s%s",
			j->collection, j->scope.path, j->opt->fresh ? " and that is fresh" : "",
			j->filter.what ? ", of a file as asked for" : "");
}

static int judge_hits(struct search_job *j)
{
	int ret = search_judge(j);

	if (!ret && search_wants_files(j)) {
		j->s.flags |= VEXFS_SEARCH_PER_FILE;
		ret = search_ask(j);
		if (ret)
			return ret;
		ret = search_judge(j);
	}
	if (!ret)
		return EXIT_OK;
	say_error("out of memory");
	return EXIT_FAILED;
}

static int show(struct search_job *j)
{
	int ret = judge_hits(j);
	bool partly;

	if (ret)
		return ret;
	if (j->nfound || j->opt->without_hits)
		ret = search_print(j);
	else if (!j->opt->json && !j->opt->quiet)
		say_nothing(j);
	if (!ret && j->opt->summary)
		ret = search_summary(j);
	partly = warn_partly(j);
	if (ret || !j->nfound)
		return ret ? ret : EXIT_NOTHING;
	return partly ? EXIT_PARTLY : EXIT_OK;
}

static int search_once(struct search_job *j)
{
	int ret = EXIT_OK;
	bool made;

	if (j->text)
		ret = embedder_choose(&j->scope, j->opt, false, j->collection, &made, &j->remote);
	else if (j->opt->collection)
		strcpy(j->collection, j->opt->collection);
	else
		ret = collection_choose(&j->scope, false, j->collection);
	if (!ret)
		ret = target_collection(&j->scope, j->collection, &j->coll);
	if (!ret)
		ret = search_vector(j);
	if (!ret)
		ret = search_ask(j);
	return ret ? ret : show(j);
}

static void forget_query(struct search_job *j)
{
	vex_embedder_destroy(j->e);
	vector_free(&j->v);
	j->e = j->remote = NULL;
	j->s.flags = 0;
	if (j->text)
		memset(&j->embedder, 0, sizeof(j->embedder));
}

/* Nobody sees that a migration has come to its end. */
static int search_scope(struct search_job *j)
{
	int i, ret = SEARCH_AGAIN;

	for (i = 0; ret == SEARCH_AGAIN && i < SEARCH_TRIES; i++) {
		if (i)
			forget_query(j);
		ret = search_once(j);
	}
	if (ret != SEARCH_AGAIN)
		return ret;
	say_error("collection '%s' becomes another one again and again: search again", j->collection);
	return EXIT_FAILED;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* DIR and TEXT in either order; which is which says the directory. */
static int take_arguments(const struct command *cmd, struct options *opt, struct search_job *j,
			  const char **dir)
{
	bool swapped;

	*dir = NULL;
	if (opt->vector || opt->like) {
		*dir = opt->nargs ? opt->args[0] : NULL;
		return opt->nargs > 1 ? usage_error(cmd, "unexpected argument '%s'", opt->args[1]) :
					EXIT_OK;
	}
	if (!opt->nargs)
		return usage_error(cmd, "the text to search for is missing (or --like FILE, --vector FILE)");
	if (opt->nargs > 2 ||
	    (opt->nargs == 2 && access(opt->args[0], F_OK) && !is_directory(opt->args[1])))
		return usage_error(cmd,
				   "unexpected argument '%s': put the text to search for in "
				   "quotes",
				   opt->args[opt->nargs - 1]);
	swapped = opt->nargs == 2 && !is_directory(opt->args[0]) && is_directory(opt->args[1]);
	j->text = opt->args[opt->nargs == 2 && !swapped];
	if (opt->nargs == 2)
		*dir = opt->args[swapped];
	return EXIT_OK;
}

static int check_options(const struct command *cmd, const struct options *opt)
{
	if (opt->like && opt->vector)
		return usage_error(cmd, "only one of --like and --vector is possible");
	if (opt->vector && (opt->query_prefix || opt->passage_prefix))
		return usage_error(cmd, "--query-prefix and --passage-prefix are about texts, not --vector FILE");
	if (opt->raw && !opt->vector)
		return usage_error(cmd, "--raw is about the elements of --vector FILE");
	if (!opt->vector && opt->fingerprint)
		return usage_error(cmd, "--fingerprint is about --vector FILE");
	if (opt->with_hits + opt->without_hits + opt->json + opt->table > 1)
		return usage_error(cmd, "only one of -l, -L, --json and --table is possible");
	return EXIT_OK;
}

/* "docs" and "docs/" make docs/file, the working directory file. */
static char *path_prefix(const char *dir)
{
	size_t len = strlen(dir);
	char *p;

	if (!strcmp(dir, ".") || !strcmp(dir, "./"))
		return strdup("");
	return asprintf(&p, "%s%s", dir, len && dir[len - 1] == '/' ? "" : "/") < 0 ? NULL : p;
}

static void free_job(struct search_job *j)
{
	target_close(&j->scope);
	vex_embedder_destroy(j->e);
	vector_free(&j->v);
	terms_free(j->terms);
	text_free(&j->file);
	free(j->prefix);
	free(j->like);
	free(j->found);
	free(j->s.hits);
	free(j->s.paths);
}

/* The text of a file, of any filesystem, as the query. */
static int read_like(struct search_job *j)
{
	const char *path = j->opt->like;
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : dup(0);
	struct text t = { 0 };
	struct stat st;
	int ret = fd < 0 || fstat(fd, &st) ? -errno : text_init(&t);

	if (!ret)
		ret = S_ISREG(st.st_mode) ? text_read(&t, fd, 0, 0) : -EINVAL;
	if (fd >= 0)
		close(fd);
	if (!ret && !t.binary && !t.trouble) {
		t.data[t.len] = '\0';
		j->text = j->like = t.data;
		j->not = st.st_ino;
		return EXIT_OK;
	}
	text_free(&t);
	say_error("cannot read the text of %s: %s", path, ret == -EINVAL ? "it is not a regular file" :
		  ret ? strerror(-ret) : t.trouble ? skip_reason((enum skip)t.trouble) : "it is binary");
	return EXIT_FAILED;
}

static int run_search(const struct command *cmd, struct options *opt)
{
	struct search_job j = { .opt = opt };
	const char *dir;
	int ret = take_arguments(cmd, opt, &j, &dir);

	if (!ret)
		ret = check_options(cmd, opt);
	if (!ret && opt->vector)
		ret = embedder_ask(cmd, opt, &j.embedder);
	if (!ret)
		ret = search_filter(cmd, opt, &j.filter);
	if (ret)
		return ret;
	if (opt->like)
		ret = read_like(&j);
	if (ret)
		return ret;
	if (!dir)
		dir = ".";
	ret = target_open(&j.scope, dir, O_RDONLY | O_DIRECTORY);
	if (ret) {
		free(j.like);
		return ret;
	}
	j.prefix = path_prefix(dir);
	j.terms = terms_create(j.text ? j.text : "");
	if (j.prefix && j.terms)
		ret = search_scope(&j);
	else
		ret = EXIT_FAILED;
	free_job(&j);
	return ret;
}

const struct command cmd_search = {
	.name = "search",
	.summary = "find the passages nearest to a text or a vector",
	.accepts =
		"collection k exact fresh weak min-score per-file newer older larger smaller owner line-number context max-width files-with-hits files-without-hits null json summary table snippet like vector raw effort max-work embedder query-prefix passage-prefix fingerprint timeout quiet",
	.min_args = 0,
	.max_args = -1,
	.run = run_search,
	.help = "usage: vexctl search [OPTION]... [DIR] \"TEXT\"\n"
		"       vexctl search --like FILE|--vector FILE [OPTION]... [DIR]\n"
		"Find the passages below DIR (default: here) that are nearest to a text by their words and by\n"
		"their vectors, or to a vector. Only files you may open are found. What TEXT has in double\n"
		"quotes, and identifiers, are looked for as written, too.\n\n"
		"  -c, --collection NAME     where to search (default: the only collection, or 'default')\n"
		"  -k, --k N                 results wanted, 1 to 1024 (default 10)\n"
		"      --min-score S         leave out what is less like it, 0 to 1\n"
		"      --weak                show also weak matches, as near as unrelated texts are by chance\n"
		"      --per-file            the best passage of each file only\n"
		"      --fresh               leave out files that changed after they were embedded\n"
		"      --newer, --older WHEN only files whose content changed after, before WHEN: an age (90m,\n"
		"                            12h, 7d, 2w), a date (2026-11-29), @SECONDS, or a file's own time\n"
		"      --larger, --smaller N only files of more, fewer bytes; with K, M, G, T\n"
		"      --owner USER          only files of that user, by name or number\n"
		"output: PATH:LINE: PASSAGE, the best first\n"
		"  -n, --line-number         as always; for the fingers' sake\n"
		"  -C, --context N           N lines before and after\n"
		"      --max-width N         characters of a passage or line, 10 to 200 (default 200)\n"
		"  -l, --files-with-hits     names of files only\n"
		"  -L, --files-without-hits  names of the other files below DIR\n"
		"  -0, --null                a NUL after each name, which is then written as it is\n"
		"      --json                one object a line, for programs\n"
		"      --summary             and how the search went: how it was planned, whether anything was left\n"
		"                            out, how many embeddings are stale; with --json as the last line\n"
		"      --table               ranks and distances in columns; with --snippet passages, too\n"
		"  -q, --quiet               do not say that nothing was found\n"
		"more:\n"
		"      --exact               compare every vector in full precision, rank by vectors only\n"
		"      --like FILE           the text of a file as the query; the file itself is left out\n"
		"      --vector FILE         the query as numbers; with --raw as little-endian float32\n"
		"      --effort N            candidates to compare in full precision (default: chosen)\n"
		"      --max-work N          embeddings to compare at most (default: the system's limit)\n"
		"      --embedder WHAT       what makes the vector of TEXT, as for index: exec:PROGRAM,\n"
		"                            model2vec:DIR, http://HOST/v1#MODEL (default: the variable\n"
		"                            VEXCTL_EMBEDDER, where the collection needs it); with\n"
		"                            --vector: name of what made it; others' collections are refused\n"
		"      --query-prefix TEXT, --passage-prefix TEXT\n"
		"                            only where the collection's own cannot be read\n"
		"      --timeout SECONDS     wait so long for its answer (default 120)\n"
		"      --fingerprint HEX     and its fingerprint, up to 64 digits\n\n"
		"Exit status: 0 found, 3 nothing found, 4 found, but files are new or have changed since, or not\n"
		"everything was searched (a line on standard error says what to do), 1 failed, 2 usage.\n\n"
		"example: vexctl search \"lost luggage refund\"\n"
		"         vexctl search --newer 7d --smaller 100K \"lost luggage refund\"\n"
		"         vexctl search -l -0 ~/notes \"flat tyre\" | xargs -0 less\n",
};
