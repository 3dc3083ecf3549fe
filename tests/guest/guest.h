/* SPDX-License-Identifier: GPL-2.0 */
/* What guest tests in C share: make, mount and unmount the test disk, check it. */
#ifndef VEXFS_GUEST_H
#define VEXFS_GUEST_H

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/guest/ktap.h"

static const char *guest_disk, *guest_mnt;

/* Run a command; its output goes to the log as notes. Returns the exit status. */
static inline int guest_run(const char *cmd)
{
	char line[1024], full[2048];
	FILE *f;
	int st;

	snprintf(full, sizeof(full), "%s 2>&1", cmd);
	f = popen(full, "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		ktap_note("%s", line);
	}
	st = pclose(f);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static inline void guest_setup(void)
{
	static char mnt[256];

	guest_disk = getenv("VEX_DISK_TEST");
	if (!guest_disk)
		ktap_bail("VEX_DISK_TEST is not set: run this through ./vex test");
	snprintf(mnt, sizeof(mnt), "%s/mnt", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	mkdir(mnt, 0755);
	guest_mnt = mnt;
}

static inline int guest_mkfs(const char *opts)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f %s -- %s", opts, guest_disk);
	return guest_run(cmd);
}

static inline int guest_mount(const char *opts)
{
	return mount(guest_disk, guest_mnt, "vexfs", 0, opts);
}

/* Lines of the kernel log with this text since guest_forget_messages(). */
static inline int guest_said(const char *text)
{
	char cmd[300], line[20] = "";
	FILE *f;

	snprintf(cmd, sizeof(cmd), "dmesg | grep -c '%s'", text);
	f = popen(cmd, "r");
	if (!f || !fgets(line, sizeof(line), f))
		ktap_bail("dmesg");
	pclose(f);
	return atoi(line);
}

static inline void guest_forget_messages(void)
{
	if (system("dmesg -c >/dev/null"))
		ktap_bail("dmesg -c");
}

/* A path below the mount point, in one of four static buffers. */
static inline const char *guest_at(const char *name)
{
	static char p[4][300];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s", guest_mnt, name);
	return p[turn];
}

static inline unsigned long long guest_free_blocks(void)
{
	struct statvfs st;

	return statvfs(guest_mnt, &st) ? 0 : st.f_bfree;
}

static inline int guest_fsck(void)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "fsck.vexfs -n %s", guest_disk);
	return guest_run(cmd);
}

#endif /* VEXFS_GUEST_H */
