// SPDX-License-Identifier: GPL-2.0
/* What is on a device before mkfs overwrites it. */
#include <blkid/blkid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "tools/mkfs/mkfs.h"

#define SAMPLE_BYTES	(64U << 10)

/* libblkid does not know VexFS. A damaged superblock counts: somebody may want to repair it. */
static bool probe_vexfs(const struct vexfs_dev *dev, char *what, size_t size)
{
	struct vexfs_super_block sb;
	char uuid[37];

	if (vexfs_dev_read(dev, VEXFS_SB_OFFSET, &sb, sizeof(sb)) ||
	    le32_to_cpu(sb.s_magic) != VEXFS_SB_MAGIC)
		return false;
	uuid_unparse(sb.s_uuid, uuid);
	snprintf(what, size, "a VexFS filesystem (label '%.*s', uuid %s)",
		 (int)sizeof(sb.s_label), (const char *)sb.s_label, uuid);
	return true;
}

static const char *lookup(blkid_probe pr, const char *key)
{
	const char *value = NULL;

	return blkid_probe_lookup_value(pr, key, &value, NULL) == 0 ? value : NULL;
}

static const char *article(const char *noun)
{
	return strchr("aeiouAEIOU", noun[0]) ? "an" : "a";
}

static void describe(blkid_probe pr, char *what, size_t size)
{
	const char *type = lookup(pr, "TYPE"), *label = lookup(pr, "LABEL");
	const char *pttype = lookup(pr, "PTTYPE");

	if (type && label)
		snprintf(what, size, "%s %s filesystem or volume (label '%s')", article(type), type,
			 label);
	else if (type)
		snprintf(what, size, "%s %s filesystem or volume", article(type), type);
	else
		snprintf(what, size, "a %s partition table", pttype ?: "unknown");
}

static int probe_blkid(const struct vexfs_dev *dev, char *what, size_t size)
{
	blkid_probe pr = blkid_new_probe();
	int ret;

	if (!pr)
		return -ENOMEM;
	ret = blkid_probe_set_device(pr, dev->fd, 0, 0) ? -EIO : 0;
	if (!ret) {
		blkid_probe_enable_superblocks(pr, 1);
		blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
		blkid_probe_enable_partitions(pr, 1);
		ret = blkid_do_safeprobe(pr);
		/* 0 found, 1 nothing, -2 several signatures, -1 error */
		if (ret == 0)
			describe(pr, what, size);
		else if (ret == -2)
			snprintf(what, size, "signatures of several formats");
		ret = ret == 1 ? 0 : ret == -1 ? -EIO : 1;
	}
	blkid_free_probe(pr);
	return ret;
}

/*
 * A regular file with contents nobody recognises is more likely a document
 * given by mistake than an old image. (On a block device old random data is
 * normal and nobody's loss.)
 */
static int probe_content(const struct vexfs_dev *dev, char *what, size_t size)
{
	size_t len = dev->bytes < SAMPLE_BYTES ? dev->bytes : SAMPLE_BYTES, i;
	u8 *buf;
	int ret;

	if (dev->is_block || !len)
		return 0;
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	ret = vexfs_dev_read(dev, 0, buf, len);
	for (i = 0; !ret && i < len; i++)
		ret = buf[i] != 0;
	if (ret == 1)
		snprintf(what, size, "data of an unknown kind");
	free(buf);
	return ret;
}

int mkfs_probe(const struct vexfs_dev *dev, char *what, size_t size)
{
	int ret;

	if (!dev->bytes)
		return 0;
	if (probe_vexfs(dev, what, size))
		return 1;
	ret = probe_blkid(dev, what, size);
	return ret ? ret : probe_content(dev, what, size);
}
