// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=512M time=120 slice
 *
 * Every operation (ops.h) with a bad buffer: it is refused and nothing has changed. Every
 * operation in a process that is killed in the middle of it: it has happened or not. Then
 * a crash.
 */
#include <signal.h>
#include <sys/xattr.h>
#include <time.h>

#include "tests/guest/ops.h"
#include "uapi/vexfs.h"

#define BAD	((void *)OPS_BLOCK)	/* nothing is mapped there */
#define KILLS	24

/* ---- bad buffers ------------------------------------------------------------------------- */

static int bad_io(const char *name, int flags, off_t at)
{
	int fd = open(op_at(name), O_WRONLY | flags), err;

	err = op_result(pwrite(fd, BAD, 8 << 20, at));
	close(fd);
	return err;
}

static int bad_create(void) { return op_result(open(BAD, O_CREAT | O_RDWR, 0644)); }
static int bad_mkdir(void) { return op_result(mkdir(BAD, 0755)); }
static int bad_mknod(void) { return op_result(mknod(BAD, S_IFIFO | 0644, 0)); }
static int bad_symlink(void) { return op_result(symlink(BAD, op_at("symlink"))); }
static int bad_link(void) { return op_result(link(op_at("linked"), BAD)); }
static int bad_unlink(void) { return op_result(unlink(BAD)); }
static int bad_rmdir(void) { return op_result(rmdir(BAD)); }
static int bad_rename(void) { return op_result(rename(op_at("rename"), BAD)); }
static int bad_over(void) { return op_result(rename(BAD, op_at("overold"))); }
static int bad_truncate(void) { return op_result(truncate(BAD, 5000)); }
static int bad_overwrite(void) { return bad_io("overwrite", 0, 0); }
static int bad_append(void) { return bad_io("append", 0, OPS_BLOCK); }
static int bad_direct(void) { return bad_io("direct", O_DIRECT, OPS_BLOCK); }
static int bad_hole(void)
{
	int fd = open(op_at("hole"), O_WRONLY), err;

	err = op_result(pwrite(fd, BAD, OPS_BLOCK, 2 * OPS_BLOCK));
	close(fd);
	return err;
}
static int bad_set(void)
{
	struct vexfs_embedding e = { .collection = OPS_COLL, .data = BAD, .bytes = OPS_DIM * 4 };
	int fd = open(op_at("set"), O_RDWR), err = vexfs_embedding_set(fd, &e);

	close(fd);
	return err;
}
static int bad_xattr(void)
{
	return op_result(setxattr(op_at("set"), "user.vec." OPS_COLL, BAD, OPS_DIM * 4, 0));
}
static int bad_ioctl(unsigned long cmd)
{
	int fd = vg_root(), err = op_result(ioctl(fd, cmd, BAD));

	close(fd);
	return err;
}
static int bad_collection(void) { return bad_ioctl(VEXFS_IOC_COLL_CREATE); }
static int bad_drop(void) { return bad_ioctl(VEXFS_IOC_COLL_DROP); }
static int bad_chattr(void) { return bad_ioctl(FS_IOC_SETFLAGS); }
static int bad_project(void) { return bad_ioctl(FS_IOC_FSSETXATTR); }

static int (*const bad[])(void) = {
	bad_create, bad_mkdir, bad_mknod, bad_symlink, bad_link, bad_unlink, bad_rmdir, bad_rename, bad_over,
	bad_truncate, bad_overwrite, bad_append, bad_direct, bad_hole, bad_set, bad_xattr, bad_collection, bad_drop,
	bad_chattr, bad_project,
};

static bool bad_buffers(void)
{
	unsigned long long before;
	bool good = true;

	ops_prepare(1);
	before = guest_free_blocks();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int err = bad[i]();

		if (err != -EFAULT) {
			ktap_note("bad buffer %zu: %s", i, strerror(-err));
			good = false;
		}
	}
	for (size_t i = 0; i < OPS_COUNT; i++)
		good = ops_agree(i, -EFAULT, "bad buffers") && good;
	ktap(good, "%zu calls with a bad buffer are refused", sizeof(bad) / sizeof(bad[0]));
	ktap(guest_free_blocks() == before, "%llu blocks are free, %llu were", guest_free_blocks(), before);
	ops_stop(VEXFS_SHUTDOWN_LOGFLUSH);
	good = ops_recover(VEXFS_SHUTDOWN_NOLOGFLUSH, "bad buffers");
	ops_cleanup();
	return good;
}

/* The rest of the last block is zeroed before the write can fail. */
static bool bad_beyond(void)
{
	struct stat st;

	ops_prepare(2);
	op_make("beyond", 'o', 5000);
	return bad_io("beyond", 0, 3 * OPS_BLOCK) == -EFAULT && bad_io("beyond", O_DIRECT, 3 * OPS_BLOCK) == -EFAULT &&
	       stat(op_at("beyond"), &st) == 0 && st.st_size == 5000;
}

/* ---- killed -------------------------------------------------------------------------------- */

/* SIGKILL after so many microseconds, wherever it is then. */
static void kill_me_in(unsigned int us)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec when = { .it_value = { us / 1000000, us % 1000000 * 1000 + 1 } };
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) || timer_settime(timer, 0, &when, NULL))
		_exit(2);
}

/* Returns true if it was killed before the last operation. */
static bool run_killed(unsigned int first, unsigned int us)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		kill_me_in(us);
		for (size_t k = 0; k < OPS_COUNT; k++)
			ops_table[(first + k) % OPS_COUNT].run();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || (WIFEXITED(status) && WEXITSTATUS(status)))
		ktap_bail("a process to be killed");
	return WIFSIGNALED(status);
}

static bool killed_round(unsigned int round, unsigned int us, bool *early)
{
	unsigned int how = round % 2 ? VEXFS_SHUTDOWN_LOGFLUSH : VEXFS_SHUTDOWN_NOLOGFLUSH;
	char when[40];
	bool good;

	ops_prepare(round);
	snprintf(when, sizeof(when), "killed after %u us", us);
	*early = run_killed(round * 5, us);
	good = ops_survived(false, when);
	ops_stop(how);
	good = ops_recover(VEXFS_SHUTDOWN_NOLOGFLUSH, when) && good;
	ops_cleanup();
	return good;
}

/* The moment wanders through the operations: sooner when they had ended, else later. */
static void killed(void)
{
	unsigned int us = 2000, count = 0, bad_rounds = 0;

	for (unsigned int round = 2; round < 2 + KILLS; round++) {
		bool early;

		bad_rounds += !killed_round(round, us, &early);
		count += early;
		us = early ? us * 3 / 2 : us / 8 + 100;
	}
	ktap(!bad_rounds, "%u of %d rounds with a killed process went wrong", bad_rounds, KILLS);
	ktap(count > KILLS / 4, "killed in the middle %u times", count);
}

int main(void)
{
	ktap_plan(8);
	guest_setup();
	ops_fresh();
	ktap(bad_buffers(), "nothing of them is there after a crash");
	ktap(bad_beyond(), "a write beyond the end that fails leaves the end where it was");
	ops_cleanup();
	killed();
	umount(guest_mnt);
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	ktap(guest_mount(NULL) == 0, "it can be mounted");
	return ktap_exit();
}
