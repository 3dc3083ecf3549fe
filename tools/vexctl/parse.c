// SPDX-License-Identifier: GPL-2.0
/* Words of the command line to values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

static int parse_digits(const char *s, const char **end, uint64_t *out)
{
	char *stop;

	/* strtoull would take blanks and signs, even a minus */
	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	*out = strtoull(s, &stop, 10);
	*end = stop;
	return errno ? -ERANGE : 0;
}

int parse_number(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	int ret = parse_digits(s, &end, out);

	if (ret)
		return ret;
	if (*end)
		return -EINVAL;
	return *out < min || *out > max ? -ERANGE : 0;
}

static int unit_shift(const char *unit)
{
	static const char units[] = "KMGT";
	const char *u;

	if (!*unit)
		return 0;
	u = unit[1] ? NULL : strchr(units, *unit & ~0x20);
	return u ? 10 * (int)(u - units + 1) : -EINVAL;
}

int parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	int ret = parse_digits(s, &end, out), shift;

	if (ret)
		return ret;
	shift = unit_shift(end);
	if (shift < 0)
		return shift;
	if (*out > UINT64_MAX >> shift)
		return -ERANGE;
	*out <<= shift;
	return *out < min || *out > max ? -ERANGE : 0;
}

int parse_range(const char *s, uint64_t *off, uint64_t *len)
{
	const char *end;
	int ret = parse_digits(s, &end, off);

	if (ret)
		return ret;
	if (*end != ':')
		return -EINVAL;
	ret = parse_number(end + 1, 1, INT64_MAX, len);
	if (ret)
		return ret;
	return *off > (uint64_t)INT64_MAX - *len ? -ERANGE : 0;
}

static const char *const elem_names[] = {
	[VEXFS_IOC_F32] = "f32", [VEXFS_IOC_F16] = "f16", [VEXFS_IOC_I8] = "i8",
};

static const char *const metric_names[] = {
	[VEXFS_IOC_L2] = "l2", [VEXFS_IOC_COSINE] = "cosine", [VEXFS_IOC_IP] = "ip",
};

static int find_name(const char *const *names, size_t n, const char *s)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (!strcmp(names[i], s))
			return (int)i;
	return -EINVAL;
}

int parse_elem(const char *s)
{
	return find_name(elem_names, sizeof(elem_names) / sizeof(elem_names[0]), s);
}

int parse_metric(const char *s)
{
	return find_name(metric_names, sizeof(metric_names) / sizeof(metric_names[0]), s);
}

const char *elem_name(uint8_t elem)
{
	return elem >= VEXFS_IOC_F32 && elem <= VEXFS_IOC_I8 ? elem_names[elem] : "?";
}

const char *metric_name(uint8_t metric)
{
	return metric >= VEXFS_IOC_L2 && metric <= VEXFS_IOC_IP ? metric_names[metric] : "?";
}

uint32_t elem_size(uint8_t elem)
{
	switch (elem) {
	case VEXFS_IOC_F32:
		return 4;
	case VEXFS_IOC_F16:
		return 2;
	case VEXFS_IOC_I8:
		return 1;
	default:
		return 0;
	}
}

const char *collection_name_error(const char *name)
{
	size_t len = strlen(name);

	if (!len)
		return "is empty";
	if (len >= VEXFS_IOC_NAME_LEN)
		return "is longer than 63 bytes";
	if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != len)
		return "has characters other than A-Z a-z 0-9 _ -";
	return NULL;
}
