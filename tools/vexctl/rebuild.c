// SPDX-License-Identifier: GPL-2.0
/* vexctl rebuild: throw a collection's graph away and have it made anew */
#include <errno.h>
#include <fcntl.h>

#include "tools/vexctl/vexctl.h"

static int rebuild(const struct target *t, const struct options *opt)
{
	const char *name = opt->args[1];
	int ret = vexfs_collection_rebuild(t->fd, name);

	if (ret == -ENOTTY) {
		say_error("the kernel's VexFS module is too old for this: it has no graphs on the disk");
		return EXIT_FAILED;
	}
	if (ret)
		return target_fail(t, name, "rebuild the graph of", ret);
	if (!opt->quiet)
		printf("the graph of '%s' is made anew in the background; searches scan until it is there\n", name);
	return EXIT_OK;
}

static int run_rebuild(const struct command *cmd, struct options *opt)
{
	struct target t;
	int ret = target_open(&t, opt->args[0], O_RDONLY);

	if (ret)
		return ret;
	ret = rebuild(&t, opt);
	target_close(&t);
	return ret;
}

const struct command cmd_rebuild = {
	.name = "rebuild",
	.summary = "make the graph of a collection anew",
	.accepts = "quiet",
	.min_args = 2, .max_args = 2,
	.run = run_rebuild,
	.help =
	"usage: vexctl rebuild [--quiet] PATH NAME\n"
	"Throw the search graph of a collection away, in memory and on the disk, and have it made anew.\n"
	"Embeddings stay as they are; searches scan meanwhile. For the collection's owner and root.\n\n"
	"  -q, --quiet  print nothing but errors\n\n"
	"example: vexctl rebuild /mnt notes\n",
};
