/* SPDX-License-Identifier: GPL-2.0 */
/* The last word of a tool's main(): output that could not be written is a failure, whatever else went well. */
#ifndef VEXFS_TOOLS_OUTPUT_H
#define VEXFS_TOOLS_OUTPUT_H

#include <stdio.h>

/**
 * output_status() - the exit status of a tool
 * @name:	the tool's name, for the message
 * @status:	what it would end with
 * @failed:	its status for "operational error"
 *
 * Return: @status, or @failed if standard output did not take everything.
 */
static inline int output_status(const char *name, int status, int failed)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "%s: cannot write the output\n", name);
	return failed;
}

#endif /* VEXFS_TOOLS_OUTPUT_H */
