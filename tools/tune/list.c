// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs -l: what can be tuned, as it is. */
#include <stdio.h>
#include <uuid/uuid.h>

#include "tools/tune/tune.h"

static void show_features(const struct vexfs_super_block *sb)
{
	const char *name;
	u32 word, bit;
	bool any = false;

	printf("%-10s", "features");
	for (word = 0; word < VEXFS_FEATURE_WORDS; word++)
		for (bit = 0; bit < 32; bit++) {
			if (!(vexfs_feature_bits(sb, word) & 1U << bit))
				continue;
			name = vexfs_feature_name(word, bit);
			any = true;
			if (name)
				printf(" %s", name);
			else
				printf(" unknown-%u-%u", word, bit);
		}
	printf(any ? "\n" : " none\n");
}

void tune_list(const struct vexfs_super_block *sb)
{
	static const char *const policy[] = { "remount-ro", "continue", "shutdown" };
	u32 reserve = le32_to_cpu(sb->s_reserve_blocks);
	u64 blocks = le64_to_cpu(sb->s_blocks);
	char uuid[37];

	uuid_unparse(sb->s_uuid, uuid);
	printf("%-10s %.*s\n", "label", (int)sizeof(sb->s_label), (const char *)sb->s_label);
	printf("%-10s %s\n", "uuid", uuid);
	show_features(sb);
	printf("%-10s %s\n", "errors", policy[le32_to_cpu(sb->s_errors)]);
	printf("%-10s %u.%u %%, %llu blocks\n", "reserve", reserve / 10, reserve % 10,
	       (unsigned long long)(blocks / 1000 * reserve + blocks % 1000 * reserve / 1000));
	printf("%-10s %llu\n", "blocks", (unsigned long long)blocks);
	printf("%-10s %s\n", "state", le32_to_cpu(sb->s_state) & VEXFS_STATE_ERROR ?
	       "errors were found: run fsck.vexfs" : "good");
}
