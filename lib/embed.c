// SPDX-License-Identifier: GPL-2.0
/* Embedders by name, and their model files. Documented in lib/embed.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	if (e)
		e->ops->destroy(e);
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

/* Return: bytes read, short only at the end of the file; negative errno. */
static ssize_t read_all(int fd, void *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = read(fd, (char *)data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
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

static int read_block(int fd, const struct model_head *head, void **block, size_t *len)
{
	ssize_t n;

	*len = (size_t)le64toh(head->len);
	*block = malloc(*len + 1);
	if (!*block)
		return -ENOMEM;
	/* One byte more than promised must not be there. */
	n = read_all(fd, *block, *len + 1);
	if (n < 0)
		return (int)n;
	if ((size_t)n != *len || le64toh(head->checksum) != model_checksum(head, *block, *len))
		return -EBADMSG;
	return 0;
}

static int load_model(int fd, struct vex_embedder **out)
{
	const struct vex_embedder_ops *ops;
	struct vex_embedder *e = NULL;
	struct model_head head;
	ssize_t n = read_all(fd, &head, sizeof(head));
	void *block = NULL;
	size_t len;
	int ret;

	if (n < 0)
		return (int)n;
	ops = n == sizeof(head) ? check_head(&head) : NULL;
	if (!ops)
		return -EBADMSG;
	if (le32toh(head.version) != MODEL_VERSION)
		return -EPROTO;
	if (le64toh(head.len) > VEX_EMBED_MAX_MODEL)
		return -EFBIG;
	ret = read_block(fd, &head, &block, &len);
	if (!ret)
		ret = vex_embedder_create(ops->name, le32toh(head.dim), &e);
	if (!ret)
		ret = ops->load(e, block, len);
	free(block);
	if (ret)
		vex_embedder_destroy(e);
	else
		*out = e;
	return ret;
}

int vex_model_load(int dirfd, const char *name, struct vex_embedder **out)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else
		ret = S_ISREG(st.st_mode) ? load_model(fd, out) : -EBADMSG;
	close(fd);
	return ret;
}
