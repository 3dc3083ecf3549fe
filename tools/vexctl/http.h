/* SPDX-License-Identifier: GPL-2.0 */
/* http://...: an embedder that is a server. What its two files share. */
#ifndef VEXCTL_HTTP_H
#define VEXCTL_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct http_request - what is sent
 * @direct:  through no proxy
 * @key:     for the header Authorization; NULL: none
 * @seconds: the whole may take
 * @most:    bytes of an answer
 * @stop:    give it up when this becomes true; NULL: never
 */
struct http_request {
	const char *url, *key, *body;
	size_t len, most;
	double seconds;
	bool direct;
	const atomic_bool *stop;
};

/**
 * struct http_answer - what came back
 * @status: of HTTP
 * @body:   malloc'ed, terminated; may be NULL
 * @retry_after: seconds the server wants to be left alone; 0: it does not say
 * @why:    nothing came back, because
 */
struct http_answer {
	long status;
	char *body;
	size_t len;
	long retry_after;
	char why[256];
};

/**
 * http_post - send JSON, take the answer
 *
 * No redirections are followed. Proxies are those of the environment, unless @direct. Any number of threads.
 *
 * Return: 0 and the answer, whatever its status; -EAGAIN: no connection, or it broke, so another try may
 * help; -EINTR: Ctrl-C, or @stop; -EFBIG: more than @most bytes; -ETIMEDOUT; -ENOPKG: vexctl has no libcurl; -EIO and
 * others: it cannot work. All but 0 fill in @why.
 */
int http_post(const struct http_request *q, struct http_answer *a);

/* Close what connections there are; no request may be on its way. */
void http_close(void);

extern double http_pause;	/* seconds before the second try, then twice as much; less in tests */

#endif /* VEXCTL_HTTP_H */
