// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl mcp: JSON-RPC 2.0 on standard input and output, one message a line, as
 * the stdio transport of the Model Context Protocol has it. Standard output
 * carries answers only: what commands print is caught (capture.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/mcp.h"
#include "tools/vexctl/transfer.h"

#ifndef VEXFS_VERSION_STRING
#define VEXFS_VERSION_STRING "unknown"
#endif

#define DEPTH_MAX	32	/* of nested JSON */

static const char *const versions[] = { "2025-06-18", "2024-11-05" };	/* the first is preferred */

static const char instructions[] =
	"Semantic search of files on a VexFS. Call 'search' with a question in plain words; results are passages "
	"with path and line. 'read_passage' shows what is around one. If a result says that files are new or have "
	"changed, 'index' brings the directory up to date.";

/* Whether the client still listens. */
static bool send_message(struct mcp *m, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	bool ok = text && fputs(text, m->wire) >= 0 && putc('\n', m->wire) != EOF && !fflush(m->wire);

	json_object_put(o);
	return ok;
}

static struct json_object *answer(struct json_object *id)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "jsonrpc", json_object_new_string("2.0"));
	json_object_object_add(o, "id", json_object_get(id));
	return o;
}

static bool send_result(struct mcp *m, struct json_object *id, struct json_object *result)
{
	struct json_object *o = answer(id);

	json_object_object_add(o, "result", result);
	return send_message(m, o);
}

static bool send_error(struct mcp *m, struct json_object *id, int code, const char *text)
{
	struct json_object *o = answer(id), *e = json_object_new_object();

	json_object_object_add(e, "code", json_object_new_int(code));
	json_object_object_add(e, "message", mcp_safe(text, strlen(text)));
	json_object_object_add(o, "error", e);
	return send_message(m, o);
}

static const char *member_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

static bool initialize(struct mcp *m, struct json_object *id, struct json_object *params)
{
	const char *asked = member_text(params, "protocolVersion"), *version = versions[0];
	struct json_object *o, *info, *can;
	size_t i;

	if (!asked)
		return send_error(m, id, RPC_PARAMS, "initialize requires a protocolVersion");
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (!strcmp(asked, versions[i]))
			version = versions[i];
	m->initialized = true;
	m->structured = version == versions[0];
	o = json_object_new_object();
	json_object_object_add(o, "protocolVersion", json_object_new_string(version));
	can = json_object_new_object();
	json_object_object_add(can, "tools", json_object_new_object());
	json_object_object_add(o, "capabilities", can);
	info = json_object_new_object();
	json_object_object_add(info, "name", json_object_new_string("vexfs"));
	json_object_object_add(info, "version", json_object_new_string(VEXFS_VERSION_STRING));
	json_object_object_add(o, "serverInfo", info);
	json_object_object_add(o, "instructions", json_object_new_string(instructions));
	return send_result(m, id, o);
}

static bool list_tools(struct mcp *m, struct json_object *id, struct json_object *params)
{
	struct json_object *o;

	if (member_text(params, "cursor"))
		return send_error(m, id, RPC_PARAMS, "unknown cursor: all tools are on one page");
	o = json_object_new_object();
	json_object_object_add(o, "tools", mcp_tools_list(m));
	return send_result(m, id, o);
}

/* As text for every client, and as it is for those that know of it. */
static struct json_object *call_result(const struct mcp *m, struct mcp_result *r)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array(),
			   *content = json_object_new_object();
	const char *text = r->failed ? r->text :
		json_object_to_json_string_ext(r->data, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	json_object_object_add(content, "type", json_object_new_string("text"));
	/* what is in the data is safe by now */
	json_object_object_add(content, "text", r->failed ? mcp_safe(text, strlen(text)) :
							    json_object_new_string(text));
	json_object_array_add(list, content);
	json_object_object_add(o, "content", list);
	if (m->structured && !r->failed)
		json_object_object_add(o, "structuredContent", json_object_get(r->data));
	json_object_object_add(o, "isError", json_object_new_boolean(r->failed));
	return o;
}

static bool call_tool(struct mcp *m, struct json_object *id, struct json_object *params)
{
	const char *name = member_text(params, "name");
	struct json_object *args = NULL;
	struct mcp_result r = { 0 };
	bool ok;

	if (!name)
		return send_error(m, id, RPC_PARAMS, "tools/call requires the name of a tool");
	json_object_object_get_ex(params, "arguments", &args);
	if (args && !json_object_is_type(args, json_type_object))
		return send_error(m, id, RPC_PARAMS, "arguments must be an object");
	mcp_tool_call(m, name, args, &r);
	if (!r.code && !r.failed && !r.data)
		r.code = RPC_INTERNAL;
	if (r.failed && !r.text)
		r.text = strdup("the tool failed");
	ok = r.code || (r.failed && !r.text) ?
		     send_error(m, id, r.code ? r.code : RPC_INTERNAL, r.text ? r.text : "out of memory") :
		     send_result(m, id, call_result(m, &r));
	free(r.text);
	json_object_put(r.data);
	return ok;
}

static bool request(struct mcp *m, const char *method, struct json_object *id, struct json_object *params)
{
	if (!strcmp(method, "initialize"))
		return initialize(m, id, params);
	if (!strcmp(method, "ping"))
		return send_result(m, id, json_object_new_object());
	if (strcmp(method, "tools/list") && strcmp(method, "tools/call"))
		return send_error(m, id, RPC_METHOD, "method not found");
	if (!m->initialized)
		return send_error(m, id, RPC_REQUEST, "the first request must be initialize");
	return !strcmp(method, "tools/list") ? list_tools(m, id, params) : call_tool(m, id, params);
}

/* Notifications get no answer, nor do answers: the server sends no requests. */
static bool message(struct mcp *m, struct json_object *o)
{
	const char *rpc = member_text(o, "jsonrpc"), *method = member_text(o, "method");
	struct json_object *id = NULL, *params = NULL;
	bool has_id;

	if (json_object_is_type(o, json_type_array))
		return send_error(m, NULL, RPC_REQUEST, "batches are not supported");
	if (!json_object_is_type(o, json_type_object))
		return send_error(m, NULL, RPC_REQUEST, "a request is an object");
	has_id = json_object_object_get_ex(o, "id", &id);
	if (has_id && !json_object_is_type(id, json_type_string) && !json_object_is_type(id, json_type_int))
		return send_error(m, NULL, RPC_REQUEST, "id must be a string or an integer");
	if (!rpc || strcmp(rpc, "2.0"))
		return send_error(m, id, RPC_REQUEST, "jsonrpc must be \"2.0\"");
	if (!method && (json_object_object_get_ex(o, "result", &params) ||
			json_object_object_get_ex(o, "error", &params)))
		return true;
	if (!method)
		return send_error(m, id, RPC_REQUEST, "a request has a method");
	if (!has_id)
		return true;
	if (json_object_object_get_ex(o, "params", &params) && !json_object_is_type(params, json_type_object))
		return send_error(m, id, RPC_PARAMS, "params must be an object");
	return request(m, method, id, params);
}

static bool handle_line(struct mcp *m, const char *line, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;
	bool ok;

	if (!t)
		return send_error(m, NULL, RPC_INTERNAL, "out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, line, (int)len + 1);
	if (json_tokener_get_error(t) != json_tokener_success || strlen(line) != len)
		ok = send_error(m, NULL, RPC_PARSE, "not a JSON text in UTF-8 on one line");
	else
		ok = message(m, o);
	json_object_put(o);
	json_tokener_free(t);
	return ok;
}

static int serve(struct mcp *m)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	bool ok = true;

	while (ok && (len = line_read(stdin, &line, &room, MCP_MESSAGE_MAX)) != -1) {
		if (len == -EFBIG)
			ok = send_error(m, NULL, RPC_REQUEST, "the message is longer than 4 MiB");
		else if (len < 0)
			break;
		else if (line[strspn(line, " \t\r")])
			ok = handle_line(m, line, (size_t)len);
		/* a tool that was asked to stop is the last */
		if (interrupted())
			break;
	}
	free(line);
	return ok ? EXIT_OK : EXIT_FAILED;
}

static int add_dir(struct mcp *m, const char *path)
{
	struct mcp_dir *d = &m->dir[m->ndirs];
	struct target t;
	int ret = target_open(&t, path, O_RDONLY | O_DIRECTORY);

	if (ret)
		return ret;
	d->fd = t.fd;
	d->path = realpath(path, NULL);
	m->ndirs++;
	if (d->path)
		return EXIT_OK;
	say_error("cannot use %s: %s", path, strerror(errno));
	return EXIT_FAILED;
}

static int run_mcp(const struct command *cmd, struct options *opt)
{
	struct mcp m = { .opt = opt, .wire = stdout, .read_only = opt->read_only };
	int ret = EXIT_OK, i, cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t n;

	if (opt->nargs > MCP_DIRS_MAX)
		return usage_error(cmd, "at most %d directories are possible", MCP_DIRS_MAX);
	if (!opt->nargs)
		ret = add_dir(&m, ".");
	for (i = 0; !ret && i < opt->nargs; i++)
		ret = add_dir(&m, opt->args[i]);
	if (!ret && isatty(STDIN_FILENO))
		say_error("waiting for messages of the Model Context Protocol on standard input (Ctrl-D ends)");
	if (!ret)
		ret = serve(&m);
	for (n = 0; n < m.ndirs; n++) {
		close(m.dir[n].fd);
		free(m.dir[n].path);
	}
	if (cwd >= 0 && !fchdir(cwd))
		close(cwd);
	return ret;
}

const struct command cmd_mcp = {
	.name = "mcp",
	.summary = "serve search to a program by the Model Context Protocol",
	.accepts = "collection read-only",
	.min_args = 0, .max_args = -1,
	.run = run_mcp,
	.help =
	"usage: vexctl mcp [--collection NAME] [--read-only] [DIR]...\n"
	"Speak the Model Context Protocol on standard input and output (revisions 2024-11-05 and\n"
	"2025-06-18), for programs that work with language models. Tools: search, read_passage, status,\n"
	"stale, index. They see the files below each DIR (default: here), which must be on a VexFS, as far\n"
	"as the user who runs this may read them, and nothing else. Started by such a program, not by hand.\n\n"
	"  -c, --collection NAME  which one, if a tool is not told another\n"
	"      --read-only        without the tool index\n\n"
	"example: claude mcp add notes -- vexctl mcp ~/notes\n",
};
