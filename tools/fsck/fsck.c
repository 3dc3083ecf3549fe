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
	"       fsck.vexfs --undo FILE DEVICE\n"
	"       fsck.vexfs [-v] [-C FD] --erased LIST DEVICE\n"
	"Check and repair an unmounted VexFS filesystem on a block device or in an image file.\n"
	"\n"
	"  -n	     write nothing; a journal that is not empty is replayed in memory\n"
	"  -p, -a    repair what is safe (counters, bitmaps, copies) and write what the\n"
	"	     journal held; if there is more, write nothing: exit code 4\n"
	"  -y	     repair everything that can be repaired\n"
	"  -z FILE   before anything is written, save what it overwrites in this new file\n"
	"  --undo FILE  take a repair back with such a file\n"
	"  --erased LIST  check nothing, but search the whole device, free blocks and the\n"
	"	     journal too, for the fingerprints in this file ('vexctl fingerprint')\n"
	"  -b GROUP  use the copy of the superblock in this group (1, 3, 5, 7, 9, 25 ...)\n"
	"  -f	     accepted and ignored: the check is always complete\n"
	"  -C FD	     progress on this file descriptor (0: standard output)\n"
	"  -v	     print every problem and statistics\n"
	"  --problems lists everything that can be found, with its code and what a\n"
	"	     repair would do\n"
	"  --help, --version\n"
	"\n"
	"Without -n, -p, -a, -y: as -n; on a terminal, then asks whether to repair.\n"
	"Exit codes: 0 clean, 1 repaired, 4 damaged, 8 could not check, 16 usage,\n"
	"64 --erased found something.\n"
	"\n"
	"example: fsck.vexfs -y -z disk.undo disk.img\n"
	"	 fsck.vexfs --erased deleted.list disk.img\n";

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

static int set_copy(struct fsck *f, const char *text)
{
	char *end;
	unsigned long g = strtoul(text, &end, 10);

	if (!*text || *end || g > 0xffffffffU || !vexfs_group_has_super(g)) {
		fprintf(stderr, "fsck.vexfs: -b %s: give a group with a copy: 1, 3, 5, 7, 9, 25, 27 ...\n", text);
		return FSCK_USAGE;
	}
	f->use_copy = g;
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
	case 'z':
		f->undo_path = optarg;
		return 0;
	case 'U':
		f->apply_path = optarg;
		f->replay = true;
		return 0;
	case 'E':
		f->erased_path = optarg;
		return 0;
	case 'b':
		return set_copy(f, optarg);
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
		{ "undo", required_argument, NULL, 'U' },
		{ "erased", required_argument, NULL, 'E' },
		{ }
	};
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, "npayfvb:z:C:hV", longopts, NULL)) != -1) {
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
		fprintf(stderr, "fsck.vexfs: -n contradicts -p, -a, -y and --undo: choose one\n");
		return FSCK_USAGE;
	}
	if (f->erased_path && (f->replay || f->undo_path || f->use_copy >= 0)) {
		fprintf(stderr, "fsck.vexfs: --erased only searches: give it without -p, -a, -y, -z, -b, --undo\n");
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
		{ "change feed", fsck_feed },
		{ "quota", fsck_quota },
		{ "bitmaps and group descriptors", fsck_groups },
	};
	unsigned int i;
	int err = fsck_usage_init(f);

	if (err) {
		fsck_fatal(f, err, "starting");
		return;
	}
	fsck_copies(f);
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

/* Why what was found is still there. */
static const char *advice(const struct fsck *f)
{
	if (!f->replay)
		return "";
	if (f->unread)
		return "; a block cannot be read: copy the device to a good one first; nothing was changed";
	if (f->preen && f->unsafe)
		return "; more than -p repairs: run fsck.vexfs -y; nothing was changed";
	return f->repairs ? " and left; the others were repaired" : "; no repair; nothing was changed";
}

static int verdict(struct fsck *f)
{
	if (f->err)
		return FSCK_FAILED;
	if (f->derived)
		fsck_say(f, "%s: %llu derived records are damaged; the kernel rebuilds them",
			 f->path, (unsigned long long)f->derived);
	if (!f->problems && f->found) {
		fsck_say(f, "%s: REPAIRED, %llu problem%s found", f->path, (unsigned long long)f->found,
			 f->found == 1 ? "" : "s");
		return FSCK_CORRECTED;
	}
	if (!f->problems) {
		fsck_say(f, "%s: clean", f->path);
		return FSCK_CLEAN;
	}
	fsck_say(f, "%s: DAMAGED, %llu problem%s found%s", f->path,
		 (unsigned long long)f->problems, f->problems == 1 ? "" : "s", advice(f));
	return FSCK_ERRORS;
}

static int check(struct fsck *f)
{
	int ret = fsck_super(f);

	if (ret == FSCK_FAILED)
		return ret;
	if (!ret && !f->err)
		fsck_rounds(f, run_passes);
	if (!ret && !f->err && f->replay)
		fsck_finish(f);
	if (!ret && !f->err && !f->preen)
		statistics(f);
	return verdict(f);
}

static void let_go(struct fsck *f)
{
	fsck_usage_free(f);
	free(f->want);
	free(f->name);
	f->want = NULL;
	f->name = NULL;
	f->name_room = 0;
	f->nwant = f->want_room = 0;
	vexfs_image_close(&f->img);
	vexfs_dev_close(&f->dev);
	fflush(stdout);
}

/* Damage was found, nobody has said what to do, and there is somebody to ask. */
static bool ask(const struct fsck *f)
{
	char line[16] = "";

	if (f->replay || f->read_only || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	printf("Repair all of it? [y/N] ");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

static int apply_undo(struct fsck *f)
{
	int ret = fsck_open(f);

	return ret ? ret : fsck_undo_apply(f);
}

static int run(struct fsck *f)
{
	int ret;

	if (f->apply_path)
		return apply_undo(f);
	if (f->erased_path)
		return fsck_erased(f);
	ret = check(f);
	if (ret != FSCK_ERRORS || !ask(f))
		return ret;
	let_go(f);
	f->replay = true;
	f->problems = f->found = f->lines = 0;
	return check(f);
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
	f->use_copy = -1;
	f->out = stdout;
	f->progress_fd = isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
	ret = parse(f, argc, argv);
	if (ret < 0)
		ret = run(f);
	let_go(f);
	free(f);
	return ret;
}
