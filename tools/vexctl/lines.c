// SPDX-License-Identifier: GPL-2.0
/* Lines of bounded length, from files and from other programs. */
#include <errno.h>
#include <stdlib.h>

#include "tools/vexctl/transfer.h"

static int line_grow(char **line, size_t *room)
{
	size_t more = *room ? 2 * *room : 4096;
	char *bigger = realloc(*line, more);

	if (!bigger)
		return -ENOMEM;
	*line = bigger;
	*room = more;
	return 0;
}

ssize_t line_read(FILE *f, char **line, size_t *room, size_t max)
{
	size_t len = 0;
	bool any = false;
	int c;

	for (errno = 0; (c = getc_unlocked(f)) != EOF; any = true) {
		if (c == '\n')
			break;
		if (len < max && len + 2 > *room && line_grow(line, room))
			return -ENOMEM;
		if (len < max)
			(*line)[len] = (char)c;
		len++;
	}
	if (c == EOF && ferror(f))
		return errno ? -errno : -EIO;
	if (c == EOF && !any)
		return -1;
	if (len >= max)
		return -EFBIG;
	if (!*room && line_grow(line, room))
		return -ENOMEM;
	(*line)[len] = '\0';
	return (ssize_t)len;
}
