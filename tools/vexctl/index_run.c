// SPDX-License-Identifier: GPL-2.0
/* vexctl index: the files, by several threads */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"

#define WORKERS_MAX	REMOTE_WORKERS_MAX
#define CPUS_MAX	8
#define FILES_EACH	16	/* fewer are not worth a thread */

/**
 * struct run - what the threads share
 * @lock:  of everything below
 * @next:  the next file
 * @error: ends the run
 */
struct run {
	struct embed_job *job;
	struct skipped *skipped;
	pthread_mutex_t lock;
	struct progress progress;
	size_t next, done;
	int error;
};

struct worker {
	struct run *run;
	struct embed_job job;
	pthread_t thread;
	bool started;
};

static void add_counts(struct embed_counts *sum, const struct embed_counts *c)
{
	sum->embedded += c->embedded;
	sum->embeddings += c->embeddings;
	sum->reused += c->reused;
	sum->fresh += c->fresh;
	sum->cut += c->cut;
	sum->failed += c->failed;
}

/* The next file for a thread; NULL: no more. */
static const char *take_file(struct run *r)
{
	const char *path = NULL;

	pthread_mutex_lock(&r->lock);
	if (interrupted() && !r->error)
		r->error = -EINTR;
	if (!r->error && r->next < r->job->files.n)
		path = r->job->files.path[r->next++];
	pthread_mutex_unlock(&r->lock);
	return path;
}

/* No file after it would fare better. */
static bool is_final(int err)
{
	return err == -ENOSPC || err == -EDQUOT || err == -EROFS || err == -ENOMEM ||
	       err == -EMEDIUMTYPE || err == -EUCLEAN || err == -ENOENT || err == -EREMOTEIO || err == -EINTR;
}

static void finish_file(struct run *r, struct worker *w, const char *path, int err)
{
	pthread_mutex_lock(&r->lock);
	if (w->job.why != SKIP_NONE)
		skipped_add(r->skipped, path, (enum skip)w->job.why);
	else if (err && err != -EREMOTEIO && err != -EINTR)	/* those are told, or no failure of the file */
		embed_complain(&w->job, path, err);
	if (is_final(err) && w->job.why == SKIP_NONE && !r->error)
		r->error = err;
	progress_step(&r->progress, ++r->done);
	pthread_mutex_unlock(&r->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const char *path;

	while ((path = take_file(w->run)))
		finish_file(w->run, w, path, embed_one(&w->job, path));
	return NULL;
}

/* An embedder is for one thread: each has its own, from the model that is stored by now. */
static int worker_init(struct worker *w, struct run *r, bool first)
{
	struct embed_job *j = r->job;
	int ret = 0;

	w->run = r;
	w->job = *j;
	memset(&w->job.counts, 0, sizeof(w->job.counts));
	if (text_init(&w->job.text))
		return -ENOMEM;
	if (!first && !j->remote)
		ret = model_load(j->rootfd, j->opt->collection, j->embedder, &w->job.e);
	if (ret)
		w->job.e = NULL;
	return ret;
}

static void worker_end(struct worker *w, bool first)
{
	if (!first && !w->job.remote)
		vex_embedder_destroy(w->job.e);
	text_free(&w->job.text);
}

static size_t count_workers(const struct embed_job *j)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cpus > 0 ? (size_t)cpus : 1, useful = 1 + j->files.n / FILES_EACH;

	if (j->remote && !remote_is_local(j->e))	/* they wait, and what many wait for makes a batch */
		return j->files.n < remote_workers(j->e) ? j->files.n + !j->files.n : remote_workers(j->e);
	if (n > CPUS_MAX)
		n = CPUS_MAX;
	return n < useful ? n : useful;
}

/* Whatever threads do not start, the first, which is this one, does the work. */
static void run_workers(struct run *r, struct worker *w, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		w[i].started = !worker_init(&w[i], r, false) &&
			       !pthread_create(&w[i].thread, NULL, work, &w[i]);
	if (worker_init(&w[0], r, true))
		r->error = -ENOMEM;
	else
		work(&w[0]);
	for (i = 0; i < n; i++) {
		if (w[i].started)
			pthread_join(w[i].thread, NULL);
		add_counts(&r->job->counts, &w[i].job.counts);
		worker_end(&w[i], !i);
	}
}

int index_files(struct embed_job *j, struct skipped *s)
{
	struct run r = { .job = j, .skipped = s, .lock = PTHREAD_MUTEX_INITIALIZER };
	struct worker w[WORKERS_MAX] = { 0 };

	interrupt_catch();
	progress_begin(&r.progress, "indexing: file", j->files.n, j->opt->progress);
	run_workers(&r, w, count_workers(j));
	progress_end(&r.progress);
	interrupt_release();
	return r.error;
}
