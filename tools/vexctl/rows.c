// SPDX-License-Identifier: GPL-2.0
/* Matrices of numbers: NumPy's .npy, and .fvecs. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/transfer.h"

#define NPY_MAGIC	"\x93NUMPY"
#define HEAD_MAX	4096	/* of an .npy that is read; NumPy writes 118 bytes */

void npy_head(char head[NPY_HEAD], uint8_t elem, uint64_t rows, uint32_t dim)
{
	static const char *const descr[] = {
		[VEXFS_IOC_F32] = "<f4", [VEXFS_IOC_F16] = "<f2", [VEXFS_IOC_I8] = "|i1",
	};
	int n;

	memset(head, ' ', NPY_HEAD);
	memcpy(head, NPY_MAGIC "\1\0", 8);
	head[8] = (char)(NPY_HEAD - 10);
	head[9] = 0;
	n = snprintf(head + 10, NPY_HEAD - 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%llu, %u), }",
		     descr[elem], (unsigned long long)rows, dim);
	head[10 + n] = ' ';
	head[NPY_HEAD - 1] = '\n';
}

/* What follows "'@key':" in the dictionary. */
static const char *value_of(const char *head, const char *key)
{
	const char *p = strstr(head, key);

	if (!p)
		return NULL;
	p += strlen(key) + 1;
	p += strspn(p, " \t");
	if (*p != ':')
		return NULL;
	return p + 1 + strspn(p + 1, " \t");
}

static int take_type(struct source *s, const char *head)
{
	static const struct {
		const char *descr;
		char elem;
		size_t size;
	} types[] = {
		{ "<f4'", 'f', 4 }, { "<f2'", 'h', 2 }, { "<f8'", 'd', 8 }, { "|i1'", 'b', 1 },
	};
	const char *descr = value_of(head, "'descr"), *order = value_of(head, "'fortran_order");
	size_t i;

	for (i = 0; descr && *descr == '\'' && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strncmp(descr + 1, types[i].descr, strlen(types[i].descr)))
			continue;
		s->elem = types[i].elem;
		s->size = types[i].size;
	}
	if (!s->size) {
		say_error("%s: elements must be little-endian float32, float16, float64 or int8: convert "
			  "with .astype('<f4')", s->name);
		return -1;
	}
	if (order && !strncmp(order, "False", 5))
		return 0;
	say_error("%s: the matrix is stored by columns: save it after numpy.ascontiguousarray()", s->name);
	return -1;
}

static int take_shape(struct source *s, const char *head)
{
	const char *shape = value_of(head, "'shape");
	unsigned long long rows, columns;
	int end = 0;

	if (shape && sscanf(shape, "(%llu , %llu%n", &rows, &columns, &end) == 2) {
		shape += end + strspn(shape + end, ", ");
		if (*shape == ')' && rows && columns && columns <= VEXFS_DIM_MAX && rows < 1ull << 40) {
			s->rows = rows;
			s->columns = (uint32_t)columns;
			return 0;
		}
	}
	say_error("%s: expected a matrix of one vector a row, with 1 to %u elements", s->name, VEXFS_DIM_MAX);
	return -1;
}

static int check_size(struct source *s)
{
	uint64_t want = s->rows * s->columns * s->size + (uint64_t)s->start;
	struct stat st;

	if (!fstat(fileno(s->f), &st) && (uint64_t)st.st_size == want)
		return 0;
	say_error("%s: has %lld bytes, its head promises %llu (%llu rows of %u): it is truncated or damaged",
		  s->name, (long long)st.st_size, (unsigned long long)want, (unsigned long long)s->rows,
		  s->columns);
	return -1;
}

/* The dictionary into @head, NUL terminated. */
static int read_head(struct source *s, char head[HEAD_MAX + 1])
{
	unsigned char b[12];
	size_t len, more;

	if (fread(b, 10, 1, s->f) != 1 || memcmp(b, NPY_MAGIC, 6) || !b[6] || b[6] > 3)
		return -1;
	len = (size_t)b[8] | (size_t)b[9] << 8;
	more = b[6] > 1 ? 2 : 0;
	if (more && fread(b + 10, more, 1, s->f) != 1)
		return -1;
	if (more)
		len |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (len > HEAD_MAX || fread(head, 1, len, s->f) != len)
		return -1;
	head[len] = '\0';
	s->start = (long)(10 + more + len);
	return 0;
}

int npy_open(struct source *s)
{
	char head[HEAD_MAX + 1];

	if (read_head(s, head)) {
		say_error("%s: not an .npy file", s->name);
		return -1;
	}
	if (take_type(s, head) || take_shape(s, head))
		return -1;
	return check_size(s);
}

static int decode_doubles(const unsigned char *raw, uint32_t n, struct vector *v)
{
	uint64_t bits;
	double d;

	v->v = malloc(n * sizeof(*v->v));
	if (!v->v)
		return -ENOMEM;
	for (v->n = 0; v->n < n; v->n++) {
		memcpy(&bits, raw + 8 * v->n, sizeof(bits));
		bits = le64toh(bits);
		memcpy(&d, &bits, sizeof(d));
		v->v[v->n] = (float)d;
	}
	return 0;
}

static int decode_row(const struct source *s, const unsigned char *raw, uint32_t n, struct vector *v)
{
	uint8_t elem = s->elem == 'h' ? VEXFS_IOC_F16 : s->elem == 'b' ? VEXFS_IOC_I8 : VEXFS_IOC_F32;

	if (s->elem == 'd')
		return decode_doubles(raw, n, v);
	return vector_decode(raw, n * s->size, elem, v);
}

/* The number of elements in the row that begins here; 0: the end, -1: said. */
static int row_columns(struct source *s)
{
	unsigned char b[4];
	uint32_t n;
	size_t got;

	if (s->format == FORMAT_NPY)
		return s->at > s->rows ? 0 : (int)s->columns;
	got = fread(b, 1, sizeof(b), s->f);
	if (!got && !ferror(s->f))
		return 0;
	n = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
	if (got != sizeof(b))
		return source_error(s, "the file is truncated");
	if (!n || n > VEXFS_DIM_MAX)
		return source_error(s, "begins with %u, not a number of elements: damaged, or not .fvecs", n);
	return (int)n;
}

int rows_next(struct source *s)
{
	int n = row_columns(s), ret;
	unsigned char *raw;
	size_t bytes;

	if (n <= 0)
		return n;
	bytes = (size_t)n * s->size;
	raw = malloc(bytes);
	if (!raw)
		return source_error(s, "out of memory");
	if (fread(raw, 1, bytes, s->f) != bytes)
		ret = source_error(s, "the file is truncated");
	else if (decode_row(s, raw, (uint32_t)n, &s->r.v))
		ret = source_error(s, "out of memory");
	else
		ret = 1;
	free(raw);
	return ret;
}
