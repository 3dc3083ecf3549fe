// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs: the command line. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "lib/blkdev.h"
#include "lib/feature_names.h"
#include "tools/tune/tune.h"

static const char usage_text[] =
	"usage: tune.vexfs [options] DEVICE\n"
	"Change what can be changed in a VexFS filesystem that is not mounted.\n"
	"The label can be changed while it is mounted: give the device or the mount point.\n"
	"\n"
	"  -L LABEL   volume label, at most 63 bytes; \"\" for none\n"
	"  -U UUID    uuid, \"random\", \"time\" or \"clear\"\n"
	"  -e POLICY  on damage: remount-ro, continue or shutdown\n"
	"  -m PERCENT of the blocks are kept for root, 0 to 50, like 5 or 0.5\n"
	"  -r BLOCKS  the same as a number of blocks, rounded up to 1/1000 of the device\n"
	"  -O NAME,...\n"
	"	      add features: xattr, project, inode_flags, change_feed, quota. Of\n"
	"	      these, only change_feed can be taken away again: ^change_feed\n"
	"  -l	      list what there is, after the changes\n"
	"  --help, --version\n"
	"\n"
	"examples: tune.vexfs -L backup -U random /dev/vdb\n"
	"	  tune.vexfs -O quota /dev/vdb\n"
	"	  tune.vexfs -l disk.img\n";

void tune_complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("tune.vexfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int parse_label(struct tune *t, const char *text)
{
	t->label = text;
	if (strlen(text) < VEXFS_LABEL_LEN)
		return 0;
	tune_complain("the label has %zu bytes; at most %d are possible", strlen(text),
		      VEXFS_LABEL_LEN - 1);
	return TUNE_USAGE;
}

static int parse_uuid(struct tune *t, const char *text)
{
	t->uuid = text;
	if (!strcmp(text, "random"))
		uuid_generate(t->new_uuid);
	else if (!strcmp(text, "time"))
		uuid_generate_time(t->new_uuid);
	else if (!strcmp(text, "clear"))
		uuid_clear(t->new_uuid);
	else if (uuid_parse(text, t->new_uuid)) {
		tune_complain("-U %s: give a uuid like 123e4567-e89b-42d3-a456-426614174000, \"random\", \"time\" or \"clear\"",
			      text);
		return TUNE_USAGE;
	}
	return 0;
}

static int parse_errors(struct tune *t, const char *text)
{
	static const char *const policy[] = {
		[VEXFS_ERRORS_REMOUNT_RO] = "remount-ro", [VEXFS_ERRORS_CONTINUE] = "continue",
		[VEXFS_ERRORS_SHUTDOWN] = "shutdown",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(policy); i++)
		if (!strcmp(text, policy[i])) {
			t->errors = i;
			return 0;
		}
	tune_complain("-e %s: give remount-ro, continue or shutdown", text);
	return TUNE_USAGE;
}

static int parse_reserve(struct tune *t, const char *text)
{
	u32 permille;

	if (vexfs_parse_reserve(text, &permille)) {
		tune_complain("-m %s: give percent from 0 to 50, like 5 or 0.5", text);
		return TUNE_USAGE;
	}
	t->reserve = permille;
	return 0;
}

static int parse_blocks(struct tune *t, const char *text)
{
	t->has_blocks = true;
	if (!vexfs_parse_size(text, &t->reserve_blocks) && t->reserve_blocks <= VEXFS_MAX_BLOCKS)
		return 0;
	tune_complain("-r %s: give a number of blocks", text);
	return TUNE_USAGE;
}

static int parse_features(struct tune *t, const char *text)
{
	u32 *del = t->del, none = ~VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
	char why[256];

	t->has_features = true;
	if (vexfs_features_parse(text, t->add, del, why, sizeof(why))) {
		tune_complain("-O %s", why);
		return TUNE_USAGE;
	}
	if (!del[VEXFS_COMPAT] && !(del[VEXFS_RO_COMPAT] & none) && !del[VEXFS_INCOMPAT] &&
	    !(del[VEXFS_RO_COMPAT] & t->add[VEXFS_RO_COMPAT]))
		return 0;
	tune_complain("-O %s: a feature stays once it is set: files may use it", text);
	return TUNE_USAGE;
}

static int parse_option(struct tune *t, int c)
{
	switch (c) {
	case 'L':
		return parse_label(t, optarg);
	case 'U':
		return parse_uuid(t, optarg);
	case 'e':
		return parse_errors(t, optarg);
	case 'm':
		return parse_reserve(t, optarg);
	case 'r':
		return parse_blocks(t, optarg);
	case 'O':
		return parse_features(t, optarg);
	case 'l':
		t->list = true;
		return 0;
	default:
		fputs("try: tune.vexfs --help\n", stderr);
		return TUNE_USAGE;
	}
}

static int check(const struct tune *t, int argc, char **argv)
{
	if (optind + 1 != argc)
		tune_complain(optind < argc ? "'%s' is one argument too many; try: tune.vexfs --help" :
			      "name a device or an image file; try: tune.vexfs --help",
			      optind < argc ? argv[optind + 1] : "");
	else if (t->has_blocks && t->reserve >= 0)
		tune_complain("-m and -r set the same thing: give one of them");
	else
		return 0;
	return TUNE_USAGE;
}

int tune_parse(struct tune *t, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "L:U:e:m:r:O:lhV", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return TUNE_OK;
		}
		if (c == 'V') {
			puts("tune.vexfs " VEXFS_VERSION_STRING);
			return TUNE_OK;
		}
		err = parse_option(t, c);
		if (err)
			return err;
	}
	err = check(t, argc, argv);
	if (err)
		return err;
	t->path = argv[optind];
	return -1;
}
