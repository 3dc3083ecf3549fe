// SPDX-License-Identifier: GPL-2.0
/* The table of problems, and the list of it that --problems prints. */
#include <string.h>

#include "tools/fsck/fsck.h"

static const struct fsck_known table[] = {
#define P(name, code, class, how, text, fix) { code, FSCK_##class, FSCK_FIX_##how, #name, text, fix },
#include "tools/fsck/problems.h"
#undef P
};

const struct fsck_known *fsck_known(size_t i)
{
	return i < ARRAY_SIZE(table) ? &table[i] : NULL;
}

/* A few per problem that is printed: no need to be fast. */
const struct fsck_known *fsck_lookup(enum fsck_code code)
{
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(table) && table[i].code != code)
		i++;
	return &table[i];
}

/* A format as a reader wants it: N for numbers, ... for words. */
static void print_text(FILE *out, const char *text)
{
	while (*text) {
		if (*text != '%') {
			fputc(*text++, out);
			continue;
		}
		text += 1 + strcspn(text + 1, "dsux");
		fputs(*text == 's' ? "..." : "N", out);
		text++;
	}
}

void fsck_list_problems(FILE *out)
{
	static const char *const class[] = {
		[FSCK_DAMAGE] = "damage", [FSCK_FIXABLE] = "fixable", [FSCK_SAFE] = "safe",
		[FSCK_NOTE] = "note",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		fprintf(out, "V%04d  %-8s %-17s ", table[i].code, class[table[i].class],
			table[i].name);
		print_text(out, table[i].text);
		fprintf(out, "\n       repair: %s\n", table[i].fix);
	}
}
