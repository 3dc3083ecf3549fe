/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The messages of a server of the Model Context Protocol: JSON-RPC 2.0, one message a line. For vexctl mcp, and for
 * ./vex mcp (env/report/vexmcp.c).
 */
#ifndef VEXCTL_RPC_H
#define VEXCTL_RPC_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define RPC_MESSAGE_MAX	(4u << 20)	/* bytes of a request */

/* JSON-RPC 2.0, section 5.1 */
enum {
	RPC_PARSE = -32700,
	RPC_REQUEST = -32600,
	RPC_METHOD = -32601,
	RPC_PARAMS = -32602,
	RPC_INTERNAL = -32603,
};

/**
 * struct rpc - a server
 * @wire:  where answers go; nothing else does
 * @name, @version, @instructions: what it says of itself
 * @initialized: the client has said hello
 * @structured: it knows of structured results (protocol 2025-06-18)
 * @safe:  text that a client may show
 * @tools: the list of tools, owned by the caller
 * @call:  one of them, with an object of arguments or NULL; false: the client does not listen any more. The answer may
 *	   come later, by rpc_result().
 * @notified: a notification came; NULL: they do not matter
 */
struct rpc {
	FILE *wire;
	const char *name, *version, *instructions;
	bool initialized, structured;
	struct json_object *(*safe)(const char *text, size_t len);
	struct json_object *(*tools)(struct rpc *rpc);
	bool (*call)(struct rpc *rpc, struct json_object *id, const char *name, struct json_object *args);
	void (*notified)(struct rpc *rpc, const char *method, struct json_object *params);
};

/* One line without its end. False, as for all below: the client does not listen any more. */
bool rpc_line(struct rpc *rpc, const char *line, size_t len);
/* Takes over @result. */
bool rpc_result(struct rpc *rpc, struct json_object *id, struct json_object *result);
bool rpc_error(struct rpc *rpc, struct json_object *id, int code, const char *text);
/* A tool's result: @data, taken over, or, if that is NULL, the @text of its failure. */
bool rpc_tool_result(struct rpc *rpc, struct json_object *id, struct json_object *data, const char *text);
/* A member that is a string, or NULL. */
const char *rpc_text(struct json_object *o, const char *key);

#endif /* VEXCTL_RPC_H */
