// SPDX-License-Identifier: GPL-2.0
/*
 * model2vec:DIR: a model of static embeddings that the user has as files; lib/model2vec.h reads it
 *
 * Like programs and servers it is named by the user each time, never by a filesystem. Texts do not wait for each other:
 * any number of threads ask it at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/model2vec.h"
#include "tools/vexctl/remote.h"

struct local {
	struct remote r;
	struct vex_model2vec *m;
};

/* The mapped file is shorter than it was, or cannot be read: nothing can be done with what is missing. */
static void file_is_gone(int sig)
{
	static const char what[] = "vexctl: the model's file became shorter while it was in use, or cannot be read\n";

	if (write(STDERR_FILENO, what, sizeof(what) - 1) < 0)
		_exit(EXIT_FAILED);
	_exit(EXIT_FAILED);
}

static int local_embed(struct vex_embedder *e, enum vex_text_kind kind, const char *text, size_t len, float *out)
{
	struct vex_text one = { .text = text, .len = len }, *prefixed;
	struct local *l = (struct local *)e;
	int ret = prefix_texts(&l->r, kind, &one, 1, &prefixed);

	if (ret)
		return ret;
	ret = vex_model2vec_embed(l->m, prefixed ? prefixed->text : text, prefixed ? prefixed->len : len, out);
	free(prefixed);
	if (ret == -EBADMSG)
		say_error("%s: a vector of the model has elements that are NaN or infinite", l->r.spec);
	else if (ret == -EFBIG)
		say_error("%s: its tokenizer makes a text longer than 4,194,304 characters", l->r.spec);
	return ret == -EBADMSG || ret == -EFBIG ? -EREMOTEIO : ret;
}

static void local_close(struct remote *r)
{
	vex_model2vec_close(((struct local *)r)->m);
	signal(SIGBUS, SIG_DFL);
}

static const struct remote_ops local_ops = {
	.base = {
		.name = "model2vec", .destroy = remote_destroy, .embed = local_embed, .documents = remote_documents,
	},
	.close = local_close,
	.local = true,
};

int model2vec_open(const char *spec, double seconds, struct remote **out)
{
	struct local *l = calloc(1, sizeof(*l));
	char why[VEX_WHY];

	if (!l || remote_init(&l->r, &local_ops, spec, seconds)) {
		say_error("out of memory");
		free(l);
		return EXIT_FAILED;
	}
	signal(SIGBUS, file_is_gone);
	strcpy(l->r.e.identity, VEX_MODEL2VEC_IDENTITY);
	if (!vex_model2vec_open(strchr(spec, ':') + 1, &l->m, &l->r.e.dim, l->r.e.fingerprint, why)) {
		*out = &l->r;
		return EXIT_OK;
	}
	say_error("%s: %s", spec, why);
	remote_destroy(&l->r.e);
	return EXIT_FAILED;
}
