// SPDX-License-Identifier: GPL-2.0
/* What has had one form on all kernels so far. */
#include <linux/jbd2.h>
int data(struct jbd2_inode *jinode);
void commit(journal_t *journal, transaction_t *t);
journal_t *probe(struct block_device *b, struct buffer_head *bh);
journal_t *probe(struct block_device *b, struct buffer_head *bh)
{
	journal_t *j = jbd2_journal_init_dev(b, b, 1, 1024, 4096);
	handle_t *h = jbd2__journal_start(j, 1, 0, 1, GFP_NOFS, 0, 0);

	j->j_submit_inode_data_buffers = data;
	j->j_finish_inode_data_buffers = data;
	j->j_commit_callback = commit;
	jbd2_journal_get_write_access(h, bh);
	jbd2_journal_get_create_access(h, bh);
	jbd2_journal_dirty_metadata(h, bh);
	jbd2_journal_revoke(h, 1, bh);
	jbd2_journal_extend(h, 1, 0);
	jbd2_journal_stop(h);
	jbd2_journal_force_commit(j);
	jbd2_complete_transaction(j, 1);
	jbd2_journal_abort(j, -EIO);
	jbd2_journal_flush(j, 0);
	jbd2_journal_load(j);
	jbd2_journal_destroy(j);
	return j;
}
