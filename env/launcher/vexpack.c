// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexpack: write a newc archive (initramfs or payload disk) from a list, without root and without a
 * staging tree. Reads from stdin, one entry per line:
 *
 *	dir GUESTPATH MODE
 *	file GUESTPATH MODE HOSTFILE
 *	link GUESTPATH TARGET
 *	tree GUESTPATH HOSTDIR		everything below HOSTDIR, symbolic links kept
 *
 * Parent directories are added as needed. Paths with blanks are possible in trees only.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../proto/proto.h"

#define NEWC_HEADER 110
#define PAYLOAD_SIZE (1ull << 30)	/* the saved guest saw a disk of this size */

static FILE *out;
static bool disk;
static const char *out_name;
static uint64_t written;
static unsigned int inode;
static char **dirs;
static size_t ndirs;

static _Noreturn void fail(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "vexpack: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (out_name)
		unlink(out_name);	/* half an archive is worse than none */
	exit(VEX_ENV);
}

static void put(const void *buf, size_t len)
{
	if (fwrite(buf, 1, len, out) != len)
		fail("write %s: %s (is the disk full?)", out_name, strerror(errno));
	written += len;
}

static void align4(void)
{
	put("\0\0\0", -written & 3);
}

/* Before a large file is written, not after. A bare archive has no limit. */
static void check_room(const char *name, uint64_t size)
{
	if (disk && VEX_PAYLOAD_OFFSET + written + NEWC_HEADER + strlen(name) + size + NEWC_HEADER + 64 > PAYLOAD_SIZE)
		fail("%s (%llu MiB) does not fit: the files of a run are at most %llu MiB", name,
		     (unsigned long long)(size >> 20), PAYLOAD_SIZE >> 20);
}

static void header(const char *name, mode_t mode, uint32_t size)
{
	size_t len;

	while (*name == '/')
		name++;
	len = strlen(name) + 1;
	check_room(name, size);
	if (!strstr(name, "TRAILER"))
		inode++;
	char h[NEWC_HEADER + 1];

	snprintf(h, sizeof(h), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode,
		 (unsigned int)mode, 0, 0, S_ISDIR(mode) ? 2 : 1, 0, size, 0, 0, 0, 0,
		 (unsigned int)len, 0);
	put(h, NEWC_HEADER);
	put(name, len);
	align4();
}

static bool dir_known(const char *path)
{
	for (size_t i = ndirs; i-- > 0;)
		if (!strcmp(dirs[i], path))
			return true;
	return false;
}

static void add_dir(const char *path, mode_t mode)
{
	if (!*path || !strcmp(path, "/") || dir_known(path))
		return;
	dirs = realloc(dirs, (ndirs + 1) * sizeof(*dirs));
	if (!dirs)
		fail("out of memory");
	dirs[ndirs++] = strdup(path);
	header(path, S_IFDIR | mode, 0);
}

static void add_parents(const char *path)
{
	char part[4096];

	for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		add_dir(part, 0755);
	}
}

static void add_file(const char *path, mode_t mode, const char *host)
{
	char buf[1 << 16];
	struct stat st;
	uint64_t left;
	int fd = open(host, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		fail("%s: %s", host, strerror(errno));
	if (st.st_size > UINT32_MAX)
		fail("%s: larger than the archive format allows (4 GiB)", host);
	add_parents(path);
	header(path, S_IFREG | mode, st.st_size);
	for (left = st.st_size; left > 0;) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n <= 0)
			fail("%s: %s", host, n ? strerror(errno) : "shrank while it was read");
		put(buf, n);
		left -= n;
	}
	align4();
	close(fd);
}

static void add_link(const char *path, const char *target)
{
	add_parents(path);
	header(path, S_IFLNK | 0777, strlen(target));
	put(target, strlen(target));
	align4();
}

static void add_tree(const char *path, const char *host);

static void add_any(const char *path, const char *host)
{
	char target[4096];
	struct stat st;
	ssize_t n;

	if (lstat(host, &st))
		fail("%s: %s", host, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		add_tree(path, host);
	} else if (S_ISREG(st.st_mode)) {
		add_file(path, st.st_mode & 07777, host);
	} else if (S_ISLNK(st.st_mode)) {
		n = readlink(host, target, sizeof(target) - 1);
		if (n < 0)
			fail("%s: %s", host, strerror(errno));
		target[n] = 0;
		add_link(path, target);
	}
	/* Sockets, pipes and devices have no content to carry. */
}

static int visible(const struct dirent *e)
{
	return strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
}

static void add_tree(const char *path, const char *host)
{
	struct dirent **list;
	int n = scandir(host, &list, visible, alphasort);

	if (n < 0)
		fail("%s: %s", host, strerror(errno));
	add_parents(path);
	add_dir(path, 0755);
	for (int i = 0; i < n; i++) {
		char *sub, *from;

		if (asprintf(&sub, "%s/%s", path, list[i]->d_name) < 0 ||
		    asprintf(&from, "%s/%s", host, list[i]->d_name) < 0)
			fail("out of memory");
		add_any(sub, from);
		free(sub);
		free(from);
		free(list[i]);
	}
	free(list);
}

static void add_line(char *line)
{
	char *verb = strtok(line, " \t"), *path = strtok(NULL, " \t");
	char *mode = verb && strcmp(verb, "file") ? NULL : strtok(NULL, " \t");
	char *a = strtok(NULL, "");	/* a name of the host's, with its blanks */

	if (!verb || !path || path[0] != '/' || !a)
		fail("bad entry '%s': want VERB /path ARGUMENTS", verb ? verb : "");
	a += strspn(a, " \t");
	if (!strcmp(verb, "dir")) {
		add_parents(path);
		add_dir(path, strtoul(a, NULL, 8));
	} else if (mode) {
		add_file(path, strtoul(mode, NULL, 8), a);
	} else if (!strcmp(verb, "link")) {
		add_link(path, a);
	} else if (!strcmp(verb, "tree")) {
		add_tree(path, a);
	} else {
		fail("unknown entry '%s'", verb);
	}
}

static void finish(void)
{
	struct vex_payload_header h = { .magic = VEX_PAYLOAD_MAGIC };

	header("TRAILER!!!", 0, 0);
	put("\0\0\0", -written & 3);
	h.length = written;
	if (disk && (fseek(out, 0, SEEK_SET) || fwrite(&h, sizeof(h), 1, out) != 1))
		fail("write %s: %s", out_name, strerror(errno));
	if (fclose(out))
		fail("write %s: %s (is the disk full?)", out_name, strerror(errno));
	/* A sparse tail costs nothing. */
	if (disk && truncate(out_name, PAYLOAD_SIZE))
		fail("resize %s: %s", out_name, strerror(errno));
}

int main(int argc, char **argv)
{
	char line[8192];
	int c;

	while ((c = getopt(argc, argv, "do:")) != -1) {
		if (c == 'd')
			disk = true;
		else if (c == 'o')
			out_name = optarg;
		else
			return VEX_USAGE;
	}
	if (!out_name || optind != argc) {
		fprintf(stderr, "usage: vexpack [-d] -o FILE <LIST   (-d: payload disk, not a bare archive)\n");
		return VEX_USAGE;
	}
	out = fopen(out_name, "we");
	if (!out)
		fail("%s: %s", out_name, strerror(errno));
	if (disk && fseek(out, VEX_PAYLOAD_OFFSET, SEEK_SET))
		fail("%s: %s", out_name, strerror(errno));
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] && line[0] != '#')
			add_line(line);
	}
	finish();
	return 0;
}
