// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=512M time=240 arm64
 *
 * Collections and embeddings: what is refused and how, every element type at
 * dimensions around the block size, random changes against a model in memory,
 * remount, unlink, drop, and that every block comes back.
 */
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define FILES	40
#define CHUNKS	5
#define OPS	4000

/* ---- refusals ------------------------------------------------------------- */

static void test_collections(void)
{
	char name[80];
	struct vexfs_ioc_collection c;
	int fd = vg_root(), i, n, err;
	bool ok;

	ktap(!vg_collection("a", 8, VEXFS_IOC_F32, VEXFS_IOC_L2), "a collection is created");
	ktap(vg_collection("a", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EEXIST, "not twice");
	ok = vg_collection("", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("a.b", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("a/b", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("\xc3\xa4", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL;
	memset(name, 'x', sizeof(name));
	name[64] = 0;
	ok = ok && vg_collection(name, 8, VEXFS_IOC_F32, VEXFS_IOC_L2) < 0;
	ktap(ok, "names with dots, slashes, other bytes, none or too many are refused");
	name[63] = 0;
	ktap(!vg_collection(name, 8, VEXFS_IOC_I8, VEXFS_IOC_IP), "63 bytes of name are fine");
	ok = vg_collection("b", 0, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("b", 16385, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("b", 8, 0, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("b", 8, 4, VEXFS_IOC_L2) == -EINVAL &&
	     vg_collection("b", 8, VEXFS_IOC_F32, 9) == -EINVAL;
	ktap(ok, "impossible dimensions, types and metrics are refused");
	for (i = 2, err = 0; i < 64 && !err; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		err = vg_collection(name, 3, VEXFS_IOC_F16, VEXFS_IOC_COSINE);
	}
	ok = !err && vg_collection("one-more", 3, VEXFS_IOC_F16, VEXFS_IOC_COSINE) == -ENOSPC;
	ktap(ok, "64 collections fit, the 65th does not");
	for (n = 0, i = 0; !vexfs_collection_next(fd, (uint32_t)i, &c); i = (int)c.id + 1)
		n++;
	ktap(n == 64, "next lists them all (%d)", n);
	err = vexfs_collection_drop(fd, "n17");
	ok = !err && vexfs_collection_info(fd, "n17", &c) == -ENOENT &&
	     vexfs_collection_drop(fd, "n17") == -ENOENT;
	ok = ok && !vg_collection("again", 4, VEXFS_IOC_F32, VEXFS_IOC_L2);
	ktap(ok, "a dropped one makes room for another");
	close(fd);
}

static int set_raw(int fd, const char *coll, uint32_t chunk, const void *data, uint32_t bytes)
{
	struct vexfs_embedding e = {
		.collection = coll, .chunk = chunk, .data = (void *)data, .bytes = bytes,
	};

	return vexfs_embedding_set(fd, &e);
}

static void test_refusals(void)
{
	float v[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, bad[8] = { 1 };
	struct vexfs_embedding e = { .collection = "a", .data = bad, .bytes = sizeof(bad) };
	int fd = vg_file("refused", 0644), dir = vg_root();

	vg_collection("cos", 8, VEXFS_IOC_F32, VEXFS_IOC_COSINE);
	ktap(set_raw(fd, "nowhere", 0, v, sizeof(v)) == -ENOENT, "unknown collection: ENOENT");
	ktap(set_raw(fd, "a", 0, v, 28) == -EINVAL && set_raw(fd, "a", 0, v, 0) == -EINVAL,
	     "wrong length: EINVAL");
	ktap(set_raw(fd, "a", 1 << 24, v, sizeof(v)) == -EINVAL, "chunk out of range: EINVAL");
	bad[3] = NAN;
	ktap(set_raw(fd, "a", 0, bad, sizeof(bad)) == -EDOM, "a NaN: EDOM");
	bad[3] = -INFINITY;
	ktap(set_raw(fd, "a", 0, bad, sizeof(bad)) == -EDOM, "an infinity: EDOM");
	memset(bad, 0, sizeof(bad));
	ktap(set_raw(fd, "cos", 0, bad, sizeof(bad)) == -EDOM &&
	     !set_raw(fd, "a", 0, bad, sizeof(bad)), "zero: EDOM under cosine, fine under l2");
	ktap(set_raw(dir, "a", 0, v, sizeof(v)) == -EINVAL, "a directory has no embedding");
	ktap(set_raw(fd, "a", 0, (void *)8, sizeof(v)) == -EFAULT, "a bad pointer: EFAULT");
	e.chunk = 7;
	ktap(vexfs_embedding_get(fd, &e) == -ENODATA, "get what is not there: ENODATA");
	e.chunk = 0;
	e.bytes = 4;
	ktap(vexfs_embedding_get(fd, &e) == -ERANGE && e.bytes == 32, "too little room: ERANGE");
	ktap(vexfs_embedding_del(fd, "a", 3) == -ENODATA, "delete what is not there: ENODATA");
	ktap(vg_live("a") == 1 && vg_live("cos") == 0, "only what was accepted is counted");
	close(fd);
	close(dir);
}

/* ---- shapes ------------------------------------------------------------------ */

static void test_shapes(void)
{
	static const uint32_t dims[] = { 1, 3, 17, 384, 1023, 1024, 1025, 4079, 4097, 16384 };
	static const char *const types[] = { "", "f32", "f16", "i8" };
	int fd, elem;

	for (elem = VEXFS_IOC_F32; elem <= VEXFS_IOC_I8; elem++) {
		int bad = 0;

		for (size_t d = 0; d < sizeof(dims) / sizeof(*dims); d++) {
			uint32_t i;

			vg_fresh("");
			vg_collection("s", dims[d], elem, VEXFS_IOC_L2);
			fd = vg_file("f", 0644);
			for (i = 0; i < 70; i++)	/* into a second slot-table block */
				bad += vg_set(fd, "s", elem, dims[d], i, 100 + i) != 0;
			for (i = 0; i < 70; i += 3)
				bad += vg_set(fd, "s", elem, dims[d], i, 900 + i) != 0;
			close(fd);
			vg_remount();
			fd = vg_file("f", 0644);
			for (i = 0; i < 70; i++)
				bad += vg_compare(fd, "s", elem, dims[d], i,
						  (i % 3 ? 100 : 900) + i) != 0;
			close(fd);
			umount(guest_mnt);
			bad += guest_fsck() != 0;
			if (bad) {
				ktap_note("dimension %u", dims[d]);
				break;
			}
		}
		ktap(!bad, "%s of 1..16384 dimensions come back after a remount", types[elem]);
	}
}

/* ---- against a model -------------------------------------------------------------- */

static struct {
	uint32_t dim;
	int	elem;
	char	name[8];
} colls[] = {
	{ 384, VEXFS_IOC_F32, "m0" }, { 100, VEXFS_IOC_F16, "m1" }, { 1500, VEXFS_IOC_I8, "m2" },
};
#define COLLS 3

/* Seed of what each embedding should be; 0: none. */
static uint64_t model[FILES][COLLS][CHUNKS];

static int model_open(int f)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "m%d", f);
	return vg_file(rel, 0644);
}

static int model_step(uint64_t op)
{
	int f = (int)vg_rnd(FILES), c = (int)vg_rnd(COLLS), fd = model_open(f), err, want = 0;
	uint32_t chunk = vg_rnd(CHUNKS), kind = vg_rnd(100), i;

	if (kind < 70) {
		err = vg_set(fd, colls[c].name, colls[c].elem, colls[c].dim, chunk, op + 1);
		model[f][c][chunk] = op + 1;
	} else if (kind < 95) {
		err = vexfs_embedding_del(fd, colls[c].name, chunk);
		want = model[f][c][chunk] ? 0 : -ENODATA;
		model[f][c][chunk] = 0;
	} else {
		err = vexfs_embedding_del_all(fd, colls[c].name);
		for (want = -ENODATA, i = 0; i < CHUNKS; i++) {
			want = model[f][c][i] ? 0 : want;
			model[f][c][i] = 0;
		}
	}
	close(fd);
	if (err != want)
		ktap_note("operation %llu gave %d, not %d", (unsigned long long)op, err, want);
	return err != want;
}

static int model_list(int fd, int f)
{
	struct vexfs_vec_entry e[4];
	struct vexfs_list pos = { };
	int n, seen = 0, want = 0, bad = 0;

	while ((n = vexfs_embedding_list(fd, &pos, e, 4)) > 0)
		for (int i = 0; i < n; i++, seen++) {
			struct vexfs_ioc_collection info;
			int root = vg_root(), c = 0;

			bad += vexfs_collection_next(root, e[i].collection_id, &info) != 0;
			close(root);
			while (c < COLLS && strcmp(colls[c].name, info.name))
				c++;
			bad += c == COLLS || e[i].chunk >= CHUNKS || !model[f][c][e[i].chunk] ||
			       e[i].range_off != model[f][c][e[i].chunk] % 1000;
		}
	for (int c = 0; c < COLLS; c++)
		for (int i = 0; i < CHUNKS; i++)
			want += model[f][c][i] != 0;
	return bad + (n < 0) + (seen != want);
}

static int model_verify(void)
{
	long live[COLLS] = { };
	int bad = 0;

	for (int f = 0; f < FILES; f++) {
		int fd = model_open(f);

		for (int c = 0; c < COLLS; c++)
			for (uint32_t i = 0; i < CHUNKS; i++) {
				uint64_t seed = model[f][c][i];
				int r = vg_compare(fd, colls[c].name, colls[c].elem, colls[c].dim,
						   i, seed);

				live[c] += seed != 0;
				bad += r != (seed ? 0 : -ENODATA);
			}
		bad += model_list(fd, f);
		close(fd);
	}
	for (int c = 0; c < COLLS; c++)
		bad += vg_live(colls[c].name) != live[c];
	return bad;
}

static void test_model(void)
{
	int bad = 0, f;

	vg_fresh("");
	for (int c = 0; c < COLLS; c++)
		vg_collection(colls[c].name, colls[c].dim, colls[c].elem, VEXFS_IOC_COSINE);
	for (uint64_t op = 0; op < OPS; op++) {
		bad += model_step(op);
		if (op % 1000 == 999)
			sync();		/* so that slots become free again */
	}
	ktap(!bad, "%d random sets and deletes return what they should", OPS);
	ktap(!model_verify(), "get, list and counts agree with the model");
	vg_remount();
	ktap(!model_verify(), "and after a remount");
	for (f = 0; f < FILES; f += 2) {
		char p[300], q[300];

		snprintf(p, sizeof(p), "%s/m%d", guest_mnt, f);
		snprintf(q, sizeof(q), "%s/x%d", guest_mnt, f);
		rename(p, q);
		unlink(q);
		memset(model[f], 0, sizeof(model[f]));
	}
	ktap(!model_verify(), "half the files unlinked: their embeddings are gone, no others");
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	guest_mount("");
	ktap(!model_verify(), "and after another remount");
}

/* An unlinked file keeps its embedding while it is open. */
static void test_open_unlinked(void)
{
	char p[300];
	int fd = vg_file("gone", 0644), err;
	long before = vg_live("m0");

	vg_set(fd, "m0", VEXFS_IOC_F32, 384, 0, 5);
	snprintf(p, sizeof(p), "%s/gone", guest_mnt);
	unlink(p);
	err = vg_compare(fd, "m0", VEXFS_IOC_F32, 384, 0, 5);
	ktap(!err && vg_live("m0") == before + 1, "an unlinked open file keeps its embedding");
	close(fd);
	ktap(vg_live("m0") == before, "until it is closed");
}

/* Slots are reused: the same embedding set over and over takes bounded space. */
static void test_reuse(void)
{
	struct vexfs_ioc_collection c;
	int fd = vg_file("again", 0644), root = vg_root(), bad = 0;

	vg_collection("reuse", 64, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (uint64_t i = 0; i < 3000; i++)
		bad += vg_set(fd, "reuse", VEXFS_IOC_F32, 64, 0, i) != 0;
	bad += vexfs_collection_info(root, "reuse", &c) != 0;
	ktap(!bad && c.live == 1 && c.slots < 1000, "3000 sets of one embedding use %llu slots",
	     (unsigned long long)c.slots);
	ktap(!vg_compare(fd, "reuse", VEXFS_IOC_F32, 64, 0, 2999), "the last one counts");
	vexfs_collection_drop(root, "reuse");
	close(fd);
	close(root);
}

/* ---- a full device, and blocks that come back ---------------------------------------- */

static unsigned long long free_blocks(void)
{
	struct statvfs st;

	sync();
	return statvfs(guest_mnt, &st) ? 0 : st.f_bfree;
}

static void test_full(void)
{
	unsigned long long before = free_blocks(), after;
	int fd = vg_file("full", 0644), root = vg_root(), err = 0, bad = 0;
	uint32_t n;

	before = free_blocks();
	vg_collection("full", 16384, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (n = 0; n < 100000 && !err; n++)
		err = vg_set(fd, "full", VEXFS_IOC_F32, 16384, n, n);
	ktap(err == -ENOSPC && n > 500, "a full device: ENOSPC after %u embeddings", n - 1);
	for (uint32_t i = 0; i < n - 1; i += 97)
		bad += vg_compare(fd, "full", VEXFS_IOC_F32, 16384, i, i) != 0;
	ktap(!bad && vg_live("full") == (long)n - 1, "those that were accepted are whole");
	err = vexfs_collection_drop(root, "full");
	after = free_blocks();
	ktap(!err && after == before, "after the drop every block is free again (%lld missing)",
	     (long long)(before - after));
	close(fd);
	close(root);
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
}

int main(void)
{
	guest_setup();
	ktap_plan(8 + 12 + 3 + 6 + 2 + 2 + 4);
	vg_fresh("");
	test_collections();
	umount(guest_mnt);
	vg_fresh("");
	vg_collection("a", 8, VEXFS_IOC_F32, VEXFS_IOC_L2);
	test_refusals();
	umount(guest_mnt);
	test_shapes();
	test_model();
	test_open_unlinked();
	test_reuse();
	test_full();
	return ktap_exit();
}
