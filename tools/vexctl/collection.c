// SPDX-License-Identifier: GPL-2.0
/* vexctl collection create, list, drop */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

static int check_name(const struct command *cmd, const char *name)
{
	const char *wrong = collection_name_error(name);

	return wrong ? usage_error(cmd, "collection name '%s' %s", name, wrong) : EXIT_OK;
}

static struct json_object *collection_json(const struct vexfs_ioc_collection *c)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_text(c->name, strnlen(c->name, sizeof(c->name))));
	json_object_object_add(o, "id", json_object_new_int64(c->id));
	json_object_object_add(o, "dim", json_object_new_int64(c->dim));
	json_object_object_add(o, "type", json_object_new_string(elem_name(c->elem)));
	json_object_object_add(o, "metric", json_object_new_string(metric_name(c->metric)));
	json_object_object_add(o, "uid", json_object_new_int64(c->uid));
	json_object_object_add(o, "gid", json_object_new_int64(c->gid));
	json_object_object_add(o, "mode", json_object_new_int64(c->mode));
	json_object_object_add(o, "embedder", embedder_json(&c->embedder));
	if (c->flags & VEXFS_COLL_COUNTS) {
		json_object_object_add(o, "embeddings", json_object_new_uint64(c->live));
		json_object_object_add(o, "slots", json_object_new_uint64(c->slots));
		json_object_object_add(o, "bytes", json_object_new_uint64(c->bytes));
	}
	json_object_object_add(o, "created", json_object_new_uint64(c->btime));
	return o;
}

int collections_json(const struct target *t, struct json_object **out)
{
	struct vexfs_ioc_collection c;
	struct json_object *all = json_object_new_array();
	uint32_t from = 0;
	int ret;

	while (!(ret = vexfs_collection_next(t->fd, from, &c))) {
		json_object_array_add(all, collection_json(&c));
		if (c.id < from || c.id == UINT32_MAX)	/* would never end */
			break;
		from = c.id + 1;
	}
	*out = all;
	return ret == -ENOENT ? 0 : ret;
}

static void print_header(void)
{
	printf("%-24s %6s %-5s %-7s %12s %10s  %-16s  %s\n", "NAME", "DIM", "TYPE", "METRIC",
	       "EMBEDDINGS", "SIZE", "CREATED", "OWNER");
}

static void print_collection(const struct vexfs_ioc_collection *c)
{
	time_t when = (time_t)c->btime;
	bool told = c->flags & VEXFS_COLL_COUNTS;
	char size[16], created[32] = "", live[24] = "-";
	struct tm tm;

	if (localtime_r(&when, &tm))
		strftime(created, sizeof(created), "%Y-%m-%d %H:%M", &tm);
	if (told)
		snprintf(live, sizeof(live), "%llu", (unsigned long long)c->live);
	printf("%-24.63s %6u %-5s %-7s %12s %10s  %-16s  %u:%u %04o\n", c->name, c->dim,
	       elem_name(c->elem), metric_name(c->metric), live,
	       told ? human_bytes(c->bytes, size) : "-", created, c->uid, c->gid, c->mode);
}

int collections_print(const struct target *t, unsigned int *count)
{
	struct vexfs_ioc_collection c;
	uint32_t from = 0;
	int ret;

	*count = 0;
	while (!(ret = vexfs_collection_next(t->fd, from, &c))) {
		if (!(*count)++)
			print_header();
		print_collection(&c);
		if (c.id < from || c.id == UINT32_MAX)
			break;
		from = c.id + 1;
	}
	return ret == -ENOENT ? 0 : ret;
}

static int create_fail(const struct target *t, const char *name, int err)
{
	if (err == -EEXIST)
		say_error("collection '%s' exists already on the filesystem of %s: drop it first, or "
			  "choose another name", name, t->path);
	else if (err == -ENOSPC)
		say_error("cannot create collection '%s' on %s: 64 collections is the limit, or the "
			  "device is full", name, t->path);
	else
		target_fail(t, NULL, "create a collection on", err);
	return EXIT_FAILED;
}

static int create_in(const struct options *opt, struct vexfs_ioc_collection *c)
{
	const char *name = opt->args[1];
	struct target t;
	int ret = target_open(&t, opt->args[0], O_RDONLY);

	if (ret)
		return ret;
	ret = vexfs_collection_make(t.fd, c);
	if (ret)
		ret = create_fail(&t, name, ret);
	else if (opt->json)
		ret = json_finish(collection_json(c));
	else if (!opt->quiet)
		printf("created collection '%s': %u x %s, %s\n", name, c->dim, elem_name(c->elem),
		       metric_name(c->metric));
	target_close(&t);
	return ret;
}

static int run_create(const struct command *cmd, struct options *opt)
{
	int elem = parse_elem(opt->type ? opt->type : "f32");
	int metric = parse_metric(opt->metric ? opt->metric : "cosine");
	struct vexfs_ioc_collection c = { .dim = (uint32_t)opt->dim };
	int ret = check_name(cmd, opt->args[1]);

	if (ret)
		return ret;
	if (!opt->dim)
		return usage_error(cmd, "--dim N is missing: elements per vector, 1 to %d",
				   VEXFS_DIM_MAX);
	if (elem < 0)
		return usage_error(cmd, "--type %s: f32, f16 or i8 is needed", opt->type);
	if (metric < 0)
		return usage_error(cmd, "--metric %s: l2, cosine or ip is needed", opt->metric);
	c.elem = (uint8_t)elem;
	c.metric = (uint8_t)metric;
	memcpy(c.name, opt->args[1], strlen(opt->args[1]));
	ret = collection_ask(cmd, opt, &c);
	return ret ? ret : create_in(opt, &c);
}

static int run_list(const struct command *cmd, struct options *opt)
{
	struct json_object *all;
	unsigned int count = 1;
	struct target t;
	int ret = target_open(&t, opt->args[0], O_RDONLY);

	if (ret)
		return ret;
	if (opt->json) {
		ret = collections_json(&t, &all);
		if (ret)
			json_object_put(all);
		else
			json_finish(all);
	} else {
		ret = collections_print(&t, &count);
	}
	if (ret)
		ret = target_fail(&t, NULL, "list the collections of", ret);
	else if (!count)
		printf("no collections: make one with 'vexctl collection create %s NAME --dim N'\n",
		       t.path);
	target_close(&t);
	return ret;
}

static bool confirmed(const struct vexfs_ioc_collection *c)
{
	char answer[16];

	printf("drop collection '%.63s' with %llu embeddings? [y/N] ", c->name,
	       (unsigned long long)c->live);
	fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* A later collection of the same name must not find the model of this one. */
static void forget_models(const struct target *t, const struct vexfs_ioc_collection *c)
{
	char path[PATH_MAX];
	int root = mount_root(t, path);

	if (root < 0)
		return;
	model_remove(root, c);
	close(root);
}

static int drop(const struct command *cmd, const struct options *opt, const struct target *t)
{
	struct vexfs_ioc_collection c;
	const char *name = opt->args[1];
	int ret = target_collection(t, name, &c);

	if (ret)
		return ret;
	if (!opt->yes && !isatty(STDIN_FILENO))
		return usage_error(cmd, "dropping '%s' deletes %llu embeddings: confirm with --yes",
				   name, (unsigned long long)c.live);
	if (!opt->yes && !confirmed(&c)) {
		say_error("not confirmed, nothing was dropped");
		return EXIT_FAILED;
	}
	ret = vexfs_collection_drop(t->fd, name);
	if (ret)
		return target_fail(t, name, "drop a collection of", ret);
	forget_models(t, &c);
	if (opt->json)
		return json_finish(collection_json(&c));
	if (!opt->quiet)
		printf("dropped collection '%s' and its %llu embeddings\n", name,
		       (unsigned long long)c.live);
	return EXIT_OK;
}

static int run_drop(const struct command *cmd, struct options *opt)
{
	struct target t;
	int ret = check_name(cmd, opt->args[1]);

	if (!ret)
		ret = target_open(&t, opt->args[0], O_RDONLY);
	if (ret)
		return ret;
	ret = drop(cmd, opt, &t);
	target_close(&t);
	return ret;
}

const struct command cmd_collection_create = {
	.name = "collection create",
	.summary = "make a vector space",
	.accepts = "dim type metric mode owner embedder fingerprint json quiet",
	.min_args = 2, .max_args = 2,
	.run = run_create,
	.help =
	"usage: vexctl collection create PATH NAME --dim N [--type T] [--metric M]\n"
	"Make a vector space on the VexFS that PATH is on.\n\n"
	"  -d, --dim N      elements per vector, 1 to 16384\n"
	"      --type T     of the elements: f32 (default), f16, i8\n"
	"      --metric M   cosine (default), l2 (squared Euclidean), ip (inner product)\n"
	"      --mode M     who may search (r) and fill (w) it, as of a file; default 0666: any\n"
	"                   user may, for files that user may read and write\n"
	"      --owner UID:GID  instead of the user who makes it\n"
	"      --embedder NAME  refuse vectors said to be made by another one\n"
	"      --fingerprint H  or by another model: up to 64 hexadecimal digits\n"
	"  -q, --quiet      print nothing\n"
	"      --json       print the collection as JSON\n\n"
	"example: vexctl collection create /mnt notes --dim 384 --metric cosine\n",
};

const struct command cmd_collection_list = {
	.name = "collection list",
	.summary = "show the vector spaces of a filesystem",
	.accepts = "json",
	.min_args = 1, .max_args = 1,
	.run = run_list,
	.help =
	"usage: vexctl collection list [--json] PATH\n"
	"Show the collections of the VexFS that PATH is on.\n\n"
	"example: vexctl collection list /mnt\n",
};

const struct command cmd_collection_drop = {
	.name = "collection drop",
	.summary = "delete a vector space and all embeddings in it",
	.accepts = "yes json quiet",
	.min_args = 2, .max_args = 2,
	.run = run_drop,
	.help =
	"usage: vexctl collection drop PATH NAME [--yes]\n"
	"Delete a collection, every embedding in it and its model. Asks first.\n\n"
	"  -y, --yes        do not ask\n"
	"  -q, --quiet      print nothing\n"
	"      --json       print what was dropped as JSON\n\n"
	"example: vexctl collection drop /mnt notes --yes\n",
};
