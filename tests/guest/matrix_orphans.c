// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=512M time=120 slice
 *
 * Every operation (ops.h) while the orphan table is full: all of them work. Then a crash.
 */
#include <sys/resource.h>

#include "tests/guest/ops.h"

#define HELD	1100		/* the table has 1008 slots */

static int held[HELD];

static void hold(void)
{
	char p[300];

	snprintf(p, sizeof(p), "%s/held", guest_mnt);
	for (unsigned int i = 0; i < HELD; i++) {
		held[i] = open(p, O_CREAT | O_RDWR, 0644);
		if (held[i] < 0 || unlink(p))
			ktap_bail("open file %u without a name", i);
	}
}

static void let_go(void)
{
	for (unsigned int i = 0; i < HELD; i++)
		close(held[i]);
}

static unsigned long long free_inodes(void)
{
	struct statvfs st;

	return statvfs(guest_mnt, &st) ? 0 : st.f_ffree;
}

static bool with_full_table(unsigned int round, unsigned int how, const char *when)
{
	unsigned int failed;
	bool good = true;

	hold();
	ops_prepare(round);
	failed = ops_run(round * 3, when, &good);
	ktap(good && !failed, "%s: %u of %zu operations failed", when, failed, OPS_COUNT);
	ops_stop(how);
	let_go();
	good = ops_recover(how, when);
	ops_cleanup();
	return good;
}

int main(void)
{
	struct rlimit many = { 65536, 65536 };
	unsigned long long before;

	ktap_plan(7);
	guest_setup();
	ops_fresh();
	if (setrlimit(RLIMIT_NOFILE, &many))
		ktap_bail("setrlimit");
	before = free_inodes();
	ktap(with_full_table(1, VEXFS_SHUTDOWN_LOGFLUSH, "stopped after a commit"), "what was committed is there");
	ktap(with_full_table(2, VEXFS_SHUTDOWN_NOLOGFLUSH, "power cut"), "each has happened or not");
	ktap(free_inodes() == before, "%llu inodes are free, %llu were", free_inodes(), before);
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	ktap(guest_mount(NULL) == 0, "it can be mounted");
	return ktap_exit();
}
