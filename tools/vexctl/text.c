// SPDX-License-Identifier: GPL-2.0
/* The text of a file, and its passages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/convert.h"
#include "tools/vexctl/tree.h"
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

/* @want bytes from @off, fewer at the end of the file; negative errno. */
static ssize_t read_at(int fd, char *data, size_t want, uint64_t off)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n && len < want) {
		n = pread(fd, data + len, want - len, (off_t)(off + len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int decode_utf16(struct text *t, bool big)
{
	char *text = malloc(TEXT_MAX + 1);

	if (!text)
		return -ENOMEM;
	t->len = text_from_utf16(t->data, t->len, big, text, TEXT_MAX);
	free(t->data);
	t->data = text;
	return 0;
}

/* Ranges count bytes of the text that was made of the file, not of the file. */
static void cut_out(struct text *t, uint64_t off, uint64_t len)
{
	if (off > t->len)
		off = t->len;
	t->len -= (size_t)off;
	if (len && len < t->len)
		t->len = (size_t)len;
	memmove(t->data, t->data + off, t->len);
}

/* What a converter could not do is a property of the text, not an error. */
static int read_converted(struct text *t, int fd, enum text_kind kind)
{
	int ret = convert_text(kind, fd, t->data, TEXT_MAX + 1, &t->len);

	t->cut = t->len > TEXT_MAX;
	if (t->cut)
		t->len = TEXT_MAX;
	if (ret == -ENOPKG)
		t->trouble = SKIP_NO_CONVERTER;
	else if (ret == -ETIMEDOUT)
		t->trouble = SKIP_SLOW;
	else if (ret == -EPROTO)
		t->trouble = SKIP_UNCONVERTED;
	else
		return ret;
	t->len = 0;
	return 0;
}

static int read_kind(struct text *t, int fd, enum text_kind kind, uint64_t off, uint64_t len)
{
	ssize_t n = kind == TEXT_PDF ? 0 : read_at(fd, t->data, TEXT_MAX + 1, 0);
	int ret = 0;

	if (n < 0)
		return (int)n;
	t->cut = n > (ssize_t)TEXT_MAX;
	t->len = t->cut ? TEXT_MAX : (size_t)n;
	if (kind == TEXT_PDF)
		ret = read_converted(t, fd, kind);
	else if (kind == TEXT_HTML)
		text_from_html(t->data, t->len);
	else
		ret = decode_utf16(t, kind == TEXT_UTF16BE);
	if (ret)
		return ret;
	cut_out(t, off, len);
	t->binary = memchr(t->data, 0, t->len) != NULL;
	return 0;
}

int text_read(struct text *t, int fd, uint64_t off, uint64_t len)
{
	/* One byte more than is used tells whether there is more. */
	size_t want = len && len < TEXT_MAX ? (size_t)len : TEXT_MAX + 1;
	char head[TEXT_HEAD];
	ssize_t n = read_at(fd, head, sizeof(head), 0);
	enum text_kind kind = n > 0 ? text_kind(head, (size_t)n) : TEXT_PLAIN;

	t->len = 0;
	t->trouble = SKIP_NONE;
	if (n < 0)
		return (int)n;
	if (kind != TEXT_PLAIN)
		return read_kind(t, fd, kind, off, len);
	n = read_at(fd, t->data, want, off);
	if (n < 0)
		return (int)n;
	t->cut = n > (ssize_t)TEXT_MAX;
	t->len = t->cut ? TEXT_MAX : (size_t)n;
	t->binary = memchr(t->data, 0, t->len) != NULL;
	return 0;
}

unsigned int text_page(const struct text *t, size_t at)
{
	const char *p = t->data, *end = t->data + at;
	unsigned int page = 1;

	if (!memchr(t->data, '\f', t->len))
		return 0;
	for (; (p = memchr(p, '\f', (size_t)(end - p))); p++)
		page++;
	return page;
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
