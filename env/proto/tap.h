/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one parser of TAP and KTAP: for the guest's init, the launcher, the judge of a run and its reports. A line by
 * itself: what a result means, and for whom, is the caller's.
 */
#ifndef VEX_TAP_H
#define VEX_TAP_H

#include <stdbool.h>

/**
 * enum tap_what - what a line is
 * @TAP_TEXT:      no TAP
 * @TAP_RESULT:    "ok 3 - name # SKIP why", "not ok 3 name # ms=12"
 * @TAP_PLAN:      "1..8", "1..0 # SKIP why"
 * @TAP_BAIL:      "Bail out!"
 * @TAP_NOTE:      "# words"
 * @TAP_ANNOUNCED: "# vex: plan NAME", by init: a test of this guest, before the first one starts
 * @TAP_STARTED:   "# vex: start NAME limit_ms=N", by init
 */
enum tap_what { TAP_TEXT, TAP_RESULT, TAP_PLAN, TAP_BAIL, TAP_NOTE, TAP_ANNOUNCED, TAP_STARTED };

/**
 * enum tap_about - what a note of init's is about
 * @TAP_WORDS:     anything else; of a test that failed, the reason
 * @TAP_KERNEL:    "# kernel: ", a complaint in the kernel's log
 * @TAP_ORACLE:    "# kmemleak", "# cannot unload": what is looked for at the end
 * @TAP_STACK:     "# stack: ", of a test that had no time left
 * @TAP_IN_FLIGHT: "# in flight: ", requests of a device then
 * @TAP_INIT:      "# vex: ", init's own
 */
enum tap_about { TAP_WORDS, TAP_KERNEL, TAP_ORACLE, TAP_STACK, TAP_IN_FLIGHT, TAP_INIT };

/**
 * struct tap_line - one line
 * @depth:     blanks before it: 2 per level of KTAP as init relays it, 4 as the kernel prints it
 * @text:      the line behind the blanks; of a note, the words behind "# "; part of what was parsed
 * @ok:        of a result: as printed; a skip may be printed either way
 * @skip:      of a result or a plan
 * @expected:  of a result: "# TODO" or "# XFAIL", so that "not ok" does not fail
 * @directive: of a result: there was any, @skip and @expected among them
 * @name:      of a result, an announced and a started test; a result without one has its number
 * @reason:    of a skip, may be empty; part of what was parsed
 * @ms:        of a result: "# ms=N", else 0
 * @limit_ms:  of a started test, else 0
 * @plan:      of a plan
 * @about:     of a note
 * @timed_out: of a note: it says that a test had no time left, or that a task of it hangs
 */
struct tap_line {
	enum tap_what what;
	unsigned int depth;
	const char *text;
	bool ok, skip, expected, directive;
	char name[192];
	const char *reason;
	long ms;
	unsigned long limit_ms;
	int plan;
	enum tap_about about;
	bool timed_out;
};

/**
 * tap_parse - say what a line is
 * @line: without its line feed; has to outlive @t
 * @t:    filled
 */
void tap_parse(const char *line, struct tap_line *t);

/**
 * tap_words - whether a note explains a test that failed: its own words, or the kernel's
 * @t: a line
 */
bool tap_words(const struct tap_line *t);

#endif
