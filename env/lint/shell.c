// SPDX-License-Identifier: GPL-2.0-only
/* The reader of shell scripts. See shell.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shell.h"

struct reader {
	const char *p;
	int line;
	struct function *fn;
	struct branch *branch;
	char *heredoc[8];
	int heredocs;
};

struct words {
	char **word;
	int n;
};

static void scan(struct reader *r, char end);
static int cases;

void *xgrow(void *array, int count, size_t size)
{
	/* By powers of two: called for each element. */
	if (count && (count & (count - 1)))
		return array;
	array = realloc(array, (count ? 2 * (size_t)count : 1) * size);
	if (!array)
		exit(6);
	return array;
}

char *xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		exit(6);
	return copy;
}

static struct function *function_new(struct script *script, const char *name)
{
	struct function *fn = calloc(1, sizeof(*fn));

	if (!fn)
		exit(6);
	fn->name = xstrdup(name);
	fn->script = script;
	script->function = xgrow(script->function, script->functions, sizeof(fn));
	script->function[script->functions++] = fn;
	return fn;
}

static void command_add(struct reader *r, struct words *w, const char *array)
{
	struct function *fn = r->fn;
	struct command *c;

	fn->command = xgrow(fn->command, fn->commands, sizeof(*c));
	c = &fn->command[fn->commands++];
	*c = (struct command){ .word = w->word, .words = w->n, .line = r->line, .branch = r->branch, .array = array };
	*w = (struct words){ 0 };
}

static void word_add(struct words *w, char *text)
{
	w->word = xgrow(w->word, w->n, sizeof(text));
	w->word[w->n++] = text;
}

static void flush(struct reader *r, struct words *w)
{
	if (w->n)
		command_add(r, w, NULL);
}

/* ---- words --------------------------------------------------------------------------------------------- */

struct text {
	char s[8192];
	size_t n;
};

static void put(struct text *t, char c)
{
	if (t->n + 1 < sizeof(t->s))
		t->s[t->n++] = c;
}

/* Up to @close, counting @open; commands in it are read too. */
static void skip_nested(struct reader *r, char open, char close)
{
	int depth = 1;

	while (*r->p && depth) {
		if (r->p[0] == '$' && r->p[1] == '(' && r->p[2] != '(') {
			r->p += 2;
			scan(r, ')');
			continue;
		}
		if (*r->p == '\\' && r->p[1])
			r->p++;
		else if (*r->p == open)
			depth++;
		else if (*r->p == close)
			depth--;
		else if (*r->p == '\n')
			r->line++;
		r->p++;
	}
}

/* At a '$': the name stays in the text, what is in parentheses is read as commands. */
static void read_dollar(struct reader *r, struct text *t)
{
	const char *from = r->p++;

	if (r->p[0] == '(' && r->p[1] == '(') {
		r->p += 2;
		skip_nested(r, '(', ')');
		skip_nested(r, '(', ')');
	} else if (*r->p == '(') {
		r->p++;
		scan(r, ')');
		put(t, '$');
		return;
	} else if (*r->p == '{') {
		r->p++;
		skip_nested(r, '{', '}');
	} else {
		put(t, '$');
		return;
	}
	while (from < r->p)
		put(t, *from++);
}

static void read_double(struct reader *r, struct text *t)
{
	for (r->p++; *r->p && *r->p != '"';) {
		if (*r->p == '\n')
			r->line++;
		if (*r->p == '\\' && r->p[1]) {
			put(t, r->p[1]);
			r->p += 2;
		} else if (*r->p == '$') {
			read_dollar(r, t);
		} else {
			put(t, *r->p++);
		}
	}
	if (*r->p)
		r->p++;
}

static void read_single(struct reader *r, struct text *t, bool escapes)
{
	for (r->p++; *r->p && *r->p != '\''; r->p++) {
		if (escapes && *r->p == '\\' && r->p[1])
			put(t, *r->p++);
		if (*r->p == '\n')
			r->line++;
		put(t, *r->p);
	}
	if (*r->p)
		r->p++;
}

static bool is_assignment(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	if (*s == '[') {
		s = strchr(s, ']');
		if (!s++)
			return false;
	}
	return *s == '=' || (s[0] == '+' && s[1] == '=');
}

static char *read_word(struct reader *r, bool condition);

/* name=( ... ): its words, as an array of the function. */
static void read_array(struct reader *r, const struct text *t)
{
	struct words w = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(t->s, "+="), t->s);
	for (r->p++; *r->p && *r->p != ')';) {
		if (*r->p == '\n')
			r->line++;
		if (isspace((unsigned char)*r->p) || (*r->p == '\\' && r->p[1] == '\n')) {
			r->p++;
		} else if (*r->p == '#') {
			r->p += strcspn(r->p, "\n");
		} else {
			word_add(&w, read_word(r, false));
		}
	}
	if (*r->p)
		r->p++;
	command_add(r, &w, xstrdup(name));
}

/* One word; @condition: inside of [[ ]], where only white space ends one. */
static char *read_word(struct reader *r, bool condition)
{
	const char *stops = condition ? " \t\n" : " \t\n;&|()<>";
	struct text t = { .n = 0 };
	const char *start = r->p;

	while (*r->p) {
		t.s[t.n] = 0;
		if ((r->p[0] == '<' || r->p[0] == '>') && r->p[1] == '(' && !condition) {
			r->p += 2;
			scan(r, ')');
			put(&t, '$');
		} else if (*r->p == '(' && is_assignment(t.s) && t.s[t.n - 1] == '=') {
			read_array(r, &t);
		} else if (strchr(stops, *r->p)) {
			break;
		} else if (*r->p == '\\' && r->p[1]) {
			r->line += r->p[1] == '\n';
			if (r->p[1] != '\n')
				put(&t, r->p[1]);
			r->p += 2;
		} else if (*r->p == '\'') {
			read_single(r, &t, false);
		} else if (r->p[0] == '$' && r->p[1] == '\'') {
			r->p++;
			read_single(r, &t, true);
		} else if (*r->p == '"') {
			read_double(r, &t);
		} else if (*r->p == '$') {
			read_dollar(r, &t);
		} else {
			put(&t, *r->p++);
		}
	}
	if (r->p == start && *r->p)
		r->p++;
	t.s[t.n] = 0;
	return xstrdup(t.s);
}

/* ---- redirections ------------------------------------------------------------------------------------------ */

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || (*r->p == '\\' && r->p[1] == '\n')) {
		r->line += *r->p == '\\';
		r->p += *r->p == '\\' ? 2 : 1;
	}
}

static void read_redirection(struct reader *r)
{
	bool here = r->p[0] == '<' && r->p[1] == '<' && r->p[2] != '<';
	bool raw;
	char *word;

	r->p += strspn(r->p, "<>&|-");
	if (r->p[-1] == '-' && !here)	/* closed: no word follows */
		return;
	skip_blanks(r);
	raw = *r->p == '\'' || *r->p == '"';
	word = read_word(r, false);
	if (here && r->heredocs < 8) {
		char *entry = malloc(strlen(word) + 2);

		if (!entry)
			exit(6);
		sprintf(entry, "%c%s", raw ? 'r' : 'x', word);
		r->heredoc[r->heredocs++] = entry;
	}
}

/* The text after a line that had <<END; commands in it are run unless END was quoted. */
static void read_heredocs(struct reader *r)
{
	struct text t;
	int i;

	for (i = 0; i < r->heredocs; i++) {
		const char *end = r->heredoc[i] + 1;

		while (*r->p) {
			const char *line = r->p + strspn(r->p, "\t");
			size_t n = strcspn(line, "\n");

			if (n == strlen(end) && !strncmp(line, end, n)) {
				r->p = line + n;
				break;
			}
			while (*r->p && *r->p != '\n') {
				t.n = 0;
				if (r->heredoc[i][0] == 'x' && *r->p == '\\' && r->p[1])
					r->p += 2;
				else if (r->heredoc[i][0] == 'x' && *r->p == '$')
					read_dollar(r, &t);
				else
					r->p++;
			}
			if (*r->p)
				r->p++;
			r->line++;
		}
	}
	r->heredocs = 0;
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

static bool one_of(const char *word, const char *list)
{
	char key[80];

	return snprintf(key, sizeof(key), " %s ", word) < (int)sizeof(key) && strstr(list, key);
}

static void skip_lines(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (*r->p == '\n')
			r->line++;
		else if (*r->p == '#')
			r->p += strcspn(r->p, "\n") - 1;
		else
			return;
		r->p++;
	}
}

/* The pattern of the next branch; false at esac. */
static bool read_pattern(struct reader *r, int id, struct branch *up)
{
	struct branch *b = calloc(1, sizeof(*b));
	char *label;

	if (!b)
		exit(6);
	b->up = up;
	b->id = id;
	strcpy(b->labels, " ");
	skip_lines(r);
	while (*r->p && *r->p != ')') {
		skip_lines(r);
		if (*r->p == '(' || *r->p == '|') {
			r->p++;
			continue;
		}
		label = read_word(r, false);
		if (!strcmp(label, "esac"))
			return false;
		if (strlen(b->labels) + strlen(label) + 2 < sizeof(b->labels))
			strcat(strcat(b->labels, label), " ");
		skip_lines(r);
	}
	if (!*r->p)
		return false;
	r->p++;
	r->branch = b;
	return true;
}

static void read_case(struct reader *r)
{
	struct branch *up = r->branch;
	int id = ++cases;

	for (;;) {
		skip_lines(r);
		if (!*r->p || !strcmp(read_word(r, false), "in"))
			break;
	}
	while (read_pattern(r, id, up)) {
		scan(r, ';');
		if (r->p[-1] == 'c')	/* esac without ;; before it */
			break;
	}
	r->branch = up;
}

/* NAME() { ... }, after the name. */
static void read_function(struct reader *r, const char *name)
{
	struct function *outer = r->fn;

	r->p += 2;
	skip_lines(r);
	r->fn = function_new(outer->script, name);
	if (*r->p == '{' || *r->p == '(')
		scan(r, *r->p++ == '{' ? '}' : ')');
	r->fn = outer;
}

static void read_condition(struct reader *r)
{
	for (;;) {
		skip_lines(r);
		if (!*r->p)
			return;
		if (r->p[0] == ']' && r->p[1] == ']') {
			r->p += 2;
			return;
		}
		read_word(r, true);
	}
}

/* What a word at the start of a command means; true when a command may follow at once. */
static bool reserved(struct reader *r, const char *word, bool *known)
{
	*known = true;
	if (one_of(word, " if then elif else do while until ! time "))
		return true;
	if (!strcmp(word, "case"))
		read_case(r);
	else if (!strcmp(word, "[["))
		read_condition(r);
	else if (!strcmp(word, "{"))
		scan(r, '}');
	else if (!one_of(word, " fi done "))
		*known = false;
	return false;
}

/* The operators between commands; true: the list is at its @end. */
static bool read_operator(struct reader *r, struct words *w, char end, bool *start)
{
	flush(r, w);
	*start = true;
	if (*r->p == '(') {
		r->p++;
		if (*r->p == '(') {
			r->p++;
			skip_nested(r, '(', ')');
			skip_nested(r, '(', ')');
		} else {
			scan(r, ')');
		}
		*start = false;
		return false;
	}
	if (*r->p == ')') {
		r->p++;
		return end == ')';
	}
	if (r->p[0] == ';' && r->p[1] == ';') {
		r->p += 2 + (r->p[2] == '&');
		return end == ';';
	}
	r->p++;
	return false;
}

/* A list of commands up to ')', '}', ";;" or esac (@end ';'), or the end of the text. */
static void scan(struct reader *r, char end)
{
	struct words w = { 0 };
	bool start = true, known;
	char *word;

	while (skip_blanks(r), *r->p) {
		if (*r->p == '\n') {
			flush(r, &w);
			r->p++;
			r->line++;
			read_heredocs(r);
			start = true;
		} else if (*r->p == '#') {
			r->p += strcspn(r->p, "\n");
		} else if (r->p[0] == '&' && r->p[1] == '>') {
			read_redirection(r);
		} else if (strchr(";&|()", *r->p)) {
			if (read_operator(r, &w, end, &start))
				return;
		} else if ((*r->p == '<' || *r->p == '>') && r->p[1] != '(') {
			read_redirection(r);
		} else {
			word = read_word(r, false);
			if ((*r->p == '<' || *r->p == '>') && r->p[1] != '(' && *word &&
			    (*word == '{' || strspn(word, "0123456789") == strlen(word)))
				continue;
			if (start && ((end == '}' && !strcmp(word, "}")) || (end == ';' && !strcmp(word, "esac"))))
				return;
			if (start && r->p[0] == '(' && r->p[1] == ')') {
				read_function(r, word);
				start = false;
				continue;
			}
			known = false;
			if (start)
				start = reserved(r, word, &known);
			if (!known && !(w.n == 0 && is_assignment(word)))
				word_add(&w, word);
			else if (!known)
				start = true;
		}
	}
	flush(r, &w);
}

void shell_code(struct function *fn, const char *text, int line, const struct branch *branch)
{
	struct reader r = { .p = xstrdup(text), .line = line, .fn = fn, .branch = (struct branch *)branch };

	scan(&r, 0);
}

struct script *shell_read(const char *root, const char *path)
{
	struct script *s = calloc(1, sizeof(*s));
	char name[4096];
	size_t n;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", root, path);
	f = fopen(name, "r");
	if (!f || !s)
		return NULL;
	s->path = xstrdup(path);
	s->text = calloc(1, 1 << 20);
	if (!s->text)
		exit(6);
	n = fread(s->text, 1, (1 << 20) - 1, f);
	fclose(f);
	s->text[n] = 0;
	shell_code(function_new(s, ""), s->text, 1, NULL);
	return s;
}
