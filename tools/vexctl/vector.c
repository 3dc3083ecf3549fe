// SPDX-License-Identifier: GPL-2.0
/* Vectors as text and as little-endian elements. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

/* Text of 16384 numbers with room to spare; a longer input is no vector. */
#define VECTOR_TEXT_MAX	(1u << 20)

void vector_free(struct vector *v)
{
	free(v->v);
	v->v = NULL;
	v->n = 0;
}

static int vector_alloc(struct vector *v, size_t n)
{
	v->v = malloc((n ? n : 1) * sizeof(*v->v));
	v->n = 0;
	return v->v ? 0 : -ENOMEM;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

/* The brackets of a JSON array are optional, but must come in a pair. */
static int strip_brackets(const char **p, const char **end)
{
	while (*p < *end && is_blank(**p))
		(*p)++;
	while (*end > *p && is_blank((*end)[-1]))
		(*end)--;
	if (*p == *end || (**p != '[' && (*end)[-1] != ']'))
		return 0;
	if (**p != '[' || (*end)[-1] != ']' || *end - *p < 2)
		return -EINVAL;
	(*p)++;
	(*end)--;
	return 0;
}

/* One number; what strtof takes beyond decimals (hex, nan, inf) is judged by vector_encode. */
static int parse_float(const char **p, const char *end, float *out)
{
	char word[64], *stop;
	size_t len = 0;

	while (*p + len < end && !is_blank((*p)[len]))
		len++;
	if (len >= sizeof(word))
		return -EINVAL;
	memcpy(word, *p, len);
	word[len] = '\0';
	*out = strtof(word, &stop);
	if (*stop || stop == word)
		return -EINVAL;
	*p += len;
	return 0;
}

int vector_parse(const char *text, size_t len, struct vector *v, size_t *where)
{
	const char *p = text, *end = text + len;
	int ret = vector_alloc(v, VEXFS_DIM_MAX);

	if (!ret)
		ret = strip_brackets(&p, &end);
	while (!ret) {
		while (p < end && is_blank(*p))
			p++;
		if (p == end)
			break;
		ret = v->n == VEXFS_DIM_MAX ? -E2BIG : parse_float(&p, end, &v->v[v->n]);
		v->n += !ret;
	}
	*where = (size_t)(p - text);
	if (ret)
		vector_free(v);
	return ret;
}

static float decode_element(const unsigned char *p, uint8_t elem)
{
	_Float16 half;
	uint32_t u32;
	uint16_t u16;
	float f;

	if (elem == VEXFS_IOC_I8)
		return (int8_t)*p;
	if (elem == VEXFS_IOC_F16) {
		memcpy(&u16, p, sizeof(u16));
		u16 = le16toh(u16);
		memcpy(&half, &u16, sizeof(half));
		return (float)half;
	}
	memcpy(&u32, p, sizeof(u32));
	u32 = le32toh(u32);
	memcpy(&f, &u32, sizeof(f));
	return f;
}

int vector_decode(const void *raw, size_t len, uint8_t elem, struct vector *v)
{
	uint32_t size = elem_size(elem);
	size_t i;
	int ret;

	if (!size || len % size)
		return -EINVAL;
	ret = vector_alloc(v, len / size);
	if (ret)
		return ret;
	v->n = len / size;
	for (i = 0; i < v->n; i++)
		v->v[i] = decode_element((const unsigned char *)raw + i * size, elem);
	return 0;
}

/* 0, or -EDOM if @f has no place in the type. */
static int encode_element(float f, uint8_t elem, unsigned char *p)
{
	_Float16 half = (_Float16)f;
	uint32_t u32;
	uint16_t u16;

	if (!isfinite(f))
		return -EDOM;
	if (elem == VEXFS_IOC_I8) {
		if (f < -128.0f || f > 127.0f || f != rintf(f))
			return -EDOM;
		*p = (unsigned char)(int8_t)f;
	} else if (elem == VEXFS_IOC_F16) {
		if (!isfinite((float)half))
			return -EDOM;
		memcpy(&u16, &half, sizeof(u16));
		u16 = htole16(u16);
		memcpy(p, &u16, sizeof(u16));
	} else {
		memcpy(&u32, &f, sizeof(u32));
		u32 = htole32(u32);
		memcpy(p, &u32, sizeof(u32));
	}
	return 0;
}

int vector_encode(const struct vector *v, uint8_t elem, void *out, size_t *where)
{
	uint32_t size = elem_size(elem);
	size_t i;

	for (i = 0; i < v->n; i++) {
		*where = i;
		if (encode_element(v->v[i], elem, (unsigned char *)out + i * size))
			return -EDOM;
	}
	return 0;
}

void vector_stretch_i8(struct vector *v)
{
	float max = 0;
	size_t i;

	for (i = 0; i < v->n; i++)
		max = fmaxf(max, fabsf(v->v[i]));
	for (i = 0; max > 0 && i < v->n; i++)
		v->v[i] = rintf(v->v[i] * (127.0f / max));
}

/* All of @fd up to VECTOR_TEXT_MAX bytes; -EFBIG beyond. */
static int read_input(int fd, char **out, size_t *len)
{
	char *buf = malloc(VECTOR_TEXT_MAX + 1);
	ssize_t n = 1;

	*len = 0;
	*out = buf;
	if (!buf)
		return -ENOMEM;
	while (n && *len <= VECTOR_TEXT_MAX) {
		n = read(fd, buf + *len, VECTOR_TEXT_MAX + 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		*len += (size_t)n;
	}
	return *len > VECTOR_TEXT_MAX ? -EFBIG : 0;
}

static int read_path(const char *path, char **out, size_t *len)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	int ret;

	*out = NULL;
	if (fd < 0)
		return -errno;
	ret = read_input(fd, out, len);
	if (fd != STDIN_FILENO)
		close(fd);
	return ret;
}

static const char *input_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static int say_parse_error(const char *path, int err, size_t where)
{
	if (err == -E2BIG)
		say_error("%s: more than %d numbers; an embedding has at most that many",
			  input_name(path), VEXFS_DIM_MAX);
	else if (err == -EINVAL)
		say_error("%s: not a number at byte %zu: give numbers separated by blanks or commas,"
			  " a JSON array, or --raw elements", input_name(path), where);
	else
		say_error("cannot read a vector from %s: %s", input_name(path), strerror(-err));
	return EXIT_FAILED;
}

static int check_vector(const char *path, const struct vexfs_ioc_collection *c,
			const struct vector *v)
{
	size_t i;

	if (v->n != c->dim) {
		say_error("%s: the vector has %zu element%s, collection '%.63s' has dimension %u",
			  input_name(path), v->n, v->n == 1 ? "" : "s", c->name, c->dim);
		return EXIT_FAILED;
	}
	for (i = 0; i < v->n; i++) {
		if (isfinite(v->v[i]))
			continue;
		say_error("%s: element %zu is %s: an embedding has finite elements only",
			  input_name(path), i, isnan(v->v[i]) ? "NaN" : "infinite");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

int vector_read(const char *path, bool raw, bool as_f32, const struct vexfs_ioc_collection *c,
		struct vector *v)
{
	size_t len = 0, where = 0;
	char *buf;
	int ret = read_path(path, &buf, &len);

	v->v = NULL;
	if (!ret && raw)
		ret = vector_decode(buf, len, as_f32 ? VEXFS_IOC_F32 : c->elem, v);
	else if (!ret)
		ret = vector_parse(buf, len, v, &where);
	free(buf);
	if (ret && raw && ret == -EINVAL) {
		say_error("%s: %zu bytes are not a whole number of elements", input_name(path), len);
		return EXIT_FAILED;
	}
	if (ret)
		return say_parse_error(path, ret, where);
	ret = check_vector(path, c, v);
	if (ret)
		vector_free(v);
	return ret;
}
