// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl migrate: another embedder for a collection that is in use
 *
 * Everything can be interrupted, and fail: until the exchange the old collection is as it was and answers, and what has
 * been embedded so far stays in the shadow for the next run. After it the new one answers, and what is left to do is to
 * embed what changed at the last moment and to drop the old one, which the next run does if this one does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/migrate.h"
#include "tools/vexctl/remote.h"

#define ROUNDS	5	/* after what changed meanwhile; what changes faster is left to vexctl index */

/* ---- the shadow -------------------------------------------------------------------------- */

static bool is_lexical(const struct migration *m)
{
	return !strcmp(m->asked->embedder, vex_lexical_ops.name);
}

static int say_unfinished(const struct migration *m)
{
	say_error("an earlier 'vexctl migrate' of collection '%s' was for another embedder: finish it with that "
		  "--embedder%s ('vexctl status' says how), or give it up with 'vexctl collection drop %s %s --yes'", m->name,
		  m->asked->dim ? " and --dim" : "", m->job.first.path, m->shadow);
	return EXIT_FAILED;
}

/* The lexical embedder makes what it is asked for, and takes what there is. */
static int make_lexical(struct migration *m)
{
	struct vexfs_ioc_collection c = {
		.dim = m->asked->dim ? (uint32_t)m->asked->dim : INDEX_DIM, .elem = VEXFS_IOC_F16,
		.metric = VEXFS_IOC_COSINE,
	};
	int ret;

	if (m->resumed)
		return EXIT_OK;
	strcpy(c.name, m->shadow);
	strcpy(c.embedder.name, vex_lexical_ops.identity);
	ret = vexfs_collection_make(m->job.first.fd, &c);
	return ret ? target_fail(&m->job.first, NULL, "create a collection on", ret) : EXIT_OK;
}

/* As long as it is filled it is for its owner alone, who is that of the old one. */
static int set_owner(struct migration *m, uint16_t mode)
{
	struct vexfs_ioc_collection c = {
		.flags = VEXFS_COLL_MODE | VEXFS_COLL_UID | VEXFS_COLL_GID, .mode = mode, .uid = m->from.uid,
		.gid = m->from.gid,
	};
	int ret;

	strcpy(c.name, m->shadow);
	ret = vexfs_collection_change(m->job.first.fd, &c);
	return ret ? target_fail(&m->job.first, m->shadow, "change a collection of", ret) : EXIT_OK;
}

/* Of vexctl's own, whatever its model: that is trained for each collection, and made anew by --refit. */
static bool same_embedder(const struct vexfs_ioc_collection *a, const struct vexfs_ioc_collection *b)
{
	if (a->dim != b->dim)
		return false;
	if (builtin_named(a->embedder.name) && builtin_named(b->embedder.name))
		return !strcmp(a->embedder.name, b->embedder.name);
	return !memcmp(&a->embedder, &b->embedder, sizeof(a->embedder));
}

static int name_taken(const struct migration *m)
{
	say_error("--keep-old %s: a collection of that name exists", m->asked->keep_old);
	return EXIT_FAILED;
}

/* It is what was asked for? The shadow, made for nothing, goes. */
static int check_needed(struct migration *m, bool *needed)
{
	const struct vexfs_ioc_collection *c = &m->job.coll;

	*needed = m->exchanged || m->asked->refit || !same_embedder(&m->from, c);
	if (m->asked->dim && m->asked->dim != c->dim) {
		if (m->resumed && !m->exchanged)
			return say_unfinished(m);
		say_error("--dim %llu: '%.63s' makes vectors of %u elements", (unsigned long long)m->asked->dim,
			  c->embedder.name, c->dim);
		if (!m->exchanged)
			vexfs_collection_drop(m->job.first.fd, m->shadow);
		return EXIT_USAGE;
	}
	if (*needed && m->kept) {	/* by an earlier migration than this one */
		if (!m->resumed)
			vexfs_collection_drop(m->job.first.fd, m->shadow);
		return name_taken(m);
	}
	if (*needed)
		return EXIT_OK;
	if (c->live) {
		say_error("an earlier 'vexctl migrate' of collection '%s' was with --refit: finish it with that, or give "
			  "it up with 'vexctl collection drop %s %s --yes'", m->name, m->job.first.path, m->shadow);
		return EXIT_FAILED;
	}
	vexfs_collection_drop(m->job.first.fd, m->shadow);
	model_remove(m->job.rootfd, c);
	if (!m->asked->quiet && !m->asked->json)
		printf("collection '%s' is of '%.63s', %u dimensions, already\n", m->name, c->embedder.name, c->dim);
	return EXIT_OK;
}

/* The collection to fill, whichever it is by now, and its embedder. */
static int open_embedder(struct migration *m)
{
	char name[VEXFS_IOC_NAME_LEN];
	struct embed_job *j = &m->job;
	bool made;
	int ret = EXIT_OK;

	m->opt.collection = m->exchanged ? m->name : m->shadow;
	if (!m->exchanged && is_lexical(m))
		ret = make_lexical(m);
	if (!ret)
		ret = embedder_choose(&j->first, &m->opt, true, name, &made, &j->e);
	if (ret)
		return m->resumed ? say_unfinished(m) : ret;
	j->remote = j->e != NULL;
	if (!m->exchanged)
		ret = set_owner(m, 0600);
	return ret ? ret : embed_prepare(j);
}

/* ---- embedding ------------------------------------------------------------------------------ */

static int stopped(const struct migration *m, int err)
{
	const struct embed_counts *c = &m->job.counts;
	unsigned long long done = c->embedded + c->fresh;
	const char *state = m->exchanged ? "the new collection answers, and the old one is still there" :
					   "the old collection is as it was and answers";

	if (err == -EINTR)
		say_error("interrupted after %llu files: %s; the same command continues from there", done, state);
	else if (err == -ENOSPC || err == -EDQUOT)
		say_error("stopped after %llu files: %s; %s. Make room and give the same command again, or %s with "
			  "'vexctl collection drop %s %s --yes'", done, reason(err), state,
			  m->exchanged ? "drop the old one" : "give it up", m->job.first.path, m->shadow);
	else
		say_error("stopped after %llu files: %s; %s; the same command continues from there", done,
			  err == -EREMOTEIO ? "the embedder failed" : reason(err), state);
	return err == -EINTR ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static int look(struct migration *m)
{
	int ret;

	interrupt_catch();
	ret = migrate_look(m);
	interrupt_release();
	return ret == -EINTR ? stopped(m, ret) : ret ? list_fail(m->job.root, ret) : EXIT_OK;
}

/* What the last look has found. */
static int embed_found(struct migration *m, bool *more)
{
	struct embed_job *j = &m->job;
	uint64_t before = j->counts.embedded;
	int ret = j->e ? EXIT_OK : embed_model(j), err;

	if (ret)
		return ret;
	if (!j->reuse)
		j->reuse = reuse_create((size_t)j->coll.dim * elem_size(j->coll.elem));
	if (j->reuse && j->remote && !remote_is_local(j->e))
		reuse_keep(j->reuse, j->e, &j->coll, false);
	skipped_free(&m->skipped);
	memset(&m->skipped, 0, sizeof(m->skipped));
	err = index_files(j, &m->skipped);
	j->fitted = false;		/* what it has embedded is up to date */
	*more = j->counts.embedded > before;
	return err ? stopped(m, err) : EXIT_OK;
}

/* Until nothing is left that can be embedded, or it changes as fast as it is. */
static int embed_all(struct migration *m)
{
	bool more = true;
	int i, ret = look(m);

	for (i = 0; !ret && more && m->job.files.n && i < ROUNDS; i++) {
		ret = embed_found(m, &more);
		if (!ret)
			ret = look(m);
	}
	return ret;
}

/* ---- the exchange ----------------------------------------------------------------------------- */

/* Files that would not be found any more. */
static int check_complete(const struct migration *m)
{
	if (m->asked->force)
		return EXIT_OK;
	if (m->hidden)
		say_error("%llu of the embeddings in collection '%s' are of files that were not found: in directories "
			  "you may not read, or below other mounts. Run it as root, or say --force to lose them",
			  (unsigned long long)m->hidden, m->name);
	if (m->lost && !m->asked->quiet && !m->asked->json)
		skipped_print(&m->skipped, false);
	if (m->lost)
		say_error("%llu of the files in collection '%s' cannot be embedded, one of them %s: say --force to lose "
			  "their embeddings", (unsigned long long)m->lost, m->name, m->first_lost ? m->first_lost : "");
	return m->hidden || m->lost ? EXIT_FAILED : EXIT_OK;
}

/* Models go by their collections' numbers, so that the exchange is one step for them as well. */
static int pin_models(const struct migration *m)
{
	struct vexfs_ioc_collection from = m->from, to = m->job.coll;
	int ret;

	strcpy(from.name, m->name);
	strcpy(to.name, m->shadow);
	ret = model_pin(m->job.rootfd, &from);
	if (!ret)
		ret = model_pin(m->job.rootfd, &to);
	if (!ret)
		return EXIT_OK;
	say_error("cannot rename the models in %s/%s: %s", m->job.root, MODEL_DIR, reason(ret));
	return EXIT_FAILED;
}

static int exchange(struct migration *m)
{
	struct vexfs_ioc_collection now;
	int ret = target_collection(&m->job.first, m->name, &now);

	if (ret)
		return ret;
	if (now.id != m->from.id || now.btime != m->from.btime) {
		say_error("collection '%s' was replaced meanwhile: give the command again", m->name);
		return EXIT_FAILED;
	}
	ret = set_owner(m, now.mode);
	if (!ret)
		ret = pin_models(m);
	if (ret)
		return ret;
	ret = vexfs_collection_exchange(m->job.first.fd, m->name, m->shadow);
	if (ret)
		return target_fail(&m->job.first, m->name, "exchange two collections of", ret);
	m->exchanged = true;
	m->opt.collection = m->name;
	return target_collection(&m->job.first, m->name, &m->job.coll);
}

/*
 * The old one gets another name by an exchange with a collection made for that, which goes then. Whichever of the two
 * steps is the last before a crash, the next run finds the empty collection and drops it.
 */
static int keep_old(struct migration *m)
{
	const char *name = m->asked->keep_old;
	int fd = m->job.first.fd, ret;

	ret = migrate_placeholder_make(fd, name, m->shadow);
	if (!ret)
		ret = vexfs_collection_exchange(fd, m->shadow, name);
	if (!ret) {
		ret = vexfs_collection_drop(fd, m->shadow);
		ret = ret == -ENOENT ? 0 : ret;		/* another run has been quicker */
	}
	if (!ret)
		return EXIT_OK;
	say_error("the new collection is in use, but the old one is not yet kept as '%s': %s: run the same command "
		  "again", name, ret == -EEXIST ? "that name is taken" : reason(ret));
	return EXIT_FAILED;
}

static int drop_old(struct migration *m)
{
	int ret = vexfs_collection_drop(m->job.first.fd, m->shadow);

	if (ret)
		return target_fail(&m->job.first, m->shadow, "drop the old collection of", ret);
	model_remove(m->job.rootfd, &m->from);
	return EXIT_OK;
}

/* ---- the command ------------------------------------------------------------------------------- */

static void report_json(const struct migration *m)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "path", json_text(m->job.first.path, strlen(m->job.first.path)));
	embed_counts_json(&m->job, o);
	json_object_object_add(o, "files", json_object_new_uint64(m->files));
	json_object_object_add(o, "passages", json_object_new_uint64(m->job.counts.embeddings));
	json_object_object_add(o, "dim", json_object_new_int64(m->job.coll.dim));
	json_object_object_add(o, "embedder", embedder_json(&m->job.coll.embedder));
	json_object_object_add(o, "old_dim", json_object_new_int64(m->from.dim));
	json_object_object_add(o, "old_embedder", embedder_json(&m->from.embedder));
	json_object_object_add(o, "kept_as", m->asked->keep_old ? json_object_new_string(m->asked->keep_old) : NULL);
	json_object_object_add(o, "lost", json_object_new_uint64(m->lost));
	json_object_object_add(o, "changed", json_object_new_uint64(m->behind));
	json_object_object_add(o, "seconds", json_double(now_seconds() - m->begun, "%.3f"));
	json_line(o);
}

static void report(const struct migration *m)
{
	const struct embed_counts *c = &m->job.counts;

	if (m->asked->json) {
		report_json(m);
	} else if (!m->asked->quiet) {
		printf("migrated collection '%s' to %.63s, %u dimensions, in %.1f s: %llu files (%llu embedded by this "
		       "run, %llu passages)\n", m->name, m->job.coll.embedder.name, m->job.coll.dim,
		       now_seconds() - m->begun, (unsigned long long)m->files, (unsigned long long)c->embedded,
		       (unsigned long long)c->embeddings);
		if (m->asked->keep_old)
			printf("the old one is kept as '%s'\n", m->asked->keep_old);
	}
	if (m->lost)
		say_error("%llu files cannot be embedded and have lost their embeddings", (unsigned long long)m->lost);
	if (m->behind)
		say_error("%llu files have changed meanwhile: run 'vexctl index'", (unsigned long long)m->behind);
}

/* The new one answers: the rest. */
static int finish(struct migration *m)
{
	int ret = embed_all(m);

	if (!ret)
		ret = m->asked->keep_old ? keep_old(m) : drop_old(m);
	if (ret)
		return ret;
	report(m);
	return m->behind ? EXIT_PARTLY : EXIT_OK;
}

static int migrate(struct migration *m)
{
	int ret = EXIT_OK;

	if (!m->exchanged) {
		if (!m->asked->quiet && !m->asked->json) {
			printf("collection '%s': from %s%.63s, %u dimensions, to %.63s, %u dimensions%s\n", m->name,
			       m->from.embedder.name[0] ? "" : "any embedder", m->from.embedder.name, m->from.dim,
			       m->job.coll.embedder.name, m->job.coll.dim, m->resumed ? "; continued" : "");
			fflush(stdout);
		}
		ret = embed_all(m);
		if (!ret)
			ret = check_complete(m);
		if (!ret)
			ret = exchange(m);
	}
	return ret ? ret : finish(m);
}

/* What would fail at the end fails now. */
static int check_first(struct migration *m)
{
	int fd = m->job.first.fd;

	if (!(m->from.flags & VEXFS_COLL_COUNTS)) {
		say_error("only the owner of collection '%s' or root may migrate it", m->name);
		return EXIT_FAILED;
	}
	if (vexfs_collection_exchange(fd, m->name, m->name) == -ENOTTY) {
		say_error("the kernel's VexFS module is older than this vexctl: load the new one first");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* What an earlier run has left of --keep-old goes: the name may be another one this time, or none. */
static int clear_placeholders(struct migration *m)
{
	const char *keep = m->asked->keep_old;
	char shadow[VEXFS_IOC_NAME_LEN] = "";
	struct vexfs_ioc_collection c;
	struct migrate_found f;
	int fd = m->job.first.fd, ret;

	if (keep && !vexfs_collection_info(fd, keep, &c))
		migrate_shadow_name(&c, m->name, shadow);
	while (!(ret = migrate_find(fd, m->name, &m->from, &f)) && f.placeholder[0]) {
		m->kept |= !strcmp(f.placeholder, shadow);
		ret = vexfs_collection_drop(fd, f.placeholder);
		if (ret && ret != -ENOENT)
			return target_fail(&m->job.first, f.placeholder, "drop an empty collection of", ret);
	}
	if (ret)
		return target_fail(&m->job.first, NULL, "list the collections of", ret);
	return keep && !m->kept && !vexfs_collection_info(fd, keep, &c) ? name_taken(m) : EXIT_OK;
}

/* Which collection, and how far an earlier run came. */
static int find_collections(struct migration *m)
{
	struct migrate_found f;
	int ret = EXIT_OK;

	if (m->asked->collection)
		strcpy(m->name, m->asked->collection);
	else
		ret = collection_choose(&m->job.first, true, m->name);
	if (!ret)
		ret = target_collection(&m->job.first, m->name, &m->from);
	if (ret)
		return ret;
	ret = migrate_find(m->job.first.fd, m->name, &m->from, &f);
	if (ret)
		return target_fail(&m->job.first, NULL, "list the collections of", ret);
	m->exchanged = f.how == MIGRATE_EXCHANGED;
	m->resumed = m->exchanged || f.how == MIGRATE_FILLS;
	if (m->exchanged)
		m->from = f.other;
	migrate_shadow_name(&m->from, m->name, m->shadow);
	ret = check_first(m);
	return ret ? ret : clear_placeholders(m);
}

/* --refit alone: the collection's own embedder, and as many dimensions. */
static int choose_same(struct migration *m, struct options *opt)
{
	struct vexfs_ioc_collection c;
	int ret = opt->embedder ? EXIT_OK : target_collection(&m->job.first, m->name, &c);

	if (ret || opt->embedder)
		return ret;
	if (!builtin_made(&c)) {
		say_error("--refit: collection '%s' is of '%.63s', whose model is not made of the files", m->name,
			  c.embedder.name);
		return EXIT_USAGE;
	}
	opt->embedder = builtin_of(&c);
	if (!opt->dim && is_lexical(m))
		opt->dim = c.dim;
	m->opt.embedder = opt->embedder;
	return EXIT_OK;
}

static int check_options(const struct command *cmd, const struct options *opt)
{
	const char *wrong = opt->keep_old ? collection_name_error(opt->keep_old) : NULL;

	if (!opt->embedder && !opt->refit)
		return usage_error(cmd, "--embedder WHAT is missing: what is to make the new vectors (or --refit: the same "
				   "one, with a new model)");
	if (opt->refit && opt->embedder && embedder_is_remote(opt->embedder))
		return usage_error(cmd, "--refit is for lexical and static, whose models are made of the files");
	if (wrong)
		return usage_error(cmd, "--keep-old %s %s", opt->keep_old, wrong);
	if (opt->collection && collection_is_shadow(opt->collection))
		return usage_error(cmd, "collection '%s' belongs to a migration: name the one that it is of",
				   opt->collection);
	return EXIT_OK;
}

static int run_migrate(const struct command *cmd, struct options *opt)
{
	struct migration m = {
		.asked = opt, .opt = *opt, .begun = now_seconds(),
		.job = { .opt = &m.opt, .rootfd = -1, .index = true, .embedder = vex_lexical_ops.name },
	};
	bool needed = false;
	int ret = check_options(cmd, opt);

	m.opt.force = m.opt.refit = false;	/* another meaning; a shadow without embeddings gets a new model */
	if (!ret)
		ret = target_open(&m.job.first, opt->nargs ? opt->args[0] : ".", O_RDONLY);
	if (ret)
		return ret;
	ret = find_collections(&m);
	if (!ret)
		ret = choose_same(&m, opt);
	if (!ret)
		ret = open_embedder(&m);
	if (!ret)
		ret = check_needed(&m, &needed);
	if (!ret && needed && !m.job.root[0])
		ret = target_fail(&m.job.first, NULL, "find the root of the filesystem of", -ENOENT);
	if (!ret && needed)
		ret = migrate(&m);
	reuse_free(m.job.reuse);
	embed_end(&m.job);
	skipped_free(&m.skipped);
	free(m.first_lost);
	return ret;
}

const struct command cmd_migrate = {
	.name = "migrate",
	.summary = "another embedder for a collection that is in use",
	.accepts = "collection embedder refit query-prefix passage-prefix dim keep-old force chunk-size jobs timeout "
		   "progress quiet json",
	.min_args = 0,
	.max_args = 1,
	.run = run_migrate,
	.help = "usage: vexctl migrate --embedder WHAT | --refit [OPTION]... [PATH]\n"
		"Make all embeddings of a collection anew by another embedder, or with other dimensions. They are\n"
		"set into a second collection beside it; searches use the old one until all are made. Then the two\n"
		"exchange their names in one step, and the old one is dropped. Takes every file of the filesystem\n"
		"that has an embedding in the collection, and PATH (default: here) says which filesystem. May be\n"
		"interrupted: the same command continues.\n\n"
		"  -c, --collection NAME    which one (default: the only one, or 'default')\n"
		"      --embedder WHAT      lexical, static, exec:PROGRAM, model2vec:DIR or http://HOST/v1#MODEL, as for\n"
		"                           index\n"
		"      --refit              of lexical and static: make the model anew of the files, too (default: by the\n"
		"                           embedder and in the dimensions that the collection has)\n"
		"      --query-prefix TEXT, --passage-prefix TEXT\n"
		"                           as for index\n"
		"  -d, --dim N              of lexical: elements per vector (default 768)\n"
		"      --keep-old NAME      do not drop the old collection: it is called so then\n"
		"  -f, --force              also if files are lost that cannot be embedded, or were not found\n"
		"      --chunk-size BYTES   passages of about so many bytes, 64 to 1M, in all files\n"
		"      --jobs N             requests to a server at a time, 1 to 64 (default 4)\n"
		"      --timeout SECONDS    wait so long for an answer of program or server (default 120)\n"
		"      --progress           show progress even without a terminal\n"
		"  -q, --quiet              print errors only\n"
		"      --json               print what was done as one JSON object\n\n"
		"Exit status: 0 done, 1 failed (the old collection is as it was), 4 done, but files changed meanwhile,\n"
		"130 interrupted.\n\n"
		"example: vexctl migrate --embedder exec:bge-embed /mnt/vexfs\n"
		"         vexctl migrate --refit /mnt/vexfs\n",
};
