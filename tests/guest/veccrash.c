// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240 arm64
 *
 * Embeddings across sudden stops. The shutdown ioctl drops the running
 * transaction and dirty buffers as a power cut does; then mount again and
 * look: an embedding that was fsynced is there or has been replaced by a later
 * one, whole; one that was not is old or new, never a mix; a search measures
 * what get returns; a drop that was interrupted is finished.
 */
#include <linux/types.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"

#define FILES		50
#define CHUNKS		3
#define ROUNDS		10

static const struct {
	const char *name;
	uint32_t dim;
	int	elem;
} colls[] = { { "small", 40, VEXFS_IOC_I8 }, { "large", 1700, VEXFS_IOC_F32 } };
#define COLLS 2

/* What was done to each embedding, oldest first: seeds, 0 = deleted. */
#define HISTORY 400
static uint64_t history[FILES][COLLS][CHUNKS][HISTORY];
static int len[FILES][COLLS][CHUNKS];	/* entries */
static int synced[FILES][COLLS][CHUNKS];	/* entries that an fsync has covered */
static uint64_t next_seed = 1;

static int file_open(int f)
{
	char rel[32];

	snprintf(rel, sizeof(rel), "f%d", f);
	return vg_file(rel, 0644);
}

static bool have_cut;

/* After it, unmount and mount again with restart(). */
static void shut_down(int fd, __u32 how)
{
	if (ioctl(fd, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shutdown");
}

static void power_off(int fd)
{
	if (have_cut)
		cut_power();
	else
		shut_down(fd, VEXFS_SHUTDOWN_NOLOGFLUSH);
}

static void restart(void)
{
	if (umount(guest_mnt))
		ktap_bail("umount");
	if (have_cut)
		cut_restore();
	if (guest_mount(""))
		ktap_bail("mount after a power cut");
}

/* Everything done so far to file @f is on disk. */
static void mark_synced(int f)
{
	for (int c = 0; c < COLLS; c++)
		for (int k = 0; k < CHUNKS; k++)
			synced[f][c][k] = len[f][c][k];
}

static int step(int f)
{
	int c = (int)vg_rnd(COLLS), k = (int)vg_rnd(CHUNKS), fd = file_open(f), err;
	int *n = &len[f][c][k];
	uint64_t seed = vg_rnd(6) ? next_seed++ : 0;

	if (*n == HISTORY) {
		close(fd);
		return 0;
	}
	if (seed)
		err = vg_set(fd, colls[c].name, colls[c].elem, colls[c].dim, (uint32_t)k, seed);
	else
		err = vexfs_embedding_del(fd, colls[c].name, (uint32_t)k);
	if (!seed && err == -ENODATA)
		err = 0;
	if (!err)
		history[f][c][k][(*n)++] = seed;
	if (!err && !vg_rnd(12)) {
		err = fsync(fd);
		if (!err)
			mark_synced(f);
	}
	close(fd);
	return err;
}

/* One embedding: it must be one of the states since the last fsync. */
static bool state_ok(int f, int c, int k, int fd, int *now)
{
	for (int i = len[f][c][k]; i >= synced[f][c][k]; i--) {
		uint64_t seed = i ? history[f][c][k][i - 1] : 0;
		int r = vg_compare(fd, colls[c].name, colls[c].elem, colls[c].dim, (uint32_t)k,
				   seed);

		if (seed ? r == 0 : r == -ENODATA) {
			*now = i;
			return true;
		}
	}
	return false;
}

/* Whatever state was found is the one from now on. */
static int verify(void)
{
	int bad = 0, now;

	for (int f = 0; f < FILES; f++) {
		int fd = file_open(f);

		for (int c = 0; c < COLLS; c++)
			for (int k = 0; k < CHUNKS; k++) {
				if (!state_ok(f, c, k, fd, &now)) {
					ktap_note("file %d %s.%d: neither old nor new", f,
						  colls[c].name, k);
					bad++;
					continue;
				}
				len[f][c][k] = now;
				synced[f][c][k] = now;
			}
		close(fd);
	}
	return bad;
}

static uint64_t current_seed(int f, int c, uint32_t k)
{
	int n = len[f][c][k];

	return n ? history[f][c][k][n - 1] : 0;
}

/* All embeddings of a collection by search: exactly those that get returns. */
static int verify_search(int c)
{
	static struct vg_search g;
	static float q[VG_MAX_DIM], v[VG_MAX_DIM];
	int dir = vg_root(), bad = 0, want = 0;

	vg_vector(4711, colls[c].dim, q);
	bad += vg_run(&g, dir, colls[c].name, q, colls[c].dim, 1024, 0) != 0;
	for (int f = 0; f < FILES; f++)
		for (uint32_t k = 0; k < CHUNKS; k++)
			want += current_seed(f, c, k) != 0;
	bad += g.s.found != (uint32_t)want || vg_live(colls[c].name) != want;
	for (uint32_t i = 0; i < g.s.found; i++) {
		int f = atoi(vg_path(&g, i) + 1);
		double d;

		vg_vector(current_seed(f, c, g.hits[i].chunk), colls[c].dim, v);
		d = vg_distance(VEXFS_IOC_L2, q, v, colls[c].dim);
		bad += fabs(d - vexfs_hit_distance(&g.hits[i])) > 1e-4 * d;
	}
	if (bad)
		ktap_note("%s: %u found, %d expected, %d wrong", colls[c].name, g.s.found, want, bad);
	close(dir);
	return bad;
}

static void pause_ms(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

static void round_of(int r)
{
	int fd = vg_root(), bad = 0, n = 60 + (int)vg_rnd(300);

	for (int i = 0; i < n; i++)
		bad += step((int)vg_rnd(FILES)) != 0;
	if (r % 3 == 1)
		sync();
	else if (r % 3 == 2)
		pause_ms(200 + (int)vg_rnd(400));
	for (int i = 0; i < 20; i++)
		bad += step((int)vg_rnd(FILES)) != 0;
	if (r % 4 == 3)
		shut_down(fd, r & 8 ? VEXFS_SHUTDOWN_NOLOGFLUSH : VEXFS_SHUTDOWN_LOGFLUSH);
	else
		power_off(fd);
	close(fd);
	restart();
	bad += verify();
	for (int c = 0; c < COLLS; c++)
		bad += verify_search(c);
	umount(guest_mnt);
	bad += guest_fsck();
	ktap(!bad, "round %d: every embedding old or new, search agrees, fsck clean", r);
	guest_mount("");
}

/* ---- shutdown while another process sets ------------------------------------- */

/* Seeds rise; the reader must find each file's seed no lower than the last the
 * writer reported as fsynced, and whole. */
#define RACE_FILES 8
struct shared {
	uint64_t synced[RACE_FILES];
	uint64_t tried[RACE_FILES];
};

static void race_writer(volatile struct shared *sh)
{
	for (uint64_t seed = 1;; seed++) {
		int f = (int)(seed % RACE_FILES), fd;
		char p[400];

		snprintf(p, sizeof(p), "%s/r%d", guest_mnt, f);
		fd = open(p, O_RDWR);
		sh->tried[f] = seed;
		if (fd < 0 || vg_set(fd, "race", VEXFS_IOC_F32, 900, 0, seed))
			_exit(0);
		if (seed % 3 == 0 && fsync(fd))
			_exit(0);
		if (seed % 3 == 0)
			sh->synced[f] = seed;
		close(fd);
	}
}

static int race_verify(volatile struct shared *sh)
{
	int bad = 0;

	for (int f = 0; f < RACE_FILES; f++) {
		char rel[16];
		uint64_t s;
		int fd;

		snprintf(rel, sizeof(rel), "r%d", f);
		fd = vg_file(rel, 0644);
		for (s = sh->tried[f]; s >= sh->synced[f] && s; s--)
			if (!vg_compare(fd, "race", VEXFS_IOC_F32, 900, 0, s))
				break;
		if (s < sh->synced[f] || (!s && vg_compare(fd, "race", VEXFS_IOC_F32, 900, 0, 0) !=
					  -ENODATA)) {
			ktap_note("r%d: nothing between %llu and %llu", f,
				  (unsigned long long)sh->synced[f],
				  (unsigned long long)sh->tried[f]);
			bad++;
		}
		close(fd);
	}
	return bad;
}

static void race_clear(void)
{
	char rel[16];

	for (int f = 0; f < RACE_FILES; f++) {
		int fd;

		snprintf(rel, sizeof(rel), "r%d", f);
		fd = vg_file(rel, 0644);
		vexfs_embedding_del(fd, "race", 0);
		close(fd);
	}
	sync();
}

static void test_race(volatile struct shared *sh)
{
	int bad = 0, st, sets = 0;

	vg_collection("race", 900, VEXFS_IOC_F32, VEXFS_IOC_L2);
	for (int r = 0; r < 8; r++) {
		int fd = vg_root();
		pid_t pid;

		race_clear();
		memset((void *)sh, 0, sizeof(*sh));
		pid = fork();
		if (!pid)
			race_writer(sh);
		pause_ms(150 + 70 * r);
		/* Only what was reported before the cut must be there. */
		*(struct shared *)(sh + 1) = *(struct shared *)sh;
		power_off(fd);
		kill(pid, SIGKILL);
		waitpid(pid, &st, 0);
		close(fd);
		memcpy((void *)sh->synced, (void *)sh[1].synced, sizeof(sh->synced));
		restart();
		bad += race_verify(sh);
		for (int f = 0; f < RACE_FILES; f++)
			sets += (int)sh->tried[f];
	}
	ktap(!bad && sets, "a power cut under a running writer: fsynced is kept, nothing is torn");
}

/* ---- interrupted drops ------------------------------------------------------------ */

static unsigned int dropper_rounds;

static int drop_round(int ms)
{
	int root, fd = vg_file("dropme", 0644), bad = 0, st;
	pid_t pid;

	if (vg_collection("doomed", 200, VEXFS_IOC_F32, VEXFS_IOC_L2))
		return 1;
	for (uint32_t i = 0; i < 700; i++)
		bad += vg_set(fd, "doomed", VEXFS_IOC_F32, 200, i, i) != 0;
	close(fd);
	sync();
	pid = fork();
	if (!pid) {
		root = vg_root();
		vexfs_collection_drop(root, "doomed");
		sync();
		_exit(0);
	}
	pause_ms(ms);
	root = vg_root();
	if (have_cut)
		cut_power();
	else
		shut_down(root, VEXFS_SHUTDOWN_LOGFLUSH);
	close(root);
	waitpid(pid, &st, 0);
	restart();
	dropper_rounds += vg_live("doomed") == -ENOENT;
	/* Either still whole, or gone. */
	if (vg_live("doomed") == 700) {
		root = vg_root();
		bad += vexfs_collection_drop(root, "doomed") != 0;
		close(root);
	}
	bad += vg_live("doomed") != -ENOENT;
	umount(guest_mnt);
	bad += guest_fsck();
	guest_mount("");
	return bad;
}

static void test_drop(void)
{
	int bad = 0;

	for (int i = 0; i < 6; i++)
		bad += drop_round(i * 3);
	ktap(!bad, "interrupted drops: whole or gone (%u of 6 gone), fsck clean", dropper_rounds);
}

int main(void)
{
	static struct shared *sh;

	guest_setup();
	ktap_plan(ROUNDS + 4);
	sh = mmap(NULL, 2 * sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		ktap_bail("mmap");
	have_cut = cut_setup();
	ktap_note("power is cut %s", have_cut ? "below the filesystem" : "by shutdown: no dm-flakey");
	vg_fresh("");
	for (int c = 0; c < COLLS; c++)
		vg_collection(colls[c].name, colls[c].dim, colls[c].elem, VEXFS_IOC_L2);
	for (int f = 0; f < FILES; f++)
		close(file_open(f));
	sync();
	for (int r = 0; r < ROUNDS; r++)
		round_of(r);
	ktap(next_seed > 1000, "%llu sets in all", (unsigned long long)next_seed);
	test_race(sh);
	test_drop();
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	if (have_cut)
		cut_remove();
	return ktap_exit();
}
