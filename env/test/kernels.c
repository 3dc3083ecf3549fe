// SPDX-License-Identifier: GPL-2.0-only
/* Kernels by name and trait. */
#include <stdlib.h>
#include <string.h>

#include "test.h"

void kernels_add(struct kernels *all, const char *text)
{
	size_t len = strcspn(text, " ");
	struct kernel *k;
	char *slow;

	all->k = grow(all->k, (all->n + 1) * sizeof(*all->k));
	k = &all->k[all->n++];
	memset(k, 0, sizeof(*k));
	k->name = format_text("%.*s", (int)len, text);
	k->traits = copy_text(text + len);
	slow = needs_value(k->traits, "slow");
	k->slow = slow ? atoi(slow) : 100;
	free(slow);
	k->programs = needs_value(k->traits, "programs");
	/* KASAN's shadow, its quarantine and kmemleak's records come on top of what a test asks for. */
	k->memory = kernel_has(k, "kasan") ? 384 : 0;
}

struct kernel *kernels_find(const struct kernels *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->k[i].name, name))
			return &all->k[i];
	return NULL;
}

bool kernel_has(const struct kernel *k, const char *trait)
{
	return needs_has(k->traits, trait);
}

bool kernel_in(const struct kernel *k, const char *list)
{
	char *copy = copy_text(list), *rest = copy, *word;
	bool found = false;

	while (!found && (word = strsep(&rest, ",")))
		found = *word && (!strcmp(word, "all") || !strcmp(word, k->name) || kernel_has(k, word));
	free(copy);
	return found;
}
