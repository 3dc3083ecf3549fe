// SPDX-License-Identifier: GPL-2.0
/* vexctl embed: the command; embed_files.c does the work on files */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/embed.h"

/* What one path does not give, the others still do. */
static void collect_path(struct embed_job *j, const char *path)
{
	dev_t dev = j->first.st.st_dev;
	struct target t;
	int ret;

	if (target_open(&t, path, O_RDONLY)) {
		j->counts.failed++;
		return;
	}
	ret = t.st.st_dev == dev ? file_list_add(&j->files, t.path, dev) : -EXDEV;
	target_close(&t);
	if (!ret)
		return;
	j->counts.failed++;
	if (ret == -EXDEV)
		say_error("%s and %s are on different filesystems: embed them one by one",
			  j->first.path, path);
	else
		list_fail(path, ret);
}

static void collect_files(struct embed_job *j)
{
	int i;

	for (i = 0; i < j->opt->nargs; i++)
		collect_path(j, j->opt->args[i]);
	j->counts.failed += j->files.errors;
}

static int bad_model(const struct embed_job *j, int err)
{
	const char *name = j->opt->collection;

	if (builtin_is(j->embedder, &vex_static_ops))
		return builtin_fail(name, &j->coll, j->root, err);
	if (err == -ENOENT)
		say_error("collection '%s' holds %llu embeddings, but there is no lexical model that "
			  "made them: use another collection, or --force to mix them", name,
			  (unsigned long long)j->coll.live);
	else if (err == -EPROTO)
		say_error("the lexical model of collection '%s' in %s/%s is of another version: --refit "
			  "makes a new one and embeds the files again", name, j->root, MODEL_DIR);
	else if (err == -EBADMSG || err == -EFBIG)
		say_error("the lexical model of collection '%s' in %s/%s is damaged: --refit makes a "
			  "new one and embeds the files again", name, j->root, MODEL_DIR);
	else
		say_error("cannot read the model of collection '%s' in %s/%s: %s", name, j->root,
			  MODEL_DIR, strerror(-err));
	return EXIT_FAILED;
}

/*
 * Whether there is a model to go on with. Embeddings made by different models
 * do not compare well, so a model is kept as long as embeddings of it may live.
 */
static int find_model(struct embed_job *j)
{
	int ret;

	/* Who is not told how many there are takes it that there are some. */
	if (j->opt->refit || (!j->coll.live && (j->coll.flags & VEXFS_COLL_COUNTS)))
		return EXIT_OK;		/* a new one */
	ret = builtin_load(j->rootfd, &j->coll, &j->e);
	if (!ret && j->e->dim != j->coll.dim) {
		vex_embedder_destroy(j->e);
		j->e = NULL;
		ret = -EBADMSG;
	}
	if (ret == -ENOENT && j->opt->force)
		return EXIT_OK;
	return ret ? bad_model(j, ret) : EXIT_OK;
}

/* Vectors of another model, which a second run at the same time may have trained, are refused from now on. */
static int claim(struct embed_job *j)
{
	int ret = builtin_claim(j->first.fd, &j->coll, j->e);

	/* Who may fill a collection need not own it: then its vectors are told apart by the embedder's name. */
	return ret == -EPERM ? 0 : ret;
}

static int make_model(struct embed_job *j)
{
	int ret = vex_embedder_create(j->embedder, j->coll.dim, &j->e);

	interrupt_catch();
	if (!ret)
		ret = embed_fit(j);
	if (!ret && !j->e->ops->documents(j->e)) {
		interrupt_release();
		say_error("no text files below %s%s", j->first.path,
			  j->opt->nargs > 1 ? " and the other paths" : "");
		return EXIT_NOTHING;
	}
	if (!ret)
		ret = claim(j);
	if (!ret)
		ret = model_save(j->rootfd, j->opt->collection, j->e);
	interrupt_release();
	if (!ret)
		return EXIT_OK;
	if (ret == -EINTR) {
		say_error("interrupted before the model was made: nothing was stored; the same command begins anew");
		return EXIT_INTERRUPTED;
	}
	if (ret == -EBUSY)	/* --force, or another run has filled it meanwhile */
		return builtin_fail(j->opt->collection, &j->coll, j->root, -EMEDIUMTYPE);
	say_error("cannot store the model in %s/%s: %s%s", j->root, MODEL_DIR, strerror(-ret),
		  ret == -EACCES ? ": it needs write permission on the filesystem's root directory" :
		  "");
	return EXIT_FAILED;
}

static int check_collection(struct embed_job *j)
{
	if (j->coll.elem != VEXFS_IOC_I8 || j->coll.metric == VEXFS_IOC_COSINE)
		return EXIT_OK;
	say_error("collection '%s' has type i8 and metric %s: the lengths that metric compares do "
		  "not survive in i8; use f32 or f16, or metric cosine", j->opt->collection,
		  metric_name(j->coll.metric));
	return EXIT_FAILED;
}

void embed_counts_json(const struct embed_job *j, struct json_object *o)
{
	const struct embed_counts *c = &j->counts;

	json_object_object_add(o, "collection", json_object_new_string(j->opt->collection));
	json_object_object_add(o, "files", json_object_new_uint64(j->files.n));
	json_object_object_add(o, "embedded", json_object_new_uint64(c->embedded));
	json_object_object_add(o, "up_to_date", json_object_new_uint64(c->fresh));
	json_object_object_add(o, "cut", json_object_new_uint64(c->cut));
	json_object_object_add(o, "failed", json_object_new_uint64(c->failed));
}

static void report_json(const struct embed_job *j, double seconds)
{
	struct json_object *o = json_object_new_object();
	const struct embed_counts *c = &j->counts;

	embed_counts_json(j, o);
	json_object_object_add(o, "embeddings", json_object_new_uint64(c->embeddings));
	json_object_object_add(o, "skipped_binary", json_object_new_uint64(c->binary));
	json_object_object_add(o, "skipped_empty", json_object_new_uint64(c->empty));
	json_object_object_add(o, "model_files",
			       json_object_new_uint64(j->e->ops->documents(j->e)));
	json_object_object_add(o, "model_new", json_object_new_boolean(j->fitted));
	json_object_object_add(o, "seconds", json_double(seconds, "%.3f"));
	json_finish(o);
}

static void report_text(const struct embed_job *j, double seconds)
{
	const struct embed_counts *c = &j->counts;

	printf("embedded %llu of %zu files (%llu embeddings) in %.1f s; up to date %llu, binary %llu, "
	       "without words %llu, failed %llu\n", (unsigned long long)c->embedded, j->files.n,
	       (unsigned long long)c->embeddings, seconds, (unsigned long long)c->fresh,
	       (unsigned long long)c->binary, (unsigned long long)c->empty,
	       (unsigned long long)c->failed);
	printf("model: %s, %s on %llu files, in %s/%s\n", j->embedder,
	       j->fitted ? "fitted" : "fitted earlier",
	       (unsigned long long)j->e->ops->documents(j->e), j->root, MODEL_DIR);
	if (c->cut)
		printf("%llu file%s longer than 1 MiB: only the first MiB was looked at\n",
		       (unsigned long long)c->cut, c->cut == 1 ? " is" : "s are");
	/* The model weighs words by how common they were when it was made. */
	if (!j->fitted && j->files.n / 2 > j->e->ops->documents(j->e))
		puts("the files have more than doubled since: --refit makes a better model");
}

int embed_model(struct embed_job *j)
{
	int ret = j->remote ? EXIT_OK : find_model(j);

	if (ret || j->e)
		return ret;
	j->fitted = true;
	return make_model(j);
}

static int embed_all(struct embed_job *j)
{
	double begun = now_seconds();
	int ret;

	collect_files(j);
	ret = embed_model(j);
	if (ret)
		return ret;
	embed_files(j);
	if (j->opt->json)
		report_json(j, now_seconds() - begun);
	else if (!j->opt->quiet)
		report_text(j, now_seconds() - begun);
	return j->counts.failed ? EXIT_FAILED : EXIT_OK;
}

int embed_prepare(struct embed_job *j)
{
	int ret = target_collection(&j->first, j->opt->collection, &j->coll);

	if (!ret)
		ret = check_collection(j);
	if (ret)
		return ret;
	if (!j->remote)
		j->embedder = builtin_of(&j->coll);
	j->rootfd = mount_root(&j->first, j->root);
	if (j->rootfd < 0)
		return target_fail(&j->first, NULL, "find the root of the filesystem of",
				   j->rootfd);
	if (!text_init(&j->text))
		return EXIT_OK;
	say_error("out of memory");
	return EXIT_FAILED;
}

void embed_end(struct embed_job *j)
{
	if (!j->remote)
		vex_embedder_destroy(j->e);
	file_list_free(&j->files);
	text_free(&j->text);
	if (j->rootfd >= 0)
		close(j->rootfd);
	target_close(&j->first);
}

/* The filesystem is that of the first path there is; the others are reported when their turn comes. */
static int open_first(struct embed_job *j)
{
	const struct options *opt = j->opt;
	int i = 0;

	while (i + 1 < opt->nargs && access(opt->args[i], F_OK))
		i++;
	return target_open(&j->first, opt->args[i], O_RDONLY);
}

static int run_embed(const struct command *cmd, struct options *opt)
{
	struct embed_job j = {
		.opt = opt, .rootfd = -1, .first.fd = -1,
		.embedder = opt->embedder ? opt->embedder : vex_lexical_ops.name,
	};
	int ret;

	if (!builtin_is(j.embedder, &vex_lexical_ops))
		return usage_error(cmd, "--embedder %s: only 'lexical' is possible here; vexctl index knows more",
				   j.embedder);
	ret = open_first(&j);
	if (ret)
		return ret;
	ret = embed_prepare(&j);
	if (!ret)
		ret = embed_all(&j);
	embed_end(&j);
	return ret;
}

const struct command cmd_embed = {
	.name = "embed",
	.summary = "make embeddings of text files",
	.accepts = "collection progress chunk-size force refit embedder json quiet",
	.min_args = 1, .max_args = -1, .needs_collection = true,
	.run = run_embed,
	.help =
	"usage: vexctl embed --collection NAME [OPTION]... PATH...\n"
	"Make embeddings of the text files at and below each PATH. The first run learns from them\n"
	"how common words are and keeps that model in .vexctl/ at the filesystem's root; later\n"
	"runs use it, and only embed files that are new or changed. Binary files are skipped; of\n"
	"long files the first MiB is looked at.\n\n"
	"  -c, --collection NAME    where to\n"
	"      --chunk-size BYTES   an embedding for every passage of about so many bytes, 64 to 1M\n"
	"                           (default: one for the whole file)\n"
	"  -f, --force              embed files that have a fresh embedding, too\n"
	"      --refit              learn anew from these files, and embed them all\n"
	"      --embedder NAME      lexical (default): needs no trained model and no network\n"
	"      --progress           show progress even without a terminal\n"
	"  -q, --quiet              print errors only\n"
	"      --json               print the counts as JSON\n\n"
	"example: vexctl embed --collection notes /mnt/notes\n",
};
