/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fuzzing of whole images in user space: what the files of fuzz_image share.
 *
 * An input is a program: its first byte chooses one of two base images, each group of
 * FUZZ_OP bytes after that changes something in it (mutate.c). Checksums are made right
 * afterwards, for a fuzzer cannot find them. The image lives in memory that has a path, so
 * that the tools open it as they open any.
 */
#ifndef VEXFS_TESTS_FUZZ_IMAGE_H
#define VEXFS_TESTS_FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/block.h"

#define FUZZ_BLOCKS	4096
#define FUZZ_BYTES	((size_t)FUZZ_BLOCKS * VEXFS_BLOCK_SIZE)
#define FUZZ_BASES	2
#define FUZZ_OP		12	/* bytes of a step */
#define FUZZ_STEPS	12	/* of a program, at most */
#define FUZZ_PROGRAM	(1 + FUZZ_OP * FUZZ_STEPS)

/**
 * struct fuzz - the images
 * @now:	which of the two is at hand: its path, its bytes
 * @base:	what they were
 * @block:	blocks that hold something, ascending; @nblock: how many
 * @touched:	blocks that are no longer as in the base
 * @changed:	blocks that a tool has written, with other content than they had
 * @geo:	where everything is, the same in both
 */
struct fuzz {
	int	now;
	char	path[FUZZ_BASES][64];
	u8	*dev[FUZZ_BASES], *base[FUZZ_BASES], *touched[FUZZ_BASES];
	u32	*block[FUZZ_BASES], nblock[FUZZ_BASES];
	u64	changed;
	struct vexfs_geo geo;
};

/* base.c: make both images. */
void fuzz_make(struct fuzz *z);
/* mutate.c: make the image of a program. */
void fuzz_apply(struct fuzz *z, const u8 *program, size_t size);
/* A block is about to become something else. */
static inline void fuzz_touch(struct fuzz *z, u64 blkno)
{
	z->touched[z->now][blkno] = 1;
}

/* check.c (of one struct fuzz at a time): NULL, or the rule that was broken. */
const char *fuzz_check(struct fuzz *z);

#endif /* VEXFS_TESTS_FUZZ_IMAGE_H */
