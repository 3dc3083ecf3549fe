// SPDX-License-Identifier: GPL-2.0
/* Models of static embeddings. Documented in lib/model2vec.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/model2vec.h"
#include "lib/tokenizer.h"

#define TOKENS_MAX	512	/* of a text */

/**
 * struct mapping - a file in memory
 */
struct mapping {
	void *p;
	size_t len;
};

/**
 * struct vex_model2vec - documented in lib/model2vec.h
 * @rows:    vectors, @dim elements each
 * @weights: a factor for each token; @map: its row; NULL: none
 */
struct vex_model2vec {
	struct mapping file;
	struct vex_tensors tensors;
	const struct vex_tensor *rows, *weights, *map;
	struct vex_tokenizer *tokenizer;
	uint32_t dim;
};

/* ---- files -------------------------------------------------------------------------------------- */

static int map_fd(int fd, struct mapping *m)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return -EBADMSG;
	if ((uint64_t)st.st_size > SIZE_MAX)
		return -EFBIG;
	m->p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->p == MAP_FAILED) {
		m->p = NULL;
		return -errno;
	}
	m->len = (size_t)st.st_size;
	return 0;
}

static int map_file(const char *dir, const char *name, struct mapping *m, char why[VEX_WHY])
{
	char path[PATH_MAX];
	int fd, ret;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ret = fd < 0 ? -errno : map_fd(fd, m);
	if (fd >= 0)
		close(fd);
	if (ret)
		snprintf(why, VEX_WHY, "%.150s: %s", name,
			 ret == -EBADMSG ? "empty, or not a regular file" : strerror(-ret));
	return ret;
}

static void unmap(struct mapping *m)
{
	if (m->p)
		munmap(m->p, m->len);
	m->p = NULL;
}

/* What is wrong is told with the file's name. */
static void name_it(const char *name, char why[VEX_WHY])
{
	char what[VEX_WHY];

	strcpy(what, why);
	snprintf(why, VEX_WHY, "%.64s: %.180s", name, what);
}

static void hash_file(const struct mapping *m, unsigned char out[16])
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(m->p, m->len));
	memcpy(out, c.digest, 16);
}

/* ---- opening ------------------------------------------------------------------------------------- */

static bool is_float(const struct vex_tensor *t)
{
	return t->dtype <= VEX_BF16;
}

static int wrong(char why[VEX_WHY], const char *what)
{
	snprintf(why, VEX_WHY, "%s", what);
	return -EBADMSG;
}

static int take_rows(struct vex_model2vec *m, char why[VEX_WHY])
{
	const struct vex_tensor *t = vex_tensor_find(&m->tensors, "embeddings");

	if (!t)
		t = vex_tensor_find(&m->tensors, "embedding.weight");
	if (!t)
		return wrong(why, "no tensor 'embeddings' or 'embedding.weight': not a model of static embeddings");
	if (!is_float(t) && t->dtype != VEX_I8)
		return wrong(why, "its vectors are not F64, F32, F16, BF16 or I8");
	if (t->ndim != 2 || !t->shape[0] || !t->shape[1])
		return wrong(why, "its vectors are not a matrix");
	if (t->shape[1] > VEX_EMBED_MAX_DIM)
		return wrong(why, "its vectors have more than 16,384 elements");
	m->rows = t;
	m->dim = (uint32_t)t->shape[1];
	return 0;
}

/* A tensor with an element for each token. */
static int take_list(struct vex_model2vec *m, const char *name, uint64_t least, const struct vex_tensor **out,
		     char why[VEX_WHY])
{
	const struct vex_tensor *t = vex_tensor_find(&m->tensors, name);

	if (t && (t->ndim != 1 || t->n < least)) {
		snprintf(why, VEX_WHY, "tensor '%s' does not have an element for each token", name);
		return -EBADMSG;
	}
	*out = t;
	return 0;
}

static int check_map(const struct vex_model2vec *m, char why[VEX_WHY])
{
	uint64_t i;
	double row;

	if (m->map->dtype != VEX_I32 && m->map->dtype != VEX_I64)
		return wrong(why, "tensor 'mapping' is not I32 or I64");
	for (i = 0; i < m->map->n; i++) {
		row = vex_tensor_number(m->map, i);
		if (!(row >= 0 && row < (double)m->rows->shape[0]))
			return wrong(why, "tensor 'mapping' names a vector that is not there");
	}
	return 0;
}

static int check_tensors(struct vex_model2vec *m, char why[VEX_WHY])
{
	uint64_t tokens = (uint64_t)vex_tokenizer_top(m->tokenizer) + 1;
	int ret = take_rows(m, why);

	if (!ret)
		ret = take_list(m, "weights", tokens, &m->weights, why);
	if (!ret)
		ret = take_list(m, "mapping", tokens, &m->map, why);
	if (ret)
		return ret;
	if (m->weights && !is_float(m->weights))
		return wrong(why, "tensor 'weights' is not F64, F32, F16 or BF16");
	if (m->map)
		return check_map(m, why);
	if (m->rows->shape[0] == vex_tokenizer_count(m->tokenizer) && tokens <= m->rows->shape[0])
		return 0;
	snprintf(why, VEX_WHY, "it has %llu vectors, its tokenizer %u tokens: they are not of one model",
		 (unsigned long long)m->rows->shape[0], vex_tokenizer_count(m->tokenizer));
	return -EBADMSG;
}

static int open_tokenizer(struct vex_model2vec *m, const char *dir, unsigned char hash[16], char why[VEX_WHY])
{
	const char *name = "tokenizer.json";
	struct mapping file = { NULL, 0 };
	int ret = map_file(dir, name, &file, why);

	if (ret == -ENOENT) {
		name = "vocab.txt";
		ret = map_file(dir, name, &file, why);
		if (ret == -ENOENT)
			snprintf(why, VEX_WHY, "neither tokenizer.json nor vocab.txt is there");
	}
	if (ret)
		return ret;
	ret = (*name == 't' ? vex_tokenizer_load : vex_tokenizer_load_words)(file.p, file.len, &m->tokenizer, why);
	if (ret)
		name_it(name, why);
	hash_file(&file, hash);
	unmap(&file);
	return ret;
}

static int open_tensors(struct vex_model2vec *m, const char *dir, const char *name, unsigned char hash[16],
			char why[VEX_WHY])
{
	int ret = map_file(dir, name, &m->file, why);

	if (ret)
		return ret;
	ret = vex_tensors_parse(m->file.p, m->file.len, &m->tensors, why);
	if (!ret)
		ret = check_tensors(m, why);
	if (ret)
		name_it(name, why);
	else
		hash_file(&m->file, hash);
	return ret;
}

/* The directory with both files, and the name of the one with the tensors. */
static int find_files(const char *path, char dir[PATH_MAX], const char **name, char why[VEX_WHY])
{
	static const char tensors[] = "model.safetensors", nested[] = "0_StaticEmbedding";
	char probe[PATH_MAX + 64];
	struct stat st;
	const char *slash;

	*name = tensors;
	if (strlen(path) + sizeof(nested) + 1 >= PATH_MAX || stat(path, &st)) {
		snprintf(why, VEX_WHY, "%s", strerror(errno ? errno : ENAMETOOLONG));
		return errno ? -errno : -ENAMETOOLONG;
	}
	strcpy(dir, path);
	if (!S_ISDIR(st.st_mode)) {
		slash = strrchr(path, '/');
		*name = slash ? slash + 1 : path;
		strcpy(dir, slash ? "" : ".");
		if (slash)
			snprintf(dir, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
		return 0;
	}
	snprintf(probe, sizeof(probe), "%s/%s", dir, tensors);
	if (access(probe, F_OK)) {
		snprintf(probe, sizeof(probe), "%s/%s/%s", dir, nested, tensors);
		if (!access(probe, F_OK))
			strcat(strcat(dir, "/"), nested);
	}
	return 0;
}

int vex_model2vec_open(const char *path, struct vex_model2vec **out, uint32_t *dim,
		       unsigned char fingerprint[VEX_EMBED_FINGERPRINT], char why[VEX_WHY])
{
	struct vex_model2vec *m = calloc(1, sizeof(*m));
	char dir[PATH_MAX];
	const char *name;
	int ret;

	why[0] = '\0';
	errno = 0;
	ret = m ? find_files(path, dir, &name, why) : -ENOMEM;
	if (!ret)
		ret = open_tokenizer(m, dir, fingerprint + 16, why);
	if (!ret)
		ret = open_tensors(m, dir, name, fingerprint, why);
	if (ret) {
		if (!why[0])
			snprintf(why, VEX_WHY, "%s", strerror(-ret));
		vex_model2vec_close(m);
		return ret;
	}
	*dim = m->dim;
	*out = m;
	return 0;
}

void vex_model2vec_close(struct vex_model2vec *m)
{
	if (!m)
		return;
	vex_tokenizer_free(m->tokenizer);
	unmap(&m->file);
	free(m);
}

/* ---- embedding -------------------------------------------------------------------------------------- */

/* Add the vectors of the tokens that count; how many do. */
static size_t add_tokens(const struct vex_model2vec *m, const uint32_t *ids, size_t n, double *sum)
{
	uint32_t unknown;
	bool named, has = vex_tokenizer_unknown(m->tokenizer, &unknown, &named);
	size_t i, taken = 0;

	for (i = 0; i < n && taken < TOKENS_MAX; i++) {
		if (has && named && ids[i] == unknown)
			continue;
		vex_tensor_add_row(m->rows, m->map ? (uint64_t)vex_tensor_number(m->map, ids[i]) : ids[i], m->dim,
				   m->weights ? vex_tensor_number(m->weights, ids[i]) : 1, sum);
		taken++;
	}
	return taken;
}

static int scale(const double *sum, uint32_t dim, float *out)
{
	double squares = 0;
	uint32_t i;

	for (i = 0; i < dim; i++)
		squares += sum[i] * sum[i];
	if (!isfinite(squares))
		return -EBADMSG;
	if (!(squares > 0))
		return -ENODATA;
	for (i = 0; i < dim; i++)
		out[i] = (float)(sum[i] / sqrt(squares));
	return 0;
}

int vex_model2vec_embed(const struct vex_model2vec *m, const char *text, size_t len, float *out)
{
	double *sum = calloc(m->dim, sizeof(*sum));
	size_t chars = (size_t)TOKENS_MAX * vex_tokenizer_median(m->tokenizer);
	uint32_t *ids = NULL;
	int64_t n;
	int ret;

	if (!sum)
		return -ENOMEM;
	n = vex_tokenizer_encode(m->tokenizer, text, len, chars, &ids);
	if (n < 0)
		ret = (int)n;
	else
		ret = add_tokens(m, ids, (size_t)n, sum) ? scale(sum, m->dim, out) : -ENODATA;
	free(ids);
	free(sum);
	return ret;
}
