/* SPDX-License-Identifier: GPL-2.0 */
/* The text of files that only other programs can read. */
#ifndef VEXCTL_CONVERT_H
#define VEXCTL_CONVERT_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/vexctl/text_kind.h"

#define CONVERT_SECONDS	20	/* that one file may take */

/**
 * convert_text - the text of the file @fd by an installed converter
 * @kind: TEXT_PDF
 * @out:  for at most @room bytes of UTF-8; *@len of them are written
 *
 * The converter gets the file as its standard input, read-only, and nothing else that is open; it runs
 * without a shell, with a small environment, in a process group of its own that is killed when it is
 * over, after CONVERT_SECONDS, or at Ctrl-C, with limits on processor time and memory, and as the user
 * nobody where vexctl runs as root. What it prints beyond @room is thrown away with it. For threads.
 *
 * With a budget, texts are kept for the next call that asks for the same file, a few MiB of them.
 *
 * Return: 0; -ENOPKG (the converter is not installed); -ETIMEDOUT; -EPROTO (it failed, and gave no
 * text); -EINTR; other negative errno.
 */
int convert_text(enum text_kind kind, int fd, char *out, size_t room, size_t *len);

/* Seconds that conversions may take together from now on, -ETIMEDOUT after that; 0: as many as they need.
 * A search shows results without waiting for hundreds of files. */
void convert_budget(double seconds);

extern double convert_seconds;		/* CONVERT_SECONDS, less in tests */

#endif /* VEXCTL_CONVERT_H */
