// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * Quota across power cuts: users, groups and projects make, grow, give away and delete files, attributes and
 * embeddings at random, and the power goes. After the replay what the quota files say is what there is:
 * fsck, which replays in memory, counts, and does it again after a mount has finished what was left.
 */
#include "tests/guest/powercut.h"
#include "tests/guest/quotaguest.h"

#define ROUNDS	8
#define STEPS	120
#define FILES	24

static char buf[1 << 18];

static bool have_cut;

/* The shutdown ioctl serves where there is no dm-flakey. */
static void power_off(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd;

	if (have_cut) {
		cut_power();
		return;
	}
	fd = vg_root();
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	close(fd);
}

static const char *file_of(uint32_t i)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "d%u/f%u", i % 3, i);
	return guest_at(rel);
}

static void grow(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR | O_APPEND, 0666);

	if (fd < 0)
		return;
	if (write(fd, buf, 1 + vg_rnd(sizeof(buf) - 1)) < 0)
		ktap_note("write: %s", strerror(errno));
	if (!vg_rnd(6))
		fsync(fd);
	close(fd);
}

static void embed(const char *path)
{
	int fd = open(path, O_RDWR);
	uint32_t i, n = vg_rnd(20);

	if (fd < 0)
		return;
	for (i = 0; i < n; i++)
		if (vg_rnd(4))
			vg_set(fd, COLL, VEXFS_IOC_F32, DIM, i, i + 1);
		else
			vexfs_embedding_del(fd, COLL, i);
	close(fd);
}

static void drop(void)
{
	int dir = vg_root();

	vexfs_collection_drop(dir, COLL);
	close(dir);
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
}

static void step(void)
{
	const char *path = file_of(vg_rnd(FILES));
	int fd;

	switch (vg_rnd(12)) {
	case 0:
		unlink(path);
		return;
	case 1:
		if (truncate(path, vg_rnd(sizeof(buf))) && errno != ENOENT)
			ktap_note("truncate: %s", strerror(errno));
		return;
	case 2:
		if (chown(path, 1000 + vg_rnd(4), 1000 + vg_rnd(4)) && errno != ENOENT)
			ktap_note("chown: %s", strerror(errno));
		return;
	case 3:
		if (access(path, F_OK) == 0)
			set_project(path, vg_rnd(3), false);
		return;
	case 4:
		setxattr(path, "user.v", buf, 5000 + vg_rnd(20000), 0);
		return;
	case 5:
		removexattr(path, "user.v");
		return;
	case 6:
	case 7:
		embed(path);
		return;
	case 8:
		fd = open(path, O_CREAT | O_RDWR, 0666);
		if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1 + vg_rnd(sizeof(buf))))
			ktap_note("fallocate: %s", strerror(errno));
		close(fd);
		return;
	case 9:
		if (!vg_rnd(10))
			drop();
		return;
	default:
		grow(path);
	}
}

int main(void)
{
	int r, s;

	ktap_plan(2 * ROUNDS + 1);
	guest_setup();
	have_cut = cut_setup();
	if (guest_mkfs("-O quota,project -N 2000") || guest_mount("usrquota,grpquota,prjquota"))
		ktap_bail("mkfs and mount");
	for (s = 0; s < 3; s++)
		if (mkdir(guest_at(s == 0 ? "d0" : s == 1 ? "d1" : "d2"), 0777))
			ktap_bail("mkdir");
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (r = 0; r < ROUNDS; r++) {
		for (s = 0; s < STEPS; s++)
			step();
		power_off();
		if (umount(guest_mnt))
			ktap_bail("umount");
		if (have_cut)
			cut_restore();
		ktap(guest_fsck() == 0, "round %d: after replay", r);
		if (guest_mount("usrquota"))
			ktap_bail("mount: %s", strerror(errno));
		ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "round %d: after a mount", r);
		if (guest_mount("usrquota,grpquota,prjquota"))
			ktap_bail("mount: %s", strerror(errno));
	}
	ktap(umount(guest_mnt) == 0, "umount");
	if (have_cut)
		cut_remove();
	return ktap_exit();
}
