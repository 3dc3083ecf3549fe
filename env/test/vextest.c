// SPDX-License-Identifier: GPL-2.0-only
/*
 * vextest: the plan of a test run, its guests and its judge.
 *
 *	vextest plan OPTION...			which tests run where: DIR/shardN, a file for each guest (plan.c)
 *	vextest known OPTION...			the list of known failures, checked; those in force in this run (known.c)
 *	vextest shard machine|disks|job|files FILE	what the guest of a shard is given
 *	vextest again SHARD TAP FILE		FILE: the shard of tests that a guest had not started when it ended
 *	vextest run OPTION... [-- COMMAND...]	all guests of a plan, several at a time (run.c, guest.c, pool.c), and
 *						their report; COMMAND decodes the trace of a kernel that came to harm
 *	vextest scripts OPTION...		the environment's own tests (scripts.c)
 *	vextest finish OPTION...		reports and last line of the whole run (finish.c)
 *	vextest judge [--known FILE] [--quiet] DIR [SHARD...]	the exit code of the gravest guest, of all or of these
 *	vextest cause CODE			an exit code in words
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "test.h"

void die(int code, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("vex: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(code);
}

void *grow(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		die(VEX_ENV, "out of memory: end other programs, or use --jobs 1");
	return p;
}

char *copy_text(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(grow(NULL, size), s, size);
}

char *format_text(const char *format, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		die(VEX_ENV, "out of memory: end other programs, or use --jobs 1");
	return text;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "plan", cmd_plan }, { "shard", cmd_shard }, { "again", cmd_again }, { "run", cmd_run },
		{ "judge", cmd_judge }, { "known", cmd_known }, { "cause", cmd_cause },
		{ "finish", cmd_finish },
		{ "scripts", cmd_scripts },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].word))
			return commands[i].run(argc - 1, argv + 1);
	die(VEX_USAGE, "usage: vextest plan|known|shard|again|run|scripts|finish|judge|cause ARGUMENT... "
	    "(env/test/vextest.c describes them)");
}
