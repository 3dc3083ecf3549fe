// SPDX-License-Identifier: GPL-2.0
/* Rows about the content of files. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "work.h"

#define BLOCK	4096
#define CHUNK	(1 << 20)
#define MIB	48		/* of the large file */
#define BLOCKS	(MIB * (CHUNK / BLOCK))
#define RANDOM	3000		/* blocks read or written at random */
#define SYNCED	200		/* small writes with fdatasync */
#define TINY	20000		/* appends of 100 bytes */
#define FILES	8		/* that grow at a time */
#define TURNS	512		/* blocks of each */

static char buf[CHUNK] __attribute__((aligned(BLOCK)));

static int file(const char *name, int flags)
{
	int fd = open(name, O_CREAT | flags, 0644);

	must(fd >= 0, name);
	return fd;
}

static void put(int fd, size_t size)
{
	must(write(fd, buf, size) == (ssize_t)size, "write");
}

static void write_file(const char *name)
{
	int fd = file(name, O_WRONLY);

	for (int i = 0; i < MIB; i++)
		put(fd, CHUNK);
	must(!fsync(fd), "fsync");
	close(fd);
}

static void large(void) { write_file("large"); }

static void read_file(const char *name)
{
	int fd = file(name, O_RDONLY);
	ssize_t n;

	while ((n = read(fd, buf, CHUNK)) > 0)
		;
	must(!n, "read");
	close(fd);
}

static void seq_read(void) { read_file("large"); }

static void large_warm(void)
{
	large();
	seq_read();
}

/* A random block of the large file, RANDOM times. */
static void at_random(int flags, bool out)
{
	int fd = file("large", O_RDWR | flags);

	for (int i = 0; i < RANDOM; i++) {
		off_t at = (off_t)rnd(BLOCKS) * BLOCK;

		must((out ? pwrite(fd, buf, BLOCK, at) : pread(fd, buf, BLOCK, at)) == BLOCK, "random block");
	}
	must(!out || !fsync(fd), "fsync");
	close(fd);
}

static void rand_write(void) { at_random(0, true); }
static void rand_read(void) { at_random(0, false); }
static void rand_write_direct(void) { at_random(O_DIRECT, true); }
static void rand_read_direct(void) { at_random(O_DIRECT, false); }

static void overwrite_sync(void)
{
	int fd = file("large", O_RDWR);

	for (int i = 0; i < SYNCED; i++)
		must(pwrite(fd, buf, BLOCK, (off_t)rnd(BLOCKS) * BLOCK) == BLOCK && !fdatasync(fd), "overwrite");
	close(fd);
}

static void append_sync(void)
{
	int fd = file("log", O_WRONLY | O_APPEND);

	for (int i = 0; i < SYNCED; i++) {
		put(fd, 512);
		must(!fdatasync(fd), "fdatasync");
	}
	close(fd);
}

static void append_tiny(void)
{
	int fd = file("log", O_WRONLY | O_APPEND);

	for (int i = 0; i < TINY; i++)
		put(fd, 100);
	close(fd);
}

static void mmap_write(void)
{
	int fd = file("large", O_RDWR);
	char *p = mmap(NULL, (size_t)MIB * CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(p != MAP_FAILED, "mmap");
	for (int i = 0; i < RANDOM; i++)
		p[rnd(BLOCKS) * BLOCK]++;
	must(!msync(p, (size_t)MIB * CHUNK, MS_SYNC), "msync");
	munmap(p, (size_t)MIB * CHUNK);
	close(fd);
}

static const char *grown(int i)
{
	static char p[20];

	snprintf(p, sizeof(p), "g%d", i);
	return p;
}

static void interleave(void)
{
	int fd[FILES], i;

	for (i = 0; i < FILES; i++)
		fd[i] = file(grown(i), O_WRONLY | O_APPEND);
	for (int turn = 0; turn < TURNS; turn++)
		for (i = 0; i < FILES; i++)
			put(fd[i], BLOCK);
	for (i = 0; i < FILES; i++) {
		must(!fsync(fd[i]), "fsync");
		close(fd[i]);
	}
}

static void read_grown(void)
{
	for (int i = 0; i < FILES; i++)
		read_file(grown(i));
}

static void three(void)
{
	write_file("a");
	write_file("b");
	write_file("c");
}

static void unlink_three(void)
{
	must(!unlink("a") && !unlink("b") && !unlink("c"), "unlink");
	sync();
}

const struct row data_rows[] = {
	{ "append", "append 100 B", NULL, false, append_tiny },
	{ "overwrite_sync", "overwrite 4 KiB + fdatasync", large, false, overwrite_sync },
	{ "append_sync", "append 512 B + fdatasync", NULL, false, append_sync },
	{ "rand_write", "random 4 KiB buffered write", large, false, rand_write },
	{ "rand_read", "random 4 KiB read, cold", large, true, rand_read },
	{ "rand_read_direct", "random 4 KiB read, direct", large, false, rand_read_direct },
	{ "rand_write_direct", "random 4 KiB write, direct", large, false, rand_write_direct },
	{ "seq_write", "sequential write", NULL, false, large },
	{ "seq_read", "sequential read, cold", large, true, seq_read },
	{ "seq_read_warm", "sequential read, warm", large_warm, false, seq_read },
	{ "mmap_write", "mmap write + msync", large, false, mmap_write },
	{ "interleave", "interleaved append of 8 files", NULL, false, interleave },
	{ "interleave_read", "reading these back, cold", interleave, true, read_grown },
	{ "unlink_big", "unlink three big files + sync", three, false, unlink_three },
	{ }
};
