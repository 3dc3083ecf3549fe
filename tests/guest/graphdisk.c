// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:96M mem=768M time=600
 *
 * The graph on the disk: after a mount it is read, not built, and what was set and deleted
 * since its checkpoint is found or gone, also after a power cut; damage to it costs a
 * rebuild or some records, nothing else; nothing is written to a frozen or read-only
 * filesystem, and nobody notices a full one; a drop frees it; power cuts while it is written.
 */
#include <sys/wait.h>
#include <time.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"

#define COLL	"g"
#define DIM	32
#define N	2400
#define FEW	25
#define K	10
#define CUTS	8
#define MAGIC	0x48475856U

static struct vg_search g, exact;
static int all = -1, root = -1;
static bool have_cut;

/* ---- vectors ----------------------------------------------------------------------- */

static void vector(uint64_t seed, float *v)
{
	float off[DIM];

	vg_vector(seed % 40, DIM, v);
	vg_vector(seed + 1000003, DIM, off);
	for (int i = 0; i < DIM; i++)
		v[i] += 0.3F * off[i];
}

static int set_seed(uint32_t chunk, uint64_t seed)
{
	float v[DIM];
	struct vexfs_embedding e = { .collection = COLL, .chunk = chunk, .data = v, .bytes = sizeof(v) };

	vector(seed, v);
	return vexfs_embedding_set(all, &e);
}

static int search_seed(struct vg_search *s, uint64_t seed, uint32_t flags)
{
	float v[DIM];

	vector(seed, v);
	return vg_run(s, root, COLL, v, DIM, K, flags);
}

static bool has_chunk(const struct vg_search *s, uint32_t chunk)
{
	for (uint32_t i = 0; i < s->s.found; i++)
		if (s->hits[i].chunk == chunk)
			return true;
	return false;
}

/* Hits as near as the exact search's last, of all; negative: a search failed. */
static double recall(void)
{
	int hit = 0, all_hits = 0;

	for (uint64_t q = 0; q < 40; q++) {
		uint64_t seed = 7000000 + q * 13;
		float limit;

		if (search_seed(&exact, seed, VEXFS_SEARCH_EXACT) || exact.s.found != K || search_seed(&g, seed, 0) ||
		    g.s.found != K)
			return -1;
		limit = vexfs_hit_distance(&exact.hits[K - 1]) * 1.00001F;
		for (uint32_t i = 0; i < K; i++)
			hit += vexfs_hit_distance(&g.hits[i]) <= limit;
		all_hits += K;
	}
	return (double)hit / all_hits;
}

/* ---- the kernel's side ------------------------------------------------------------------- */

static void checkpoints(const char *seconds)
{
	static const char path[] = "/sys/module/vexfs/parameters/graph_checkpoint";
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, seconds, strlen(seconds)) != (ssize_t)strlen(seconds))
		ktap_bail("write %s", path);
	close(fd);
}

/* The counter reaches @least within a while. */
static bool counted(const char *name, long least)
{
	for (int i = 0; i < 12000 && vg_attr(name) < least; i++)
		usleep(10000);
	return vg_attr(name) >= least;
}

static void let_go(void)
{
	close(all);
	close(root);
}

static void take(void)
{
	root = vg_root();
	all = vg_file("all", 0644);
}

static void again(unsigned long flags, const char *opts)
{
	let_go();
	if (umount(guest_mnt) || mount(guest_disk, guest_mnt, "vexfs", flags, opts))
		ktap_bail("mount again");
	root = vg_root();
	all = flags & MS_RDONLY ? -1 : vg_file("all", 0644);
}

/* Everything since the last commit, or that had not reached the disk, is lost. */
static void cut(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;

	if (have_cut)
		cut_power();
	else if (ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
	let_go();
	if (umount(guest_mnt))
		ktap_bail("umount");
	if (have_cut)
		cut_restore();
	if (guest_mount(""))
		ktap_bail("mount after a power cut");
	take();
}

/* The first search asks for the graph. */
static bool there(long n)
{
	return !search_seed(&g, 1, 0) && vg_absorbed(n);
}

static bool loaded(long n, long loads, long builds)
{
	bool ok = there(n);

	if (ok && vg_attr("graph_loads") == loads && vg_attr("graph_builds") == builds)
		return true;
	ktap_note("%ld read, %ld built", vg_attr("graph_loads"), vg_attr("graph_builds"));
	return false;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_checkpoint(void)
{
	double r;
	int bad = 0;

	checkpoints("1");
	take();
	vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (uint32_t i = 0; i < N; i++)
		bad += set_seed(i, i) != 0;
	ktap(!bad && there(N) && counted("graph_saves", 1) && vg_attr("graph_builds") == 1,
	     "a graph of %d embeddings is built and written", N);
	ktap(vg_attr("graph_unsaved") == 0, "and all of it is on the disk");
	again(0, "");
	ktap(loaded(N, 1, 0), "after a mount it is read");
	r = recall();
	ktap(r >= 0.99, "recall %.4f", r);
	checkpoints("0");
}

/* Chunks from N on are new, those below FEW deleted, the next FEW set anew as others. */
static int change(void)
{
	int bad = 0;

	for (uint32_t i = 0; i < FEW; i++) {
		bad += set_seed(N + i, 500000 + i) != 0;
		bad += vexfs_embedding_del(all, COLL, i) != 0;
		bad += set_seed(FEW + i, 600000 + i) != 0;
	}
	return bad;
}

static int changed(void)
{
	int bad = 0;

	for (uint32_t i = 0; i < FEW; i++) {
		bad += search_seed(&g, 500000 + i, 0) || !has_chunk(&g, N + i) || vexfs_hit_distance(g.hits) > 1e-3F;
		bad += search_seed(&g, i, 0) || g.s.found != K || has_chunk(&g, i);
		bad += search_seed(&g, 600000 + i, 0) || !has_chunk(&g, FEW + i) || vexfs_hit_distance(g.hits) > 1e-3F;
		bad += search_seed(&g, FEW + i, 0) || (has_chunk(&g, FEW + i) && vexfs_hit_distance(g.hits) < 1e-3F);
	}
	return bad;
}

static void test_delta(void)
{
	double r;
	int bad = change();

	bad += !vg_absorbed(N) || fsync(all);
	cut();
	bad += changed();
	ktap(!bad, "a power cut after sets and deletes: the first searches know of all");
	ktap(loaded(N, 1, 0), "what the checkpoint did not know is absorbed");
	bad = changed();
	r = recall();
	ktap(!bad && r >= 0.99, "and all is found through the graph: %d failed, recall %.4f", bad, r);
	/* Not committed: as if it had not been. */
	for (uint32_t i = 0; i < FEW; i++)
		set_seed(N + 1000 + i, 800000 + i);
	vg_absorbed(N + FEW);
	cut();
	bad = changed();
	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(N + 2000 + i, 900000 + i) != 0;
	bad += !there(vg_live(COLL));
	for (uint32_t i = 0; i < FEW; i++)
		bad += search_seed(&g, 900000 + i, 0) || !has_chunk(&g, N + 2000 + i);
	ktap(!bad, "stamps of lost sets are used again, and no record is taken for another's");
	checkpoints("1");
	for (uint32_t i = 0; i < FEW; i++) {
		vexfs_embedding_del(all, COLL, N + 1000 + i);
		vexfs_embedding_del(all, COLL, N + 2000 + i);
	}
	ktap(vg_absorbed(N) && counted("graph_saves", 1), "a checkpoint follows");
}

/* ---- damage ------------------------------------------------------------------------------------ */

/* Byte of the device where the header is; 0: none. The records follow, as the file is one extent. */
static off_t find_graph(int fd)
{
	static uint32_t block[1024];

	for (off_t at = 0; pread(fd, block, sizeof(block), at) == sizeof(block); at += 4096)
		if (block[1] == MAGIC && block[7] == DIM && block[6] == DIM)
			return at;
	return 0;
}

static void spoil(int first, int blocks)
{
	char junk[4096];
	int fd = open(guest_disk, O_RDWR);
	off_t at = find_graph(fd);

	if (!at)
		ktap_bail("no graph on the disk");
	memset(junk, 0x5a, sizeof(junk));
	for (int i = 0; i < blocks; i++)
		if (pwrite(fd, junk, sizeof(junk), at + (off_t)(first + i) * 4096) != sizeof(junk))
			ktap_bail("spoil a block");
	fsync(fd);
	close(fd);
}

static void damaged(int first, int blocks)
{
	let_go();
	if (umount(guest_mnt))
		ktap_bail("umount");
	spoil(first, blocks);
	guest_forget_messages();
	if (guest_mount(""))
		ktap_bail("mount with a damaged graph");
	take();
}

static void test_damage(void)
{
	char cmd[300];
	double r;
	int bad;

	damaged(20, 3);
	bad = changed();
	ktap(!bad && loaded(N, 1, 0), "damaged records: searches are right, the rest of the graph is read");
	ktap(guest_said("records of its graph were damaged") == 1, "the kernel says so once");
	r = recall();
	ktap(r >= 0.99 && counted("graph_saves", 1), "recall %.4f, and the next checkpoint has them again", r);
	again(0, "");
	guest_forget_messages();
	ktap(loaded(N, 1, 0) && !guest_said("damaged"), "as the next mount finds");
	damaged(0, 1);
	bad = changed();
	ktap(!bad && loaded(N, 0, 1) && guest_said("graph is made anew") == 1, "a damaged header: built anew");
	r = recall();
	ktap(r >= 0.99 && counted("graph_saves", 1), "recall %.4f", r);
	let_go();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs finds a sound graph");
	snprintf(cmd, sizeof(cmd), "dump.vexfs --graph 0 %s | grep -c '  stamp [0-9]*, [lt]' | grep -q '^%d$'", guest_disk, N);
	ktap(guest_run(cmd) == 0, "dump.vexfs shows its records");
	spoil(30, 1);
	ktap(guest_fsck() == 4, "and a damaged one");
	snprintf(cmd, sizeof(cmd), "fsck.vexfs -p %s", guest_disk);
	ktap(guest_run(cmd) == 1 && guest_fsck() == 0, "which -p discards");
	if (guest_mount(""))
		ktap_bail("mount");
	take();
	ktap(loaded(N, 0, 1) && counted("graph_saves", 1), "it is built and written again");
}

static void test_rebuild(void)
{
	long builds = vg_attr("graph_builds"), saves = vg_attr("graph_saves");

	ktap(!vexfs_collection_rebuild(root, COLL) && counted("graph_builds", builds + 1) && vg_absorbed(N) &&
	     counted("graph_saves", saves + 1), "a rebuild makes a new one, and writes it");
	ktap(vexfs_collection_rebuild(root, "none") == -ENOENT, "of a collection that exists");
}

/* ---- read-only, frozen, full ---------------------------------------------------------------------- */

static void test_readonly(void)
{
	long saves;
	int bad;

	again(MS_RDONLY, "");
	ktap(loaded(N, 1, 0) && vg_attr("graph_saves") == 0, "a read-only mount reads it and writes nothing");
	bad = changed();
	again(MS_RDONLY, "norecovery");
	ktap(!bad && loaded(N, 1, 0), "also without recovery");
	again(0, "");
	bad = !there(N);
	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(N + i, 510000 + i) != 0;
	close(all);
	bad += mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL) != 0;
	saves = vg_attr("graph_saves");
	usleep(2500000);
	ktap(!bad && vg_attr("graph_saves") == saves && vg_absorbed(N), "remounted read-only, none is written");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, NULL))
		ktap_bail("remount");
	all = vg_file("all", 0644);
	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(N + i, 500000 + i) != 0;
	ktap(!bad && counted("graph_saves", saves + 1), "and again when it is writable");
}

static void test_freeze(void)
{
	long saves;
	int bad = 0;

	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(N + i, 520000 + i) != 0;
	bad += ioctl(root, FIFREEZE, 0) != 0;
	saves = vg_attr("graph_saves");
	usleep(2500000);
	bad += vg_attr("graph_saves") != saves || search_seed(&g, 520001, 0) || !has_chunk(&g, N + 1);
	bad += ioctl(root, FITHAW, 0) != 0;
	ktap(!bad, "a freeze stops checkpoints, not searches");
	ktap(counted("graph_saves", saves + 1) && vg_absorbed(N), "and they go on");
	for (uint32_t i = 0; i < FEW; i++)
		bad += set_seed(N + i, 500000 + i) != 0;
}

static void test_full(void)
{
	char p[300], block[65536];
	int fd, bad = 0;

	vg_collection("other", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (uint32_t i = 0; i < N; i++) {
		float v[DIM];
		struct vexfs_embedding e = { .collection = "other", .chunk = i, .data = v, .bytes = sizeof(v) };

		vector(i, v);
		bad += vexfs_embedding_set(all, &e) != 0;
	}
	fd = vg_file("big", 0644);
	memset(block, 1, sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	fsync(fd);
	for (int i = 0; i < 3; i++) {
		float v[DIM];

		vector(5, v);
		bad += vg_run(&g, root, "other", v, DIM, K, 0) || g.s.found != K || !has_chunk(&g, 5);
		usleep(1000000);
	}
	ktap(!bad && vg_absorbed(2 * N), "a full disk: the graph is there, and searches are right: %d failed", bad);
	ktap(guest_said("its graph could not be written") <= 1, "told once at most");
	close(fd);
	snprintf(p, sizeof(p), "%s/big", guest_mnt);
	unlink(p);
	ktap(!vexfs_collection_drop(root, "other"), "dropped");
}

/* ---- power cuts -------------------------------------------------------------------------------------- */

static int cut_round(int round)
{
	int bad = 0;

	for (uint32_t i = 0; i < 60; i++)
		bad += set_seed(3000 + (uint32_t)round * 100 + i, (uint64_t)(round * 1000 + 50000 + i)) != 0;
	bad += fsync(all) != 0;
	usleep((useconds_t)vg_rnd(1600) * 1000);
	cut();
	for (uint32_t i = 0; i < 60; i += 7)
		bad += search_seed(&g, (uint64_t)(round * 1000 + 50000 + i), 0) ||
		       !has_chunk(&g, 3000 + (uint32_t)round * 100 + i);
	bad += !there(vg_live(COLL));
	for (uint32_t i = 0; i < 60; i += 7)
		bad += search_seed(&g, (uint64_t)(round * 1000 + 50000 + i), 0) ||
		       !has_chunk(&g, 3000 + (uint32_t)round * 100 + i);
	return bad;
}

static void test_cuts(void)
{
	long loads = 0, builds = 0;
	double r;
	int bad = 0;

	for (int i = 0; i < CUTS; i++) {
		bad += cut_round(i);
		loads += vg_attr("graph_loads");
		builds += vg_attr("graph_builds");
	}
	r = recall();
	ktap(!bad && r >= 0.99, "%d power cuts while graphs are written: %ld read, %ld built, recall %.4f", CUTS, loads, builds,
	     r);
}

static void test_drop(void)
{
	counted("graph_saves", 1);
	ktap(!vexfs_collection_drop(root, COLL), "dropped with its graph");
	let_go();
	if (umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs finds nothing left");
}

int main(void)
{
	guest_setup();
	have_cut = cut_setup();
	ktap_plan(34);
	vg_fresh("");
	test_checkpoint();
	test_delta();
	test_damage();
	test_rebuild();
	test_readonly();
	test_freeze();
	test_full();
	test_cuts();
	test_drop();
	checkpoints("30");		/* as it was */
	if (have_cut)
		cut_remove();
	return ktap_exit();
}
