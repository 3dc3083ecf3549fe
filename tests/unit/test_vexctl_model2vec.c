// SPDX-License-Identifier: GPL-2.0
/* vexctl with a model of static embeddings in files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "tests/unit/m2vmodel.h"
#include "tests/unit/vexctl_run.h"

static char dir[64], spec[100];

static void write_notes(void)
{
	write_text("motor", "The automobile\n");
	write_text("kitchen", "bread, and more of it\n");
	write_text("other", "nothing it knows\n");
	next_tick();
	assert_int_equal(chdir(fake.root), 0);
}

static void test_index_and_search(void **state)
{
	m2v_model(dir, 1);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "made collection 'default': 3 dimensions, model2vec 1");
	assert_says(r.out, "indexed 2 files in");
	assert_says(r.out, "./other: without words");
	assert_int_equal(run("search", "--embedder", spec, "a car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_int_equal(run("search", "--embedder", spec, "cars", "--json", "-k1", NULL), 0);
	assert_says(r.out, "\"embedder\": \"model2vec 1\"");
	assert_int_equal(run("search", "--embedder", spec, "whales", NULL), 1);
	assert_says(r.err, "model2vec 1 knows none of the words of the query");
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "indexed 0 files");
	assert_int_equal(run("search", "car", NULL), 1);
	assert_says(r.err, "of the embedder 'model2vec 1', last used as model2vec:/");
	setenv("VEXCTL_EMBEDDER", spec, 1);
	assert_int_equal(run("search", "car", NULL), 0);
	assert_int_equal(run("index", "--force", NULL), 0);
	assert_says(r.out, "indexed 2 files in");
}

/* Words of the passage count beside vectors, by which both are as near: "auto" has the direction of "car". */
static void test_words_count(void **state)
{
	m2v_model(dir, 1);
	write_text("a", "auto\n");
	write_text("b", "car of my aunt\n");
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_int_equal(run("search", "--embedder", spec, "aunt car", NULL), 0);
	assert_true(!strncmp(r.out, "b:1: ", 5));
	assert_int_equal(run("search", "--embedder", spec, "auto", NULL), 0);
	assert_true(!strncmp(r.out, "a:1: ", 5));
}

/* Nothing of it is kept in the user's cache. */
static void test_not_kept(void **state)
{
	char path[PATH_MAX];

	m2v_model(dir, 1);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	snprintf(path, sizeof(path), "%s/vexctl", getenv("XDG_CACHE_HOME"));
	assert_int_not_equal(access(path, F_OK), 0);
}

static void test_another_is_refused(void **state)
{
	m2v_model(dir, 1);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	fake.sets = 0;
	m2v_model(dir, 2);	/* the same directory, other vectors */
	assert_int_equal(run("index", "-c", "default", "--force", "--embedder", spec, NULL), 1);
	assert_says(r.err, "of the embedder 'model2vec 1', but of another model (its fingerprint is another)");
	assert_int_equal(run("search", "-c", "default", "--embedder", spec, "car", NULL), 1);
	assert_says(r.err, "but of another model");
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 1);
	assert_says(r.err, "no collection on the filesystem of . is of the embedder 'model2vec 1'");
	assert_int_equal(fake.sets, 0);
	m2v_model(dir, 1);
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 0);
}

static void index_fails(const char *how, const char *says)
{
	assert_int_equal(run("index", "--embedder", how, NULL), 1);
	assert_says(r.err, says);
	assert_null(fake_coll("default"));
}

static void test_not_a_model(void **state)
{
	char path[200];

	write_notes();
	index_fails("model2vec:", "model2vec:: No such file or directory");
	index_fails("model2vec:/nonexistent", "model2vec:/nonexistent: No such file");
	index_fails(spec, "neither tokenizer.json nor vocab.txt is there");
	m2v_write(dir, "vocab.txt", "[UNK]\ncar\n", 10);
	index_fails(spec, "model.safetensors: No such file");
	m2v_write(dir, "model.safetensors", "not a model", 11);
	index_fails(spec, "model.safetensors: the length of its header is impossible");
	m2v_write(dir, "tokenizer.json", "{", 1);
	index_fails(spec, "tokenizer.json: tokenizer.json is not a whole JSON object");
	snprintf(path, sizeof(path), "%s/tokenizer.json", dir);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);	/* nobody writes it: it is not waited for */
	index_fails(spec, "tokenizer.json: empty, or not a regular file");
	assert_int_equal(run("index", "--embedder", "model3vec:x", NULL), 2);
	assert_says(r.err, "model2vec:DIR");
}

static void test_broken_vectors(void **state)
{
	m2v_model(dir, NAN);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "elements that are NaN or infinite");
	assert_says(r.err, "the embedder failed; the same command continues");
	assert_int_equal(fake.sets, 0);
}

static int mount_here(void **state)
{
	fresh_cache();
	strcpy(dir, "/tmp/vexfs-m2v-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(spec, sizeof(spec), "model2vec:%s", dir);
	return mount_fake(state);
}

static int umount_here(void **state)
{
	char command[100];

	unsetenv("VEXCTL_EMBEDDER");
	assert_int_equal(chdir("/"), 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) || umount_fake(state);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, mount_here, umount_here)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(test_index_and_search), HERE(test_words_count), HERE(test_not_kept), HERE(test_another_is_refused),
		HERE(test_not_a_model), HERE(test_broken_vectors),
	};
	int ret = cmocka_run_group_tests(tests, NULL, NULL);

	fresh_cache();
	return ret;
}
