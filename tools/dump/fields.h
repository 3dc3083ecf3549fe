/* SPDX-License-Identifier: GPL-2.0 */
/* Fields by name: what --json prints and --edit sets. */
#ifndef VEXFS_TOOLS_DUMP_FIELDS_H
#define VEXFS_TOOLS_DUMP_FIELDS_H

#include "tools/dump/dump.h"

enum { DUMP_NUMBER, DUMP_TEXT, DUMP_HEX };

/**
 * struct dump_field - a field of a structure
 * @off, @len: where, in bytes
 * @how: little-endian number of 1, 2, 4 or 8 bytes; text, padded with NUL; any bytes
 */
struct dump_field {
	const char *name;
	u16	off, len;
	u8	how;
};

enum { DUMP_SUPER, DUMP_GROUP, DUMP_INODE, DUMP_COLL, DUMP_SLOT, DUMP_RECORDS };

struct dump_record {
	const char *name;
	const struct dump_field *field;
	u32	n;
};

extern const struct dump_record dump_records[DUMP_RECORDS];

/* NULL: it has none of this name. */
const struct dump_field *dump_field_find(const struct dump_record *r, const char *name, size_t len);
u64 dump_field_number(const struct dump_field *f, const void *record);

#endif /* VEXFS_TOOLS_DUMP_FIELDS_H */
