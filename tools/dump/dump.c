// SPDX-License-Identifier: GPL-2.0
/* dump.vexfs: options, opening, access to blocks. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/dump/dump.h"

enum { DUMP_OK = 0, DUMP_FAILED = 1, DUMP_USAGE = 2 };

static const char usage_text[] =
	"usage: dump.vexfs [options] IMAGE\n"
	"Show what an unmounted VexFS filesystem consists of. Without options: -S.\n"
	"\n"
	"  -S, --super		superblock and a summary of the groups\n"
	"  -g, --group N	one group's descriptor and bitmaps\n"
	"  -i, --inode N	one inode\n"
	"  -e, --extents N	extents of a file\n"
	"  -d, --dir N		entries of a directory (2 is the root)\n"
	"  -c, --collections	the collection table\n"
	"  -s, --slots ID	live slots of a collection\n"
	"  -G, --graph ID	the graph of a collection: header and records\n"
	"  -o, --orphans	the orphan table\n"
	"  -j, --journal	the journal's superblock and what replay would do\n"
	"  -b, --block N	one block: its header and a hex dump\n"
	"  -x, --extract INODE	the content of a file, to standard output\n"
	"  -l, --ls PATH		what is in a directory: inode, mode, links, owner, group, size, name\n"
	"  -p, --cat PATH	the content of a file, to standard output\n"
	"  --json		-S, -g, -i, -e, -d, -c and -s as one JSON array, with every field\n"
	"  -r, --replay		show the state after a replay of the journal (in memory)\n"
	"  --help, --version\n"
	"\n"
	"For tests of other programs, and able to DESTROY DATA:\n"
	"  --poke BLOCK:OFFSET=HEXBYTES	write bytes into a block\n"
	"  --seal		and make the checksum over them right again\n"
	"  --edit OBJECT:FIELD=VALUE	set a field; the checksum is made right. OBJECT is super,\n"
	"			group:N, inode:N, collection:ID or slot:ID:N\n"
	"\n"
	"examples: dump.vexfs --dir 2 --inode 11 disk.img\n"
	"	  dump.vexfs --cat /etc/fstab disk.img\n"
	"	  dump.vexfs --edit inode:12:i_nlink=7 copy-of-disk.img\n";

void dump_problem(struct dump *d, const char *fmt, ...)
{
	va_list ap;

	d->problems++;
	fflush(stdout);
	fprintf(stderr, "dump.vexfs: %s: ", d->path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void report(void *ctx, u64 blkno, const char *what)
{
	dump_problem(ctx, "block %llu: %s", (unsigned long long)blkno, what);
}

bool dump_read(struct dump *d, u64 blkno, u32 magic, u64 owner, struct vexfs_blk *b)
{
	int err = d->img.io.ops->read(&d->img.io, blkno, magic, 0, owner, b);

	if (err && err != -EUCLEAN)
		dump_problem(d, "block %llu: %s", (unsigned long long)blkno, strerror(-err));
	return !err;
}

void dump_put(struct dump *d, struct vexfs_blk *b)
{
	d->img.io.ops->put(&d->img.io, b);
}

bool dump_get_inode(struct dump *d, u64 ino, struct vexfs_inode *di)
{
	struct vexfs_inode *p;
	struct vexfs_blk b;
	const char *bad;
	int err;

	if (!vexfs_ino_valid(&d->img.geo, ino)) {
		dump_problem(d, "there is no inode %llu: they go from 1 to %llu",
			     (unsigned long long)ino, (unsigned long long)d->img.geo.groups *
			     d->img.geo.inodes_per_group);
		return false;
	}
	err = vexfs_image_inode(&d->img, ino, &b, &p);
	if (err) {
		dump_problem(d, "inode %llu: %s", (unsigned long long)ino, strerror(-err));
		return false;
	}
	*di = *p;
	dump_put(d, &b);
	bad = vexfs_inode_verify(di, &d->img.geo, ino);
	if (bad)
		dump_problem(d, "inode %llu (block %llu): %s", (unsigned long long)ino,
			     (unsigned long long)vexfs_ino_block(&d->img.geo, ino), bad);
	return !bad;
}

/* ---- opening ------------------------------------------------------------- */

static int open_failed(struct dump *d, const char *what)
{
	dump_problem(d, "%s", what);
	return DUMP_FAILED;
}

static int open_dev(struct dump *d, bool writable)
{
	char where[4096];
	int err;

	if (writable && vexfs_dev_mounted(d->path, where, sizeof(where)) == 1)
		return open_failed(d, "it is mounted: unmount it first");
	err = vexfs_dev_open(&d->dev, d->path, writable ? O_RDWR | O_EXCL : O_RDONLY);
	if (err == -ENOTBLK)
		return open_failed(d, "neither a block device nor an image file");
	return err ? open_failed(d, strerror(-err)) : 0;
}

static void replay(struct dump *d)
{
	struct vexfs_journal j;
	const char *bad = NULL;
	int err = vexfs_journal_open(&d->img, &j);

	if (!err && j.dirty)
		err = vexfs_journal_replay(&d->img, &j);
	if (err)
		dump_problem(d, "journal: %s", j.problem[0] ? j.problem : strerror(-err));
	if (vexfs_image_reload(&d->img, &bad))
		dump_problem(d, "superblock after replay: %s", bad ? bad : "cannot be read");
}

void dump_places(struct dump *d)
{
	const char *bad = NULL;
	int err = vexfs_image_places(&d->img, &bad);

	if (err)
		dump_problem(d, "%s", bad ? bad : strerror(-err));
}

static int open_image(struct dump *d)
{
	const char *bad = NULL;
	int err = vexfs_image_open_super(&d->img, &d->dev, 0, &bad);

	if (err && !bad)
		return open_failed(d, strerror(-err));
	if (bad) {
		d->raw = true;
		return 0;
	}
	d->img.report = report;
	d->img.report_ctx = d;
	if (d->replay)
		replay(d);
	dump_places(d);
	return 0;
}

/* ---- options ------------------------------------------------------------- */

struct command {
	char	opt;
	void	(*show)(struct dump *d, u64 arg);
	void	(*path)(struct dump *d, const char *path);	/* instead: the argument is one */
};

#define SHOW(opt, show)	{ opt, show, NULL }
static const struct command commands[] = {
	SHOW('S', dump_super), SHOW('g', dump_group), SHOW('i', dump_inode), SHOW('e', dump_extents),
	SHOW('d', dump_dir), SHOW('c', dump_collections), SHOW('s', dump_slots), SHOW('G', dump_graph),
	SHOW('o', dump_orphans), SHOW('j', dump_journal), SHOW('b', dump_block), SHOW('x', dump_extract),
	{ 'l', NULL, dump_ls }, { 'p', NULL, dump_cat },
};

static const struct option longopts[] = {
	{ "super", no_argument, NULL, 'S' },
	{ "group", required_argument, NULL, 'g' },
	{ "inode", required_argument, NULL, 'i' },
	{ "extents", required_argument, NULL, 'e' },
	{ "dir", required_argument, NULL, 'd' },
	{ "collections", no_argument, NULL, 'c' },
	{ "slots", required_argument, NULL, 's' },
	{ "graph", required_argument, NULL, 'G' },
	{ "orphans", no_argument, NULL, 'o' },
	{ "journal", no_argument, NULL, 'j' },
	{ "block", required_argument, NULL, 'b' },
	{ "extract", required_argument, NULL, 'x' },
	{ "ls", required_argument, NULL, 'l' },
	{ "cat", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'J' },
	{ "edit", required_argument, NULL, 'E' },
	{ "replay", no_argument, NULL, 'r' },
	{ "poke", required_argument, NULL, 'P' },
	{ "seal", no_argument, NULL, 'L' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ }
};

#define SHORT_OPTS	"Sg:i:e:d:cs:G:ojb:x:l:p:r"
#define MAX_COMMANDS	64

/* What the command line asks for, in its order. */
struct request {
	u32	n;
	const struct command *cmd[MAX_COMMANDS];
	u64	arg[MAX_COMMANDS];
	const char *path[MAX_COMMANDS];
	const char *poke[MAX_COMMANDS];
	bool	edit[MAX_COMMANDS];	/* a field, not bytes */
	u32	npoke;
	bool	seal;
};

static int usage(const char *fmt, const char *arg)
{
	fputs("dump.vexfs: ", stderr);
	fprintf(stderr, fmt, arg);
	fputs("; try: dump.vexfs --help\n", stderr);
	return DUMP_USAGE;
}

static int add_command(struct request *rq, int c, const char *arg)
{
	unsigned int i;
	char *end;

	if (rq->n == MAX_COMMANDS)
		return usage("too many options at %s", arg ? arg : "the end");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].opt == c)
			break;
	if (i == ARRAY_SIZE(commands))
		return usage("unknown option%s", "");
	rq->path[rq->n] = arg;
	if (commands[i].path) {
		rq->cmd[rq->n++] = &commands[i];
		return 0;
	}
	errno = 0;
	rq->arg[rq->n] = arg ? strtoull(arg, &end, 0) : 0;
	if (arg && (errno || *end || end == arg || *arg == '-'))
		return usage("'%s' is not a number", arg);
	rq->cmd[rq->n++] = &commands[i];
	return 0;
}

static int add_option(struct dump *d, struct request *rq, int c)
{
	switch (c) {
	case 'r':
		d->replay = true;
		return 0;
	case 'L':
		rq->seal = true;
		return 0;
	case 'J':
		d->json = true;
		return 0;
	case 'E':
	case 'P':
		if (rq->npoke == MAX_COMMANDS)
			return usage("too many --poke options at %s", optarg);
		rq->edit[rq->npoke] = c == 'E';
		rq->poke[rq->npoke++] = optarg;
		return 0;
	default:
		return add_command(rq, c, optarg);
	}
}

static int check_json(const struct dump *d, const struct request *rq)
{
	char opt[2] = "";
	u32 i;

	for (i = 0; d->json && i < rq->n; i++) {
		opt[0] = rq->cmd[i]->opt;
		if (!dump_json_knows(opt[0]))
			return usage("--json does not go with -%s", opt);
	}
	return -1;
}

/* Returns an exit code, or -1 to go on. */
static int parse(struct dump *d, struct request *rq, int argc, char **argv)
{
	int c, err;

	optind = 0;
	while ((c = getopt_long(argc, argv, SHORT_OPTS, longopts, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			return DUMP_OK;
		}
		if (c == 'V') {
			puts("dump.vexfs " VEXFS_VERSION_STRING);
			return DUMP_OK;
		}
		err = c == '?' ? usage("bad option%s", "") : add_option(d, rq, c);
		if (err)
			return err;
	}
	if (argc - optind != 1)
		return usage("name one image%s", "");
	if (rq->seal && !rq->npoke)
		return usage("--seal goes with %s", "--poke");
	d->path = argv[optind];
	return check_json(d, rq);
}

static int show(struct dump *d, const struct request *rq, u32 i)
{
	const struct command *c = rq->cmd[i];

	if (!d->img.geo.place && c->show != dump_block && c->show != dump_super)
		return open_failed(d, "superblock or group descriptors do not verify: only --super and --block work");
	if (d->json)
		dump_json(d, c->opt, rq->arg[i], !i);
	else if (c->path)
		c->path(d, rq->path[i]);
	else
		c->show(d, rq->arg[i]);
	return 0;
}

static int run(struct dump *d, const struct request *rq)
{
	int ret = open_dev(d, rq->npoke);
	u32 i;

	if (!ret)
		ret = open_image(d);
	for (i = 0; i < rq->npoke && !ret; i++)
		ret = rq->edit[i] ? dump_edit(d, rq->poke[i]) : dump_poke(d, rq->poke[i], rq->seal);
	for (i = 0; i < rq->n && !ret; i++)
		ret = show(d, rq, i);
	if (!ret && !rq->n && !rq->npoke && d->json)
		dump_json(d, 'S', 0, true);
	else if (!ret && !rq->n && !rq->npoke)
		dump_super(d, 0);
	if (!ret && d->json)
		dump_json_end(rq->n || !rq->npoke);
	return ret ? ret : d->problems ? DUMP_FAILED : DUMP_OK;
}

int dump_main(int argc, char **argv)
{
	struct request rq = { 0 };
	struct dump d = { .dev.fd = -1 };
	int ret = parse(&d, &rq, argc, argv);

	if (ret < 0)
		ret = run(&d, &rq);
	if (!d.raw)
		vexfs_image_close(&d.img);
	vexfs_dev_close(&d.dev);
	fflush(stdout);
	return ret;
}
