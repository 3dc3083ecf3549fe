/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rows of bench/fs. Each makes what it needs in the current directory, which is empty, and is then timed; what it
 * leaves there is removed by its caller.
 */
#ifndef VEXFS_BENCH_FS_WORK_H
#define VEXFS_BENCH_FS_WORK_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct row - one measurement
 * @name:    for --rows and --json
 * @label:   for people
 * @prepare: not timed; NULL
 * @cold:    what it left is synced and dropped from memory before the timed part; otherwise only synced
 * @run:     timed
 */
struct row {
	const char	*name, *label;
	void		(*prepare)(void);
	bool		cold;
	void		(*run)(void);
};

extern const struct row name_rows[], data_rows[];	/* names.c, data.c; the last has no name */

/* Ends the program with a message if @ok is false. */
void must(bool ok, const char *what);
unsigned long rnd(unsigned long n);

#endif /* VEXFS_BENCH_FS_WORK_H */
