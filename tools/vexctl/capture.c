// SPDX-License-Identifier: GPL-2.0
/* A command of vexctl run inside of another, its output in memory: at most so much of it, by whole lines. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools/vexctl/mcp.h"

static bool add(char **text, size_t *len, size_t *room, const char *data, size_t n)
{
	size_t more = 2 * (*len + n) + 256;
	char *bigger;

	if (*len + n + 1 > *room) {
		bigger = realloc(*text, more);
		if (!bigger)
			return false;
		*text = bigger;
		*room = more;
	}
	memcpy(*text + *len, data, n);
	*len += n;
	(*text)[*len] = '\0';
	return true;
}

static ssize_t take_out(void *cookie, const char *data, size_t n)
{
	struct capture *c = cookie;
	const char *p;

	if (!c->dropped && c->out_len + n <= MCP_OUTPUT_MAX)
		return add(&c->out, &c->out_len, &c->out_room, data, n) ? (ssize_t)n : -1;
	if (!c->dropped)	/* the line that has begun goes, too */
		while (c->out_len && c->out[c->out_len - 1] != '\n')
			c->out_len--;
	if (c->out)
		c->out[c->out_len] = '\0';
	for (p = data; (p = memchr(p, '\n', n - (size_t)(p - data))); p++)
		c->dropped++;
	c->dropped += !c->dropped;
	return (ssize_t)n;
}

static ssize_t take_err(void *cookie, const char *data, size_t n)
{
	struct capture *c = cookie;

	if (c->err_len + n > MCP_OUTPUT_MAX)
		return (ssize_t)n;
	return add(&c->err, &c->err_len, &c->err_room, data, n) ? (ssize_t)n : -1;
}

int capture_run(const struct command *cmd, struct options *opt, struct capture *c)
{
	cookie_io_functions_t to_out = { .write = take_out }, to_err = { .write = take_err };
	FILE *was_out = stdout, *was_err = stderr;
	FILE *out = fopencookie(c, "w", to_out), *err = fopencookie(c, "w", to_err);
	int ret = -ENOMEM;

	if (out && err && add(&c->out, &c->out_len, &c->out_room, "", 0) &&
	    add(&c->err, &c->err_len, &c->err_room, "", 0)) {
		stdout = out;
		stderr = err;
		ret = cmd->run(cmd, opt);
		stdout = was_out;
		stderr = was_err;
	}
	if (out && fclose(out))
		ret = -ENOMEM;
	if (err && fclose(err))
		ret = -ENOMEM;
	return ret;
}

void capture_free(struct capture *c)
{
	free(c->out);
	free(c->err);
	memset(c, 0, sizeof(*c));
}
