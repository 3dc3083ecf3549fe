// SPDX-License-Identifier: GPL-2.0
/* tune.vexfs -O change_feed, -O ^change_feed: the change tree, which is more than a bit. */
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "lib/image_feed.h"
#include "tools/tune/tune.h"

static void report(void *ctx, u64 blkno, const char *what)
{
	tune_complain("block %llu: %s", (unsigned long long)blkno, what);
}

/*
 * The superblock is stored by the caller when everything else is on the device. Whatever interrupts this, the
 * superblock says nothing of an inode that is not there; fsck.vexfs frees or makes anew what is left over.
 */
static int change(struct vexfs_image *img, bool on)
{
	const char *what = NULL;
	u32 generation;
	int err = vexfs_image_places(img, &what);

	if (err)
		return err;
	if (getrandom(&generation, sizeof(generation), 0) != sizeof(generation))
		generation = (u32)time(NULL);
	img->report = report;
	err = on ? vexfs_image_feed_on(img, generation, time(NULL)) : vexfs_image_feed_off(img);
	return err ? err : vexfs_image_flush(img);
}

int tune_feed(const struct tune *t, struct vexfs_image *img)
{
	bool has = le32_to_cpu(img->sb.s_feature_ro_compat) & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
	bool on = t->add[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
	bool off = t->del[VEXFS_RO_COMPAT] & VEXFS_FEATURE_RO_COMPAT_CHANGE_FEED;
	int err;

	if (on ? has : !(off && has))
		return 0;
	err = change(img, on);
	if (!err)
		return 0;
	tune_complain("%s: turning the change feed %s: %s; run fsck.vexfs", t->path, on ? "on" : "off", strerror(-err));
	return TUNE_FAILED;
}
