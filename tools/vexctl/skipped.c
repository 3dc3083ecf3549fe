// SPDX-License-Identifier: GPL-2.0
/* vexctl index: what was skipped, and why */
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/index.h"

#define NAMES_MAX	20	/* shown unless asked for all */

void skipped_add(struct skipped *s, const char *path, enum skip why)
{
	size_t room = 2 * s->room + 64;
	struct skipped_file *bigger;

	s->count[why]++;
	if (s->n == s->room) {
		bigger = realloc(s->file, room * sizeof(*bigger));
		if (!bigger)
			return;
		s->file = bigger;
		s->room = room;
	}
	s->file[s->n].path = strdup(path);
	s->file[s->n].why = why;
	s->n += s->file[s->n].path != NULL;
}

void skipped_free(struct skipped *s)
{
	while (s->n)
		free(s->file[--s->n].path);
	free(s->file);
	memset(s, 0, sizeof(*s));
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct skipped_file *)a)->path, ((const struct skipped_file *)b)->path);
}

static void print_sums(const struct skipped *s)
{
	const char *before = "skipped: ";
	int i;

	for (i = 1; i < SKIP_REASONS; i++) {
		if (!s->count[i])
			continue;
		printf("%s%llu %s", before, (unsigned long long)s->count[i],
		       skip_reason((enum skip)i));
		before = ", ";
	}
	if (before[0] == ',')
		putchar('\n');
}

void skipped_print(const struct skipped *s, bool verbose)
{
	size_t i, named = 0, more = 0;

	print_sums(s);
	if (s->n)
		qsort(s->file, s->n, sizeof(*s->file), by_path);
	for (i = 0; i < s->n; i++) {
		if (s->file[i].why == SKIP_IGNORED && !verbose)
			continue;
		if (named >= NAMES_MAX && !verbose) {
			more++;
			continue;
		}
		named++;
		fputs("  ", stdout);
		print_safe(stdout, s->file[i].path, strlen(s->file[i].path));
		printf(": %s\n", skip_reason(s->file[i].why));
	}
	if (more)
		printf("  ... and %zu more (--verbose names all)\n", more);
}

void skipped_json(const struct skipped *s, struct json_object *o)
{
	struct json_object *all = json_object_new_array(), *one;
	size_t i;

	for (i = 0; i < s->n; i++) {
		one = json_object_new_object();
		json_add_path(one, s->file[i].path, strlen(s->file[i].path));
		json_object_object_add(one, "reason",
				       json_object_new_string(skip_reason(s->file[i].why)));
		json_object_array_add(all, one);
	}
	json_object_object_add(o, "skipped", all);
}
