/* SPDX-License-Identifier: GPL-2.0 */
/* Who asks: the credentials a view belongs to. */
#ifndef VEXFS_KMOD_VEC_WHO_H
#define VEXFS_KMOD_VEC_WHO_H

#include "kmod/vec/vec.h"

/**
 * struct vexfs_who - all that inode_permission() looks at besides the inode
 * @id:     zeroed before it is filled in: compared as memory
 * @ns:     user namespace: capabilities are judged in it
 * @groups: supplementary groups
 * @idmap:  of the mount
 */
struct vexfs_who {
	struct {
		kuid_t		uid, euid, fsuid;
		kgid_t		gid, egid, fsgid;
		kernel_cap_t	caps;
		u32		securebits, secid;
	} id;
	struct user_namespace	*ns;
	struct group_info	*groups;
	vexfs_idmap_t		*idmap;
};

/* Of the calling task, through @idmap; holds references until vexfs_who_put(). No locks. */
void vexfs_who_fill(struct vexfs_who *who, vexfs_idmap_t *idmap);
void vexfs_who_put(struct vexfs_who *who);
/* May one see exactly what the other sees? Any context. */
bool vexfs_who_same(const struct vexfs_who *a, const struct vexfs_who *b);

#endif /* VEXFS_KMOD_VEC_WHO_H */
