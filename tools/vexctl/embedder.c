// SPDX-License-Identifier: GPL-2.0
/* Which embedder a command uses, and whether the collection is for it. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/vexctl/index.h"
#include "tools/vexctl/remote.h"

/* ---- open embedders ---------------------------------------------------------------------- */

/* The last one used: a program that loads a model for seconds is started once for a whole run of vexctl. */
static struct remote *kept;

static const struct {
	const char *begin;
	int (*open)(const char *spec, double seconds, struct remote **out);
} kinds[] = {
	{ "exec:", exec_open }, { "http://", http_open }, { "https://", http_open }, { "model2vec:", model2vec_open },
};

#define KINDS	"exec:PROGRAM, model2vec:DIR or http://HOST/v1#MODEL"

/* The number of its kind; negative: none of them. */
static int kind_of(const char *spec)
{
	int i = (int)(sizeof(kinds) / sizeof(kinds[0])) - 1;

	while (i >= 0 && strncmp(spec, kinds[i].begin, strlen(kinds[i].begin)) != 0)
		i--;
	return i;
}

bool embedder_is_remote(const char *spec)
{
	return kind_of(spec) >= 0;
}

void embedder_forget(void)
{
	if (kept)
		remote_destroy(&kept->e);
	kept = NULL;
}

int embedder_open(const char *spec, const struct options *opt, struct vex_embedder **out)
{
	double seconds = opt->timeout ? (double)opt->timeout : REMOTE_SECONDS;
	int ret;

	if (kept && (kept->error || strcmp(kept->spec, spec)))
		embedder_forget();
	if (!kept) {
		interrupt_catch();
		ret = kinds[kind_of(spec)].open(spec, seconds, &kept);
		interrupt_release();
		if (ret) {
			kept = NULL;
			return ret;
		}
	}
	kept->seconds = seconds;
	*out = &kept->e;
	ret = remote_jobs(kept, (unsigned int)opt->jobs);
	return ret ? ret : prefix_options(kept, opt);
}

/* What the user said; NULL: nothing, or one of vexctl's own. */
static int asked_for(const struct options *opt, const char **spec)
{
	const char *s = opt->embedder;

	*spec = NULL;
	if (!s || vex_embedder_find(s)) {
		if (!opt->query_prefix && !opt->passage_prefix && !opt->jobs)
			return EXIT_OK;
		if (opt->jobs)
			say_error("--jobs is about servers: name one with --embedder");
		else
			say_error("--query-prefix and --passage-prefix are for trained models: name one with --embedder");
		return EXIT_USAGE;
	}
	if (embedder_is_remote(s)) {
		*spec = s;
		return EXIT_OK;
	}
	say_error("--embedder %s: 'lexical', 'static', " KINDS " is needed", s);
	return EXIT_USAGE;
}

/* ---- the collection ---------------------------------------------------------------------- */

static bool is_zero(const void *p, size_t n)
{
	const char *c = p;

	while (n && !*c++)
		n--;
	return !n;
}

/* As the kernel judges it; a collection that names nobody is nobody's yet. */
static bool fits(const struct vexfs_embedder_id *id, const struct vex_embedder *e)
{
	if (strncmp(id->name, e->identity, sizeof(id->name)))
		return false;
	return is_zero(id->fingerprint, sizeof(id->fingerprint)) ||
	       is_zero(e->fingerprint, sizeof(e->fingerprint)) ||
	       !memcmp(id->fingerprint, e->fingerprint, sizeof(e->fingerprint));
}

static void identify(const struct vex_embedder *e, struct vexfs_embedder_id *id)
{
	memset(id, 0, sizeof(*id));
	memcpy(id->name, e->identity, strlen(e->identity));
	memcpy(id->fingerprint, e->fingerprint, sizeof(id->fingerprint));
}

static int refuse(const struct vexfs_ioc_collection *c, const struct vex_embedder *e)
{
	if (strncmp(c->embedder.name, e->identity, sizeof(c->embedder.name)))
		say_error("collection '%.63s' is of the embedder '%.63s', not of '%s': vectors of different "
			  "embedders cannot be compared; name another collection with --collection", c->name,
			  c->embedder.name, e->identity);
	else
		say_error("collection '%.63s' is of the embedder '%s', but of another model (its fingerprint is "
			  "another): name another collection with --collection", c->name, e->identity);
	return EXIT_FAILED;
}

/* It has been made without an embedder's name, and nothing is in it: it takes this one's. */
static int give_name(const struct target *t, struct vexfs_ioc_collection *c, const struct vex_embedder *e)
{
	struct vexfs_ioc_collection change = { .flags = VEXFS_COLL_EMBEDDER };
	int ret;

	if (!(c->flags & VEXFS_COLL_COUNTS) || c->live) {
		say_error("collection '%.63s' does not say what made its vectors: name another collection, or, if "
			  "they are of '%s', say so with 'vexctl collection change %s %.63s --embedder'", c->name,
			  e->identity, t->path, c->name);
		return EXIT_FAILED;
	}
	memcpy(change.name, c->name, sizeof(change.name));
	identify(e, &change.embedder);
	ret = vexfs_collection_change(t->fd, &change);
	return ret ? target_fail(t, c->name, "change a collection of", ret) : EXIT_OK;
}

/* May the collection, which exists, be used with @e? */
static int check_collection(const struct target *t, struct vexfs_ioc_collection *c, struct vex_embedder *e, bool fill)
{
	int ret;

	if (prefix_may_fit((struct remote *)e, c->embedder.name)) {
		ret = prefix_from_note((struct remote *)e, t, c);
		if (ret)
			return ret;
	}
	if (c->embedder.name[0] && !fits(&c->embedder, e))
		return refuse(c, e);
	if (!e->dim)		/* it will be seen */
		e->dim = c->dim;
	if (c->dim != e->dim) {
		say_error("'%s' makes vectors of %u elements, collection '%.63s' has %u: name another collection "
			  "with --collection", e->identity, e->dim, c->name, c->dim);
		return EXIT_FAILED;
	}
	return c->embedder.name[0] || !fill ? EXIT_OK : give_name(t, c, e);
}

static int make_collection(const struct target *t, const char *name, const struct vex_embedder *e)
{
	struct vexfs_ioc_collection c = {
		.dim = e->dim, .elem = VEXFS_IOC_F16, .metric = VEXFS_IOC_COSINE,
	};
	int ret;

	strcpy(c.name, name);
	identify(e, &c.embedder);
	ret = vexfs_collection_make(t->fd, &c);
	if (ret == -EPERM) {
		say_error("there is no collection '%s' on the filesystem of %s yet, and only root or the owner of "
			  "its root directory may make one: ask for 'vexctl collection create %s %s --dim %u --type "
			  "f16 --embedder \"%s\"'", name, t->path, t->path, name, e->dim, e->identity);
		return EXIT_FAILED;
	}
	return ret ? target_fail(t, NULL, "create a collection on", ret) : EXIT_OK;
}

/* The collection of @e when none is named: the only one that is, or else DEFAULT_COLLECTION if that is to be made. */
static int choose_for(const struct target *t, const struct vex_embedder *e, bool fill,
		      char name[VEXFS_IOC_NAME_LEN])
{
	struct vexfs_ioc_collection c;
	uint32_t from = 0;
	unsigned int n = 0;

	while (!collection_after(t, from, &c)) {
		bool good = fits(&c.embedder, e) || prefix_may_fit((const struct remote *)e, c.embedder.name);

		if (good && (!n++ || !strcmp(c.name, DEFAULT_COLLECTION)))
			strcpy(name, c.name);
		if (c.id < from || c.id == UINT32_MAX)	/* would never end */
			break;
		from = c.id + 1;
	}
	if (n == 1 || (n && !strcmp(name, DEFAULT_COLLECTION)))
		return EXIT_OK;
	if (n) {
		say_error("several collections are of the embedder '%s': say which one with --collection NAME",
			  e->identity);
		return EXIT_FAILED;
	}
	strcpy(name, DEFAULT_COLLECTION);
	if (fill)
		return EXIT_OK;
	say_error("no collection on the filesystem of %s is of the embedder '%s': run 'vexctl index' with this "
		  "--embedder first", t->path, e->identity);
	return EXIT_FAILED;
}

static int use_remote(const struct target *t, const struct options *opt, const char *spec, bool fill,
		      char name[VEXFS_IOC_NAME_LEN], bool *made, struct vex_embedder **e)
{
	struct vexfs_ioc_collection c;
	int ret = embedder_open(spec, opt, e);

	if (!ret && !name[0])
		ret = choose_for(t, *e, fill, name);
	if (ret)
		return ret;
	ret = vexfs_collection_info(t->fd, name, &c);
	if (ret == -ENOENT && fill && opt->embedder) {
		*made = true;
		ret = (*e)->dim ? EXIT_OK : remote_probe(*e);
		if (!ret)
			ret = make_collection(t, name, *e);
	} else if (ret) {
		ret = target_fail(t, name, "use", ret);
	} else {
		ret = check_collection(t, &c, *e, fill);
	}
	if (!ret && fill)
		ret = prefix_note((struct remote *)*e, t, name);
	if (!ret && fill)
		model_note(t, name, spec);
	return ret;
}

/* The collection is of an embedder that has to be reached somewhere, and the command line does not say where. */
static int from_environment(const struct target *t, const struct vexfs_ioc_collection *c, const char **spec)
{
	char noted[MODEL_NOTE_MAX];

	*spec = getenv(EMBEDDER_VARIABLE);
	if (*spec && embedder_is_remote(*spec))
		return EXIT_OK;
	if (*spec && **spec) {
		say_error("%s=%s: " KINDS " is needed", EMBEDDER_VARIABLE, *spec);
		return EXIT_FAILED;
	}
	model_note_read(t, c->name, noted);
	say_error("collection '%.63s' is of the embedder '%.63s'%s%s: say how to reach it with --embedder or the "
		  "variable %s", c->name, c->embedder.name, noted[0] ? ", last used as " : "", noted,
		  EMBEDDER_VARIABLE);
	return EXIT_FAILED;
}

/* The collection of vexctl's own embedder `static`; its model is the caller's affair. */
static int use_static(const struct target *t, bool fill, char name[VEXFS_IOC_NAME_LEN], bool *made)
{
	struct remote r = { .e = { .dim = STATIC_INDEX_DIM } };
	struct vexfs_ioc_collection c;
	int ret = EXIT_OK;

	strcpy(r.e.identity, vex_static_ops.identity);
	if (!name[0])
		ret = choose_for(t, &r.e, fill, name);
	if (ret)
		return ret;
	ret = vexfs_collection_info(t->fd, name, &c);
	*made = ret == -ENOENT && fill;
	if (*made)
		return make_collection(t, name, &r.e);
	if (ret)
		return target_fail(t, name, "use", ret);
	r.e.dim = 0;	/* whatever it has */
	return check_collection(t, &c, &r.e, fill);
}

/* Neither of the embedder of vexctl's own that was asked for, nor, if none was, of any. */
static bool of_other(const struct vexfs_ioc_collection *c, const struct options *opt)
{
	if (!builtin_made(c))
		return true;
	return opt->embedder && c->embedder.name[0] && strcmp(opt->embedder, builtin_of(c)) != 0;
}

int embedder_choose(const struct target *t, const struct options *opt, bool fill, char name[VEXFS_IOC_NAME_LEN],
		    bool *made, struct vex_embedder **e)
{
	struct vexfs_ioc_collection c;
	const char *spec;
	int ret = asked_for(opt, &spec);

	*made = false;
	*e = NULL;
	name[0] = '\0';
	if (ret)
		return ret;
	if (opt->collection)
		strcpy(name, opt->collection);
	if (spec)
		return use_remote(t, opt, spec, fill, name, made, e);
	if (builtin_is(opt->embedder, &vex_static_ops))
		return use_static(t, fill, name, made);
	if (!name[0])
		ret = fill ? collection_choose_or_make(t, INDEX_DIM, name, made) : collection_choose(t, true, name);
	if (!ret)
		ret = target_collection(t, name, &c);
	if (ret || !of_other(&c, opt))
		return ret;
	if (opt->embedder)
		return embedder_fail(t, name);
	ret = from_environment(t, &c, &spec);
	return ret ? ret : use_remote(t, opt, spec, fill, name, made, e);
}
