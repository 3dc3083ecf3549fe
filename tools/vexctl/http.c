// SPDX-License-Identifier: GPL-2.0
/*
 * http://HOST[:PORT][/PATH]#MODEL: an embedder that is a server with OpenAI's /v1/embeddings
 *
 * llama-server, Ollama, text-embeddings-inference, vLLM and hosted services speak it. A batch of texts is one request;
 * vectors are taken by the index of each. What may pass (429, 5xx, a refused or broken connection) is tried again, more
 * and more slowly; several are on their way at a time, and when the server says that it has too much to do (429, 503),
 * all wait, and fewer follow.
 *
 * The key comes from the environment or a file, goes into a header, and is never printed. It is sent encrypted, or to
 * this machine.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/http.h"
#include "tools/vexctl/remote.h"

#define BATCH		32
#define TRIES		6
#define WAIT_MOST	300		/* seconds that a server may ask for */
#define WAIT_TOLD	10		/* a longer wait is told */
#define ANSWER_BASE	(256u << 10)	/* bytes of an answer beside its numbers */
#define ANSWER_NUMBER	32		/* and for each of those */
#define KEY_MAX		4096
#define MESSAGE_MAX	200

double http_pause = 1;

/**
 * struct http - the server
 * @url, @model: from the user's words
 * @key: NULL: none
 * @not_before: nothing is sent to it until then; @told: the user has been told of a wait until then. Of r.lock
 */
struct http {
	struct remote r;
	char *url, *key;
	const char *model;
	double not_before, told;
};

static struct http *http_of(struct remote *r)
{
	return (struct http *)r;
}

static int failed(const struct http *h, const char *what)
{
	say_error("%s: %s", h->r.spec, what);
	return -EREMOTEIO;
}

/* ---- what the user said ------------------------------------------------------------------- */

/* From the end of "//" to the path. */
static size_t authority(const char *url, const char **from)
{
	*from = strstr(url, "://") + 3;
	return strcspn(*from, "/?#");
}

static bool is_this_machine(const char *url)
{
	const char *host;
	size_t len = authority(url, &host);
	const char *colon = *host == '[' ? memchr(host, ']', len) : memchr(host, ':', len);
	size_t n = colon ? (size_t)(colon - host) + (*host == '[') : len;
	size_t i;

	if ((n == 9 && !strncasecmp(host, "localhost", 9)) || (n == 5 && !strncmp(host, "[::1]", 5)))
		return true;
	for (i = 0; i < n; i++)
		if (!isdigit((unsigned char)host[i]) && host[i] != '.')
			return false;
	return n >= 4 && !strncmp(host, "127.", 4);
}

/* The address of the call, from that of the server or of its interface. */
static char *complete_url(const char *given, size_t len)
{
	char *url = strndup(given, len), *whole = NULL;
	const char *host, *path;
	size_t n;

	if (!url)
		return NULL;
	n = authority(url, &host);
	path = host + n;
	if (strchr(path, '?') || (strlen(path) >= 11 && !strcmp(path + strlen(path) - 11, "/embeddings")))
		return url;
	len = strlen(url) - (*path && url[strlen(url) - 1] == '/');
	if (asprintf(&whole, "%.*s%s", (int)len, url, path[0] && path[1] ? "/embeddings" : "/v1/embeddings") < 0)
		whole = NULL;
	free(url);
	return whole;
}

static int take_spec(struct http *h)
{
	const char *mark = strchr(h->r.spec, '#'), *host;
	const char *wrong;
	size_t n = authority(h->r.spec, &host);

	if (!n)
		return failed(h, "the server's name is missing");
	if (memchr(host, '@', n))
		return failed(h, "no user and password in it: VEXCTL_API_KEY_FILE names a file with a key");
	if (!mark || !mark[1])
		return failed(h, "the model is missing: http://HOST:PORT/v1#MODEL");
	h->model = mark + 1;
	wrong = remote_identify(&h->r, h->model, NULL);
	if (wrong)
		return failed(h, wrong);
	h->url = complete_url(h->r.spec, (size_t)(mark - h->r.spec));
	return h->url ? 0 : failed(h, "out of memory");
}

/* ---- the key --------------------------------------------------------------------------------- */

static int read_key_file(const struct http *h, const char *path, char *key)
{
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, key, KEY_MAX);

	if (n < 0)
		say_error("%s: cannot read the key in %s (VEXCTL_API_KEY_FILE): %s", h->r.spec, path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -EREMOTEIO;
	while (n && isspace((unsigned char)key[n - 1]))
		n--;
	key[n] = '\0';
	return 0;
}

/* Nothing that would be another header, or end this one. */
static bool key_is_valid(const char *key)
{
	const char *p;

	for (p = key; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *key && p - key < KEY_MAX;
}

static int take_key(struct http *h)
{
	const char *text = getenv("VEXCTL_API_KEY"), *path = getenv("VEXCTL_API_KEY_FILE");
	char key[KEY_MAX + 1];
	int ret;

	if ((!text || !*text) && (!path || !*path))
		return 0;
	if (!text || !*text) {
		ret = read_key_file(h, path, key);
		if (ret)
			return ret;
		text = key;
	}
	if (!key_is_valid(text))
		return failed(h, "the key must be one line of printable ASCII characters");
	if (strncmp(h->r.spec, "https:", 6) != 0 && !is_this_machine(h->r.spec))
		return failed(h, "the key would be sent unencrypted: use https, or unset VEXCTL_API_KEY and "
				 "VEXCTL_API_KEY_FILE");
	h->key = strdup(text);
	explicit_bzero(key, sizeof(key));
	return h->key ? 0 : failed(h, "out of memory");
}

/* ---- asking ------------------------------------------------------------------------------------ */

static size_t count(const struct remote_text *t)
{
	size_t n = 0;

	for (; t; t = t->next)
		n++;
	return n;
}

static char *make_body(const struct http *h, const struct remote_text *texts)
{
	struct json_object *o = json_object_new_object(), *input = json_object_new_array();
	const struct remote_text *t;
	const char *s;
	char *body;

	for (t = texts; t; t = t->next)
		json_object_array_add(input, json_text(t->text, t->len));
	json_object_object_add(o, "model", json_object_new_string(h->model));
	json_object_object_add(o, "input", input);
	json_object_object_add(o, "encoding_format", json_object_new_string("float"));
	s = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	body = s ? strdup(s) : NULL;
	json_object_put(o);
	return body;
}

/* For a message: a server may repeat the key. */
static void hide_key(const struct http *h, char *text)
{
	char *p;

	while (h->key && (p = strstr(text, h->key)))
		memset(p, '*', strlen(h->key));
}

static struct json_object *parse(const struct http_answer *a)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o = NULL;

	if (tok && a->body && a->len < INT32_MAX)
		o = json_tokener_parse_ex(tok, a->body, (int)a->len + 1);	/* with its NUL, which ends it */
	if (tok && json_tokener_get_error(tok) != json_tokener_success) {
		json_object_put(o);
		o = NULL;
	}
	if (tok)
		json_tokener_free(tok);
	return o;
}

/* {"error": {"message": "..."}}, {"error": "..."} or {"message": "..."} */
static void server_says(const struct http *h, const struct http_answer *a, char message[MESSAGE_MAX + 1])
{
	struct json_object *o = parse(a), *v = o;

	message[0] = '\0';
	if (json_object_is_type(v, json_type_object) && !json_object_object_get_ex(v, "error", &v))
		v = o;
	if (json_object_is_type(v, json_type_object))
		json_object_object_get_ex(v, "message", &v);
	if (json_object_is_type(v, json_type_string)) {
		char *all = strdup(json_object_get_string(v));

		if (all) {
			hide_key(h, all);
			snprintf(message, MESSAGE_MAX + 1, "%s", all);
		}
		free(all);
	}
	json_object_put(o);
}

static int bad_status(const struct http *h, const struct http_answer *a, unsigned int tries)
{
	char message[MESSAGE_MAX + 1], times[32] = "";

	server_says(h, a, message);
	if (tries > 1)
		snprintf(times, sizeof(times), " (%u times)", tries);
	say_error("%s: HTTP status %ld%s%s%s%s", h->r.spec, a->status, times, message[0] ? ": " : "", message,
		  a->status == 401 || a->status == 403 ? "; the key is that of VEXCTL_API_KEY or VEXCTL_API_KEY_FILE" :
		  "");
	return -EREMOTEIO;
}

/* It may pass. */
static bool is_passing(int ret, const struct http_answer *a)
{
	if (ret)
		return ret == -EAGAIN;
	return a->status == 408 || a->status == 429 || a->status == 500 || (a->status >= 502 && a->status <= 504);
}

/* The other requests wait as well, and there are fewer of them from then on: half, once for each such wait. */
static void slow_down(struct http *h, const struct http_answer *a, double seconds)
{
	double now = now_seconds();
	bool tell;

	pthread_mutex_lock(&h->r.lock);
	if (a->status == 429 || a->status == 503) {
		if (now >= h->not_before && h->r.parallel > 1)
			h->r.parallel /= 2;
		if (now + seconds > h->not_before)
			h->not_before = now + seconds;
	}
	tell = seconds >= WAIT_TOLD && now >= h->told;
	if (tell)
		h->told = now + seconds;
	pthread_mutex_unlock(&h->r.lock);
	if (tell)
		say_error("%s: the server is busy; trying again in %.0f seconds", h->r.spec, seconds);
}

static double not_before(struct http *h)
{
	double t;

	pthread_mutex_lock(&h->r.lock);
	t = h->not_before;
	pthread_mutex_unlock(&h->r.lock);
	return t;
}

/* @seconds, and until the server may be asked again. */
static int pause_for(struct http *h, double seconds)
{
	double until = now_seconds() + seconds;
	struct timespec nap = { .tv_nsec = 20000000 };

	while (now_seconds() < until || now_seconds() < not_before(h)) {
		if (interrupted() || h->r.stopped)
			return -EINTR;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int give_up(const struct http *h, int ret, const struct http_answer *a, unsigned int tries)
{
	if (!ret && a->retry_after > WAIT_MOST) {
		say_error("%s: HTTP status %ld: the server asks to wait for %ld seconds", h->r.spec, a->status,
			  a->retry_after);
		return -EREMOTEIO;
	}
	if (!ret)
		return bad_status(h, a, tries);
	if (ret == -EINTR)
		return ret;
	if (ret == -EFBIG)
		say_error("%s: its answer is longer than one with these vectors can be", h->r.spec);
	else if (ret == -ETIMEDOUT)
		say_error("%s: no answer within %g seconds (--timeout)", h->r.spec, h->r.seconds);
	else if (tries > 1)
		say_error("%s: %s (%u times)", h->r.spec, a->why, tries);
	else
		say_error("%s: %s", h->r.spec, a->why);
	return -EREMOTEIO;
}

/* Until there is an answer of status 200, or no hope. */
static int post(struct http *h, const struct http_request *q, struct http_answer *a)
{
	double pause = http_pause, wait = 0;
	unsigned int tries;
	int ret;

	for (tries = 1;; tries++, pause *= 2) {
		ret = pause_for(h, wait);
		if (ret)
			return ret;
		free(a->body);
		ret = http_post(q, a);
		if (!ret && a->status == 200)
			return 0;
		if (!is_passing(ret, a) || tries == TRIES || a->retry_after > WAIT_MOST)
			return give_up(h, ret, a, tries);
		wait = (double)a->retry_after > pause ? (double)a->retry_after : pause;
		slow_down(h, a, wait);
	}
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static const char *take_vector(struct http *h, struct json_object *item, struct remote_text **by_index, size_t n)
{
	struct json_object *index, *vector;
	struct remote_text *t;
	int64_t i;

	if (!json_object_object_get_ex(item, "index", &index) || !json_object_is_type(index, json_type_int))
		return "a vector without an index";
	i = json_object_get_int64(index);
	if (i < 0 || (uint64_t)i >= n || !by_index[i])
		return "an index that was not asked for, or twice";
	t = by_index[i];
	by_index[i] = NULL;
	if (!json_object_object_get_ex(item, "embedding", &vector))
		return "no vector";
	if (!h->r.e.dim && json_object_is_type(vector, json_type_array) && json_object_array_length(vector) &&
	    json_object_array_length(vector) <= VEXFS_DIM_MAX) {	/* asked for just this */
		h->r.e.dim = (uint32_t)json_object_array_length(vector);
		return NULL;
	}
	return remote_take(&h->r, vector, t);
}

static const char *take_vectors(struct http *h, struct json_object *o, struct remote_text *texts, size_t n)
{
	struct remote_text *by_index[BATCH] = { NULL }, *t;
	const char *wrong = NULL;
	struct json_object *data;
	size_t i;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "data", &data) ||
	    !json_object_is_type(data, json_type_array))
		return "its answer is not JSON with an array \"data\"";
	if (json_object_array_length(data) != n)
		return "as many vectors as texts were expected";
	for (t = texts, i = 0; t; t = t->next)
		by_index[i++] = t;
	for (i = 0; !wrong && i < n; i++) {
		if (!json_object_is_type(json_object_array_get_idx(data, i), json_type_object))
			return "\"data\" has something that is not an object";
		wrong = take_vector(h, json_object_array_get_idx(data, i), by_index, n);
	}
	return wrong;
}

static int take_answer(struct http *h, const struct http_answer *a, struct remote_text *texts, size_t n)
{
	struct json_object *o = parse(a);
	const char *wrong = take_vectors(h, o, texts, n);

	if (wrong && json_object_is_type(o, json_type_object))
		say_error("%s: %s, in an answer of %zu bytes for %zu text%s", h->r.spec, wrong, a->len, n,
			  n == 1 ? "" : "s");
	else if (wrong)
		say_error("%s: %s", h->r.spec, wrong);
	json_object_put(o);
	return wrong ? -EREMOTEIO : 0;
}

static int http_ask(struct remote *r, struct remote_text *texts)
{
	struct http *h = http_of(r);
	size_t n = count(texts);
	char *body = make_body(h, texts);
	struct http_request q = {
		.url = h->url, .direct = is_this_machine(h->url), .key = h->key, .body = body, .seconds = r->seconds,
		.stop = &r->stopped,
		.most = ANSWER_BASE + n * (r->e.dim ? r->e.dim : VEXFS_DIM_MAX) * ANSWER_NUMBER,
	};
	struct http_answer a = { .body = NULL };
	int ret;

	if (!body)
		return failed(h, "out of memory");
	q.len = strlen(body);
	ret = post(h, &q, &a);
	if (!ret)
		ret = take_answer(h, &a, texts, n);
	free(a.body);
	free(body);
	return ret;
}

/* The dimension is known by a vector. */
static int http_probe(struct remote *r)
{
	struct remote_text one = { .text = "dimension", .len = 9 };

	return http_ask(r, &one);
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static void http_end(struct remote *r)
{
	struct http *h = http_of(r);

	http_close();
	free(h->url);
	if (h->key)
		explicit_bzero(h->key, strlen(h->key));
	free(h->key);
}

static const struct remote_ops http_ops = {
	.base = REMOTE_BASE("http"),
	.batch = BATCH,
	.ask = http_ask,
	.probe = http_probe,
	.close = http_end,
	.several = true,
};

int http_open(const char *spec, double seconds, struct remote **out)
{
	struct http *h = calloc(1, sizeof(*h));
	int ret;

	if (!h || remote_init(&h->r, &http_ops, spec, seconds)) {
		say_error("out of memory");
		free(h);
		return EXIT_FAILED;
	}
	ret = take_spec(h);
	if (!ret)
		ret = take_key(h);
	if (!ret) {
		*out = &h->r;
		return EXIT_OK;
	}
	remote_destroy(&h->r.e);
	return EXIT_FAILED;
}
