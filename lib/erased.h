/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fingerprints of embeddings: does a device still have bytes of vectors that were deleted?
 *
 * A fingerprint is the XXH3 hash (128 bits) of a window: 32 consecutive bytes of a vector as it is stored, or of its
 * code (one byte an element). A vector has up to four of each, one from each quarter, so that a part of it is found
 * too. A window of fewer than 8 different byte values is not used: a device is full of those.
 *
 * A list is text. Its first line is VEX_ERASED_HEAD; each further line is a fingerprint in 32 hexadecimal digits,
 * a space, and a label for reports. Empty lines and lines that begin with '#' are skipped.
 */
#ifndef LIBVEXFS_ERASED_H
#define LIBVEXFS_ERASED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define VEX_ERASED_HEAD		"# vexfs fingerprints 1"
#define VEX_ERASED_WINDOW	32	/* bytes */
#define VEX_ERASED_PARTS	4	/* fingerprints of a record, at most */

/**
 * struct vex_erased_mark - a line of a list
 * @high, @low: the hash
 * @label:	rest of the line
 * @found:	places where it was found, for the caller to count
 */
struct vex_erased_mark {
	uint64_t high, low;
	char *label;
	uint64_t found;
};

/**
 * struct vex_erased - a list, ready for a search
 * @mark:   sorted by hash
 * @n:	    lines; a fingerprint may be there several times
 * @filter: a bit for each value of the low bits of a hash
 */
struct vex_erased {
	struct vex_erased_mark *mark;
	size_t n, room;
	uint64_t *filter;
};

/**
 * vex_erased_windows - choose the windows of a record
 * @data: bytes of a vector or of its code
 * @len:  how many
 * @skip: bytes that are stored before them in the same record: a window does not cross a block
 * @off:  filled with offsets in @data
 *
 * Return: how many, 0 if the record is too short or too uniform.
 */
unsigned int vex_erased_windows(const void *data, size_t len, size_t skip, size_t off[VEX_ERASED_PARTS]);

/* The fingerprint of VEX_ERASED_WINDOW bytes, in hexadecimal digits. */
void vex_erased_hex(const void *window, char hex[33]);

/**
 * vex_erased_load - read a list
 * @e:	  to fill; vex_erased_free() it after an error too
 * @f:	  the list
 * @line: out, number of the line at fault
 *
 * Return: 0, -EINVAL (@line), -ENODATA: the list is empty, -ENOMEM, an error of reading.
 */
int vex_erased_load(struct vex_erased *e, FILE *f, unsigned long *line);
void vex_erased_free(struct vex_erased *e);

/* Called for every line whose fingerprint is that of the bytes at @off. */
typedef void (*vex_erased_found)(void *ctx, size_t off, struct vex_erased_mark *mark);

/* Look at every window of @data, at any alignment. */
void vex_erased_search(struct vex_erased *e, const void *data, size_t len, vex_erased_found found, void *ctx);

#endif /* LIBVEXFS_ERASED_H */
