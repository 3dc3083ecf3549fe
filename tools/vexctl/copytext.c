// SPDX-License-Identifier: GPL-2.0
/* Lines of PostgreSQL's COPY in text format: tabs between columns, backslash escapes. */
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/transfer.h"

#define COLUMNS	5	/* path, chunk, offset, length, vector */

void copy_path(FILE *f, const char *path)
{
	static const char special[] = "\b\f\n\r\t\v\\", letter[] = "bfnrtv\\";
	const char *p, *at;

	for (p = path; *p; p++) {
		at = strchr(special, *p);
		if (at)
			fprintf(f, "\\%c", letter[at - special]);
		else
			putc(*p, f);
	}
}

/* The byte that the digits after a backslash stand for; advances *@p past them. 0: none. */
static unsigned int number_escape(const char **p)
{
	const char *s = *p;
	unsigned int base = *s == 'x' ? 16 : 8, most = base == 16 ? 2 : 3, n = 0, v = 0;
	int digit;

	if (base == 16)
		s++;
	for (; n < most; n++, s++) {
		if (*s >= '0' && *s <= '9')
			digit = *s - '0';
		else if ((*s | 32) >= 'a' && (*s | 32) <= 'f')
			digit = (*s | 32) - 'a' + 10;
		else
			break;
		if ((unsigned int)digit >= base)
			break;
		v = v * base + (unsigned int)digit;
	}
	if (!n || v > 255)
		return 0;
	*p = s;
	return v;
}

/* In place; false: a NUL or nothing after a backslash. */
static bool unescape(char *s)
{
	static const char special[] = "\b\f\n\r\t\v", letter[] = "bfnrtv";
	const char *p = s, *at;
	unsigned int c;

	while (*p) {
		if (*p != '\\') {
			*s++ = *p++;
			continue;
		}
		if (!*++p)
			return false;
		at = strchr(letter, *p);
		if (at) {
			*s++ = special[at - letter];
			p++;
			continue;
		}
		c = (*p >= '0' && *p <= '7') || *p == 'x' ? number_escape(&p) : 0;
		if (!c && *p == '0')
			return false;
		*s++ = c ? (char)c : *p++;
	}
	*s = '\0';
	return true;
}

/* Cut @line at its tabs; how many columns. */
static unsigned int split(char *line, char *column[COLUMNS])
{
	unsigned int n = 0;
	char *tab = line;

	while (tab) {
		if (n < COLUMNS)
			column[n] = tab;
		n++;
		tab = strchr(tab, '\t');
		if (tab)
			*tab++ = '\0';
	}
	return n;
}

static int take_path(struct source *s, char *path)
{
	if (!strcmp(path, "\\N"))
		return source_error(s, "the path is NULL");
	if (!unescape(path))
		return source_error(s, "the path has a bad backslash escape");
	s->r.path = path;
	return 1;
}

static int take_range(struct source *s, char *const column[3])
{
	uint64_t chunk;

	if (parse_number(column[0], 0, VEXFS_CHUNK_MAX, &chunk) ||
	    parse_number(column[1], 0, INT64_MAX, &s->r.off) ||
	    parse_number(column[2], 0, INT64_MAX, &s->r.len))
		return source_error(s, "chunk, offset and length must be numbers, the chunk at most %u",
				    VEXFS_CHUNK_MAX);
	s->r.chunk = (uint32_t)chunk;
	return 1;
}

int side_parse(struct source *s, char *line)
{
	char *column[COLUMNS];
	unsigned int n = split(line, column);

	if (n != 1 && n != 4)
		return source_error(s, "%s: expected the path, or path, chunk, offset and length with "
				    "tabs between them; there are %u columns", s->side_name, n);
	if (take_path(s, column[0]) < 0)
		return -1;
	return n == 4 ? take_range(s, column + 1) : 1;
}

int copy_parse(struct source *s, char *line)
{
	char *column[COLUMNS], *vector;
	unsigned int n = split(line, column);
	size_t where;

	if (n != 2 && n != COLUMNS)
		return source_error(s, "expected the columns path, chunk, offset, length, embedding, or "
				    "path and embedding, with tabs between them; there are %u", n);
	if (take_path(s, column[0]) < 0 || (n == COLUMNS && take_range(s, column + 1) < 0))
		return -1;
	vector = column[n - 1];
	if (!strcmp(vector, "\\N"))
		return source_error(s, "the embedding is NULL");
	if (vector[0] != '[' || vector_parse(vector, strlen(vector), &s->r.v, &where))
		return source_error(s, "the embedding is not a vector like [0.5,1]");
	return 1;
}
