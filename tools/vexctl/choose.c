// SPDX-License-Identifier: GPL-2.0
/* Which collection is meant when none is named. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

/**
 * struct choice - the collections that fit
 * @rootfd: of the filesystem, or -1: any collection fits
 * @preset: DEFAULT_COLLECTION is one of them
 */
struct choice {
	int rootfd;
	unsigned int n;
	bool preset;
	char first[VEXFS_IOC_NAME_LEN];
	char *names;
	size_t len, room;
};

static void add_choice(struct choice *h, const char *name)
{
	int n;

	if (h->rootfd >= 0 && !model_exists(h->rootfd, name))
		return;
	if (!h->n++)
		snprintf(h->first, sizeof(h->first), "%.63s", name);
	h->preset |= !strcmp(name, DEFAULT_COLLECTION);
	if (h->len >= h->room)
		return;
	n = snprintf(h->names + h->len, h->room - h->len, "%s%.63s", h->n > 1 ? ", " : "", name);
	h->len += (size_t)n;
}

static int find_choices(const struct target *t, struct choice *h)
{
	struct vexfs_ioc_collection c;
	uint32_t from = 0;
	int ret;

	while (!(ret = vexfs_collection_next(t->fd, from, &c))) {
		add_choice(h, c.name);
		if (c.id < from || c.id == UINT32_MAX)	/* would never end */
			break;
		from = c.id + 1;
	}
	return ret == -ENOENT ? 0 : ret;
}

void collection_names(const struct target *t, char *text, size_t room)
{
	struct choice h = { .rootfd = -1, .names = text, .room = room };

	text[0] = '\0';
	find_choices(t, &h);
}

int collection_choose(const struct target *t, bool texts, char name[VEXFS_IOC_NAME_LEN])
{
	char names[256] = "", root[PATH_MAX];
	struct choice h = { .rootfd = -1, .names = names, .room = sizeof(names) };
	int ret;

	if (texts)
		h.rootfd = mount_root(t, root);
	if (texts && h.rootfd < 0)
		return target_fail(t, NULL, "find the root of the filesystem of", h.rootfd);
	ret = find_choices(t, &h);
	if (h.rootfd >= 0)
		close(h.rootfd);
	if (ret)
		return target_fail(t, NULL, "list the collections of", ret);
	strcpy(name, h.preset ? DEFAULT_COLLECTION : h.first);
	if (h.preset || h.n == 1)
		return EXIT_OK;
	if (h.n)
		say_error("several collections fit: %s: say which one with --collection NAME", names);
	else
		say_error("nothing is indexed on the filesystem of %s: run 'vexctl %s' first", t->path,
			  texts ? "index" : "collection create");
	return EXIT_FAILED;
}
