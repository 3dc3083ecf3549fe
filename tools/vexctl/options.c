// SPDX-License-Identifier: GPL-2.0
/* The command line: options that mean the same in every command, and arguments. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

enum kind { FLAG, STRING, NUMBER, SIZE, SHARE };

/**
 * struct option_def - an option
 * @letter:	short form, or 0
 * @field:	offset of its place in struct options
 * @min, @max, @preset: of a number
 */
struct option_def {
	const char *name;
	char letter;
	enum kind kind;
	size_t field;
	uint64_t min, max, preset;
};

#define FIELD(f) offsetof(struct options, f)

static const struct option_def defs[] = {
	{ "help", 'h', FLAG, FIELD(help), 0, 0, 0 },
	{ "json", 0, FLAG, FIELD(json), 0, 0, 0 },
	{ "yes", 'y', FLAG, FIELD(yes), 0, 0, 0 },
	{ "raw", 0, FLAG, FIELD(raw), 0, 0, 0 },
	{ "exact", 0, FLAG, FIELD(exact), 0, 0, 0 },
	{ "fresh", 0, FLAG, FIELD(fresh), 0, 0, 0 },
	{ "snippet", 0, FLAG, FIELD(snippet), 0, 0, 0 },
	{ "progress", 0, FLAG, FIELD(progress), 0, 0, 0 },
	{ "force", 'f', FLAG, FIELD(force), 0, 0, 0 },
	{ "refit", 0, FLAG, FIELD(refit), 0, 0, 0 },
	{ "all", 'a', FLAG, FIELD(all), 0, 0, 0 },
	{ "quiet", 'q', FLAG, FIELD(quiet), 0, 0, 0 },
	{ "verbose", 'v', FLAG, FIELD(verbose), 0, 0, 0 },
	{ "table", 0, FLAG, FIELD(table), 0, 0, 0 },
	{ "weak", 0, FLAG, FIELD(weak), 0, 0, 0 },
	{ "per-file", 0, FLAG, FIELD(per_file), 0, 0, 0 },
	{ "line-number", 'n', FLAG, FIELD(line_number), 0, 0, 0 },
	{ "files-with-hits", 'l', FLAG, FIELD(with_hits), 0, 0, 0 },
	{ "files-without-hits", 'L', FLAG, FIELD(without_hits), 0, 0, 0 },
	{ "null", '0', FLAG, FIELD(null), 0, 0, 0 },
	{ "skip-missing", 0, FLAG, FIELD(skip_missing), 0, 0, 0 },
	{ "summary", 0, FLAG, FIELD(summary), 0, 0, 0 },
	{ "read-only", 0, FLAG, FIELD(read_only), 0, 0, 0 },
	{ "follow", 0, FLAG, FIELD(follow), 0, 0, 0 },
	{ "collection", 'c', STRING, FIELD(collection), 0, 0, 0 },
	{ "vector", 0, STRING, FIELD(vector), 0, 0, 0 },
	{ "like", 0, STRING, FIELD(like), 0, 0, 0 },
	{ "since", 0, STRING, FIELD(since), 0, 0, 0 },
	{ "state", 0, STRING, FIELD(state), 0, 0, 0 },
	{ "list", 0, STRING, FIELD(list), 0, 0, 0 },
	{ "vectors", 0, STRING, FIELD(vectors), 0, 0, 0 },
	{ "type", 0, STRING, FIELD(type), 0, 0, 0 },
	{ "metric", 0, STRING, FIELD(metric), 0, 0, 0 },
	{ "range", 0, STRING, FIELD(range), 0, 0, 0 },
	{ "embedder", 0, STRING, FIELD(embedder), 0, 0, 0 },
	{ "query-prefix", 0, STRING, FIELD(query_prefix), 0, 0, 0 },
	{ "passage-prefix", 0, STRING, FIELD(passage_prefix), 0, 0, 0 },
	{ "fingerprint", 0, STRING, FIELD(fingerprint), 0, 0, 0 },
	{ "mode", 0, STRING, FIELD(mode), 0, 0, 0 },
	{ "output", 'o', STRING, FIELD(output), 0, 0, 0 },
	{ "format", 0, STRING, FIELD(format), 0, 0, 0 },
	{ "paths", 0, STRING, FIELD(paths), 0, 0, 0 },
	{ "keep-old", 0, STRING, FIELD(keep_old), 0, 0, 0 },
	{ "owner", 0, STRING, FIELD(owner), 0, 0, 0 },
	{ "newer", 0, STRING, FIELD(newer), 0, 0, 0 },
	{ "older", 0, STRING, FIELD(older), 0, 0, 0 },
	{ "larger", 0, STRING, FIELD(larger), 0, 0, 0 },
	{ "smaller", 0, STRING, FIELD(smaller), 0, 0, 0 },
	{ "dim", 'd', NUMBER, FIELD(dim), 1, VEXFS_DIM_MAX, 0 },
	{ "chunk", 0, NUMBER, FIELD(chunk), 0, VEXFS_CHUNK_MAX, 0 },
	{ "k", 'k', NUMBER, FIELD(k), 1, VEXFS_SEARCH_MAX_K, 10 },
	{ "effort", 0, NUMBER, FIELD(effort), 1, UINT32_MAX, 0 },
	{ "max-work", 0, NUMBER, FIELD(max_work), 1, UINT32_MAX, 0 },
	{ "context", 'C', NUMBER, FIELD(context), 0, 1000, 0 },
	{ "max-width", 0, NUMBER, FIELD(max_width), 10, SNIPPET_MAX, SNIPPET_MAX },
	{ "min-score", 0, SHARE, FIELD(min_score), 0, 1, 0 },
	{ "timeout", 0, NUMBER, FIELD(timeout), 1, 86400, 0 },
	{ "jobs", 0, NUMBER, FIELD(jobs), 1, 64, 0 },
	{ "wait", 0, NUMBER, FIELD(wait), 0, 86400, 0 },
	{ "interval", 0, NUMBER, FIELD(interval), 1, 86400, 10 },
	{ "chunk-size", 0, SIZE, FIELD(chunk_size), 64, TEXT_MAX, 0 },
};

#define NDEFS (sizeof(defs) / sizeof(defs[0]))
_Static_assert(NDEFS <= 64, "a bit for each in struct options");

/**
 * struct parser - the state of one command line
 */
struct parser {
	const struct command *cmd;
	struct options *opt;
	char **argv;
	int argc, at;
};

static bool accepts(const struct command *cmd, const char *name)
{
	size_t len = strlen(name);
	const char *p = cmd->accepts;

	if (!strcmp(name, "help"))
		return true;
	while ((p = strstr(p, name))) {
		if ((p == cmd->accepts || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
		p += len;
	}
	return false;
}

static const struct option_def *find_long(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < NDEFS; i++)
		if (strlen(defs[i].name) == len && !strncmp(defs[i].name, name, len))
			return &defs[i];
	return NULL;
}

static const struct option_def *find_letter(char c)
{
	size_t i;

	for (i = 0; i < NDEFS; i++)
		if (defs[i].letter && defs[i].letter == c)
			return &defs[i];
	return NULL;
}

static void *place(struct options *opt, const struct option_def *d)
{
	return (char *)opt + d->field;
}

static int set_number(const struct parser *p, const struct option_def *d, const char *value)
{
	uint64_t n;
	int ret = d->kind == SIZE ? parse_size(value, d->min, d->max, &n) :
				    parse_number(value, d->min, d->max, &n);

	if (ret)
		return usage_error(p->cmd, "--%s %s: %s between %llu and %llu is needed", d->name,
				   value, d->kind == SIZE ? "a size" : "a number",
				   (unsigned long long)d->min, (unsigned long long)d->max);
	memcpy(place(p->opt, d), &n, sizeof(n));
	return EXIT_OK;
}

static int set_share(const struct parser *p, const struct option_def *d, const char *value)
{
	char *end;
	double n = strtod(value, &end);

	if (*end || end == value || !(n >= (double)d->min && n <= (double)d->max))
		return usage_error(p->cmd, "--%s %s: a number between %llu and %llu is needed", d->name,
				   value, (unsigned long long)d->min, (unsigned long long)d->max);
	memcpy(place(p->opt, d), &n, sizeof(n));
	return EXIT_OK;
}

static int set_option(struct parser *p, const struct option_def *d, const char *value)
{
	p->opt->given |= 1ull << (d - defs);
	if (d->kind == FLAG) {
		*(bool *)place(p->opt, d) = true;
		return EXIT_OK;
	}
	if (d->kind == SHARE)
		return set_share(p, d, value);
	if (d->kind != STRING)
		return set_number(p, d, value);
	*(const char **)place(p->opt, d) = value;
	return EXIT_OK;
}

/* @value: after an equals sign, or NULL */
static int take_option(struct parser *p, const struct option_def *d, const char *shown,
		       const char *value)
{
	if (!d)
		return usage_error(p->cmd, "unknown option '%s'", shown);
	if (!accepts(p->cmd, d->name))
		return usage_error(p->cmd, "option --%s does not belong to this command", d->name);
	if (d->kind == FLAG && value)
		return usage_error(p->cmd, "option --%s takes no value", d->name);
	if (d->kind != FLAG && !value) {
		if (p->at >= p->argc)
			return usage_error(p->cmd, "option --%s needs a value", d->name);
		value = p->argv[p->at++];
	}
	return set_option(p, d, value);
}

/* "-l", several flags as "-ln", and values as "-C3" or "-C 3". */
static int take_letters(struct parser *p, const char *word)
{
	const struct option_def *d;
	const char *c;
	int ret = EXIT_OK;

	for (c = word + 1; !ret && *c; c++) {
		d = find_letter(*c);
		if (d && d->kind != FLAG)
			return take_option(p, d, word, c[1] ? c + 1 : NULL);
		ret = take_option(p, d, word, NULL);
	}
	return ret;
}

/* "-" is standard input, "-1.5" can only be meant as an argument */
static bool is_letters(const struct parser *p, const char *word)
{
	if (word[0] != '-' || !word[1])
		return false;
	if (!strcmp(word, "-0"))
		return accepts(p->cmd, "null");
	return !(word[1] >= '0' && word[1] <= '9');
}

static int take_word(struct parser *p, char *word)
{
	const char *eq;

	if (!strncmp(word, "--", 2)) {
		eq = strchr(word, '=');
		return take_option(p, find_long(word + 2, eq ? (size_t)(eq - word - 2) :
						strlen(word + 2)), word, eq ? eq + 1 : NULL);
	}
	if (is_letters(p, word))
		return take_letters(p, word);
	p->opt->args[p->opt->nargs++] = word;
	return EXIT_OK;
}

static int check_collection(const struct command *cmd, const struct options *opt)
{
	const char *wrong;

	if (opt->help)
		return EXIT_OK;
	if (!opt->collection)
		return cmd->needs_collection ? usage_error(cmd, "--collection NAME is missing") : EXIT_OK;
	wrong = collection_name_error(opt->collection);
	return wrong ? usage_error(cmd, "collection name '%s' %s", opt->collection, wrong) : EXIT_OK;
}

static int check_count(const struct command *cmd, const struct options *opt)
{
	if (opt->help)
		return EXIT_OK;
	if (opt->nargs < cmd->min_args)
		return usage_error(cmd, "%d argument%s needed, got %d", cmd->min_args,
				   cmd->min_args == 1 ? " is" : "s are", opt->nargs);
	if (cmd->max_args >= 0 && opt->nargs > cmd->max_args)
		return usage_error(cmd, "unexpected argument '%s'", opt->args[cmd->max_args]);
	return EXIT_OK;
}

int options_parse(const struct command *cmd, int argc, char **argv, struct options *opt)
{
	struct parser p = { .cmd = cmd, .opt = opt, .argv = argv, .argc = argc };
	char *word;
	size_t i;
	int ret = EXIT_OK;

	memset(opt, 0, sizeof(*opt));
	for (i = 0; i < NDEFS; i++)
		if (defs[i].kind == NUMBER || defs[i].kind == SIZE)
			memcpy(place(opt, &defs[i]), &defs[i].preset, sizeof(uint64_t));
	opt->args = argv;	/* arguments move to the front, never past where we read */
	while (!ret && p.at < argc) {
		word = argv[p.at++];
		if (!strcmp(word, "--"))
			break;
		ret = take_word(&p, word);
	}
	while (!ret && p.at < argc)
		opt->args[opt->nargs++] = argv[p.at++];
	if (!ret)
		ret = check_collection(cmd, opt);
	return ret ? ret : check_count(cmd, opt);
}

bool option_given(const struct options *opt, const char *name)
{
	const struct option_def *d = find_long(name, strlen(name));

	return d && (opt->given >> (d - defs) & 1);
}
