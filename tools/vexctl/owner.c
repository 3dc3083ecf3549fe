// SPDX-License-Identifier: GPL-2.0
/* Owner, mode and embedder of a collection: options, output, and vexctl collection change */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/vexctl.h"

/* ---- options ------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to 32 bytes, two digits each; the rest is zero. */
int parse_fingerprint(const char *s, uint8_t out[32])
{
	size_t len = strlen(s), i;

	if (!len || len % 2 || len > 64)
		return -EINVAL;
	memset(out, 0, 32);
	for (i = 0; i < len; i++) {
		int d = hex_digit(s[i]);

		if (d < 0)
			return -EINVAL;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | d);
	}
	return 0;
}

int embedder_ask(const struct command *cmd, const struct options *opt,
		 struct vexfs_embedder_id *e)
{
	memset(e, 0, sizeof(*e));
	if (opt->embedder && strlen(opt->embedder) >= sizeof(e->name))
		return usage_error(cmd, "--embedder %s: at most %zu bytes are allowed", opt->embedder,
				   sizeof(e->name) - 1);
	if (opt->embedder)
		memcpy(e->name, opt->embedder, strlen(opt->embedder));
	if (opt->fingerprint && parse_fingerprint(opt->fingerprint, e->fingerprint))
		return usage_error(cmd, "--fingerprint %s: up to 64 hexadecimal digits, two per byte, "
				   "are needed", opt->fingerprint);
	return EXIT_OK;
}

static int parse_mode(const char *s, uint16_t *mode)
{
	char *end;
	unsigned long m = strtoul(s, &end, 8);

	if (!isdigit((unsigned char)*s) || *end || m & ~0666ul)
		return -EINVAL;
	*mode = (uint16_t)m;
	return 0;
}

/* UID, UID:GID or :GID */
static int parse_owner(const char *s, struct vexfs_ioc_collection *c)
{
	char *end = (char *)s;

	errno = 0;
	if (*s != ':') {
		c->uid = (uint32_t)strtoul(s, &end, 10);
		c->flags |= VEXFS_COLL_UID;
	}
	if (errno || (*s != ':' && (end == s || !isdigit((unsigned char)*s))))
		return -EINVAL;
	if (!*end)
		return 0;
	s = end + 1;
	c->gid = (uint32_t)strtoul(s, &end, 10);
	c->flags |= VEXFS_COLL_GID;
	return *s && isdigit((unsigned char)*s) && !*end && !errno ? 0 : -EINVAL;
}

int collection_ask(const struct command *cmd, const struct options *opt,
		   struct vexfs_ioc_collection *c)
{
	if (opt->mode && parse_mode(opt->mode, &c->mode))
		return usage_error(cmd, "--mode %s: an octal number of r and w bits is needed, as 0660",
				   opt->mode);
	if (opt->mode)
		c->flags |= VEXFS_COLL_MODE;
	if (opt->owner && parse_owner(opt->owner, c))
		return usage_error(cmd, "--owner %s: UID, UID:GID or :GID in numbers is needed",
				   opt->owner);
	return embedder_ask(cmd, opt, &c->embedder);
}

/* ---- output -------------------------------------------------------------------- */

struct json_object *embedder_json(const struct vexfs_embedder_id *e)
{
	struct json_object *o = json_object_new_object();
	char hex[65];
	size_t i;

	for (i = 0; i < sizeof(e->fingerprint); i++)
		snprintf(hex + 2 * i, 3, "%02x", e->fingerprint[i]);
	json_object_object_add(o, "name", json_text(e->name, strnlen(e->name, sizeof(e->name))));
	json_object_object_add(o, "fingerprint", json_object_new_string(hex));
	return o;
}

int embedder_fail(const struct target *t, const char *collection)
{
	struct vexfs_ioc_collection c;

	if (vexfs_collection_info(t->fd, collection, &c))
		memset(&c, 0, sizeof(c));
	say_error("collection '%s' is for another embedder%s%.63s%s: vectors of different embedders "
		  "cannot be compared", collection, c.embedder.name[0] ? ", '" : "",
		  c.embedder.name, c.embedder.name[0] ? "'" : "");
	return EXIT_FAILED;
}

/* ---- change ---------------------------------------------------------------------- */

static int change_fail(const struct target *t, const char *name, int err)
{
	if (err == -EBUSY)
		say_error("collection '%s' holds embeddings of another embedder: delete them first, or "
			  "make another collection", name);
	else if (err == -EPERM)
		say_error("only the owner of collection '%s' or root may change it, and only root may "
			  "give it away", name);
	else
		target_fail(t, name, "change a collection of", err);
	return EXIT_FAILED;
}

static int change(const struct options *opt, const struct target *t,
		  struct vexfs_ioc_collection *c)
{
	int ret = vexfs_collection_change(t->fd, c);

	if (ret)
		return change_fail(t, opt->args[1], ret);
	if (!opt->quiet)
		printf("changed collection '%.63s': owner %u:%u, mode %04o\n", c->name, c->uid, c->gid,
		       c->mode);
	return EXIT_OK;
}

static int run_change(const struct command *cmd, struct options *opt)
{
	struct vexfs_ioc_collection c = { 0 };
	const char *wrong = collection_name_error(opt->args[1]);
	struct target t;
	int ret;

	if (wrong)
		return usage_error(cmd, "collection name '%s' %s", opt->args[1], wrong);
	memcpy(c.name, opt->args[1], strlen(opt->args[1]));
	ret = collection_ask(cmd, opt, &c);
	if (ret)
		return ret;
	if (opt->embedder || opt->fingerprint)
		c.flags |= VEXFS_COLL_EMBEDDER;
	if (!c.flags)
		return usage_error(cmd, "nothing to change: give --mode, --owner or --embedder");
	ret = target_open(&t, opt->args[0], O_RDONLY);
	if (ret)
		return ret;
	ret = change(opt, &t, &c);
	target_close(&t);
	return ret;
}

const struct command cmd_collection_change = {
	.name = "collection change",
	.summary = "change who may use a vector space, or its embedder",
	.accepts = "mode owner embedder fingerprint quiet",
	.min_args = 2, .max_args = 2,
	.run = run_change,
	.help =
	"usage: vexctl collection change PATH NAME [--mode M] [--owner U:G] [--embedder E]\n"
	"Change owner, mode or embedder of a collection. For its owner and for root.\n\n"
	"      --mode M         octal, as of a file: r to search, w to set and delete\n"
	"      --owner UID:GID  in numbers; UID or :GID alone changes one of them\n"
	"      --embedder NAME  name and version of what makes its vectors\n"
	"      --fingerprint H  of its model, up to 64 hexadecimal digits\n"
	"  -q, --quiet          print nothing\n\n"
	"example: vexctl collection change /mnt notes --mode 0640\n",
};
