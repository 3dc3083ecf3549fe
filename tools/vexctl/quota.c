// SPDX-License-Identifier: GPL-2.0
/*
 * vexctl quota: what users, groups and projects have, and how much they may have
 *
 * By quotactl_fd(2), which needs no device's name and works wherever the mount can be opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/quota.h>
#include <pwd.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

#define NTYPES		3
#define BLOCK		1024ull	/* of limits: QIF_DQBLKSIZE */
#define QUOTA_CMD(cmd, type)	(((cmd) << SUBCMDSHIFT) | ((type) & SUBCMDMASK))

static const char *const type_names[NTYPES] = { "user", "group", "project" };

/* What a listing is made of; @rows is NULL for a table of text. */
struct listing {
	struct json_object *rows;
	unsigned int count;
};

static int quota_call(int fd, int cmd, int type, uint32_t id, void *arg)
{
	return syscall(SYS_quotactl_fd, fd, QUOTA_CMD(cmd, type), id, arg) < 0 ? -errno : 0;
}

/* The name of @id, or its number. */
static void owner_name(int type, uint32_t id, char *name, size_t room)
{
	const struct passwd *pw = type == USRQUOTA ? getpwuid(id) : NULL;
	const struct group *gr = type == GRPQUOTA ? getgrgid(id) : NULL;

	if (pw || gr)
		snprintf(name, room, "%s", pw ? pw->pw_name : gr->gr_name);
	else
		snprintf(name, room, "%u", id);
}

/* Time left beyond the soft limit: "-" within it. */
static const char *grace_text(uint64_t end, char buf[24])
{
	int64_t left = (int64_t)end - (int64_t)time(NULL);

	if (!end)
		return "-";
	if (left <= 0)
		return "over";
	if (left >= 86400)
		snprintf(buf, 24, "%lld d", (long long)(left / 86400));
	else
		snprintf(buf, 24, "%02d:%02d", (int)(left / 3600), (int)(left / 60 % 60));
	return buf;
}

static const char *limit_bytes(uint64_t blocks, char buf[24])
{
	return blocks ? human_bytes(blocks * BLOCK, buf) : "-";
}

static const char *limit_count(uint64_t n, char buf[24])
{
	if (!n)
		return "-";
	snprintf(buf, 24, "%llu", (unsigned long long)n);
	return buf;
}

static void print_row(struct listing *l, int type, const char *name, const struct if_nextdqblk *q)
{
	char text[7][24];

	if (!l->count)
		printf("%-8s %-16s %9s %9s %9s %7s %9s %9s %9s %7s\n", "type", "owner", "used", "soft", "hard", "grace",
		       "inodes", "soft", "hard", "grace");
	printf("%-8s ", type_names[type]);
	print_safe(stdout, name, strlen(name));
	printf("%*s %9s %9s %9s %7s %9llu %9s %9s %7s\n", (int)(strlen(name) < 16 ? 16 - strlen(name) : 0), "",
	       human_bytes(q->dqb_curspace, text[0]), limit_bytes(q->dqb_bsoftlimit, text[1]),
	       limit_bytes(q->dqb_bhardlimit, text[2]), grace_text(q->dqb_btime, text[3]),
	       (unsigned long long)q->dqb_curinodes, limit_count(q->dqb_isoftlimit, text[4]),
	       limit_count(q->dqb_ihardlimit, text[5]), grace_text(q->dqb_itime, text[6]));
}

static void add_number(struct json_object *o, const char *name, uint64_t n)
{
	json_object_object_add(o, name, json_object_new_uint64(n));
}

static void add_row(struct listing *l, int type, const char *name, const struct if_nextdqblk *q)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string(type_names[type]));
	add_number(o, "id", q->dqb_id);
	json_object_object_add(o, "name", json_text(name, strlen(name)));
	add_number(o, "bytes", q->dqb_curspace);
	add_number(o, "bytes_soft", q->dqb_bsoftlimit * BLOCK);
	add_number(o, "bytes_hard", q->dqb_bhardlimit * BLOCK);
	add_number(o, "bytes_grace_end", q->dqb_btime);
	add_number(o, "inodes", q->dqb_curinodes);
	add_number(o, "inodes_soft", q->dqb_isoftlimit);
	add_number(o, "inodes_hard", q->dqb_ihardlimit);
	add_number(o, "inodes_grace_end", q->dqb_itime);
	json_object_array_add(l->rows, o);
}

static void take(struct listing *l, int type, const struct if_nextdqblk *q)
{
	char name[64];

	owner_name(type, q->dqb_id, name, sizeof(name));
	if (l->rows)
		add_row(l, type, name, q);
	else
		print_row(l, type, name, q);
	l->count++;
}

/* All that have something or a limit; needs root. */
static int list_all(int fd, int type, struct listing *l)
{
	struct if_nextdqblk q;
	uint32_t id = 0;
	int ret;

	for (;;) {
		ret = quota_call(fd, Q_GETNEXTQUOTA, type, id, &q);
		if (ret)
			return ret == -ENOENT ? 0 : ret;
		if (q.dqb_curspace || q.dqb_curinodes || q.dqb_bhardlimit || q.dqb_bsoftlimit || q.dqb_ihardlimit ||
		    q.dqb_isoftlimit)
			take(l, type, &q);
		if (q.dqb_id == UINT32_MAX)
			return 0;
		id = q.dqb_id + 1;
	}
}

/* What a caller without privileges may ask: of himself and of his groups. */
static int list_one(int fd, int type, uint32_t id, struct listing *l)
{
	struct if_nextdqblk q = { .dqb_id = id };
	int ret = quota_call(fd, Q_GETQUOTA, type, id, &q);	/* a prefix of the same structure */

	q.dqb_id = id;
	if (!ret)
		take(l, type, &q);
	return ret;
}

static int list_own(int fd, int type, struct listing *l)
{
	gid_t groups[NGROUPS_MAX];
	int i, n, ret;

	if (type == USRQUOTA)
		return list_one(fd, type, geteuid(), l);
	if (type != GRPQUOTA)
		return 0;
	ret = list_one(fd, type, getegid(), l);
	n = getgroups(NGROUPS_MAX, groups);
	for (i = 0; !ret && i < n; i++)
		if (groups[i] != getegid())
			ret = list_one(fd, type, groups[i], l);
	return ret;
}

/* Returns the number of types that are counted, or a negative error code. */
static int list_types(int fd, struct listing *l)
{
	int type, ret, on = 0;

	for (type = 0; type < NTYPES; type++) {
		ret = list_all(fd, type, l);
		if (ret == -EPERM)
			ret = list_own(fd, type, l);
		if (!ret)
			on++;
		else if (ret != -ESRCH)
			return ret;
	}
	return on;
}

static int quota_fail(const struct target *t, int err)
{
	if (err == -ENOSYS || err == -ENOTTY)
		say_error("%s keeps no account: unmount it, and tune.vexfs -O quota makes one", t->path);
	else
		say_error("cannot read the quota of %s: %s", t->path, reason(err));
	return EXIT_FAILED;
}

static int run_quota(const struct command *cmd, struct options *opt)
{
	struct listing l = { 0 };
	struct target t;
	int ret;

	(void)cmd;
	ret = target_open(&t, opt->args[0], O_RDONLY);
	if (ret)
		return ret;
	if (opt->json)
		l.rows = json_object_new_array();
	ret = list_types(t.fd, &l);
	if (ret > 0) {
		ret = opt->json ? json_finish(l.rows) : EXIT_OK;
	} else {
		json_object_put(l.rows);
		ret = quota_fail(&t, ret ? ret : -ENOSYS);
	}
	target_close(&t);
	return ret;
}

const struct command cmd_quota = {
	.name = "quota",
	.summary = "what users, groups and projects have and may have",
	.accepts = "json",
	.min_args = 1, .max_args = 1,
	.run = run_quota,
	.help =
	"usage: vexctl quota [--json] PATH\n"
	"List the owners on the mounted VexFS that PATH is on, with the space and inodes they have (embeddings and\n"
	"attributes included), their limits, and the time they have left beyond a soft limit. Root sees all, others\n"
	"themselves and their groups. Limits are set by setquota(8).\n\n"
	"  --json       one array of objects; sizes in bytes, ends of grace in seconds since 1970, 0: no limit\n\n"
	"example: vexctl quota /mnt\n",
};
