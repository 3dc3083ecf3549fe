/* SPDX-License-Identifier: GPL-2.0-only */
/* Results from files of TAP and KTAP, and the judge of what was read: for vexreport (people) and vexjson (programs). */
#ifndef VEX_CASES_H
#define VEX_CASES_H

#include <stdbool.h>
#include <stddef.h>

#include "../proto/tap.h"

enum state { NOT_STARTED, STARTED, PASSED, FAILED, SKIPPED, KNOWN, STATES };

/**
 * struct test_case - one result
 * @detail:    the first sign of trouble, or the reason of a skip
 * @complaint: the kernel's first during this test
 * @file:      where it was read, the caller's
 * @order:     of the suite's first mention
 * @timed_out: why it failed: time
 * @kernel:    why it failed: the kernel's own complaints
 * @started:   1, 2 ...: @file is a guest's tap.log, beside its console.log
 */
struct test_case {
	char suite[64], name[192], detail[512], complaint[256];
	const char *file;
	enum state state;
	int order;
	bool timed_out, kernel;
	int started;
	long ms;
};

extern struct test_case *cases;
extern int ncases;

/* How a file is read: as init relayed it, plain TAP, a kernel log with KUnit's. */
enum tap_kind { TAP_SUITE = 's', TAP_FLAT = 'F', TAP_KUNIT = 'k' };

/* All of these end the program, with its name, when a file cannot be read or memory is out. */
void cases_read(const char *suite, const char *path, enum tap_kind how);
/* Known failures, one per line: SUITE TEST fail|timeout|panic REASON...; after all was read. */
void cases_known(const char *path);
/* Suites in the order they came, tests by name. */
void cases_sort(void);
void cases_fatal(const char *what, const char *path) __attribute__((noreturn));

/* Failed, started and never finished, or never started. */
bool case_bad(const struct test_case *c);
const char *case_detail(const struct test_case *c);

#endif
