// SPDX-License-Identifier: GPL-2.0
/* vexctl index: from a directory to something that can be searched */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"

/**
 * struct index - vexctl index of one directory
 * @made: the collection is new
 */
struct index {
	struct embed_job job;
	struct skipped skipped;
	struct timespec when;
	double begun;
	bool made;
};

static int add_file(void *ctx, const char *path, const struct stat *st, bool fresh)
{
	struct index *x = ctx;

	return file_list_append(&x->job.files, path);
}

static void add_skipped(void *ctx, const char *path, enum skip why)
{
	struct index *x = ctx;

	skipped_add(&x->skipped, path, why);
}

static int list_files(struct index *x)
{
	static const struct tree_ops ops = { .file = add_file, .skip = add_skipped };
	int ret;

	/* The clock that the kernel takes a file's ctime from: what changes from now on is not older. */
	clock_gettime(CLOCK_REALTIME_COARSE, &x->when);
	ret = tree_walk(x->job.first.path, x->job.root, NULL, &ops, x);
	return ret ? list_fail(x->job.first.path, ret) : EXIT_OK;
}

static void report_json(const struct index *x)
{
	const struct embed_counts *c = &x->job.counts;
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "path", json_text(x->job.first.path, strlen(x->job.first.path)));
	embed_counts_json(&x->job, o);
	json_object_object_add(o, "collection_new", json_object_new_boolean(x->made));
	json_object_object_add(o, "passages", json_object_new_uint64(c->embeddings));
	json_object_object_add(o, "reused", json_object_new_uint64(c->reused));
	skipped_json(&x->skipped, o);
	json_object_object_add(o, "seconds", json_double(now_seconds() - x->begun, "%.3f"));
	json_line(o);
}

static void report_text(const struct index *x)
{
	const struct embed_counts *c = &x->job.counts;
	uint64_t was;

	if (x->made)
		printf("made collection '%s': %u dimensions, %s\n", x->job.opt->collection,
		       x->job.coll.dim, x->job.remote ? x->job.e->identity : x->job.e->ops->name);
	printf("indexed %llu file%s in %.1f s (%llu passages, %llu copied from equal text), %llu "
	       "up to date\n", (unsigned long long)c->embedded, c->embedded == 1 ? "" : "s",
	       now_seconds() - x->begun, (unsigned long long)c->embeddings,
	       (unsigned long long)c->reused, (unsigned long long)c->fresh);
	if (c->cut)
		printf("%llu file%s longer than 1 MiB: the first MiB is indexed\n",
		       (unsigned long long)c->cut, c->cut == 1 ? " is" : "s are");
	skipped_print(&x->skipped, x->job.opt->verbose);
	was = x->job.e->ops->documents(x->job.e);
	if (!x->job.remote && !x->job.fitted && builtin_is(x->job.embedder, &vex_lexical_ops) && x->job.files.n / 2 > was)
		printf("words were weighed when there were %llu files: 'vexctl index --refit' weighs "
		       "them anew\n", (unsigned long long)was);
}

static void report(const struct index *x)
{
	if (x->job.opt->json)
		report_json(x);
	else if (!x->job.opt->quiet)
		report_text(x);
}

static int stopped(const struct index *x, int err)
{
	const struct embed_counts *c = &x->job.counts;
	unsigned long long done = c->embedded + c->fresh;

	if (err == -EINTR)
		say_error("interrupted after %llu of %zu files: the same command continues from there",
			  done, x->job.files.n);
	else
		say_error("stopped after %llu of %zu files: %s; the same command continues from there",
			  done, x->job.files.n, err == -ENOENT ? "the collection is gone" :
			  err == -EREMOTEIO ? "the embedder failed" : reason(err));
	return err == -EINTR ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static int index_all(struct index *x)
{
	struct embed_job *j = &x->job;
	int ret = list_files(x);

	if (!ret)
		ret = embed_model(j);
	if (ret)
		return ret;
	j->reuse = reuse_create((size_t)j->coll.dim * elem_size(j->coll.elem));
	if (j->reuse && j->remote && !remote_is_local(j->e))
		reuse_keep(j->reuse, j->e, &j->coll, j->opt->force);
	ret = index_files(j, &x->skipped);
	reuse_free(j->reuse);
	if (ret)
		return stopped(x, ret);
	report(x);
	if (j->counts.failed)
		return EXIT_FAILED;
	/* What this user could not do is not done. */
	if (S_ISDIR(j->first.st.st_mode) && !x->skipped.count[SKIP_DENIED])
		scope_mark(j->first.fd, j->opt->collection, &x->when);
	return EXIT_OK;
}

static int index_path(const struct options *asked, const char *path)
{
	char name[VEXFS_IOC_NAME_LEN];
	struct options opt = *asked;
	struct index x = {
		.job = { .opt = &opt, .rootfd = -1, .index = true, .embedder = vex_lexical_ops.name },
		.begun = now_seconds(),
	};
	int ret = target_open(&x.job.first, path, O_RDONLY);

	if (ret)
		return ret;
	ret = embedder_choose(&x.job.first, &opt, true, name, &x.made, &x.job.e);
	opt.collection = name;
	x.job.remote = x.job.e != NULL;
	if (!ret && x.job.remote && opt.refit) {
		say_error("--refit is about the lexical embedder: --force makes all embeddings anew");
		ret = EXIT_USAGE;
	}
	if (!ret)
		ret = embed_prepare(&x.job);
	if (!ret && opt.refit && builtin_is(x.job.embedder, &vex_static_ops) &&
	    (x.job.coll.live || !(x.job.coll.flags & VEXFS_COLL_COUNTS))) {
		say_error("vectors of two static models cannot be in one collection: 'vexctl migrate --refit --collection "
			  "%s %s' makes another one, which takes this one's name", name, path);
		ret = EXIT_USAGE;
	}
	if (!ret)
		ret = index_all(&x);
	embed_end(&x.job);
	skipped_free(&x.skipped);
	return ret;
}

static int run_index(const struct command *cmd, struct options *opt)
{
	return for_each_path(opt, index_path);
}

const struct command cmd_index = {
	.name = "index",
	.summary = "make a directory searchable, or bring it up to date",
	.accepts = "collection chunk-size force refit embedder query-prefix passage-prefix jobs timeout progress verbose quiet json",
	.min_args = 0,
	.max_args = -1,
	.run = run_index,
	.help = "usage: vexctl index [OPTION]... [DIR]...\n"
		"Make the text files below DIR (default: here) searchable with 'vexctl search': those that are\n"
		"new, and those that have changed. Makes the collection 'default' if there is none. Files named\n"
		"by .gitignore or .vexignore, links and other filesystems are left out; binary files, files\n"
		"without a word and files with a line of more than 256 KiB are skipped. Files of more than 2 KiB\n"
		"are indexed in passages. May be interrupted: the next run continues.\n\n"
		"  -c, --collection NAME    where to (default: the only one, or 'default')\n"
		"      --chunk-size BYTES   passages of about so many bytes, 64 to 1M, in all files\n"
		"  -f, --force              also files that are up to date\n"
		"      --refit              weigh words anew by these files, and index them all\n"
		"      --embedder WHAT      what makes the vectors: lexical (default); static, word vectors that are\n"
		"                           trained on these files; exec:PROGRAM, a server with OpenAI's interface,\n"
		"                           http://HOST/v1#MODEL, or model2vec:DIR, a model of static embeddings in\n"
		"                           files; the collection of that model is used, or made\n"
		"      --query-prefix TEXT, --passage-prefix TEXT\n"
		"                           what such a model wants before the text of a search and before passages;\n"
		"                           the collection keeps both, later commands use them\n"
		"      --jobs N             requests to a server at a time, 1 to 64 (default 4)\n"
		"      --timeout SECONDS    wait so long for an answer of program or server (default 120)\n"
		"      --progress           show progress even without a terminal\n"
		"  -v, --verbose            name every file that was skipped\n"
		"  -q, --quiet              print errors only\n"
		"      --json               the counts, and what was skipped, as one JSON object for each DIR\n\n"
		"Exit status: 0 done, 1 failed at least in part, 3 no text files, 130 interrupted.\n\n"
		"example: vexctl index ~/notes && vexctl search ~/notes \"flat tyre\"\n"
		"         vexctl index --embedder static ~/notes\n"
		"         vexctl index --embedder exec:bge-embed ~/notes\n"
		"         vexctl index --embedder http://localhost:11434/v1#nomic-embed-text ~/notes\n"
		"         vexctl index --embedder model2vec:$HOME/models/potion-base-8M ~/notes\n"
		"         vexctl index --embedder exec:e5 --query-prefix 'query: ' --passage-prefix 'passage: ' ~/notes\n",
};
