/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests/env/lint.sh: what the semantic patches must find, and nothing else. */
int leaks(struct super_block *sb, int n)
{
	handle_t *handle = vexfs_start(sb, n, 0);
	int err;

	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = change(handle, n);
	if (err)
		return err;		/* finding: handle */
	return vexfs_stop(handle);
}

int stops(struct super_block *sb, int n)
{
	handle_t *handle;
	int err, err2;

	handle = vexfs_start(sb, n, 0);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	err = change(handle, n);
	if (err)
		goto out;
	err = change(handle, n + 1);
out:
	err2 = vexfs_stop(handle);
	return err ? err : err2;
}

int lost_buffer(struct super_block *sb, u64 blkno)
{
	struct buffer_head *bh;

	bh = sb_bread(sb, blkno);
	if (!bh)
		return -EIO;
	if (bh->b_size < 512)
		return -EINVAL;		/* finding: brelse */
	brelse(bh);
	return 0;
}

struct buffer_head *handed_on(struct super_block *sb, u64 blkno)
{
	struct buffer_head *bh;

	bh = sb_bread(sb, blkno);
	if (!bh)
		return ERR_PTR(-EIO);
	return bh;
}

int held(struct mutex *m, int n)
{
	mutex_lock(m);
	if (n < 0)
		return -EINVAL;		/* finding: unlock */
	mutex_unlock(m);
	return 0;
}

int released(struct mutex *m, int n)
{
	int err = 0;

	mutex_lock(m);
	if (n < 0) {
		err = -EINVAL;
		goto out;
	}
	change(NULL, n);
out:
	mutex_unlock(m);
	return err;
}
