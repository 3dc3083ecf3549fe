/* SPDX-License-Identifier: GPL-2.0-only */
/* vexmcp: what its files share. */
#ifndef VEX_MCP_H
#define VEX_MCP_H

#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>

/**
 * struct tool_result - a call, prepared
 * @argv:   the command to run, owned by the caller with all its words; NULL: not possible, and the others say why
 * @script: a file that goes with it, or ""
 * @data:   the result, for a tool that needs no command
 * @wrong:  the arguments are wrong, @text says what about them
 * @text:   why there is no result
 */
struct tool_result {
	char **argv;
	char script[PATH_MAX];
	struct json_object *data;
	bool wrong;
	char text[512];
};

void tool_prepare(const char *root, const char *build, const char *name, struct json_object *args,
		  struct tool_result *r);
struct json_object *tools_list(void);

#endif
