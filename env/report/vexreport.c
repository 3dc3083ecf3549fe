// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexreport: read TAP and say what happened, fail by default: a test that was planned and has no
 * result failed, whatever the reason.
 *
 *	vexreport [OPTION]... FILE...
 *
 * How the files behind an option are read:
 *	--suite NAME	what init relayed: one result per guest test, its checks two columns to the right
 *	--flat NAME	plain TAP: each line is a result of its own
 *	--script NAME	the same, of a script of the environment: its exit status is in FILE.rc, its errors in FILE.err
 *	--kunit NAME	a kernel log with the KTAP of KUnit suites somewhere in it
 *	--planned NAME	no TAP: names of tests of the plan, one a line
 * What is made of it:
 *	--known FILE	known failures, one per line: SUITE TEST fail|timeout|panic REASON...
 *	--interrupted	the run was: what had not started was not run, and did not fail
 *	--junit FILE	all results as JUnit XML
 *	--list FILE	one line per result: STATE (passed, failed, unfinished, skipped, known, not-run) MS SUITE FILE
 *			NAME
 *	--times FILE	KERNEL TEST MS of each test that passed, newer ones instead of those of the file
 *	--show KIND	on stderr, in stable order: results, failures (and what led to them), skips; repeatable
 * Prints "passed failed skipped"; a known failure that failed as expected counts as skipped, and so does what an
 * interruption left out.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../proto/proto.h"
#include "cases.h"

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "suite", 1, 0, 's' }, { "flat", 1, 0, 'F' }, { "kunit", 1, 0, 'k' }, { "known", 1, 0, 'n' },
		{ "script", 1, 0, 'S' }, { "planned", 1, 0, 'p' }, { "times", 1, 0, 't' }, { "interrupted", 0, 0, 'i' },
		{ "junit", 1, 0, 'j' }, { "list", 1, 0, 'l' }, { "show", 1, 0, 'w' }, { 0 }
	};
	const char *junit = NULL, *list = NULL, *known = NULL, *times = NULL, *suite = "guest";
	bool results = false, failures = false, skips = false, interrupted = false;
	int c, how = 's', count[STATES] = { 0 };

	while ((c = getopt_long(argc, argv, "-", options, NULL)) != -1) {
		switch (c) {
		case 's': case 'F': case 'k': case 'S': case 'p': suite = optarg; how = c; break;
		case 'n': known = optarg; break;
		case 'j': junit = optarg; break;
		case 'l': list = optarg; break;
		case 't': times = optarg; break;
		case 'i': interrupted = true; break;
		case 'w':
			results |= !strcmp(optarg, "results");
			failures |= !strcmp(optarg, "failures");
			skips |= !strcmp(optarg, "skips");
			break;
		case 1: cases_read(suite, optarg, how); break;
		default: return VEX_USAGE;
		}
	}
	if (known)
		cases_known(known);
	if (interrupted)
		cases_interrupted();
	cases_sort();
	for (int i = 0; i < ncases; i++)
		count[cases[i].state]++;
	if (results)
		show_results();
	if (skips)
		show_skips();
	if (failures)
		show_failures();
	if (junit)
		write_junit(junit);
	if (list)
		write_list(list);
	if (times)
		write_times(times);
	printf("%d %d %d\n", count[PASSED], count[FAILED] + count[STARTED] + count[NOT_STARTED],
	       count[SKIPPED] + count[KNOWN] + count[NOT_RUN]);
	return 0;
}
