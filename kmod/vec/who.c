// SPDX-License-Identifier: GPL-2.0
/* Credentials, taken down to be compared with those of a later caller. */
#include "kmod/vec/who.h"
#include <linux/cred.h>
#include <linux/security.h>
#include <linux/user_namespace.h>

void vexfs_who_fill(struct vexfs_who *who, vexfs_idmap_t *idmap)
{
	const struct cred *cred = current_cred();

	memset(who, 0, sizeof(*who));
	who->id.uid = cred->uid;
	who->id.euid = cred->euid;
	who->id.fsuid = cred->fsuid;
	who->id.gid = cred->gid;
	who->id.egid = cred->egid;
	who->id.fsgid = cred->fsgid;
	who->id.caps = cred->cap_effective;
	who->id.securebits = cred->securebits;
	security_cred_getsecid(cred, &who->id.secid);
	who->ns = get_user_ns(cred->user_ns);
	who->groups = get_group_info(cred->group_info);
	who->idmap = vexfs_idmap_get(idmap);
}

void vexfs_who_put(struct vexfs_who *who)
{
	put_user_ns(who->ns);
	put_group_info(who->groups);
	vexfs_idmap_put(who->idmap);
}

static bool vexfs_groups_same(const struct group_info *a, const struct group_info *b)
{
	return a == b || (a->ngroups == b->ngroups &&
			  !memcmp(a->gid, b->gid, a->ngroups * sizeof(a->gid[0])));
}

bool vexfs_who_same(const struct vexfs_who *a, const struct vexfs_who *b)
{
	return !memcmp(&a->id, &b->id, sizeof(a->id)) && a->ns == b->ns &&
	       a->idmap == b->idmap && vexfs_groups_same(a->groups, b->groups);
}
