// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:32M mem=256M time=60 slice
 *
 * What a newer kernel does otherwise without a compiler's word: from 7.0 on a filesystem that
 * does not ask for leases has none (Samba and nfsd want them), and 7.2 warns at mount of
 * a work queue that does not say where it runs. A payload that cannot be written: ioerrors.
 */
#include <signal.h>

#include "tests/guest/guest.h"

static volatile sig_atomic_t broken;

static void on_break(int sig)
{
	(void)sig;
	broken++;
}

static int lease(int fd, int type)
{
	return fcntl(fd, F_SETLEASE, type) ? -errno : 0;
}

/* An open that conflicts: it is told to come back, and the holder gets a signal. */
static void test_break(const char *path, int fd)
{
	int err = lease(fd, F_WRLCK), other, refused;

	other = open(path, O_RDONLY | O_NONBLOCK);
	refused = other < 0 ? -errno : 0;
	ktap(!err && refused == -EWOULDBLOCK && broken == 1,
	     "a write lease is broken by an open: lease %d, open %d, signals %d", err, refused, (int)broken);
	if (other >= 0)
		close(other);
	err = lease(fd, F_UNLCK);
	other = open(path, O_RDONLY | O_NONBLOCK);
	ktap(!err && other >= 0, "and once it is given back the file opens");
	if (other >= 0)
		close(other);
}

int main(void)
{
	char path[300];
	int fd, err;

	ktap_plan(5);
	guest_setup();
	signal(SIGIO, on_break);
	if (guest_mkfs(""))
		ktap_bail("mkfs");
	guest_forget_messages();
	if (guest_mount(NULL))
		ktap_bail("mount");
	ktap(!guest_said("WARNING"), "mounting makes the kernel warn of nothing");
	snprintf(path, sizeof(path), "%s/file", guest_mnt);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	if (fd < 0 || close(fd))
		ktap_bail("create");
	fd = open(path, O_RDONLY);
	err = lease(fd, F_RDLCK);
	ktap(!err && fcntl(fd, F_GETLEASE) == F_RDLCK, "a read lease: %d", err);
	close(fd);
	fd = open(path, O_RDWR);
	test_break(path, fd);
	close(fd);
	ktap(!umount(guest_mnt) && !guest_run("fsck.vexfs -n \"$VEX_DISK_TEST\""), "unmount; fsck finds nothing");
	return ktap_exit();
}
