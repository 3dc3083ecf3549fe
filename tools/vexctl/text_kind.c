// SPDX-License-Identifier: GPL-2.0
/* Files whose bytes are not their text: UTF-16, HTML. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tools/vexctl/text_kind.h"
#include "tools/vexctl/vexctl.h"

/* ---- which ------------------------------------------------------------------------------- */

static enum text_kind utf16_kind(const unsigned char *p, size_t len)
{
	size_t i, zero[2] = { 0 };

	if (len >= 2 && p[0] == 0xff && p[1] == 0xfe)
		return TEXT_UTF16LE;
	if (len >= 2 && p[0] == 0xfe && p[1] == 0xff)
		return TEXT_UTF16BE;
	/* without a mark: every other byte of Latin text is zero */
	for (i = 0; i < len; i++)
		zero[i & 1] += !p[i];
	if (len < 16 || (zero[0] && zero[1]))
		return TEXT_PLAIN;
	if (zero[1] * 2 > len / 2)
		return TEXT_UTF16LE;
	return zero[0] * 2 > len / 2 ? TEXT_UTF16BE : TEXT_PLAIN;
}

static bool starts(const char *p, const char *end, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(end - p) >= len && !strncasecmp(p, what, len);
}

enum text_kind text_kind(const char *head, size_t len)
{
	enum text_kind kind = utf16_kind((const unsigned char *)head, len);
	const char *p = head, *end = head + len;

	if (kind != TEXT_PLAIN)
		return kind;
	if (len >= 5 && !memcmp(p, "%PDF-", 5))
		return TEXT_PDF;
	if (starts(p, end, "\xef\xbb\xbf"))
		p += 3;
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	return starts(p, end, "<!doctype html") || starts(p, end, "<html") ? TEXT_HTML : TEXT_PLAIN;
}

/* ---- UTF-16 --------------------------------------------------------------------------------- */

static unsigned int unit(const unsigned char *p, bool big)
{
	return big ? (unsigned int)(p[0] << 8 | p[1]) : (unsigned int)(p[1] << 8 | p[0]);
}

static size_t put_utf8(char *out, uint32_t cp)
{
	size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, i;
	static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (i = n; i-- > 1; cp >>= 6)
		out[i] = (char)(0x80 | (cp & 0x3f));
	out[0] = (char)(lead[n] | cp);
	return n;
}

size_t text_from_utf16(const char *raw, size_t len, bool big, char *out, size_t room)
{
	const unsigned char *p = (const unsigned char *)raw, *end = p + (len & ~(size_t)1);
	uint32_t cp, low;
	size_t n = 0;

	for (; p < end && n + 4 <= room; p += 2) {
		cp = unit(p, big);
		low = p + 2 < end ? unit(p + 2, big) : 0;
		if (cp >= 0xd800 && cp < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			p += 2;
		} else if (cp >= 0xd800 && cp < 0xe000) {
			cp = 0xfffd;
		}
		if (cp != 0xfeff)
			n += put_utf8(out + n, cp);
	}
	return n;
}

/* ---- HTML ------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t cp;
} entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' }, { "apos", '\'' },
	{ "nbsp", ' ' }, { "auml", 0xe4 }, { "ouml", 0xf6 }, { "uuml", 0xfc }, { "Auml", 0xc4 },
	{ "Ouml", 0xd6 }, { "Uuml", 0xdc }, { "szlig", 0xdf }, { "eacute", 0xe9 }, { "egrave", 0xe8 },
	{ "agrave", 0xe0 }, { "aacute", 0xe1 }, { "ccedil", 0xe7 }, { "ntilde", 0xf1 },
	{ "oacute", 0xf3 }, { "iacute", 0xed }, { "uacute", 0xfa }, { "ecirc", 0xea },
	{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "hellip", 0x2026 }, { "rsquo", 0x2019 },
	{ "ldquo", 0x201c }, { "rdquo", 0x201d },
};

/* An entity at @p, after "&"; *@len: with its ";". 0: none. */
static uint32_t entity(const char *p, const char *end, size_t *len)
{
	const char *stop = memchr(p, ';', (size_t)(end - p < 12 ? end - p : 12));
	char number[16] = "";
	unsigned long cp;
	size_t i;

	if (!stop || stop == p)
		return 0;
	*len = (size_t)(stop - p) + 1;
	for (i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (strlen(entities[i].name) == *len - 1 && !strncmp(entities[i].name, p, *len - 1))
			return entities[i].cp;
	if (*p != '#')
		return 0;
	memcpy(number, p + 1, *len - 2);
	cp = number[0] == 'x' ? strtoul(number + 1, NULL, 16) : strtoul(number, NULL, 10);
	return cp >= 0x20 && cp < 0x110000 && (cp < 0xd800 || cp > 0xdfff) ? (uint32_t)cp : 0;
}

/* Where the markup at @p, which begins with "<", ends. */
static const char *markup_end(const char *p, const char *end)
{
	static const struct {
		const char *open, *close;
	} blocks[] = { { "<!--", "-->" }, { "<script", "</script>" }, { "<style", "</style>" } };
	const char *at;
	size_t i;

	for (i = 0; i < 3; i++) {
		if (!starts(p, end, blocks[i].open))
			continue;
		for (at = p; at < end && !starts(at, end, blocks[i].close); at++)
			;
		return at < end ? at + strlen(blocks[i].close) : end;
	}
	at = memchr(p, '>', (size_t)(end - p));
	return at ? at + 1 : end;
}

static bool is_markup(const char *p, const char *end)
{
	return p + 1 < end && *p == '<' && strchr("/!?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
						   p[1]);
}

/* Tags inside of words do not end them. */
static bool is_inline(const char *p, const char *end)
{
	static const char *const tags[] = { "b>", "i>", "em>", "strong>", "u>", "span", "a ", "a>", "code>" };
	size_t i;

	p += 1 + (p + 1 < end && p[1] == '/');
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (starts(p, end, tags[i]))
			return true;
	return false;
}

/*
 * Blanks for markup, so that every line and every word stays where it is: what a
 * word loses, to entities and tags inside of it, is made up for with blanks after it.
 */
void text_from_html(char *text, size_t len)
{
	char *out = text;
	const char *p = text, *end = text + len, *stop;
	bool inside;
	size_t n = 0;
	uint32_t cp;

	while (p < end) {
		if (is_markup(p, end)) {
			stop = markup_end(p, end);
			inside = is_inline(p, end);
		} else if (*p == '&' && (cp = entity(p + 1, end, &n))) {
			p += n + 1;
			out += put_utf8(out, cp);
			continue;
		} else if (!strchr(" \t\r\n", *p)) {
			*out++ = *p++;
			continue;
		} else {
			stop = p + 1;
			inside = false;
		}
		if (inside && !memchr(p, '\n', (size_t)(stop - p))) {
			p = stop;
			continue;
		}
		while (out < p)
			*out++ = ' ';
		for (; p < stop; p++)
			*out++ = *p == '\n' ? '\n' : ' ';
	}
	while (out < end)
		*out++ = ' ';
}
