/* SPDX-License-Identifier: GPL-2.0 */
/* Files whose bytes are not their text. */
#ifndef VEXCTL_TEXT_KIND_H
#define VEXCTL_TEXT_KIND_H

#include <stdbool.h>
#include <stddef.h>

#define TEXT_HEAD	512	/* bytes that tell a file's kind */

enum text_kind { TEXT_PLAIN, TEXT_UTF16LE, TEXT_UTF16BE, TEXT_HTML, TEXT_PDF };

/** text_kind - of a file that begins with @head */
enum text_kind text_kind(const char *head, size_t len);

/** text_from_utf16 - to UTF-8, as much as there is @room for, without a byte order mark
 * Return: bytes written. */
size_t text_from_utf16(const char *raw, size_t len, bool big, char *out, size_t room);

/** text_from_html - blanks instead of markup, characters instead of entities; the length stays */
void text_from_html(char *text, size_t len);

#endif /* VEXCTL_TEXT_KIND_H */
