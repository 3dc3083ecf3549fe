// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=120 slice
 *
 * An embedding is stale as soon as the content is not what the embedding was made
 * from: every way to change content is tried after a set, also those that were
 * under way when the set came, and a set that names the generation it was made
 * from is refused once that generation is gone.
 */
#include <linux/aio_abi.h>
#include <linux/falloc.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"

#define COLL	"st"
#define DIM	8
#define SIZE	(16 * 4096)

static char fill[SIZE] __attribute__((aligned(4096)));
static char path[600];

/* A file of its own for each case: SIZE bytes on disk, nothing dirty. */
static int fresh_file(void)
{
	static int n;
	int fd;

	snprintf(path, sizeof(path), "%s/f%d", guest_mnt, n++);
	fd = open(path, O_CREAT | O_RDWR, 0644);
	memset(fill, 'a', sizeof(fill));
	if (fd < 0 || write(fd, fill, sizeof(fill)) != sizeof(fill) || fsync(fd))
		ktap_bail("make %s", path);
	return fd;
}

static void set(int fd)
{
	int err = vg_set(fd, COLL, VEXFS_IOC_F32, DIM, 0, 1);

	if (err)
		ktap_bail("set: error %d", err);
}

/* 0 or 1; GET and LIST must agree. */
static int stale(int fd)
{
	char raw[DIM * 4];
	struct vexfs_embedding e = { .collection = COLL, .data = raw, .bytes = sizeof(raw) };
	struct vexfs_list pos = { };
	struct vexfs_vec_entry le;

	if (vexfs_embedding_get(fd, &e) || vexfs_embedding_list(fd, &pos, &le, 1) != 1)
		return -1;
	return e.stale == !!(le.flags & VEXFS_VEC_STALE) ? e.stale : -1;
}

static char *map(int fd)
{
	char *m = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (m == MAP_FAILED)
		ktap_bail("mmap");
	return m;
}

/* ---- ways to change content; each returns whether it worked ------------------- */

static bool by_write(int fd)	{ return pwrite(fd, "b", 1, 100) == 1; }
static bool by_append(int fd)	{ return pwrite(fd, "b", 1, SIZE) == 1; }
static bool by_shrink(int fd)	{ return !ftruncate(fd, SIZE - 1); }
static bool by_grow(int fd)	{ return !ftruncate(fd, SIZE + 1); }

static bool by_direct(int fd)
{
	int d = open(path, O_RDWR | O_DIRECT);
	bool ok = d >= 0 && pwrite(d, fill, 4096, 4096) == 4096;

	(void)fd;
	close(d);
	return ok;
}

static bool by_o_trunc(int fd)
{
	int d = open(path, O_WRONLY | O_TRUNC);

	(void)fd;
	close(d);
	return d >= 0;
}

static bool by_splice(int fd)
{
	loff_t off = 0;
	int p[2];
	bool ok = !pipe(p) && write(p[1], "hello", 5) == 5 && splice(p[0], NULL, fd, &off, 5, 0) == 5;

	close(p[0]);
	close(p[1]);
	return ok;
}

static bool by_punch(int fd)
{
	return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096);
}
static bool by_punch_edge(int fd)
{
	return !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 10);
}
static bool by_zero(int fd)	{ return !fallocate(fd, FALLOC_FL_ZERO_RANGE, 4096, 4096); }
static bool by_collapse(int fd)
{
	return !fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 4096, 4096);
}
static bool by_insert(int fd)	{ return !fallocate(fd, FALLOC_FL_INSERT_RANGE, 4096, 4096); }
static bool by_falloc(int fd)	{ return !fallocate(fd, 0, SIZE, 1); }

/* Nothing that is read changes. */
static bool by_nothing(int fd)
{
	return !fallocate(fd, 0, 0, SIZE) && !fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 2 * SIZE) &&
	       !fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, SIZE, SIZE) &&
	       !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, SIZE, SIZE) &&
	       !ftruncate(fd, SIZE);
}

/* Another file of the same filesystem to copy from. */
static int source(void)
{
	char p[600];
	int s;

	snprintf(p, sizeof(p), "%s/source", guest_mnt);
	s = open(p, O_CREAT | O_RDWR, 0644);
	if (s < 0 || pwrite(s, "hello", 5, 0) != 5)
		ktap_bail("make %s", p);
	return s;
}

static bool by_copy(int fd)
{
	loff_t from = 0, to = 0;
	int s = source();
	bool ok = copy_file_range(s, &from, fd, &to, 5, 0) == 5;

	close(s);
	return ok;
}

static bool by_sendfile(int fd)
{
	off_t from = 0;
	int s = source();
	bool ok = lseek(fd, 0, SEEK_SET) == 0 && sendfile(fd, s, &from, 5) == 5;

	close(s);
	return ok;
}

static bool by_new_mapping(int fd)
{
	char *m = map(fd);

	m[0] = 'b';
	return !munmap(m, SIZE);
}

static void test_change(const char *name, bool (*change)(int))
{
	int fd = fresh_file(), before, after = -1;

	set(fd);
	before = stale(fd);
	if (change(fd))
		after = stale(fd);
	ktap(before == 0 && after == 1, "%s: stale %d before, %d after", name, before, after);
	close(fd);
}

/* Room is made and given back; the embedding stays what it is. */
static void test_no_change(void)
{
	int fd = fresh_file(), after = -1;

	set(fd);
	if (by_nothing(fd))
		after = stale(fd);
	ktap(after == 0, "fallocate that changes no byte: stale %d", after);
	close(fd);
}

/* ---- changes that were under way ------------------------------------------------- */

/* The page is dirty and writable when the set comes: the next store must fault. */
static void test_old_mapping(void)
{
	int fd = fresh_file(), before, after, synced;
	char *m = map(fd);

	m[0] = 'b';
	set(fd);
	before = stale(fd);
	m[0] = 'c';
	after = stale(fd);
	msync(m, SIZE, MS_SYNC);
	synced = stale(fd);
	ktap(before == 0 && after == 1 && synced == 1,
	     "a store through a mapping that was dirty at the set: stale %d, %d, after msync %d",
	     before, after, synced);
	munmap(m, SIZE);
	close(fd);
}

static char first_byte(int fd)
{
	static char block[4096] __attribute__((aligned(4096)));

	if (pread(fd, block, sizeof(block), 0) != sizeof(block))
		ktap_bail("read %s", path);
	return block[0];
}

/*
 * The set waits for a direct write that is in flight, or the write makes it stale. The device takes its time over
 * writes, so that whoever does not wait reads the old content after the set.
 */
static void test_aio(void)
{
	static char more[SIZE] __attribute__((aligned(4096)));
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PWRITE }, *list = &cb;
	struct io_event ev;
	aio_context_t ctx = 0;
	int fd, d, early = 0;
	bool old;

	memset(more, 'm', sizeof(more));
	if (syscall(SYS_io_setup, 1, &ctx))
		ktap_bail("io_setup");
	for (int i = 0; i < 5; i++) {
		fd = fresh_file();
		d = open(path, O_RDWR | O_DIRECT);
		cut_slow_writes(200);
		cb.aio_fildes = (__u32)d;
		cb.aio_buf = (__u64)(uintptr_t)more;
		cb.aio_nbytes = SIZE;
		if (syscall(SYS_io_submit, ctx, 1, &list) != 1)
			ktap_bail("io_submit");
		set(fd);
		old = first_byte(d) != 'm';
		if (syscall(SYS_io_getevents, ctx, 1, 1, &ev, NULL) != 1 || ev.res != SIZE)
			ktap_bail("io_getevents");
		early += old && !stale(fd);
		cut_restore();
		close(d);
		close(fd);
	}
	syscall(SYS_io_destroy, ctx);
	ktap(!early, "%d of 5 sets came before a direct write in flight and look current", early);
}

/* After a power cut an embedding does not look current beside older content either. */
static void test_crash(void)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd = fresh_file(), root, other, r;
	char c = 0;

	if (pwrite(fd, "b", 1, 0) != 1)
		ktap_bail("write");
	set(fd);
	other = source();
	root = vg_root();
	if (fsync(other) || ioctl(root, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("crash");
	close(other);
	close(root);
	close(fd);
	vg_remount();
	fd = open(path, O_RDWR);
	r = stale(fd);
	ktap(pread(fd, &c, 1, 0) == 1 && (c == 'b' || r == 1),
	     "after a crash: content %#x beside an embedding of 'b', stale %d", c, r);
	close(fd);
}

/* ---- a set that says what it was made from ------------------------------------------ */

static int set_of(int fd, uint64_t generation)
{
	float v[DIM] = { 1 };
	struct vexfs_embedding e = {
		.collection = COLL, .chunk = 1, .data = v, .bytes = sizeof(v), .generation = generation,
	};

	return vexfs_embedding_set(fd, &e);
}

static char *held;

static bool by_held_mapping(int fd)
{
	if (!held)
		held = map(fd);
	held[0]++;
	return true;
}

/* @prepare runs before the generation is read, @change between that and the set. */
static void test_generation(const char *name, bool (*prepare)(int), bool (*change)(int), int want)
{
	int fd = fresh_file(), err, again;
	uint64_t g = 0, g2 = 0;

	if (prepare)
		prepare(fd);
	if (vexfs_data_generation(fd, &g) || !g)
		ktap_bail("generation");
	if (change && !change(fd))
		ktap_bail("change");
	err = set_of(fd, g);
	again = vexfs_data_generation(fd, &g2) ? -1 : set_of(fd, g2);
	ktap(err == want && !again && (g == g2) == !want,
	     "%s between reading and setting: error %d, then %d", name, err, again);
	close(fd);
}

/* The generation is known before the first embedding, and stays while nothing changes. */
static void test_generation_stays(void)
{
	int fd = fresh_file(), ro = open(path, O_RDONLY), wo = open(path, O_WRONLY), bad = 0;
	uint64_t g = 0, g2 = 0;
	char c;

	bad += vexfs_data_generation(ro, &g) != 0;
	bad += set_of(fd, g) != 0 || set_of(fd, g) != 0;
	bad += pread(fd, &c, 1, 0) != 1 || fchmod(fd, 0600) != 0 || fsync(fd) != 0;
	bad += vexfs_data_generation(ro, &g2) != 0 || g != g2;
	bad += vexfs_data_generation(wo, &g2) != -EBADF;
	ktap(!bad, "reading, chmod and fsync leave the generation alone");
	close(fd);
	close(ro);
	close(wo);
}

/* Write permission is the descriptor's: what write(2) refuses, a set refuses. */
static void test_descriptor(void)
{
	int fd = fresh_file(), ro = open(path, O_RDONLY), bad = 0;
	float v[DIM] = { 1 };

	set(fd);
	bad += set_of(ro, 0) != -EBADF;
	bad += vexfs_embedding_del(ro, COLL, 0) != -EBADF;
	bad += vexfs_embedding_del_all(ro, COLL) != -EBADF;
	bad += stale(fd) != 0;
	/* An attribute needs no writable descriptor; the permission is the file's. */
	bad += fsetxattr(ro, "user.vec." COLL, v, sizeof(v), 0) != 0;
	ktap(!bad, "set and delete need a writable descriptor");
	close(fd);
	close(ro);
}

int main(void)
{
	ktap_plan(28);
	guest_setup();
	if (!cut_setup() || guest_run("modprobe dm-delay"))
		ktap_bail("this kernel has no dm-flakey and dm-delay");
	vg_fresh("");
	if (vg_collection(COLL, DIM, VEXFS_IOC_F32, VEXFS_IOC_L2))
		ktap_bail("collection");
	test_change("write", by_write);
	test_change("append", by_append);
	test_change("shrink", by_shrink);
	test_change("grow", by_grow);
	test_change("open with O_TRUNC", by_o_trunc);
	test_change("O_DIRECT write", by_direct);
	test_change("splice", by_splice);
	test_change("copy_file_range", by_copy);
	test_change("sendfile", by_sendfile);
	test_change("a new mapping", by_new_mapping);
	test_change("punch a block", by_punch);
	test_change("punch bytes", by_punch_edge);
	test_change("zero a range", by_zero);
	test_change("fallocate beyond the end", by_falloc);
	test_change("collapse a range", by_collapse);
	test_change("insert a range", by_insert);
	test_no_change();
	test_old_mapping();
	test_aio();
	test_crash();
	test_generation("nothing", NULL, NULL, 0);
	test_generation("a write", NULL, by_write, -ESTALE);
	test_generation("a truncate", NULL, by_shrink, -ESTALE);
	test_generation("a direct write", NULL, by_direct, -ESTALE);
	test_generation("a store to a dirty page", by_held_mapping, by_held_mapping, -ESTALE);
	test_generation_stays();
	test_descriptor();
	if (munmap(held, SIZE) || umount(guest_mnt))
		ktap_bail("umount");
	ktap(guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	cut_remove();
	return ktap_exit();
}
