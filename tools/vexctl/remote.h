/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Embedders that are somewhere else: a program that vexctl starts (exec.c), a server (http.c), or a model in files of
 * the user's (model2vec.c).
 *
 * Which one is meant is said by the user, on the command line or in the environment, never by a filesystem: who can
 * write a filesystem must not choose what others run.
 *
 * Any number of threads may ask. Their texts wait in one queue; as many threads as there may be batches on their way
 * (a program takes one at a time, a server several) take as many texts as make a batch and do the asking, so batches
 * are full when many ask and none waits for a batch to fill. A call with texts for several batches starts threads for
 * them. Which answers come first makes no difference: each text has the place of its vector with it.
 *
 * The first failure ends it: it has been told to the user then, what is on its way is given up, and every call returns
 * -EREMOTEIO.
 */
#ifndef VEXCTL_REMOTE_H
#define VEXCTL_REMOTE_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/vexctl/vexctl.h"

#define REMOTE_SECONDS	120	/* without an answer */
#define REMOTE_WORKERS	16	/* threads of index for each batch on its way: files read while others are asked about */
#define REMOTE_WORKERS_MAX 64
#define REMOTE_JOBS	4	/* batches on their way to a server */
#define REMOTE_JOBS_MAX	64
#define REMOTE_NAME_MAX	(VEX_EMBED_IDENTITY - 1)
#define PREFIX_MAX	1024	/* bytes of what is put before a text */
#define PREFIX_NOTE_MAX	(6 * 2 * PREFIX_MAX + 64)	/* both as JSON */

/**
 * struct prefixes - what is put before texts; NULL: nothing
 */
struct prefixes {
	char *query, *passage;
};

/**
 * struct remote_call - one that waits for the vectors of its texts
 * @left:  texts without one
 * @asked: of them, those on their way: their memory is in use
 */
struct remote_call {
	size_t left, asked;
};

/**
 * struct remote_text - a text that waits for its vector
 * @out: for e.dim elements
 */
struct remote_text {
	struct remote_text *next;
	struct remote_call *call;
	enum vex_text_kind kind;
	const char *text;
	size_t len;
	float *out;
};

struct remote;

/**
 * struct remote_ops - one way to reach an embedder
 * @batch: texts at once, at most
 * @ask:   the vectors of a list of texts, by remote_take(). 0, -EINTR, or -EREMOTEIO after it has said why; as many
 *         threads at a time as struct remote says. When stopped is set it may return -EINTR
 * @probe: find e.dim out, which is 0. As @ask; NULL: it is known from the beginning
 * @close: free what it has; the caller frees the structure
 * @local: it computes in this process, and words say as much as its vectors do: nothing is queued or kept, @batch and
 *         @ask are not used, any number of threads may call base.embed
 * @several: batches may be on their way at a time
 */
struct remote_ops {
	struct vex_embedder_ops base;
	size_t batch;
	int (*ask)(struct remote *r, struct remote_text *texts);
	int (*probe)(struct remote *r);
	void (*close)(struct remote *r);
	bool local, several;
};

/**
 * struct remote - the common beginning
 * @e:       its ops are those of struct remote_ops
 * @spec:    what the user said
 * @name:    its identity without prefixes
 * @prefixes_given: on the command line, so the collection's do not count
 * @seconds: to wait for an answer
 * @lock:    of what follows
 * @asking:  threads that ask; at most @parallel, which may become less
 * @error:   what ended it
 * @stopped: an error has ended it; may be read without the lock
 */
struct remote {
	struct vex_embedder e;
	char *spec;
	char name[VEX_EMBED_IDENTITY];
	struct prefixes prefixes;
	bool prefixes_given;
	double seconds;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int asking, parallel;
	int error;
	atomic_bool stopped;
	struct remote_text *head, **tail;
};

/* remote.c */
int remote_init(struct remote *r, const struct remote_ops *ops, const char *spec, double seconds);
int remote_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len, float *out);
int remote_embed_many(struct vex_embedder *e, enum vex_text_kind kind, const struct vex_text *texts, size_t n,
		      float *out);
uint64_t remote_documents(const struct vex_embedder *e);
void remote_destroy(struct vex_embedder *e);
#define REMOTE_BASE(kind)	{ .name = (kind), .destroy = remote_destroy, .embed = remote_embed, \
				  .embed_many = remote_embed_many, .documents = remote_documents }
/* A vector from JSON for @t, scaled to length 1. NULL, or what is wrong with it. */
const char *remote_take(const struct remote *r, struct json_object *vector, struct remote_text *t);
/* The name and the fingerprint (hexadecimal, or NULL) of its model. NULL, or what is wrong. */
const char *remote_identify(struct remote *r, const char *name, const char *fingerprint);

bool remote_is_local(const struct vex_embedder *e);
/* So many batches at a time; 0: the default. Before it is used. EXIT_*. */
int remote_jobs(struct remote *r, unsigned int jobs);
/* Threads that index should have. */
size_t remote_workers(const struct vex_embedder *e);
/* Find the dimension out. EXIT_*. */
int remote_probe(struct vex_embedder *e);

/* prefix.c: those that say something return EXIT_* */
/* Those of the command line, and no others that it may have had. */
int prefix_options(struct remote *r, const struct options *opt);
/* Is @identity this embedder with prefixes, which the command line does not name? */
bool prefix_may_fit(const struct remote *r, const char *identity);
/* Those of a collection that fits so. */
int prefix_from_note(struct remote *r, const struct target *t, const struct vexfs_ioc_collection *c);
/* Note those there are for who searches. */
int prefix_note(struct remote *r, const struct target *t, const char *collection);
/* Texts with what is put before them, in one block that the caller frees; NULL: nothing is. 0 or -ENOMEM. */
int prefix_texts(const struct remote *r, enum vex_text_kind kind, const struct vex_text *texts, size_t n,
		 struct vex_text **out);
void prefix_end(struct remote *r);

/* exec.c, http.c, model2vec.c: say what is wrong; EXIT_* */
int exec_open(const char *spec, double seconds, struct remote **out);
int http_open(const char *spec, double seconds, struct remote **out);
int model2vec_open(const char *spec, double seconds, struct remote **out);

/* embedder.c */
#define EMBEDDER_VARIABLE	"VEXCTL_EMBEDDER"
/* Does it name an embedder of this kind? */
bool embedder_is_remote(const char *spec);
/* An open embedder for @spec; it stays open for the next one who asks until embedder_forget(). EXIT_*. */
int embedder_open(const char *spec, const struct options *opt, struct vex_embedder **out);
void embedder_forget(void);
/**
 * embedder_choose - the collection a command means, and the embedder of its texts
 * @fill: it will be filled: makes the collection if there is none
 * @name: of the collection, from the command line or chosen
 * @made: it is new
 * @e:    out; NULL: the lexical one, whose model is stored with the collection
 *
 * The command line's word counts first. A collection that another embedder has filled is never taken for it.
 * Says what is wrong; EXIT_*.
 */
int embedder_choose(const struct target *t, const struct options *opt, bool fill, char name[VEXFS_IOC_NAME_LEN],
		    bool *made, struct vex_embedder **e);

#endif /* VEXCTL_REMOTE_H */
