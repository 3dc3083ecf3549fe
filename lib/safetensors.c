// SPDX-License-Identifier: GPL-2.0
/* Tensors in a file of the format safetensors. Documented in lib/safetensors.h. */
#include <endian.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/softfloat.h"
#include "lib/safetensors.h"

#define DEPTH_MAX	8	/* {"name": {"shape": [..]}} has three */

static const struct {
	const char *name;
	unsigned int bytes;
} dtypes[] = {
	[VEX_F64] = { "F64", 8 }, [VEX_F32] = { "F32", 4 }, [VEX_F16] = { "F16", 2 }, [VEX_BF16] = { "BF16", 2 },
	[VEX_I64] = { "I64", 8 }, [VEX_I32] = { "I32", 4 }, [VEX_I8] = { "I8", 1 },
};

/* Others are read over: their bytes count, their elements are not looked at. */
static unsigned int other_bytes(const char *name)
{
	if (!strcmp(name, "U64"))
		return 8;
	if (!strcmp(name, "U32"))
		return 4;
	if (!strcmp(name, "U16") || !strcmp(name, "I16"))
		return 2;
	return !strcmp(name, "U8") || !strcmp(name, "BOOL") || !strncmp(name, "F8_", 3);
}

static int bad(char why[VEX_WHY], const char *tensor, const char *what)
{
	if (tensor)
		snprintf(why, VEX_WHY, "tensor '%.60s' %s", tensor, what);
	else
		snprintf(why, VEX_WHY, "%s", what);
	return -EBADMSG;
}

static unsigned int take_dtype(struct vex_tensor *t, const char *name)
{
	unsigned int i;

	for (i = 0; i < VEX_DTYPE_OTHER; i++) {
		if (!strcmp(dtypes[i].name, name)) {
			t->dtype = (enum vex_dtype)i;
			return dtypes[i].bytes;
		}
	}
	t->dtype = VEX_DTYPE_OTHER;
	return other_bytes(name);
}

static bool take_count(struct json_object *o, uint64_t *out)
{
	int64_t n;

	if (!json_object_is_type(o, json_type_int))
		return false;
	n = json_object_get_int64(o);	/* too large a number is INT64_MAX */
	*out = (uint64_t)n;
	return n >= 0 && n < INT64_MAX;
}

static const char *take_shape(struct vex_tensor *t, struct json_object *shape)
{
	size_t i, n;

	if (!json_object_is_type(shape, json_type_array))
		return "has no shape";
	n = json_object_array_length(shape);
	if (n > 4)
		return "has more than 4 dimensions";
	t->n = 1;
	for (i = 0; i < n; i++)
		if (!take_count(json_object_array_get_idx(shape, i), &t->shape[i]) ||
		    __builtin_mul_overflow(t->n, t->shape[i], &t->n))
			return "has an impossible shape";
	t->ndim = (unsigned int)n;
	return NULL;
}

static const char *take_offsets(struct vex_tensor *t, struct json_object *o, uint64_t room)
{
	if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != 2 ||
	    !take_count(json_object_array_get_idx(o, 0), &t->begin) ||
	    !take_count(json_object_array_get_idx(o, 1), &t->end) || t->begin > t->end)
		return "has no valid data_offsets";
	return t->end > room ? "ends after the end of the file (truncated?)" : NULL;
}

static const char *take_tensor(struct vex_tensor *t, const char *name, struct json_object *o, uint64_t room)
{
	struct json_object *dtype, *shape, *offsets;
	const char *wrong;
	uint64_t bytes;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "dtype", &dtype) ||
	    !json_object_is_type(dtype, json_type_string) || !json_object_object_get_ex(o, "shape", &shape) ||
	    !json_object_object_get_ex(o, "data_offsets", &offsets))
		return "has no dtype, shape or data_offsets";
	snprintf(t->name, sizeof(t->name), "%s", strlen(name) < sizeof(t->name) ? name : "");
	bytes = take_dtype(t, json_object_get_string(dtype));
	if (!bytes)
		return "has an unknown dtype";
	wrong = take_shape(t, shape);
	if (!wrong)
		wrong = take_offsets(t, offsets, room);
	if (!wrong && (__builtin_mul_overflow(t->n, bytes, &bytes) || bytes != t->end - t->begin))
		wrong = "has another number of bytes than its shape says";
	return wrong;
}

static int by_begin(const void *a, const void *b)
{
	const struct vex_tensor *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return (x->end > y->end) - (x->end < y->end);
}

/* The format allows neither gaps nor overlaps, so a file that has lost its end is seen. */
static int check_layout(struct vex_tensors *ts, uint64_t room, char why[VEX_WHY])
{
	uint64_t at = 0;
	unsigned int i;

	qsort(ts->t, ts->n, sizeof(ts->t[0]), by_begin);
	for (i = 0; i < ts->n; i++) {
		if (ts->t[i].begin != at)
			return bad(why, ts->t[i].name, at < ts->t[i].begin ? "has a gap before it" : "overlaps another");
		at = ts->t[i].end;
	}
	return at == room ? 0 : bad(why, NULL, "there are bytes after the last tensor");
}

static int take_tensors(struct json_object *header, struct vex_tensors *ts, uint64_t room, char why[VEX_WHY])
{
	const char *wrong;

	json_object_object_foreach(header, name, value) {
		if (!strcmp(name, "__metadata__"))
			continue;
		if (ts->n == VEX_TENSORS_MAX)
			return bad(why, NULL, "more than 64 tensors: a model of static embeddings has up to three");
		wrong = take_tensor(&ts->t[ts->n++], name, value, room);
		if (wrong)
			return bad(why, name, wrong);
	}
	return check_layout(ts, room, why);
}

static struct json_object *parse_header(const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o = tok ? json_tokener_parse_ex(tok, text, (int)len) : NULL;

	/* An object ends by itself: nothing is needed after it. */
	if (tok && json_tokener_get_error(tok) != json_tokener_success) {
		json_object_put(o);
		o = NULL;
	}
	if (tok)
		json_tokener_free(tok);
	return o;
}

int vex_tensors_parse(const void *file, size_t len, struct vex_tensors *ts, char why[VEX_WHY])
{
	const unsigned char *p = file;
	struct json_object *header;
	uint64_t n, room;
	unsigned int i;
	int ret;

	memset(ts, 0, sizeof(*ts));
	if (len < sizeof(n))
		return bad(why, NULL, "shorter than the 8 bytes that begin a file of safetensors");
	memcpy(&n, p, sizeof(n));
	n = le64toh(n);
	if (n < 2 || n > VEX_TENSOR_HEADER_MAX)
		return bad(why, NULL, "the length of its header is impossible: not a file of safetensors");
	if (n > len - sizeof(n))
		return bad(why, NULL, "it ends within its header (truncated?)");
	room = len - sizeof(n) - n;
	header = p[8] == '{' ? parse_header((const char *)p + sizeof(n), (size_t)n) : NULL;
	if (!json_object_is_type(header, json_type_object)) {
		json_object_put(header);
		return bad(why, NULL, "its header is not a JSON object");
	}
	ret = take_tensors(header, ts, room, why);
	json_object_put(header);
	for (i = 0; i < ts->n; i++)
		ts->t[i].data = p + sizeof(n) + n + ts->t[i].begin;
	return ret;
}

const struct vex_tensor *vex_tensor_find(const struct vex_tensors *ts, const char *name)
{
	unsigned int i;

	for (i = 0; i < ts->n; i++)
		if (!strcmp(ts->t[i].name, name))
			return &ts->t[i];
	return NULL;
}

static float read_f32(const unsigned char *p)
{
	uint32_t bits;
	float f;

	memcpy(&bits, p, sizeof(bits));
	bits = le32toh(bits);
	memcpy(&f, &bits, sizeof(f));
	return f;
}

static double read_f64(const unsigned char *p)
{
	uint64_t bits;
	double d;

	memcpy(&bits, p, sizeof(bits));
	bits = le64toh(bits);
	memcpy(&d, &bits, sizeof(d));
	return d;
}

/* Two bytes, widened: a bfloat16 is the upper half of a float. */
static float read_half(const unsigned char *p, enum vex_dtype dtype)
{
	uint16_t half = (uint16_t)(p[0] | p[1] << 8);
	uint32_t bits = dtype == VEX_BF16 ? (uint32_t)half << 16 : vexfs_sf_from_f16(half);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

static int64_t read_int(const unsigned char *p, enum vex_dtype dtype)
{
	uint64_t wide;
	uint32_t narrow;

	if (dtype == VEX_I8)
		return (int8_t)*p;
	if (dtype == VEX_I32) {
		memcpy(&narrow, p, sizeof(narrow));
		return (int32_t)le32toh(narrow);
	}
	memcpy(&wide, p, sizeof(wide));
	return (int64_t)le64toh(wide);
}

double vex_tensor_number(const struct vex_tensor *t, uint64_t i)
{
	const unsigned char *p = t->data + i * dtypes[t->dtype].bytes;

	switch (t->dtype) {
	case VEX_F64:
		return read_f64(p);
	case VEX_F32:
		return (double)read_f32(p);
	case VEX_F16:
	case VEX_BF16:
		return (double)read_half(p, t->dtype);
	default:
		return (double)read_int(p, t->dtype);
	}
}

void vex_tensor_add_row(const struct vex_tensor *t, uint64_t row, uint32_t dim, double scale, double *sum)
{
	const unsigned char *p = t->data + row * dim * dtypes[t->dtype].bytes;
	uint32_t i;

	if (t->dtype == VEX_F32) {
		for (i = 0; i < dim; i++)
			sum[i] += scale * (double)read_f32(p + 4 * (size_t)i);
		return;
	}
	for (i = 0; i < dim; i++)
		sum[i] += scale * vex_tensor_number(t, row * dim + i);
}
