/* SPDX-License-Identifier: GPL-2.0 */
/* What dm-log-writes has recorded; the format is that of drivers/md/dm-log-writes.c. */
#ifndef VEXFS_CRASH_LOG_H
#define VEXFS_CRASH_LOG_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct cl_entry - a write, in the order they were recorded
 * @at:		where it goes, bytes
 * @len:	bytes; of a mark 0
 * @data:	where its bytes are in the log file
 * @flush:	what was recorded before is durable before this one is
 * @fua:	it is durable when it is done
 * @discard:	no bytes: afterwards the device may return anything
 * @mark:	-1, or the number in a mark
 */
struct cl_entry {
	uint64_t	at, len, data;
	bool		flush, fua, discard;
	int64_t		mark;
};

struct cl_log {
	int		fd;
	struct cl_entry	*entry;
	uint32_t	n;
};

/* Return: 0; -EINVAL: it is not such a log, or not a whole one; an error of reading. */
int cl_open(struct cl_log *log, const char *path);
void cl_close(struct cl_log *log);

#endif /* VEXFS_CRASH_LOG_H */
