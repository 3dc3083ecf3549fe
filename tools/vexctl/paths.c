// SPDX-License-Identifier: GPL-2.0
/* A command's arguments, one after the other. */
#include <string.h>

#include "tools/vexctl/vexctl.h"

int worse_status(int a, int b)
{
	if (a == EXIT_FAILED || b == EXIT_FAILED)
		return EXIT_FAILED;
	return a > b ? a : b;
}

int for_each_path(const struct options *opt, int (*fn)(const struct options *opt, const char *path))
{
	int ret = EXIT_OK, one, i;

	if (!opt->nargs)
		return fn(opt, ".");
	for (i = 0; i < opt->nargs; i++) {
		one = fn(opt, opt->args[i]);
		if (one == EXIT_INTERRUPTED)
			return one;
		ret = worse_status(ret, one);
	}
	return ret;
}

int list_fail(const char *path, int err)
{
	say_error("cannot list the files below %s: %s", path, strerror(-err));
	return EXIT_FAILED;
}
