// SPDX-License-Identifier: GPL-2.0
/* vexctl mcp: a session as the protocol's TypeScript SDK 1.32 sends it, bad messages, and what it does not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/mcp.h"

#define HELLO(version) \
	"{\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"" version "\",\"capabilities\":{\"roots\":" \
	"{\"listChanged\":true}},\"clientInfo\":{\"name\":\"example-client\",\"version\":\"1.0.0\"}},\"jsonrpc\":\"2.0\"," \
	"\"id\":0}\n" \
	"{\"method\":\"notifications/initialized\",\"jsonrpc\":\"2.0\"}\n"
#define CALL(id, tool, args) \
	"{\"method\":\"tools/call\",\"params\":{\"name\":\"" tool "\",\"arguments\":" args "},\"jsonrpc\":" \
	"\"2.0\",\"id\":" id "}\n"

static struct json_object *reply[64];
static size_t nreplies;

static void forget(void)
{
	while (nreplies)
		json_object_put(reply[--nreplies]);
}

/* Every line of the output must be one JSON object; nothing in it may drive a terminal. */
static void parse_replies(void)
{
	char *line = r.out, *end;
	struct json_object *o;

	forget();
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		*end = '\0';
		o = json_tokener_parse(line);
		assert_true(json_object_is_type(o, json_type_object));
		assert_null(strpbrk(line, "\x1b\x7f\x08"));
		assert_null(strstr(line, "\\u001b"));
		assert_null(strstr(line, "\xe2\x80\xae"));	/* right-to-left override */
		assert_true(nreplies < 64);
		reply[nreplies++] = o;
	}
}

static void session_of(const char *input, size_t len, const char *option)
{
	FILE *was = stdin;

	stdin = fmemopen((char *)input, len, "r");
	assert_non_null(stdin);
	assert_int_equal(run("mcp", "%", option, NULL), 0);
	fclose(stdin);
	stdin = was;
	parse_replies();
}

static void session(const char *input)
{
	session_of(input, strlen(input), NULL);
}

/* The part of reply @n at @path, which is keys and numbers with "/" between. */
static struct json_object *at(size_t n, const char *path)
{
	struct json_object *o = NULL;

	assert_true(n < nreplies);
	if (json_pointer_get(reply[n], path, &o))
		fail_msg("no %s in %s", path, json_object_to_json_string(reply[n]));
	return o;
}

static void assert_text(size_t n, const char *path, const char *part)
{
	assert_says(json_object_get_string(at(n, path)), part);
}

static void assert_error(size_t n, int code)
{
	assert_int_equal(json_object_get_int(at(n, "/error/code")), code);
}

static void write_tree(void)
{
	char path[PATH_MAX + 64];

	write_text("tyre", "How to fix a flat tyre\n");
	write_text("bread", "Knead the dough\nand bake it\nin a hot oven\n");
	write_text("esc\x1b[31m", "red lighthouse\x1b[31m keeper \xe2\x80\xae\n");
	snprintf(path, sizeof(path), "%s/out", fake.root);
	assert_int_equal(symlink("/etc", path), 0);
	assert_int_equal(run("index", "%", NULL), 0);
}

static void test_session(void **state)
{
	write_tree();
	session(HELLO("2025-11-25")	/* newer than this server: it names what it has */
		"{\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"id\":1}\n"
		CALL("2", "search", "{\"query\":\"flat tyre\"}")
		CALL("3", "search", "{\"query\":\"lighthouse keeper\",\"limit\":1}")
		CALL("4", "read_passage", "{\"path\":\"bread\",\"line\":2,\"lines\":1}")
		CALL("5", "status", "{}") CALL("6", "stale", "{}") CALL("7", "index", "{}")
		"{\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":7},\"jsonrpc\":\"2.0\"}\n"
		"{\"method\":\"ping\",\"jsonrpc\":\"2.0\",\"id\":\"p\"}");
	assert_int_equal(nreplies, 9);
	assert_text(0, "/result/protocolVersion", "2025-06-18");
	assert_text(0, "/result/serverInfo/name", "vexfs");
	assert_int_equal(json_object_array_length(at(1, "/result/tools")), 5);
	assert_text(1, "/result/tools/0/inputSchema/required/0", "query");
	assert_text(2, "/result/structuredContent/hits/0/path", "/tyre");
	assert_text(2, "/result/structuredContent/hits/0/passage", "How to fix a flat tyre");
	assert_text(2, "/result/content/0/text", "\"line\":1");
	assert_false(json_object_get_boolean(at(2, "/result/isError")));
	assert_text(3, "/result/structuredContent/hits/0/path", "/esc\\x1b[31m");
	assert_text(3, "/result/structuredContent/hits/0/passage", "red lighthouse\\x1b[31m keeper");
	assert_text(4, "/result/structuredContent/text", "and bake it");
	assert_int_equal(json_object_get_int(at(4, "/result/structuredContent/offset")), 16);
	assert_int_equal(json_object_get_int(at(5, "/result/structuredContent/files")), 3);
	assert_int_equal(json_object_array_length(at(6, "/result/structuredContent/files")), 0);
	assert_int_equal(json_object_get_int(at(7, "/result/structuredContent/up_to_date")), 3);
	assert_text(8, "/id", "p");
	assert_int_equal(json_object_object_length(at(8, "/result")), 0);
}

/* The older revision has results as text only. */
static void test_older(void **state)
{
	struct json_object *o;

	write_tree();
	session(HELLO("2024-11-05") CALL("1", "search", "{\"query\":\"flat tyre\"}"));
	assert_text(0, "/result/protocolVersion", "2024-11-05");
	assert_text(1, "/result/content/0/text", "How to fix a flat tyre");
	assert_int_not_equal(json_pointer_get(reply[1], "/result/structuredContent", &o), 0);
}

static void test_changes(void **state)
{
	write_tree();
	write_text("new\xff", "a parrot that speaks\n");
	touch("bread", 1000);
	session(HELLO("2025-06-18") CALL("1", "search", "{\"query\":\"flat tyre\"}") CALL("2", "stale", "{}")
		CALL("3", "index", "{}") CALL("4", "search", "{\"query\":\"parrot\"}")
		CALL("5", "search", "{\"query\":\"quantum chromodynamics\"}"));
	assert_text(1, "/result/structuredContent/warning", "1 files here are not indexed and 1 have changed");
	assert_int_equal(json_object_array_length(at(2, "/result/structuredContent/files")), 2);
	assert_int_equal(json_object_get_int(at(3, "/result/structuredContent/embedded")), 2);
	assert_text(4, "/result/structuredContent/hits/0/path_hex", "6e6577ff");
	assert_int_equal(json_object_array_length(at(5, "/result/structuredContent/hits")), 0);
	session(HELLO("2025-06-18") CALL("1", "search", "{\"query\":\"x\",\"collection\":\"none\"}"));
	assert_true(json_object_get_boolean(at(1, "/result/isError")));
	assert_text(1, "/result/content/0/text", "collection 'none' does not exist");
}

/* What is not below the directory is not read, whatever it is called. */
static void test_confined(void **state)
{
	char input[32768], hex[2 * PATH_MAX] = "";
	const char *p;
	size_t i;

	write_tree();
	for (p = fake.root; *p; p++)
		sprintf(hex + strlen(hex), "%02x", (unsigned char)*p);
	snprintf(input, sizeof(input), HELLO("2025-06-18")
		 CALL("1", "read_passage", "{\"path\":\"/etc/passwd\"}")
		 CALL("2", "read_passage", "{\"path\":\"../../etc/passwd\"}")
		 CALL("3", "read_passage", "{\"path\":\"out/passwd\"}")
		 CALL("4", "read_passage", "{\"path\":\"%s/../../etc/passwd\"}")
		 CALL("5", "read_passage", "{\"path\":\"%sx/tyre\"}")
		 CALL("6", "search", "{\"query\":\"root\",\"directory\":\"/etc\"}")
		 CALL("7", "index", "{\"directory\":\"out\"}")
		 CALL("8", "read_passage", "{\"path\":\".\"}")
		 CALL("9", "read_passage", "{\"path\":\"gone\"}")
		 CALL("10", "read_passage", "{\"path_hex\":\"%s2f657363 1b\"}")
		 CALL("11", "read_passage", "{\"path_hex\":\"%s2f6573631b5b33316d\"}")
		 CALL("12", "read_passage", "{\"path\":\"%s/tyre\",\"offset\":7,\"length\":3}"),
		 fake.root, fake.root, hex, hex, fake.root);
	session(input);
	assert_int_equal(nreplies, 13);
	for (i = 1; i < 10; i++)
		assert_true(json_object_get_boolean(at(i, "/result/isError")));
	assert_text(1, "/result/content/0/text", "outside of the directories");
	assert_text(2, "/result/content/0/text", "leads out of");
	assert_text(3, "/result/content/0/text", "symbolic link");
	assert_text(8, "/result/content/0/text", "not a regular file");
	assert_error(10, RPC_PARAMS);
	assert_text(11, "/result/structuredContent/text", "red lighthouse\\x1b[31m keeper \\xe2\\x80\\xae");
	assert_text(12, "/result/structuredContent/text", "fix");
}

static void test_read_only(void **state)
{
	const char *input = HELLO("2025-06-18") "{\"method\":\"tools/list\",\"jsonrpc\":\"2.0\",\"id\":1}\n"
			    CALL("2", "index", "{}");

	write_tree();
	session_of(input, strlen(input), "--read-only");
	assert_int_equal(json_object_array_length(at(1, "/result/tools")), 4);
	assert_error(2, RPC_PARAMS);
}

/* JSON-RPC's own errors; those whose id cannot be known have null. */
static void test_bad_messages(void **state)
{
	static const struct {
		const char *line;
		int code;
	} cases[] = {
		{ "nonsense", RPC_PARSE }, { "{\"jsonrpc\":\"2.0\",\"id\":1", RPC_PARSE }, { "\"\xff\"", RPC_PARSE },
		{ "{} {}", RPC_PARSE }, { "{\"jsonrpc\":\"2.0\",\"id\":NaN,\"method\":\"ping\"}", RPC_REQUEST },
		{ "[]", RPC_REQUEST }, { "7", RPC_REQUEST }, { "null", RPC_REQUEST }, { "{}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}", RPC_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}", RPC_METHOD },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", RPC_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}", RPC_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":1}}", RPC_PARAMS },
	};
	char line[4096];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "%s\r\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n", cases[i].line);
		session(line);
		if (nreplies != 2)
			fail_msg("%s: %zu replies", cases[i].line, nreplies);
		assert_error(0, cases[i].code);
		at(0, "/error/message");
		assert_int_equal(json_object_get_int(at(1, "/id")), 2);
	}
	/* not answered: notifications, whatever they say, answers, and empty lines */
	session("{\"jsonrpc\":\"2.0\",\"method\":\"what\"}\n\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
	assert_int_equal(nreplies, 0);
}

static void test_bad_arguments(void **state)
{
	static const char *const bad[] = {
		CALL("1", "nonsense", "{}"), CALL("1", "search", "{}"), CALL("1", "search", "[]"),
		CALL("1", "search", "{\"query\":7}"), CALL("1", "search", "{\"query\":\"\"}"),
		CALL("1", "search", "{\"query\":\"a\\u0000b\"}"),
		CALL("1", "search", "{\"query\":\"a\",\"limit\":0}"), CALL("1", "search", "{\"query\":\"a\",\"limit\":101}"),
		CALL("1", "search", "{\"query\":\"a\",\"limit\":\"9\"}"),
		CALL("1", "search", "{\"query\":\"a\",\"limit\":-99999999999999999999}"),
		CALL("1", "search", "{\"query\":\"a\",\"min_score\":2}"),
		CALL("1", "search", "{\"query\":\"a\",\"weak\":1}"),
		CALL("1", "search", "{\"query\":\"a\",\"collection\":\"../x\"}"),
		CALL("1", "search", "{\"query\":\"a\",\"directory\":[]}"),
		CALL("1", "read_passage", "{}"), CALL("1", "read_passage", "{\"path\":\"tyre\",\"length\":65537}"),
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}}\n",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"x\"}}\n",
	};
	char input[4096];
	size_t i;

	write_tree();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(input, sizeof(input), "%s%s", HELLO("2025-06-18"), bad[i]);
		session(input);
		assert_int_equal(nreplies, 2);
		assert_error(1, RPC_PARAMS);
		assert_int_equal(json_object_get_int(at(1, "/id")), 1);
	}
}

/* A message without an end, brackets without an end: refused, and the next one is answered. */
static void test_large(void **state)
{
	static const char ping[] = "\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n";
	size_t len = RPC_MESSAGE_MAX + sizeof(ping);
	char *input = malloc(len);

	assert_non_null(input);
	memset(input, ' ', len);
	memcpy(input + RPC_MESSAGE_MAX, ping, sizeof(ping) - 1);
	session_of(input, RPC_MESSAGE_MAX + sizeof(ping) - 1, NULL);
	assert_int_equal(nreplies, 2);
	assert_error(0, RPC_REQUEST);
	memset(input, '[', 100000);
	memcpy(input + 100000, ping, sizeof(ping) - 1);
	session_of(input, 100000 + sizeof(ping) - 1, NULL);
	assert_int_equal(nreplies, 2);
	assert_error(0, RPC_PARSE);
	free(input);
}

static void test_usage(void **state)
{
	assert_int_equal(run("mcp", "/etc", NULL), 1);
	assert_string_equal(r.out, "");
	assert_int_equal(run("mcp", "--json", "%", NULL), 2);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_FAKE(test_session), ON_FAKE(test_older), ON_FAKE(test_changes), ON_FAKE(test_confined),
		ON_FAKE(test_read_only), ON_FAKE(test_bad_messages), ON_FAKE(test_bad_arguments), ON_FAKE(test_large),
		ON_FAKE(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
