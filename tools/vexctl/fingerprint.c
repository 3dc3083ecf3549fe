// SPDX-License-Identifier: GPL-2.0
/* vexctl fingerprint: what fsck.vexfs --erased can look for after these embeddings were deleted */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/vec.h"
#include "lib/erased.h"
#include "tools/vexctl/vexctl.h"

#define LIST_BATCH	32

/**
 * struct printing - the embeddings of one file
 * @space: of the collection, in core's terms: the numbers are the same
 * @data:  room for a vector
 * @f32, @code: for its code
 * @shown: embeddings with fingerprints; @without: and those that have none
 */
struct printing {
	struct target t;
	struct vexfs_ioc_collection coll;
	struct vexfs_space space;
	void *data;
	uint32_t *f32;
	struct vexfs_code *code;
	uint64_t shown, without;
};

static unsigned int print_windows(const struct printing *p, const char *what, uint32_t chunk, const void *data,
				  size_t len, size_t skip)
{
	size_t off[VEX_ERASED_PARTS];
	unsigned int i, n = vex_erased_windows(data, len, skip, off);
	char hex[33];

	for (i = 0; i < n; i++) {
		vex_erased_hex((const char *)data + off[i], hex);
		printf("%s %s at %zu, chunk %u of ", hex, what, off[i], chunk);
		print_safe(stdout, p->t.path, strlen(p->t.path));
		putchar('\n');
	}
	return n;
}

/* 0, or a negative errno */
static int print_chunk(struct printing *p, const char *collection, uint32_t chunk)
{
	struct vexfs_embedding e = {
		.collection = collection, .chunk = chunk, .data = p->data, .bytes = vexfs_vec_bytes(&p->space),
	};
	int ret = vexfs_embedding_get(p->t.fd, &e);

	if (ret)
		return ret == -ENODATA ? 0 : ret;	/* deleted meanwhile */
	vexfs_vec_to_f32(&p->space, e.data, p->f32);
	vexfs_code_encode(&p->space, p->f32, 0, p->code);
	if (print_windows(p, "vector", chunk, e.data, e.bytes, 0))
		p->shown++;
	else
		p->without++;
	print_windows(p, "code", chunk, p->code + 1, p->space.dim, sizeof(*p->code));
	return 0;
}

static int print_file(struct printing *p, const char *collection)
{
	struct vexfs_list pos = { .next_id = p->coll.id };
	struct vexfs_vec_entry e[LIST_BATCH];
	int n, i, ret;

	while ((n = vexfs_embedding_list(p->t.fd, &pos, e, LIST_BATCH)) > 0) {
		for (i = 0; i < n; i++) {
			if (e[i].collection_id != p->coll.id)
				return 0;
			ret = print_chunk(p, collection, e[i].chunk);
			if (ret)
				return ret;
		}
	}
	return n;
}

static int prepare(struct printing *p)
{
	p->space.dim = p->coll.dim;
	p->space.elem = p->coll.elem;
	p->space.metric = p->coll.metric;
	if (!vexfs_space_valid(&p->space))
		return -EUCLEAN;
	p->data = malloc(vexfs_vec_bytes(&p->space));
	p->f32 = calloc(p->space.dim, sizeof(*p->f32));
	p->code = malloc(vexfs_code_bytes(&p->space));
	return p->data && p->f32 && p->code ? 0 : -ENOMEM;
}

static int report(const struct printing *p, const char *collection)
{
	if (p->without) {
		say_error("%s: embeddings without a fingerprint: %llu (shorter than %u bytes, or hardly any different "
			  "bytes)", p->t.path, (unsigned long long)p->without, VEX_ERASED_WINDOW);
		return EXIT_PARTLY;
	}
	if (p->shown)
		return EXIT_OK;
	say_error("%s has no embedding in collection '%s'", p->t.path, collection);
	return EXIT_NOTHING;
}

static int fingerprint_one(const struct options *opt, const char *path)
{
	struct printing p = { 0 };
	int ret = target_open(&p.t, path, O_RDONLY), err;

	if (ret)
		return ret;
	ret = target_collection(&p.t, opt->collection, &p.coll);
	if (!ret) {
		err = prepare(&p);
		if (!err)
			err = print_file(&p, opt->collection);
		ret = err ? target_fail(&p.t, opt->collection, "read the embeddings of", err) :
			    report(&p, opt->collection);
	}
	free(p.data);
	free(p.f32);
	free(p.code);
	target_close(&p.t);
	return ret;
}

static int run_fingerprint(const struct command *cmd, struct options *opt)
{
	puts(VEX_ERASED_HEAD);
	return for_each_path(opt, fingerprint_one);
}

const struct command cmd_fingerprint = {
	.name = "fingerprint",
	.summary = "list what to search a device for after a delete",
	.accepts = "collection",
	.min_args = 1, .max_args = -1, .needs_collection = true,
	.run = run_fingerprint,
	.help =
	"usage: vexctl fingerprint --collection NAME FILE...\n"
	"Print fingerprints (hashes of 32 bytes) of every embedding of each FILE. When the embeddings are deleted\n"
	"and the filesystem is unmounted, 'fsck.vexfs --erased LIST DEVICE' searches the whole device for them.\n"
	"Keep the list outside of that device, and to yourself: a guessed vector can be confirmed by it.\n\n"
	"  -c, --collection NAME  of which\n\n"
	"Exit status: 0 done, 1 failed, 3 a file has none, 4 one has no fingerprint: it is too short or too\n"
	"uniform.\n\n"
	"example: vexctl fingerprint --collection notes /mnt/diary/*.txt > deleted.list\n",
};
