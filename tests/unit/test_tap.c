// SPDX-License-Identifier: GPL-2.0
/* The parser of TAP, by which the guest's init, the launcher and the judge of a run read the same lines alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "env/proto/tap.h"

static struct tap_line parse(const char *line)
{
	struct tap_line t;

	memset(&t, 0xa5, sizeof(t));
	tap_parse(line, &t);
	return t;
}

static void check_result(const char *line, bool ok, const char *name)
{
	struct tap_line t = parse(line);

	if (t.what != TAP_RESULT || t.ok != ok || strcmp(t.name, name))
		fail_msg("'%s': kind %d, ok %d, name '%s'", line, t.what, t.ok, t.name);
}

static void results(void **state)
{
	(void)state;
	check_result("ok 1 fine", true, "fine");
	check_result("ok 12 - fine and well", true, "fine and well");
	check_result("not ok 3 broken  # ms=12", false, "broken");
	check_result("ok fine", true, "fine");
	check_result("ok - fine", true, "fine");
	check_result("not ok 0 end-of-run.shard1.d", false, "end-of-run.shard1.d");
	check_result("ok 7 generic/001 # ms=1", true, "generic/001");
	check_result("ok 4 64 bits", true, "64 bits");
	check_result("ok 3rd time", true, "3rd time");
	check_result("ok 5 a-b #7", true, "a-b #7");
	check_result("ok 2 -5 is a number", true, "-5 is a number");
}

/* A result is one even if it says no more than that. */
static void results_without_a_name(void **state)
{
	(void)state;
	check_result("ok 8", true, "8");
	check_result("not ok 9 -", false, "9");
	check_result("not ok ", false, "?");
	check_result("ok 3 # ms=5", true, "3");
	check_result("not ok 3 # SKIP test_of_cmocka", false, "test_of_cmocka");
}

static void no_results(void **state)
{
	static const char *const lines[] = {
		"", "ok", "not ok", "okay 1 x", "not 1 x", "nok 1 x", "OK 1 x", "x ok 1", "1..", "1..x", "1 ..2", "Bail", "TAP",
		"KTAP version 1", "not  ok 1 x", "\tok 1 x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i]).what != TAP_TEXT)
			fail_msg("'%s' is taken for %d", lines[i], parse(lines[i]).what);
}

static void directives(void **state)
{
	struct tap_line t = parse("ok 1 a # SKIP for a reason");

	(void)state;
	assert_true(t.ok && t.skip && t.directive && !t.expected);
	assert_string_equal(t.reason, "for a reason");
	t = parse("ok 1 a # skip");
	assert_true(t.skip);
	assert_string_equal(t.reason, "");
	t = parse("not ok 1 a # TODO later");
	assert_true(!t.ok && t.expected && t.directive && !t.skip);
	assert_true(parse("not ok 1 a # XFAIL").expected);
	t = parse("ok 3 a # ms=1234");
	assert_int_equal(t.ms, 1234);
	assert_true(t.directive && !t.skip);
	t = parse("ok 3 a # ms=7 # SKIP why");
	assert_int_equal(t.ms, 7);
	assert_string_equal(t.reason, "why");
	t = parse("ok 1 a");
	assert_false(t.directive);
	assert_string_equal(t.reason, "");
	/* Of the name, and not a directive: no blank. */
	assert_false(parse("ok 1 skips #SKIP").skip);
}

static void plans(void **state)
{
	struct tap_line t = parse("1..8");

	(void)state;
	assert_int_equal(t.what, TAP_PLAN);
	assert_int_equal(t.plan, 8);
	t = parse("1..0 # SKIP no device");
	assert_int_equal(t.plan, 0);
	assert_true(t.skip);
	assert_string_equal(t.reason, "no device");
	assert_int_equal(parse("Bail out! no disk").what, TAP_BAIL);
}

static void depth(void **state)
{
	struct tap_line t = parse("    not ok 2 deep");

	(void)state;
	assert_int_equal(t.depth, 4);
	assert_int_equal(t.what, TAP_RESULT);
	assert_string_equal(t.text, "not ok 2 deep");
	t = parse("  # words");
	assert_int_equal(t.depth, 2);
	assert_string_equal(t.text, "words");
	assert_int_equal(parse("  1..3").depth, 2);
}

static void notes(void **state)
{
	static const struct {
		const char *line;
		enum tap_about about;
		bool words;
	} known[] = {
		{ "# a: exit status 1", TAP_WORDS, true }, { "# kernel: WARNING: x", TAP_KERNEL, true },
		{ "# kmemleak: was disabled during the run", TAP_ORACLE, true },
		{ "# cannot unload vexfs: busy", TAP_ORACLE, true }, { "# stack: [<0>] do_wait", TAP_STACK, false },
		{ "# in flight: vdb: 1 reads, 0 writes", TAP_IN_FLIGHT, false }, { "# vex: done", TAP_INIT, false },
		{ "# vexing", TAP_WORDS, true }, { "#", TAP_WORDS, true }, { "#tight", TAP_WORDS, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct tap_line t = parse(known[i].line);

		if (t.what != TAP_NOTE || t.about != known[i].about || tap_words(&t) != known[i].words)
			fail_msg("'%s': kind %d, about %d, words %d", known[i].line, t.what, t.about, tap_words(&t));
	}
	assert_string_equal(parse("#tight").text, "tight");
	assert_true(parse("# a: timed out after 1000 ms").timed_out);
	assert_true(parse("# a: ended before its time: a task hangs").timed_out);
	assert_false(parse("# a: exit status 1").timed_out);
}

/* Only init writes at the left margin: a test that prints its words starts nothing. */
static void words_of_init(void **state)
{
	struct tap_line t = parse("# vex: start stress@2 limit_ms=60000");

	(void)state;
	assert_int_equal(t.what, TAP_STARTED);
	assert_string_equal(t.name, "stress@2");
	assert_int_equal(t.limit_ms, 60000);
	t = parse("# vex: start a");
	assert_int_equal(t.what, TAP_STARTED);
	assert_int_equal(t.limit_ms, 0);
	t = parse("# vex: plan generic/001");
	assert_int_equal(t.what, TAP_ANNOUNCED);
	assert_string_equal(t.name, "generic/001");
	assert_int_equal(parse("  # vex: start forged limit_ms=1").what, TAP_NOTE);
}

/* Names longer than their room are cut, and nothing behind them is written. */
static void long_lines(void **state)
{
	char line[3000];
	struct tap_line t;

	(void)state;
	for (size_t cut = 4; cut < sizeof(line); cut += 97) {
		memset(line, 'x', sizeof(line));
		memcpy(line, "ok 1 ", 5);
		line[cut] = 0;
		t = parse(line);
		assert_int_equal(t.what, TAP_RESULT);
		assert_true(strlen(t.name) < sizeof(t.name));
		memcpy(line, "# vex: start ", cut < 13 ? cut : 13);
		t = parse(line);
		assert_true(strlen(t.name) < sizeof(t.name));
		memcpy(line, "not ok # SKIP ", cut < 14 ? cut : 14);
		t = parse(line);
		assert_true(strlen(t.name) < sizeof(t.name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results), cmocka_unit_test(results_without_a_name), cmocka_unit_test(no_results),
		cmocka_unit_test(directives), cmocka_unit_test(plans), cmocka_unit_test(depth), cmocka_unit_test(notes),
		cmocka_unit_test(words_of_init), cmocka_unit_test(long_lines),
	};

	return cmocka_run_group_tests_name("tap", tests, NULL, NULL);
}
