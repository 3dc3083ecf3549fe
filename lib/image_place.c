// SPDX-License-Identifier: GPL-2.0
/* Where a new filesystem has the metadata of its groups. */
#include <errno.h>
#include <stdlib.h>

#include "core/grow.h"
#include "lib/image_place.h"

int vexfs_format_places(struct vexfs_geo *geo)
{
	geo->place = calloc(geo->groups, sizeof(*geo->place));
	if (!geo->place)
		return -ENOMEM;
	vexfs_places_plan(geo, 0);
	return 0;
}
