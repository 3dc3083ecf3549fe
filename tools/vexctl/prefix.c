// SPDX-License-Identifier: GPL-2.0
/*
 * What is put before texts: models like E5, BGE and nomic-embed-text were trained with "query: " and "passage: ", or
 * the like, before the text.
 *
 * Vectors made with other prefixes are other vectors, so the prefixes are part of the embedder's identity in the
 * collection: its name, and a hash of them. The prefixes themselves are in .vexctl/COLLECTION.prefixes in the root of
 * the filesystem, for who searches later; who can write there cannot pass others off, because of the hash.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tools/vexctl/remote.h"

#define MARK		" prefixes:"
#define HASH_DIGITS	16
#define NAME_ROOM	(VEX_EMBED_IDENTITY - 1 - (sizeof(MARK) - 1) - HASH_DIGITS)

static void clear(struct prefixes *p)
{
	free(p->query);
	free(p->passage);
	memset(p, 0, sizeof(*p));
}

static bool is_set(const char *s)
{
	return s && *s;
}

/* The name, as much of it as there is room for, and the hash of all. */
static void set_identity(struct remote *r)
{
	const struct prefixes *p = &r->prefixes;
	XXH64_hash_t h;

	strcpy(r->e.identity, r->name);
	if (!is_set(p->query) && !is_set(p->passage))
		return;
	h = XXH64(r->name, strlen(r->name) + 1, 0);
	h = XXH64(p->query, strlen(p->query) + 1, h);
	h = XXH64(p->passage, strlen(p->passage) + 1, h);
	snprintf(r->e.identity, sizeof(r->e.identity), "%.*s" MARK "%016llx", (int)NAME_ROOM, r->name,
		 (unsigned long long)h);
}

static int set(struct remote *r, const char *query, const char *passage)
{
	clear(&r->prefixes);
	r->prefixes.query = strdup(query);
	r->prefixes.passage = strdup(passage);
	if (!r->prefixes.query || !r->prefixes.passage) {
		clear(&r->prefixes);
		say_error("out of memory");
		return EXIT_FAILED;
	}
	set_identity(r);
	return EXIT_OK;
}

void prefix_end(struct remote *r)
{
	clear(&r->prefixes);
}

static const char *wrong(const char *s)
{
	if (!s)
		return NULL;
	if (strlen(s) > PREFIX_MAX)
		return "is longer than 1,024 bytes";
	return u8_check((const uint8_t *)s, strlen(s)) ? "is not valid UTF-8" : NULL;
}

int prefix_options(struct remote *r, const struct options *opt)
{
	const char *query = opt->query_prefix, *passage = opt->passage_prefix;

	/* an embedder that is used once more begins anew */
	if (!r->name[0])
		strcpy(r->name, r->e.identity);
	strcpy(r->e.identity, r->name);
	clear(&r->prefixes);
	r->prefixes_given = query || passage;
	if (wrong(query) || wrong(passage)) {
		say_error("--%s-prefix %s", wrong(query) ? "query" : "passage", wrong(query) ? wrong(query) : wrong(passage));
		return EXIT_USAGE;
	}
	return r->prefixes_given ? set(r, query ? query : "", passage ? passage : "") : EXIT_OK;
}

bool prefix_may_fit(const struct remote *r, const char *identity)
{
	const char *mark = strstr(identity, MARK), *next;
	size_t len = strnlen(r->name, NAME_ROOM);

	/* the last one: a name may have the word in it */
	while (mark && (next = strstr(mark + 1, MARK)))
		mark = next;
	return mark && !r->prefixes_given && (size_t)(mark - identity) == len && !strncmp(identity, r->name, len) &&
	       strlen(mark) == sizeof(MARK) - 1 + HASH_DIGITS;
}

/* ---- the note ------------------------------------------------------------------------------------- */

static int parse(struct remote *r, const char *text)
{
	struct json_object *o = json_tokener_parse(text), *query, *passage;
	int ret = EXIT_FAILED;

	if (json_object_object_get_ex(o, "query", &query) && json_object_is_type(query, json_type_string) &&
	    json_object_object_get_ex(o, "passage", &passage) && json_object_is_type(passage, json_type_string))
		ret = set(r, json_object_get_string(query), json_object_get_string(passage));
	json_object_put(o);
	return ret;
}

int prefix_from_note(struct remote *r, const struct target *t, const struct vexfs_ioc_collection *c)
{
	char *text = malloc(PREFIX_NOTE_MAX);

	if (text && !prefix_note_read(t, c->name, text))
		parse(r, text);
	free(text);
	if (!strncmp(r->e.identity, c->embedder.name, sizeof(c->embedder.name)))
		return EXIT_OK;
	say_error("the vectors of collection '%.63s' were made with a text before each, and %s/%.63s.prefixes does not say "
		  "which: say it with --query-prefix and --passage-prefix", c->name, MODEL_DIR, c->name);
	return EXIT_FAILED;
}

int prefix_note(struct remote *r, const struct target *t, const char *collection)
{
	const struct prefixes *p = &r->prefixes;
	struct json_object *o;
	int ret;

	if (!is_set(p->query) && !is_set(p->passage))
		return EXIT_OK;
	o = json_object_new_object();
	json_object_object_add(o, "query", json_object_new_string(p->query));
	json_object_object_add(o, "passage", json_object_new_string(p->passage));
	ret = prefix_note_write(t, collection, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	if (!ret)
		return EXIT_OK;
	say_error("cannot note the prefixes of collection '%s' in %s in the root of the filesystem of %s: %s", collection,
		  MODEL_DIR, t->path, strerror(-ret));
	return EXIT_FAILED;
}

/* ---- texts ------------------------------------------------------------------------------------------ */

static const char *prefix_of(const struct remote *r, enum vex_text_kind kind)
{
	const char *prefix = kind == VEX_TEXT_QUERY ? r->prefixes.query : r->prefixes.passage;

	return is_set(prefix) ? prefix : NULL;
}

int prefix_texts(const struct remote *r, enum vex_text_kind kind, const struct vex_text *texts, size_t n,
		 struct vex_text **out)
{
	const char *prefix = prefix_of(r, kind);
	size_t all = 0, len, i;
	char *p;

	*out = NULL;
	if (!prefix)
		return 0;
	len = strlen(prefix);
	for (i = 0; i < n; i++)
		all += len + texts[i].len;
	*out = malloc(n * sizeof(**out) + all + 1);
	if (!*out)
		return -ENOMEM;
	p = (char *)(*out + n);
	for (i = 0; i < n; i++) {
		(*out)[i] = (struct vex_text){ .text = p, .len = len + texts[i].len };
		p = mempcpy(mempcpy(p, prefix, len), texts[i].text, texts[i].len);
	}
	return 0;
}
