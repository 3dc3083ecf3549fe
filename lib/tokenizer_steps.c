// SPDX-License-Identifier: GPL-2.0
/* The lists of steps that tokenizer.json has: of normalisation and of splitting. Documented in lib/tokenizer_impl.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/tokenizer_impl.h"

int vex_unsupported(char why[VEX_WHY], const char *what, const char *name)
{
	snprintf(why, VEX_WHY, "its tokenizer has %s that is not supported: %.100s", what, name ? name : "(no name)");
	return -EBADMSG;
}

static int load_sequence(const struct vex_step_loader *l, void *steps, unsigned int *n, struct json_object *o,
			 char why[VEX_WHY])
{
	struct json_object *list = vex_member(o, l->list, json_type_array);
	size_t i;
	int ret = 0;

	if (!list)
		return vex_unsupported(why, l->what, "a sequence of nothing");
	for (i = 0; !ret && i < json_object_array_length(list); i++)
		ret = vex_steps_load(l, steps, n, json_object_array_get_idx(list, i), why);
	return ret;
}

/* The depth of @o is that of the JSON, which is limited. */
int vex_steps_load(const struct vex_step_loader *l, void *steps, unsigned int *n, struct json_object *o,
		   char why[VEX_WHY])
{
	struct json_object *type = vex_member(o, "type", json_type_string);
	const char *name = type ? json_object_get_string(type) : NULL;
	const struct vex_step_name *k;

	if (!o)
		return 0;
	if (name && !strcmp(name, "Sequence"))
		return load_sequence(l, steps, n, o, why);
	if (*n == VEX_STEPS_MAX)
		return vex_unsupported(why, l->what, "of more than 64 steps");
	for (k = l->names; name && k->name; k++)
		if (!strcmp(k->name, name))
			return l->load(steps, (*n)++, k->kind, o, why);
	return vex_unsupported(why, l->what, name);
}
