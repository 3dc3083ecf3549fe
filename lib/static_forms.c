// SPDX-License-Identifier: GPL-2.0
/* The rules of WordNet's morphy(7WN); documented in lib/static_forms.h. */
#include <string.h>

#include "lib/static_forms.h"

static const struct ending {
	const char *bent, *base;
} endings[STATIC_FORMS] = {
	{ "ies", "y" }, { "ches", "ch" }, { "shes", "sh" }, { "xes", "x" }, { "zes", "z" }, { "ses", "s" },
	{ "men", "man" }, { "s", "" }, { "es", "" }, { "ied", "y" }, { "ed", "e" }, { "ed", "" }, { "ing", "e" },
	{ "ing", "" }, { "er", "" }, { "er", "e" }, { "est", "" }, { "est", "e" },
};

size_t static_base(unsigned int rule, const char *word, size_t len, char *base)
{
	const struct ending *e = &endings[rule];
	size_t bent = strlen(e->bent), to = strlen(e->base);

	if (len < bent + 2 || len >= STATIC_BASE_MAX || memcmp(word + len - bent, e->bent, bent) != 0)
		return 0;
	memcpy(base, word, len - bent);
	memcpy(base + len - bent, e->base, to);
	return len - bent + to;
}
