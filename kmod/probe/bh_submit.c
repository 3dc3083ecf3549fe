// SPDX-License-Identifier: GPL-2.0
/* 7.3: a buffer is submitted with the end_io of its bio, and has none of its own. */
/* one of: buffer submit */
#include <linux/buffer_head.h>
void end(struct bio *bio);
void probe(struct buffer_head *bh);
void end(struct bio *bio)
{
	struct buffer_head *bh;

	if (!bio_endio_bh(bio, &bh))
		unlock_buffer(bh);
}

void probe(struct buffer_head *bh)
{
	bh_submit(bh, REQ_OP_WRITE | REQ_SYNC, end);
}
