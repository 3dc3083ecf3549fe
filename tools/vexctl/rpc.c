// SPDX-License-Identifier: GPL-2.0
/* JSON-RPC 2.0 on lines, as the stdio transport of the Model Context Protocol has it */
#include <string.h>

#include "tools/vexctl/rpc.h"

#define DEPTH_MAX	32	/* of nested JSON */

static const char *const versions[] = { "2025-06-18", "2024-11-05" };	/* the first is preferred */

/* Whether the client still listens. */
static bool send_message(struct rpc *rpc, struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	bool ok = text && fputs(text, rpc->wire) >= 0 && putc('\n', rpc->wire) != EOF && !fflush(rpc->wire);

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

bool rpc_result(struct rpc *rpc, struct json_object *id, struct json_object *result)
{
	struct json_object *o = answer(id);

	json_object_object_add(o, "result", result);
	return send_message(rpc, o);
}

bool rpc_error(struct rpc *rpc, struct json_object *id, int code, const char *text)
{
	struct json_object *o = answer(id), *e = json_object_new_object();

	json_object_object_add(e, "code", json_object_new_int(code));
	json_object_object_add(e, "message", rpc->safe(text, strlen(text)));
	json_object_object_add(o, "error", e);
	return send_message(rpc, o);
}

const char *rpc_text(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

static bool initialize(struct rpc *rpc, struct json_object *id, struct json_object *params)
{
	const char *asked = rpc_text(params, "protocolVersion"), *version = versions[0];
	struct json_object *o, *info, *can;
	size_t i;

	if (!asked)
		return rpc_error(rpc, id, RPC_PARAMS, "initialize requires a protocolVersion");
	for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (!strcmp(asked, versions[i]))
			version = versions[i];
	rpc->initialized = true;
	rpc->structured = version == versions[0];
	o = json_object_new_object();
	json_object_object_add(o, "protocolVersion", json_object_new_string(version));
	can = json_object_new_object();
	json_object_object_add(can, "tools", json_object_new_object());
	json_object_object_add(o, "capabilities", can);
	info = json_object_new_object();
	json_object_object_add(info, "name", json_object_new_string(rpc->name));
	json_object_object_add(info, "version", json_object_new_string(rpc->version));
	json_object_object_add(o, "serverInfo", info);
	json_object_object_add(o, "instructions", json_object_new_string(rpc->instructions));
	return rpc_result(rpc, id, o);
}

static bool list_tools(struct rpc *rpc, struct json_object *id, struct json_object *params)
{
	struct json_object *o;

	if (rpc_text(params, "cursor"))
		return rpc_error(rpc, id, RPC_PARAMS, "unknown cursor: all tools are on one page");
	o = json_object_new_object();
	json_object_object_add(o, "tools", rpc->tools(rpc));
	return rpc_result(rpc, id, o);
}

/* As text for every client, and as it is for those that know of it. */
bool rpc_tool_result(struct rpc *rpc, struct json_object *id, struct json_object *data, const char *text)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array(),
			   *content = json_object_new_object();

	json_object_object_add(content, "type", json_object_new_string("text"));
	/* what is in the data is safe by now */
	if (data)
		text = json_object_to_json_string_ext(data, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_object_add(content, "text", data ? json_object_new_string(text) : rpc->safe(text, strlen(text)));
	json_object_array_add(list, content);
	json_object_object_add(o, "content", list);
	if (rpc->structured && data)
		json_object_object_add(o, "structuredContent", json_object_get(data));
	json_object_object_add(o, "isError", json_object_new_boolean(!data));
	json_object_put(data);
	return rpc_result(rpc, id, o);
}

static bool call_tool(struct rpc *rpc, struct json_object *id, struct json_object *params)
{
	const char *name = rpc_text(params, "name");
	struct json_object *args = NULL;

	if (!name)
		return rpc_error(rpc, id, RPC_PARAMS, "tools/call requires the name of a tool");
	json_object_object_get_ex(params, "arguments", &args);
	if (args && !json_object_is_type(args, json_type_object))
		return rpc_error(rpc, id, RPC_PARAMS, "arguments must be an object");
	return rpc->call(rpc, id, name, args);
}

static bool request(struct rpc *rpc, const char *method, struct json_object *id, struct json_object *params)
{
	if (!strcmp(method, "initialize"))
		return initialize(rpc, id, params);
	if (!strcmp(method, "ping"))
		return rpc_result(rpc, id, json_object_new_object());
	if (strcmp(method, "tools/list") && strcmp(method, "tools/call"))
		return rpc_error(rpc, id, RPC_METHOD, "method not found");
	if (!rpc->initialized)
		return rpc_error(rpc, id, RPC_REQUEST, "the first request must be initialize");
	return !strcmp(method, "tools/list") ? list_tools(rpc, id, params) : call_tool(rpc, id, params);
}

/* Notifications get no answer, nor do answers: the server sends no requests. */
static bool message(struct rpc *rpc, struct json_object *o)
{
	const char *version = rpc_text(o, "jsonrpc"), *method = rpc_text(o, "method");
	struct json_object *id = NULL, *params = NULL;
	bool has_id;

	if (json_object_is_type(o, json_type_array))
		return rpc_error(rpc, NULL, RPC_REQUEST, "batches are not supported");
	if (!json_object_is_type(o, json_type_object))
		return rpc_error(rpc, NULL, RPC_REQUEST, "a request is an object");
	has_id = json_object_object_get_ex(o, "id", &id);
	if (has_id && !json_object_is_type(id, json_type_string) && !json_object_is_type(id, json_type_int))
		return rpc_error(rpc, NULL, RPC_REQUEST, "id must be a string or an integer");
	if (!version || strcmp(version, "2.0"))
		return rpc_error(rpc, id, RPC_REQUEST, "jsonrpc must be \"2.0\"");
	if (!method && (json_object_object_get_ex(o, "result", &params) ||
			json_object_object_get_ex(o, "error", &params)))
		return true;
	if (!method)
		return rpc_error(rpc, id, RPC_REQUEST, "a request has a method");
	if (!has_id) {
		json_object_object_get_ex(o, "params", &params);
		if (rpc->notified)
			rpc->notified(rpc, method, params);
		return true;
	}
	if (json_object_object_get_ex(o, "params", &params) && !json_object_is_type(params, json_type_object))
		return rpc_error(rpc, id, RPC_PARAMS, "params must be an object");
	return request(rpc, method, id, params);
}

bool rpc_line(struct rpc *rpc, const char *line, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *o;
	bool ok;

	if (!t)
		return rpc_error(rpc, NULL, RPC_INTERNAL, "out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(t, line, (int)len + 1);
	if (json_tokener_get_error(t) != json_tokener_success || strlen(line) != len)
		ok = rpc_error(rpc, NULL, RPC_PARSE, "not a JSON text in UTF-8 on one line");
	else
		ok = message(rpc, o);
	json_object_put(o);
	json_tokener_free(t);
	return ok;
}
