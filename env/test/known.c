// SPDX-License-Identifier: GPL-2.0-only
/*
 * tests/known-failures: what is expected to fail, where, why, and until when. Empty is best.
 *
 *	TEST  KERNELS  EXPECTED  UNTIL  REASON...
 *
 * TEST: a guest test, or env:NAME; KERNELS: names or traits by commas, - for env tests; EXPECTED: fail, timeout or
 * panic (the kernel complains or dies); UNTIL: YYYY-MM-DD, from that day on the failure counts again.
 */
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "test.h"

struct known {
	const char *list, *tests, *scripts;
	struct kernels all, run;
	regex_t filter;
	FILE *out, *expired;
	char today[16];
	int line;
};

struct entry {
	char *test, *kernels, *expected, *until, *reason;
};

/* ---- checks ---- */

static void entry_error(const struct known *k, const char *what, const char *word)
{
	const char *root = getenv("VEX_ROOT"), *name = k->list;
	size_t len = root ? strlen(root) : 0;

	if (len && !strncmp(name, root, len) && name[len] == '/')
		name += len + 1;
	fprintf(stderr, "vex: %s:%d: ", name, k->line);
	fprintf(stderr, what, word);
	fputc('\n', stderr);
	exit(VEX_USAGE);
}

static bool exists(const char *dir, const char *name, const char *end)
{
	char *path = format_text("%s/%s%s", dir, name, end);
	bool found = !access(path, F_OK);

	free(path);
	return found;
}

/* The name of a script of the environment, or NULL. */
static const char *script_of(const struct entry *e)
{
	return strncmp(e->test, "env:", 4) ? NULL : e->test + 4;
}

static bool any_kernel(const struct kernels *all, const char *word)
{
	for (size_t i = 0; i < all->n; i++)
		if (kernel_in(&all->k[i], word))
			return true;
	return !strcmp(word, "all");
}

static void check_kernels(const struct known *k, const char *list)
{
	char *copy = copy_text(list), *rest = copy, *word;

	while ((word = strsep(&rest, ",")))
		if (!any_kernel(&k->all, word))
			entry_error(k, "unknown kernel '%s': a name or trait of ./vex kernel list, or all", word);
	free(copy);
}

static bool is_date(const char *s)
{
	struct tm tm = { .tm_isdst = -1 }, same;

	if (strlen(s) != 10 || sscanf(s, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) != 3)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	same = tm;
	return mktime(&same) != -1 && same.tm_mon == tm.tm_mon && same.tm_mday == tm.tm_mday;
}

static void check(const struct known *k, const struct entry *e)
{
	const char *script = script_of(e);

	if (!e->reason || !*e->reason)
		entry_error(k, "five columns wanted: %s", "TEST KERNELS EXPECTED UNTIL REASON");
	if (script && !exists(k->scripts, script, ".sh"))
		entry_error(k, "no test tests/env/%s.sh", script);
	if (script && strcmp(e->kernels, "-"))
		entry_error(k, "KERNELS of an env test is -, not '%s'", e->kernels);
	if (script && strcmp(e->expected, "fail"))
		entry_error(k, "EXPECTED of an env test is fail, not '%s'", e->expected);
	if (!script && !exists(k->tests, e->test, ".c") && !exists(k->tests, e->test, ".sh"))
		entry_error(k, "no guest test '%s'", e->test);
	if (!script)
		check_kernels(k, e->kernels);
	if (strcmp(e->expected, "fail") && strcmp(e->expected, "timeout") && strcmp(e->expected, "panic"))
		entry_error(k, "EXPECTED '%s': use fail, timeout or panic", e->expected);
	if (!is_date(e->until))
		entry_error(k, "invalid UNTIL '%s' (YYYY-MM-DD)", e->until);
}

/* ---- what is in force ---- */

static void write_entry(const struct known *k, const struct entry *e)
{
	const char *script = script_of(e), *base = strrchr(k->list, '/');

	if (regexec(&k->filter, script ? script : e->test, 0, NULL, 0))
		return;
	if (strcmp(k->today, e->until) >= 0) {
		fprintf(k->expired, "# expired on %s: fix %s or renew the entry (%s)\nnot ok 1 %s:%d\n", e->until, e->test,
			e->reason, base ? base + 1 : k->list, k->line);
		return;
	}
	if (script)
		fprintf(k->out, "env %s %s until %s: %s\n", script, e->expected, e->until, e->reason);
	for (size_t i = 0; !script && i < k->run.n; i++)
		if (kernel_in(&k->run.k[i], e->kernels))
			fprintf(k->out, "%s %s %s until %s: %s\n", k->run.k[i].name, e->test, e->expected, e->until,
				e->reason);
}

static char *next_word(char **rest)
{
	char *word;

	do {
		word = strsep(rest, " \t");
	} while (word && !*word);
	return word;
}

static void take_line(struct known *k, char *line)
{
	struct entry e = { 0 };

	k->line++;
	line[strcspn(line, "\n")] = 0;
	e.test = next_word(&line);
	if (!e.test || *e.test == '#')
		return;
	e.kernels = next_word(&line);
	e.expected = next_word(&line);
	e.until = next_word(&line);
	e.reason = line ? line + strspn(line, " \t") : NULL;
	check(k, &e);
	write_entry(k, &e);
}

static FILE *open_out(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		die(VEX_ENV, "cannot write %s: %s: make room on the host (./vex clean)", path, strerror(errno));
	return f;
}

static void parse(struct known *k, int argc, char **argv)
{
	static const struct option options[] = {
		{ "list", 1, 0, 'l' }, { "tests", 1, 0, 't' }, { "scripts", 1, 0, 's' }, { "filter", 1, 0, 'f' },
		{ "kernel", 1, 0, 'k' }, { "run", 1, 0, 'r' }, { "out", 1, 0, 'o' }, { "expired", 1, 0, 'e' }, { 0 }
	};
	const char *filter = "";
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l': k->list = optarg; break;
		case 't': k->tests = optarg; break;
		case 's': k->scripts = optarg; break;
		case 'f': filter = optarg; break;
		case 'k': kernels_add(&k->all, optarg); break;
		case 'r': kernels_add(&k->run, optarg); break;
		case 'o': k->out = open_out(optarg); break;
		case 'e': k->expired = open_out(optarg); break;
		default: exit(VEX_USAGE);
		}
	}
	if (!k->list || !k->tests || !k->scripts || !k->out || !k->expired)
		die(VEX_USAGE, "known: --list, --tests, --scripts, --out and --expired are required");
	if (regcomp(&k->filter, *filter ? filter : ".*", REG_EXTENDED | REG_NOSUB))
		die(VEX_USAGE, "invalid filter '%s': it is an extended regular expression", filter);
}

/*
 * Checks the list. OUT gets "SUITE TEST EXPECTED REASON" for each entry in force and kernel of the run, EXPIRED a failed
 * result, as TAP, for each that is no longer.
 */
int cmd_known(int argc, char **argv)
{
	struct known k = { 0 };
	time_t now = time(NULL);
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	parse(&k, argc, argv);
	strftime(k.today, sizeof(k.today), "%Y-%m-%d", localtime(&now));
	f = fopen(k.list, "re");
	if (!f)
		die(VEX_USAGE, "cannot read %s: %s", k.list, strerror(errno));
	while (getline(&line, &room, f) > 0)
		take_line(&k, line);
	free(line);
	fclose(f);
	if (fclose(k.out) | fclose(k.expired))
		die(VEX_ENV, "cannot write what is known to fail: %s: make room on the host (./vex clean)", strerror(errno));
	return VEX_PASSED;
}
