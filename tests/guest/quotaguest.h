/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of quota share: quotactl(2) on the test disk, and acting as a user. */
#ifndef VEXFS_QUOTAGUEST_H
#define VEXFS_QUOTAGUEST_H

#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/quota.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#ifndef PRJQUOTA
#define PRJQUOTA 2
#endif

#define USER	1000
#define OTHER	1001
#define COLL	"c"
#define DIM	256	/* 1024 bytes of float32, 272 of code */
#define CHARGE	(1024 + 272 + 128)	/* of an embedding: payload, code, slot */

static inline int q_get(int type, int id, struct dqblk *q)
{
	memset(q, 0, sizeof(*q));
	return quotactl(QCMD(Q_GETQUOTA, type), guest_disk, id, (void *)q) ? -errno : 0;
}

static inline struct dqblk q_now(int type, int id)
{
	struct dqblk q;
	int err = q_get(type, id, &q);

	if (err)
		ktap_bail("Q_GETQUOTA of %d: %s", id, strerror(-err));
	return q;
}

static inline long long q_space(int type, int id)
{
	return (long long)q_now(type, id).dqb_curspace;
}

static inline long long q_inodes(int type, int id)
{
	return (long long)q_now(type, id).dqb_curinodes;
}

/* Everybody may come to the mount point. After guest_setup(). */
static inline void q_let_in(void)
{
	if (getenv("TMPDIR") && chmod(getenv("TMPDIR"), 0755))
		ktap_bail("chmod");
}

/* Limits in blocks of 4 KiB, and inodes; 0: none. */
static inline int q_set(int type, int id, int soft, int hard, int isoft, int ihard)
{
	struct dqblk q = {
		.dqb_bsoftlimit = 4ULL * (unsigned int)soft, .dqb_bhardlimit = 4ULL * (unsigned int)hard,
		.dqb_isoftlimit = (unsigned int)isoft, .dqb_ihardlimit = (unsigned int)ihard,
		.dqb_valid = QIF_LIMITS,
	};

	return quotactl(QCMD(Q_SETQUOTA, type), guest_disk, id, (void *)&q) ? -errno : 0;
}

/* @fn in a process of the user, who is in his own group and in @group; what it returns, 0 to 255. */
static inline int as_user(int uid, int group, int (*fn)(void))
{
	pid_t pid = fork();
	gid_t g = (gid_t)group;
	int st;

	if (!pid) {
		if (setgroups(1, &g) || setgid((gid_t)uid) || setuid((uid_t)uid))
			_exit(255);
		_exit(fn());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		ktap_bail("a process of user %d", uid);
	return WEXITSTATUS(st);
}

/* 0 or an errno. */
#define ERRNO(call) ((call) < 0 ? errno : 0)

static inline int set_project(const char *path, unsigned int id, bool inherit)
{
	int fd = open(path, O_RDONLY), err;
	struct fsxattr x;

	if (fd < 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x))
		ktap_bail("project of %s", path);
	x.fsx_projid = id;
	x.fsx_xflags = (x.fsx_xflags & ~FS_XFLAG_PROJINHERIT) | (inherit ? FS_XFLAG_PROJINHERIT : 0);
	err = ioctl(fd, FS_IOC_FSSETXATTR, &x) ? errno : 0;
	close(fd);
	return err;
}

#endif /* VEXFS_QUOTAGUEST_H */
