// SPDX-License-Identifier: GPL-2.0
/* vexctl with the embedder `static`: trained once, found again, refused when it is another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "tests/unit/toywordnet.h"
#include "tests/unit/vexctl_run.h"

static char wordnet[64];

static void write_notes(void)
{
	write_text("motor", "The automobile in the garage has a dead battery\n");
	write_text("lake", "Two geese on the lake\n");
	write_text("hall", "A letter from the town hall\n");
	write_text("kitchen", "Bread and butter for breakfast\n");
	assert_int_equal(chdir(fake.root), 0);
}

static size_t model_size(void)
{
	char path[PATH_MAX + 64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/.vexctl/default.static", fake.root);
	return stat(path, &st) ? 0 : (size_t)st.st_size;
}

static void test_index_and_search(void **state)
{
	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	assert_says(r.out, "made collection 'default': 960 dimensions, static");
	assert_true(model_size() > 0);
	assert_int_equal(run("search", "car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_int_equal(run("search", "goose", NULL), 0);
	assert_true(!strncmp(r.out, "lake:1: ", 8));
	assert_int_equal(run("search", "--embedder", "static", "butter", NULL), 0);
	assert_true(!strncmp(r.out, "kitchen:1: ", 11));
	assert_int_equal(run("search", "zebra", NULL), 3);
	assert_int_equal(run("search", "--json", "-k1", "car", NULL), 0);
	assert_says(r.out, "\"embedder\": \"static 1\"");
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "static, words weighed by 4 files");
	/* later commands know without being told */
	write_text("new", "One more van\n");
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 1 file in");
	assert_int_equal(run("search", "van", NULL), 0);
	assert_says(r.out, "new:1: ");
}

static void test_without_wordnet(void **state)
{
	vex_static_wordnet(NULL);
	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	assert_int_equal(run("search", "car", NULL), 3);
	assert_int_equal(run("search", "automobile", NULL), 0);
	vex_static_wordnet(wordnet);
}

/* Two collections: each has its embedder and its model. */
static void test_beside_lexical(void **state)
{
	write_notes();
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("index", "--embedder", "static", NULL), 1);
	assert_says(r.err, "of the embedder 'lexical 2', not of 'static 1'");
	assert_int_equal(run("index", "--embedder", "static", "-c", "meaning", NULL), 0);
	assert_int_equal(run("index", "--embedder", "lexical", "-c", "meaning", NULL), 1);
	assert_says(r.err, "another embedder, 'static 1'");
	assert_int_equal(run("search", "car", NULL), 3);
	assert_int_equal(run("search", "-c", "meaning", "car", NULL), 0);
	assert_int_equal(run("search", "--embedder", "static", "car", NULL), 0);
	assert_int_equal(run("collection", "drop", "--yes", "%", "meaning", NULL), 0);
	assert_int_equal(run("search", "--embedder", "static", "car", NULL), 1);
	assert_int_equal(run("embed", "--embedder", "static", "-c", "default", ".", NULL), 2);
}

static void copy_model(const char *from, const char *to)
{
	char command[3 * PATH_MAX];

	snprintf(command, sizeof(command), "cp %s/.vexctl/%s %s/.vexctl/%s", fake.root, from, fake.root, to);
	assert_int_equal(system(command), 0);
}

static void test_another_model(void **state)
{
	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	assert_int_equal(run("index", "--refit", NULL), 2);
	assert_says(r.err, "'vexctl migrate --refit --collection default .'");
	write_text("other", "Something else about a van\n");
	assert_int_equal(run("index", "--embedder", "static", "-c", "two", NULL), 0);
	copy_model("two.static", "default.static");
	fake.sets = 0;
	assert_int_equal(run("search", "-c", "default", "car", NULL), 1);
	assert_says(r.err, "is not the one that made its vectors");
	assert_int_equal(run("index", "-c", "default", NULL), 1);
	assert_says(r.err, "is not the one that made its vectors");
	assert_int_equal(fake.sets, 0);
}

static void test_damaged_model(void **state)
{
	char path[PATH_MAX + 64];
	size_t size;

	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	snprintf(path, sizeof(path), "%s/.vexctl/default.static", fake.root);
	for (size = model_size(); size > 100; size /= 2) {
		assert_int_equal(truncate(path, (off_t)size - 1), 0);
		assert_int_equal(run("search", "car", NULL), 1);
		assert_says(r.err, "is damaged");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(run("search", "-c", "default", "car", NULL), 1);
	assert_says(r.err, "is gone");
	assert_says(r.err, "vexctl collection drop");
	assert_int_equal(run("index", "-c", "default", NULL), 1);
	/* and what the message says helps */
	assert_int_equal(run("collection", "drop", "--yes", "%", "default", NULL), 0);
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	assert_int_equal(run("search", "car", NULL), 0);
}

static void check_static(void)
{
	assert_int_equal(only_collection()->dim, 960);
	assert_string_equal(only_collection()->name, "default");
	assert_int_equal(run("search", "car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "embedder    static, words weighed by");
	assert_null(strstr(r.out, "migration"));
}

static void test_migrate_to_static(void **state)
{
	write_notes();
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("search", "car", NULL), 3);
	assert_int_equal(run("migrate", "--embedder", "static", "--dim", "100", NULL), 2);
	assert_says(r.err, "makes vectors of 960 elements");
	assert_int_equal(run("migrate", "--embedder", "static", NULL), 0);
	assert_says(r.out, "from lexical 2, 768 dimensions, to static 1, 960 dimensions");
	check_static();
	assert_int_equal(run("migrate", "--embedder", "static", NULL), 0);
	assert_says(r.out, "is of 'static 1', 960 dimensions, already");
	check_static();
	assert_int_equal(run("migrate", "--embedder", "lexical", NULL), 0);
	assert_int_equal(only_collection()->dim, 768);
	assert_int_equal(run("search", "car", NULL), 3);
	assert_int_equal(run("search", "automobile", NULL), 0);
}

static void interrupt(void)
{
	raise(SIGINT);
}

/* A new model of the same embedder, at once and in two runs. */
static void test_refit(void **state)
{
	uint8_t print[32], second[32];

	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	memcpy(print, only_collection()->embedder.fingerprint, sizeof(print));
	write_text("other", "Something else about a van\n");
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("migrate", "--refit", NULL), 0);
	check_static();
	assert_says(r.out, "words weighed by 5 files");
	memcpy(second, only_collection()->embedder.fingerprint, sizeof(second));
	assert_memory_not_equal(print, second, sizeof(print));
	write_text("third", "And another one about zebras\n");
	assert_int_equal(run("index", NULL), 0);
	fake.on_set = interrupt;
	assert_int_equal(run("migrate", "--embedder", "static", "--refit", NULL), 130);
	fake.on_set = NULL;
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "words weighed by 5 files");
	assert_says(r.out, "continue: vexctl migrate --collection default --refit --embedder static .\n");
	assert_int_equal(run("search", "car", NULL), 0);
	assert_int_equal(run("migrate", "--embedder", "static", NULL), 1);
	assert_says(r.err, "was with --refit");
	assert_int_equal(run("migrate", "--embedder", "lexical", NULL), 1);
	assert_says(r.err, "was for another embedder");
	assert_int_equal(run("migrate", "--refit", NULL), 0);
	assert_says(r.out, "continued");
	check_static();
	assert_says(r.out, "words weighed by 6 files");
	assert_memory_not_equal(second, only_collection()->embedder.fingerprint, sizeof(second));
}

/* Interrupted when the model was stored, and nothing set: the next run has another one, of the files of then. */
static void test_refit_begins_anew(void **state)
{
	write_notes();
	assert_int_equal(run("index", "--embedder", "static", NULL), 0);
	fake.fail = ENOSPC;
	assert_int_equal(run("migrate", "--refit", NULL), 1);
	fake.fail = 0;
	write_text("other", "Something else about a van\n");
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("migrate", "--refit", NULL), 0);
	check_static();
	assert_says(r.out, "words weighed by 5 files");
}

static void test_refit_lexical(void **state)
{
	write_notes();
	assert_int_equal(run("collection", "create", "%", "default", "--dim", "256", "--type", "f16", "--embedder",
			     "lexical 2", NULL), 0);
	assert_int_equal(run("index", NULL), 0);
	write_text("other", "Something else about a van\n");
	assert_int_equal(run("index", NULL), 0);
	assert_int_equal(run("migrate", "--refit", "--embedder", "exec:x", NULL), 2);
	assert_says(r.err, "--refit is for lexical and static");
	assert_int_equal(run("migrate", "--refit", NULL), 0);
	assert_int_equal(only_collection()->dim, 256);
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "words weighed by 5 files");
	assert_int_equal(run("search", "van", NULL), 0);
	assert_int_equal(run("collection", "create", "%", "outer", "--dim", "3", "--embedder", "bge", NULL), 0);
	assert_int_equal(run("migrate", "--refit", "-c", "outer", NULL), 2);
	assert_says(r.err, "is of 'bge', whose model is not made of the files");
}

static int leave(void **state)
{
	return chdir("/") || umount_fake(state);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, mount_fake, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(test_index_and_search),
		HERE(test_without_wordnet),
		HERE(test_beside_lexical),
		HERE(test_another_model),
		HERE(test_damaged_model),
		HERE(test_migrate_to_static),
		HERE(test_refit),
		HERE(test_refit_begins_anew),
		HERE(test_refit_lexical),
	};
	int ret;

	make_wordnet(wordnet);
	vex_static_wordnet(wordnet);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	remove_wordnet(wordnet);
	return ret;
}
