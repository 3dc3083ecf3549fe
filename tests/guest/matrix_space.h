/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every operation (ops.h) on a device with 0, 1, 2 ... 64 free blocks: it happens or it
 * does not. Then a crash, with or without the journal's last transaction. A test takes
 * each fourth number, from SLICE on.
 */
#include "tests/guest/ops.h"

#define MOST	64
#define SLICES	4
#define ROUNDS	((MOST - SLICE) / SLICES + 1)

static char buf[1 << 18];
static unsigned int exact, refused;

static long free_blocks(void)
{
	struct statvfs st;

	return statvfs(guest_mnt, &st) ? -1 : (long)st.f_bfree;
}

/* A small file needs no block for its extents, so these take the last ones. */
#define PADS		40
#define PAD_BLOCKS	8

static int pad_open(unsigned int i)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/pad%u", guest_mnt, i);
	return open(p, O_CREAT | O_WRONLY, 0644);
}

static void pads(void)
{
	for (unsigned int i = 0; i < PADS; i++) {
		int fd = pad_open(i);

		if (fd < 0 || ftruncate(fd, 0))
			ktap_bail("a file for the last blocks");
		close(fd);
	}
	sync();
}

/* Take blocks one by one until @n are left. */
static void pad(unsigned int n)
{
	for (unsigned int i = 0; i < PADS; i++) {
		int fd = pad_open(i);

		for (unsigned int k = 0; k < PAD_BLOCKS && free_blocks() > (long)n; k++)
			if (pwrite(fd, buf, OPS_BLOCK, k * OPS_BLOCK) < 0)
				break;
		close(fd);
	}
}

static void leave(unsigned int n)
{
	char p[300];
	int fd;

	pads();
	snprintf(p, sizeof(p), "%s/fill", guest_mnt);
	fd = open(p, O_CREAT | O_WRONLY | O_APPEND, 0644);
	memset(buf, 'F', sizeof(buf));
	while (fd >= 0 && write(fd, buf, sizeof(buf)) > 0)
		;
	if (fd < 0 || ftruncate(fd, lseek(fd, 0, SEEK_END) - (off_t)(n + 16) * OPS_BLOCK))
		ktap_bail("fill the device");
	close(fd);
	sync();
	pad(n);
	sync();
}

static void release(void)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/fill", guest_mnt);
	unlink(p);
	pads();
}

static bool with_free(unsigned int n)
{
	unsigned int how = n / SLICES % 2 ? VEXFS_SHUTDOWN_LOGFLUSH : VEXFS_SHUTDOWN_NOLOGFLUSH, failed;
	bool good = true;
	char when[40];

	ops_prepare(n);
	leave(n);
	snprintf(when, sizeof(when), "%ld free blocks", free_blocks());
	exact += free_blocks() == (long)n;
	failed = ops_run(n * 5, when, &good);
	ops_stop(how);
	good = ops_recover(how, when) && good;
	ktap_note("%s: %u of %zu operations failed", when, failed, OPS_COUNT);
	refused += failed != 0;
	release();
	ops_cleanup();
	return good;
}

int main(void)
{
	long before;

	ktap_plan(ROUNDS + 5);
	guest_setup();
	ops_fresh();
	with_free(MOST + 1);	/* what is allocated once (slots of the collection) is now */
	before = free_blocks();
	exact = refused = 0;
	for (unsigned int n = SLICE; n <= MOST; n += SLICES)
		ktap(with_free(n), "with %u free blocks", n);
	ktap(exact >= ROUNDS - 1, "%u times exactly so many", exact);
	ktap(refused > ROUNDS / 2, "%u times some operations were refused", refused);
	ktap(free_blocks() >= before - 8, "%ld blocks are free in the end, %ld were", free_blocks(), before);
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	ktap(guest_mount(NULL) == 0, "it can be mounted");
	return ktap_exit();
}
