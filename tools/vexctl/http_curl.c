// SPDX-License-Identifier: GPL-2.0
/*
 * HTTP by libcurl, which is loaded when it is first needed: vexctl works without it, and so do static builds, which
 * have http_none() instead of this file. Without its headers at build time this file is empty.
 */
#if __has_include(<curl/curl.h>)
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/http.h"
#include "tools/vexctl/vexctl.h"

#define CONNECT_SECONDS	10
#define HANDLES_MAX	64

static struct {
	void *library;
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_reset) *reset;
	__typeof__(curl_easy_cleanup) *cleanup;
	CURLcode (*setopt)(CURL *, CURLoption, ...);
	CURLcode (*getinfo)(CURL *, CURLINFO, ...);
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_strerror) *strerror;
	__typeof__(curl_slist_append) *append;
	__typeof__(curl_slist_free_all) *free_all;
} lib;

/* Handles, each with its connection, that no thread uses now; the lock is of the library's loading, too. */
static struct {
	pthread_mutex_t lock;
	CURL *free[HANDLES_MAX];
	unsigned int n;
} handles = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* An object pointer that is a function: POSIX has it so. */
static bool symbol(void *place, const char *name)
{
	void *found = dlsym(lib.library, name);

	memcpy(place, &found, sizeof(found));
	return found;
}

static bool load(void)
{
	if (lib.library)
		return lib.free_all;
	lib.library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	return lib.library && symbol(&lib.global_init, "curl_global_init") && symbol(&lib.init, "curl_easy_init") &&
	       symbol(&lib.reset, "curl_easy_reset") &&
	       symbol(&lib.cleanup, "curl_easy_cleanup") && symbol(&lib.setopt, "curl_easy_setopt") &&
	       symbol(&lib.getinfo, "curl_easy_getinfo") && symbol(&lib.perform, "curl_easy_perform") &&
	       symbol(&lib.strerror, "curl_easy_strerror") && symbol(&lib.append, "curl_slist_append") &&
	       symbol(&lib.free_all, "curl_slist_free_all") && !lib.global_init(CURL_GLOBAL_DEFAULT);
}

/**
 * struct transfer - an answer that is coming in
 * @full: it has become too long
 */
struct transfer {
	struct http_answer *a;
	const atomic_bool *stop;
	size_t room, most;
	bool full;
};

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
	struct transfer *t = ctx;
	size_t room = t->room ? 2 * t->room : 4096;
	char *bigger;

	n *= size;
	t->full = n > t->most - t->a->len;
	if (t->full)
		return 0;
	while (room < t->a->len + n + 1)
		room *= 2;
	if (t->room < t->a->len + n + 1) {
		bigger = realloc(t->a->body, room);
		if (!bigger)
			return 0;
		t->a->body = bigger;
		t->room = room;
	}
	memcpy(t->a->body + t->a->len, data, n);
	t->a->len += n;
	t->a->body[t->a->len] = '\0';
	return n;
}

static int stop_if_interrupted(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct transfer *t = ctx;

	return interrupted() || (t->stop && *t->stop);
}

/* A header of its own, so that the key is on nobody's command line; gone after the call. */
static struct curl_slist *headers(const struct http_request *q)
{
	struct curl_slist *list = lib.append(NULL, "Content-Type: application/json"), *more;
	char *text = NULL;

	if (!list || !q->key)
		return list;
	more = asprintf(&text, "Authorization: Bearer %s", q->key) < 0 ? NULL : lib.append(list, text);
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	if (!more)
		lib.free_all(list);
	return more;
}

static int set_up(CURL *curl, const struct http_request *q, struct transfer *t, struct curl_slist *list)
{
	double connect = q->seconds < CONNECT_SECONDS ? q->seconds : CONNECT_SECONDS;

	return lib.setopt(curl, CURLOPT_URL, q->url) || lib.setopt(curl, CURLOPT_HTTPHEADER, list) ||
	       lib.setopt(curl, CURLOPT_POSTFIELDS, q->body) ||
	       lib.setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len) ||
	       lib.setopt(curl, CURLOPT_WRITEFUNCTION, take) || lib.setopt(curl, CURLOPT_WRITEDATA, t) ||
	       lib.setopt(curl, CURLOPT_NOPROGRESS, 0L) ||
	       lib.setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_if_interrupted) ||
	       lib.setopt(curl, CURLOPT_XFERINFODATA, t) ||
	       lib.setopt(curl, CURLOPT_NOSIGNAL, 1L) || lib.setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) ||
	       lib.setopt(curl, CURLOPT_TIMEOUT_MS, (long)(q->seconds * 1000)) ||
	       lib.setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect * 1000)) ||
	       (q->direct && lib.setopt(curl, CURLOPT_PROXY, "")) ||
	       lib.setopt(curl, CURLOPT_USERAGENT, "vexctl");
}

static int judge(CURLcode code, const struct transfer *t, struct http_answer *a)
{
	snprintf(a->why, sizeof(a->why), "%s", lib.strerror(code));
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_ABORTED_BY_CALLBACK:
		return -EINTR;
	case CURLE_WRITE_ERROR:
		return t->full ? -EFBIG : -ENOMEM;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

static int post(CURL *curl, const struct http_request *q, struct http_answer *a)
{
	struct transfer t = { .a = a, .most = q->most, .stop = q->stop };
	struct curl_slist *list = headers(q);
	curl_off_t wait = 0;
	int ret = -ENOMEM;

	lib.reset(curl);
	if (list && !set_up(curl, q, &t, list))
		ret = judge(lib.perform(curl), &t, a);
	else
		snprintf(a->why, sizeof(a->why), "libcurl does not take the request");
	lib.getinfo(curl, CURLINFO_RESPONSE_CODE, &a->status);
	if (!lib.getinfo(curl, CURLINFO_RETRY_AFTER, &wait))
		a->retry_after = wait > 0 && wait < 1000000 ? (long)wait : wait > 0 ? 1000000 : 0;
	lib.reset(curl);	/* it forgets the headers, which go */
	if (list)
		lib.free_all(list);
	return ret;
}

static CURL *take_handle(void)
{
	CURL *curl = NULL;

	pthread_mutex_lock(&handles.lock);
	if (handles.n)
		curl = handles.free[--handles.n];
	else if (load())
		curl = lib.init();
	pthread_mutex_unlock(&handles.lock);
	return curl;
}

static void give_back(CURL *curl)
{
	pthread_mutex_lock(&handles.lock);
	if (handles.n < HANDLES_MAX)
		handles.free[handles.n++] = curl;
	else
		lib.cleanup(curl);
	pthread_mutex_unlock(&handles.lock);
}

int http_post(const struct http_request *q, struct http_answer *a)
{
	CURL *curl = take_handle();
	int ret;

	memset(a, 0, sizeof(*a));
	if (curl) {
		ret = post(curl, q, a);
		give_back(curl);
		return ret;
	}
	snprintf(a->why, sizeof(a->why), "libcurl.so.4 cannot be loaded: install Debian's package libcurl4");
	return -ENOPKG;
}

void http_close(void)
{
	pthread_mutex_lock(&handles.lock);
	while (handles.n)
		lib.cleanup(handles.free[--handles.n]);
	pthread_mutex_unlock(&handles.lock);
}
#endif
