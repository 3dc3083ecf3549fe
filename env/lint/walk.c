// SPDX-License-Identifier: GPL-2.0-only
/* The walk of vexneeds over the functions that a command can reach, and what each command in them calls. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "needs.h"

static const char builtins[] =
	" : . source [ test alias break builtin caller cd command compgen continue declare local typeset dirs disown echo "
	"enable eval exec exit export false fg bg getopts hash help history jobs kill let mapfile readarray popd printf pushd "
	"pwd read readonly return set shift shopt suspend times trap true type ulimit umask unalias unset wait for select "
	"function in ";

static struct words used;

static void visit(struct walk *w, struct function *fn, struct function *from);
static void resolve(struct walk *w, struct function *fn, const struct command *c, int i);

bool program_used(const char *program)
{
	return words_have(&used, program);
}

bool use_same(const struct use *a, const struct use *b)
{
	const char *x = a->program ? a->program : a->package, *y = b->program ? b->program : b->package;

	return !strcmp(x, y);
}

static void use_add(struct walk *w, struct function *fn, int line, const char *program, const char *package)
{
	struct use u = { .program = program, .package = package, .fn = fn, .line = line };
	int i;

	for (i = 0; i < w->uses; i++)
		if (w->use[i].fn == fn && use_same(&w->use[i], &u))
			return;
	if (program && !words_have(&used, program))
		words_add(&used, program);
	w->use = xgrow(w->use, w->uses, sizeof(u));
	w->use[w->uses++] = u;
}

/* ---- what is left out -------------------------------------------------------------------------- */

static bool code_has(const struct row *row, const char *name)
{
	return row && words_have(&row->code, name);
}

static bool with(const struct row *option, const struct row *other)
{
	char word[80];

	snprintf(word, sizeof(word), "with=%s", other->when);
	return option == other || code_has(option, word);
}

static bool same_name(const struct row *a, const struct row *b)
{
	size_t n = strcspn(a->command, "/");

	return n == strcspn(b->command, "/") && !strncmp(a->command, b->command, n);
}

/* Functions that run only with an option are walked with it. */
static bool gated(const struct walk *w, const char *name)
{
	int i;

	if (code_has(w->row, name))
		return false;
	for (i = 0; i < rows; i++) {
		const struct row *r = &row_of[i];

		/* What another verb of the same command begins with is for that one. */
		if (!strcmp(r->when, "-") && r != w->row && strcmp(name, "cmd_main") && same_name(r, w->row) && code_has(r, name))
			return true;
		if (!strcmp(r->when, "-") || (strcmp(r->command, "*") && strcmp(r->command, w->row->command)))
			continue;
		if (code_has(r, name) && !with(w->option, r))
			return true;
	}
	return false;
}

static bool label(const struct branch *b, const char *name)
{
	char key[80];

	snprintf(key, sizeof(key), " %s ", name);
	return strstr(b->labels, key);
}

/* Whether the case that @b is of has a branch @name, as far as it holds a command. */
static bool case_has(const struct function *fn, const struct branch *b, const char *name)
{
	const struct branch *other;
	int i;

	for (i = 0; i < fn->commands; i++)
		for (other = fn->command[i].branch; other; other = other->up)
			if (other->id == b->id && label(other, name))
				return true;
	return false;
}

static bool chosen_out(const struct row *row, const struct function *fn, const struct branch *b)
{
	int i;

	for (i = 0; row && i < row->code.n; i++)
		if (!strncmp(row->code.word[i], "case=", 5) && !label(b, row->code.word[i] + 5) &&
		    case_has(fn, b, row->code.word[i] + 5))
			return true;
	return false;
}

static bool branch_out(struct walk *w, const struct function *fn, const struct branch *b)
{
	int i, k;

	for (; b; b = b->up) {
		words_split(&w->left, b->labels, " ");
		if (chosen_out(w->row, fn, b) || chosen_out(w->option, fn, b))
			return true;
		for (i = 0; i < rows; i++)
			for (k = 0; strcmp(row_of[i].when, "-") && !with(w->option, &row_of[i]) && k < row_of[i].code.n; k++)
				if (!strncmp(row_of[i].code.word[k], "case=", 5) && label(b, row_of[i].code.word[k] + 5) &&
				    (!strcmp(row_of[i].command, "*") || !strcmp(row_of[i].command, w->row->command)))
					return true;
	}
	return false;
}

/* ---- the old notation: need_packages "${PKG_X[@]}" word... ------------------------------------- */

/* Arrays are lists of packages, or filled by mapfile from tools_packages GROUP, the command read just before. */
static void ensure_array(struct walk *w, const struct function *fn, const char *name)
{
	int i, k;

	for (i = 0; i < fn->commands; i++) {
		const struct command *c = &fn->command[i];

		for (k = 0; c->array && !strcmp(c->array, name) && k < c->words; k++)
			words_add(&w->ensured, c->word[k]);
		if (c->array || c->words < 3 || strcmp(c->word[0], "mapfile") || strcmp(c->word[2], name) || !i)
			continue;
		for (k = 1; k < fn->command[i - 1].words; k++)
			groups_packages(fn->command[i - 1].word[k], &w->ensured);
	}
}

static void ensure(struct walk *w, const struct function *fn, const struct command *c)
{
	static const char *const files[] = {
		"env/lib/tools.sh", "env/kernel/toolchain.sh", "env/image/imagevm.sh", "env/debug/session.sh",
	};
	char name[64];
	size_t k;
	int i;

	for (i = 1; i < c->words; i++) {
		if (c->word[i][0] != '$') {
			words_add(&w->ensured, c->word[i]);
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(c->word[i] + 2, "[}"), c->word[i] + 2);
		ensure_array(w, fn, name);
		for (k = 0; k < sizeof(files) / sizeof(*files); k++) {
			struct function *main_fn = function_of_file(files[k], "");

			if (main_fn)
				ensure_array(w, main_fn, name);
		}
	}
}

/* ---- commands ---------------------------------------------------------------------------------- */

static bool is_option(const char *word)
{
	return *word == '-' || !strncmp(word, "${", 2);
}

/* After a wrapper at word @i: the first word of the command that it runs. */
static int wrapped(const struct command *c, int i, const char *skip, const char *options)
{
	int n = atoi(skip);

	for (i++; i < c->words; i++) {
		const char *word = c->word[i], *eq = strchr(word, '=');

		if (!strcmp(word, "--pdeathsig") || (word[0] == '-' && word[1] && !word[2] && strchr(options, word[1])))
			i++;
		else if (!is_option(word) && !(eq && (isalpha((unsigned char)*word) || *word == '_')) && n-- == 0)
			break;
	}
	return i;
}

/* A shell's -c, a trap: code in a word, read into the function once. */
static void code_word(struct function *fn, const struct command *c, int i)
{
	if (i >= c->words || !*c->word[i] || !strcmp(c->word[i], "-"))
		return;
	shell_code(fn, c->word[i], c->line, c->branch);
	c->word[i] = "";
}

static void resolve_array(struct walk *w, struct function *fn, const char *word)
{
	char name[64];
	int i;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "[}"), word + 2);
	for (i = 0; i < fn->commands; i++) {
		struct command c = fn->command[i];

		if (c.array && !strcmp(c.array, name) && c.words && !is_option(c.word[0])) {
			c.array = NULL;
			resolve(w, fn, &c, 0);
		}
	}
}

static void program(struct walk *w, struct function *fn, const struct command *c, int i)
{
	const char *name = c->word[i], *options = "", *skip;
	int k;

	if (*name == '/')
		name = strrchr(name, '/') + 1;
	if (!isalnum((unsigned char)*name) || strchr(name, '/') || strpbrk(name, "$*?{}[]="))
		return;
	use_add(w, fn, c->line, name, NULL);
	for (k = i + 1; k < c->words; k++)
		if (!strcmp(name, "tar") && c->word[k][0] == '-' && c->word[k][1] != '-' && strchr(c->word[k], 'J'))
			use_add(w, fn, c->line, "xz", NULL);
	if (!strcmp(name, "sh") || !strcmp(name, "bash"))
		for (k = i + 1; k + 1 < c->words; k++)
			if (!strcmp(c->word[k], "-c")) {
				code_word(fn, c, k + 1);
				return;
			}
	skip = list_row("wrapper", name, &options);
	if (skip)
		resolve(w, fn, c, wrapped(c, i, skip, options));
}

static void resolve(struct walk *w, struct function *fn, const struct command *c, int i)
{
	const char *name, *options = "", *skip, *position;
	struct function *callee;
	char key[80];

	if (i >= c->words)
		return;
	name = c->word[i];
	if (!strncmp(name, "${", 2)) {
		resolve_array(w, fn, name);
		return;
	}
	callee = function_find(w, fn->script, name);
	position = list_row("code", name, NULL);
	if (position)
		code_word(fn, c, i + (*position ? atoi(position) : 1));
	if (callee)
		visit(w, callee, fn);
	skip = list_row("wrapper", name, &options);
	if (snprintf(key, sizeof(key), " %s ", name) < (int)sizeof(key) && strstr(builtins, key)) {
		if (!strcmp(name, "command") && i + 1 < c->words && c->word[i + 1][0] != '-')
			resolve(w, fn, c, i + 1);
	} else if (!callee && *name != '$') {
		program(w, fn, c, i);
		return;
	}
	if (skip)
		resolve(w, fn, c, wrapped(c, i, skip, options));
}

/* Functions and scripts that are handed on as words. */
static void arguments(struct walk *w, struct function *fn, const struct command *c)
{
	struct function *callee;
	struct script *s;
	int i;

	for (i = 0; i < c->words; i++) {
		s = script_in_word(c->word[i]);
		if (s)
			visit(w, s->function[0], fn);
		callee = strchr(c->word[i], '_') ? function_find(w, fn->script, c->word[i]) : NULL;
		if (callee)
			visit(w, callee, fn);
	}
}

static bool asks(const char *name)
{
	return !strcmp(name, "need") || !strcmp(name, "guest_need") || !strcmp(name, "image_need") ||
	       !strcmp(name, "observe_prepare");
}

static void command(struct walk *w, struct function *fn, const struct command *c)
{
	if (branch_out(w, fn, c->branch))
		return;
	arguments(w, fn, c);
	if (c->array || !c->words)
		return;
	if (c->words > 1 && asks(c->word[0]))
		words_add(&w->needs, c->word[1]);
	if (strlen(c->word[0]) > 9 && !strcmp(c->word[0] + strlen(c->word[0]) - 9, "_packages"))
		ensure(w, fn, c);
	resolve(w, fn, c, 0);
}

static void extras(struct walk *w, struct function *fn)
{
	const struct words *more = also(*fn->name ? fn->name : fn->script->path);
	int i;

	for (i = 2; more && i < more->n; i++)
		use_add(w, fn, fn->commands ? fn->command[0].line : 1, NULL, more->word[i]);
}

static void visit(struct walk *w, struct function *fn, struct function *from)
{
	int i;

	for (i = 0; i < w->visits; i++)
		if (w->visited[i] == fn)
			return;
	if (from && gated(w, fn->name)) {
		words_add(&w->left, fn->name);
		return;
	}
	w->visited = xgrow(w->visited, w->visits, sizeof(fn));
	w->visited[w->visits++] = fn;
	fn->from = from;
	extras(w, fn);
	/* Code in words may add to them meanwhile. */
	for (i = 0; i < fn->commands; i++) {
		struct command c = fn->command[i];

		command(w, fn, &c);
	}
}

static void visit_code(struct walk *w, const struct row *row)
{
	struct function *fn;
	int i, n;

	for (i = 0; i < row->code.n; i++)
		for (n = 0; (fn = code_find(w, row->code.word[i], n)); n++)
			visit(w, fn, NULL);
}

void walk_row(struct walk *w, const struct row *option)
{
	w->option = option;
	visit_code(w, w->row);
	if (option)
		visit_code(w, option);
}
