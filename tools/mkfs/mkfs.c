// SPDX-License-Identifier: GPL-2.0
/* mkfs.vexfs: options, safety checks, summary. The writing is lib/image_format.c. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tools/mkfs/mkfs.h"

enum { MKFS_OK = 0, MKFS_FAILED = 1, MKFS_USAGE = 2 };

#define PROGRESS_AFTER	2	/* seconds of silence before progress is shown */

/**
 * struct mkfs - one run
 * @f:	     the filesystem wanted
 * @sb:	     the plan
 * @dev:     the target
 * @path:    its name
 * @bytes:   SIZE argument, 0 = the whole device
 * @force, @dry, @quiet: -f, -n, -q
 * @started: monotonic time of the first progress call
 */
struct mkfs {
	struct vexfs_format f;
	struct vexfs_super_block sb;
	struct vexfs_dev dev;
	const char *path;
	u64	bytes;
	bool	force, dry, quiet;
	time_t	started, shown;
};

static const char usage_text[] =
	"usage: mkfs.vexfs [options] DEVICE [SIZE]\n"
	"Make a VexFS filesystem on a block device or in an image file.\n"
	"SIZE (like 100M, 2G; plain number: bytes) creates or extends an image file,\n"
	"or uses only the beginning of a device.\n"
	"\n"
	"  -L LABEL   volume label, at most 63 bytes\n"
	"  -U UUID    uuid, or \"random\" (default)\n"
	"  -i BYTES   one inode per BYTES of space (default 16384)\n"
	"  -J MIB     size of the journal in MiB (default: 1/32 of the device, 4 to 96)\n"
	"  -E root_owner=UID:GID\n"
	"	      owner of the root directory (default 0:0)\n"
	"  -f	      overwrite what is there (never a mounted filesystem)\n"
	"  -n	      dry run: check and show the plan, write nothing\n"
	"  -q	      print errors only\n"
	"  --help, --version\n"
	"\n"
	"example: mkfs.vexfs -L notes disk.img 100M\n";

static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("mkfs.vexfs: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* ---- options ------------------------------------------------------------- */

static int parse_u32(const char *opt, const char *text, u64 lo, u64 hi, u32 *out)
{
	u64 n;

	if (vexfs_parse_size(text, &n) || n < lo || n > hi) {
		complain("%s %s: give a number from %llu to %llu", opt, text,
			 (unsigned long long)lo, (unsigned long long)hi);
		return MKFS_USAGE;
	}
	*out = n;
	return 0;
}

static int parse_label(struct mkfs *m, const char *text)
{
	if (strlen(text) >= VEXFS_LABEL_LEN) {
		complain("the label has %zu bytes; at most %d are possible", strlen(text),
			 VEXFS_LABEL_LEN - 1);
		return MKFS_USAGE;
	}
	strcpy(m->f.label, text);
	return 0;
}

static int parse_uuid(struct mkfs *m, const char *text)
{
	if (strcmp(text, "random") == 0) {
		uuid_generate(m->f.uuid);
		return 0;
	}
	if (uuid_parse(text, m->f.uuid) == 0 && !uuid_is_null(m->f.uuid))
		return 0;
	complain("-U %s: give a uuid like 123e4567-e89b-42d3-a456-426614174000, or \"random\"",
		 text);
	return MKFS_USAGE;
}

static int parse_extended(struct mkfs *m, const char *text)
{
	char rest;

	if (sscanf(text, "root_owner=%u:%u%c", &m->f.root_uid, &m->f.root_gid, &rest) == 2 &&
	    !strchr(text, '-'))
		return 0;
	complain("-E %s: known is only root_owner=UID:GID, with numbers", text);
	return MKFS_USAGE;
}

static int parse_journal(struct mkfs *m, const char *text)
{
	u32 mib;
	int err = parse_u32("-J", text, 1, 1 << 20, &mib);

	if (!err)
		m->f.journal_blocks = mib * 256;
	return err;
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
	case 'i':
		return parse_u32("-i", optarg, VEXFS_MIN_BYTES_PER_INODE,
				 VEXFS_MAX_BYTES_PER_INODE, &m->f.bytes_per_inode);
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

static int parse_operands(struct mkfs *m, int argc, char **argv)
{
	if (optind >= argc) {
		complain("name a device or an image file; try: mkfs.vexfs --help");
		return MKFS_USAGE;
	}
	if (argc - optind > 2) {
		complain("'%s' is one argument too many; try: mkfs.vexfs --help",
			 argv[optind + 2]);
		return MKFS_USAGE;
	}
	m->path = argv[optind];
	if (argc - optind == 2 && (vexfs_parse_size(argv[optind + 1], &m->bytes) || !m->bytes)) {
		complain("'%s' is not a size: give a number with K, M, G or T, like 100M",
			 argv[optind + 1]);
		return MKFS_USAGE;
	}
	return 0;
}

/* Returns an exit code, or -1 to go on. */
static int parse(struct mkfs *m, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ }
	};
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "L:U:i:J:E:fnqhV", longopts, NULL)) != -1) {
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
	return err ? err : -1;
}

/* ---- safety -------------------------------------------------------------- */

static int refuse_mounted(const char *path)
{
	char where[4096];
	int ret = vexfs_dev_mounted(path, where, sizeof(where));

	if (ret == 0)
		return 0;
	if (ret < 0)
		complain("cannot find out whether %s is mounted: %s", path, strerror(-ret));
	else
		complain("%s is mounted on %s: unmount it first", path, where);
	return MKFS_FAILED;
}

static int open_failed(const struct mkfs *m, int err)
{
	switch (err) {
	case -ENOENT:
		complain("%s does not exist; to create an image file add its size: mkfs.vexfs %s 100M",
			 m->path, m->path);
		break;
	case -EBUSY:
		complain("%s is in use (mounted, swap, or part of a volume): release it first",
			 m->path);
		break;
	case -ENOTBLK:
		complain("%s is neither a block device nor a regular file", m->path);
		break;
	default:
		complain("cannot open %s: %s", m->path, strerror(-err));
	}
	return MKFS_FAILED;
}

/*
 * A dry run opens read-only and creates nothing, but says what the real run
 * would say. A file that is to be created counts as an empty one.
 */
static int open_target(struct mkfs *m)
{
	int flags = m->dry ? O_RDONLY : O_RDWR | O_EXCL | (m->bytes ? O_CREAT : 0);
	int err = vexfs_dev_open(&m->dev, m->path, flags);

	if (err == -ENOENT && m->dry && m->bytes)
		return 0;
	return err ? open_failed(m, err) : 0;
}

static int refuse_content(struct mkfs *m)
{
	char what[256];
	int ret;

	if (m->force || m->dev.fd < 0)
		return 0;
	ret = mkfs_probe(&m->dev, what, sizeof(what));
	if (ret < 0)
		complain("cannot read %s: %s", m->path, strerror(-ret));
	else if (ret)
		complain("%s contains %s; use -f to overwrite it", m->path, what);
	return ret ? MKFS_FAILED : 0;
}

static int choose_size(struct mkfs *m)
{
	if (m->bytes && m->dev.is_block && m->bytes > m->dev.bytes) {
		complain("%s has %llu bytes, less than the %llu asked for", m->path,
			 (unsigned long long)m->dev.bytes, (unsigned long long)m->bytes);
		return MKFS_FAILED;
	}
	m->f.blocks = (m->bytes ? m->bytes : m->dev.bytes) >> VEXFS_BLOCK_SHIFT;
	if (!m->bytes && !m->dev.bytes && !m->dev.is_block) {
		complain("%s is empty; add the size wanted: mkfs.vexfs %s 100M", m->path, m->path);
		return MKFS_FAILED;
	}
	return 0;
}

static int make_plan(struct mkfs *m)
{
	char why[256];

	if (vexfs_format_plan(&m->f, &m->sb, why, sizeof(why)) == 0)
		return 0;
	complain("%s: %s", m->path, why);
	return MKFS_FAILED;
}

/* ---- doing it ------------------------------------------------------------ */

static void show_progress(void *ctx, const char *what, u64 done, u64 total)
{
	struct mkfs *m = ctx;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!m->started)
		m->started = now.tv_sec;
	if (now.tv_sec - m->started < PROGRESS_AFTER || (now.tv_sec == m->shown && done < total))
		return;
	m->shown = now.tv_sec;
	fprintf(stderr, "\rwriting %s: %llu of %llu%s", what, (unsigned long long)done,
		(unsigned long long)total, done == total ? "\n" : "");
	fflush(stderr);
}

static int write_it(struct mkfs *m)
{
	int err = m->dev.is_block ? 0 : vexfs_dev_extend(&m->dev, m->bytes);

	if (err) {
		complain("cannot make %s %llu bytes long: %s", m->path,
			 (unsigned long long)m->bytes, strerror(-err));
		return MKFS_FAILED;
	}
	if (!m->quiet && isatty(STDERR_FILENO)) {
		m->f.progress = show_progress;
		m->f.ctx = m;
	}
	err = vexfs_format_write(&m->dev, &m->f, &m->sb);
	if (!err)
		return 0;
	complain("writing %s failed: %s; there is no filesystem on it now", m->path,
		 strerror(-err));
	return MKFS_FAILED;
}

static void summary(const struct mkfs *m)
{
	const struct vexfs_super_block *sb = &m->sb;
	u64 blocks = le64_to_cpu(sb->s_blocks);
	u64 inodes = (u64)le32_to_cpu(sb->s_groups) * le32_to_cpu(sb->s_inodes_per_group);
	char size[24], free[24], journal[24], uuid[37];

	uuid_unparse(sb->s_uuid, uuid);
	printf("%s: VexFS version %d%s\n", m->path, VEXFS_VERSION,
	       m->dry ? " (dry run, nothing was written)" : "");
	printf("  label    %s\n", m->f.label[0] ? m->f.label : "(none)");
	printf("  uuid     %s\n", uuid);
	printf("  size     %s, %llu blocks of %d bytes in %u group%s\n",
	       vexfs_format_size(blocks << VEXFS_BLOCK_SHIFT, size, sizeof(size)),
	       (unsigned long long)blocks, VEXFS_BLOCK_SIZE, le32_to_cpu(sb->s_groups),
	       le32_to_cpu(sb->s_groups) == 1 ? "" : "s");
	printf("  free     %s\n",
	       vexfs_format_size(vexfs_format_free_blocks(sb) << VEXFS_BLOCK_SHIFT, free,
				 sizeof(free)));
	printf("  inodes   %llu, %u per group\n", (unsigned long long)inodes,
	       le32_to_cpu(sb->s_inodes_per_group));
	printf("  journal  %s at block %llu\n",
	       vexfs_format_size((u64)le32_to_cpu(sb->s_journal_blocks) << VEXFS_BLOCK_SHIFT,
				 journal, sizeof(journal)),
	       (unsigned long long)le64_to_cpu(sb->s_journal_start));
}

static int defaults(struct mkfs *m)
{
	struct {
		u8 key[VEXFS_HASH_KEY_LEN];
		u32 generation;
	} rnd;

	memset(m, 0, sizeof(*m));
	m->dev.fd = -1;
	m->f.now = time(NULL);
	uuid_generate(m->f.uuid);
	if (getrandom(&rnd, sizeof(rnd), 0) != sizeof(rnd)) {
		complain("cannot get random numbers: %s", strerror(errno));
		return MKFS_FAILED;
	}
	memcpy(m->f.hash_key, rnd.key, sizeof(rnd.key));
	m->f.generation = rnd.generation;
	return 0;
}

static int run(struct mkfs *m)
{
	int ret = refuse_mounted(m->path);

	/* A size that cannot work must not leave a new, empty file behind. */
	m->f.blocks = m->bytes >> VEXFS_BLOCK_SHIFT;
	if (!ret && m->bytes)
		ret = make_plan(m);
	if (!ret)
		ret = open_target(m);
	if (!ret)
		ret = refuse_content(m);
	if (!ret)
		ret = choose_size(m);
	if (!ret)
		ret = make_plan(m);
	if (!ret && !m->dry)
		ret = write_it(m);
	if (!ret && !m->quiet)
		summary(m);
	return ret;
}

int mkfs_main(int argc, char **argv)
{
	struct mkfs m;
	int ret = defaults(&m), err;

	if (!ret)
		ret = parse(&m, argc, argv);
	if (ret >= 0)
		return ret;
	ret = run(&m);
	err = vexfs_dev_close(&m.dev);
	if (err && !ret) {
		complain("closing %s failed: %s", m.path, strerror(-err));
		ret = MKFS_FAILED;
	}
	return ret;
}
