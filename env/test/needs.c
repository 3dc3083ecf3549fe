// SPDX-License-Identifier: GPL-2.0-only
/* The line "needs: time=20 mem=768M disk=a:1G" that every guest test has. */
#include <stdlib.h>
#include <string.h>

#include "test.h"

char *needs_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL, *found = NULL, *at;
	size_t room = 0;

	while (f && !found && getline(&line, &room, f) > 0) {
		at = strstr(line, "needs:");
		if (!at)
			continue;
		at += strlen("needs:");
		at[strcspn(at, "\r\n")] = 0;
		if (strstr(at, "*/"))
			*strstr(at, "*/") = 0;
		for (char *p = at; *p; p++)
			if (*p == '\t')
				*p = ' ';
		found = copy_text(at + strspn(at, " "));
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* The word that begins with @start, and ends behind it if @whole. */
static const char *find_word(const char *needs, const char *start, bool whole)
{
	size_t len = strlen(start), word;

	for (const char *p = needs; *p; p += word) {
		p += strspn(p, " ");
		word = strcspn(p, " ");
		if (word >= len && !strncmp(p, start, len) && (!whole || word == len))
			return p;
	}
	return NULL;
}

char *needs_value(const char *needs, const char *name)
{
	char *start = format_text("%s=", name);
	const char *at = find_word(needs, start, false);
	size_t skip = strlen(start);

	free(start);
	return at ? format_text("%.*s", (int)(strcspn(at, " ") - skip), at + skip) : NULL;
}

bool needs_has(const char *needs, const char *word)
{
	return find_word(needs, word, true);
}

int megabytes(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || n < 1 || n > 9999999 || *text < '1' || (*end && strcmp(end, "M") && strcmp(end, "G")))
		return 0;
	return *end == 'G' ? (int)n * 1024 : (int)n;
}
