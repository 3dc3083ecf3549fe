/* SPDX-License-Identifier: GPL-2.0 */
/* Is this what a crash may leave? */
#ifndef VEXFS_CRASH_JUDGE_H
#define VEXFS_CRASH_JUDGE_H

#include "tests/crash/model.h"

/**
 * struct cj_window - when the power went
 * @acked: the last operation that had returned; what it made durable is there
 * @begun: no later one had begun
 */
struct cj_window {
	uint32_t acked, begun;
};

/**
 * cj_judge() - compare an image with the model
 * @m:	  the model, with all operations done
 * @path: of the image, as the power cut has left it
 * @w:	  when that was
 * @why:  what is wrong
 * @room: bytes in @why
 *
 * Names, modes, link counts, targets, attributes and embeddings are exactly those after one operation
 * of the window that @acked's durability allows (changes of metadata are in one journal, in order). The
 * content of a file consists of bytes that its versions since it was last made durable have there; an
 * embedding that is not stale is beside the content it was set on.
 *
 * Return: 0; 1: it is wrong.
 */
int cj_judge(const struct cr_model *m, const char *path, struct cj_window w, char *why, size_t room);

#endif /* VEXFS_CRASH_JUDGE_H */
