// SPDX-License-Identifier: GPL-2.0
/* Features and the reserve as command lines name them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/feature_names.h"

/* Supported ones that a command line may name; quota is more than its bit: mkfs alone makes it. */
static const u32 bit_only[VEXFS_FEATURE_WORDS] = {
	[VEXFS_RO_COMPAT] = VEXFS_FEATURE_RO_COMPAT_PROJECT | VEXFS_FEATURE_RO_COMPAT_INODE_FLAGS |
			    VEXFS_FEATURE_RO_COMPAT_QUOTA | VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED,
	[VEXFS_INCOMPAT] = VEXFS_FEATURE_INCOMPAT_XATTR,
};

static const u32 supported[VEXFS_FEATURE_WORDS] = {
	VEXFS_FEATURE_COMPAT_SUPP, VEXFS_FEATURE_RO_COMPAT_SUPP, VEXFS_FEATURE_INCOMPAT_SUPP,
};

static bool find(const char *name, size_t len, u32 *word, u32 *bit)
{
	const char *known;
	u32 n;

	for (*word = 0; *word < VEXFS_FEATURE_WORDS; ++*word)
		for (n = 0; n < 32; n++) {
			known = vexfs_feature_name(*word, n);
			*bit = 1U << n;
			if (known && strlen(known) == len && !memcmp(known, name, len))
				return true;
		}
	return false;
}

static int parse_one(const char *name, size_t len, u32 *add, u32 *del, char *why, size_t size)
{
	bool off = len && *name == '^';
	u32 word, bit;

	if (!find(name + off, len - off, &word, &bit))
		snprintf(why, size, "'%.*s': unknown feature; known are xattr, project, inode_flags, quota and change_feed",
			 (int)(len - off), name + off);
	else if (off) {
		del[word] |= bit;
		return 0;
	} else if (bit & bit_only[word]) {
		add[word] |= bit;
		return 0;
	} else if (bit & supported[word])
		snprintf(why, size, "'%.*s': is not a bit alone, whoever first uses the feature sets it",
			 (int)len, name);
	else
		snprintf(why, size, "'%.*s': is reserved, this version does not implement it", (int)len, name);
	return -EINVAL;
}

int vexfs_features_parse(const char *list, u32 add[VEXFS_FEATURE_WORDS], u32 del[VEXFS_FEATURE_WORDS],
			 char *why, size_t size)
{
	int err;

	for (;; list++) {
		size_t n = strcspn(list, ",");

		err = parse_one(list, n, add, del, why, size);
		list += n;
		if (err || !*list)
			return err;
	}
}

void vexfs_features_add(struct vexfs_super_block *sb, const u32 add[VEXFS_FEATURE_WORDS])
{
	sb->s_feature_compat |= cpu_to_le32(add[VEXFS_COMPAT]);
	sb->s_feature_ro_compat |= cpu_to_le32(add[VEXFS_RO_COMPAT]);
	sb->s_feature_incompat |= cpu_to_le32(add[VEXFS_INCOMPAT]);
}

int vexfs_parse_reserve(const char *text, u32 *permille)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	n = strtoul(text, &end, 10);
	if (n > VEXFS_MAX_RESERVE / 10)
		return -EINVAL;
	n *= 10;
	if (*end == '.' && isdigit((unsigned char)end[1])) {
		n += end[1] - '0';
		end += 2;
	}
	*permille = n;
	return *end || n > VEXFS_MAX_RESERVE ? -EINVAL : 0;
}
