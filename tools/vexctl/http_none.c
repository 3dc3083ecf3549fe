// SPDX-License-Identifier: GPL-2.0
/* vexctl without libcurl: static builds, and those without its headers. Where http_curl.c is linked, it counts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/vexctl/http.h"

__attribute__((weak)) int http_post(const struct http_request *q, struct http_answer *a)
{
	memset(a, 0, sizeof(*a));
	snprintf(a->why, sizeof(a->why), "this vexctl was built without libcurl (Debian: libcurl4-openssl-dev)");
	return -ENOPKG;
}

__attribute__((weak)) void http_close(void)
{
}
