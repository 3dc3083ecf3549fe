// SPDX-License-Identifier: GPL-2.0
/* fsck.vexfs: options, the passes in order, the verdict. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/fsck/fsck.h"

static const char usage_text[] =
	"usage: fsck.vexfs [options] DEVICE\n"
	"Check an unmounted VexFS filesystem on a block device or in an image file.\n"
	"\n"
	"  -n	     write nothing; a journal that is not empty is replayed in memory\n"
	"  -p, -a, -y check with the journal replayed in memory; if all is clean, write\n"
	"	     the replayed blocks and clear the error flag. Repairing damage is not\n"
	"	     available yet: it is reported, nothing is written, exit code 4\n"
	"  -f	     accepted and ignored: the check is always complete\n"
	"  -C FD	     progress on this file descriptor (0: standard output)\n"
	"  -v	     print every problem and statistics\n"
	"  --problems lists everything that can be found, with its code and what a\n"
	"	     repair would do\n"
	"  --help, --version\n"
	"\n"
	"Without -n, -p, -a, -y: as -n.\n"
	"Exit codes: 0 clean, 4 damaged, 8 could not check, 16 usage.\n"
	"\n"
	"example: fsck.vexfs -n disk.img\n";

/* ---- options ------------------------------------------------------------- */

static int set_progress(struct fsck *f, const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	if (!*text || *end || fd < 0 || fd > 1 << 20) {
		fprintf(stderr, "fsck.vexfs: -C %s: give a file descriptor number\n", text);
		return FSCK_USAGE;
	}
	f->progress_fd = fd ? fd : STDOUT_FILENO;
	return 0;
}

static int set_option(struct fsck *f, int c)
{
	switch (c) {
	case 'n':
		f->read_only = true;
		return 0;
	case 'p':
	case 'a':
		f->preen = true;
		f->replay = true;
		return 0;
	case 'y':
		f->replay = true;
		return 0;
	case 'f':
		return 0;
	case 'v':
		f->verbose = true;
		return 0;
	case 'C':
		return set_progress(f, optarg);
	default:
		fputs("try: fsck.vexfs --help\n", stderr);
		return FSCK_USAGE;
	}
}

/* Returns an exit code, or -1 to go on. */
static int parse(struct fsck *f, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "problems", no_argument, NULL, 'P' },
		{ }
	};
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "npayfvC:hV", longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return 0;
		}
		if (c == 'V') {
			puts("fsck.vexfs " VEXFS_VERSION_STRING);
			return 0;
		}
		if (c == 'P') {
			fsck_list_problems(stdout);
			return 0;
		}
		err = set_option(f, c);
		if (err)
			return err;
	}
	if (argc - optind != 1) {
		fprintf(stderr, "fsck.vexfs: name one device or image file; try: fsck.vexfs --help\n");
		return FSCK_USAGE;
	}
	if (f->read_only && f->replay) {
		fprintf(stderr, "fsck.vexfs: -n contradicts -p, -a and -y: choose one\n");
		return FSCK_USAGE;
	}
	f->path = argv[optind];
	return -1;
}

/* ---- passes -------------------------------------------------------------- */

static void run_passes(struct fsck *f)
{
	static const struct {
		const char *what;
		void (*run)(struct fsck *f);
	} pass[] = {
		{ "inodes and their blocks", fsck_inodes },
		{ "directories", fsck_dirs },
		{ "names and link counts", fsck_links },
		{ "collections and embeddings", fsck_collections },
		{ "bitmaps and group descriptors", fsck_groups },
	};
	unsigned int i;
	int err = fsck_usage_init(f);

	if (err) {
		fsck_fatal(f, err, "starting");
		return;
	}
	fsck_orphans_load(f);
	for (i = 0; i < ARRAY_SIZE(pass) && !f->err; i++) {
		fsck_pass(f, i + 1, pass[i].what);
		pass[i].run(f);
		if (i == 0)
			fsck_orphans_check(f);
	}
}

static void statistics(struct fsck *f)
{
	const struct vexfs_geo *geo = &f->img.geo;

	fsck_say(f, "%s: %llu of %llu inodes, %llu of %llu blocks in files and trees, "
		 "%zu directories, %u collections, %llu embeddings", f->path,
		 (unsigned long long)f->used_inodes,
		 (unsigned long long)geo->groups * geo->inodes_per_group,
		 (unsigned long long)f->used_blocks, (unsigned long long)geo->blocks, f->ndirs,
		 f->collections, (unsigned long long)f->embeddings);
}

static int verdict(struct fsck *f)
{
	if (f->err)
		return FSCK_FAILED;
	if (f->derived)
		fsck_say(f, "%s: %llu derived records are damaged; the kernel rebuilds them",
			 f->path, (unsigned long long)f->derived);
	if (!f->problems) {
		fsck_say(f, "%s: clean", f->path);
		return FSCK_CLEAN;
	}
	fsck_say(f, "%s: DAMAGED, %llu problem%s found%s", f->path,
		 (unsigned long long)f->problems, f->problems == 1 ? "" : "s",
		 f->read_only ? "" : "; repair is not available yet, nothing was changed");
	return FSCK_ERRORS;
}

static int check(struct fsck *f)
{
	int ret = fsck_super(f);

	if (ret == FSCK_FAILED)
		return ret;
	if (!ret && !f->err)
		run_passes(f);
	if (!ret && !f->err && !f->problems && f->replay)
		fsck_finish(f);
	if (!ret && !f->err && !f->preen)
		statistics(f);
	return verdict(f);
}

int fsck_main(int argc, char **argv)
{
	struct fsck *f = calloc(1, sizeof(*f));
	int ret;

	if (!f) {
		fputs("fsck.vexfs: out of memory\n", stderr);
		return FSCK_FAILED;
	}
	f->dev.fd = -1;
	f->out = stdout;
	f->progress_fd = isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
	ret = parse(f, argc, argv);
	if (ret < 0)
		ret = check(f);
	fsck_usage_free(f);
	free(f->orphan_list);
	free(f->values);
	vexfs_image_close(&f->img);
	vexfs_dev_close(&f->dev);
	fflush(stdout);
	free(f);
	return ret;
}
