// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void say(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "    ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void (*fatal_record)(enum vex_exit code, const char *message);

void fatal(enum vex_exit code, const char *fmt, ...)
{
	char message[1024];
	va_list ap;

	term_restore();
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	fprintf(stderr, "vexvm: %s\n", message);
	if (fatal_record)
		fatal_record(code, message);
	exit(code);
}

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		fatal(VEX_ENV, "out of memory");
	return s;
}

/* FNV-1a (Fowler, Noll, Vo), eight bytes at a step: a cache key, not a defence. */
uint64_t hash_bytes(uint64_t h, const void *buf, size_t len)
{
	const unsigned char *p = buf;
	uint64_t word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * 1099511628211ull;
		h ^= h >> 29;
	}
	for (; len > 0; len--)
		h = (h ^ *p++) * 1099511628211ull;
	return h;
}

uint64_t hash_string(uint64_t h, const char *s)
{
	return hash_bytes(h, s, strlen(s) + 1);
}

uint64_t hash_file(uint64_t h, const char *path)
{
	static char buf[1 << 16];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		h = hash_bytes(h, buf, n);
	fclose(f);
	return h;
}

int make_dirs(const char *path)
{
	char *copy = xprintf("%s", path);

	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(copy, 0755);
		*p = '/';
	}
	mkdir(copy, 0755);
	free(copy);
	return access(path, W_OK) ? -errno : 0;
}

int make_sparse(const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, size))
		err = -errno;
	close(fd);
	return err;
}

bool parse_size(const char *text, uint64_t *size)
{
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 10);
	if (end == text || errno || *text == '-')
		return false;
	switch (*end) {
	case 'G':
		*size <<= 10;
		/* fall through */
	case 'M':
		*size <<= 10;
		/* fall through */
	case 'K':
		*size <<= 10;
		end++;
	}
	return *end == 0 && *size > 0 && *size % 512 == 0;
}

FILE *open_log(const char *dir, const char *name)
{
	char *path = xprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	if (!f)
		fatal(VEX_ENV, "%s: %s", path, strerror(errno));
	free(path);
	return f;
}

/* A log that cannot be written is a host without space: no verdict may rest on it. */
void log_write(FILE *f, const void *buf, size_t len)
{
	if (fwrite(buf, 1, len, f) != len || fflush(f))
		fatal(VEX_ENV, "cannot write a log of this run: %s; make room on the host (./vex clean)",
		      strerror(errno));
}
