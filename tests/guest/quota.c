// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 slice
 *
 * Quota: what is counted, for whom, and back to nothing when it is deleted; limits for blocks and inodes,
 * soft ones too, on every way to more blocks, with nothing half done; embeddings and large attributes are
 * their file's owner's; chown and projects; who may ask and set; remounts. fsck counts it all again. The list that
 * vexctl makes of it.
 */
#include "tests/guest/quotaguest.h"

static char buf[1 << 20];

static void fresh(const char *mkfs, const char *opts)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "%s -N 2000", mkfs);
	if (guest_mkfs(cmd))
		ktap_bail("mkfs.vexfs %s", cmd);
	if (guest_mount(opts))
		ktap_bail("mount -o %s: %s", opts, strerror(errno));
	if (chmod(guest_mnt, 0777))
		ktap_bail("chmod");
}

static void check_done(const char *what)
{
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "%s: fsck counts the same", what);
}

static void write_it(const char *path, size_t bytes)
{
	int fd = open(path, O_CREAT | O_RDWR, 0666);

	if (fd < 0 || write(fd, buf, bytes) != (ssize_t)bytes || close(fd))
		ktap_bail("write %s", path);
}

/* In which everybody may set embeddings. */
static int make_collection(void)
{
	struct vexfs_ioc_collection c = {
		.name = COLL, .flags = VEXFS_COLL_MODE, .mode = 0666,
		.dim = DIM, .elem = VEXFS_IOC_F32, .metric = VEXFS_IOC_L2,
	};
	int fd = vg_root(), err = vexfs_collection_make(fd, &c);

	close(fd);
	return err;
}

/* ---- counting ---- */

static int make_some(void)
{
	char target[301] = "";

	if (mkdir(guest_at("d"), 0755))
		return 1;
	write_it(guest_at("d/a"), 40960);
	write_it(guest_at("d/b"), 1);
	if (symlink(memset(target, 'l', 300), guest_at("d/l")))
		return 2;
	return setxattr(guest_at("d/a"), "user.big", buf, 10000, 0) ? 3 : 0;
}

static int remove_some(void)
{
	return unlink(guest_at("d/a")) || unlink(guest_at("d/b")) || unlink(guest_at("d/l")) || rmdir(guest_at("d"));
}

static void test_count(void)
{
	struct stat st;

	ktap(guest_mkfs("") == 0 && guest_mount("usrquota") < 0 && errno == EINVAL,
		"usrquota is refused by a filesystem that keeps no account");
	fresh("-O quota", "");
	ktap(q_space(USRQUOTA, 0) == 0 && q_inodes(USRQUOTA, 0) == 1, "root has the root directory");
	ktap(as_user(USER, USER, make_some) == 0, "files of a user");
	ktap(q_inodes(USRQUOTA, USER) == 4 && q_inodes(GRPQUOTA, USER) == 4, "four inodes");
	/* d: a leaf; a: ten blocks and the attribute's three; b and l: one */
	ktap(q_space(USRQUOTA, USER) == 16 * 4096, "their blocks: %lld", q_space(USRQUOTA, USER));
	ktap(stat(guest_at("d/a"), &st) == 0 && st.st_blocks == 80, "stat tells blocks of the file itself");
	ktap(chown(guest_at("d/a"), OTHER, (gid_t)-1) == 0 && q_space(USRQUOTA, OTHER) == 13 * 4096 &&
		q_space(USRQUOTA, USER) == 3 * 4096 && q_inodes(USRQUOTA, OTHER) == 1 &&
		q_space(GRPQUOTA, USER) == 16 * 4096, "chown gives away the attribute, too");
	ktap(umount(guest_mnt) == 0 && guest_mount("") == 0 && q_space(USRQUOTA, OTHER) == 13 * 4096,
		"it is there after a mount");
	ktap(umount(guest_mnt) == 0 && mount(guest_disk, guest_mnt, "vexfs", MS_RDONLY, "") == 0 &&
	     mount(NULL, guest_mnt, NULL, MS_REMOUNT, "") == 0, "a read-only mount is made writable");
	ktap(removexattr(guest_at("d/a"), "user.big") == 0 && q_space(USRQUOTA, OTHER) == 10 * 4096,
		"the attribute goes");
	ktap(as_user(USER, USER, remove_some) == 0, "deleted");
	ktap(q_space(USRQUOTA, USER) == 0 && q_inodes(USRQUOTA, USER) == 0 && q_space(USRQUOTA, OTHER) == 0 &&
		q_inodes(USRQUOTA, OTHER) == 0, "nothing is left");
	check_done("count");
}

/* ---- limits ---- */

static int fill_file(void)
{
	int fd = open(guest_at("full"), O_CREAT | O_RDWR, 0666);
	ssize_t n = write(fd, buf, sizeof(buf));

	if (n != 64 * 4096)
		return 1;
	return write(fd, buf, 1) < 0 && errno == EDQUOT ? 0 : 2;
}

static int alloc_more(void)
{
	int fd = open(guest_at("pre"), O_CREAT | O_RDWR, 0666);
	struct stat st;

	if (fd < 0 || fallocate(fd, 0, 0, 65 * 4096) == 0 || errno != EDQUOT)
		return 1;
	if (fstat(fd, &st) || st.st_size || st.st_blocks)
		return 2;
	if (fallocate(fd, 0, 0, 64 * 4096))
		return 3;
	return unlink(guest_at("pre")) ? 4 : 0;
}

static int names_and_values(void)
{
	int fd = open(guest_at("full"), O_RDWR), err;

	if (mkdir(guest_at("sub"), 0755))
		return 1;	/* an empty one has no block */
	if (mknod(guest_at("sub/x"), S_IFREG | 0644, 0) == 0 || errno != EDQUOT)
		return 2;
	if (access(guest_at("sub/x"), F_OK) == 0)
		return 3;
	if (setxattr(guest_at("full"), "user.v", buf, 9000, 0) == 0 || errno != EDQUOT)
		return 4;
	if (setxattr(guest_at("full"), "user.w", buf, 2000, 0) == 0 || errno != EDQUOT)
		return 5;
	err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1);
	if (err != -EDQUOT)
		return 6;
	if (symlink(buf, guest_at("long")) == 0 || errno != EDQUOT)
		return 7;
	close(fd);
	return rmdir(guest_at("sub")) ? 8 : 0;
}

static int two_inodes(void)
{
	if (mkdir(guest_at("n1"), 0755) || mknod(guest_at("n2"), S_IFREG | 0644, 0))
		return 1;
	if (mkdir(guest_at("n3"), 0755) == 0 || errno != EDQUOT)
		return 2;
	if (open(guest_mnt, O_TMPFILE | O_RDWR, 0600) >= 0 || errno != EDQUOT)
		return 3;
	if (symlink("t", guest_at("n4")) == 0 || errno != EDQUOT)
		return 4;
	return rmdir(guest_at("n1")) || unlink(guest_at("n2"));
}

static int grow_soft(void)
{
	int fd = open(guest_at("soft"), O_CREAT | O_RDWR | O_APPEND, 0666);

	return write(fd, buf, 4096) == 4096 ? 0 : errno;
}

static void past_grace(void)
{
	struct dqblk q = { .dqb_btime = 1, .dqb_valid = QIF_BTIME };

	ktap(quotactl(QCMD(Q_SETQUOTA, USRQUOTA), guest_disk, USER, (void *)&q) == 0, "its time is over");
}

static void test_limits(void)
{
	long long before;

	fresh("-O quota", "usrquota,grpquota,prjquota");
	memset(buf, 'y', sizeof(buf) - 1);
	buf[3000] = 0;
	ktap(make_collection() == 0, "a collection");
	ktap(q_set(USRQUOTA, USER, 0, 64, 0, 0) == 0, "64 blocks for the user");
	ktap(as_user(USER, USER, alloc_more) == 0, "fallocate: all or nothing");
	ktap(q_space(USRQUOTA, USER) == 0, "and back");
	ktap(as_user(USER, USER, fill_file) == 0, "write: up to the last block, then EDQUOT");
	before = q_space(USRQUOTA, USER);
	ktap(before == 64 * 4096, "exactly: %lld", before);
	ktap(chmod(guest_at("full"), 0666) == 0 && setxattr(guest_at("full"), "user.r", "r", 1, 0) == 0,
		"root is not kept from anything");
	ktap(as_user(USER, USER, names_and_values) == 0, "names, attributes, embeddings, symlinks: EDQUOT");
	ktap(q_space(USRQUOTA, USER) == before && q_inodes(USRQUOTA, USER) == 1, "none of it has left anything");
	ktap(unlink(guest_at("full")) == 0 && q_space(USRQUOTA, USER) == 0, "deleted");
	ktap(q_set(USRQUOTA, USER, 0, 0, 0, 2) == 0, "two inodes");
	ktap(as_user(USER, USER, two_inodes) == 0, "the third is refused");
	ktap(q_inodes(USRQUOTA, USER) == 0, "none is left");
	ktap(q_set(USRQUOTA, USER, 1, 100, 0, 0) == 0, "a soft limit");
	ktap(as_user(USER, USER, grow_soft) == 0 && as_user(USER, USER, grow_soft) == 0, "may be exceeded");
	ktap(q_now(USRQUOTA, USER).dqb_btime != 0, "for some time");
	past_grace();
	ktap(as_user(USER, USER, grow_soft) == EDQUOT, "then no more");
	ktap(mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, "") == 0 &&
		mount(NULL, guest_mnt, NULL, MS_REMOUNT, "") == 0 && as_user(USER, USER, grow_soft) == EDQUOT,
		"remounted: still so");
	ktap(unlink(guest_at("soft")) == 0 && q_space(USRQUOTA, USER) == 0, "deleted");
	check_done("limits");
}

/* ---- embeddings ---- */

static int embed(void)
{
	int fd = vg_file("e", 0644), err = 0;
	uint32_t i;

	for (i = 0; i < 100 && !err; i++)
		err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, i, i + 1);
	if (!err)
		err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 77);
	return err ? 1 : 0;
}

static void test_embeddings(void)
{
	long long file;
	int fd, dir;

	fresh("-O quota", "usrquota");
	ktap(make_collection() == 0, "a collection");
	ktap(as_user(USER, USER, embed) == 0, "a user's file with a hundred embeddings, one of them set twice");
	file = 4096;
	fd = open(guest_at("e"), O_RDWR);
	ktap(q_space(USRQUOTA, USER) == file + 100 * CHARGE, "they are its owner's: %lld",
		q_space(USRQUOTA, USER) - file);
	ktap(vexfs_embedding_del(fd, COLL, 5) == 0 && q_space(USRQUOTA, USER) == file + 99 * CHARGE, "one less");
	ktap(chown(guest_at("e"), OTHER, OTHER) == 0 && q_space(USRQUOTA, USER) == 0 &&
		q_space(USRQUOTA, OTHER) == file + 99 * CHARGE, "chown takes them along");
	close(fd);
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0 && guest_mount("usrquota") == 0, "fsck counts them");
	dir = vg_root();
	ktap(vexfs_collection_drop(dir, COLL) == 0 && q_space(USRQUOTA, OTHER) == file,
		"the collection is dropped: %lld", q_space(USRQUOTA, OTHER) - file);
	close(dir);
	ktap(make_collection() == 0, "and made anew");
	fd = open(guest_at("e"), O_RDWR);
	for (uint32_t i = 0; i < 200; i++)
		if (vg_set(fd, COLL, VEXFS_IOC_F32, DIM, i, i + 1))
			ktap_bail("set");
	close(fd);
	ktap(unlink(guest_at("e")) == 0, "a file with two hundred is deleted");
	/* A worker deletes most of them. */
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0 && guest_mount("usrquota") == 0, "fsck");
	ktap(q_space(USRQUOTA, OTHER) == 0 && q_inodes(USRQUOTA, OTHER) == 0, "nothing is charged any more");
	check_done("embeddings");
}

/* ---- groups, projects, permissions ---- */

static int give_to_group(void)
{
	return chown(guest_at("g"), (uid_t)-1, OTHER) ? errno : 0;
}

static int project_full(void)
{
	int fd = open(guest_at("p/f"), O_CREAT | O_RDWR, 0666);

	return write(fd, buf, 10 * 4096) == 3 * 4096 && write(fd, buf, 1) < 0 && errno == EDQUOT ? 0 : 1;
}

static int not_allowed(void)
{
	struct dqblk q;

	if (q_get(USRQUOTA, USER, &q))
		return 1;
	if (q_get(USRQUOTA, 0, &q) != -EPERM || q_get(USRQUOTA, OTHER, &q) != -EPERM ||
	    q_get(GRPQUOTA, 0, &q) != -EPERM)
		return 2;
	if (q_set(USRQUOTA, USER, 0, 0, 0, 0) != -EPERM)
		return 3;
	return quotactl(QCMD(Q_QUOTAOFF, USRQUOTA), guest_disk, 0, NULL) < 0 && errno == EPERM ? 0 : 4;
}

static void test_others(void)
{
	fresh("-O quota,project", "grpquota,prjquota");
	write_it(guest_at("g"), 8192);
	ktap(chown(guest_at("g"), USER, USER) == 0 && q_set(GRPQUOTA, OTHER, 0, 1, 0, 0) == 0, "a file, a group");
	ktap(as_user(USER, OTHER, give_to_group) == EDQUOT, "a group gets no more than it may have");
	ktap(q_space(GRPQUOTA, USER) == 8192 && q_space(GRPQUOTA, OTHER) == 0, "and has nothing of it");
	ktap(q_set(GRPQUOTA, OTHER, 0, 2, 0, 0) == 0 && as_user(USER, OTHER, give_to_group) == 0 &&
		q_space(GRPQUOTA, OTHER) == 8192 && q_space(GRPQUOTA, USER) == 0, "what fits it gets");
	ktap(mkdir(guest_at("p"), 0777) == 0 && chmod(guest_at("p"), 0777) == 0 &&
		set_project(guest_at("p"), 42, true) == 0, "a project's directory");
	ktap(q_inodes(PRJQUOTA, 42) == 1 && q_set(PRJQUOTA, 42, 0, 4, 0, 0) == 0, "four blocks for the project");
	ktap(as_user(USER, USER, project_full) == 0, "the directory's and three more");
	ktap(q_space(PRJQUOTA, 42) == 4 * 4096 && q_inodes(PRJQUOTA, 42) == 2, "counted");
	ktap(set_project(guest_at("p/f"), 0, false) == 0 && q_space(PRJQUOTA, 42) == 4096, "leaves the project");
	ktap(as_user(USER, USER, not_allowed) == 0, "a user sees his own and sets nothing");
	ktap(quotactl(QCMD(Q_SYNC, USRQUOTA), guest_disk, 0, NULL) == 0, "Q_SYNC");
	check_done("others");
}

/* ---- vexctl quota ---- */

/* What it prints has a line that matches; or, with @want false, none has. */
static int report_has(const char *regex, bool want)
{
	char cmd[400];

	snprintf(cmd, sizeof(cmd), "vexctl quota %s | grep -Eq '%s'", guest_mnt, regex);
	return guest_run(cmd) == (want ? 0 : 1);
}

static int own_report(void)
{
	return report_has("^user +1000 +8.0 KiB", true) && report_has("^(user +(root|user1)|project) ", false) &&
	       report_has("^group +1000 ", true) ? 0 : 1;
}

static void test_report(void)
{
	char cmd[300];

	ktap(guest_mkfs("") == 0 && guest_mount("") == 0, "a filesystem without an account");
	snprintf(cmd, sizeof(cmd), "vexctl quota %s", guest_mnt);
	ktap(guest_run(cmd) == 1, "has nothing to list");
	ktap(umount(guest_mnt) == 0, "unmounted");
	fresh("-O quota,project", "usrquota");
	write_it(guest_at("a"), 8192);
	write_it(guest_at("b"), 4096);
	ktap(chown(guest_at("a"), USER, USER) == 0 && chown(guest_at("b"), OTHER, OTHER) == 0 &&
		q_set(USRQUOTA, OTHER, 2, 3, 0, 7) == 0, "two users, one with limits");
	ktap(report_has("^user +(root|0) ", true), "root is listed to root");
	ktap(report_has("^user +1000 +8.0 KiB +- +- +- +1 +- +- +-$", true), "a user without limits");
	ktap(report_has("^user +user1 +4.0 KiB +8.0 KiB +12.0 KiB +- +1 +- +7 +-$", true), "and one with");
	write_it(guest_at("b"), 12288);
	ktap(report_has("^user +user1 +12.0 KiB +8.0 KiB +12.0 KiB +[67] d ", true), "who has some days beyond the soft one");
	ktap(report_has("^user +1234 ", false) && q_set(USRQUOTA, 1234, 0, 5, 0, 0) == 0 &&
		report_has("^user +1234 +0 B +- +20.0 KiB ", true), "who has a limit and no file is listed");
	ktap(as_user(USER, USER, own_report) == 0, "a user sees himself and his group, and no other");
	snprintf(cmd, sizeof(cmd), "vexctl quota --json %s | tr -d ' \\n' | grep -q "
		 "'\"type\":\"user\",\"id\":1001,\"name\":\"user1\",\"bytes\":12288,\"bytes_soft\":8192,'", guest_mnt);
	ktap(guest_run(cmd) == 0, "for programs, in bytes");
	ktap(umount(guest_mnt) == 0, "unmounted");
}

/* ---- an account for a filesystem that is in use ---- */

static int make_later(void)
{
	int fd, err;

	if (make_some())
		return 1;
	fd = open(guest_at("d/b"), O_RDWR);
	err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1);
	if (!err)
		err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 7, 1);
	close(fd);
	return err ? 2 : 0;
}

static void test_later(void)
{
	fresh("", "");
	ktap(make_collection() == 0 && as_user(USER, USER, make_later) == 0, "files and embeddings without an account");
	ktap(umount(guest_mnt) == 0 && guest_run("tune.vexfs -O quota \"$VEX_DISK_TEST\"") == 0 && guest_fsck() == 0,
		"tune.vexfs makes one, fsck counts the same");
	if (guest_mount("usrquota,grpquota"))
		ktap_bail("mount: %s", strerror(errno));
	ktap(q_inodes(USRQUOTA, USER) == 4 && q_space(USRQUOTA, USER) == 16 * 4096 + 2 * CHARGE &&
		q_space(GRPQUOTA, USER) == 16 * 4096 + 2 * CHARGE, "what the user has: %lld bytes",
		q_space(USRQUOTA, USER));
	ktap(q_set(USRQUOTA, USER, 0, 17, 0, 0) == 0 && as_user(USER, USER, alloc_more) == 3, "a limit holds");
	ktap(as_user(USER, USER, remove_some) == 0 && unlink(guest_at("pre")) == 0 && q_space(USRQUOTA, USER) == 0 &&
		q_inodes(USRQUOTA, USER) == 0, "nothing is left");
	check_done("later");
}

int main(void)
{
	ktap_plan(76);
	memset(buf, 'x', sizeof(buf));
	guest_setup();
	q_let_in();
	test_count();
	test_limits();
	test_embeddings();
	test_others();
	test_report();
	test_later();
	return ktap_exit();
}
