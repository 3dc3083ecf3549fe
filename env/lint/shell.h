/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A shell script as ./vex lint needs sees it: functions, the commands in them, and the words of each. The grammar is
 * what this repository's scripts use of bash; what a command expands to is not known, and its word is marked as such.
 */
#ifndef ENV_LINT_SHELL_H
#define ENV_LINT_SHELL_H

#include <stdbool.h>
#include <stddef.h>

struct branch {			/* of a case */
	struct branch *up;	/* the one it is nested in */
	int id;			/* the same for all branches of one case */
	char labels[120];	/* " LABEL LABEL " */
};

struct command {
	char **word;
	int words;
	int line;
	const struct branch *branch;
	const char *array;	/* not a command: the array of this name, and what it holds */
};

struct function {
	const char *name;	/* "": what is outside of functions */
	struct script *script;
	struct command *command;
	int commands;
	bool seen;		/* by the walk at hand */
	struct function *from;	/* who called it first there */
};

struct script {
	const char *path;
	char *text;
	struct function **function;
	int functions;
};

void *xgrow(void *array, int count, size_t size);
char *xstrdup(const char *s);

/** shell_read() - parse the file @root/@path; NULL where it does not exist. Nothing is freed: the linter ends soon. */
struct script *shell_read(const char *root, const char *path);
/** shell_code() - parse a string that a command runs (sh -c, trap) as part of @fn. */
void shell_code(struct function *fn, const char *text, int line, const struct branch *branch);

#endif
