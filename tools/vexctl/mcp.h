/* SPDX-License-Identifier: GPL-2.0 */
/* vexctl mcp: a server of the Model Context Protocol, what its files share. */
#ifndef VEXCTL_MCP_H
#define VEXCTL_MCP_H

#include "tools/vexctl/rpc.h"
#include "tools/vexctl/vexctl.h"

#define MCP_OUTPUT_MAX	(1u << 20)	/* bytes that a tool gives back */
#define MCP_DIRS_MAX	64

/**
 * struct mcp_dir - a directory that is served
 * @path: without links, as tools name it
 */
struct mcp_dir {
	char *path;
	int fd;
};

/**
 * struct mcp - a server
 * @rpc: its messages; the first member
 * @read_only: no tool that writes
 */
struct mcp {
	struct rpc rpc;
	const struct options *opt;
	struct mcp_dir dir[MCP_DIRS_MAX];
	size_t ndirs;
	bool read_only;
};

/**
 * struct mcp_result - what a tool answered
 * @code:   0, or an RPC_* of bad arguments; @text says why
 * @failed: the tool did not work; @text says why
 * @data:   the result, owned
 */
struct mcp_result {
	int code;
	bool failed;
	char *text;
	struct json_object *data;
};

/* mcp_tools.c */
struct json_object *mcp_tools_list(const struct mcp *m);
void mcp_tool_call(struct mcp *m, const char *name, struct json_object *args, struct mcp_result *r);
/* Set an error's text; returns false. */
bool mcp_wrong(struct mcp_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool mcp_fail(struct mcp_result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* mcp_args.c: arguments of a tool; false: wrong, said in @r */
bool mcp_text(struct json_object *args, const char *key, size_t max, const char **out, struct mcp_result *r);
bool mcp_number(struct json_object *args, const char *key, uint64_t min, uint64_t max, uint64_t *out,
		struct mcp_result *r);
bool mcp_share(struct json_object *args, const char *key, double *out, struct mcp_result *r);
bool mcp_flag(struct json_object *args, const char *key, bool *out, struct mcp_result *r);
/* Open @path, which must be in a served directory, or the only directory there is if it is NULL. A
 * descriptor, -1: said in @r. *@whole: its whole path, malloc'ed. */
int mcp_open(const struct mcp *m, const char *path, int flags, char **whole, struct mcp_result *r);
/* Text without control and format characters, as print_safe() writes it; lines stay. */
struct json_object *mcp_safe(const char *text, size_t len);

/* capture.c: a command of vexctl, its output and its messages in memory. Its exit status, -ENOMEM. */
/**
 * struct capture - what a command wrote
 * @out, @err: NUL terminated
 * @dropped: lines above MCP_OUTPUT_MAX bytes, which are not in @out
 */
struct capture {
	char *out, *err;
	size_t out_len, err_len, out_room, err_room;
	uint64_t dropped;
};
int capture_run(const struct command *cmd, struct options *opt, struct capture *c);
void capture_free(struct capture *c);

#endif /* VEXCTL_MCP_H */
