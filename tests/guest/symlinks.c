// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=512M time=60 slice
 *
 * Symbolic links of every kind of length, at the edges of where their targets are stored: read
 * and followed, before and after a remount, and freed as a whole.
 */
#include "tests/guest/guest.h"

static const size_t lengths[] = { 1, 143, 144, 145, 4031, 4032, 4033, 4094, 4095 };
#define N	(sizeof(lengths) / sizeof(lengths[0]))

/* "./././...//file", @len bytes. */
static void target_of(size_t len, char *t)
{
	for (size_t i = 0; i < len; i++)
		t[i] = i % 2 ? '/' : '.';
	if (len > 8) {
		memcpy(t + len - 4, "file", 4);
		memcpy(t + len - 8, "////", 4);
	}
	t[len] = 0;
}

static const char *link_of(size_t len)
{
	char name[24];

	snprintf(name, sizeof(name), "l%zu", len);
	return guest_at(name);
}

static unsigned int wrong(void)
{
	char want[4096], have[4097], c = 0;
	unsigned int bad = 0;

	for (size_t i = 0; i < N; i++) {
		ssize_t n = readlink(link_of(lengths[i]), have, sizeof(have));
		int fd;

		target_of(lengths[i], want);
		if (n != (ssize_t)lengths[i] || memcmp(have, want, lengths[i])) {
			ktap_note("%zu bytes: readlink %zd, errno %d", lengths[i], n, errno);
			bad++;
		}
		if (lengths[i] <= 8)
			continue;
		fd = open(link_of(lengths[i]), O_RDONLY);
		if (fd < 0 || read(fd, &c, 1) != 1 || c != 'x') {
			ktap_note("%zu bytes: open %d, errno %d, target %.20s", lengths[i], fd, errno,
				  want + lengths[i] - 10);
			bad++;
		}
		close(fd);
	}
	return bad;
}

int main(void)
{
	unsigned long long before;
	char target[4097];
	int fd, bad = 0;

	ktap_plan(6);
	guest_setup();
	ktap(guest_mkfs("") == 0 && guest_mount(NULL) == 0, "mkfs and mount");
	fd = open(guest_at("file"), O_CREAT | O_RDWR, 0644);
	if (fd < 0 || write(fd, "x", 1) != 1)
		ktap_bail("write");
	close(fd);
	sync();
	before = guest_free_blocks();
	for (size_t i = 0; i < N; i++) {
		target_of(lengths[i], target);
		bad += symlink(target, link_of(lengths[i])) != 0;
	}
	ktap(!bad && !wrong(), "%zu lengths can be read and followed", N);
	memset(target, 'a', 4096);
	target[4096] = 0;
	ktap(symlink(target, guest_at("over")) == -1 && errno == ENAMETOOLONG, "4096 bytes are refused");
	if (umount(guest_mnt) || guest_mount(NULL))
		ktap_bail("remount");
	ktap(!wrong(), "the same after a remount");
	if (umount(guest_mnt) || guest_fsck() || guest_mount(NULL))
		ktap_bail("fsck.vexfs -n");
	for (size_t i = 0; i < N; i++)
		bad += unlink(link_of(lengths[i])) != 0;
	sync();
	ktap(!bad && guest_free_blocks() == before, "%llu blocks are free, %llu were",
	     guest_free_blocks(), before);
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
