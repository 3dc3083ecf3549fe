// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl watch: keep the index of a directory current
 *
 * By the filesystem's change feed: the process sleeps in the kernel until something has changed, and is told what. The
 * mark is stored in an attribute of the directory, after the files told before it have been indexed; so a watch that is
 * started again continues, and a crash costs nothing but doing some files twice (which the index notices).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"

#define WAIT_MS		5000	/* a signal that comes just before the call is noticed after so long */
#define GATHER_US	500000	/* between two looks: changes that come together are told together */
#define FILES_MAX	4096	/* indexed before the mark is stored */

/**
 * struct watch - one directory
 * @name: of the collection, if none was given
 */
struct watch {
	const struct options *opt;
	struct embed_job job;
	struct skipped skipped;
	struct feed *feed;
	char name[VEXFS_IOC_NAME_LEN];
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
}

/* Without SA_RESTART: a signal ends the wait. */
static void catch_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	stop = 0;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
}

/* ---- the mark -------------------------------------------------------------------- */

static void mark_attribute(const struct watch *w, char name[96])
{
	snprintf(name, 96, "user.vexctl-feed.%.63s", w->job.opt->collection);
}

static void load_mark(struct watch *w)
{
	char name[96], text[MARK_MAX];
	ssize_t n;

	mark_attribute(w, name);
	n = fgetxattr(w->job.first.fd, name, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	if (n <= 0 || mark_parse(text, &w->feed->c.mark))
		w->feed->c.mark = (struct vexfs_feed_mark){ 0 };
}

static int store_mark(struct watch *w)
{
	char name[96], text[MARK_MAX];

	mark_attribute(w, name);
	mark_print(&w->feed->c.mark, text);
	if (!fsetxattr(w->job.first.fd, name, text, strlen(text), 0))
		return EXIT_OK;
	say_error("cannot store how far %s is watched: %s", w->job.first.path, reason(-errno));
	return EXIT_FAILED;
}

/* ---- indexing ---------------------------------------------------------------------- */

static int add_file(void *ctx, const char *path, const struct stat *st, bool fresh)
{
	struct watch *w = ctx;

	return file_list_append(&w->job.files, path);
}

static const struct tree_ops gather = { .file = add_file };

static void report(const struct watch *w)
{
	const struct embed_counts *c = &w->job.counts;

	if (w->opt->quiet || !(c->embedded + c->failed))
		return;
	printf("indexed %llu file%s (%llu passages)%s\n", (unsigned long long)c->embedded,
	       c->embedded == 1 ? "" : "s", (unsigned long long)c->embeddings, c->failed ? ", some failed" : "");
	fflush(stdout);
}

/* What has been gathered. Files that cannot be indexed now are told again when they change. */
static int index_gathered(struct watch *w)
{
	struct embed_job *j = &w->job;
	int ret = EXIT_OK, err;

	memset(&j->counts, 0, sizeof(j->counts));
	if (j->files.n && !j->e)
		ret = embed_model(j);
	if (ret || !j->files.n)
		return ret;
	err = index_files(j, &w->skipped);	/* which restores the handlers */
	report(w);
	file_list_free(&j->files);
	skipped_free(&w->skipped);
	memset(&w->skipped, 0, sizeof(w->skipped));
	j->fitted = false;
	if (err == -EINTR)
		stop = 1;
	else if (err)
		say_error("stopped: %s", err == -EREMOTEIO ? "the embedder failed" : reason(err));
	return err ? EXIT_FAILED : EXIT_OK;
}

/* Everything, after a mark has been taken: what changes meanwhile is told. */
static int index_all(struct watch *w)
{
	int ret;

	w->feed->c.mark = (struct vexfs_feed_mark){ 0 };
	w->feed->c.wait_ms = 0;
	ret = vexfs_changes(w->job.first.fd, &w->feed->c);
	if (ret)
		return feed_fail(&w->job.first, w->job.opt->collection, ret);
	ret = tree_walk(w->job.first.path, w->job.root, NULL, &gather, w);
	if (ret)
		return list_fail(w->job.first.path, ret);
	ret = index_gathered(w);
	return ret || stop ? ret : store_mark(w);
}

/* ---- following ----------------------------------------------------------------------- */

static int add_change(struct watch *w, const struct vexfs_change *e)
{
	char rel[PATH_MAX];

	if (e->flags & VEXFS_CHANGE_NO_PATH || e->path_len >= sizeof(rel))
		return 0;
	memcpy(rel, w->feed->paths + e->path_off, e->path_len);
	rel[e->path_len] = '\0';
	return tree_one(w->job.first.path, rel, e->flags & VEXFS_CHANGE_TREE, w->job.root, &gather, w);
}

/* Until there are no more, or enough. 0 or a negative errno. */
static int gather_changes(struct watch *w)
{
	struct vexfs_changes *c = &w->feed->c;
	uint32_t i;
	int ret;

	c->wait_ms = WAIT_MS;
	ret = vexfs_changes(w->job.first.fd, c);
	while (!ret) {
		for (i = 0; i < c->found && !ret; i++)
			ret = add_change(w, &c->entries[i]);
		if (ret || !c->more || w->job.files.n >= FILES_MAX || stop)
			break;
		c->wait_ms = 0;
		ret = vexfs_changes(w->job.first.fd, c);
	}
	return ret;
}

static int follow(struct watch *w)
{
	struct vexfs_feed_mark before;
	int ret = EXIT_OK, err;

	while (!ret && !stop) {
		before = w->feed->c.mark;
		err = gather_changes(w);
		if (err == -EINTR)
			continue;
		if (err == -EREMOTE)
			ret = index_all(w);
		else if (err)
			ret = feed_fail(&w->job.first, w->job.opt->collection, err);
		else
			ret = index_gathered(w);
		if (!ret && !stop && memcmp(&before, &w->feed->c.mark, sizeof(before)))
			ret = store_mark(w);
		if (!ret && !stop && memcmp(&before, &w->feed->c.mark, sizeof(before)))
			usleep(GATHER_US);
	}
	return stop ? EXIT_OK : ret;
}

static int watch(struct watch *w)
{
	struct vexfs_feed_mark none = { 0 };
	int ret = EXIT_OK;

	catch_signals();
	load_mark(w);
	if (!memcmp(&w->feed->c.mark, &none, sizeof(none)))
		ret = index_all(w);
	if (!ret && !w->opt->quiet) {
		printf("watching %s\n", w->job.first.path);
		fflush(stdout);
	}
	return ret ? ret : follow(w);
}

static int run_watch(const struct command *cmd, struct options *asked)
{
	struct options opt = *asked;
	struct watch w = {
		.opt = &opt,
		.job = { .opt = &opt, .rootfd = -1, .index = true, .embedder = vex_lexical_ops.name },
	};
	bool made;
	int ret = target_open(&w.job.first, opt.nargs ? opt.args[0] : ".", O_RDONLY | O_DIRECTORY);

	if (ret)
		return ret;
	ret = embedder_choose(&w.job.first, &opt, true, w.name, &made, &w.job.e);
	opt.collection = w.name;
	w.job.remote = w.job.e != NULL;
	if (!ret)
		ret = embed_prepare(&w.job);
	w.feed = ret ? NULL : feed_create(opt.collection);
	if (!ret && w.job.remote)
		w.job.reuse = reuse_create((size_t)w.job.coll.dim * elem_size(w.job.coll.elem));
	if (w.job.reuse && !remote_is_local(w.job.e))
		reuse_keep(w.job.reuse, w.job.e, &w.job.coll, false);
	if (!ret && w.feed)
		ret = watch(&w);
	else if (!ret)
		ret = EXIT_FAILED;
	free(w.feed);
	reuse_free(w.job.reuse);
	embed_end(&w.job);
	return ret;
}

const struct command cmd_watch = {
	.name = "watch",
	.summary = "keep the index of a directory current",
	.accepts = "collection embedder timeout quiet",
	.min_args = 0,
	.max_args = 1,
	.run = run_watch,
	.help = "usage: vexctl watch [--collection NAME] [--quiet] [DIR]\n"
		"Index DIR (default: here) as 'vexctl index' does, then wait for changes below it and index\n"
		"those files, until a signal ends it. The kernel says what has changed: nothing is polled or\n"
		"walked, and watching costs nothing while nothing changes. A watch that is started again\n"
		"continues where the last one was. Requires a filesystem with the feature change_feed\n"
		"(mkfs.vexfs -O, tune.vexfs -O). As a service: vexctl-watch@.service.\n\n"
		"  -c, --collection NAME  which one (default: the only one, or 'default')\n"
		"      --embedder WHAT    as for 'vexctl index'\n"
		"      --timeout SECONDS  wait so long for its answer (default 120)\n"
		"  -q, --quiet            print errors only\n\n"
		"example: vexctl watch /mnt/vexfs/notes\n",
};
