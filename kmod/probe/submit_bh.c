// SPDX-License-Identifier: GPL-2.0
/* Before 7.3. */
/* one of: buffer submit */
#include <linux/buffer_head.h>
void probe(struct buffer_head *bh);
void probe(struct buffer_head *bh)
{
	bh->b_end_io = end_buffer_write_sync;
	submit_bh(REQ_OP_WRITE | REQ_SYNC, bh);
}
