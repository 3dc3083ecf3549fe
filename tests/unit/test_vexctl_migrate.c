// SPDX-License-Identifier: GPL-2.0
/* vexctl migrate: another embedder for a collection in use, interrupted and failing at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <signal.h>

#include "tests/unit/vexctl_run.h"

#define FILES	6

/* A collection of few dimensions, with files of one passage and of several. */
static void write_notes(void)
{
	char log[8000] = "", *p = log;
	int i;

	write_text("tyre", "How to fix a flat tyre\n");
	write_text("bread", "Knead the dough and bake the bread\n");
	write_text("sea", "Whales sing to each other\n");
	write_text("mail", "Mail transfer agent\n");
	write_text("chess", "The queen takes the bishop\n");
	for (i = 0; i < 150; i++)
		p += sprintf(p, "line %d of a log about trains\n", i);
	write_text("log", log);
	assert_int_equal(chdir(fake.root), 0);
	assert_int_equal(run("collection", "create", "%", "default", "--dim", "128", "--type", "f16", "--embedder",
			     "lexical 2", "--mode", "0640", NULL), 0);
	assert_int_equal(run("index", NULL), 0);
}

static struct vexfs_ioc_collection *shadow(void)
{
	int i;

	for (i = 0; i < FAKE_COLLECTIONS; i++)
		if (fake.coll[i].dim && collection_is_shadow(fake.coll[i].name))
			return &fake.coll[i];
	return NULL;
}

static unsigned int embeddings(uint32_t coll)
{
	unsigned int n = 0;
	int i;

	for (i = 0; i < FAKE_VECTORS; i++)
		n += fake.vec[i].used && fake.vec[i].coll == coll;
	return n;
}

/* Files in .vexctl: a migration leaves none of the old collection's. */
static int models(void)
{
	char path[PATH_MAX + 16];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/.vexctl", fake.root);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void finds_tyre(void)
{
	assert_int_equal(run("search", "flat tyre", NULL), 0);
	assert_says(r.out, "tyre:1: How to fix");
}

static int migrate(void)
{
	return run("migrate", "--embedder", "lexical", "--dim", "256", "%", NULL);
}

static void check_migrated(void)
{
	const struct vexfs_ioc_collection *c = only_collection();

	assert_string_equal(c->name, "default");
	assert_int_equal(c->dim, 256);
	assert_int_equal(c->mode, 0640);
	assert_true(embeddings(c->id) > FILES);
	assert_int_equal(models(), 1);
	finds_tyre();
	assert_int_equal(run("status", NULL), 0);
	assert_null(strstr(r.out, "migration"));
	assert_int_equal(run("status", "--json", NULL), 0);
	assert_says(r.out, "\"migration\": null");
}

/* ---- it works ---------------------------------------------------------------------------- */

static void test_migrate(void **state)
{
	write_notes();
	assert_int_equal(migrate(), 0);
	assert_says(r.out, "from lexical 2, 128 dimensions, to lexical 2, 256 dimensions");
	assert_says(r.out, "migrated collection 'default'");
	assert_says(r.out, "6 files (6 embedded by this run");
	check_migrated();
	/* and what comes after it is as ever */
	write_text("harp", "A harp has strings\n");
	assert_int_equal(run("index", NULL), 0);
	assert_says(r.out, "indexed 1 file");
	assert_int_equal(run("index", "--refit", NULL), 0);
	assert_int_equal(models(), 1);
	assert_int_equal(migrate(), 0);
	assert_says(r.out, "is of 'lexical 2', 256 dimensions, already");
	check_migrated();
	/* the default number of dimensions, and JSON */
	assert_int_equal(run("migrate", "--embedder", "lexical", "--json", "%", NULL), 0);
	assert_says(r.out, "\"dim\": 768");
	assert_says(r.out, "\"old_dim\": 256");
	assert_says(r.out, "\"lost\": 0");
	finds_tyre();
	/* dropped with what was pinned */
	assert_int_equal(run("collection", "drop", "%", "default", "--yes", NULL), 0);
	assert_int_equal(models(), 0);
}

/* A collection that is called as another one's number: their models are two. */
static void test_number_as_name(void **state)
{
	write_notes();
	assert_int_equal(migrate(), 0);
	assert_int_equal(run("collection", "create", "%", "1", "--dim", "64", NULL), 0);
	assert_int_equal(run("index", "-c", "1", NULL), 0);
	assert_int_equal(models(), 2);
	assert_int_equal(run("collection", "drop", "%", "1", "--yes", NULL), 0);
	check_migrated();
}

static void test_keep_old(void **state)
{
	write_notes();
	assert_int_equal(run("migrate", "--embedder", "lexical", "--keep-old", "default", "%", NULL), 1);
	assert_says(r.err, "a collection of that name exists");
	assert_int_equal(run("migrate", "--embedder", "lexical", "--keep-old", "a.b", "%", NULL), 2);
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "256", "--keep-old", "old", "%", NULL), 0);
	assert_says(r.out, "the old one is kept as 'old'");
	assert_null(shadow());
	assert_int_equal(models(), 2);
	finds_tyre();
	assert_int_equal(run("search", "-c", "old", "flat tyre", NULL), 0);
	assert_says(r.out, "tyre:1: How to fix");
	assert_int_equal(run("collection", "list", "--json", "%", NULL), 0);
	assert_says(r.out, "\"dim\": 128");
	assert_int_equal(run("collection", "drop", "%", "old", "--yes", NULL), 0);
	check_migrated();
}

static int migrate_keeping(const char *name)
{
	return run("migrate", "--embedder", "lexical", "--dim", "256", "--keep-old", name, "%", NULL);
}

static void check_kept(const char *name)
{
	assert_null(shadow());
	assert_int_equal(fake_coll(name)->dim, 128);
	assert_int_equal(embeddings(fake_coll(name)->id) > FILES, 1);
	assert_int_equal(run("collection", "drop", "%", name, "--yes", NULL), 0);
	check_migrated();
}

/* The machine goes down when the empty collection of the name is there, and the old one does not have the name yet. */
static void test_keep_old_not_renamed(void **state)
{
	const char *const then[] = { "old", "other", NULL };
	int i;

	for (i = 0; i < 3; i++) {
		if (i) {
			umount_fake(state);
			mount_fake(state);
		}
		write_notes();
		fake.fail_exchange = EIO;
		fake.exchanges_left = 1;
		assert_int_equal(migrate_keeping("old"), 1);
		assert_says(r.err, "the new collection is in use");
		assert_int_equal(fake_coll("old")->dim, 1);
		finds_tyre();
		assert_int_equal(run("status", NULL), 0);
		assert_says(r.out, "--keep-old old");
		if (!then[i]) {
			assert_int_equal(migrate(), 0);
			check_migrated();
		} else {
			assert_int_equal(migrate_keeping(then[i]), 0);
			check_kept(then[i]);
		}
	}
}

/* And when it has it, and the empty one is still there. */
static void test_keep_old_not_dropped(void **state)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (i) {
			umount_fake(state);
			mount_fake(state);
		}
		write_notes();
		fake.fail_drop = EIO;
		assert_int_equal(migrate_keeping("old"), 1);
		assert_int_equal(shadow()->dim, 1);
		assert_int_equal(fake_coll("old")->dim, 128);
		finds_tyre();
		assert_int_equal(run("status", NULL), 0);
		assert_says(r.out, "an empty collection is left of");
		assert_says(r.out, shadow()->name);
		if (i)
			assert_int_equal(migrate(), 0);
		else
			assert_int_equal(migrate_keeping("old"), 0);
		assert_says(r.out, "is of 'lexical 2', 256 dimensions, already");
		check_kept("old");
	}
}

/* The name is taken by what is none of the old collection's. */
static void test_keep_old_taken(void **state)
{
	write_notes();
	fake.fail_drop = EIO;
	assert_int_equal(migrate_keeping("old"), 1);
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "512", "--keep-old", "old", "%", NULL), 1);
	assert_says(r.err, "a collection of that name exists");
	check_kept("old");
}

/* ---- a program as the embedder ------------------------------------------------------------------ */

static char spec[160];

static void write_program(void)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/vexfs-test-migrate-%ld", (long)getpid());
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("#!/bin/sh\n"
	      "echo '{\"model\": \"toy 1\", \"dim\": 3}'\n"
	      "while IFS= read -r line; do\n"
	      "	[ -n \"$line\" ] || continue\n"
	      "	id=${line#*:} id=${id%%,*}\n"
	      "	case $line in *tyre*) v=1,0,0 ;; *) v=0,1,0 ;; esac\n"
	      "	echo \"{\\\"id\\\":$id,\\\"vector\\\":[$v]}\"\n"
	      "done\n", f);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
	snprintf(spec, sizeof(spec), "exec:%s", path);
}

/* Which embedder it is, and how it was reached, goes with the name. */
static void test_program(void **state)
{
	fresh_cache();
	write_notes();
	write_program();
	assert_int_equal(run("migrate", "--embedder", spec, "--dim", "4", "%", NULL), 2);
	assert_says(r.err, "makes vectors of 3 elements");
	only_collection();
	assert_int_equal(run("migrate", "--embedder", spec, "%", NULL), 0);
	assert_says(r.out, "to toy 1, 3 dimensions");
	assert_int_equal(only_collection()->dim, 3);
	assert_string_equal(only_collection()->name, "default");
	assert_int_equal(run("search", "--embedder", spec, "--k", "1", "tyre", NULL), 0);
	assert_says(r.out, "tyre:1:");
	assert_int_equal(run("search", "tyre", NULL), 1);
	assert_says(r.err, "last used as exec:/tmp/vexfs-test-migrate-");
	assert_int_equal(run("migrate", "--embedder", spec, "%", NULL), 0);
	assert_says(r.out, "is of 'toy 1', 3 dimensions, already");
	only_collection();
	/* and back */
	assert_int_equal(migrate(), 0);
	check_migrated();
	unlink(spec + strlen("exec:"));
}

/* ---- interrupted --------------------------------------------------------------------------- */

static unsigned int left;

static void interrupt_later(void)
{
	if (left && !--left)
		raise(SIGINT);
}

static void test_interrupted(void **state)
{
	unsigned int n, was;

	write_notes();
	was = embeddings(0);
	for (n = 1; n < 4; n++) {
		left = 1;
		fake.on_set = interrupt_later;
		assert_int_equal(migrate(), 130);
		assert_says(r.err, "the old collection is as it was and answers");
		assert_non_null(shadow());
		assert_int_equal(shadow()->mode, 0600);
		assert_int_equal(embeddings(0), was);
		fake.on_set = NULL;
		finds_tyre();		/* one collection fits: the shadow is none that may be meant */
		assert_int_equal(run("status", NULL), 0);
		assert_says(r.out, "128 dimensions");
		assert_says(r.out, "unfinished, to lexical 2, 256 dimensions: ");
		assert_says(r.out, "continue: vexctl migrate --collection default --embedder lexical --dim 256 .\n");
		assert_says(r.out, "give up: vexctl collection drop . _migrating_");
		assert_int_equal(run("status", "--json", NULL), 0);
		assert_says(r.out, "\"migration\": { \"state\": \"filling\", \"collection\": \"_migrating_");
	}
	n = embeddings(shadow()->id);
	assert_true(n >= 3);
	fake.sets = 0;
	assert_int_equal(migrate(), 0);
	assert_says(r.out, "continued");
	assert_int_equal(fake.sets, was - n);
	check_migrated();
}

static void test_other_embedder_meanwhile(void **state)
{
	char name[VEXFS_IOC_NAME_LEN];

	write_notes();
	left = 2;
	fake.on_set = interrupt_later;
	assert_int_equal(migrate(), 130);
	fake.on_set = NULL;
	strcpy(name, shadow()->name);
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "512", "%", NULL), 1);
	assert_says(r.err, "was for another embedder");
	assert_says(r.err, name);
	assert_int_equal(run("migrate", "--embedder", "exec:/bin/false", "%", NULL), 1);
	assert_int_equal(run("migrate", "-c", name, "--embedder", "lexical", "%", NULL), 2);
	assert_says(r.err, "belongs to a migration");
	assert_int_equal(run("collection", "drop", "%", name, "--yes", NULL), 0);
	assert_int_equal(models(), 1);
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "512", "%", NULL), 0);
	assert_int_equal(only_collection()->dim, 512);
}

/* The names have been exchanged, and then the machine went down. */
static void test_not_dropped(void **state)
{
	write_notes();
	fake.fail_drop = EIO;
	assert_int_equal(migrate(), 1);
	assert_says(r.err, "cannot drop the old collection");
	assert_int_equal(shadow()->dim, 128);
	finds_tyre();
	assert_int_equal(run("status", NULL), 0);
	assert_says(r.out, "256 dimensions");
	assert_says(r.out, "unfinished, from lexical 2, 128 dimensions: searches use the new");
	assert_says(r.out, "finish: vexctl migrate --collection default --embedder lexical --dim 256 .\n");
	assert_null(strstr(r.out, "give up"));
	assert_int_equal(run("status", "--json", NULL), 0);
	assert_says(r.out, "\"migration\": { \"state\": \"exchanged\"");
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "512", "%", NULL), 2);
	assert_non_null(shadow());
	assert_int_equal(migrate(), 0);
	check_migrated();
}

static void test_no_space(void **state)
{
	char dir[PATH_MAX + 16];
	unsigned int was;

	write_notes();
	was = embeddings(0);
	fake.fail = ENOSPC;
	assert_int_equal(migrate(), 1);
	assert_says(r.err, "no space left on the filesystem; the old collection is as it was and answers");
	assert_says(r.err, "collection drop");
	assert_int_equal(embeddings(0), was);
	snprintf(dir, sizeof(dir), "%s/it's one", fake.root);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(run("status", "%/it's one", NULL), 0);
	assert_says(r.out, "/it'\\''s one'\n");
	finds_tyre();
	fake.fail = 0;
	assert_int_equal(migrate(), 0);
	check_migrated();
}

/* ---- files that change, and that cannot be embedded -------------------------------------------- */

static void change_later(void)
{
	if (left && !--left) {
		write_text("bread", "Now it is about gardening and tulips\n");
		touch("bread", 1000);
		write_text("tyre", "How to fix a flat tyre, second edition\n");
		touch("tyre", 1001);
	}
}

static void test_changed_meanwhile(void **state)
{
	write_notes();
	left = 5;
	fake.on_set = change_later;
	assert_int_equal(migrate(), 0);
	fake.on_set = NULL;
	assert_int_equal(run("search", "tulips", NULL), 0);
	assert_says(r.out, "bread:1: Now it is about gardening");
	check_migrated();
}

static unsigned int second;

static void change_always(void)
{
	write_text("sea", "Whales sing to each other, again\n");
	touch("sea", (long)++second + 5000);
}

static void test_changes_always(void **state)
{
	write_notes();
	fake.on_set = change_always;
	assert_int_equal(migrate(), 4);
	fake.on_set = NULL;
	assert_says(r.err, "1 files have changed meanwhile: run 'vexctl index'");
	assert_int_equal(run("index", NULL), 0);
	check_migrated();
}

static void test_lost(void **state)
{
	char vector[1000] = "1";
	int i;

	write_notes();
	for (i = 1; i < 128; i++)
		strcat(vector, ",0");
	write_text(".vexignore", "vector\n");
	write_file("picture", "P\0G", 3);
	write_text("vector", vector);
	assert_int_equal(run("set", "-c", "default", "picture", "vector", NULL), 0);
	assert_int_equal(migrate(), 1);
	assert_says(r.err, "1 of the files in collection 'default' cannot be embedded, one of them");
	assert_says(r.err, "/picture");
	assert_says(r.out, "picture: binary");
	finds_tyre();
	assert_int_equal(run("migrate", "--embedder", "lexical", "--dim", "256", "--force", "%", NULL), 0);
	assert_says(r.err, "have lost their embeddings");
	finds_tyre();
}

/* Another process has begun with the old one. */
static void exchange_under(void)
{
	struct vexfs_ioc_collection *a = fake_coll("default"), *b = fake_coll("other");

	if (!a || !b)
		return;
	strcpy(a->name, "other");
	strcpy(b->name, "default");
}

static void test_index_meets_exchange(void **state)
{
	write_notes();
	assert_int_equal(run("collection", "create", "%", "other", "--dim", "32", NULL), 0);
	write_text("new", "A new file\n");
	write_text("newer", "A newer file\n");
	fake.on_set = exchange_under;
	assert_int_equal(run("index", "--collection", "default", NULL), 1);
	fake.on_set = NULL;
	assert_says(r.err, "the collection is for another embedder");
}

static void test_usage(void **state)
{
	assert_int_equal(run("migrate", "%", NULL), 2);
	assert_says(r.err, "--embedder WHAT is missing");
	assert_int_equal(run("migrate", "--embedder", "lexical", "%", NULL), 1);
	assert_says(r.err, "nothing is indexed");
	assert_int_equal(run("migrate", "--embedder", "lexical", "-c", "none", "%", NULL), 1);
	write_notes();
	assert_int_equal(run("migrate", "--embedder", "no such", "%", NULL), 2);
	fake_coll("default")->flags = 0;	/* another user's */
	assert_int_equal(migrate(), 1);
	assert_says(r.err, "only the owner of collection 'default' or root");
	assert_null(shadow());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_migrate), ON_FAKE(test_keep_old), ON_FAKE(test_keep_old_not_renamed),
		ON_FAKE(test_keep_old_not_dropped), ON_FAKE(test_keep_old_taken), ON_FAKE(test_number_as_name), ON_FAKE(test_program),
		ON_FAKE(test_interrupted), ON_FAKE(test_other_embedder_meanwhile), ON_FAKE(test_not_dropped),
		ON_FAKE(test_no_space), ON_FAKE(test_changed_meanwhile), ON_FAKE(test_changes_always),
		ON_FAKE(test_lost), ON_FAKE(test_index_meets_exchange), ON_FAKE(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
