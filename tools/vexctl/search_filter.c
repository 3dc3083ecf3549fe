// SPDX-License-Identifier: GPL-2.0
/* vexctl search: which files, by what stat(2) says of them */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/vexctl/search.h"

/* "90m", "12h", "7d", "2w": so long ago. */
static bool parse_age(const char *s, struct timespec *t)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 } };
	struct timespec now;
	uint64_t n;
	size_t i, digits = strspn(s, "0123456789");

	if (!digits || digits > 9 || !s[digits] || s[digits + 1])
		return false;
	n = strtoull(s, NULL, 10);
	for (i = 0; i < sizeof(units) / sizeof(units[0]) && units[i].unit != s[digits]; i++)
		;
	if (i == sizeof(units) / sizeof(units[0]))
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec - (time_t)(n * units[i].seconds);
	t->tv_nsec = now.tv_nsec;
	return true;
}

/* "@1700000000" */
static bool parse_epoch(const char *s, struct timespec *t)
{
	char *end;
	long long n;

	if (s[0] != '@' || !(isdigit((unsigned char)s[1]) || s[1] == '-'))
		return false;
	errno = 0;
	n = strtoll(s + 1, &end, 10);
	*t = (struct timespec){ .tv_sec = (time_t)n };
	return !*end && !errno;
}

/* "2026-11-29", "2026-11-29 18:30", "2026-11-29T18:30:15", in local time. */
static bool parse_date(const char *s, struct timespec *t)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
					     "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S" };
	const char *end;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		int day;

		end = strptime(s, forms[i], &tm);
		if (!end || *end)
			continue;
		day = tm.tm_mday;
		*t = (struct timespec){ .tv_sec = mktime(&tm) };
		return tm.tm_mday == day;	/* the 31st of a month of 30 days is none */
	}
	return false;
}

static int parse_when(const struct command *cmd, const char *option, const char *s, struct timespec *t)
{
	struct stat st;

	if (parse_age(s, t) || parse_epoch(s, t) || parse_date(s, t))
		return EXIT_OK;
	if (stat(s, &st))
		return usage_error(cmd, "--%s %s: an age (90m, 12h, 7d, 2w), a date (2026-11-29 or "
				   "'2026-11-29 18:30'), @SECONDS or a file is needed", option, s);
	*t = st.st_mtim;
	return EXIT_OK;
}

static int parse_bytes(const struct command *cmd, const char *option, const char *s, uint64_t *n)
{
	if (!parse_size(s, 0, INT64_MAX, n))
		return EXIT_OK;
	return usage_error(cmd, "--%s %s: a size is needed, as 4096, 100K or 2M", option, s);
}

static int parse_user(const struct command *cmd, const char *s, uint32_t *uid)
{
	struct passwd *pw;
	uint64_t n;

	if (!parse_number(s, 0, UINT32_MAX - 1, &n)) {
		*uid = (uint32_t)n;
		return EXIT_OK;
	}
	pw = getpwnam(s);
	if (!pw)
		return usage_error(cmd, "--owner %s: no such user; a name or a number is needed", s);
	*uid = (uint32_t)pw->pw_uid;
	return EXIT_OK;
}

int search_filter(const struct command *cmd, const struct options *opt, struct vexfs_search_filter *f)
{
	int ret = EXIT_OK;

	f->what = (opt->newer ? VEXFS_FILTER_NEWER : 0) | (opt->older ? VEXFS_FILTER_OLDER : 0) |
		  (opt->larger ? VEXFS_FILTER_LARGER : 0) | (opt->smaller ? VEXFS_FILTER_SMALLER : 0) |
		  (opt->owner ? VEXFS_FILTER_UID : 0);
	if (opt->newer)
		ret = parse_when(cmd, "newer", opt->newer, &f->newer);
	if (!ret && opt->older)
		ret = parse_when(cmd, "older", opt->older, &f->older);
	if (!ret && opt->larger)
		ret = parse_bytes(cmd, "larger", opt->larger, &f->larger);
	if (!ret && opt->smaller)
		ret = parse_bytes(cmd, "smaller", opt->smaller, &f->smaller);
	if (!ret && opt->owner)
		ret = parse_user(cmd, opt->owner, &f->uid);
	return ret;
}
