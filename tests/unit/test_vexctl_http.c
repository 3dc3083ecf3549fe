// SPDX-License-Identifier: GPL-2.0
/* vexctl with an embedder that is a server, and everything a server may do wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>

#include "tests/unit/httpserver.h"
#include "tests/unit/vexctl_run.h"
#include "tools/vexctl/http.h"

#define KEY	"sk-swordfish-123"

static char spec[128];
static char head_seen[4096];
static const char *script;	/* what the answering functions shall do */

static void serve(void (*answer)(int, unsigned int, const char *, const char *))
{
	server.answer = answer;
	server.requests = 0;
	snprintf(spec, sizeof(spec), "http://127.0.0.1:%d/v1#toy-1", server.port);
}

/* {"model":...,"input":["...","..."],...}: vectors of three elements, the last text first. */
static void answer_well(int fd, unsigned int n, const char *head, const char *body)
{
	struct json_object *o = json_tokener_parse(body), *input, *data = json_object_new_array(),
		*all = json_object_new_object();
	size_t i, count;

	if (!server.parallel)
		snprintf(head_seen, sizeof(head_seen), "%s", head);
	if (!o || !json_object_object_get_ex(o, "input", &input))
		abort();
	count = json_object_array_length(input);
	for (i = count; i-- > 0;) {
		const char *text = json_object_get_string(json_object_array_get_idx(input, i));
		const char *v = strstr(text, "ar") || strstr(text, "automobile") ? "[1,0,0.1]" :
				strstr(text, "bread") ? "[0,1,0.1]" : "[0.1,0.1,1]";
		struct json_object *item = json_object_new_object();

		json_object_object_add(item, "index", json_object_new_int64((int64_t)i));
		json_object_object_add(item, "embedding", json_tokener_parse(v));
		json_object_array_add(data, item);
	}
	json_object_object_add(all, "object", json_object_new_string("list"));
	json_object_object_add(all, "data", data);
	server_reply(fd, "200 OK", "", json_object_to_json_string(all));
	json_object_put(all);
	json_object_put(o);
}

static void write_notes(void)
{
	write_text("motor", "An automobile needs petrol\n");
	write_text("kitchen", "How to bake bread\n");
	write_text("sea", "Whales sing to each other\n");
	assert_int_equal(chdir(fake.root), 0);
}

/* ---- it works --------------------------------------------------------------------------------- */

static void test_index_and_search(void **state)
{
	serve(answer_well);
	write_notes();
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "made collection 'default': 3 dimensions, toy-1");
	assert_says(r.out, "indexed 3 files");
	assert_says(head_seen, "POST /v1/embeddings HTTP/1.1");
	assert_null(strcasestr(head_seen, "authorization"));
	assert_int_equal(run("search", "--embedder", spec, "the car", NULL), 0);
	assert_true(!strncmp(r.out, "motor:1: ", 9));
	assert_string_equal(fake_coll("default")->embedder.name, "toy-1");
	assert_int_equal(run("search", "car", NULL), 1);
	assert_says(r.err, "last used as http://127.0.0.1");
	setenv("VEXCTL_EMBEDDER", spec, 1);
	assert_int_equal(run("search", "car", NULL), 0);
	snprintf(spec, sizeof(spec), "http://127.0.0.1:%d/v1#toy-2", server.port);
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "of the embedder 'toy-1', not of 'toy-2'");
}

static void test_urls(void **state)
{
	static const struct {
		const char *path, *asks;
	} cases[] = {
		{ "", "POST /v1/embeddings " }, { "/", "POST /v1/embeddings " }, { "/v1", "POST /v1/embeddings " },
		{ "/v1/", "POST /v1/embeddings " }, { "/a/embeddings", "POST /a/embeddings " },
		{ "/e?v=1", "POST /e?v=1 " },
	};
	size_t i;

	serve(answer_well);
	write_notes();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(spec, sizeof(spec), "http://127.0.0.1:%d%s#toy-1", server.port, cases[i].path);
		assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 0);
		assert_says(head_seen, cases[i].asks);
	}
	assert_int_equal(run("index", "--embedder", "http://127.0.0.1", NULL), 1);
	assert_says(r.err, "the model is missing");
	assert_int_equal(run("index", "--embedder", "http://#x", NULL), 1);
	assert_says(r.err, "the server's name is missing");
	assert_int_equal(run("index", "--embedder", "http://me:secret@127.0.0.1/v1#x", NULL), 1);
	assert_says(r.err, "no user and password");
	assert_int_equal(run("index", "--embedder", "https://127.0.0.1:1/v1#x", NULL), 1);
}

static void write_key(const char *key)
{
	char path[PATH_MAX + 16];

	write_text(".key", key);
	snprintf(path, sizeof(path), "%s/.key", fake.root);
	setenv("VEXCTL_API_KEY_FILE", path, 1);
}

/* A server that says the key again, as some do. */
static void answer_key(int fd, unsigned int n, const char *head, const char *body)
{
	answer_well(-1, n, head, body);
	server_reply(fd, "401 Unauthorized", "", "{\"error\": {\"message\": \"bad key " KEY " of \\u001b[31mme\"}}");
}

static void test_key(void **state)
{
	serve(answer_well);
	write_notes();
	setenv("VEXCTL_API_KEY", KEY, 1);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(head_seen, "Authorization: Bearer " KEY);
	unsetenv("VEXCTL_API_KEY");
	write_key(KEY "\n");
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 0);
	assert_says(head_seen, "Authorization: Bearer " KEY);
	serve(answer_key);
	assert_int_equal(run("index", "--force", "--jobs", "1", "--embedder", spec, NULL), 1);
	assert_says(r.err, "HTTP status 401: bad key **************** of \\x1b[31mme; the key is that of");
	assert_int_equal(server.requests, 1);
	assert_null(strstr(r.err, "swordfish"));
	write_key("two\nlines");
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "the key must be one line");
	setenv("VEXCTL_API_KEY_FILE", "/nonexistent/key", 1);
	assert_int_equal(run("index", "--embedder", spec, NULL), 1);
	assert_says(r.err, "cannot read the key in /nonexistent/key");
	setenv("VEXCTL_API_KEY", KEY, 1);
	assert_int_equal(run("index", "--embedder", "http://example.invalid/v1#toy-1", NULL), 1);
	assert_says(r.err, "would be sent unencrypted");
	assert_int_equal(run("index", "--embedder", "http://127.example.invalid/v1#toy-1", NULL), 1);
	assert_says(r.err, "would be sent unencrypted");
	assert_null(strstr(r.err, "swordfish"));
}

/* ---- what passes ------------------------------------------------------------------------------- */

/* @script: a status line for each of the first requests; then well. */
static void answer_late(int fd, unsigned int n, const char *head, const char *body)
{
	static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\"";
	char status[64], field[96] = "";
	const char *p = script;
	unsigned int i;

	for (i = 1; i < n && *p; i++)
		p += strcspn(p, "|") + (p[strcspn(p, "|")] == '|');
	if (!*p) {
		answer_well(fd, n, head, body);
		return;
	}
	snprintf(status, sizeof(status), "%.*s", (int)strcspn(p, "|"), p);
	if (!strncmp(status, "close", 5))
		return;
	if (!strncmp(status, "half", 4)) {
		server_send(fd, half, strlen(half));
		return;
	}
	if (strchr(status, '@')) {
		snprintf(field, sizeof(field), "Retry-After: %s\r\n", strchr(status, '@') + 1);
		*strchr(status, '@') = '\0';
	}
	server_reply(fd, status, field, "{\"error\": \"not now\"}");
}

static void late(const char *what, unsigned int requests)
{
	script = what;
	serve(answer_late);
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 0);
	assert_true(server.requests >= requests);
}

static void test_retries(void **state)
{
	double begun;

	write_notes();
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	late("429 Too Many Requests|503 Busy|500 Oh|502 Bad|504 Late", 6);
	late("close|half|408 Late", 4);
	begun = now_seconds();
	late("429 Too Many Requests@1", 2);
	assert_true(now_seconds() - begun >= 1);
}

/* An index that fails after so many requests, and has set nothing. */
static void index_fails(const char *says, unsigned int requests)
{
	fake.sets = 0;
	assert_int_equal(run("index", "--force", "--jobs", "1", "--embedder", spec, NULL), 1);
	assert_says(r.err, spec);
	assert_says(r.err, says);
	assert_int_equal(fake.sets, 0);
	assert_int_equal(server.requests, requests);
}

static void gives_up(const char *what, const char *says, unsigned int requests)
{
	script = what;
	serve(answer_late);
	index_fails(says, requests);
}

static void test_gives_up(void **state)
{
	write_notes();
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	gives_up("500 A|500 B|500 C|500 D|500 E|500 F|500 G", "HTTP status 500 (6 times): not now", 6);
	gives_up("429 A@301", "asks to wait for 301 seconds", 1);
	gives_up("404 Not Found", "HTTP status 404: not now", 1);
	gives_up("400 Bad Request", "HTTP status 400: not now", 1);
	gives_up("501 Never", "HTTP status 501: not now", 1);
	gives_up("302 There", "HTTP status 302: not now", 1);
	gives_up("204 Nothing", "HTTP status 204", 1);
	gives_up("close|close|close|close|close|close", "(6 times)", 6);
}

/* Nobody listens at first: another thread starts the server after a while. */
static void *start_later(void *port)
{
	usleep(100000);
	server_start(*(int *)port);
	return NULL;
}

static void test_refused(void **state)
{
	pthread_t t;
	int port;

	write_notes();
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	port = server.port;
	server_stop();
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 1);
	assert_says(r.err, "(6 times)");
	http_pause = 0.1;
	assert_int_equal(pthread_create(&t, NULL, start_later, &port), 0);
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 0);
	pthread_join(t, NULL);
	http_pause = 0.01;
}

/* ---- what does not ------------------------------------------------------------------------------ */

static void answer_script(int fd, unsigned int n, const char *head, const char *body)
{
	server_reply(fd, "200 OK", "", script);
}

static void wrong(const char *answer, const char *says)
{
	script = answer;
	serve(answer_script);
	index_fails(says, 1);
}

static void test_wrong_answers(void **state)
{
	write_text("motor", "An automobile needs petrol\n");
	assert_int_equal(chdir(fake.root), 0);
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	wrong("", "not JSON with an array");
	wrong("<html>", "not JSON with an array");
	wrong("{\"data\":[{\"index\":0,\"embedding\":[1,2,3]}]", "not JSON with an array");
	wrong("[]", "not JSON with an array");
	wrong("{\"data\":{}}", "not JSON with an array");
	wrong("{\"data\":[]}", "as many vectors as texts were expected");
	wrong("{\"data\":[{\"index\":0,\"embedding\":[1,2,3]},{\"index\":1,\"embedding\":[1,2,3]}]}", "as many vectors");
	wrong("{\"data\":[7]}", "not an object");
	wrong("{\"data\":[{\"embedding\":[1,2,3]}]}", "without an index");
	wrong("{\"data\":[{\"index\":1,\"embedding\":[1,2,3]}]}", "not asked for");
	wrong("{\"data\":[{\"index\":-1,\"embedding\":[1,2,3]}]}", "not asked for");
	wrong("{\"data\":[{\"index\":0}]}", "no vector");
	wrong("{\"data\":[{\"index\":0,\"embedding\":\"AAAA\"}]}", "no vector");
	wrong("{\"data\":[{\"index\":0,\"embedding\":[1,2]}]}", "another dimension");
	wrong("{\"data\":[{\"index\":0,\"embedding\":[1,NaN,2]}]}", "NaN or infinite");
	wrong("{\"data\":[{\"index\":0,\"embedding\":[0,0,0]}]}", "zeros");
}

/* The same index for two texts. */
static void test_index_twice(void **state)
{
	char text[2300];

	memset(text, 'x', sizeof(text));
	memcpy(text + 1100, "\n\n", 2);
	text[sizeof(text) - 1] = '\0';
	write_text("two", text);
	assert_int_equal(chdir(fake.root), 0);
	script = "{\"data\":[{\"index\":0,\"embedding\":[1,2,3]},{\"index\":0,\"embedding\":[1,2,3]}]}";
	serve(answer_script);
	assert_int_equal(run("collection", "create", "%", "c", "--dim", "3", "--embedder", "toy-1", NULL), 0);
	assert_int_equal(run("index", "-c", "c", "--chunk-size", "1200", "--embedder", spec, NULL), 1);
	assert_says(r.err, "or twice, in an answer of");
	assert_int_equal(fake.sets, 0);
}

static void answer_endless(int fd, unsigned int n, const char *head, const char *body)
{
	static char many[1 << 16];

	memset(many, ' ', sizeof(many));
	server_send(fd, "HTTP/1.1 200 OK\r\n\r\n", 19);
	for (n = 0; n < 1000; n++)
		server_send(fd, many, sizeof(many));
}

static void answer_never(int fd, unsigned int n, const char *head, const char *body)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	while (!server.stop && !poll(&p, 1, 50))
		;
}

static void test_endless_and_never(void **state)
{
	write_notes();
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	serve(answer_endless);
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 1);
	assert_says(r.err, "longer than one with these vectors can be");
	serve(answer_never);
	assert_int_equal(run("index", "--force", "--timeout", "1", "--jobs", "1", "--embedder", spec, NULL), 1);
	assert_says(r.err, "no answer within 1 seconds");
	assert_int_equal(server.requests, 1);
}

static void answer_signal(int fd, unsigned int n, const char *head, const char *body)
{
	if (n == 1)		/* a second signal ends a program at once */
		kill(getpid(), SIGINT);
	answer_never(fd, n, head, body);
}

static void test_interrupt(void **state)
{
	write_notes();
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	serve(answer_signal);
	assert_int_equal(run("index", "--force", "--embedder", spec, NULL), 130);
	server_stop();		/* it may have another request of that run still to read */
	server_start(0);
	serve(answer_signal);
	assert_int_equal(run("search", "--embedder", spec, "car", NULL), 130);
}

/* The server goes away in the middle; the next run continues. */
static void answer_some(int fd, unsigned int n, const char *head, const char *body)
{
	if (n <= 3)
		answer_well(fd, n, head, body);
	else
		server_reply(fd, "404 Gone", "", "{}");
}

static void resume(const char *jobs, unsigned int least)
{
	unsigned int done;
	char name[32], text[64];
	int i;

	for (i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "note%d", i);
		snprintf(text, sizeof(text), "note number %d of many\n", i);
		write_text(name, text);
	}
	assert_int_equal(chdir(fake.root), 0);
	serve(answer_some);
	assert_int_equal(run("index", "--jobs", jobs, "--embedder", spec, NULL), 1);
	assert_says(r.err, "the embedder failed; the same command continues from there");
	done = fake.sets;
	assert_true(done >= least && done < 120);
	serve(answer_well);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	snprintf(text, sizeof(text), "indexed %u files in", 120 - done);
	assert_says(r.out, text);
}

static void test_resume(void **state)
{
	resume("1", 1);
}

/* Of several, those that were answered may be given up with the one that failed. */
static void test_resume_of_several(void **state)
{
	resume("4", 0);
}

/* ---- several at a time ---------------------------------------------------------------------------- */

static atomic_uint now_open, most_open;
static unsigned int wanted;

/* Wait until so many are asked at once; give up after a while. */
static void answer_together(int fd, unsigned int n, const char *head, const char *body)
{
	unsigned int open = ++now_open, i;

	if (open > most_open)
		most_open = open;
	for (i = 0; i < 500 && most_open < wanted && !server.stop; i++)
		usleep(10000);
	now_open--;		/* the next may come as soon as it is answered */
	answer_well(fd, n, head, body);
}

static void serve_together(unsigned int n)
{
	server.parallel = true;
	now_open = most_open = 0;
	wanted = n;
	serve(answer_together);
}

static void write_many(int n)
{
	char name[32], text[64];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%d", i % 2 ? "motor" : "kitchen", i);
		snprintf(text, sizeof(text), "%s number %d\n", i % 2 ? "automobile" : "bread", i);
		write_text(name, text);
	}
	assert_int_equal(chdir(fake.root), 0);
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/* Each text has its own vector, whatever order the answers come in. */
static void test_jobs(void **state)
{
	write_many(200);
	serve_together(4);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	assert_says(r.out, "indexed 200 files in");
	assert_int_equal(most_open, 4);
	assert_int_equal(run("search", "--embedder", spec, "-l", "-k", "1000", "--min-score", "0.9", "automobile", NULL), 0);
	assert_int_equal(count_lines(r.out), 100);
	assert_null(strstr(r.out, "kitchen"));
	assert_int_equal(run("search", "--embedder", spec, "-l", "-k", "1000", "--min-score", "0.9", "bread", NULL), 0);
	assert_int_equal(count_lines(r.out), 100);
	assert_null(strstr(r.out, "motor"));
	serve_together(1);
	assert_int_equal(run("index", "--force", "--jobs", "1", "--embedder", spec, NULL), 0);
	assert_int_equal(most_open, 1);
	serve_together(9);
	assert_int_equal(run("index", "--force", "--jobs", "9", "--embedder", spec, NULL), 0);
	assert_int_equal(most_open, 9);
	assert_int_equal(run("index", "--jobs", "0", "--embedder", spec, NULL), 2);
	assert_int_equal(run("index", "--jobs", "2", NULL), 2);
	assert_says(r.err, "--jobs is about servers");
}

/* A single file has the passages of several requests. */
static void test_jobs_of_a_file(void **state)
{
	size_t n = 200, i;
	char *text = malloc(n * 100 + 1);

	assert_non_null(text);
	for (i = 0; i < n; i++)
		snprintf(text + i * 100, 101, "%098zu\n\n", i);
	text[n * 100] = '\0';
	write_text("long", text);
	free(text);
	assert_int_equal(chdir(fake.root), 0);
	serve_together(4);
	assert_int_equal(run("index", "--chunk-size", "100", "--embedder", spec, NULL), 0);
	assert_int_equal(most_open, 4);
}

static double refused_at, next_at;

/* The first is refused for two seconds; the second is answered after one. */
static void answer_slow_down(int fd, unsigned int n, const char *head, const char *body)
{
	if (n == 1) {
		refused_at = now_seconds();
		server_reply(fd, "429 Too Many Requests", "Retry-After: 2\r\n", "{}");
		return;
	}
	if (n == 2)
		usleep(1000000);
	else if (n == 3)
		next_at = now_seconds();
	answer_well(fd, n, head, body);
}

static void test_slows_all(void **state)
{
	write_many(200);
	serve_together(1);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	serve(answer_slow_down);
	assert_int_equal(run("index", "--force", "--jobs", "2", "--embedder", spec, NULL), 0);
	assert_true(server.requests > 3);
	assert_true(next_at - refused_at >= 1.9);
}

static void answer_one_fails(int fd, unsigned int n, const char *head, const char *body)
{
	if (n == 1)
		server_reply(fd, "404 Gone", "", "{}");
	else
		answer_never(fd, n, head, body);
}

/* What is on its way is given up, and one message is enough. */
static void test_failure_ends_all(void **state)
{
	write_many(200);
	serve_together(1);
	assert_int_equal(run("index", "--embedder", spec, NULL), 0);
	serve(answer_one_fails);
	assert_int_equal(run("index", "--force", "--timeout", "600", "--embedder", spec, NULL), 1);
	assert_says(r.err, "HTTP status 404");
	assert_null(strstr(strstr(r.err, "HTTP status 404") + 1, "HTTP status"));
	assert_null(strstr(r.err, "no answer"));
}

static int mount_and_listen(void **state)
{
	server_start(0);
	fresh_cache();
	return mount_fake(state);
}

static int umount_here(void **state)
{
	server_stop();
	unsetenv("VEXCTL_EMBEDDER");
	unsetenv("VEXCTL_API_KEY");
	unsetenv("VEXCTL_API_KEY_FILE");
	assert_int_equal(chdir("/"), 0);
	return umount_fake(state);
}

#define HERE(test) cmocka_unit_test_setup_teardown(test, mount_and_listen, umount_here)

/* All there is without libcurl. */
static void test_no_libcurl(void **state)
{
	write_notes();
	assert_int_equal(run("index", "--embedder", "http://127.0.0.1:1/v1#toy-1", NULL), 1);
	assert_says(r.err, "libcurl");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HERE(test_index_and_search), HERE(test_urls), HERE(test_key), HERE(test_retries),
		HERE(test_gives_up), HERE(test_refused), HERE(test_wrong_answers), HERE(test_index_twice),
		HERE(test_endless_and_never), HERE(test_interrupt), HERE(test_resume), HERE(test_resume_of_several),
		HERE(test_jobs), HERE(test_jobs_of_a_file), HERE(test_slows_all), HERE(test_failure_ends_all),
	};
	const struct CMUnitTest without[] = { ON_FAKE(test_no_libcurl) };
	struct http_request q = { .url = "http://127.0.0.1:1/", .body = "", .most = 1, .seconds = 1 };
	struct http_answer a;
	int ret;

	http_pause = 0.01;
	if (http_post(&q, &a) == -ENOPKG)
		return cmocka_run_group_tests(without, NULL, NULL);
	http_close();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	fresh_cache();
	return ret;
}
