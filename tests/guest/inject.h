/* SPDX-License-Identifier: GPL-2.0 */
/* Memory and requests that fail on purpose, in kernels with fault injection. */
#ifndef VEXFS_GUEST_INJECT_H
#define VEXFS_GUEST_INJECT_H

#include "tests/guest/guest.h"

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ktap_bail("%s: cannot write '%s'", path, text);
	close(fd);
}

static void set(const char *fault, const char *name, const char *value)
{
	char p[200];

	snprintf(p, sizeof(p), "/sys/kernel/debug/%s/%s", fault, name);
	put(p, value);
}

static int nth_fd = -1;	/* opened once: opening allocates, and would be what fails */

/* Fail this task's N-th chance from here on; 0: none. */
static void arm(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(nth_fd, text, (size_t)n, 0) != n)
		ktap_bail("arm the %u-th failure", nth);
}

/* What is left of it: 0 when the failure has happened. */
static unsigned int disarm(void)
{
	char text[16] = "";

	if (pread(nth_fd, text, sizeof(text) - 1, 0) < 0)
		ktap_bail("read /proc/thread-self/fail-nth");
	arm(0);
	return (unsigned int)strtoul(text, NULL, 10);
}

static void slabs(bool on)
{
	set("failslab", "ignore-gfp-wait", on ? "N" : "Y");
	set("failslab", "verbose", "0");
	set("failslab", "cache-filter", "N");
}

static inline void pages(bool on)
{
	set("fail_page_alloc", "ignore-gfp-wait", on ? "N" : "Y");
	set("fail_page_alloc", "ignore-gfp-highmem", on ? "N" : "Y");
	set("fail_page_alloc", "min-order", on ? "0" : "11");
	set("fail_page_alloc", "verbose", "0");
}

static inline void requests(bool on)
{
	char p[200];

	snprintf(p, sizeof(p), "/sys/block/%s/make-it-fail", strrchr(guest_disk, '/') + 1);
	put(p, on ? "1" : "0");
	set("fail_make_request", "verbose", "0");
}

static bool clean_error(int err)
{
	return err == -ENOMEM || err == -EIO || err == -ENOSPC || err == -EAGAIN || err == -EROFS;
}

/* Nothing fails until a kind is switched on and arm() is called. */
static void inject_setup(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth_fd < 0)
		ktap_bail("this kernel has no fault injection");
	slabs(false);
	pages(false);
}

#endif /* VEXFS_GUEST_INJECT_H */
