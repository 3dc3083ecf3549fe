// SPDX-License-Identifier: GPL-2.0
/* vexctl search --summary: how a search went */
#include "tools/vexctl/search.h"

/* NULL: the caller may not know. */
static const char *plan_name(uint32_t plan)
{
	switch (plan) {
	case VEXFS_SEARCHED_SCAN:
		return "scan";
	case VEXFS_SEARCHED_SIFT:
		return "sift";
	case VEXFS_SEARCHED_WALK:
		return "walk";
	case VEXFS_SEARCHED_WIDE:
		return "wide";
	default:
		return NULL;
	}
}

static bool complete(const struct search_job *j)
{
	return !(j->s.reply & (VEXFS_REPLY_INCOMPLETE | VEXFS_REPLY_TRUNCATED));
}

static void add_flag(struct json_object *o, const char *name, bool value)
{
	json_object_object_add(o, name, json_object_new_boolean(value));
}

static int summary_json(const struct search_job *j)
{
	struct json_object *line = json_object_new_object(), *o = json_object_new_object();
	const char *plan = plan_name(j->s.plan);

	json_object_object_add(o, "found", json_object_new_uint64(j->nfound));
	json_object_object_add(o, "seconds", json_double(j->seconds, "%.6f"));
	add_flag(o, "complete", complete(j));
	add_flag(o, "approximate", j->s.reply & VEXFS_REPLY_APPROXIMATE);
	add_flag(o, "incomplete", j->s.reply & VEXFS_REPLY_INCOMPLETE);
	add_flag(o, "truncated", j->s.reply & VEXFS_REPLY_TRUNCATED);
	json_object_object_add(o, "plan", plan ? json_object_new_string(plan) : NULL);
	json_object_object_add(o, "pending", plan ? json_object_new_uint64(j->s.pending) : NULL);
	json_object_object_add(o, "stale", json_object_new_uint64(j->s.stale));
	add_flag(o, "stale_at_least", j->s.reply & VEXFS_REPLY_AT_LEAST);
	json_object_object_add(line, "summary", o);
	return json_line(line);
}

/* On standard error: what is found may go through a pipe. */
static void summary_text(const struct search_job *j)
{
	const char *plan = plan_name(j->s.plan);
	char how[100] = "";

	if (plan)
		snprintf(how, sizeof(how), ", plan: %s, %llu to absorb", plan, (unsigned long long)j->s.pending);
	say_error("%zu found in %.1f ms, %s%s; %s%llu embeddings stale%s", j->nfound, j->seconds * 1e3,
		  complete(j) ? "complete" : "incomplete",
		  j->s.reply & VEXFS_REPLY_APPROXIMATE ? ", approximate" : "",
		  j->s.reply & VEXFS_REPLY_AT_LEAST ? "at least " : "", (unsigned long long)j->s.stale, how);
}

int search_summary(const struct search_job *j)
{
	if (j->opt->json)
		return summary_json(j);
	summary_text(j);
	return EXIT_OK;
}
