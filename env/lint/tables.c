// SPDX-License-Identifier: GPL-2.0-only
/* The tables of vexneeds: env/needs.list, env/tools.list, env/lint/programs.list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "needs.h"

struct tool {
	char *group, *package;
	struct words programs;
	int line;
};

struct row *row_of;
int rows;
bool new_notation;
static struct tool *tool;
static int tools;
static struct words *fact;	/* lines of programs.list */
static int facts;

void words_add(struct words *w, const char *word)
{
	w->word = xgrow(w->word, w->n, sizeof(*w->word));
	w->word[w->n++] = xstrdup(word);
}

bool words_have(const struct words *w, const char *word)
{
	int i;

	for (i = 0; i < w->n; i++)
		if (!strcmp(w->word[i], word))
			return true;
	return false;
}

void words_split(struct words *w, const char *text, const char *separators)
{
	char *copy = xstrdup(text), *save, *word;

	for (word = strtok_r(copy, separators, &save); word; word = strtok_r(NULL, separators, &save))
		words_add(w, word);
	free(copy);
}

/* Each line of DIR/@path that is not empty and no comment, as words; NULL as @line: done. */
static bool read_lines(const char *dir, const char *path, void (*line)(struct words *w, int number))
{
	char name[4096], text[4096];
	int number = 0;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", dir, path);
	f = fopen(name, "r");
	if (!f)
		return false;
	while (fgets(text, sizeof(text), f)) {
		struct words w = { 0 };

		number++;
		if (*text == '#')
			continue;
		words_split(&w, text, " \t\n");
		if (w.n)
			line(&w, number);
	}
	fclose(f);
	return true;
}

static void row_line(struct words *w, int number)
{
	struct row *r;

	if (w->n != 4) {
		finding("env/needs.list", number, "has %d columns, not 4", w->n);
		return;
	}
	row_of = xgrow(row_of, rows, sizeof(*row_of));
	r = &row_of[rows++];
	*r = (struct row){ .command = w->word[0], .when = w->word[1], .groups = w->word[2], .line = number };
	words_split(&r->code, w->word[3], ",");
}

static void tool_line(struct words *w, int number)
{
	struct tool *t;

	if (w->n < 6)
		return;
	tool = xgrow(tool, tools, sizeof(*tool));
	t = &tool[tools++];
	*t = (struct tool){ .group = w->word[0], .package = w->word[2], .line = number };
	words_split(&t->programs, w->word[1], ",");
}

static void fact_line(struct words *w, int number)
{
	(void)number;
	fact = xgrow(fact, facts, sizeof(*fact));
	fact[facts++] = *w;
}

/* Of the tree at hand, and of the linter's own for what that lacks: an old table names fewer programs. */
bool tables_read(void)
{
	new_notation = read_lines(tree, "env/needs.list", row_line);
	if (!new_notation && !read_lines(own, "env/needs.list", row_line))
		return false;
	if (!read_lines(tree, "env/tools.list", tool_line))
		return false;
	if (!new_notation && !read_lines(own, "env/tools.list", tool_line))
		return false;
	return read_lines(own, "env/lint/programs.list", fact_line);
}

/* Groups that do not exist, and rows of tools.list that no command needs. */
void tables_check(void)
{
	struct words needed = { 0 }, known = { 0 };
	int i, k;

	for (i = 0; i < tools; i++)
		if (!words_have(&known, tool[i].group))
			words_add(&known, tool[i].group);
	for (i = 0; i < rows; i++) {
		struct words groups = { 0 };

		words_split(&groups, row_of[i].groups, ",");
		for (k = 0; k < groups.n; k++) {
			words_add(&needed, groups.word[k]);
			if (strcmp(groups.word[k], "-") && !words_have(&known, groups.word[k]))
				finding("env/needs.list", row_of[i].line, "%s: env/tools.list has no group '%s'",
					row_of[i].command, groups.word[k]);
		}
	}
	for (i = 0; i < tools; i++)
		if (!words_have(&needed, tool[i].group))
			finding("env/tools.list", tool[i].line, "%s: no command needs group '%s'", tool[i].package, tool[i].group);
}

const struct words *list(const char *kind)
{
	static struct words all;
	int i, k;

	all.n = 0;
	all.word = NULL;
	for (i = 0; i < facts; i++)
		for (k = 1; k < fact[i].n && !strcmp(fact[i].word[0], kind); k++)
			words_add(&all, fact[i].word[k]);
	return &all;
}

bool list_has(const char *kind, const char *word)
{
	int i, k;

	for (i = 0; i < facts; i++)
		for (k = 1; k < fact[i].n && !strcmp(fact[i].word[0], kind); k++)
			if (!strcmp(fact[i].word[k], word))
				return true;
	return false;
}

bool list_first(const char *kind, const char *word)
{
	return list_row(kind, word, NULL) != NULL;
}

bool list_prefix(const char *kind, const char *word)
{
	int i, k;

	for (i = 0; i < facts; i++)
		for (k = 1; k < fact[i].n && !strcmp(fact[i].word[0], kind); k++)
			if (!strncmp(fact[i].word[k], word, strlen(fact[i].word[k])))
				return true;
	return false;
}

/* The word behind @first in its row of @kind, "" without one; NULL when there is no such row. */
const char *list_row(const char *kind, const char *first, const char **third)
{
	int i;

	for (i = 0; i < facts; i++) {
		if (fact[i].n < 2 || strcmp(fact[i].word[0], kind) || strcmp(fact[i].word[1], first))
			continue;
		if (third)
			*third = fact[i].n > 3 ? fact[i].word[3] : "";
		return fact[i].n > 2 ? fact[i].word[2] : "";
	}
	return NULL;
}

/* The row of "also" for a function or file: its packages are from word 2 on. */
const struct words *also(const char *where)
{
	int i;

	for (i = 0; i < facts; i++)
		if (fact[i].n > 2 && !strcmp(fact[i].word[0], "also") && !strcmp(fact[i].word[1], where))
			return &fact[i];
	return NULL;
}

const char *package_of(const char *program)
{
	int i;

	for (i = 0; i < tools; i++)
		if (words_have(&tool[i].programs, program))
			return tool[i].package;
	return NULL;
}

void groups_packages(const char *groups, struct words *packages)
{
	struct words g = { 0 };
	int i;

	words_split(&g, groups, ",");
	for (i = 0; i < tools; i++)
		if (words_have(&g, tool[i].group))
			words_add(packages, tool[i].package);
}
