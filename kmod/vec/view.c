// SPDX-License-Identifier: GPL-2.0
/*
 * Which embeddings of a collection may a caller have? Answered before a search
 * ranks anything, so that hidden embeddings have no part in its work.
 *
 * A view belongs to a collection and to credentials, mount idmap included. It
 * keeps one number per slot: the place of the slot's file, which stands for the
 * directories that hold its names, or that the caller may not read the file. It
 * does not depend on the scope of a search. Which places are below the scope and
 * open to the caller is a second, much smaller table, kept for the last scope.
 *
 * What makes a view wrong is recorded where it happens: a set forgets its slot
 * in every view (vexfs_views_set); chmod, chown, link, unlink and rename of a
 * file that may have embeddings go to a log of inode numbers, and of a directory
 * they move a counter (vexfs_perm_changed). Both only if somebody has asked
 * about the inode since its last change, so a loop of changes costs others
 * little. A view that has missed part of the log starts anew.
 *
 * Not recorded: a new policy of a security module. Candidates are judged again
 * and hits are opened, so an outdated view can hide a file, never disclose one.
 *
 * Memory is charged to the caller who needed it; the superblock's shrinker and
 * a limit on their number take views away, the least recently used first.
 *
 * Locking: view->mutex for the search that updates it, which holds no other lock
 * of the vector half; vexfs_views.lock (a spinlock, innermost) for the list and
 * for the sets that reach into place[] of other callers' views.
 */
#include "kmod/vec/view.h"
#include <linux/cred.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/user_namespace.h>

/* ---- views come and go -------------------------------------------------------- */

static void vexfs_view_free(struct vexfs_view *v)
{
	vexfs_who_put(&v->who);
	xa_destroy(&v->single);
	kvfree(v->place);
	kvfree(v->tag);
	kvfree(v->places);
	kvfree(v->ways);
	kfree(v);
}

void vexfs_view_put(struct vexfs_view *v)
{
	if (v && refcount_dec_and_test(&v->ref))
		vexfs_view_free(v);
}

/* vexfs_views.lock held: the caller puts it after unlocking. */
static void vexfs_view_unlist(struct vexfs_views *vs, struct vexfs_view *v, struct list_head *out)
{
	list_move(&v->list, out);
	vs->n--;
}

static void vexfs_views_put_all(struct list_head *list)
{
	struct vexfs_view *v, *tmp;

	list_for_each_entry_safe(v, tmp, list, list) {
		list_del_init(&v->list);
		vexfs_view_put(v);
	}
}

static struct vexfs_view *vexfs_view_alloc(struct vexfs_views *vs, struct vexfs_coll *coll,
					   vexfs_idmap_t *idmap)
{
	struct vexfs_view *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);

	if (!v)
		return NULL;
	refcount_set(&v->ref, 1);
	INIT_LIST_HEAD(&v->list);
	mutex_init(&v->mutex);
	xa_init_flags(&v->single, XA_FLAGS_ACCOUNT);
	v->coll = coll;
	v->nplaces = PLACE_FIRST;
	v->known = ~0ULL;
	vexfs_who_fill(&v->who, idmap);
	spin_lock(&vs->log_lock);
	v->seen = vs->head;
	spin_unlock(&vs->log_lock);
	return v;
}

/* A reference to the view that @new describes, if there is one; lock held. */
static struct vexfs_view *vexfs_view_find(struct vexfs_views *vs, const struct vexfs_view *new)
{
	struct vexfs_view *v;

	list_for_each_entry(v, &vs->list, list) {
		if (v->coll != new->coll || !vexfs_who_same(&v->who, &new->who))
			continue;
		list_move(&v->list, &vs->list);
		refcount_inc(&v->ref);
		return v;
	}
	return NULL;
}

/**
 * vexfs_view_get - the view of a collection that fits the caller
 * @coll:  the collection; a reference is held as long as the view is used
 * @idmap: of the mount the search came through
 *
 * No locks held. Return: a counted view, or NULL: no memory.
 */
struct vexfs_view *vexfs_view_get(struct vexfs_coll *coll, vexfs_idmap_t *idmap)
{
	struct vexfs_views *vs = VEXFS_SB(coll->sb)->views;
	struct vexfs_view *new = vexfs_view_alloc(vs, coll, idmap), *v;
	LIST_HEAD(old);

	if (!new)
		return NULL;
	spin_lock(&vs->lock);
	v = vexfs_view_find(vs, new);
	if (!v) {
		v = new;
		refcount_inc(&v->ref);
		list_add(&v->list, &vs->list);
		vs->n++;
		if (vs->n > VEXFS_VIEWS)
			vexfs_view_unlist(vs, list_last_entry(&vs->list, struct vexfs_view, list),
					  &old);
	}
	spin_unlock(&vs->lock);
	if (v != new)
		vexfs_view_put(new);
	vexfs_views_put_all(&old);
	return v;
}

/* The last reference to @coll is going. */
void vexfs_views_drop(struct vexfs_coll *coll)
{
	struct vexfs_views *vs = VEXFS_SB(coll->sb)->views;
	struct vexfs_view *v, *tmp;
	LIST_HEAD(old);

	if (!vs)
		return;
	spin_lock(&vs->lock);
	list_for_each_entry_safe(v, tmp, &vs->list, list)
		if (v->coll == coll)
			vexfs_view_unlist(vs, v, &old);
	spin_unlock(&vs->lock);
	vexfs_views_put_all(&old);
}

/* For the superblock's shrinker: how many views there are, and take @nr away. */
long vexfs_views_count(struct super_block *sb, struct shrink_control *sc)
{
	struct vexfs_views *vs = VEXFS_SB(sb)->views;

	return vs ? READ_ONCE(vs->n) : 0;
}

long vexfs_views_shrink(struct super_block *sb, struct shrink_control *sc)
{
	struct vexfs_views *vs = VEXFS_SB(sb)->views;
	long n = 0;
	LIST_HEAD(old);

	if (!vs)
		return 0;
	spin_lock(&vs->lock);
	for (; n < sc->nr_to_scan && vs->n; n++)
		vexfs_view_unlist(vs, list_last_entry(&vs->list, struct vexfs_view, list), &old);
	spin_unlock(&vs->lock);
	vexfs_views_put_all(&old);
	return n;
}

int vexfs_views_init(struct super_block *sb)
{
	struct vexfs_views *vs = kvzalloc(sizeof(*vs), GFP_KERNEL);

	if (!vs)
		return -ENOMEM;
	spin_lock_init(&vs->lock);
	spin_lock_init(&vs->log_lock);
	INIT_LIST_HEAD(&vs->list);
	VEXFS_SB(sb)->views = vs;
	return 0;
}

/* Every collection is gone, and with them their views. */
void vexfs_views_exit(struct super_block *sb)
{
	kvfree(VEXFS_SB(sb)->views);
	VEXFS_SB(sb)->views = NULL;
}

/* ---- what makes a view wrong ---------------------------------------------------- */

/**
 * vexfs_perm_changed - who may open this file, or reach through this directory, changed
 * @inode: its mode, owner or names have changed in memory
 *
 * Takes spinlocks only; may be called in a handle.
 */
void vexfs_perm_changed(struct inode *inode)
{
	struct vexfs_views *vs = VEXFS_SB(inode->i_sb)->views;
	struct vexfs_inode_info *vi = VEXFS_I(inode);
	bool asked;

	spin_lock(&vi->lock);
	asked = vi->judged;
	vi->judged = false;
	spin_unlock(&vi->lock);
	if (!asked || !vs)
		return;
	if (S_ISDIR(inode->i_mode)) {
		atomic64_inc(&vs->dirs_epoch);
	} else if (READ_ONCE(vi->vecmask)) {
		spin_lock(&vs->log_lock);
		vs->log[vs->head++ % VEXFS_PERM_LOG] = inode->i_ino;
		spin_unlock(&vs->log_lock);
	}
}

/* All verdicts are out of date (a mount option). Takes a spinlock. */
void vexfs_perm_changed_all(struct super_block *sb)
{
	struct vexfs_views *vs = VEXFS_SB(sb)->views;

	if (!vs)
		return;
	atomic64_inc(&vs->dirs_epoch);
	spin_lock(&vs->log_lock);
	vs->head += VEXFS_PERM_LOG + 1;
	spin_unlock(&vs->log_lock);
}

/* @slot has another embedding now; coll->sem held for writing, coll->lock not. */
void vexfs_views_set(struct vexfs_coll *coll, u32 slot)
{
	struct vexfs_views *vs = VEXFS_SB(coll->sb)->views;
	struct vexfs_view *v;

	spin_lock(&vs->lock);
	list_for_each_entry(v, &vs->list, list) {
		if (v->coll != coll)
			continue;
		if (slot < v->nslots)
			WRITE_ONCE(v->place[slot], PLACE_UNKNOWN);
		v->resets++;
	}
	spin_unlock(&vs->lock);
}

/* ---- places ------------------------------------------------------------------------ */

static int vexfs_places_grow(struct vexfs_view *v)
{
	u32 room = v->room ? v->room * 2 : 64;
	struct vexfs_place *places;
	u8 *ways;

	if (v->nplaces < v->room)
		return 0;
	places = kvcalloc(room, sizeof(*places), GFP_KERNEL_ACCOUNT);
	ways = kvzalloc(room, GFP_KERNEL_ACCOUNT);
	if (!places || !ways) {
		kvfree(places);
		kvfree(ways);
		return -ENOMEM;
	}
	if (v->room) {
		memcpy(places, v->places, v->nplaces * sizeof(*places));
		memcpy(ways, v->ways, v->nplaces);
	}
	kvfree(v->places);
	kvfree(v->ways);
	v->places = places;
	v->ways = ways;
	v->room = room;
	return 0;
}

static int vexfs_place_add(struct vexfs_view *v, u64 parent, u32 next, u32 *place)
{
	int err = vexfs_places_grow(v);

	if (err)
		return err;
	*place = v->nplaces++;
	v->places[*place] = (struct vexfs_place) { .parent = parent, .next = next };
	v->ways[*place] = WAY_UNKNOWN;
	return 0;
}

static int vexfs_place_single(struct vexfs_view *v, u64 parent, u32 *place)
{
	void *known = xa_load(&v->single, parent);
	int err;

	if (known) {
		*place = xa_to_value(known);
		return 0;
	}
	err = vexfs_place_add(v, parent, 0, place);
	if (err)
		return err;
	return xa_err(xa_store(&v->single, parent, xa_mk_value(*place), GFP_KERNEL));
}

/* The place of a file with these names; PLACE_NO without any. */
static int vexfs_place_of(struct vexfs_view *v, struct inode *inode,
			  const struct vexfs_link *links, u32 *place)
{
	u32 i, n = 0, next = 0;
	struct vexfs_link link;
	int err = 0, more = 0;
	u64 key = 0;

	*place = PLACE_NO;
	while (n < VEXFS_INODE_LINKS && links[n].l_parent)
		n++;
	if (n == 1 && !READ_ONCE(VEXFS_I(inode)->link_block))
		return vexfs_place_single(v, le64_to_cpu(links[0].l_parent), place);
	for (i = 0; i < n && !err; i++, next = *place)
		err = vexfs_place_add(v, le64_to_cpu(links[i].l_parent), next, place);
	while (!err && (more = vexfs_links_more(inode, &key, &link)) > 0) {
		err = vexfs_place_add(v, le64_to_cpu(link.l_parent), next, place);
		next = *place;
	}
	return err ? err : more;
}

static void vexfs_view_reset(struct vexfs_view *v)
{
	memset(v->place, 0, (size_t)v->nslots * sizeof(*v->place));
	xa_destroy(&v->single);
	v->nplaces = PLACE_FIRST;
	v->known = ~0ULL;
}

/* ---- judging slots ------------------------------------------------------------------- */

/* A slot whose file has to be judged, or a file that was. */
struct vexfs_asked {
	u64	ino;
	u32	slot, generation, place;
};

/**
 * struct vexfs_update - a view being brought up to date
 * @v:	     the view; its mutex is held
 * @coll:    what it is a view of
 * @incomplete: set when damage keeps a slot from being judged
 * @about:   slots of which it is asked whether any is hidden
 * @live:    a part of the bitmap of live slots
 * @memo:    files judged lately
 * @changed: tags of files that have changed
 */
struct vexfs_update {
	struct vexfs_view	*v;
	struct vexfs_coll	*coll;
	bool			*incomplete;
	const struct vexfs_asked_about *about;
	unsigned long		live[BITS_TO_LONGS(VEXFS_LIVE_BITS)];
	struct vexfs_asked	memo[VEXFS_VIEW_MEMO];
	DECLARE_BITMAP(changed, VEXFS_TAGS);
};

static u16 vexfs_tag(u64 ino)
{
	return hash_64(ino, ilog2(VEXFS_TAGS));
}

static int vexfs_file_place(struct vexfs_update *u, u64 ino, u32 generation, u32 *place)
{
	struct inode *inode = vexfs_iget(u->coll->sb, ino, VEXFS_IGET_MAYBE);
	struct vexfs_link links[VEXFS_INODE_LINKS];
	int err = 0;
	bool ok;

	*place = PLACE_NO;
	if (IS_ERR(inode))
		return inode == ERR_PTR(-ESTALE) ? 0 : PTR_ERR(inode);
	vexfs_links_ask(inode, links);
	ok = S_ISREG(inode->i_mode) && inode->i_nlink && inode->i_generation == generation &&
	     !inode_permission(u->v->who.idmap, inode, MAY_READ);
	if (ok)
		err = vexfs_place_of(u->v, inode, links, place);
	iput(inode);
	return err;
}

/* Chunks of one file often come together: it is judged once. */
static int vexfs_ask(struct vexfs_update *u, struct vexfs_asked *a)
{
	struct vexfs_asked *m = &u->memo[hash_64(a->ino, ilog2(VEXFS_VIEW_MEMO))];
	int err;

	if (m->ino != a->ino || m->generation != a->generation) {
		m->ino = 0;
		err = vexfs_file_place(u, a->ino, a->generation, &m->place);
		if (err)
			return err;
		m->ino = a->ino;
		m->generation = a->generation;
	}
	a->place = m->place;
	return 0;
}

/* The file of a live slot without a place. */
static int vexfs_slot_judge(struct vexfs_update *u, u32 slot)
{
	struct vexfs_asked a = { .slot = slot };
	struct vexfs_view *v = u->v;
	struct vexfs_slot s;
	int err;

	/* A set from here on takes it back. */
	xchg(&v->place[slot], PLACE_ASKED);
	err = vexfs_slot_copy(u->coll, slot, &s);
	if (err || s.v_state != VEXFS_SLOT_LIVE)
		return err;
	a.ino = le64_to_cpu(s.v_ino);
	a.generation = le32_to_cpu(s.v_generation);
	err = vexfs_ask(u, &a);
	if (err)
		return err;
	v->tag[slot] = vexfs_tag(a.ino);
	cmpxchg(&v->place[slot], PLACE_ASKED, a.place);
	return 0;
}

/* Damage leaves a slot without a place: out of this search, asked about in the next. */
static int vexfs_slot_update(struct vexfs_update *u, u32 slot)
{
	u32 place = READ_ONCE(u->v->place[slot]);
	int err;

	if (place != PLACE_UNKNOWN && place != PLACE_ASKED)
		return 0;
	err = vexfs_slot_judge(u, slot);
	if (err == -EIO || err == -EFSCORRUPTED) {
		*u->incomplete = true;
		err = 0;
	}
	cond_resched();
	return err ? err : fatal_signal_pending(current) ? -EINTR : 0;
}

static int vexfs_slots_update(struct vexfs_update *u)
{
	u32 first, n, i;
	int err;

	for (first = 0; first < u->v->nslots; first += n) {
		n = vexfs_slots_live(u->coll, first, u->live);
		if (!n)
			break;
		for_each_set_bit(i, u->live, min(n, u->v->nslots - first)) {
			err = vexfs_slot_update(u, first + i);
			if (err)
				return err;
		}
		cond_resched();
	}
	return 0;
}

static int vexfs_view_judge(struct vexfs_update *u)
{
	struct vexfs_view *v = u->v;
	u64 resets = READ_ONCE(v->resets);
	int err;

	if (v->known == resets)
		return 0;
	err = vexfs_slots_update(u);
	if (!err && !*u->incomplete)
		v->known = resets;
	return err;
}

/* ---- changes since the view was used last --------------------------------------------- */

/* The next entry of the log. 1: there is one; 0: no more; -ENODATA: some are lost. */
static int vexfs_log_next(struct vexfs_views *vs, u64 pos, u64 *ino)
{
	int ret = 1;

	spin_lock(&vs->log_lock);
	if (pos == vs->head)
		ret = 0;
	else if (vs->head - pos > VEXFS_PERM_LOG)
		ret = -ENODATA;
	else
		*ino = vs->log[pos % VEXFS_PERM_LOG];
	spin_unlock(&vs->log_lock);
	return ret;
}

/* Forget the slots of files that have changed, and a few others of the same tag. */
static void vexfs_view_forget(struct vexfs_update *u)
{
	struct vexfs_view *v = u->v;
	u32 slot;

	for (slot = 0; slot < v->nslots; slot++) {
		if (test_bit(v->tag[slot], u->changed))
			WRITE_ONCE(v->place[slot], PLACE_UNKNOWN);
		if (slot % VEXFS_LIVE_BITS == 0)
			cond_resched();
	}
	v->known = ~0ULL;
}

static void vexfs_view_changes(struct vexfs_update *u)
{
	struct vexfs_view *v = u->v;
	struct vexfs_views *vs = VEXFS_SB(u->coll->sb)->views;
	bool any = false;
	u64 ino;
	int ret;

	while ((ret = vexfs_log_next(vs, v->seen, &ino)) == 1) {
		__set_bit(vexfs_tag(ino), u->changed);
		any = true;
		v->seen++;
	}
	/* Files that moved leave places behind that no slot has any more. */
	if (!ret && v->nplaces / 2 <= v->nslots + VEXFS_PERM_LOG) {
		if (any)
			vexfs_view_forget(u);
		return;
	}
	spin_lock(&vs->log_lock);
	v->seen = vs->head;
	spin_unlock(&vs->log_lock);
	vexfs_view_reset(v);
}

/* Room for slots added since, and for some that will be. */
static int vexfs_view_grow(struct vexfs_view *v, struct vexfs_coll *coll)
{
	struct vexfs_views *vs = VEXFS_SB(coll->sb)->views;
	u32 have = READ_ONCE(coll->nslots), *place;
	u16 *tag;

	if (have <= v->nslots)
		return 0;
	have += have / 4;
	place = kvcalloc(have, sizeof(*place), GFP_KERNEL_ACCOUNT);
	tag = kvcalloc(have, sizeof(*tag), GFP_KERNEL_ACCOUNT);
	if (!place || !tag) {
		kvfree(place);
		kvfree(tag);
		return -ENOMEM;
	}
	spin_lock(&vs->lock);		/* no set meanwhile */
	if (v->nslots) {
		memcpy(place, v->place, (size_t)v->nslots * sizeof(*place));
		memcpy(tag, v->tag, (size_t)v->nslots * sizeof(*tag));
	}
	swap(v->place, place);
	swap(v->tag, tag);
	v->nslots = have;
	spin_unlock(&vs->lock);
	v->known = ~0ULL;
	kvfree(place);
	kvfree(tag);
	return 0;
}

/* ---- the answer ------------------------------------------------------------------------ */

/* Is one of the place's directories below the scope and open to the caller? */
static int vexfs_place_way(struct vexfs_view *v, struct vexfs_scope *sc, u32 place,
			   bool *incomplete)
{
	bool broken = false;
	int ok = 0;
	u32 p;

	for (p = place; p && !ok; p = v->places[p].next) {
		ok = vexfs_scope_reaches(sc, v->places[p].parent);
		if (ok == -EIO || ok == -EFSCORRUPTED) {
			broken = true;
			ok = 0;
		}
		if (ok < 0)
			return ok;
	}
	if (ok || !broken)
		v->ways[place] = ok ? WAY_YES : WAY_NO;
	else
		*incomplete = true;
	return 0;
}

static int vexfs_view_ways(struct vexfs_view *v, struct vexfs_coll *coll, struct vexfs_scope *sc,
			   bool *incomplete)
{
	u64 epoch = atomic64_read_acquire(&VEXFS_SB(coll->sb)->views->dirs_epoch);
	u32 place;
	int err;

	if (v->scope != vexfs_scope_top(sc) || v->dirs_epoch != epoch) {
		memset(v->ways, WAY_UNKNOWN, v->room);
		v->scope = vexfs_scope_top(sc);
		v->dirs_epoch = epoch;
	}
	for (place = PLACE_FIRST; place < v->nplaces; place++) {
		if (v->ways[place] != WAY_UNKNOWN)
			continue;
		err = fatal_signal_pending(current) ? -EINTR :
			vexfs_place_way(v, sc, place, incomplete);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static bool vexfs_place_open(const struct vexfs_view *v, u32 place)
{
	return place >= PLACE_FIRST && v->ways[place] == WAY_YES;
}

/* Is one of a part of the slots asked about not for the caller? A freed one is its last file's. */
static bool vexfs_view_hides(struct vexfs_update *u, u32 first, u32 n, const struct vexfs_permitted *out)
{
	const struct vexfs_asked_about *about = u->about;
	u32 i, bit;

	for (i = BIT_WORD(first); i < BITS_TO_LONGS(min(about->n, first + n)); i++) {
		unsigned long rest = about->bits[i] & ~out->bits[i];

		for_each_set_bit(bit, &rest, BITS_PER_LONG) {
			u32 slot = i * BITS_PER_LONG + bit;

			if (slot >= u->v->nslots || !vexfs_place_open(u->v, READ_ONCE(u->v->place[slot])))
				return true;
		}
	}
	return false;
}

static void vexfs_view_part(struct vexfs_update *u, u32 first, u32 n,
			    struct vexfs_permitted *out)
{
	struct vexfs_view *v = u->v;
	u32 i, place;

	for_each_set_bit(i, u->live, n) {
		place = READ_ONCE(v->place[first + i]);
		if (!vexfs_place_open(v, place))
			continue;
		__set_bit(first + i, out->bits);
		out->n++;
	}
}

static int vexfs_view_bits(struct vexfs_update *u, struct vexfs_permitted *out)
{
	struct vexfs_view *v = u->v;
	u32 first, n;

	out->nslots = v->nslots;
	/* Whole words of what is copied at a time. */
	out->bits = kvcalloc(BITS_TO_LONGS(ALIGN(max(v->nslots, 1U), VEXFS_LIVE_BITS)),
			     sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!out->bits)
		return -ENOMEM;
	for (first = 0; first < v->nslots; first += n) {
		n = vexfs_slots_live(u->coll, first, u->live);
		if (!n)
			break;
		vexfs_view_part(u, first, min(n, v->nslots - first), out);
		out->hidden = out->hidden || vexfs_view_hides(u, first, n, out);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int vexfs_view_update(struct vexfs_update *u, struct vexfs_scope *sc, struct vexfs_permitted *out)
{
	struct vexfs_view *v = u->v;
	int err = vexfs_coll_check(u->coll);

	if (!err)
		err = vexfs_places_grow(v);
	if (!err)
		err = vexfs_view_grow(v, u->coll);
	if (err)
		return err;
	vexfs_view_changes(u);
	err = vexfs_view_judge(u);
	if (!err)
		err = vexfs_view_ways(v, u->coll, sc, &out->incomplete);
	return err ? err : vexfs_view_bits(u, out);
}

/**
 * vexfs_view_permitted - the slots whose files the caller could find and read
 * @v:	  the caller's view of @coll
 * @coll: no locks held
 * @sc:	  the scope
 * @about: sets @hidden of @out
 * @out:  a bitmap, to be freed with kvfree(); damage met on the way sets @incomplete
 *
 * Return: 0, -EINTR, -ENOMEM, -ENOENT (dropped), -EIO, -EUCLEAN.
 */
int vexfs_view_permitted(struct vexfs_view *v, struct vexfs_coll *coll, struct vexfs_scope *sc,
			 const struct vexfs_asked_about *about, struct vexfs_permitted *out)
{
	struct vexfs_update *u = kvzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	int err = -EINTR;

	memset(out, 0, sizeof(*out));
	if (!u)
		return -ENOMEM;
	u->v = v;
	u->coll = coll;
	u->incomplete = &out->incomplete;
	u->about = about;
	if (!mutex_lock_killable(&v->mutex)) {
		err = vexfs_view_update(u, sc, out);
		mutex_unlock(&v->mutex);
	}
	kvfree(u);
	return err;
}

/**
 * vexfs_view_cut - leave @max of the slots
 * @v:	  the view they are from
 * @coll: no locks held
 * @max:  not 0
 * @out:  fewer than before; gets @truncated if any were left out
 *
 * Return: as vexfs_permitted_cut(); -EINTR.
 */
int vexfs_view_cut(struct vexfs_view *v, struct vexfs_coll *coll, u32 max, struct vexfs_permitted *out)
{
	int err;

	if (out->n <= max)
		return 0;
	if (mutex_lock_killable(&v->mutex))
		return -EINTR;
	/* It has at least the slots it had then: a view only grows. */
	err = vexfs_permitted_cut(coll, out, v->tag, max);
	mutex_unlock(&v->mutex);
	return err;
}
