// SPDX-License-Identifier: GPL-2.0
/* Embedders by name, and their model files. Documented in lib/embed.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/embed.h"

#define MODEL_MAGIC	"VEXMODEL"
#define MODEL_VERSION	2	/* 2: words by Unicode's normalisation and folding */

/**
 * struct model_head - the beginning of a model file, little-endian
 * @version:  of this header and of the embedder's block and weights
 * @name:     of the embedder, NUL padded
 * @checksum: xxh64 of @magic..@len, then of the block
 */
struct model_head {
	char magic[8];
	uint32_t version;
	uint32_t dim;
	char name[16];
	uint64_t len;
	uint64_t checksum;
};

static const struct vex_embedder_ops *const embedders[] = {
	&vex_lexical_ops,
	&vex_static_ops,
};

const struct vex_embedder_ops *vex_embedder_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(embedders) / sizeof(embedders[0]); i++)
		if (!strcmp(embedders[i]->name, name))
			return embedders[i];
	return NULL;
}

int vex_embedder_create(const char *name, uint32_t dim, struct vex_embedder **out)
{
	const struct vex_embedder_ops *ops = vex_embedder_find(name);

	if (!ops || !dim || dim > VEX_EMBED_MAX_DIM)
		return -EINVAL;
	*out = ops->create(dim);
	if (!*out)
		return -ENOMEM;
	snprintf((*out)->identity, sizeof((*out)->identity), "%s", ops->identity);
	return 0;
}

void vex_embedder_destroy(struct vex_embedder *e)
{
	void *map = e ? e->map : NULL;
	size_t len = e ? e->map_len : 0;

	if (e)
		e->ops->destroy(e);
	if (map)
		munmap(map, len);
}

static uint64_t model_checksum(const struct model_head *head, const void *block, size_t len)
{
	uint64_t h = XXH64(head, offsetof(struct model_head, checksum), 0);

	return XXH64(block, len, h);
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_model(int dirfd, const char *name, const struct model_head *head,
		       const void *block, size_t len)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int ret;

	if (fd < 0)
		return -errno;
	ret = write_all(fd, head, sizeof(*head));
	if (!ret)
		ret = write_all(fd, block, len);
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

int vex_model_save(struct vex_embedder *e, int dirfd, const char *name)
{
	struct model_head head = { .magic = MODEL_MAGIC, .version = htole32(MODEL_VERSION) };
	char temporary[300];
	void *block;
	size_t len;
	int ret = e->ops->save(e, &block, &len);

	if (ret)
		return ret;
	head.dim = htole32(e->dim);
	snprintf(head.name, sizeof(head.name), "%s", e->ops->name);
	head.len = htole64(len);
	head.checksum = htole64(model_checksum(&head, block, len));
	snprintf(temporary, sizeof(temporary), ".%.200s.%ld", name, (long)getpid());
	unlinkat(dirfd, temporary, 0);	/* left by a crash of a namesake */
	ret = write_model(dirfd, temporary, &head, block, len);
	if (!ret && renameat(dirfd, temporary, dirfd, name))
		ret = -errno;
	if (ret && ret != -EEXIST)	/* EEXIST: the temporary file is not ours */
		unlinkat(dirfd, temporary, 0);
	free(block);
	return ret;
}

/* Which embedder a header asks for; NULL if anything about it is wrong. */
static const struct vex_embedder_ops *check_head(const struct model_head *head)
{
	uint32_t dim = le32toh(head->dim);

	if (memcmp(head->magic, MODEL_MAGIC, sizeof(head->magic)) ||
	    !dim || dim > VEX_EMBED_MAX_DIM ||
	    !memchr(head->name, 0, sizeof(head->name)))
		return NULL;
	return vex_embedder_find(head->name);
}

/**
 * struct model_file - a model file, mapped
 */
struct model_file {
	const struct model_head *head;
	void *map;
	size_t len;
};

/*
 * The file may change while it is mapped: a writer with permission for it can make vectors worthless, or, by
 * cutting it short, end the program by SIGBUS. vex_model_save() never writes into a file that has this name.
 */
static int map_model(int fd, const struct stat *st, struct model_file *f)
{
	if (st->st_size < (off_t)sizeof(*f->head))
		return -EBADMSG;
	if (st->st_size > (off_t)(sizeof(*f->head) + VEX_EMBED_MAX_MODEL))
		return -EFBIG;
	f->len = (size_t)st->st_size;
	f->map = mmap(NULL, f->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (f->map == MAP_FAILED) {
		f->map = NULL;
		return -errno;
	}
	f->head = f->map;
	return 0;
}

/* Which embedder the file asks for; every byte of it is covered by the checksum. */
static int check_model(const struct model_file *f, const struct vex_embedder_ops **ops)
{
	uint64_t len = le64toh(f->head->len);

	*ops = check_head(f->head);
	if (!*ops)
		return -EBADMSG;
	if (le32toh(f->head->version) != MODEL_VERSION)
		return -EPROTO;
	if (len > VEX_EMBED_MAX_MODEL)
		return -EFBIG;
	if (len != f->len - sizeof(*f->head) ||
	    le64toh(f->head->checksum) != model_checksum(f->head, f->head + 1, (size_t)len))
		return -EBADMSG;
	return 0;
}

static int load_model(const struct model_file *f, struct vex_embedder **out)
{
	const struct vex_embedder_ops *ops;
	struct vex_embedder *e = NULL;
	int ret = check_model(f, &ops);

	if (!ret)
		ret = vex_embedder_create(ops->name, le32toh(f->head->dim), &e);
	if (!ret)
		ret = ops->load(e, f->head + 1, f->len - sizeof(*f->head));
	if (ret) {
		vex_embedder_destroy(e);
		return ret;
	}
	if (ops->mapped) {
		e->map = f->map;
		e->map_len = f->len;
	}
	*out = e;
	return 0;
}

int vex_model_load(int dirfd, const char *name, struct vex_embedder **out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct model_file f = { 0 };
	struct stat st;
	int ret;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else
		ret = S_ISREG(st.st_mode) ? map_model(fd, &st, &f) : -EBADMSG;
	if (!ret)
		ret = load_model(&f, out);
	if (f.map && (ret || !(*out)->map))
		munmap(f.map, f.len);
	close(fd);
	return ret;
}
