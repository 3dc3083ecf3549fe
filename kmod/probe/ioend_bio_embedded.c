// SPDX-License-Identifier: GPL-2.0
/* 6.9: struct iomap_ioend embeds its bio as io_bio. */
/* one of: ioend bio */
#include <linux/iomap.h>
struct iomap_ioend *probe(struct bio *bio);
struct iomap_ioend *probe(struct bio *bio)
{
	return container_of(bio, struct iomap_ioend, io_bio);
}
