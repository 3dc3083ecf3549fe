// SPDX-License-Identifier: GPL-2.0
/* PDF through a converter: one that works, and those that hang, fail, never end or are not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/procs.h"
#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/convert.h"

#define HANGS	"sleep 987654"	/* a command line that no other process has */

static char bin[64];

/* The only program in PATH that is called pdftotext; NULL: there is none. Nobody must be able to run it. */
static void converter(const char *script)
{
	char path[128], paths[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/pdftotext", bin);
	unlink(path);
	snprintf(paths, sizeof(paths), "%s", bin);
	setenv("PATH", paths, 1);
	if (!script)
		return;
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static void write_pdf(const char *name)
{
	write_text(name, "%PDF-1.4\nnot one that a real program could read, \1\2\3\n");
	touch(name, 1000);
}

static void test_pages(void **state)
{
	converter("echo 'Chapter one is about turnips'; printf '\\fChapter two is about lighthouses\\n\\f'");
	write_pdf("book.pdf");
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 1 file in");
	assert_int_equal(run("search", "lighthouses", NULL), 0);
	assert_says(r.out, "book.pdf:2: (page 2) ");
	assert_says(r.out, "about lighthouses");
	assert_int_equal(run("search", "--json", "lighthouses", NULL), 0);
	assert_says(r.out, "\"page\": 2");
	assert_int_equal(run("status", NULL), 0);
	/* what was indexed is still there to be seen as changed, and is read anew */
	converter("echo 'Chapter three is about volcanoes'");
	touch("book.pdf", 2000);
	assert_int_equal(run("stale", NULL), 4);
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("search", "volcanoes", NULL), 0);
	assert_says(r.out, "book.pdf:1: ");
}

static void refused(const char *script, const char *says)
{
	converter(script);
	write_pdf("book.pdf");
	assert_int_equal(chdir(fake.root), 0);
	write_text("note", "something else\n");
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, says);
	assert_int_equal(run("get", "-c", "default", "book.pdf", NULL), 3);
}

static void test_missing(void **state)
{
	refused(NULL, "./book.pdf: PDF, and pdftotext is not installed");
}

static void test_fails(void **state)
{
	refused("exit 3", "./book.pdf: no text could be got out of it");
}

static void test_no_words(void **state)
{
	refused("printf '\\f\\f'", "./book.pdf: without words");
}

/* It, and what it started, is gone afterwards. */
static void test_hangs(void **state)
{
	convert_seconds = 0.3;
	refused(HANGS " & " HANGS, "./book.pdf: getting the text out of it took too long");
	assert_true(ends(HANGS));
	refused("exec >/dev/null; " HANGS, "./book.pdf: ");	/* no text, or too late for it */
	assert_true(ends(HANGS));
	convert_seconds = CONVERT_SECONDS;
}

static void test_endless(void **state)
{
	converter("while :; do echo 'words without an end'; done");
	write_pdf("book.pdf");
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", "--chunk-size", "1M", NULL), 0);
	assert_says(r.out, "1 file is longer than 1 MiB");
}

/* Little of its caller reaches it: no environment, no open files but three, no rights of root, no file to write. */
static void test_confined(void **state)
{
	converter("PATH=/usr/bin:/bin\n"
		  "for f in /proc/$$/fd/*; do n=$((n+1)); done\n"
		  "(echo x >$0.written) && w=yes\n"
		  "echo \"files $n secret $VEXCTL_TEST_SECRET user $(id -u) written $w limit $(ulimit -t)\"");
	setenv("VEXCTL_TEST_SECRET", "swordfish", 1);
	write_pdf("book.pdf");
	assert_int_equal(run("search", "--like", "%/book.pdf", "%", NULL), 1);	/* nothing is indexed; it runs */
	assert_int_equal(run("index", "%", NULL), 0);
	assert_int_equal(run("search", "%", "secret user written limit", NULL), 0);
	assert_null(strstr(r.out, "swordfish"));
	assert_says(r.out, getuid() ? "user " : "user 65534 ");
	assert_says(r.out, "limit 20");
	assert_null(strstr(r.out, "yes"));
}

/* One that Debian's poppler reads, written by hand: two pages. */
static void test_real(void **state)
{
	static const char pdf[] =
		"%PDF-1.4\n"
		"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
		"2 0 obj<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>endobj\n"
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 5 0 R/Resources 7 0 R>>endobj\n"
		"4 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 6 0 R/Resources 7 0 R>>endobj\n"
		"5 0 obj<</Length 48>>stream\nBT /F 12 Tf 20 200 Td (Turnips grow here) Tj ET \nendstream endobj\n"
		"6 0 obj<</Length 48>>stream\nBT /F 12 Tf 20 200 Td (Penguins swim far) Tj ET \nendstream endobj\n"
		"7 0 obj<</Font<</F 8 0 R>>>>endobj\n"
		"8 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
		"trailer<</Root 1 0 R>>\n%%EOF\n";

	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	if (access("/usr/bin/pdftotext", X_OK))
		skip();
	write_text("real.pdf", pdf);
	assert_int_equal(chmod(fake.root, 0700), 0);
	assert_int_equal(run("index", "%", NULL), 0);
	assert_int_equal(run("search", "%", "penguins swim", NULL), 0);
	assert_says(r.out, "(page 2) ");
	assert_says(r.out, "Penguins swim far");
}

static int umount_with_path(void **state)
{
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	convert_seconds = CONVERT_SECONDS;
	assert_int_equal(chdir("/"), 0);
	return umount_fake(state);
}

#define CONVERTING(test) cmocka_unit_test_setup_teardown(test, mount_fake, umount_with_path)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONVERTING(test_pages), CONVERTING(test_missing), CONVERTING(test_fails), CONVERTING(test_no_words),
		CONVERTING(test_hangs), CONVERTING(test_endless), CONVERTING(test_confined), CONVERTING(test_real),
	};
	char path[128];
	int ret;

	snprintf(bin, sizeof(bin), "/tmp/vexfs-test-convert-%ld", (long)getpid());
	assert_int_equal(mkdir(bin, 0755), 0);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(path, sizeof(path), "%s/pdftotext", bin);
	unlink(path);
	strcat(path, ".written");
	unlink(path);
	rmdir(bin);
	return ret;
}
