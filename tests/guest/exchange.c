// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=240
 *
 * Two collections get each other's names: everything but the name stays with its collection; who may do it;
 * what others see while it happens, over and over, in both orders; and a power cut in the middle.
 */
#include <grp.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "tests/guest/powercut.h"
#include "tests/guest/vecguest.h"

#define OWNER	1000
#define OTHER	1001
#define DIM_A	4
#define DIM_B	8
#define SEED_A	11
#define SEED_B	22

static struct vg_search g;
static const struct vexfs_embedder_id model_a = { .name = "model-a", .fingerprint = { 1 } };

/* Collections 0, "a", and 1, "b", that differ in everything, and a file with an embedding in each. */
static void make_pair(void)
{
	struct vexfs_ioc_collection c = {
		.name = "a", .dim = DIM_A, .elem = VEXFS_IOC_F32, .metric = VEXFS_IOC_L2, .embedder = model_a,
		.flags = VEXFS_COLL_MODE | VEXFS_COLL_UID, .uid = OWNER, .mode = 0660,
	};
	int fd = vg_root(), file;

	if (vexfs_collection_make(fd, &c) || vg_collection("b", DIM_B, VEXFS_IOC_F16, VEXFS_IOC_COSINE))
		ktap_bail("two collections");
	close(fd);
	file = vg_file("file", 0666);
	if (vg_set(file, "a", VEXFS_IOC_F32, DIM_A, 0, SEED_A) || vg_set(file, "b", VEXFS_IOC_F16, DIM_B, 0, SEED_B))
		ktap_bail("set");
	close(file);
}

static int exchange(const char *name, const char *other)
{
	int fd = vg_root(), err = vexfs_collection_exchange(fd, name, other);

	close(fd);
	return err;
}

static int file_open(void)
{
	int fd = open(guest_at("file"), O_RDWR);

	if (fd < 0)
		ktap_bail("open the file");
	return fd;
}

/* The id of a collection by name; negative errno. */
static int id_of(const char *name)
{
	struct vexfs_ioc_collection c;
	int fd = vg_root(), err = vexfs_collection_info(fd, name, &c);

	close(fd);
	return err ? err : (int)c.id;
}

/* ---- what moves, and what stays --------------------------------------------------- */

static bool is_first(const struct vexfs_ioc_collection *c)
{
	return !c->id && c->dim == DIM_A && c->elem == VEXFS_IOC_F32 && c->metric == VEXFS_IOC_L2 && c->uid == OWNER &&
	       c->mode == 0660 && c->live == 1 && !memcmp(&c->embedder, &model_a, sizeof(model_a));
}

static bool is_second(const struct vexfs_ioc_collection *c)
{
	return c->id == 1 && c->dim == DIM_B && c->elem == VEXFS_IOC_F16 && c->metric == VEXFS_IOC_COSINE && !c->uid &&
	       c->mode == VEXFS_COLL_DEFAULT_MODE && c->live == 1 && !c->embedder.name[0];
}

/* Both attributes, each once. */
static bool listed_once(int fd)
{
	char list[256];
	ssize_t n = flistxattr(fd, list, sizeof(list)), i;
	int a = 0, b = 0;

	for (i = 0; i < n; i += (ssize_t)strlen(list + i) + 1) {
		a += !strcmp(list + i, "user.vec.a");
		b += !strcmp(list + i, "user.vec.b");
	}
	return a == 1 && b == 1;
}

static bool finds_file(const char *name, uint32_t dim)
{
	int fd = vg_root(), err;
	float q[DIM_B];

	vg_vector(1, dim, q);
	err = vg_run(&g, fd, name, q, dim, 3, 0);
	close(fd);
	return !err && g.s.found == 1 && vg_found_path(&g, "file");
}

/* @first, @second: the names that collections 0 and 1 have now. */
static bool named(const char *first, const char *second)
{
	struct vexfs_ioc_collection x, y, n0, n1;
	int fd = vg_root(), file = file_open();
	char raw[64];
	bool ok;

	ok = !vexfs_collection_info(fd, first, &x) && !vexfs_collection_info(fd, second, &y) && is_first(&x) &&
	     is_second(&y) && !vexfs_collection_next(fd, 0, &n0) && !vexfs_collection_next(fd, 1, &n1) &&
	     !strcmp(n0.name, first) && !strcmp(n1.name, second) && is_first(&n0) && is_second(&n1);
	ok = ok && !vg_compare(file, first, VEXFS_IOC_F32, DIM_A, 0, SEED_A) &&
	     !vg_compare(file, second, VEXFS_IOC_F16, DIM_B, 0, SEED_B) && finds_file(first, DIM_A) &&
	     finds_file(second, DIM_B) && listed_once(file);
	snprintf(raw, sizeof(raw), "user.vec.%s", first);
	ok = ok && fgetxattr(file, raw, raw, sizeof(raw)) == DIM_A * 4 + 16;
	close(file);
	close(fd);
	return ok;
}

static void test_names(void)
{
	vg_fresh("-O quota");
	make_pair();
	ktap(named("a", "b"), "two collections, a file with an embedding in each");
	ktap(!exchange("a", "b") && named("b", "a"), "exchanged: all but the name stays with its collection");
	vg_remount();
	ktap(named("b", "a"), "also after a remount");
	ktap(!exchange("a", "b") && named("a", "b"), "and back");
	ktap(!exchange("b", "a") && named("b", "a"), "the order of the names does not matter");
	ktap(!vg_collection("a2", DIM_A, VEXFS_IOC_F32, VEXFS_IOC_L2) &&
	     vg_collection("a", DIM_A, VEXFS_IOC_F32, VEXFS_IOC_L2) == -EEXIST, "names are taken as before");
	ktap(!umount(guest_mnt) && !guest_fsck() && !guest_mount(""), "charges and all: fsck.vexfs -n finds it clean");
}

/* A graph in memory and on the disk is the collection's, whatever it is called. */
static void test_graph(void)
{
	int fd = vg_file("many", 0644), dir = vg_root(), bad = 0;
	float q[DIM_B];

	vg_parameter("graph_min", "50");
	vg_parameter("graph_checkpoint", "1");
	for (uint32_t i = 0; i < 200; i++)
		bad += vg_set(fd, "a", VEXFS_IOC_F16, DIM_B, i, 100 + i) != 0;
	close(fd);
	vg_vector(150, DIM_B, q);
	bad += vg_run(&g, dir, "a", q, DIM_B, 1, 0) != 0 || !vg_absorbed(201);
	bad += vexfs_collection_exchange(dir, "a", "b") != 0 || vg_run(&g, dir, "b", q, DIM_B, 1, 0) != 0;
	ktap(!bad && g.hits[0].chunk == 50 && vg_attr("graph_records") == 201, "a graph stays with its collection");
	sleep(3);		/* a checkpoint */
	close(dir);
	vg_remount();
	dir = vg_root();
	bad = vg_run(&g, dir, "b", q, DIM_B, 1, 0) != 0 || g.hits[0].chunk != 50 || !vg_absorbed(201);
	ktap(!bad && vg_attr("graph_loads") == 1, "and read from its file after a remount");
	ktap(!vexfs_collection_exchange(dir, "a", "b") && !vexfs_collection_drop(dir, "b") && id_of("a") == 1,
	     "a drop by name after an exchange takes the collection that has the name");
	close(dir);
	vg_parameter("graph_min", "2000");
	vg_parameter("graph_checkpoint", "30");
	ktap(!umount(guest_mnt) && !guest_fsck() && !guest_mount(""), "fsck.vexfs -n finds it clean");
}

/* ---- who may, and what is refused -------------------------------------------------- */

static int as(uid_t uid, int (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
			_exit(100);
		_exit(-fn());
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return 101;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 102;
}

static int try_ab(void) { return exchange("a", "b"); }
static int try_ba(void) { return exchange("b", "a"); }
static int try_b_none(void) { return exchange("b", "none"); }
static int try_b_hidden(void) { return exchange("b", "hidden"); }
static int try_a_hidden(void) { return exchange("a", "hidden"); }
static int try_a_none(void) { return exchange("a", "none"); }

static int raw(struct vexfs_ioc_exchange *x, size_t size)
{
	int fd = vg_root(), ret;

	x->size = (__u32)size;
	ret = ioctl(fd, VEXFS_IOC_COLL_EXCHANGE, x) ? errno : 0;
	close(fd);
	return ret;
}

static void test_arguments(void)
{
	struct { struct vexfs_ioc_exchange x; __u64 more; } longer = { .x = { .name = "a", .other = "b" } };
	struct vexfs_ioc_exchange flags = { .name = "a", .other = "b", .flags = 1 };
	struct vexfs_ioc_exchange reserved = { .name = "a", .other = "b", .reserved = { 0, 0, 1 } };
	struct vexfs_ioc_exchange endless = { .name = "a", .other = "b" };
	int fd = open("/proc", O_RDONLY);

	memset(endless.other, 'x', sizeof(endless.other));
	ktap(exchange("a", "a") == -EINVAL && exchange("none", "none") == -EINVAL, "one name twice: EINVAL");
	ktap(exchange("a", "none") == -ENOENT && exchange("none", "a") == -ENOENT, "a missing one: ENOENT");
	ktap(exchange("a", "") == -EINVAL && exchange("a/b", "b") == -EINVAL && raw(&endless, sizeof(endless)) == EINVAL,
	     "bad names: EINVAL");
	ktap(raw(&flags, sizeof(flags)) == EINVAL && raw(&reserved, sizeof(reserved)) == EINVAL,
	     "flags and reserved fields: EINVAL");
	ktap(raw(&flags, sizeof(flags) - 8) == EINVAL, "too short a structure: EINVAL");
	longer.more = 1;
	ktap(raw(&longer.x, sizeof(longer)) == E2BIG, "a longer one with what is not known: E2BIG");
	longer.more = 0;
	ktap(!raw(&longer.x, sizeof(longer)) && !exchange("a", "b"), "and with zeros it is understood");
	ktap(vexfs_collection_exchange(fd, "a", "b") == -ENOTTY, "another filesystem: ENOTTY");
	close(fd);
}

static int give(const char *name, uid_t uid, uint16_t mode)
{
	struct vexfs_ioc_collection c = { .flags = VEXFS_COLL_UID | VEXFS_COLL_MODE, .uid = uid, .mode = mode };
	int fd = vg_root(), err;

	strcpy(c.name, name);
	err = vexfs_collection_change(fd, &c);
	close(fd);
	return err;
}

static void test_permission(void)
{
	vg_fresh("");
	make_pair();
	vg_collection("hidden", DIM_A, VEXFS_IOC_F32, VEXFS_IOC_L2);
	give("hidden", 0, 0600);
	test_arguments();
	ktap(as(OTHER, try_ab) == ENOENT, "a user who may not see one of them: ENOENT");
	give("a", OWNER, 0666);
	ktap(as(OTHER, try_ab) == EPERM && as(OTHER, try_ba) == EPERM, "an ordinary user: EPERM");
	ktap(as(OWNER, try_ab) == EPERM && as(OWNER, try_ba) == EPERM, "the owner of one of them: EPERM");
	ktap(as(OTHER, try_b_none) == as(OTHER, try_b_hidden) && as(OWNER, try_a_none) == ENOENT &&
	     as(OWNER, try_a_hidden) == ENOENT, "the error does not tell whether a hidden one exists");
	ktap(id_of("a") == 0 && id_of("b") == 1, "nothing has changed");
	give("b", OWNER, 0600);
	ktap(!as(OWNER, try_ab) && id_of("a") == 1, "the owner of both may");
	ktap(!exchange("a", "hidden") && id_of("a") == 2 && !exchange("a", "hidden"), "and root");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT | MS_RDONLY, NULL))
		ktap_bail("remount read-only");
	ktap(exchange("a", "b") == -EROFS && as(OTHER, try_ab) == EROFS && id_of("a") == 1, "mounted read-only: EROFS");
	if (mount(NULL, guest_mnt, NULL, MS_REMOUNT, NULL))
		ktap_bail("remount");
}

static void test_frozen(void)
{
	int fd = vg_root(), st = -1, waits;
	pid_t pid;

	if (ioctl(fd, FIFREEZE, 0))
		ktap_bail("freeze");
	pid = fork();
	if (!pid)
		_exit(-exchange("a", "b"));
	usleep(300000);
	waits = waitpid(pid, &st, WNOHANG) == 0;
	ktap(waits && id_of("a") == 1, "frozen: it waits, and names are as they were");
	if (ioctl(fd, FITHAW, 0))
		ktap_bail("thaw");
	ktap(waitpid(pid, &st, 0) == pid && !st && id_of("a") == 0, "thawed: it is done");
	close(fd);
	ktap(!umount(guest_mnt) && !guest_fsck(), "fsck.vexfs -n finds it clean");
}

/* ---- while others work ------------------------------------------------------------------ */

struct shared {
	int stop;
	long exchanges, looks, wrong;
};

static struct shared *sh;

static pid_t start(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		while (!__atomic_load_n(&sh->stop, __ATOMIC_RELAXED))
			fn();
		_exit(0);
	}
	return pid;
}

static void wrong(const char *what, long value)
{
	if (__atomic_fetch_add(&sh->wrong, 1, __ATOMIC_RELAXED) < 5)
		ktap_note("%s: %ld", what, value);
}

static void swap_ab(void)
{
	int err = exchange("a", "b");

	if (err)
		wrong("exchange of a and b", err);
	__atomic_fetch_add(&sh->exchanges, 1, __ATOMIC_RELAXED);
}

static void swap_ba(void)
{
	int err = exchange("b", "a");

	if (err)
		wrong("exchange of b and a", err);
	__atomic_fetch_add(&sh->exchanges, 1, __ATOMIC_RELAXED);
}

/* A name is found, and what is told about it is of one collection. */
static void look_up(void)
{
	struct vexfs_ioc_collection c;
	const char *name = vg_rnd(2) ? "a" : "b";
	int fd = vg_root(), err = vexfs_collection_info(fd, name, &c);

	if (err || strcmp(c.name, name) || c.dim != (c.id ? DIM_B : DIM_A) || c.elem != (c.id ? VEXFS_IOC_F16 : VEXFS_IOC_F32))
		wrong("INFO", err);
	close(fd);
	__atomic_fetch_add(&sh->looks, 1, __ATOMIC_RELAXED);
}

/* A vector of 0 is refused by 1, for its length. */
static void set_and_get(void)
{
	const char *name = vg_rnd(2) ? "a" : "b";
	int fd = file_open(), err = vg_set(fd, name, VEXFS_IOC_F32, DIM_A, 5, SEED_A);

	if (err && err != -EINVAL)
		wrong("SET", err);
	err = vg_compare(fd, name, VEXFS_IOC_F32, DIM_A, 0, SEED_A);
	if (err && err != 1)
		wrong("GET", err);
	close(fd);
	__atomic_fetch_add(&sh->looks, 1, __ATOMIC_RELAXED);
}

static void search_and_list(void)
{
	int fd = vg_root(), file = file_open(), err;
	float q[DIM_A];

	vg_vector(1, DIM_A, q);
	err = vg_run(&g, fd, vg_rnd(2) ? "a" : "b", q, DIM_A, 1, 0);
	if ((err && err != -EINVAL) || (!err && g.s.found != 1))
		wrong("SEARCH", err);
	if (!listed_once(file))
		wrong("listxattr", 0);
	close(file);
	close(fd);
	__atomic_fetch_add(&sh->looks, 1, __ATOMIC_RELAXED);
}

static void test_race(void)
{
	void (*const fn[])(void) = { swap_ab, swap_ba, look_up, set_and_get, search_and_list };
	pid_t pid[5];
	int i, st, failed = 0;

	memset(sh, 0, sizeof(*sh));
	for (i = 0; i < 5; i++)
		pid[i] = start(fn[i]);
	sleep(5);
	sh->stop = 1;
	for (i = 0; i < 5; i++)
		failed += waitpid(pid[i], &st, 0) != pid[i] || st;
	ktap_note("%ld exchanges, %ld looks", sh->exchanges, sh->looks);
	ktap(!failed && !sh->wrong && sh->exchanges > 50 && sh->looks > 50,
	     "exchanges in both orders: each name is always there, and of one collection");
}

/* Ends with the first error: the drop. */
static int swap_until_gone(void)
{
	int err;

	do {
		err = exchange("a", "b");
	} while (!err);
	return err == -ENOENT ? 0 : 1;
}

/* A drop that meets an exchange takes "a", whichever that is, and leaves "b". */
static void test_drop(void)
{
	int i, st, bad = 0, fd;
	pid_t pid;

	for (i = 0; i < 40 && !bad; i++) {
		pid = fork();
		if (!pid)
			_exit(swap_until_gone());
		usleep((useconds_t)vg_rnd(20000));
		fd = vg_root();
		bad += vexfs_collection_drop(fd, "a") != 0;
		close(fd);
		bad += waitpid(pid, &st, 0) != pid || st || id_of("a") != -ENOENT || id_of("b") < 0;
		bad += vg_collection("a", i % 2 ? DIM_A : DIM_B, VEXFS_IOC_F32, VEXFS_IOC_L2) != 0;
	}
	if (bad)
		ktap_note("round %d: a is %d, b is %d", i, id_of("a"), id_of("b"));
	ktap(!bad, "a drop during exchanges takes the collection that has the name then");
}

static void test_concurrent(void)
{
	vg_fresh("");
	make_pair();
	test_race();
	test_drop();
	ktap(!umount(guest_mnt) && !guest_fsck(), "fsck.vexfs -n finds it clean");
}

/* ---- power cuts ------------------------------------------------------------------------------ */

static bool old_or_new(void)
{
	int a = id_of("a"), b = id_of("b");

	return (a == 0 && b == 1 && named("a", "b")) || (a == 1 && b == 0 && named("b", "a"));
}

static void swap_and_sync(void)
{
	if (exchange("a", "b"))
		_exit(0);		/* stopped */
	if (!vg_rnd(4))
		sync();
}

static void test_cut(bool have_cut)
{
	__u32 how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int i, st, fd, bad = 0;
	pid_t pid;

	vg_fresh("");
	make_pair();
	sync();
	for (i = 0; i < 8 && !bad; i++) {
		memset(sh, 0, sizeof(*sh));
		pid = start(swap_and_sync);
		usleep(50000 + (useconds_t)vg_rnd(400000));
		fd = vg_root();
		if (have_cut)
			cut_power();
		else
			ioctl(fd, VEXFS_IOC_SHUTDOWN, &how);
		close(fd);
		kill(pid, SIGKILL);
		waitpid(pid, &st, 0);
		bad += umount(guest_mnt) != 0;
		if (have_cut)
			cut_restore();
		bad += guest_mount("") || !old_or_new() || umount(guest_mnt) || guest_fsck() || guest_mount("");
	}
	ktap(!bad, "%d power cuts (%s): both names, old or new, fsck clean", i, have_cut ? "dm-flakey" : "shutdown");
	umount(guest_mnt);
}

int main(void)
{
	ktap_plan(35);
	guest_setup();
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);	/* for users */
	chmod(guest_mnt, 0755);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		ktap_bail("mmap");
	test_names();
	test_graph();
	umount(guest_mnt);
	test_permission();
	test_frozen();
	test_concurrent();
	test_cut(false);
	if (cut_setup()) {
		test_cut(true);
		cut_remove();
	} else {
		ktap_skip("power cuts", "no dm-flakey");
	}
	return ktap_exit();
}
