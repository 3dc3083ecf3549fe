// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs: the command line. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uuid/uuid.h>

#include "lib/feature_names.h"
#include "tools/mkfs/mkfs.h"

static const char usage_text[] =
	"usage: mkfs.vexfs [options] DEVICE [SIZE]\n"
	"Make a VexFS filesystem on a block device or in an image file.\n"
	"SIZE (like 100M, 2G; plain number: bytes) creates or extends an image file,\n"
	"or uses only the beginning of a device.\n"
	"\n"
	"  -L LABEL   volume label, at most 63 bytes\n"
	"  -U UUID    uuid, or \"random\" (default)\n"
	"  -d DIR, --populate DIR\n"
	"	      copy the content of DIR into the filesystem\n"
	"  -i BYTES   one inode per BYTES of space (default 16384)\n"
	"  -N COUNT   at least so many inodes, whatever -i says\n"
	"  -m PERCENT of the blocks are kept for root, 0 to 50, like 5 or 0.5 (default 0)\n"
	"  -O NAME,...\n"
	"	      features: xattr, project, inode_flags (without: set at first use),\n"
	"	      quota, change_feed\n"
	"  -J MIB     size of the journal in MiB (default: 1/32 of the device, 4 to 96)\n"
	"  -E NAME=VALUE,...\n"
	"	      root_owner=UID:GID  owner of the root directory (default 0:0)\n"
	"	      seed=TEXT  derive uuid, hash key and generations from TEXT\n"
	"	      nodiscard  do not discard what the device holds\n"
	"  -f	      overwrite what is there (never a mounted filesystem)\n"
	"  -n	      dry run: check and show the plan, write nothing\n"
	"  -q	      print errors only\n"
	"  --help, --version\n"
	"\n"
	"With SOURCE_DATE_EPOCH in the environment the same DIR and options make the same image.\n"
	"\n"
	"examples: mkfs.vexfs -L notes disk.img 100M\n"
	"	  mkfs.vexfs /dev/vdb\n"
	"	  SOURCE_DATE_EPOCH=1700000000 mkfs.vexfs -d tree/ root.img 2G\n";

void mkfs_complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("mkfs.vexfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void mkfs_bug(void *ctx, u64 blkno, const char *what)
{
	mkfs_complain("block %llu: %s: a bug in mkfs", (unsigned long long)blkno, what);
}

/* ---- values ---------------------------------------------------------------- */

static int parse_u32(const char *opt, const char *text, u64 lo, u64 hi, u32 *out)
{
	u64 n;

	if (vexfs_parse_size(text, &n) || n < lo || n > hi) {
		mkfs_complain("%s %s: give a number from %llu to %llu", opt, text,
			      (unsigned long long)lo, (unsigned long long)hi);
		return MKFS_USAGE;
	}
	*out = n;
	return 0;
}

static int parse_label(struct mkfs *m, const char *text)
{
	if (strlen(text) >= VEXFS_LABEL_LEN) {
		mkfs_complain("the label has %zu bytes; at most %d are possible", strlen(text),
			      VEXFS_LABEL_LEN - 1);
		return MKFS_USAGE;
	}
	snprintf(m->f.label, sizeof(m->f.label), "%s", text);
	return 0;
}

static int parse_uuid(struct mkfs *m, const char *text)
{
	m->has_uuid = true;
	if (strcmp(text, "random") == 0) {
		uuid_generate(m->f.uuid);
		return 0;
	}
	if (uuid_parse(text, m->f.uuid) == 0 && !uuid_is_null(m->f.uuid))
		return 0;
	mkfs_complain("-U %s: give a uuid like 123e4567-e89b-42d3-a456-426614174000, or \"random\"",
		      text);
	return MKFS_USAGE;
}

static int parse_journal(struct mkfs *m, const char *text)
{
	u32 mib;
	int err;

	if (!strncmp(text, "size=", 5))
		text += 5;
	err = parse_u32("-J", text, 1, 1 << 20, &mib);
	if (!err)
		m->f.journal_blocks = mib * 256;
	return err;
}

static int parse_source(struct mkfs *m, const char *text)
{
	struct stat st;
	int err = stat(text, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;

	m->src.dir = text;
	if (!err)
		return 0;
	mkfs_complain("--populate %s: %s; give an existing directory", text, strerror(err));
	return MKFS_USAGE;
}

static int parse_reserve(struct mkfs *m, const char *text)
{
	if (!vexfs_parse_reserve(text, &m->f.reserve))
		return 0;
	mkfs_complain("-m %s: give percent from 0 to 50, like 5 or 0.5", text);
	return MKFS_USAGE;
}

static int parse_features(struct mkfs *m, const char *text)
{
	u32 del[VEXFS_FEATURE_WORDS] = { 0 }, i;
	char why[256];

	if (vexfs_features_parse(text, m->f.feature, del, why, sizeof(why))) {
		mkfs_complain("-O %s", why);
		return MKFS_USAGE;
	}
	for (i = 0; i < VEXFS_FEATURE_WORDS; i++)
		m->f.feature[i] &= ~del[i];
	return 0;
}

static int parse_inodes(struct mkfs *m, const char *text)
{
	if (!vexfs_parse_size(text, &m->f.inodes) && m->f.inodes && m->f.inodes < VEXFS_MAX_INO)
		return 0;
	mkfs_complain("-N %s: give a number of inodes", text);
	return MKFS_USAGE;
}

/* ---- -E ---------------------------------------------------------------------- */

static int parse_root_owner(struct mkfs *m, const char *value)
{
	char rest;

	if (!value || strchr(value, '-') ||
	    sscanf(value, "%u:%u%c", &m->f.root_uid, &m->f.root_gid, &rest) != 2)
		return -EINVAL;
	m->src.root_owner = true;
	return 0;
}

static int parse_seed(struct mkfs *m, const char *value)
{
	m->seed = value;
	return value && *value ? 0 : -EINVAL;
}

static int parse_discard(struct mkfs *m, const char *value)
{
	m->f.discard = true;
	return value ? -EINVAL : 0;
}

static int parse_nodiscard(struct mkfs *m, const char *value)
{
	m->f.discard = false;
	return value ? -EINVAL : 0;
}

static const struct extended {
	const char *name, *form;
	int (*parse)(struct mkfs *m, const char *value);	/* NULL: no value was given */
} extended[] = {
	{ "root_owner", "root_owner=UID:GID with numbers", parse_root_owner },
	{ "seed", "seed=TEXT", parse_seed },
	{ "discard", "discard without a value", parse_discard },
	{ "nodiscard", "nodiscard without a value", parse_nodiscard },
};

static int parse_one_extended(struct mkfs *m, char *item)
{
	char *value = strchr(item, '=');
	size_t i, n = value ? (size_t)(value - item) : strlen(item);

	for (i = 0; i < ARRAY_SIZE(extended); i++) {
		if (strlen(extended[i].name) != n || strncmp(item, extended[i].name, n))
			continue;
		if (!extended[i].parse(m, value ? value + 1 : NULL))
			return 0;
		mkfs_complain("-E %s: give %s", item, extended[i].form);
		return MKFS_USAGE;
	}
	mkfs_complain("-E %s: unknown; known are root_owner=UID:GID, seed=TEXT, discard, nodiscard", item);
	return MKFS_USAGE;
}

/* The seed is kept by address: @text is the program's argument. */
static int parse_extended(struct mkfs *m, char *text)
{
	char *item;
	int err = 0;

	while (!err && (item = strsep(&text, ",")))
		err = parse_one_extended(m, item);
	return err;
}

/* ---- the line ---------------------------------------------------------------- */

static int parse_flag(struct mkfs *m, int c)
{
	switch (c) {
	case 'f':
		m->force = true;
		return 0;
	case 'n':
		m->dry = true;
		return 0;
	case 'q':
		m->quiet = true;
		return 0;
	default:
		fputs("try: mkfs.vexfs --help\n", stderr);
		return MKFS_USAGE;
	}
}

static int parse_option(struct mkfs *m, int c)
{
	switch (c) {
	case 'L':
		return parse_label(m, optarg);
	case 'U':
		return parse_uuid(m, optarg);
	case 'E':
		return parse_extended(m, optarg);
	case 'J':
		return parse_journal(m, optarg);
	case 'm':
		return parse_reserve(m, optarg);
	case 'N':
		return parse_inodes(m, optarg);
	case 'O':
		return parse_features(m, optarg);
	case 'd':
		return parse_source(m, optarg);
	case 'i':
		return parse_u32("-i", optarg, VEXFS_MIN_BYTES_PER_INODE,
				 VEXFS_MAX_BYTES_PER_INODE, &m->f.bytes_per_inode);
	default:
		return parse_flag(m, c);
	}
}

static int parse_operands(struct mkfs *m, int argc, char **argv)
{
	if (optind >= argc) {
		mkfs_complain("name a device or an image file; try: mkfs.vexfs --help");
		return MKFS_USAGE;
	}
	if (argc - optind > 2) {
		mkfs_complain("'%s' is one argument too many; try: mkfs.vexfs --help",
			      argv[optind + 2]);
		return MKFS_USAGE;
	}
	m->path = argv[optind];
	if (argc - optind == 2 && (vexfs_parse_size(argv[optind + 1], &m->bytes) || !m->bytes)) {
		mkfs_complain("'%s' is not a size: give a number with K, M, G or T, like 100M",
			      argv[optind + 1]);
		return MKFS_USAGE;
	}
	return 0;
}

/* https://reproducible-builds.org/specs/source-date-epoch/ */
static int parse_epoch(struct mkfs *m)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	if (!text || !*text)
		return 0;
	errno = 0;
	m->f.now = strtoll(text, &end, 10);
	m->src.has_epoch = true;
	if (!errno && !*end && m->f.now >= 0)
		return 0;
	mkfs_complain("SOURCE_DATE_EPOCH=%s: give seconds since 1970, or unset it", text);
	return MKFS_USAGE;
}

int mkfs_parse(struct mkfs *m, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "populate", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "L:U:d:i:N:m:O:J:E:fnqhV", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return MKFS_OK;
		}
		if (c == 'V') {
			puts("mkfs.vexfs " VEXFS_VERSION_STRING);
			return MKFS_OK;
		}
		err = parse_option(m, c);
		if (err)
			return err;
	}
	err = parse_operands(m, argc, argv);
	if (!err)
		err = parse_epoch(m);
	return err ? err : -1;
}
