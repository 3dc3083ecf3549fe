// SPDX-License-Identifier: GPL-2.0
/* vexctl changes: what has changed below a directory since a mark of the change feed */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

void mark_print(const struct vexfs_feed_mark *m, char text[MARK_MAX])
{
	snprintf(text, MARK_MAX, "%016llx:%llx", (unsigned long long)m->feed, (unsigned long long)m->number);
}

int mark_parse(const char *text, struct vexfs_feed_mark *m)
{
	unsigned long long feed, number;
	int end = -1;

	if (strlen(text) >= MARK_MAX || strspn(text, "0123456789abcdef:") != strlen(text) ||
	    sscanf(text, "%16llx:%16llx%n", &feed, &number, &end) != 2 || end < 0 || text[end] || !feed)
		return -EINVAL;
	*m = (struct vexfs_feed_mark){ feed, number };
	return 0;
}

struct feed *feed_create(const char *collection)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->c = (struct vexfs_changes){
		.collection = collection, .entries = f->entry, .count = sizeof(f->entry) / sizeof(f->entry[0]),
		.paths = f->paths, .path_bytes = sizeof(f->paths),
	};
	return f;
}

int feed_fail(const struct target *t, const char *collection, int err)
{
	if (err == -EREMOTE) {
		say_error("the mark is not of the change feed of %s: look at everything once and continue with a new mark",
			  t->path);
		return EXIT_PARTLY;
	}
	if (err == -EOPNOTSUPP || err == -ENOTTY)
		say_error("the filesystem of %s keeps no change feed: unmount it and run 'tune.vexfs -O change_feed DEVICE'",
			  t->path);
	else if (err == -EROFS)
		say_error("%s is on a read-only mount, which cannot give a mark for its last changes: mount it writable once",
			  t->path);
	else
		return target_fail(t, collection, "read the changes below", err);
	return EXIT_FAILED;
}

/* ---- output ---------------------------------------------------------------------- */

static const char *state_of(const struct vexfs_change *e)
{
	if (e->flags & VEXFS_CHANGE_TREE)
		return "tree";
	if (e->flags & VEXFS_CHANGE_NEW)
		return "missing";
	return e->flags & VEXFS_CHANGE_STALE ? "stale" : "changed";
}

static void show_json(const struct feed *f, const struct vexfs_change *e)
{
	struct json_object *o = json_object_new_object();

	json_add_path(o, f->paths + e->path_off, e->path_len);
	json_object_object_add(o, "state", json_object_new_string(state_of(e)));
	json_object_object_add(o, "ino", json_object_new_uint64(e->ino));
	if (e->flags & VEXFS_CHANGE_NO_PATH)
		json_object_object_add(o, "no_path", json_object_new_boolean(true));
	json_line(o);
}

static void show_text(const struct feed *f, const struct vexfs_change *e)
{
	printf("%-8s ", state_of(e));
	if (e->flags & VEXFS_CHANGE_NO_PATH)
		printf("(inode %llu, too deep to name)", (unsigned long long)e->ino);
	else if (e->path_len)
		print_safe(stdout, f->paths + e->path_off, e->path_len);
	else
		putchar('.');
	putchar('\n');
}

static void show(const struct options *opt, const struct feed *f)
{
	uint32_t i;

	for (i = 0; i < f->c.found; i++)
		if (opt->json)
			show_json(f, &f->entry[i]);
		else
			show_text(f, &f->entry[i]);
}

static void show_mark(const struct options *opt, const struct feed *f)
{
	struct json_object *o;
	char text[MARK_MAX];

	mark_print(&f->c.mark, text);
	if (!opt->json) {
		printf("mark     %s\n", text);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "mark", json_object_new_string(text));
	json_line(o);
}

/* ---- the command ------------------------------------------------------------------- */

static int changes_below(const struct options *opt, const struct target *t, struct feed *f)
{
	uint64_t told = 0;
	int ret;

	f->c.wait_ms = (uint32_t)opt->wait * 1000;
	do {
		ret = vexfs_changes(t->fd, &f->c);
		if (ret)
			break;
		show(opt, f);
		told += f->c.found;
		if (told)
			f->c.wait_ms = 0;
	} while (f->c.more);
	if (ret && ret != -EINTR)
		return feed_fail(t, opt->collection, ret);
	show_mark(opt, f);
	return told || !opt->since ? EXIT_OK : EXIT_NOTHING;
}

static int run_changes(const struct command *cmd, struct options *opt)
{
	struct feed *f = feed_create(opt->collection);
	struct target t;
	int ret;

	if (!f) {
		say_error("out of memory");
		return EXIT_FAILED;
	}
	if (opt->since && mark_parse(opt->since, &f->c.mark))
		ret = usage_error(cmd, "--since %s: give a mark that 'vexctl changes' printed", opt->since);
	else if (opt->wait && !opt->since)
		ret = usage_error(cmd, "--wait requires --since MARK");
	else
		ret = target_open(&t, opt->nargs ? opt->args[0] : ".", O_RDONLY | O_DIRECTORY);
	if (!ret) {
		ret = changes_below(opt, &t, f);
		target_close(&t);
	}
	free(f);
	return ret;
}

const struct command cmd_changes = {
	.name = "changes",
	.summary = "list what has changed below a directory since a mark",
	.accepts = "collection since wait json",
	.min_args = 0,
	.max_args = 1,
	.run = run_changes,
	.help = "usage: vexctl changes [OPTION]... [DIR]\n"
		"List the files below DIR (default: here) that were made, written, renamed, linked or given\n"
		"other permissions since MARK, and print the mark for the next time. Without --since: print a\n"
		"mark alone. 'tree' is a directory that was moved or given other permissions: everything below\n"
		"it may be new. Deleted files are not listed. Requires a filesystem with the feature\n"
		"change_feed (mkfs.vexfs -O, tune.vexfs -O).\n\n"
		"      --since MARK       as an earlier run printed it\n"
		"  -c, --collection NAME  only files without an embedding in it ('missing') or with one of an\n"
		"                         older content ('stale')\n"
		"      --wait SECONDS     if nothing has changed, wait for it\n"
		"      --json             one object a line: path, state, ino; at last the mark\n\n"
		"Exit status: 0 some, or a first mark; 3 none; 4 the mark is of another feed: look at\n"
		"everything again; 1 failed.\n\n"
		"example: vexctl changes --since \"$mark\" /mnt/vexfs\n",
};
