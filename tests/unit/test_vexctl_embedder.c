// SPDX-License-Identifier: GPL-2.0
/* vexctl with an embedder that is a program: one that works, and those that fail in every way there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "tests/unit/procs.h"
#include "tests/unit/vexctl_run.h"

#define HANGS	"sleep 876543"	/* a command line that no other process has */
#define HELLO	"echo '{\"model\": \"toy 1\", \"dim\": 3}'\n"

/* The loop of a program: $v is set for each text by @body, $line, $id and $n (texts so far) may be used. */
#define LOOP(body) \
	"n=0\n" \
	"while IFS= read -r line; do\n" \
	"	[ -n \"$line\" ] || { echo batch >>\"$0.batches\"; continue; }\n" \
	"	id=${line#*:} id=${id%%,*} n=$((n + 1))\n" \
	"	case $line in\n" \
	"	*[Cc]ar*|*automobile*) v='1,0,0.1' ;;\n" \
	"	*bread*) v='0,1,0.1' ;;\n" \
	"	*) v='0.1,0.1,1' ;;\n" \
	"	esac\n" \
	body \
	"	echo \"{\\\"id\\\":$id,\\\"vector\\\":[$v]}\"\n" \
	"done\n"

static char dir[64], spec[160];

static void program(const char *script)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/toy.batches", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/toy", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s", script);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(spec, sizeof(spec), "exec:%s", path);
}

static void write_notes(void)
{
	write_text("motor", "An automobile needs petrol\n");
	write_text("kitchen", "How to bake bread\n");
	write_text("sea", "Whales sing to each other\n");
	assert_int_equal(chdir(fake.root), 0);
}

/* Of a file beside the program. */
static unsigned int count_lines(const char *name)
{
	char path[128];
	unsigned int n = 0;
	FILE *f;
	int c;

	snprintf(path, sizeof(path), "%s/toy.%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* ---- it works ------------------------------------------------------------------------------ */

static void test_index_and_search(void **state)
{
	program(HELLO LOOP(""));
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "made collection 'default': 3 dimensions, toy 1");
	assert_says(r.out, "indexed 3 files in");
	assert_int_equal(run("search", "--embedder", spec, "the car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_int_equal(run("search", "--embedder", spec, "--json", "--per-file", "-k1", "Car", NULL), 0);
	assert_says(r.out, "\"embedder\": \"toy 1\"");
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "indexed 0 files");
	assert_says(r.out, "3 up to date");
	assert_null(strstr(r.out, "words were weighed"));
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "embedder    toy 1");
	assert_int_equal(run("search", "--embedder", spec, "...", NULL), 1);
	assert_says(r.err, "has no words");
}

/* What the filesystem says is shown, and never run: the user says it again. */
static void test_environment(void **state)
{
	unsigned int sets;

	program(HELLO LOOP(""));
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_int_equal(run("search", "car", NULL), 1);
	assert_says(r.err, "of the embedder 'toy 1', last used as exec:/");
	assert_says(r.err, "VEXCTL_EMBEDDER");
	write_text("new", "Car doors\n");
	sets = fake.sets;
	assert_int_equal(run("index", NULL), 1);
	assert_int_equal(fake.sets, sets);
	setenv("VEXCTL_EMBEDDER", "magic", 1);
	assert_int_equal(run("search", "car", NULL), 1);
	assert_says(r.err, "VEXCTL_EMBEDDER=magic");
	setenv("VEXCTL_EMBEDDER", spec, 1);
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 1 file in");
	assert_int_equal(run("search", "car", NULL), 0);
	/* a collection of the lexical embedder stays with it */
	assert_int_equal(run("collection", "drop", "--yes", "%", "default", NULL), 0);
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "768 dimensions, lexical");
	assert_int_equal(run("search", "petrol", NULL), 0);
	unsetenv("VEXCTL_EMBEDDER");
}

static void test_another_is_refused(void **state)
{
	program(HELLO LOOP(""));
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	fake.sets = 0;
	program("echo '{\"model\": \"toy 2\", \"dim\": 3}'\n" LOOP(""));
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 1);
	assert_says(r.err, "no collection on the filesystem of . is of the embedder 'toy 2'");
	assert_int_equal(run("search", "-c", "default", "--embedder", spec, "car", NULL), 1);
	assert_says(r.err, "of the embedder 'toy 1', not of 'toy 2'");
	assert_int_equal(run("index", "--embedder", spec, "--force", NULL), 1);
	assert_says(r.err, "of the embedder 'toy 1', not of 'toy 2'");
	assert_int_equal(run("index", "--embedder", "lexical", NULL), 1);
	assert_says(r.err, "another embedder, 'toy 1'");
	program("echo '{\"model\": \"toy 1\", \"dim\": 4}'\n" LOOP(""));
	assert_int_equal(run("index", "--embedder", spec, "--force", NULL), 1);
	assert_says(r.err, "makes vectors of 4 elements, collection 'default' has 3");
	assert_int_equal(fake.sets, 0);
	/* each in its own collection, found by its name */
	program("echo '{\"model\": \"toy 2\", \"dim\": 3, \"fingerprint\": \"ab01\"}'\n" LOOP(""));
	assert_int_equal(run("index", "--embedder", spec, "-c", "two", NULL), 0);
	assert_says(r.out, "made collection 'two'");
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 0);
	program("echo '{\"model\": \"toy 2\", \"dim\": 3, \"fingerprint\": \"ab02\"}'\n" LOOP(""));
	assert_int_equal(run("index", "--embedder", spec, "-c", "two", NULL), 1);
	assert_says(r.err, "another model");
}

/* A collection that names nobody is taken while it is empty. */
static void test_unnamed(void **state)
{
	program(HELLO LOOP(""));
	write_notes();
	write_text("v", "1 2 3");
	assert_int_equal(run("collection", "create", "%", "a", "--dim", "3", NULL), 0);
	fake_coll("a")->flags = 0;
	assert_int_equal(run("index", "--embedder", spec, "-c", "a", NULL), 1);	/* its counts are not told */
	fake_coll("a")->flags = VEXFS_COLL_COUNTS;
	assert_int_equal(run("index", "--embedder", spec, "-c", "a", NULL), 0);
	assert_string_equal(fake_coll("a")->embedder.name, "toy 1");
	assert_int_equal(run("collection", "create", "%", "b", "--dim", "3", NULL), 0);
	fake_coll("b")->flags = VEXFS_COLL_COUNTS;
	assert_int_equal(run("set", "-c", "b", "sea", "v", NULL), 0);
	assert_int_equal(run("index", "--embedder", spec, "-c", "b", NULL), 1);
	assert_says(r.err, "does not say what made its vectors");
}

static void test_batches(void **state)
{
	char text[40 * 1100], *p = text;
	int i;

	for (i = 0; i < 40; i++) {
		memset(p, 'a' + i % 26, 1000);
		memcpy(p + 1000, "\n\n", 2);
		p += 1002;
	}
	*p = '\0';
	program(HELLO LOOP(""));
	write_text("long", text);
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", "--embedder", spec, "--chunk-size", "1002", NULL), 0);
	assert_says(r.out, "(40 passages");
	assert_int_equal(count_lines("batches"), 2);	/* of 32 */
}

/* No shell reads its name; the environment is handed on; what is no UTF-8 becomes it. */
static void test_odd_name(void **state)
{
	char path[128], odd[160];

	setenv("VEXCTL_TEST_WORD", "Car", 1);
	program(HELLO LOOP("	[ \"$VEXCTL_TEST_WORD\" = Car ] || exit 7\n"));
	snprintf(path, sizeof(path), "%s/toy", dir);
	snprintf(odd, sizeof(odd), "exec:%s/a b;$(touch x)'\"", dir);
	assert_int_equal(rename(path, odd + 5), 0);
	write_notes();
	write_file("latin", "Gr\xfc\xdf" "e, Kaninchen\n", 17);
	assert_int_equal(run("index", "--embedder", odd, NULL), 0);
	assert_says(r.out, "indexed 4 files");
	assert_int_not_equal(access("x", F_OK), 0);
	unlink(odd + 5);
	unsetenv("VEXCTL_TEST_WORD");
}

static void test_in_path(void **state)
{
	char paths[256];

	program(HELLO LOOP(""));
	write_notes();
	assert_int_equal(run("index", "--embedder", "exec:toy", NULL), 1);
	assert_says(r.err, "exec:toy: no such program in PATH");
	snprintf(paths, sizeof(paths), "%s:/usr/bin:/bin", dir);
	setenv("PATH", paths, 1);
	assert_int_equal(run("index", "--embedder", "exec:toy", NULL), 0);
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

/* A server of the Model Context Protocol starts it once, and again after it has failed. */
#define CALL(id, text) \
	"{\"method\":\"tools/call\",\"params\":{\"name\":\"search\",\"arguments\":{\"query\":\"" text "\"}},\"jsonrpc\":" \
	"\"2.0\",\"id\":" id "}\n"

static void test_mcp(void **state)
{
	static char session[] =
		"{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}},"
		"\"jsonrpc\":\"2.0\",\"id\":0}\n{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}\n"
		CALL("1", "the car") CALL("2", "some bread") CALL("3", "die") CALL("4", "another car");
	FILE *was = stdin;
	char *line;
	int i;

	program(HELLO LOOP(""));
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	program("echo batch >>\"$0.starts\"\n" HELLO LOOP("	case $line in *die*) exit 9 ;; esac\n"));
	setenv("VEXCTL_EMBEDDER", spec, 1);
	stdin = fmemopen(session, strlen(session), "r");
	assert_non_null(stdin);
	assert_int_equal(run("mcp", "%", NULL), 0);
	fclose(stdin);
	stdin = was;
	for (i = 0, line = r.out; i < 2; i++)
		line = strchr(line, '\n') + 1;
	assert_says(line, "kitchen");
	assert_says(line, "ended with exit status 9");
	line = strstr(line, "exit status 9");
	assert_says(line, "/motor\"");
	assert_int_equal(count_lines("starts"), 2);
}

/* ---- it fails --------------------------------------------------------------------------------- */

static void fails(const char *script, const char *says)
{
	program(script);
	fake.sets = 0;
	assert_int_equal(run("index", "--timeout", "5", "--embedder", spec, NULL), 1);
	assert_says(r.err, spec);
	assert_says(r.err, says);
	assert_int_equal(fake.sets, 0);
}

static void test_wrong_hello(void **state)
{
	write_notes();
	fails("", "ended with exit status 0 after line 0");
	fails("exit 3\n", "ended with exit status 3 after line 0");
	fails("kill -9 $$\n", "ended by signal 9");
	fails("echo hello\n" HANGS "\n", "line 1 of its output: not a JSON object");
	fails("echo '[1]'\n" HANGS "\n", "line 1 of its output: not a JSON object");
	fails("printf '{}\\0\\n'\n" HANGS "\n", "line 1 of its output: not a JSON object");
	fails("echo '{\"model\": \"toy\"}'\n" HANGS "\n", "\"dim\" must be the dimension");
	fails("echo '{\"model\": \"toy\", \"dim\": 16385}'\n" HANGS "\n", "\"dim\" must be the dimension");
	fails("echo '{\"model\": \"toy\", \"dim\": 1.5}'\n" HANGS "\n", "\"dim\" must be the dimension");
	fails("echo '{\"dim\": 3}'\n" HANGS "\n", "the name of its model must be");
	fails("echo '{\"model\": \"\\u001b[31m\", \"dim\": 3}'\n" HANGS "\n", "the name of its model must be");
	fails("echo '{\"model\": \"lexical 2\", \"dim\": 3}'\n" HANGS "\n", "that of the built-in embedder");
	fails("echo '{\"model\": \"t\", \"dim\": 3, \"fingerprint\": \"x\"}'\n" HANGS "\n", "fingerprint must be");
	assert_true(ends(HANGS));
	assert_null(fake_coll("default"));
}

static void test_not_a_program(void **state)
{
	char path[128];

	write_notes();
	program("");
	snprintf(path, sizeof(path), "%s/toy", dir);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "cannot run it: Permission denied");
	assert_int_equal(run("index", "--embedder", "exec:/nonexistent/x", NULL), 1);
	assert_says(r.err, "exec:/nonexistent/x: cannot run it: No such file");
	assert_int_equal(run("index", "--embedder", "exec:", NULL), 1);
	assert_int_equal(run("index", "--embedder", "magic", NULL), 2);
	assert_int_equal(run("search", "--embedder", "magic", "car", NULL), 2);
}

static void test_wrong_answers(void **state)
{
	write_notes();
	fails(HELLO LOOP("exit 4\n"), "ended with exit status 4 after line 1");
	fails(HELLO "exec >&-\n" HANGS "\n", "closed its output after line 1");
	fails(HELLO LOOP("echo nonsense\n"), "line 2 of its output: not a JSON object");
	fails(HELLO LOOP("v=1,2\n"), "line 2 of its output: a vector of another dimension");
	fails(HELLO LOOP("v=1,2,3,4\n"), "line 2 of its output: a vector of another dimension");
	fails(HELLO LOOP("v=1,NaN,3\n"), "NaN or infinite");
	fails(HELLO LOOP("v=1,1e39,3\n"), "NaN or infinite");
	fails(HELLO LOOP("v=1,null,3\n"), "not a number");
	fails(HELLO LOOP("v='1,\"2\",3'\n"), "not a number");
	fails(HELLO LOOP("v=0,0,0\n"), "a vector of zeros");
	fails(HELLO LOOP("id=9\n"), "line 2 of its output: not the answer to the text whose turn it is");
	fails(HELLO LOOP("echo '{\"id\":1}'\n"), "no vector");
	fails(HELLO LOOP("echo '{\"id\":1,\"vector\":3}'\n"), "no vector");
	fails(HELLO LOOP("echo '{\"error\": \"out of \\u001b memory\"}'\n"), "says: out of \\x1b memory");
	fails(HELLO LOOP("head -c 1100000 /dev/zero | tr '\\0' 1; " HANGS "\n"), "longer than 1 MiB");
	assert_true(ends(HANGS));
}

/* More than was asked for, for the only text there is. */
static void test_too_much(void **state)
{
	write_text("one", "a car\n");
	assert_int_equal(chdir(fake.root), 0);
	fails(HELLO LOOP("printf '{\"id\":1,\"vector\":[1,2,3]}\\n{\"id\":2,\"vector\":[1,2,3]}\\n'\n"),
	      "line 3 of its output: more answers than texts");
}

static void test_hangs(void **state)
{
	write_notes();
	program(HELLO LOOP(HANGS " & " HANGS "\n"));
	assert_int_equal(run("index", "--timeout", "1", "--embedder", spec, NULL), 1);
	assert_says(r.err, "no answer for 1 seconds after line 1 of its output");
	assert_true(ends(HANGS));
	program(HANGS "\n");
	assert_int_equal(run("index", "--timeout", "1", "--embedder", spec, NULL), 1);
	assert_says(r.err, "no answer for 1 seconds after line 0 of its output");
	assert_true(ends(HANGS));
	assert_int_equal(fake.sets, 0);
}

/* One that writes without reading must not block vexctl, which writes too. */
static void test_does_not_read(void **state)
{
	char text[200000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	write_text("large", text);
	assert_int_equal(chdir(fake.root), 0);
	program(HELLO "while :; do echo; done\n");
	assert_int_equal(run("index", "--timeout", "2", "--chunk-size", "1M", "--embedder", spec, NULL), 1);
	assert_int_equal(fake.sets, 0);
	program(HELLO "exec <&-\n" HANGS "\n");
	assert_int_equal(run("index", "--timeout", "1", "--chunk-size", "1M", "--embedder", spec, NULL), 1);
	assert_says(r.err, "no answer for 1 seconds");
	assert_true(ends(HANGS));
}

static void test_interrupt(void **state)
{
	write_notes();
	program(HELLO LOOP("kill -INT $PPID; " HANGS "\n"));
	assert_int_equal(run("index", "--embedder", spec, NULL), 130);
	assert_says(r.err, "interrupted after 0 of 3 files");
	assert_true(ends(HANGS));
	assert_int_equal(fake.sets, 0);
	program("kill -INT $PPID; " HANGS "\n");
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 130);
	assert_true(ends(HANGS));
	program(HELLO LOOP(""));
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	program(HELLO LOOP("kill -INT $PPID; " HANGS "\n"));
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 130);
	assert_true(ends(HANGS));
}

/* It dies in the middle: every file is whole or untouched, and the next run does the others. */
static void test_resume(void **state)
{
	char name[32], text[64];
	int i, done = 0;

	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "note%d", i);
		snprintf(text, sizeof(text), "note number %d of many\n", i);
		write_text(name, text);
	}
	assert_int_equal(chdir(fake.root), 0);
	program(HELLO LOOP("	[ $n -le 40 ] || exit 9\n"));
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "ended with exit status 9 after line 41");
	assert_says(r.err, "the embedder failed; the same command continues from there");
	assert_true(fake.sets > 0 && fake.sets <= 40);
	done = (int)fake.sets;
	program(HELLO LOOP(""));
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	snprintf(text, sizeof(text), "indexed %d files in", 60 - done);
	assert_says(r.out, text);
}

static void test_whole_files(void **state)
{
	char text[12000];
	int i;

	for (i = 0; i < 10; i++)
		snprintf(text + i * 1100, sizeof(text) - (size_t)i * 1100, "%01098d\n\n", i);
	write_text("long", text);
	assert_int_equal(chdir(fake.root), 0);
	program(HELLO LOOP("	[ $n -le 8 ] || exit 9\n"));
	assert_int_equal(run("index", "--chunk-size", "1100", "--embedder", spec, NULL), 1);
	assert_int_equal(fake.sets, 0);
}

/* ---- what is put before texts ------------------------------------------------------------------------- */

#define NOTES_TEXTS	LOOP("	echo \"$line\" >>\"$0.texts\"\n")
#define BOTH		"--query-prefix", "q: ", "--passage-prefix", "p: "

/* The program has been given a text. */
static bool was_asked(const char *text)
{
	char path[128], all[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/toy.texts", dir);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(all, 1, sizeof(all) - 1, f);
	all[n] = '\0';
	fclose(f);
	unlink(path);
	return strstr(all, text);
}

static void test_prefixes(void **state)
{
	char identity[64];

	program(HELLO NOTES_TEXTS);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, BOTH, NULL), 0);
	assert_says(r.out, "made collection 'default': 3 dimensions, toy 1 prefixes:");
	assert_true(was_asked("\"kind\":\"document\",\"text\":\"p: An automobile"));
	strcpy(identity, fake_coll("default")->embedder.name);
	assert_int_equal(strlen(identity), strlen("toy 1 prefixes:") + 16);
	/* the collection keeps them */
	assert_int_equal(run("search", "--embedder", spec, "the car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_true(was_asked("\"kind\":\"query\",\"text\":\"q: the car\""));
	write_text("new", "More about a car\n");
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "indexed 1 file in");
	assert_true(was_asked("\"text\":\"p: More about"));
	assert_int_equal(run("index", "--embedder", spec, BOTH, NULL), 0);
	assert_says(r.out, "4 up to date");
	assert_int_equal(run("search", "--embedder", spec, BOTH, "the car", NULL), 0);
	assert_string_equal(identity, fake_coll("default")->embedder.name);
}

static void test_other_prefixes(void **state)
{
	program(HELLO NOTES_TEXTS);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, "--query-prefix", "q: ", NULL), 0);
	fake.sets = 0;
	assert_int_equal(run("index", "-c", "default", "--force", "--embedder", spec, BOTH, NULL), 1);
	assert_says(r.err, "is of the embedder 'toy 1 prefixes:");
	assert_int_equal(run("index", "-c", "default", "--force", "--embedder", spec, "--query-prefix", "", NULL), 1);
	assert_says(r.err, "not of 'toy 1'");
	assert_int_equal(run("search", "--embedder", spec, BOTH, "car", NULL), 1);
	assert_says(r.err, "no collection on the filesystem of . is of the embedder 'toy 1 prefixes:");
	assert_int_equal(fake.sets, 0);
	/* without, in a collection of its own; then one has to be named */
	assert_int_equal(run("index", "-c", "plain", "--embedder", spec, "--passage-prefix", "", NULL), 0);
	assert_string_equal(fake_coll("plain")->embedder.name, "toy 1");
	assert_int_equal(run("index", "-c", "plain", "--force", "--embedder", spec, BOTH, NULL), 1);
	assert_says(r.err, "of the embedder 'toy 1', not of 'toy 1 prefixes:");
	assert_true(was_asked("\"text\":\"An automobile"));
	assert_int_equal(run("search", "-c", "plain", "--embedder", spec, "car", NULL), 0);
	assert_true(was_asked("\"text\":\"car"));
}

/* The note may be gone, or changed by who must not choose what others ask. */
static void test_prefix_note(void **state)
{
	char path[PATH_MAX + 32];

	program(HELLO NOTES_TEXTS);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, BOTH, NULL), 0);
	snprintf(path, sizeof(path), "%s/.vexctl/default.prefixes", fake.root);
	assert_int_equal(access(path, R_OK), 0);
	write_text(".vexctl/default.prefixes", "{\"query\":\"forged: \",\"passage\":\"p: \"}");
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 1);
	assert_says(r.err, "does not say which: say it with --query-prefix and --passage-prefix");
	assert_false(was_asked("forged"));
	write_text(".vexctl/default.prefixes", "{\"query\":7}");
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 1);
	unlink(path);
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 1);
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_int_equal(run("search", "--embedder", spec, BOTH, "car", NULL), 0);
	assert_int_not_equal(access(path, R_OK), 0);
	assert_int_equal(run("index", "--embedder", spec, BOTH, NULL), 0);	/* notes them again */
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 0);
	assert_int_equal(run("collection", "drop", "--yes", "%", "default", NULL), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_bad_prefixes(void **state)
{
	char many[1200];

	program("echo '{\"model\": \"a name of sixty characters, which is all there is room for 12\", \"dim\": 3}'\n"
		LOOP(""));
	write_notes();
	memset(many, 'x', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(run("index", "--embedder", spec, "--query-prefix", many, NULL), 2);
	assert_says(r.err, "--query-prefix is longer than 1,024 bytes");
	assert_int_equal(run("index", "--embedder", spec, "--passage-prefix", "\xff", NULL), 2);
	assert_says(r.err, "--passage-prefix is not valid UTF-8");
	many[1024] = '\0';
	assert_int_equal(run("index", "--embedder", spec, "--query-prefix", many, NULL), 0);
	assert_int_equal(strlen(fake_coll("default")->embedder.name), 63);
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 0);
	assert_int_equal(run("index", "-c", "words", "--passage-prefix", "p: ", NULL), 2);
	assert_says(r.err, "are for trained models");
	assert_int_equal(run("search", "--embedder", "lexical", "--query-prefix", "q: ", "car", NULL), 2);
	assert_int_equal(run("index", "--jobs", "2", "--embedder", spec, NULL), 2);
	assert_says(r.err, "--jobs is about servers, not exec:/");
	assert_int_equal(run("search", "--vector", "x", "--query-prefix", "q: ", NULL), 2);
}

/* ---- vectors of earlier runs ----------------------------------------------------------------------- */

#define REFUSES	HELLO LOOP("exit 9\n")

/* The file with vectors: its path; there is one. */
static const char *cache_file(void)
{
	static char path[PATH_MAX];
	char dir_name[PATH_MAX - 300];
	struct dirent *e;
	DIR *d;

	snprintf(dir_name, sizeof(dir_name), "%s/vexctl", getenv("XDG_CACHE_HOME"));
	d = opendir(dir_name);
	assert_non_null(d);
	do {
		e = readdir(d);
		assert_non_null(e);
	} while (e->d_name[0] == '.');
	snprintf(path, sizeof(path), "%s/%s", dir_name, e->d_name);
	closedir(d);
	return path;
}

/* Does another index of the same texts need the program? */
static bool asks(const char *script, const char *collection, const char *option)
{
	program(script);
	run("collection", "drop", "--yes", "%", collection, NULL);
	return run("index", "--embedder", spec, "-c", collection, option, NULL) == 1;
}

static void test_kept(void **state)
{
	write_notes();
	assert_false(asks(HELLO LOOP(""), "a", NULL));
	assert_false(asks(REFUSES, "b", NULL));
	assert_says(r.out, "3 copied from equal text");
	assert_int_equal(run("search", "-c", "b", "--embedder", spec, "x", NULL), 1);	/* queries are not kept */
	program(HELLO LOOP(""));
	assert_int_equal(run("search", "-c", "b", "--embedder", spec, "the car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_true(asks(REFUSES, "b", "--force"));
	assert_true(asks("echo '{\"model\": \"toy 2\", \"dim\": 3}'\n" LOOP("exit 9\n"), "b", NULL));
	assert_true(asks("echo '{\"model\": \"toy 1\", \"dim\": 3, \"fingerprint\": \"01\"}'\n" LOOP("exit 9\n"), "b", NULL));
	write_text("sea", "Whales sing to each other, and to nobody else\n");
	assert_true(asks(REFUSES, "b", NULL));
	assert_false(asks(HELLO LOOP("[ $n = 1 ] || exit 9\n"), "b", NULL));
}

static void damage(const char *path)
{
	FILE *f = fopen(path, "r+");
	long at;
	int c;

	assert_non_null(f);
	for (at = 0; (c = getc(f)) != EOF; at++) {
		if (!c)
			continue;
		fseek(f, at, SEEK_SET);
		putc(c ^ 1, f);
		fseek(f, at + 1, SEEK_SET);
	}
	fclose(f);
}

/* What is wrong with the file costs nothing but asking. */
static void test_kept_badly(void **state)
{
	write_text("one", "a car\n");
	assert_int_equal(chdir(fake.root), 0);
	assert_false(asks(HELLO LOOP(""), "a", NULL));
	assert_false(asks(REFUSES, "b", NULL));
	assert_int_equal(chmod(cache_file(), 0666), 0);
	assert_true(asks(REFUSES, "b", NULL));
	assert_int_equal(chmod(cache_file(), 0600), 0);
	assert_false(asks(REFUSES, "b", NULL));
	damage(cache_file());
	assert_true(asks(REFUSES, "b", NULL));
	assert_false(asks(HELLO LOOP(""), "b", NULL));
	assert_false(asks(REFUSES, "b", NULL));
	assert_int_equal(truncate(cache_file(), 10), 0);
	assert_true(asks(REFUSES, "b", NULL));
	setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
	assert_false(asks(HELLO LOOP(""), "b", NULL));
	assert_true(asks(REFUSES, "b", NULL));
	fresh_cache();
}

static int mount_here(void **state)
{
	fresh_cache();
	return mount_fake(state);
}

static int umount_here(void **state)
{
	assert_int_equal(chdir("/"), 0);
	unsetenv("VEXCTL_EMBEDDER");
	return umount_fake(state);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, mount_here, umount_here)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(test_index_and_search), HERE(test_environment), HERE(test_another_is_refused),
		HERE(test_unnamed), HERE(test_batches), HERE(test_odd_name), HERE(test_in_path), HERE(test_mcp),
		HERE(test_wrong_hello), HERE(test_not_a_program), HERE(test_wrong_answers), HERE(test_too_much),
		HERE(test_hangs), HERE(test_does_not_read), HERE(test_interrupt), HERE(test_resume),
		HERE(test_whole_files), HERE(test_kept), HERE(test_kept_badly),
		HERE(test_prefixes), HERE(test_other_prefixes), HERE(test_prefix_note), HERE(test_bad_prefixes),
	};
	char command[256];
	int ret;

	snprintf(dir, sizeof(dir), "/tmp/vexfs-test-embedder-%ld", (long)getpid());
	assert_int_equal(mkdir(dir, 0755), 0);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf '%s' '%s'", dir, getenv("XDG_CACHE_HOME"));
	return system(command) ? 1 : ret;
}
