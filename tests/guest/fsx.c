// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=180
 *
 * One file against a model in memory: random writes (buffered, direct, mapped),
 * truncates, all modes of fallocate(2) and reads, with a remount now and then. Every byte
 * is compared.
 */
#include <linux/falloc.h>
#include <sys/mman.h>

#include "tests/guest/guest.h"

#define MAXLEN	(1 << 20)
#define OPS	6000
#define BLOCK	4096

static unsigned char model[MAXLEN], *buf;
static size_t model_size;
static int fd = -1, dfd = -1;
static unsigned long long rng;
static char path[512];

static unsigned int rnd(unsigned int n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return n ? (unsigned int)(rng >> 33) % n : 0;
}

static void open_file(void)
{
	fd = open(path, O_RDWR | O_CREAT, 0644);
	dfd = open(path, O_RDWR | O_DIRECT);
	if (fd < 0 || dfd < 0)
		ktap_bail("open %s", path);
}

static void close_file(void)
{
	close(fd);
	close(dfd);
}

static void fill(size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = rnd(256);
}

/* What a write of buf does to the model: the gap before it becomes zeros. */
static void model_write(size_t off, size_t len)
{
	if (off > model_size)
		memset(model + model_size, 0, off - model_size);
	memcpy(model + off, buf, len);
	if (off + len > model_size)
		model_size = off + len;
}

static const char *op_write(bool direct)
{
	size_t len = 1 + rnd(64 * 1024), off = rnd(MAXLEN - 64 * 1024 - BLOCK);

	if (direct) {
		len = (len + BLOCK - 1) / BLOCK * BLOCK;
		off = off / BLOCK * BLOCK;
	}
	fill(len);
	if (pwrite(direct ? dfd : fd, buf, len, off) != (ssize_t)len)
		return "write";
	model_write(off, len);
	return NULL;
}

static const char *op_append(void)
{
	size_t len = 1 + rnd(3000);

	if (model_size + len > MAXLEN)
		return NULL;
	fill(len);
	if (pwrite(fd, buf, len, model_size) != (ssize_t)len)
		return "append";
	model_write(model_size, len);
	return NULL;
}

static const char *op_truncate(void)
{
	size_t size = rnd(MAXLEN);

	if (ftruncate(fd, size))
		return "truncate";
	if (size > model_size)
		memset(model + model_size, 0, size - model_size);
	model_size = size;
	return NULL;
}

static void model_zero(size_t off, size_t end)
{
	if (end > off)
		memset(model + off, 0, end - off);
}

static void model_grow(size_t size)
{
	if (size <= model_size)
		return;
	model_zero(model_size, size);
	model_size = size;
}

/* Often at a block's edge or at the end of the file. */
static size_t rnd_edge(void)
{
	size_t off = rnd(MAXLEN);

	switch (rnd(4)) {
	case 0: return off / BLOCK * BLOCK;
	case 1: return model_size;
	default: return off;
	}
}

/* Whole blocks taken out or put in. */
static const char *op_shift(bool out)
{
	size_t off = rnd(model_size + 1) / BLOCK * BLOCK, len = (1 + rnd(20)) * BLOCK;
	int mode = out ? FALLOC_FL_COLLAPSE_RANGE : FALLOC_FL_INSERT_RANGE;
	bool bad = out ? off + len >= model_size : off >= model_size;

	if (!out && model_size + len > MAXLEN)
		return NULL;
	if (fallocate(fd, mode, off, len)) {
		if (bad && errno == EINVAL)
			return NULL;
		ktap_note("fallocate(%#x, %zu, %zu), size %zu", mode, off, len, model_size);
		return "collapse or insert";
	}
	if (bad)
		return "collapse or insert beyond the end";
	if (out) {
		memmove(model + off, model + off + len, model_size - off - len);
		model_size -= len;
		return NULL;
	}
	memmove(model + off + len, model + off, model_size - off);
	model_zero(off, off + len);
	model_size += len;
	return NULL;
}

static const char *op_falloc(void)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	size_t off = rnd_edge(), end = rnd_edge(), swap = off;
	int mode = modes[rnd(sizeof(modes) / sizeof(modes[0]))];

	if (off > end) {
		off = end;
		end = swap;
	}
	if (rnd(2) && end - off > 30000)
		end = off + rnd(30000);
	if (off == end)
		return NULL;
	if (fallocate(fd, mode, off, end - off)) {
		ktap_note("fallocate(%#x, %zu, %zu), size %zu", mode, off, end - off, model_size);
		return "fallocate";
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		model_grow(end);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		model_zero(off, end < model_size ? end : model_size);
	return NULL;
}

/* Through a mapping, which also scribbles past the end of the file. */
static const char *op_mmap(void)
{
	size_t off, len, map;
	unsigned char *p;

	if (!model_size)
		return NULL;
	off = rnd(model_size);
	len = 1 + rnd(model_size - off > 20000 ? 20000 : model_size - off);
	map = (off + len + BLOCK - 1) / BLOCK * BLOCK;
	p = mmap(NULL, map, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return "mmap";
	fill(len);
	memcpy(p + off, buf, len);
	if (off + len == model_size)
		memset(p + off + len, 0xee, map - off - len);
	munmap(p, map);
	model_write(off, len);
	return NULL;
}

static const char *op_read(bool direct)
{
	size_t off = rnd(MAXLEN), want = 1 + rnd(64 * 1024), expect;
	ssize_t got;

	if (direct) {
		off = off / BLOCK * BLOCK;
		want = (want + BLOCK - 1) / BLOCK * BLOCK;
	}
	expect = off >= model_size ? 0 : model_size - off < want ? model_size - off : want;
	got = pread(direct ? dfd : fd, buf, want, off);
	if (got != (ssize_t)expect)
		return "short read";
	return memcmp(buf, model + off, expect) ? "content differs" : NULL;
}

static const char *verify(void)
{
	struct stat st;

	if (fstat(fd, &st) || (size_t)st.st_size != model_size)
		return "size differs";
	if (pread(fd, buf, MAXLEN, 0) != (ssize_t)model_size)
		return "short read";
	return memcmp(buf, model, model_size) ? "content differs" : NULL;
}

static const char *op_remount(void)
{
	close_file();
	if (umount(guest_mnt) || guest_mount(NULL))
		return "remount";
	open_file();
	return verify();
}

static const char *op_fsync(void)
{
	return fsync(fd) ? "fsync" : NULL;
}

static const char *one(int op)
{
	switch (rnd(op && op % 400 == 0 ? 18 : 17)) {
	case 0: case 1: return op_write(false);
	case 2: return op_write(true);
	case 3: case 4: return op_append();
	case 5: return op_truncate();
	case 6: return op_mmap();
	case 7: case 8: return op_read(false);
	case 9: return op_read(true);
	case 10: return rnd(8) ? verify() : op_fsync();
	case 11: case 12: case 13: case 14: return op_falloc();
	case 15: return op_shift(true);
	case 16: return op_shift(false);
	default: return op_remount();
	}
}

int main(void)
{
	const char *seed = getenv("VEX_SEED"), *what = NULL;
	int op;

	rng = seed ? strtoull(seed, NULL, 0) : 20261124;
	ktap_plan(4);
	guest_setup();
	buf = aligned_alloc(BLOCK, MAXLEN + BLOCK);
	snprintf(path, sizeof(path), "%s/file", guest_mnt);
	ktap_note("seed %llu (VEX_SEED overrides)", rng);
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	open_file();
	for (op = 0; op < OPS && !what; op++) {
		what = one(op);
		if (what)
			ktap_note("operation %d: %s (errno %d)", op, what, errno);
	}
	ktap(!what, "%d random operations match the model", OPS);
	what = op_remount();
	ktap(!what, "content after remount%s%s", what ? ": " : "", what ? what : "");
	close_file();
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
