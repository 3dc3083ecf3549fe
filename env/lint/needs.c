// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexneeds: do the needs of each command (env/needs.list) cover the programs it can call? From where a command begins,
 * every function it can reach is walked; a word at the place of a command that is neither a function nor a builtin is a
 * program, which the groups of the command's rows must have, unless every Debian has it.
 *
 * usage: vexneeds TREE OWN-TREE. A TREE without env/needs.list is one from before it: its commands begin where those of
 * OWN-TREE do, and what they ensure is what the calls of need_packages name that they can reach.
 */
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "needs.h"

const char *tree, *own;
static struct script **script;
static int scripts;
static int findings;

void finding(const char *path, int line, const char *format, ...)
{
	va_list args;

	printf("%s:%d: [needs] ", path, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	findings++;
}

/* ---- the tree ---------------------------------------------------------------------------------- */

static struct script *script_find(const char *path)
{
	struct script *s;
	int i;

	for (i = 0; i < scripts; i++)
		if (!strcmp(script[i]->path, path))
			return script[i];
	s = shell_read(tree, path);
	if (!s)
		return NULL;
	script = xgrow(script, scripts, sizeof(s));
	return script[scripts++] = s;
}

static struct function *function_in(const struct script *s, const char *name)
{
	int i;

	for (i = 0; s && i < s->functions; i++)
		if (!strcmp(s->function[i]->name, name))
			return s->function[i];
	return NULL;
}

struct function *function_of_file(const char *path, const char *name)
{
	return function_in(script_find(path), name);
}

/* The @n-th function that @code means: FUNCTION, FUNC*, FILE or FILE:FUNCTION. */
struct function *code_find(const struct walk *w, const char *code, int n)
{
	const char *colon = strchr(code, ':');
	size_t len = strlen(code);
	char path[256];
	int i, k;

	if (colon) {
		snprintf(path, sizeof(path), "%.*s", (int)(colon - code), code);
		return n ? NULL : function_of_file(path, colon + 1);
	}
	if (len > 3 && !strcmp(code + len - 3, ".sh"))
		return n ? NULL : function_of_file(code, "");
	if (code[len - 1] != '*')
		return n ? NULL : function_find(w, w->main, code);
	for (i = 0; i < scripts; i++)
		for (k = 0; k < script[i]->functions; k++)
			if (!strncmp(script[i]->function[k]->name, code, len - 1) && n-- == 0)
				return script[i]->function[k];
	return NULL;
}

static void read_tree(void)
{
	static const char *const patterns[] = {
		"env/lib/*.sh", "env/kernel/*.sh", "env/lint/*.sh", "env/test/*.sh", "env/image/image*.sh", "env/cmd/*.sh",
		"env/debug/observe.sh", "env/debug/session.sh", "env/debug/decode.sh", "env/image/settings.sh",
	};
	char pattern[4096];
	size_t i, k;
	glob_t g;

	script_find("vex");
	for (i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		snprintf(pattern, sizeof(pattern), "%s/%s", tree, patterns[i]);
		if (glob(pattern, 0, NULL, &g))
			continue;
		for (k = 0; k < g.gl_pathc; k++)
			script_find(g.gl_pathv[k] + strlen(tree) + 1);
		globfree(&g);
	}
}

/* Commands define functions of one name: the caller's file comes first, then the command's, then the shared ones. */
struct function *function_find(const struct walk *w, const struct script *from, const char *name)
{
	struct function *fn = function_in(from, name);
	int i;

	if (!fn)
		fn = function_in(w->main, name);
	if (!fn)
		fn = function_in(w->cmd, name);
	for (i = 0; !fn && i < scripts; i++)
		if (strncmp(script[i]->path, "env/cmd/", 8) && strncmp(script[i]->path, "bench/", 6))
			fn = function_in(script[i], name);
	return fn;
}

/* A word that names a script of the tree which runs on this machine. */
struct script *script_in_word(const char *word)
{
	static const char *const dirs[] = { "env/", "packaging/", "bench/" };
	const char *at;
	size_t i;

	for (i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		at = strstr(word, dirs[i]);
		if (!at || (at > word && at[-1] != '/') || strchr(at, '$') || strlen(at) < 4)
			continue;
		if (!strcmp(at + strlen(at) - 3, ".sh") && !list_prefix("guest", at))
			return script_find(at);
	}
	return NULL;
}

/* ---- judging ----------------------------------------------------------------------------------- */

static void chain(const struct function *fn, char *out, size_t size)
{
	int depth;

	*out = 0;
	for (depth = 0; fn && depth < 12; depth++, fn = fn->from)
		snprintf(out + strlen(out), size - strlen(out), "%s%s", depth ? " < " : "",
			 *fn->name ? fn->name : fn->script->path);
}

/* Asks, and takes "not there" for an answer. */
static bool may_lack(const char *command, const char *package)
{
	const char *what = list_row("may", command, NULL);

	return what && !strcmp(what, package);
}

static void judge_use(const struct row *row, const char *option, const struct use *u, const struct words *have)
{
	const char *package = u->package ? u->package : package_of(u->program);
	char path[512];

	if (u->program && (list_has("base", u->program) || list_first("optional", u->program)))
		return;
	if (package && (words_have(have, package) || may_lack(row->command, package)))
		return;
	chain(u->fn, path, sizeof(path));
	if (!package)
		finding(u->fn->script->path, u->line, "./vex %s%s%s calls %s, which no row of env/tools.list has (%s)",
			row->command, option ? " " : "", option ? option : "", u->program, path);
	else
		finding(u->fn->script->path, u->line, "./vex %s%s%s uses %s, and its needs lack package %s (%s)",
			row->command, option ? " " : "", option ? option : "", u->program ? u->program : package,
			package, path);
}

/* "with=WHEN" in an option's code: it is judged together with that one. */
static bool row_with(const struct row *option, const struct row *other)
{
	char word[80];

	snprintf(word, sizeof(word), "with=%s", other->when);
	return words_have(&option->code, word);
}

static void judge(const struct row *row, const struct row *option, struct walk *w)
{
	struct words have = w->ensured;
	int i;

	if (new_notation) {
		groups_packages(row->groups, &have);
		for (i = 0; option && i < rows; i++)
			if (&row_of[i] == option || row_with(option, &row_of[i]))
				groups_packages(row_of[i].groups, &have);
	}
	for (i = 0; i < w->uses; i++)
		if (!option || w->use[i].fresh)
			judge_use(row, option ? option->when : NULL, &w->use[i], &have);
}

/* Each place once: the walk with an option repeats the one without it. */
static void mark_fresh(struct walk *w, const struct walk *base)
{
	int i, k;

	for (i = 0; i < w->uses; i++) {
		w->use[i].fresh = true;
		for (k = 0; k < base->uses; k++)
			if (base->use[k].fn == w->use[i].fn && base->use[k].line == w->use[i].line &&
			    use_same(&base->use[k], &w->use[i]))
				w->use[i].fresh = false;
	}
}

/* Whether the walk without it came to where the option makes a difference. */
static bool option_reached(const struct row *option, const struct walk *base)
{
	int i;

	if (strcmp(option->command, "*"))
		return true;
	for (i = 0; i < option->code.n; i++)
		if (words_have(&base->left, option->code.word[i] + (strncmp(option->code.word[i], "case=", 5) ? 0 : 5)))
			return true;
	return false;
}

static bool option_of(const struct row *option, const struct row *row)
{
	return strcmp(option->when, "-") && (!strcmp(option->command, "*") || !strcmp(option->command, row->command));
}

static void begin(struct walk *w, const struct row *row)
{
	char name[64], path[128];

	*w = (struct walk){ .row = row };
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(row->command, "/"), row->command);
	snprintf(path, sizeof(path), "env/cmd/%s.sh", name);
	w->main = w->cmd = script_find(path);
}

static const struct script *script_find_of(const char *code)
{
	char path[256];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(code, ":"), code);
	return script_find(path);
}

static bool row_starts(const struct walk *w, const struct row *row)
{
	int i;

	for (i = 0; i < row->code.n; i++)
		if (code_find(w, row->code.word[i], 0))
			return true;
	return false;
}

static bool names_need(const struct walk *w)
{
	int i;

	for (i = 0; i < w->needs.n; i++)
		if (!strcmp(w->needs.word[i], w->row->command))
			return true;
	return false;
}

static void check_row(const struct row *row)
{
	struct walk base, w;
	int i;

	begin(&base, row);
	if (strchr(row->code.word[0], ':'))
		base.main = script_find_of(row->code.word[0]);
	if (!row_starts(&base, row)) {
		if (new_notation)
			finding("env/needs.list", row->line, "%s: none of its functions exists", row->command);
		return;
	}
	walk_row(&base, NULL);
	judge(row, NULL, &base);
	if (new_notation && strcmp(row->groups, "-") && !names_need(&base))
		finding("env/needs.list", row->line, "%s: nothing that it runs says \"need %s\"", row->command, row->command);
	for (i = 0; i < rows; i++) {
		if (!option_of(&row_of[i], row) || !option_reached(&row_of[i], &base))
			continue;
		begin(&w, row);
		w.main = base.main;
		walk_row(&w, &row_of[i]);
		mark_fresh(&w, &base);
		judge(row, &row_of[i], &w);
	}
}

/* A login's PATH has no sbin: only vex itself can add it. */
static void check_sbin(void)
{
	const struct script *vex = script_find("vex");
	const char *at = vex ? strstr(vex->text, "PATH=") : NULL;
	const struct words *sbin = list("sbin");
	int i;

	if (!vex || (at && strstr(at, "/usr/sbin")))
		return;
	for (i = 0; i < sbin->n; i++)
		if (program_used(sbin->word[i]))
			finding("vex", 1, "PATH is not extended by /usr/sbin, which a user's login lacks and which has %s", sbin->word[i]);
}

int main(int argc, char **argv)
{
	int i;

	if (argc != 3) {
		fprintf(stderr, "usage: vexneeds TREE OWN-TREE\n");
		return 2;
	}
	tree = argv[1];
	own = argv[2];
	if (!tables_read()) {
		fprintf(stderr, "vexneeds: %s has no env/needs.list, env/tools.list or env/lint/programs.list\n", own);
		return 2;
	}
	read_tree();
	for (i = 0; i < rows; i++)
		if (!strcmp(row_of[i].when, "-"))
			check_row(&row_of[i]);
	check_sbin();
	if (new_notation)
		tables_check();
	return findings ? 1 : 0;
}
