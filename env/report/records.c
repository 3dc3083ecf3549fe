// SPDX-License-Identifier: GPL-2.0-only
/* The records of a command: report_add of env/lib/report.sh writes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

struct record *records;
size_t nrecords;

/* "\t", "\n" and "\\" as report_add wrote them. */
static void decode(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && s[1]) {
			s++;
			*to++ = *s == 't' ? '\t' : *s == 'n' ? '\n' : *s;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static void add(char *line)
{
	struct record *r, *grown = realloc(records, (nrecords + 1) * sizeof(*records));
	char *field = line, *next;

	if (!grown)
		abort();
	records = grown;
	r = &records[nrecords++];
	for (size_t i = 0; i < RECORD_FIELDS; i++)
		r->v[i] = "";
	r->n = 0;
	r->kind = strsep(&field, "\t");
	while (field && r->n < RECORD_FIELDS) {
		next = strsep(&field, "\t");
		decode(next);
		r->v[r->n++] = next;
	}
}

bool records_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		return false;
	while (getline(&line, &room, f) > 0) {
		char *copy;

		line[strcspn(line, "\n")] = 0;
		copy = strdup(line);
		if (!copy)
			abort();
		add(copy);	/* for the life of the program */
	}
	free(line);
	fclose(f);
	return true;
}

const struct record *record_last(const char *kind)
{
	for (size_t i = nrecords; i-- > 0;)
		if (!strcmp(records[i].kind, kind))
			return &records[i];
	return NULL;
}

const char *record_value(const char *kind)
{
	const struct record *r = record_last(kind);

	return r ? r->v[0] : "";
}
