// SPDX-License-Identifier: GPL-2.0
/* Embedders that are somewhere else: the queue, and what is checked of what comes back. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/remote.h"

static struct remote *remote_of(struct vex_embedder *e)
{
	return (struct remote *)e;
}

static const struct remote_ops *ops_of(const struct remote *r)
{
	return (const struct remote_ops *)r->e.ops;
}

int remote_init(struct remote *r, const struct remote_ops *ops, const char *spec, double seconds)
{
	r->e.ops = &ops->base;
	r->seconds = seconds;
	r->tail = &r->head;
	r->parallel = 1;
	r->spec = strdup(spec);
	if (!r->spec || pthread_mutex_init(&r->lock, NULL))
		return -ENOMEM;
	return pthread_cond_init(&r->changed, NULL) ? -ENOMEM : 0;
}

void remote_destroy(struct vex_embedder *e)
{
	struct remote *r = remote_of(e);

	ops_of(r)->close(r);
	prefix_end(r);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r->spec);
	free(r);
}

uint64_t remote_documents(const struct vex_embedder *e)
{
	return 0;
}

bool remote_is_local(const struct vex_embedder *e)
{
	return ((const struct remote_ops *)e->ops)->local;
}

int remote_jobs(struct remote *r, unsigned int jobs)
{
	if (jobs && !ops_of(r)->several) {
		say_error("--jobs is about servers, not %s", r->spec);
		return EXIT_USAGE;
	}
	r->parallel = ops_of(r)->several ? jobs ? jobs : REMOTE_JOBS : 1;
	return EXIT_OK;
}

size_t remote_workers(const struct vex_embedder *e)
{
	size_t n = (size_t)((const struct remote *)e)->parallel * REMOTE_WORKERS;

	return n < REMOTE_WORKERS_MAX ? n : REMOTE_WORKERS_MAX;
}

int remote_probe(struct vex_embedder *e)
{
	struct remote *r = remote_of(e);

	interrupt_catch();
	r->error = ops_of(r)->probe(r);
	interrupt_release();
	return r->error == -EINTR ? EXIT_INTERRUPTED : r->error ? EXIT_FAILED : EXIT_OK;
}

/* ---- the queue ------------------------------------------------------------------------ */

static void enqueue(struct remote *r, struct remote_text *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		*r->tail = &t[i];
		r->tail = &t[i].next;
	}
}

/* As many as make a batch, off the queue. */
static struct remote_text *dequeue(struct remote *r)
{
	struct remote_text *first = r->head, **p = &r->head;
	size_t n = ops_of(r)->batch;

	for (; *p && n; n--)
		p = &(*p)->next;
	r->head = *p;
	*p = NULL;
	if (!r->head)
		r->tail = &r->head;
	return first;
}

/* What has been asked is answered, or never will be. */
static void settle(struct remote_text *batch, bool done)
{
	struct remote_text *t;

	for (t = batch; t; t = t->next) {
		t->call->asked--;
		t->call->left -= done;
	}
}

/* With the lock held, which is dropped meanwhile. */
static void ask_batch(struct remote *r)
{
	struct remote_text *batch = dequeue(r), *t;
	int ret;

	for (t = batch; t; t = t->next)
		t->call->asked++;
	r->asking++;
	pthread_mutex_unlock(&r->lock);
	ret = ops_of(r)->ask(r, batch);
	pthread_mutex_lock(&r->lock);
	r->asking--;
	settle(batch, !ret);
	if (ret && !r->error) {	/* what is queued is waited for no more */
		r->error = ret;
		r->stopped = true;
		r->head = NULL;
		r->tail = &r->head;
	}
	pthread_cond_broadcast(&r->changed);
}

/* Ask, or wait until that may be done, or something else has happened. */
static void ask_or_wait(struct remote *r)
{
	if (!r->error && r->head && r->asking < r->parallel)
		ask_batch(r);
	else
		pthread_cond_wait(&r->changed, &r->lock);
}

/**
 * struct helper - a thread that asks for a call with texts for several batches
 */
struct helper {
	struct remote *r;
	struct remote_call *call;
	pthread_t thread;
};

/* As long as texts of its call are queued. */
static void *help(void *arg)
{
	struct helper *h = arg;

	pthread_mutex_lock(&h->r->lock);
	while (!h->r->error && h->call->left > h->call->asked)
		ask_or_wait(h->r);
	pthread_mutex_unlock(&h->r->lock);
	return NULL;
}

/* How many have started: none is fine. */
static size_t start_helpers(struct remote *r, struct remote_call *call, size_t n, struct helper *h)
{
	size_t most = n ? (n - 1) / ops_of(r)->batch : 0, i;

	if (most > r->parallel - 1)
		most = r->parallel - 1;
	for (i = 0; i < most; i++) {
		h[i] = (struct helper){ .r = r, .call = call };
		if (pthread_create(&h[i].thread, NULL, help, &h[i]))
			break;
	}
	return i;
}

static int wait_for(struct remote *r, struct remote_text *t, size_t n)
{
	struct remote_call call = { .left = n };
	struct helper helpers[REMOTE_JOBS_MAX];
	size_t i, nhelpers = 0;
	int ret;

	for (i = 0; i < n; i++)
		t[i].call = &call;
	pthread_mutex_lock(&r->lock);
	if (!r->error) {
		enqueue(r, t, n);
		nhelpers = start_helpers(r, &call, n, helpers);
	}
	while (call.asked || (!r->error && call.left))
		ask_or_wait(r);
	ret = call.left ? r->error : 0;
	pthread_mutex_unlock(&r->lock);
	for (i = 0; i < nhelpers; i++)
		pthread_join(helpers[i].thread, NULL);
	return ret;
}

int remote_embed_many(struct vex_embedder *e, enum vex_text_kind kind, const struct vex_text *texts, size_t n,
		      float *out)
{
	struct remote_text *t = n ? calloc(n, sizeof(*t)) : NULL;
	struct vex_text *prefixed;
	size_t i;
	int ret;

	if (!n)
		return 0;
	ret = t ? prefix_texts(remote_of(e), kind, texts, n, &prefixed) : -ENOMEM;
	if (ret) {
		free(t);
		return ret;
	}
	if (prefixed)
		texts = prefixed;
	for (i = 0; i < n; i++)
		t[i] = (struct remote_text){ .kind = kind, .text = texts[i].text, .len = texts[i].len,
					     .out = out + i * e->dim };
	ret = wait_for(remote_of(e), t, n);
	free(prefixed);
	free(t);
	return ret;
}

int remote_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len, float *out)
{
	struct vex_text one = { .text = text, .len = len };

	return remote_embed_many(e, kind, &one, 1, out);
}

/* ---- what comes back ------------------------------------------------------------------- */

static const char *scale(float *v, uint32_t dim)
{
	double sum = 0;
	uint32_t i;

	for (i = 0; i < dim; i++)
		sum += (double)v[i] * (double)v[i];
	if (!(sum > 0) || !isfinite(sum))
		return "a vector of zeros";
	for (i = 0; i < dim; i++)
		v[i] = (float)((double)v[i] / sqrt(sum));
	return NULL;
}

const char *remote_take(const struct remote *r, struct json_object *vector, struct remote_text *t)
{
	struct json_object *o;
	double d;
	uint32_t i;

	if (!json_object_is_type(vector, json_type_array))
		return "no vector";
	if (json_object_array_length(vector) != r->e.dim)
		return "a vector of another dimension";
	for (i = 0; i < r->e.dim; i++) {
		o = json_object_array_get_idx(vector, i);
		if (!json_object_is_type(o, json_type_double) && !json_object_is_type(o, json_type_int))
			return "a vector with an element that is not a number";
		d = json_object_get_double(o);
		t->out[i] = (float)d;
		if (!isfinite(d) || !isfinite(t->out[i]))
			return "a vector with an element that is NaN or infinite";
	}
	return scale(t->out, r->e.dim);
}

/* Blanks inside are fine: "name version". */
static bool name_is_valid(const char *name)
{
	const char *p;

	for (p = name; *p; p++)
		if (*p < ' ' || *p > '~')
			return false;
	return *name && *name != ' ' && p[-1] != ' ';
}

const char *remote_identify(struct remote *r, const char *name, const char *fingerprint)
{
	if (!name || !name_is_valid(name) || strlen(name) > REMOTE_NAME_MAX)
		return "the name of its model must be 1 to 63 printable ASCII characters";
	if (builtin_named(name))
		return "the name of its model is that of the built-in embedder";
	strcpy(r->e.identity, name);
	if (fingerprint && parse_fingerprint(fingerprint, r->e.fingerprint))
		return "the fingerprint must be up to 64 hexadecimal digits, two per byte";
	return NULL;
}
