// SPDX-License-Identifier: GPL-2.0
/* The pattern rules of gitignore(5). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/vexctl/ignore.h"

#define FILE_MAX_BYTES	(1u << 20)	/* of a list; the rest is not read */

/* ---- patterns ---------------------------------------------------------------------------- */

static const char *escaped(const char *p)
{
	return *p == '\\' && p[1] ? p + 1 : p;
}

/* A bracket expression at @p, after "[". Returns what follows it, or NULL if it does not end. */
static const char *match_set(const char *p, char c, bool *match)
{
	bool negate = *p == '!' || *p == '^', found = false;
	const char *first = negate ? ++p : p, *low, *high;

	for (; *p && (*p != ']' || p == first); p = high + 1) {
		low = high = escaped(p);
		if (high[1] == '-' && high[2] && high[2] != ']')
			high = escaped(high + 2);
		found |= (unsigned char)c >= (unsigned char)*low &&
			 (unsigned char)c <= (unsigned char)*high;
	}
	*match = found != negate && c != '/';
	return *p ? p + 1 : NULL;
}

/* One character of @text against one element of @pattern; NULL: they differ. */
static const char *match_one(const char *p, char c)
{
	const char *end;
	bool match;

	switch (*p) {
	case '\0':
		return NULL;
	case '?':
		return c == '/' ? NULL : p + 1;
	case '[':
		end = match_set(p + 1, c, &match);
		if (end)
			return match ? end : NULL;
		return c == '[' ? p + 1 : NULL;
	default:
		p = escaped(p);
		return *p == c ? p + 1 : NULL;
	}
}

/**
 * struct glob - where to go on when what follows a star does not match
 * @star, @star_at: after the last "*"; @text from where it may take one more character
 * @dirs, @dirs_at: the same for the last "**" and one more directory
 */
struct glob {
	const char *p, *s;
	const char *star, *star_at, *dirs, *dirs_at;
};

static bool go_back(struct glob *g)
{
	const char *slash;

	if (g->star && *g->star_at && *g->star_at != '/') {
		g->s = ++g->star_at;
		g->p = g->star;
		return true;
	}
	slash = g->dirs ? strchr(g->dirs_at, '/') : NULL;
	if (!slash)
		return false;
	g->s = g->dirs_at = slash + 1;
	g->p = g->dirs;
	g->star = NULL;
	return true;
}

/* "**" as a whole part of the path; anywhere else it is "*". */
static bool take_dirs(struct glob *g, const char *pattern)
{
	if (strncmp(g->p, "**/", 3) || (g->p != pattern && g->p[-1] != '/'))
		return false;
	g->p += 3;
	g->dirs = g->p;
	g->dirs_at = g->s;
	g->star = NULL;
	return true;
}

static bool takes_rest(const struct glob *g, const char *pattern)
{
	return !strcmp(g->p, "**") && (g->p == pattern || g->p[-1] == '/') && *g->s;
}

static bool take_star(struct glob *g)
{
	if (*g->p != '*')
		return false;
	g->p += strspn(g->p, "*");
	g->star = g->p;
	g->star_at = g->s;
	return true;
}

bool ignore_glob(const char *pattern, const char *text)
{
	struct glob g = { .p = pattern, .s = text };
	const char *next;

	for (;;) {
		if (takes_rest(&g, pattern))
			return true;
		if (take_dirs(&g, pattern) || take_star(&g))
			continue;
		if (!*g.s && !*g.p)
			return true;
		next = *g.s ? match_one(g.p, *g.s) : NULL;
		if (next) {
			g.p = next;
			g.s++;
		} else if (!go_back(&g)) {
			return false;
		}
	}
}

/* ---- lists ---------------------------------------------------------------------------------- */

/* Blanks at the end do not count, unless the last one is escaped. */
static size_t trim(const char *s, size_t len)
{
	if (len && s[len - 1] == '\r')
		len--;
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t') && !(len > 1 && s[len - 2] == '\\'))
		len--;
	return len;
}

static int add_rule(struct ignore_list *l, const char *s, size_t len)
{
	struct ignore_rule r = { .again = *s == '!' }, *bigger;

	s += r.again;
	len -= r.again;
	r.dirs = len && s[len - 1] == '/';
	len -= r.dirs;
	r.anchored = memchr(s, '/', len) != NULL;
	if (len && *s == '/') {
		s++;
		len--;
	}
	if (!len)
		return 0;
	if (l->n == l->room) {
		bigger = realloc(l->rule, (2 * l->room + 8) * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		l->rule = bigger;
		l->room = 2 * l->room + 8;
	}
	r.pattern = strndup(s, len);
	if (!r.pattern)
		return -ENOMEM;
	l->rule[l->n++] = r;
	return 0;
}

int ignore_parse(struct ignore_list *l, const char *text, size_t len)
{
	const char *end = text + len, *next;
	size_t n;
	int ret = 0;

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	for (; !ret && text < end; text = next) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next + 1 : end;
		n = (size_t)(next - text) - (next[-1] == '\n');
		n = trim(text, n);
		if (n && *text != '#' && !memchr(text, '\0', n))
			ret = add_rule(l, text, n);
	}
	return ret;
}

static ssize_t read_some(int fd, char *buf, size_t room)
{
	size_t done = 0;
	ssize_t n;

	do {
		n = read(fd, buf + done, room - done);
		done += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && done < room) || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : (ssize_t)done;
}

int ignore_read(struct ignore_list *l, int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n;
	int ret = 0;

	if (fd < 0)
		return 0;
	text = !fstat(fd, &st) && S_ISREG(st.st_mode) ? malloc(FILE_MAX_BYTES) : NULL;
	if (text) {
		n = read_some(fd, text, FILE_MAX_BYTES);
		if (n > 0)
			ret = ignore_parse(l, text, (size_t)n);
	}
	free(text);
	close(fd);
	return ret;
}

void ignore_free(struct ignore_list *l)
{
	while (l->n)
		free(l->rule[--l->n].pattern);
	free(l->rule);
	l->rule = NULL;
	l->room = 0;
}

int ignore_match(const struct ignore_list *l, const char *path, bool is_dir)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const struct ignore_rule *r;
	size_t i;

	for (i = l->n; i > 0; i--) {
		r = &l->rule[i - 1];
		if (r->dirs && !is_dir)
			continue;
		if (ignore_glob(r->pattern, r->anchored ? path : name))
			return !r->again;
	}
	return -1;
}
