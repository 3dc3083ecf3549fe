// SPDX-License-Identifier: GPL-2.0
/* vexctl mcp: the tools, which are commands of vexctl run below a directory that is served */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/mcp.h"
#include "tools/vexctl/tree.h"

#define QUERY_MAX	(16u << 10)
#define HITS_MAX	100
#define LINES_MAX	200		/* files named by stale and index */
#define PASSAGE_MAX	(64u << 10)

static bool set_text(struct mcp_result *r, const char *fmt, va_list ap)
{
	free(r->text);
	if (vasprintf(&r->text, fmt, ap) < 0)
		r->text = NULL;
	return false;
}

bool mcp_wrong(struct mcp_result *r, const char *fmt, ...)
{
	va_list ap;

	r->code = RPC_PARAMS;
	va_start(ap, fmt);
	set_text(r, fmt, ap);
	va_end(ap);
	return false;
}

bool mcp_fail(struct mcp_result *r, const char *fmt, ...)
{
	va_list ap;

	r->failed = true;
	va_start(ap, fmt);
	set_text(r, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- running a command -------------------------------------------------------------------- */

/* What the command says of files in ".": their whole paths. */
static void add_path(struct json_object *o, const char *scope, const char *rel, size_t len)
{
	struct json_object *safe;
	char *whole;
	int n;

	if (len >= 2 && !strncmp(rel, "./", 2)) {
		rel += 2;
		len -= 2;
	}
	if (len == 1 && *rel == '.')
		len = 0;
	n = asprintf(&whole, "%s%s%.*s", scope, len && strcmp(scope, "/") ? "/" : "", (int)len, rel);
	if (n < 0)
		return;
	json_object_object_del(o, "path_hex");
	json_add_path(o, whole, (size_t)n);
	/* What is shown is safe to show; what is not the name comes along in hex. */
	safe = mcp_safe(whole, (size_t)n);
	if (safe && strcmp(json_object_get_string(safe), whole) && !json_object_object_get_ex(o, "path_hex", NULL)) {
		char *hex = malloc(2 * (size_t)n + 1);
		int i;

		for (i = 0; hex && i < n; i++)
			sprintf(hex + 2 * i, "%02x", (unsigned char)whole[i]);
		if (hex)
			json_object_object_add(o, "path_hex", json_object_new_string(hex));
		free(hex);
	}
	json_object_object_add(o, "path", safe);
	free(whole);
}

/* Bytes from hexadecimal digits, and a NUL; false: they are none, or are one. */
static bool unhex(const char *hex, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *high, *low;
	size_t i, n = strlen(hex) / 2;

	for (i = 0; i < n; i++) {
		high = strchr(digits, hex[2 * i]);
		low = strchr(digits, hex[2 * i + 1]);
		if (!high || !low)
			return false;
		out[i] = (char)((high - digits) << 4 | (low - digits));
		if (!out[i])
			return false;
	}
	out[n] = '\0';
	return n && !hex[2 * n];
}

/* The bytes of a name from the object's path or path_hex; malloc'ed, may be NULL. */
static char *name_of(struct json_object *o)
{
	struct json_object *v;
	char *name;

	if (!json_object_object_get_ex(o, "path_hex", &v))
		return json_object_object_get_ex(o, "path", &v) && v ? strdup(json_object_get_string(v)) : NULL;
	name = malloc((size_t)json_object_get_string_len(v) / 2 + 1);
	if (!name || unhex(json_object_get_string(v), name))
		return name;
	free(name);
	return NULL;
}

static void whole_path(struct json_object *o, const char *scope)
{
	char *name = name_of(o);
	struct json_object *text, *skipped;
	size_t i, n;

	if (name)
		add_path(o, scope, name, strlen(name));
	free(name);
	n = json_object_object_get_ex(o, "skipped", &skipped) ? json_object_array_length(skipped) : 0;
	for (i = 0; i < n && i < LINES_MAX; i++)
		whole_path(json_object_array_get_idx(skipped, i), scope);
	if (json_object_object_get_ex(o, "passage", &text))
		json_object_object_add(o, "passage", mcp_safe(json_object_get_string(text),
							      (size_t)json_object_get_string_len(text)));
}

/* The command's lines of JSON, at most @max of them; *@more: how many there are beyond. */
static struct json_object *lines_of(const struct capture *c, const char *scope, size_t max, uint64_t *more)
{
	struct json_object *list = json_object_new_array(), *o;
	const char *p = c->out, *end;

	*more = c->dropped;
	for (; *p; p = end + 1) {
		end = strchrnul(p, '\n');
		if (json_object_array_length(list) == max) {
			++*more;
		} else {
			char *line = strndup(p, (size_t)(end - p));

			o = line ? json_tokener_parse(line) : NULL;
			free(line);
			if (o) {
				whole_path(o, scope);
				json_object_array_add(list, o);
			}
		}
		if (!*end)
			break;
	}
	return list;
}

/* Messages without the program's name. */
static char *messages(const struct capture *c)
{
	size_t len = strlen("vexctl: ");
	char *text = strdup(c->err), *out = text;
	const char *p = c->err;

	while (text && *p) {
		if ((p == c->err || p[-1] == '\n') && !strncmp(p, "vexctl: ", len))
			p += len;
		if (*p)
			*out++ = *p++;
	}
	if (text)
		*out = '\0';
	while (text && out > text && out[-1] == '\n')
		*--out = '\0';
	return text;
}

/*
 * Run @cmd in the directory asked for, whose descriptor, and not its name, it then
 * is: nobody can put another in its place. False: failed, said in @r.
 */
static bool run_below(const struct mcp *m, const struct command *cmd, struct json_object *args, struct options *opt,
		      char **scope, struct capture *c, struct mcp_result *r)
{
	const char *dir = NULL, *wrong = NULL;
	int fd, code;

	opt->json = true;
	opt->collection = m->opt->collection;
	if (!mcp_text(args, "directory", 4096, &dir, r) || !mcp_text(args, "collection", 256, &opt->collection, r))
		return false;
	if (opt->collection)
		wrong = collection_name_error(opt->collection);
	if (wrong)
		return mcp_wrong(r, "'collection' %s", wrong);
	fd = mcp_open(m, dir, O_RDONLY | O_DIRECTORY, scope, r);
	if (fd < 0)
		return false;
	if (fchdir(fd)) {
		close(fd);
		return mcp_fail(r, "cannot enter %s: %s", *scope, strerror(errno));
	}
	close(fd);
	code = capture_run(cmd, opt, c);
	if (code == EXIT_FAILED || code == EXIT_USAGE || code == EXIT_INTERRUPTED || code < 0) {
		free(r->text);
		r->text = c->err ? messages(c) : NULL;
		r->failed = true;
	}
	return !r->failed;
}

static void add_warning(struct json_object *o, const struct capture *c)
{
	char *text = messages(c);

	if (text && *text)
		json_object_object_add(o, "warning", mcp_safe(text, strlen(text)));
	free(text);
}

/* ---- the tools ------------------------------------------------------------------------------ */

static void drop_members(struct json_object *list)
{
	static const char *const members[] = { "inode", "generation", "distance", "embedder" };
	size_t i, k;

	for (i = 0; i < json_object_array_length(list); i++)
		for (k = 0; k < sizeof(members) / sizeof(members[0]); k++)
			json_object_object_del(json_object_array_get_idx(list, i), members[k]);
}

static void run_search_tool(const struct mcp *m, struct json_object *args, struct mcp_result *r)
{
	const char *query = NULL;
	char *words[2] = { ".", NULL }, *scope = NULL;
	struct options opt;
	struct capture c = { 0 };
	struct json_object *list;
	uint64_t more;

	options_parse(&cmd_search, 0, words, &opt);
	opt.args = words;
	opt.nargs = 2;
	if (!mcp_text(args, "query", QUERY_MAX, &query, r) || !mcp_number(args, "limit", 1, HITS_MAX, &opt.k, r) ||
	    !mcp_share(args, "min_score", &opt.min_score, r) || !mcp_flag(args, "per_file", &opt.per_file, r) ||
	    !mcp_flag(args, "fresh", &opt.fresh, r) || !mcp_flag(args, "weak", &opt.weak, r))
		return;
	if (!query || !*query) {
		mcp_wrong(r, "'query' is required: what to search for");
		return;
	}
	words[1] = strdup(query);
	if (words[1] && run_below(m, &cmd_search, args, &opt, &scope, &c, r)) {
		list = lines_of(&c, scope, HITS_MAX, &more);
		drop_members(list);
		r->data = json_object_new_object();
		json_object_object_add(r->data, "hits", list);
		add_warning(r->data, &c);
	}
	capture_free(&c);
	free(words[1]);
	free(scope);
}

/* One object as it is, or with @list a list of them by that name. */
static void run_report(const struct mcp *m, const struct command *cmd, struct json_object *args, const char *name,
		       struct mcp_result *r)
{
	char *words[1] = { "." }, *scope = NULL;
	struct json_object *list;
	struct options opt;
	struct capture c = { 0 };
	uint64_t more;

	options_parse(cmd, 0, words, &opt);
	opt.args = words;
	opt.nargs = 1;
	if (run_below(m, cmd, args, &opt, &scope, &c, r)) {
		list = lines_of(&c, scope, LINES_MAX, &more);
		if (name) {
			r->data = json_object_new_object();
			json_object_object_add(r->data, name, list);
			json_object_object_add(r->data, "more", json_object_new_uint64(more));
		} else {
			r->data = json_object_get(json_object_array_get_idx(list, 0));
			json_object_put(list);
		}
		if (r->data)
			add_warning(r->data, &c);
		else
			mcp_fail(r, "no result");
	}
	capture_free(&c);
	free(scope);
}

static void run_status_tool(const struct mcp *m, struct json_object *args, struct mcp_result *r)
{
	run_report(m, &cmd_status, args, NULL, r);
}

static void run_stale_tool(const struct mcp *m, struct json_object *args, struct mcp_result *r)
{
	run_report(m, &cmd_stale, args, "files", r);
}

/* What was skipped: a sum, and some of it. */
static void shorten_skipped(struct json_object *o)
{
	struct json_object *all, *some = json_object_new_array();
	size_t i, n;

	n = json_object_object_get_ex(o, "skipped", &all) ? json_object_array_length(all) : 0;
	for (i = 0; i < n && i < LINES_MAX; i++)
		json_object_array_add(some, json_object_get(json_object_array_get_idx(all, i)));
	json_object_object_add(o, "skipped", some);
	json_object_object_add(o, "skipped_files", json_object_new_uint64(n));
}

static void run_index_tool(const struct mcp *m, struct json_object *args, struct mcp_result *r)
{
	run_report(m, &cmd_index, args, NULL, r);
	if (r->data)
		shorten_skipped(r->data);
}

/**
 * struct reading - what read_passage is asked for
 * @offset, @length: bytes of the text, as in a hit's range; @length 0: by lines
 * @line, @lines: from 1
 */
struct reading {
	char path[PATH_MAX];
	uint64_t offset, length, line, lines;
};

static bool read_arguments(struct json_object *args, struct reading *a, struct mcp_result *r)
{
	const char *path = NULL, *hex = NULL;

	if (!mcp_text(args, "path", PATH_MAX - 1, &path, r) ||
	    !mcp_text(args, "path_hex", 2 * PATH_MAX - 2, &hex, r) ||
	    !mcp_number(args, "offset", 0, TEXT_MAX, &a->offset, r) ||
	    !mcp_number(args, "length", 1, PASSAGE_MAX, &a->length, r) ||
	    !mcp_number(args, "line", 1, UINT32_MAX, &a->line, r) ||
	    !mcp_number(args, "lines", 1, 2000, &a->lines, r))
		return false;
	if (hex)
		return unhex(hex, a->path) ? true : mcp_wrong(r, "'path_hex' must be hexadecimal digits");
	if (!path || !*path)
		return mcp_wrong(r, "'path' is required: the file to read");
	strcpy(a->path, path);
	return true;
}

/* The part of the text that is wanted: *@from and its length. */
static size_t choose_part(const struct text *t, const struct reading *a, size_t *from)
{
	const char *p = t->data, *end = t->data + t->len;
	uint64_t line = 1, lines = a->lines;
	size_t len;

	if (a->length || a->offset) {
		*from = a->offset < t->len ? (size_t)a->offset : t->len;
		len = a->length ? (size_t)a->length : PASSAGE_MAX;
		return len < t->len - *from ? len : t->len - *from;
	}
	for (; line < a->line && p < end; line++)
		p = memchr(p, '\n', (size_t)(end - p)) ? (char *)memchr(p, '\n', (size_t)(end - p)) + 1 : end;
	*from = (size_t)(p - t->data);
	for (; lines && p < end; lines--)
		p = memchr(p, '\n', (size_t)(end - p)) ? (char *)memchr(p, '\n', (size_t)(end - p)) + 1 : end;
	len = (size_t)(p - t->data) - *from;
	return len < PASSAGE_MAX ? len : PASSAGE_MAX;
}

static void passage_json(const struct text *t, const struct reading *a, const char *whole, struct mcp_result *r)
{
	size_t from, len = choose_part(t, a, &from), i;
	uint64_t line = 1;

	for (i = 0; i < from; i++)
		line += t->data[i] == '\n';
	r->data = json_object_new_object();
	add_path(r->data, whole, "", 0);
	json_object_object_add(r->data, "line", json_object_new_uint64(line));
	if (text_page(t, from))
		json_object_object_add(r->data, "page", json_object_new_int64(text_page(t, from)));
	json_object_object_add(r->data, "offset", json_object_new_uint64(from));
	json_object_object_add(r->data, "length", json_object_new_uint64(len));
	json_object_object_add(r->data, "more", json_object_new_boolean(from + len < t->len || t->cut));
	json_object_object_add(r->data, "text", mcp_safe(t->data + from, len));
}

static void run_read_tool(const struct mcp *m, struct json_object *args, struct mcp_result *r)
{
	struct reading a = { .line = 1, .lines = 40 };
	struct text t = { 0 };
	char *whole = NULL;
	int fd, ret;

	if (!read_arguments(args, &a, r))
		return;
	fd = mcp_open(m, a.path, O_RDONLY, &whole, r);
	if (fd < 0)
		return;
	ret = text_init(&t);
	if (!ret)
		ret = text_read(&t, fd, 0, 0);
	close(fd);
	if (ret)
		mcp_fail(r, "cannot read %s: %s", whole, strerror(-ret));
	else if (t.trouble)
		mcp_fail(r, "cannot read %s: %s", whole, skip_reason((enum skip)t.trouble));
	else if (t.binary)
		mcp_fail(r, "%s is binary: it has no text", whole);
	else
		passage_json(&t, &a, whole, r);
	text_free(&t);
	free(whole);
}

/* Schemas as clients get them: the arguments that all tools on directories have come at the end. */
#define OBJECT(required, properties) "{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "]}"
#define SCOPE_PROPERTIES \
	"\"directory\":{\"type\":\"string\",\"description\":\"only files below it (default: all of the served directory)\"}," \
	"\"collection\":{\"type\":\"string\",\"description\":\"the collection to use, if there are several\"}"

static const struct tool {
	const char *name, *description, *schema;
	bool writes;
	void (*run)(const struct mcp *m, struct json_object *args, struct mcp_result *r);
} tools[] = {
	{ "search", "Search the text of files for what a query means or says. Returns passages, the best first, with path, "
	  "line, byte range, score (0 to 1) and whether the file has changed since it was indexed.",
	  OBJECT("\"query\"", "\"query\":{\"type\":\"string\",\"description\":\"plain words; identifiers and \\\"quoted "
		 "parts\\\" are found as written\"},"
		 "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":10},"
		 "\"min_score\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
		 "\"per_file\":{\"type\":\"boolean\",\"description\":\"one passage of each file\"},"
		 "\"fresh\":{\"type\":\"boolean\",\"description\":\"no files that changed after they were indexed\"},"
		 "\"weak\":{\"type\":\"boolean\",\"description\":\"also what is hardly alike\"}," SCOPE_PROPERTIES),
	  false, run_search_tool },
	{ "read_passage", "Read a part of a text file, by line or by the byte range of a search result.",
	  OBJECT("", "\"path\":{\"type\":\"string\"},"
		 "\"path_hex\":{\"type\":\"string\",\"description\":\"where a result has it: the name's bytes\"},"
		 "\"line\":{\"type\":\"integer\",\"minimum\":1,\"default\":1},"
		 "\"lines\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":2000,\"default\":40},"
		 "\"offset\":{\"type\":\"integer\",\"minimum\":0},"
		 "\"length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65536}"),
	  false, run_read_tool },
	{ "status", "How complete the index of a directory is: files not indexed, and changed since.",
	  OBJECT("", SCOPE_PROPERTIES), false, run_status_tool },
	{ "stale", "The files that are not indexed, or have changed since.",
	  OBJECT("", SCOPE_PROPERTIES), false, run_stale_tool },
	{ "index", "Index new and changed files of a directory, so that search finds them. May take minutes for many files.",
	  OBJECT("", SCOPE_PROPERTIES), true, run_index_tool },
};

#define NTOOLS (sizeof(tools) / sizeof(tools[0]))

struct json_object *mcp_tools_list(const struct mcp *m)
{
	struct json_object *list = json_object_new_array(), *o, *hints;
	size_t i;

	for (i = 0; i < NTOOLS; i++) {
		if (tools[i].writes && m->read_only)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "name", json_object_new_string(tools[i].name));
		json_object_object_add(o, "description", json_object_new_string(tools[i].description));
		json_object_object_add(o, "inputSchema", json_tokener_parse(tools[i].schema));
		hints = json_object_new_object();
		json_object_object_add(hints, "readOnlyHint", json_object_new_boolean(!tools[i].writes));
		json_object_object_add(hints, "destructiveHint", json_object_new_boolean(false));
		json_object_object_add(hints, "openWorldHint", json_object_new_boolean(false));
		json_object_object_add(o, "annotations", hints);
		json_object_array_add(list, o);
	}
	return list;
}

void mcp_tool_call(struct mcp *m, const char *name, struct json_object *args, struct mcp_result *r)
{
	size_t i;

	for (i = 0; i < NTOOLS; i++) {
		if (strcmp(tools[i].name, name) || (tools[i].writes && m->read_only))
			continue;
		tools[i].run(m, args, r);
		return;
	}
	mcp_wrong(r, "unknown tool: %s", name);
}
