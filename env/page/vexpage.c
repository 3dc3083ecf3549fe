// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexpage: the history of campaigns and benchmarks.
 *
 *	vexpage add --file FILE --what CAMPAIGN [--text NAME=TEXT]... [--code N] [--ms N]
 *		[--counts FILE | --results FILE] [--bench FILE]		append a run
 *	vexpage report --file FILE --module NAME [--html FILE] [--text] [--since COMMIT]
 *
 * env/lib/history.sh calls it.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proto/proto.h"
#include "page.h"

static void broken_say(const struct history *h, const char *path)
{
	if (!h->broken)
		return;
	fprintf(stderr, "vex: %s: %lu broken line%s left out: line", path, h->broken, h->broken == 1 ? "" : "s");
	for (unsigned long i = 0; i < h->broken && i < BROKEN_NAMED; i++)
		fprintf(stderr, "%s %lu", i ? "," : "", h->broken_at[i]);
	fprintf(stderr, "%s\n", h->broken > BROKEN_NAMED ? " ..." : "");
}

/* The whole page, or what was there before. */
static int html_file(const struct history *h, const char *path, const char *module)
{
	char *part;
	FILE *f;
	int err = 0;

	if (asprintf(&part, "%s.%d.new", path, (int)getpid()) < 0)
		abort();
	f = fopen(part, "wxe");
	if (!f)
		err = errno;
	if (f) {
		html_write(f, h, module);
		err = ferror(f) ? EIO : 0;
		if (fclose(f) && !err)
			err = errno;
		if (!err && rename(part, path))
			err = errno;
		if (err)
			unlink(part);
	}
	free(part);
	if (err)
		fprintf(stderr, "vex: cannot write '%s': %s: name another file with --html\n", path, strerror(err));
	return err ? VEX_ENV : VEX_PASSED;
}

static int report(const char *file, const char *module, const char *html, bool text, const char *since)
{
	struct history h = { 0 };
	int err = history_read(&h, file), ret = VEX_PASSED;

	if (err) {
		fprintf(stderr, "vex: cannot read '%s': %s\n", file, strerror(-err));
		return VEX_ENV;
	}
	broken_say(&h, file);
	if (!h.n) {
		fprintf(stderr, "vex: no run is in the history (%s): each run of test, fstests, crash-test, fuzz image, "
			"bench loop, bench fs and bench vectors --json adds one\n", file);
		ret = VEX_NOTHING;
	} else if (since && !history_since(&h, since)) {
		fprintf(stderr, "vex: --since %s: no run of this commit is in the history (%s)\n", since, file);
		ret = VEX_USAGE;
	} else {
		history_group(&h);
		if (text)
			text_write(stdout, &h);
		if (html)
			ret = html_file(&h, html, module);
	}
	history_free(&h);
	if (fflush(stdout) || ferror(stdout))
		ret = VEX_ENV;
	return ret;
}

static int report_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "file", 1, 0, 'f' }, { "module", 1, 0, 'm' }, { "html", 1, 0, 'h' }, { "text", 0, 0, 't' },
		{ "since", 1, 0, 's' }, { 0 }
	};
	const char *file = NULL, *module = "", *html = NULL, *since = NULL;
	bool text = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f': file = optarg; break;
		case 'm': module = optarg; break;
		case 'h': html = optarg; break;
		case 't': text = true; break;
		case 's': since = optarg; break;
		default: return VEX_USAGE;
		}
	}
	return file && optind == argc ? report(file, module, html, text, since) : VEX_USAGE;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "add"))
		return add_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "report"))
		return report_main(argc - 1, argv + 1);
	fputs("vexpage: add or report (./vex report calls this)\n", stderr);
	return VEX_USAGE;
}
