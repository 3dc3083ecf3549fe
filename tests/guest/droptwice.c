// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=512M time=120 cpus=2 slice
 *
 * One collection, dropped by several at once: one of them drops it, the others are told that it does not exist, and all
 * of them return.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/vecguest.h"

#define DROPPERS	4
#define ROUNDS		200
#define LONG		60	/* seconds: an emulated kernel with sanitizers is slow */

static int *go;		/* shared: the round that is under way */

static void dropper(void)
{
	int fd = vg_root(), round, err;

	for (round = 1; round <= ROUNDS; round++) {
		while (__atomic_load_n(&go[0], __ATOMIC_ACQUIRE) < round)
			sched_yield();
		err = vexfs_collection_drop(fd, "c");
		if (!err)
			__atomic_add_fetch(&go[1], 1, __ATOMIC_ACQ_REL);
		else if (err != -ENOENT)
			__atomic_add_fetch(&go[2], 1, __ATOMIC_ACQ_REL);
		__atomic_add_fetch(&go[3], 1, __ATOMIC_ACQ_REL);
	}
	_exit(0);
}

/* Commits make the first drop wait with the collection locked, and the others line up at the lock. */
static void committer(void)
{
	int fd = vg_file("f", 0600);

	for (;;)
		if (write(fd, "x", 1) != 1 || fsync(fd) || ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET))
			_exit(1);
}

/* Whether all have returned from this round. */
static bool returned(int round)
{
	time_t end = time(NULL) + LONG;

	while (__atomic_load_n(&go[3], __ATOMIC_ACQUIRE) < round * DROPPERS) {
		if (time(NULL) > end)
			return false;
		usleep(1000);
	}
	return true;
}

int main(void)
{
	pid_t pid[DROPPERS + 1];	/* and the committer */
	int round, i;

	ktap_plan(4);
	guest_setup();
	vg_fresh("");
	go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (go == MAP_FAILED)
		ktap_bail("mmap");
	fflush(stdout);
	for (i = 0; i <= DROPPERS; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			ktap_bail("fork");
		if (!pid[i] && i == DROPPERS)
			committer();
		if (!pid[i])
			dropper();
	}
	for (round = 1; round <= ROUNDS; round++) {
		if (vg_collection("c", 4, VEXFS_IOC_F32, VEXFS_IOC_L2))
			ktap_bail("a collection of round %d", round);
		__atomic_store_n(&go[0], round, __ATOMIC_RELEASE);
		if (!returned(round))
			break;
	}
	ktap(round > ROUNDS, "every drop has returned (round %d)", round);
	ktap(go[1] == round - 1, "each collection was dropped once: %d of %d", go[1], round - 1);
	ktap(!go[2], "the others were told that it does not exist: %d were not", go[2]);
	for (i = 0; i <= DROPPERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "unmounted, and sound");
	return ktap_exit();
}
