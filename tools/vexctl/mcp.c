// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl mcp: a server of the Model Context Protocol on standard input and output
 * (rpc.c). Standard output carries answers only: what commands print is caught
 * (capture.c).
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

static const char instructions[] =
	"Semantic search of files on a VexFS. Call 'search' with a question in plain words; results are passages "
	"with path and line. 'read_passage' shows what is around one. If a result says that files are new or have "
	"changed, 'index' brings the directory up to date.";

static bool call_tool(struct rpc *rpc, struct json_object *id, const char *name, struct json_object *args)
{
	struct mcp *m = (struct mcp *)rpc;
	struct mcp_result r = { 0 };
	bool ok;

	mcp_tool_call(m, name, args, &r);
	if (!r.code && !r.failed && !r.data)
		r.code = RPC_INTERNAL;
	if (r.failed && !r.text)
		r.text = strdup("the tool failed");
	if (r.code || (r.failed && !r.text)) {
		ok = rpc_error(rpc, id, r.code ? r.code : RPC_INTERNAL, r.text ? r.text : "out of memory");
		json_object_put(r.data);
	} else {
		if (r.failed) {
			json_object_put(r.data);
			r.data = NULL;
		}
		ok = rpc_tool_result(rpc, id, r.data, r.text);
	}
	free(r.text);
	return ok;
}

static struct json_object *list_tools(struct rpc *rpc)
{
	return mcp_tools_list((struct mcp *)rpc);
}

static int serve(struct mcp *m)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	bool ok = true;

	while (ok && (len = line_read(stdin, &line, &room, RPC_MESSAGE_MAX)) != -1) {
		if (len == -EFBIG)
			ok = rpc_error(&m->rpc, NULL, RPC_REQUEST, "the message is longer than 4 MiB");
		else if (len < 0)
			break;
		else if (line[strspn(line, " \t\r")])
			ok = rpc_line(&m->rpc, line, (size_t)len);
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
	struct mcp m = {
		.rpc = {
			.wire = stdout, .name = "vexfs", .version = VEXFS_VERSION_STRING, .instructions = instructions,
			.safe = mcp_safe, .tools = list_tools, .call = call_tool,
		},
		.opt = opt, .read_only = opt->read_only,
	};
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
