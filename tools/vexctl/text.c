// SPDX-License-Identifier: GPL-2.0
/* The text of a file, and its passages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

int text_init(struct text *t)
{
	memset(t, 0, sizeof(*t));
	t->data = malloc(TEXT_MAX + 1);
	return t->data ? 0 : -ENOMEM;
}

void text_free(struct text *t)
{
	free(t->data);
	t->data = NULL;
}

int text_read(struct text *t, int fd, uint64_t off, uint64_t len)
{
	/* One byte more than is used tells whether there is more. */
	size_t want = len && len < TEXT_MAX ? (size_t)len : TEXT_MAX + 1;
	ssize_t n = 1;

	t->len = 0;
	while (n && t->len < want) {
		n = pread(fd, t->data + t->len, want - t->len, (off_t)(off + t->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		t->len += (size_t)n;
	}
	t->cut = t->len > TEXT_MAX;
	if (t->cut)
		t->len = TEXT_MAX;
	t->binary = memchr(t->data, 0, t->len) != NULL;
	return 0;
}

size_t text_longest_line(const struct text *t)
{
	const char *p = t->data, *end = t->data + t->len, *next;
	size_t longest = 0;

	for (; p < end; p = next + 1) {
		next = memchr(p, '\n', (size_t)(end - p));
		if (!next)
			next = end;
		if ((size_t)(next - p) > longest)
			longest = (size_t)(next - p);
	}
	return longest;
}

/* The last place in (@least, @end] that follows one of @breaks; 0: none. */
static size_t break_before(const struct text *t, size_t least, size_t end, const char *breaks)
{
	size_t at;

	for (at = end; at > least; at--)
		if (strchr(breaks, t->data[at - 1]))
			return at;
	return 0;
}

/* The last blank line in (@least, @end]: between paragraphs, and between functions. */
static size_t blank_line_before(const struct text *t, size_t least, size_t end)
{
	size_t at = end;

	while ((at = break_before(t, least, at, "\n"))) {
		if (at >= 2 && t->data[at - 2] == '\n')
			return at;
		at--;
	}
	return 0;
}

size_t passage_end(const struct text *t, size_t from, size_t size)
{
	size_t end = from + size, late = from + size / 4 * 3, at;

	if (t->len - from <= size)
		return t->len;
	at = blank_line_before(t, from + size / 2, end);
	if (!at)
		at = break_before(t, late, end, "\n");
	if (!at)
		at = break_before(t, late, end, " \t\r");
	if (at)
		return at;
	/* not inside a UTF-8 sequence, unless these are no sequences */
	for (at = end; at > end - 3; at--)
		if (((unsigned char)t->data[at] & 0xc0) != 0x80)
			return at;
	return end;
}

size_t text_first_word(const struct text *t)
{
	const char *p = t->data, *end = t->data + t->len;
	unsigned int n;
	uint32_t cp;
	bool valid;

	while (p < end) {
		n = vex_utf8_decode(p, end, &cp, &valid);
		if (vex_is_word_char(cp))
			return (size_t)(p - t->data);
		p += n;
	}
	return t->len;
}
