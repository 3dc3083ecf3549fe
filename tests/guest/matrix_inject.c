// SPDX-License-Identifier: GPL-2.0
/*
 * needs: kernel=fault disk=test:32M mem=768M time=1200 slice
 *
 * Every operation (ops.h) while its first, second, third ... allocation fails, until it gets by
 * without: it has happened or not, as it says; then the same with nothing cached and failing
 * requests to the disk. After the first failures of each and after the last a crash:
 * fsck.vexfs -n is clean, and so is the next mount.
 */
#include "tests/guest/inject.h"
#include "tests/guest/ops.h"

#define MAX_NTH	120

static unsigned int round_nr, provoked, went_readonly;
static bool uncached;	/* what is not read cannot fail */

/* A directory for one operation alone. */
static void begin(size_t i)
{
	char p[300];

	ops_round = ++round_nr;
	snprintf(ops_dir, sizeof(ops_dir), "r%u", round_nr);
	snprintf(p, sizeof(p), "%s/%s", guest_mnt, ops_dir);
	op_must(mkdir(p, 0755) == 0, "mkdir");
	ops_table[i].prepare();
	sync();
	if (uncached)
		put("/proc/sys/vm/drop_caches", "3");
}

/* What a stopped filesystem still shows is as old as its last commit. */
static bool writable(void)
{
	int fd = open(op_at("alive"), O_CREAT | O_RDWR, 0644);

	if (fd < 0)
		return false;
	close(fd);
	return unlink(op_at("alive")) == 0;
}

static bool attempt(size_t i, unsigned int nth, const char *what, bool *more)
{
	unsigned int left;
	int r;

	errno = 0;
	arm(nth);
	r = ops_table[i].run();
	left = disarm();
	*more = !left;
	provoked += !left;
	if (r && (left || !clean_error(r))) {
		ktap_note("%s: %s, number %u: %s", ops_table[i].name, what, nth, strerror(-r));
		return false;
	}
	ops_returned[i] = r;
	return ops_agree(i, r, what);
}

static bool crash(size_t i, const char *what)
{
	bool good;

	ops_stop(VEXFS_SHUTDOWN_LOGFLUSH);
	if (umount(guest_mnt))
		ktap_bail("umount");
	good = ops_fsck(what);
	if (guest_mount(NULL))
		ktap_bail("mount after the crash");
	if (ops_table[i].look() == OPS_BROKEN) {
		ktap_note("%s: %s: broken after the crash", ops_table[i].name, what);
		good = false;
	}
	return good;
}

/* A failed write of metadata has stopped it: nothing to crash any more. */
static bool stopped(void)
{
	bool good;

	went_readonly++;
	if (umount(guest_mnt))
		ktap_bail("umount");
	good = ops_fsck("after it had stopped");
	if (guest_mount(NULL))
		ktap_bail("mount after it had stopped");
	return good;
}

static bool sweep(size_t i, const char *what)
{
	bool good = true, more = true;

	for (unsigned int n = 1; n <= MAX_NTH && good && more; n += 1 + n / 6) {
		begin(i);
		good = attempt(i, n, what, &more);
		if (!writable())
			good = stopped() && good;
		else if (!more || n < 3)	/* after the last, and the first two */
			good = crash(i, what) && good;
		ops_cleanup();
	}
	return good;
}

static void sweep_all(const char *what)
{
	provoked = 0;
	for (size_t i = 0; i < OPS_COUNT; i++)
		ktap(sweep(i, what), "%s: %s", what, ops_table[i].name);
	ktap(provoked > OPS_COUNT, "%s: %u failures provoked in all", what, provoked);
}

int main(void)
{
	ktap_plan(2 * (int)OPS_COUNT + 4);
	guest_setup();
	inject_setup();
	ops_fresh();

	slabs(true);
	sweep_all("failing allocations");
	slabs(false);
	ktap(went_readonly == 0, "no failed allocation has stopped it");

	uncached = true;
	requests(true);
	sweep_all("failing requests");
	requests(false);

	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck.vexfs -n finds it clean in the end");
	return ktap_exit();
}
