// SPDX-License-Identifier: GPL-2.0
/* vexctl grow: make a mounted filesystem larger */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

#define STEP	(64ull << 30)	/* of one call: so often progress is shown and Ctrl-C heard */

/* Why not, and what to do. */
static int grow_fail(const struct target *t, const struct vexfs_ioc_grow *g, uint64_t want, int err)
{
	char now[16], device[16], most[16], asked[16];

	human_bytes(g->bytes, now);
	human_bytes(g->device_bytes, device);
	human_bytes(g->max_bytes, most);
	human_bytes(want, asked);
	switch (-err) {
	case EPERM:
		say_error("cannot grow %s: only root may do this", t->path);
		break;
	case EBUSY:
		say_error("cannot grow %s: it is being grown by somebody else", t->path);
		break;
	case EINVAL:
		say_error("cannot grow %s: it has %s, which is more than %s; a VexFS cannot shrink", t->path, now,
			  want ? asked : device);
		break;
	case ENOSPC:
		say_error("cannot grow %s to %s: its device has %s; make that larger first", t->path, asked, device);
		break;
	case EFBIG:
		say_error("cannot grow %s to %s: the format has room for %s", t->path, asked, most);
		break;
	case ENOTTY:
		say_error("cannot grow %s: the module in use does not know how; load a newer vexfs.ko", t->path);
		break;
	default:
		say_error("cannot grow %s: %s", t->path, reason(err));
	}
	return EXIT_FAILED;
}

/* Where the next call goes to; 0: as far as the device reaches. */
static uint64_t next_stop(const struct vexfs_ioc_grow *g, uint64_t want)
{
	uint64_t end = want ? want : g->device_bytes < g->max_bytes ? g->device_bytes : g->max_bytes;

	return end > g->bytes && end - g->bytes > STEP ? g->bytes + STEP : want;
}

static int grow_steps(const struct target *t, struct vexfs_ioc_grow *g, uint64_t want, bool asked)
{
	struct progress p;
	uint64_t stop;
	int ret;

	progress_begin(&p, "grow: MiB", (want ? want : g->device_bytes) >> 20, asked);
	interrupt_catch();
	do {
		progress_step(&p, g->bytes >> 20);
		stop = next_stop(g, want);
		ret = vexfs_grow(t->fd, stop, g);
	} while (!ret && stop != want && !interrupted());
	interrupt_release();
	progress_end(&p);
	return !ret && stop != want ? -EINTR : ret;
}

static int report(const struct options *opt, uint64_t before, const struct vexfs_ioc_grow *g)
{
	struct json_object *o;
	char from[16], to[16];

	if (opt->json) {
		o = json_object_new_object();
		json_object_object_add(o, "before", json_object_new_uint64(before));
		json_object_object_add(o, "bytes", json_object_new_uint64(g->bytes));
		json_object_object_add(o, "device", json_object_new_uint64(g->device_bytes));
		return json_finish(o);
	}
	human_bytes(before, from);
	human_bytes(g->bytes, to);
	if (opt->quiet)
		return EXIT_OK;
	if (before == g->bytes)
		printf("nothing to do: it has %s of the device already\n", to);
	else
		printf("grown from %s to %s\n", from, to);
	return EXIT_OK;
}

static int grow(const struct target *t, const struct options *opt, uint64_t want)
{
	struct vexfs_ioc_grow g;
	uint64_t before;
	int ret = vexfs_size(t->fd, &g);

	/* Not after a part of it has been done. */
	if (!ret && want > g.max_bytes)
		ret = -EFBIG;
	else if (!ret && want > g.device_bytes)
		ret = -ENOSPC;
	if (ret)
		return grow_fail(t, &g, want, ret);
	before = g.bytes;
	ret = grow_steps(t, &g, want, opt->progress);
	if (ret == -EINTR) {
		char now[16];

		say_error("stopped; it has %s now; the same command continues", human_bytes(g.bytes, now));
		return EXIT_FAILED;
	}
	return ret ? grow_fail(t, &g, want, ret) : report(opt, before, &g);
}

static int run_grow(const struct command *cmd, struct options *opt)
{
	struct target t;
	uint64_t want = 0;
	int ret;

	if (opt->nargs > 1 && parse_size(opt->args[1], 4096, INT64_MAX, &want))
		return usage_error(cmd, "invalid size '%s' (example: 20G)", opt->args[1]);
	ret = target_open(&t, opt->args[0], O_RDONLY);
	if (ret)
		return ret;
	ret = grow(&t, opt, want);
	target_close(&t);
	return ret;
}

const struct command cmd_grow = {
	.name = "grow",
	.summary = "make a filesystem larger, up to the size of its device",
	.accepts = "progress quiet json",
	.min_args = 1, .max_args = 2,
	.run = run_grow,
	.help =
	"usage: vexctl grow [--progress | --quiet] [--json] PATH [SIZE]\n"
	"Make the mounted VexFS that PATH is on as large as its device, or SIZE (bytes, or with K, M, G, T).\n"
	"It stays in use meanwhile. Needs root. After Ctrl-C or a power cut it has the old size, the new one\n"
	"or one between, and the same command continues.\n\n"
	"  --progress   say how far it is, also where standard error is not a terminal\n"
	"  -q, --quiet  print nothing but errors\n"
	"  --json       print the sizes before and after, in bytes\n\n"
	"example: lvextend -L +10G vg/data && vexctl grow /mnt\n",
};
