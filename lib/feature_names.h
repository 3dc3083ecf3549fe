/* SPDX-License-Identifier: GPL-2.0 */
/* Features and the reserve as command lines name them: mkfs.vexfs -O and -m, tune.vexfs -O and -m. */
#ifndef VEXFS_LIB_FEATURE_NAMES_H
#define VEXFS_LIB_FEATURE_NAMES_H

#include "core/feature.h"

/**
 * vexfs_features_parse() - a list like "xattr,project"
 * @list: names, separated by commas; "^" before a name: not that feature
 * @add:  bits to set, by word; added to what is there
 * @del:  bits not to be set
 * @why:  after an error: what is wrong with which name
 * @size: room in @why
 *
 * Only features that consist of their bit can be added: whoever stores what the feature is about finds it allowed.
 *
 * Return: 0 or -EINVAL.
 */
int vexfs_features_parse(const char *list, u32 add[VEXFS_FEATURE_WORDS], u32 del[VEXFS_FEATURE_WORDS],
			 char *why, size_t size);
/* Set bits in the words of a superblock; the checksum is the caller's. */
void vexfs_features_add(struct vexfs_super_block *sb, const u32 add[VEXFS_FEATURE_WORDS]);
/* "0.5", "5": percent, to 1/1000 of the device, at most VEXFS_MAX_RESERVE. 0 or -EINVAL. */
int vexfs_parse_reserve(const char *text, u32 *permille);

#endif /* VEXFS_LIB_FEATURE_NAMES_H */
