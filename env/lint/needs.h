/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vexneeds share. See needs.c. */
#ifndef ENV_LINT_NEEDS_H
#define ENV_LINT_NEEDS_H

#include <stdarg.h>

#include "shell.h"

struct words {
	char **word;
	int n;
};

struct row {			/* of env/needs.list */
	char *command, *when, *groups;
	struct words code;
	int line;
};

struct use {			/* of a program, or of a package that no word names */
	const char *program, *package;
	struct function *fn;
	int line;
	bool fresh;
};

struct walk {			/* over all that one command can reach */
	const struct row *row, *option;
	const struct script *main, *cmd;	/* where it begins; env/cmd/NAME.sh */
	struct use *use;
	int uses;
	struct words ensured;	/* packages, by the old notation */
	struct words left;	/* functions left to an option, and the labels of cases */
	struct words needs;	/* first words of calls of need and its like */
	struct function **visited;
	int visits;
};

extern const char *tree, *own;
extern struct row *row_of;
extern int rows;
extern bool new_notation;

/* tables.c */
bool tables_read(void);
void tables_check(void);
void words_add(struct words *w, const char *word);
bool words_have(const struct words *w, const char *word);
void words_split(struct words *w, const char *text, const char *separators);
const struct words *list(const char *kind);
bool list_has(const char *kind, const char *word);
bool list_first(const char *kind, const char *word);
bool list_prefix(const char *kind, const char *word);
const char *list_row(const char *kind, const char *first, const char **third);
const struct words *also(const char *where);
const char *package_of(const char *program);
void groups_packages(const char *groups, struct words *packages);

/* walk.c */
void walk_row(struct walk *w, const struct row *option);
bool program_used(const char *program);
bool use_same(const struct use *a, const struct use *b);
struct function *code_find(const struct walk *w, const char *code, int n);

/* needs.c */
__attribute__((format(printf, 3, 4))) void finding(const char *path, int line, const char *format, ...);
struct function *function_find(const struct walk *w, const struct script *from, const char *name);
struct script *script_in_word(const char *word);
struct function *function_of_file(const char *path, const char *name);

#endif
