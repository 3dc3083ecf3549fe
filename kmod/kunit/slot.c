// SPDX-License-Identifier: GPL-2.0
/* Which slots of a collection may be used: freed ones only after a commit, whoever commits. */
#include "kmod/kunit/kunit.h"
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/kthread.h>

#define NSLOTS	300

static int slot_init(struct kunit *test)
{
	struct vexfs_coll *coll = kunit_kzalloc(test, sizeof(*coll), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, coll);
	init_rwsem(&coll->sem);
	spin_lock_init(&coll->lock);
	KUNIT_ASSERT_EQ(test, vexfs_slotmap_alloc(&coll->bits, NSLOTS), 0);
	coll->nslots = NSLOTS;
	coll->stage = VEXFS_COLL_READY;
	test->priv = coll;
	return 0;
}

static void slot_exit(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;

	vexfs_slotmap_release(&coll->bits);
}

static u32 take(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	u32 slot;

	KUNIT_ASSERT_TRUE(test, vexfs_slot_find_free(coll, &slot));
	KUNIT_ASSERT_LT(test, slot, coll->nslots);
	KUNIT_ASSERT_FALSE(test, vexfs_slot_used(coll, slot));
	vexfs_slot_mark_live(coll, slot);
	return slot;
}

static void test_fill(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	u32 i, slot;

	for (i = 0; i < NSLOTS; i++)
		KUNIT_EXPECT_EQ(test, take(test), i);
	KUNIT_EXPECT_EQ(test, coll->nlive, (u32)NSLOTS);
	KUNIT_EXPECT_FALSE(test, vexfs_slot_find_free(coll, &slot));
}

/* A slot freed by transaction 5 is not given out until 5 has committed; 4 does not help. */
static void test_pending(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	u64 seq;
	u32 i, slot;

	for (i = 0; i < NSLOTS; i++)
		take(test);
	seq = coll->seq;
	vexfs_slot_mark_freed(coll, 17, 5);
	KUNIT_EXPECT_EQ(test, coll->seq, seq + 1);
	KUNIT_EXPECT_FALSE(test, test_bit(17, coll->bits.live));
	KUNIT_EXPECT_TRUE(test, vexfs_slot_used(coll, 17));
	KUNIT_EXPECT_FALSE(test, vexfs_slot_find_free(coll, &slot));
	vexfs_coll_commit(coll, 4 & 1);
	KUNIT_EXPECT_FALSE(test, vexfs_slot_find_free(coll, &slot));
	vexfs_coll_commit(coll, 5 & 1);
	KUNIT_EXPECT_EQ(test, coll->bits.npending[1], 0U);
	KUNIT_EXPECT_EQ(test, take(test), 17U);
	/* The lowest of several comes first. */
	vexfs_slot_mark_freed(coll, 200, 6);
	vexfs_slot_mark_freed(coll, 3, 6);
	vexfs_coll_commit(coll, 0);
	KUNIT_EXPECT_EQ(test, take(test), 3U);
	KUNIT_EXPECT_EQ(test, take(test), 200U);
}

/* Larger bitmaps know what the smaller ones knew. */
static void test_grow(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	struct vexfs_slotmap more;
	u32 i, slot;

	for (i = 0; i < NSLOTS; i++)
		take(test);
	vexfs_slot_mark_freed(coll, 42, 8);
	KUNIT_ASSERT_EQ(test, vexfs_slotmap_alloc(&more, 2 * NSLOTS), 0);
	vexfs_slotmap_swap(coll, &more, 2 * NSLOTS);
	vexfs_slotmap_release(&more);
	KUNIT_EXPECT_TRUE(test, vexfs_slot_used(coll, 42));
	KUNIT_EXPECT_TRUE(test, vexfs_slot_find_free(coll, &slot));
	KUNIT_EXPECT_EQ(test, slot, (u32)NSLOTS);
	vexfs_coll_commit(coll, 0);
	KUNIT_EXPECT_EQ(test, take(test), 42U);
	KUNIT_EXPECT_EQ(test, take(test), (u32)NSLOTS);
}

/* Quarantined slots are not given out again, freed or not. */
static void test_quarantine(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	u32 i;

	for (i = 0; i < 10; i++)
		take(test);
	vexfs_slots_quarantine(coll, 8, 4);
	vexfs_slots_quarantine(coll, NSLOTS - 1, 4);
	KUNIT_EXPECT_EQ(test, take(test), 12U);
	vexfs_slot_mark_freed(coll, 7, 4);
	vexfs_slot_mark_freed(coll, 8, 4);
	vexfs_coll_commit(coll, 0);
	KUNIT_EXPECT_EQ(test, take(test), 7U);
	KUNIT_EXPECT_EQ(test, take(test), 13U);
	KUNIT_EXPECT_TRUE(test, vexfs_slot_used(coll, NSLOTS - 1));
}

/* A slot is freed before there are bitmaps, and others while they are made. */
static void test_load(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	bool early;
	tid_t tid;

	vexfs_slotmap_release(&coll->bits);
	coll->stage = VEXFS_COLL_MAPPED;
	vexfs_slot_mark_freed(coll, 17, 5);
	vexfs_coll_commit(coll, 1);
	KUNIT_ASSERT_EQ(test, vexfs_load_begin(coll, &early, &tid), 0);
	KUNIT_EXPECT_TRUE(test, early);
	KUNIT_EXPECT_EQ(test, tid, 5U);
	__vexfs_slot_found(coll, 3);
	__vexfs_slot_found(coll, 4);
	vexfs_slot_mark_freed(coll, 4, 6);
	vexfs_slot_mark_freed(coll, 5, 6);	/* not met yet, and never */
	KUNIT_EXPECT_EQ(test, coll->nlive, 1U);
	KUNIT_EXPECT_TRUE(test, vexfs_slot_used(coll, 4));
	KUNIT_EXPECT_TRUE(test, vexfs_slot_used(coll, 5));
	vexfs_coll_commit(coll, 0);
	KUNIT_EXPECT_FALSE(test, vexfs_slot_used(coll, 5));
	vexfs_slot_mark_freed(coll, 3, 7);
	vexfs_load_undo(coll);
	vexfs_coll_commit(coll, 1);
	KUNIT_ASSERT_EQ(test, vexfs_load_begin(coll, &early, &tid), 0);
	KUNIT_EXPECT_EQ(test, tid, 7U);
	KUNIT_EXPECT_EQ(test, coll->nlive, 0U);
}

static int committer(void *arg)
{
	struct vexfs_coll *coll = arg;
	u32 parity = 0;

	while (!kthread_should_stop()) {
		vexfs_coll_commit(coll, parity);
		parity ^= 1;
		cond_resched();
	}
	return 0;
}

/* The commit thread takes only coll->lock, sets and deletes also hold coll->sem: nothing may get lost. */
static void test_race(struct kunit *test)
{
	struct vexfs_coll *coll = test->priv;
	struct task_struct *task = kthread_run(committer, coll, "vexfs-kunit");
	u32 live = 0, slot, i;
	u64 rng = 1;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	for (i = 0; i < 5000; i++) {
		down_write(&coll->sem);
		slot = vexfs_kunit_below(&rng, NSLOTS);
		if (test_bit(slot, coll->bits.live)) {
			vexfs_slot_mark_freed(coll, slot, i);
			live--;
		} else if (vexfs_slot_find_free(coll, &slot)) {
			if (test_bit(slot, coll->bits.live))
				break;
			vexfs_slot_mark_live(coll, slot);
			live++;
		}
		up_write(&coll->sem);
		cond_resched();
	}
	kthread_stop(task);
	KUNIT_ASSERT_EQ_MSG(test, i, 5000U, "a live slot was given out again");
	vexfs_coll_commit(coll, 0);
	vexfs_coll_commit(coll, 1);
	KUNIT_EXPECT_EQ(test, coll->nlive, live);
	KUNIT_EXPECT_TRUE(test, bitmap_equal(coll->bits.live, coll->bits.used, NSLOTS));
	KUNIT_EXPECT_EQ(test, (u32)bitmap_weight(coll->bits.live, NSLOTS), live);
}

static struct kunit_case slot_cases[] = {
	KUNIT_CASE(test_fill),
	KUNIT_CASE(test_pending),
	KUNIT_CASE(test_grow),
	KUNIT_CASE(test_quarantine),
	KUNIT_CASE(test_load),
	KUNIT_CASE(test_race),
	{}
};

struct kunit_suite vexfs_kunit_slot = {
	.name = "vexfs-slot",
	.init = slot_init,
	.exit = slot_exit,
	.test_cases = slot_cases,
};
kunit_test_suite(vexfs_kunit_slot);
