// SPDX-License-Identifier: GPL-2.0
/* vexctl migrate: how far one has come, by the names of collections alone; and what vexctl status says of it */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/migrate.h"

/* ---- names ------------------------------------------------------------------------------- */

bool collection_is_shadow(const char *name)
{
	return !strncmp(name, SHADOW_PREFIX, strlen(SHADOW_PREFIX));
}

/* FNV-1a: the name is as long as a name may be, and only has to be told from others. */
static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h;
}

void migrate_shadow_name(const struct vexfs_ioc_collection *c, const char *name, char shadow[VEXFS_IOC_NAME_LEN])
{
	snprintf(shadow, VEXFS_IOC_NAME_LEN, SHADOW_PREFIX "%u_%llx_%08x", c->id, (unsigned long long)c->btime,
		 name_hash(name));
}

static bool is_shadow_of(const char *shadow, const char *name)
{
	char end[16];
	size_t len = strnlen(shadow, VEXFS_IOC_NAME_LEN), n;

	n = (size_t)snprintf(end, sizeof(end), "_%08x", name_hash(name));
	return collection_is_shadow(shadow) && len > n && !memcmp(shadow + len - n, end, n);
}

/* Made by migrate_keep_name() for collection @name: what it is for is said where others say their embedder. */
static bool is_placeholder(const struct vexfs_ioc_collection *c, const char *name)
{
	return c->dim == 1 && (c->flags & VEXFS_COLL_COUNTS) && !c->live && is_shadow_of(c->embedder.name, name);
}

int migrate_placeholder_make(int fd, const char *name, const char *shadow)
{
	struct vexfs_ioc_collection c = {
		.dim = 1, .elem = VEXFS_IOC_F32, .metric = VEXFS_IOC_L2, .flags = VEXFS_COLL_MODE, .mode = 0600,
	};

	strcpy(c.name, name);
	strcpy(c.embedder.name, shadow);
	return vexfs_collection_make(fd, &c);
}

int migrate_find(int fd, const char *name, const struct vexfs_ioc_collection *c, struct migrate_found *f)
{
	struct vexfs_ioc_collection x;
	char shadow[VEXFS_IOC_NAME_LEN], own[VEXFS_IOC_NAME_LEN];
	uint32_t from = 0;
	int ret;

	memset(f, 0, sizeof(*f));
	migrate_shadow_name(c, name, shadow);
	while (!(ret = vexfs_collection_next(fd, from, &x))) {
		migrate_shadow_name(&x, name, own);
		if (is_placeholder(&x, name))
			memcpy(f->placeholder, x.name, sizeof(x.name));
		else if (!strcmp(x.name, own) || (f->how != MIGRATE_EXCHANGED && !strcmp(x.name, shadow)))
			f->other = x;
		if (f->other.dim)
			f->how = strcmp(f->other.name, shadow) ? MIGRATE_EXCHANGED : MIGRATE_FILLS;
		if (x.id < from || x.id == UINT32_MAX)	/* would never end */
			break;
		from = x.id + 1;
	}
	if (f->how == MIGRATE_NONE && f->placeholder[0])
		f->how = MIGRATE_LEFT;
	return ret == -ENOENT ? 0 : ret;
}

/* ---- what vexctl status says --------------------------------------------------------------- */

/* A word of a command line as a shell reads it, after a blank. */
static void add_word(FILE *f, const char *word)
{
	fputc(' ', f);
	if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-#")]) {
		fputs(word, f);
		return;
	}
	fputc('\'', f);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	fputc('\'', f);
}

/* --embedder and --dim, as they were for the new collection @to, which is called @name; @from: the old one. */
static void add_embedder(FILE *f, const struct target *t, const char *name, const struct vexfs_ioc_collection *to,
			 const struct vexfs_ioc_collection *from)
{
	char spec[MODEL_NOTE_MAX];

	if (to->dim == from->dim && builtin_named(to->embedder.name) && !strcmp(to->embedder.name, from->embedder.name))
		fputs(" --refit", f);
	fputs(" --embedder", f);
	if (builtin_made(to)) {
		add_word(f, builtin_of(to));
		if (to->dim != INDEX_DIM && builtin_is(builtin_of(to), &vex_lexical_ops))
			fprintf(f, " --dim %u", to->dim);
		return;
	}
	model_note_read(t, name, spec);
	add_word(f, spec[0] ? spec : "WHAT");
}

/* What continues it, and what gives it up; the caller frees both. -ENOMEM */
static int commands(const struct target *t, const char *name, const struct vexfs_ioc_collection *c,
		    const struct migrate_found *f, char **finish, char **give_up)
{
	const char *shadow = f->how == MIGRATE_LEFT ? f->placeholder : f->other.name;
	bool fills = f->how == MIGRATE_FILLS;
	size_t n;
	FILE *out = open_memstream(finish, &n);

	*give_up = NULL;
	if (!out)
		return -ENOMEM;
	fputs("vexctl migrate --collection", out);
	add_word(out, name);
	if (fills)
		add_embedder(out, t, shadow, &f->other, c);
	else
		add_embedder(out, t, name, c, &f->other);
	if (f->how == MIGRATE_EXCHANGED && f->placeholder[0])
		fprintf(out, " --keep-old %.63s", f->placeholder);
	add_word(out, t->path);
	if (fclose(out) || !(out = open_memstream(give_up, &n)))
		return -ENOMEM;
	fputs("vexctl collection drop", out);
	add_word(out, t->path);
	fprintf(out, " %.63s --yes", shadow);
	return fclose(out) ? -ENOMEM : 0;
}

static void print_command(const char *label, const char *command)
{
	printf("            %s: ", label);
	print_safe(stdout, command, strlen(command));
	putchar('\n');
}

static void print_found(const struct migrate_found *f, const char *finish, const char *give_up)
{
	const struct vexfs_ioc_collection *o = &f->other;
	unsigned long long live = (unsigned long long)o->live;

	switch (f->how) {
	case MIGRATE_FILLS:
		printf("migration   unfinished, to %.63s, %u dimensions: %llu embeddings so far; searches use the old "
		       "ones\n", o->embedder.name, o->dim, live);
		print_command("continue", finish);
		print_command("give up", give_up);
		break;
	case MIGRATE_EXCHANGED:
		printf("migration   unfinished, from %.63s, %u dimensions: searches use the new embeddings, the %llu "
		       "old ones are still there\n", o->embedder.name, o->dim, live);
		print_command("finish", finish);
		break;
	default:
		printf("migration   done; an empty collection is left of --keep-old\n");
		print_command("remove it", give_up);
	}
}

static struct json_object *found_json(const struct migrate_found *f, const char *finish, const char *give_up)
{
	static const char *const state[] = {
		[MIGRATE_FILLS] = "filling", [MIGRATE_EXCHANGED] = "exchanged", [MIGRATE_LEFT] = "left",
	};
	struct json_object *o = json_object_new_object();
	bool left = f->how == MIGRATE_LEFT;

	json_object_object_add(o, "state", json_object_new_string(state[f->how]));
	json_object_object_add(o, "collection", json_object_new_string(left ? f->placeholder : f->other.name));
	if (!left) {
		json_object_object_add(o, "dim", json_object_new_int64(f->other.dim));
		json_object_object_add(o, "embedder", embedder_json(&f->other.embedder));
		json_object_object_add(o, "embeddings", json_object_new_uint64(f->other.live));
		json_object_object_add(o, "finish", json_text(finish, strlen(finish)));
	}
	if (f->how != MIGRATE_EXCHANGED)
		json_object_object_add(o, "give_up", json_text(give_up, strlen(give_up)));
	return o;
}

void migration_report(const struct target *t, const char *name, const struct vexfs_ioc_collection *c,
		      struct json_object *json)
{
	struct json_object *o = NULL;
	char *finish = NULL, *give_up = NULL;
	struct migrate_found f;

	if (!migrate_find(t->fd, name, c, &f) && f.how != MIGRATE_NONE &&
	    !commands(t, name, c, &f, &finish, &give_up)) {
		if (json)
			o = found_json(&f, finish, give_up);
		else
			print_found(&f, finish, give_up);
	}
	if (json)
		json_object_object_add(json, "migration", o);
	free(finish);
	free(give_up);
}
