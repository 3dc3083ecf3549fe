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

int collection_after(const struct target *t, uint32_t from, struct vexfs_ioc_collection *c)
{
	uint32_t last;
	int ret;

	do {
		last = from;
		ret = vexfs_collection_next(t->fd, from, c);
		from = c->id + 1;
	} while (!ret && collection_is_shadow(c->name) && from > last);
	return ret;
}

static int find_choices(const struct target *t, struct choice *h)
{
	struct vexfs_ioc_collection c;
	uint32_t from = 0;
	int ret;

	while (!(ret = collection_after(t, from, &c))) {
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

/* Those a command without a name may mean; says what is wrong. */
static int choices(const struct target *t, bool texts, struct choice *h)
{
	char root[PATH_MAX];
	int ret;

	h->rootfd = texts ? mount_root(t, root) : -1;
	if (texts && h->rootfd < 0)
		return target_fail(t, NULL, "find the root of the filesystem of", h->rootfd);
	ret = find_choices(t, h);
	if (h->rootfd >= 0)
		close(h->rootfd);
	return ret ? target_fail(t, NULL, "list the collections of", ret) : EXIT_OK;
}

static int take_choice(const struct choice *h, char name[VEXFS_IOC_NAME_LEN])
{
	strcpy(name, h->preset ? DEFAULT_COLLECTION : h->first);
	if (h->preset || h->n < 2)
		return EXIT_OK;
	say_error("several collections fit: %s: say which one with --collection NAME", h->names);
	return EXIT_FAILED;
}

int collection_choose(const struct target *t, bool texts, char name[VEXFS_IOC_NAME_LEN])
{
	char names[256] = "";
	struct choice h = { .names = names, .room = sizeof(names) };
	int ret = choices(t, texts, &h);

	if (!ret && !h.n) {
		say_error("nothing is indexed on the filesystem of %s: run 'vexctl %s' first", t->path,
			  texts ? "index" : "collection create");
		return EXIT_FAILED;
	}
	return ret ? ret : take_choice(&h, name);
}

static int make_default(const struct target *t, uint32_t dim)
{
	struct vexfs_ioc_collection c = {
		.name = DEFAULT_COLLECTION, .dim = dim, .elem = VEXFS_IOC_F16,
		.metric = VEXFS_IOC_COSINE,
	};
	int ret;

	strcpy(c.embedder.name, vex_lexical_ops.identity);
	ret = vexfs_collection_make(t->fd, &c);
	if (!ret)
		return EXIT_OK;
	if (ret == -EPERM)
		say_error("there is no collection on the filesystem of %s yet, and only root or the owner "
			  "of its root directory may make one: ask for 'vexctl collection create %s %s "
			  "--dim %u --type f16'", t->path, t->path, DEFAULT_COLLECTION, dim);
	else
		target_fail(t, NULL, "create a collection on", ret);
	return EXIT_FAILED;
}

int collection_choose_or_make(const struct target *t, uint32_t dim, char name[VEXFS_IOC_NAME_LEN],
			      bool *made)
{
	struct vexfs_ioc_collection c;
	char names[256] = "";
	struct choice h = { .names = names, .room = sizeof(names) };
	int ret = choices(t, true, &h);

	*made = false;
	if (ret || h.n)
		return ret ? ret : take_choice(&h, name);
	strcpy(name, DEFAULT_COLLECTION);	/* perhaps made, but never filled */
	if (!vexfs_collection_info(t->fd, name, &c))
		return EXIT_OK;
	ret = make_default(t, dim);
	*made = !ret;
	return ret;
}
