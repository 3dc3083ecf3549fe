// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=768M time=240 cpus=2 full
 *
 * calls [SECONDS [SEED]]: hostile calls, by the grammar in callgrammar.h, from threads of root, two users and the root
 * of a user namespace, while collections are exchanged and the filesystem is frozen; then the same on it read-only.
 * Every call has to return, with a documented error if with one; what is root's to do must not succeed for others; the
 * kernel writes nothing but its answers; then fsck finds nothing, and the kernel has not complained.
 */
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>

#include "tests/guest/callgrammar.h"

#define WORKERS	5
#define THREADS	2
#define FILES	6
#define REGION	65536
#define POISON	0xa5
#define STUCK	90	/* seconds: emulated kernels with sanitizers are slow */
#define SHOWN	8	/* faults that a thread prints */

static const uid_t uids[WORKERS] = { 0, 0, 1000, 1001, 1000 };	/* the last: root of a namespace */

/* What the parent sees of a thread: the call it is in. */
struct watch {
	pid_t tid;
	time_t since;		/* 0: in none */
	const char *call;
	unsigned long made, succeeded, faults;
};

static struct watch *watches;
static unsigned long *successes;	/* of each call, in both phases */
static unsigned int seed = 1, seconds = 10;
static bool readonly;

struct thread {
	uint64_t rng;
	struct watch *watch;
	uid_t uid;
	bool ns;
	unsigned int nr;
	char *region[REGIONS];	/* each with an unmapped page after it */
	char *arg;
	int fd;
	bool ours;		/* the descriptor is of this filesystem */
};

static uint32_t rnd(struct thread *t, uint32_t n)
{
	return vg_next(&t->rng) % n;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void __attribute__((format(printf, 3, 4)))
fault(struct thread *t, const char *call, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (t->watch->faults++ < SHOWN)
		ktap_note("FAULT: %s as %u%s%s: %s (seed %u, thread %u, call %lu)", call, t->uid,
			  t->ns ? " in a namespace" : "", readonly ? ", read-only" : "", text, seed, t->nr,
			  t->watch->made);
}

/* ---- arguments ---------------------------------------------------------------------- */

static char *map_region(void)
{
	char *p = mmap(NULL, REGION + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + REGION, 4096, PROT_NONE))
		ktap_bail("mmap");
	return p;
}

static unsigned long long strange(struct thread *t)
{
	static const unsigned long long values[] = {
		0, 1, 2, 63, 64, 65, 255, 256, 1024, 1025, 4095, 4096, 16384, 16385, 65536, 1 << 24, 0x7fffffff,
		0x80000000, 0xffffffff, 1ULL << 32, 0x7fffffffffffffff, 1ULL << 63, ~0ULL, 0x8000000000000fff,
	};

	return values[rnd(t, sizeof(values) / sizeof(values[0]))];
}

/* Addresses that a pointer of a hostile caller has: none, unmapped, the kernel's, one whose end is not mapped. */
static unsigned long long bad_pointer(struct thread *t, char *region)
{
	switch (rnd(t, 5)) {
	case 0: return 0;
	case 1: return (unsigned long)(region + REGION);
	case 2: return 0xffff888000000000ULL;
	case 3: return ~0ULL;
	default: return (unsigned long)(region + REGION - 1 - rnd(t, 64));
	}
}

static void some_name(struct thread *t, char *to, size_t len, bool may_be_empty)
{
	static const char *const names[] = { "a", "b", "a", "b", "a", "b", "c", "gone", "..", "x/y", "\xff\xfe" };

	memset(to, 0, len);
	if (may_be_empty && rnd(t, 3))
		return;
	if (rnd(t, 12))
		strcpy(to, names[rnd(t, sizeof(names) / sizeof(names[0]))]);
	else
		memset(to, 'n', len - rnd(t, 2));
}

static void put_number(char *to, size_t len, unsigned long long v)
{
	memset(to, 0, len);
	memcpy(to, &v, len < sizeof(v) ? len : sizeof(v));	/* little-endian, as all that run this are */
}

static void fill_field(struct thread *t, const struct field *f, char *arg)
{
	bool hostile = !rnd(t, 24);
	char *to = arg + f->off;

	switch (f->kind) {
	case K_SIZE:
		put_number(to, f->len, !hostile ? f->arg : rnd(t, 2) ? f->arg + rnd(t, 17) - 8 : strange(t));
		return;
	case K_FLAGS:
		put_number(to, f->len, hostile ? 1ULL << rnd(t, 32) : vg_next(&t->rng) & f->arg);
		return;
	case K_NAME:
		some_name(t, to, f->len, f->arg);
		return;
	case K_NUM:
		put_number(to, f->len, hostile ? strange(t) : rnd(t, (uint32_t)f->arg + 1));
		return;
	case K_PTR:
		put_number(to, f->len, hostile ? bad_pointer(t, t->region[f->arg]) : (unsigned long)t->region[f->arg]);
		return;
	case K_BYTES:
		put_number(to, f->len, hostile ? strange(t) : f->arg);
		return;
	case K_EMBEDDER:
		memset(to, 0, f->len);
		if (hostile)
			to[rnd(t, f->len)] = (char)(1 + rnd(t, 255));
		return;
	case K_ZERO:
		memset(to, 0, f->len);
		if (!rnd(t, 200))
			to[rnd(t, f->len)] = 1;
	}
}

/*
 * Not what would stop the test itself: a wait without end, a file that cannot change, a stopped filesystem. And what
 * anybody may ask is a call of its own.
 */
static void keep_running(struct thread *t, const struct call *c, char *arg)
{
	struct vexfs_ioc_changes *ch = (void *)arg;
	struct vexfs_ioc_grow *grow = (void *)arg;
	uint32_t v;

	if (c->request == VEXFS_IOC_GROW && (c->flags & C_ADMIN))
		grow->flags &= ~(uint32_t)VEXFS_GROW_QUERY;
	if (c->request == VEXFS_IOC_CHANGES && ch->timeout_ms > 100)
		ch->timeout_ms = 100;
	memcpy(&v, arg, sizeof(v));
	if (c->request == FS_IOC_FSSETXATTR)
		v &= ~(uint32_t)(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND);
	if (c->request == VEXFS_IOC_SHUTDOWN)
		v = t->uid ? rnd(t, 3) : v | 4;
	if (c->request == FS_IOC_FSSETXATTR || c->request == VEXFS_IOC_SHUTDOWN)
		memcpy(arg, &v, sizeof(v));
}

/* The feed that this filesystem has, so that a mark is sometimes good. */
static void mark_feed(struct thread *t, struct vexfs_ioc_changes *ch)
{
	struct vexfs_ioc_changes first = { .size = sizeof(first), .count = 1 };

	first.entries = (unsigned long)t->region[R_RECORDS];
	first.paths = (unsigned long)t->region[R_PATHS];
	if (!ch->mark.feed && rnd(t, 4) && !ioctl(t->fd, VEXFS_IOC_CHANGES, &first))
		ch->mark.feed = first.mark.feed;
}

static void fill(struct thread *t, const struct call *c)
{
	struct vexfs_ioc_vec *vec = (struct vexfs_ioc_vec *)t->arg;
	float *v = (float *)t->region[R_DATA];

	memset(t->arg, 0, STRUCT_MAX);
	for (const struct field *f = c->fields; f->len; f++)
		fill_field(t, f, t->arg);
	for (int i = 0; i < DIM; i++)
		v[i] = (float)rnd(t, 100) + 1;
	if (!rnd(t, 50))
		v[rnd(t, DIM)] = NAN;
	if (c->request == VEXFS_IOC_CHANGES)
		mark_feed(t, (struct vexfs_ioc_changes *)t->arg);
	if (c->request == VEXFS_IOC_COLL_DROP && rnd(t, 6))	/* or the collections would be empty */
		put_number(t->arg + offsetof(struct vexfs_ioc_collection, name), 8, 'c');
	if (c->request == VEXFS_IOC_VEC_DEL && rnd(t, 4)) {	/* or no file would have one */
		vec->flags = 0;
		vec->chunk = 7;
	}
	keep_running(t, c, t->arg);
	memset(t->region[R_RECORDS], POISON, REGION);
	memset(t->region[R_PATHS], POISON, REGION);
	if (!rnd(t, 40))	/* what is beyond the structure that the kernel knows */
		memset(t->arg + c->size, POISON, STRUCT_MAX - c->size);
}

/* ---- what must hold afterwards -------------------------------------------------------- */

static bool allowed(const struct call *c, int err)
{
	if (err == EFAULT || err == EINVAL || err == E2BIG)
		return true;
	for (size_t i = 0; i < sizeof(c->errors) / sizeof(c->errors[0]); i++)
		if (err == c->errors[i])
			return true;
	return false;
}

/* Only fields of the answer differ from what the caller gave. */
static void check_struct(struct thread *t, const struct call *c, const char *before, bool ok)
{
	bool may[STRUCT_MAX] = { false };

	if (ok || (c->flags & C_TELLS))
		for (const struct field *f = c->fields; f->len; f++)
			for (unsigned int i = 0; f->out && i < f->len; i++)
				may[f->off + i] = true;
	for (unsigned int i = 0; i < STRUCT_MAX; i++)
		if (!may[i] && t->arg[i] != before[i]) {
			fault(t, c->name, "byte %u of the structure has changed from %#x to %#x%s", i,
			      before[i] & 0xff, t->arg[i] & 0xff, ok ? "" : " although it failed");
			return;
		}
}

static void check_tail(struct thread *t, const struct call *c, unsigned long long at, const char *region, size_t used)
{
	if (at != (unsigned long)region)
		return;
	for (size_t i = used; i < REGION; i++)
		if ((unsigned char)region[i] != POISON) {
			fault(t, c->name, "byte %zu of a buffer is written, of which %zu are told", i, used);
			return;
		}
}

/* Buffers hold what the reply tells, and beyond it what the caller had there. */
static void check_buffers(struct thread *t, const struct call *c)
{
	const struct vexfs_ioc_search *s = (void *)t->arg;
	const struct vexfs_ioc_changes *ch = (void *)t->arg;
	const struct vexfs_ioc_vec_list *l = (void *)t->arg;
	const struct vexfs_search_hit *hit = (void *)t->region[R_RECORDS];
	const struct vexfs_change *change = (void *)t->region[R_RECORDS];
	const struct vexfs_vec_entry *entry = (void *)t->region[R_RECORDS];
	size_t end = 0, n;

	if (c->request == VEXFS_IOC_SEARCH) {
		for (n = 0; n < s->found && s->hits == (unsigned long)hit; n++)
			if (end < hit[n].path_off + hit[n].path_len)
				end = hit[n].path_off + hit[n].path_len;
		check_tail(t, c, s->hits, t->region[R_RECORDS], s->found * sizeof(*hit));
		if (s->hits == (unsigned long)hit)
			check_tail(t, c, s->paths, t->region[R_PATHS], end);
	} else if (c->request == VEXFS_IOC_CHANGES) {
		for (n = 0; n < ch->count && ch->entries == (unsigned long)change; n++)
			if (end < change[n].path_off + change[n].path_len)
				end = change[n].path_off + change[n].path_len;
		check_tail(t, c, ch->entries, t->region[R_RECORDS], ch->count * sizeof(*change));
		if (ch->entries == (unsigned long)change)
			check_tail(t, c, ch->paths, t->region[R_PATHS], end);
	} else if (c->request == VEXFS_IOC_VEC_LIST) {
		check_tail(t, c, l->entries, t->region[R_RECORDS], l->count * sizeof(*entry));
		for (n = 0; n < l->count && l->entries == (unsigned long)entry; n++)
			if (entry[n].pad || (entry[n].flags & ~(uint32_t)VEXFS_VEC_STALE))
				fault(t, c->name, "entry %zu has flags %#x, pad %#x", n, entry[n].flags, entry[n].pad);
	}
}

static void begin(struct thread *t, const char *name)
{
	t->watch->made++;
	t->watch->call = name;
	__atomic_store_n(&t->watch->since, now(), __ATOMIC_RELEASE);
}

static void end(struct thread *t)
{
	__atomic_store_n(&t->watch->since, 0, __ATOMIC_RELEASE);
}

static void one_ioctl(struct thread *t)
{
	const struct call *c = &calls[rnd(t, CALLS)];
	unsigned long at = (unsigned long)t->arg;
	char before[STRUCT_MAX];
	int err;

	begin(t, c->name);
	fill(t, c);
	if (!rnd(t, 20))
		at = bad_pointer(t, t->region[R_RECORDS]);
	memcpy(before, t->arg, sizeof(before));
	err = ioctl(t->fd, c->request, at) ? errno : 0;
	end(t);
	t->watch->succeeded += !err;
	if (!err)
		__atomic_add_fetch(&successes[c - calls], 1, __ATOMIC_RELAXED);
	if (!t->ours) {
		if (!err && _IOC_TYPE(c->request) == 'V')
			fault(t, c->name, "succeeds on a descriptor that is not of the filesystem");
		return;
	}
	if (err && !allowed(c, err))
		fault(t, c->name, "ends with %s", strerror(err));
	if (!err && (c->flags & C_ADMIN) && (t->uid || t->ns))
		fault(t, c->name, "succeeds");
	if (!err && (c->flags & C_WRITES) && readonly)
		fault(t, c->name, "succeeds");
	check_struct(t, c, before, !err);
	if (!err && at == (unsigned long)t->arg)
		check_buffers(t, c);
}

/* ---- calls of the VFS ------------------------------------------------------------------- */

/* A list of entries of an ACL that is valid more often than by chance. */
static size_t some_acl(struct thread *t, char *to)
{
	static const unsigned short tags[] = { 1, 2, 4, 16, 32 };
	uint32_t version = rnd(t, 12) ? 2 : 3, ids[] = { ~0U, 1000, ~0U, ~0U, ~0U };
	size_t n = 4;

	memcpy(to, &version, 4);
	for (int i = 0; i < 5; i++, n += 8) {
		unsigned short e[2] = { tags[i], (unsigned short)rnd(t, 8) };

		memcpy(to + n, e, 4);
		memcpy(to + n + 4, &ids[i], 4);
	}
	if (!rnd(t, 6))
		to[rnd(t, (uint32_t)n)] ^= (char)(1 << rnd(t, 8));
	return rnd(t, 8) ? n : rnd(t, (uint32_t)n + 9);
}

/* Whether these do what they should is for other tests; here the kernel's checks and fsck judge them. */
static int one_xattr(struct thread *t)
{
	static const char *const names[] = {
		"user.a", "user.b", "user.", "trusted.a", "security.a", "system.posix_acl_access",
		"system.posix_acl_default", "system.vexfs", "user.vexfs", "nothing", "",
	};
	const char *name = names[rnd(t, sizeof(names) / sizeof(names[0]))];
	char *value = t->region[R_PATHS];
	size_t n = rnd(t, 4) ? rnd(t, 300) : rnd(t, REGION);

	if (strstr(name, "posix_acl"))
		n = some_acl(t, value);
	if (!rnd(t, 16))
		value = (char *)(unsigned long)bad_pointer(t, value);
	switch (rnd(t, 4)) {
	case 0: return fgetxattr(t->fd, name, value, n) < 0;
	case 1: return flistxattr(t->fd, value, n) < 0;
	case 2: return fremovexattr(t->fd, name);
	default: return fsetxattr(t->fd, name, value, n, rnd(t, 8) ? 0 : (int)rnd(t, 5));
	}
}

static int one_fallocate(struct thread *t)
{
	static const int modes[] = { 0, 1, 2, 3, 8, 16, 17, 32, 64, 65, 128, 256, ~0 };
	off_t at = rnd(t, 8) ? rnd(t, 300000) & ~4095U : (off_t)strange(t);
	off_t len = rnd(t, 8) ? 4096 * (1 + rnd(t, 30)) : (off_t)strange(t);

	return fallocate(t->fd, modes[rnd(t, sizeof(modes) / sizeof(modes[0]))], at, len);
}

static int one_quota(struct thread *t)
{
	static const int verbs[] = { 0x800004, 0x800005, 0x800006, 0x800007, 0x800008, 0x800009, 0x800001 };
	bool sets = false;
	int verb, ret;

	verb = verbs[rnd(t, sizeof(verbs) / sizeof(verbs[0]))];
	sets = verb == 0x800008 || verb == 0x800006;
	memset(t->region[R_PATHS], 0, 256);
	if (verb == 0x800008)	/* dqb_valid; root may set the usage, too, which fsck would find wrong */
		put_number(t->region[R_PATHS] + 64, 4, strange(t) & ~(unsigned long long)(QIF_SPACE | QIF_INODES));
	ret = (int)syscall(SYS_quotactl_fd, t->fd, ((unsigned int)verb << 8) | rnd(t, 4), rnd(t, 2) ? 0 : 1000 + rnd(t, 3),
			   rnd(t, 8) ? (unsigned long)t->region[R_PATHS] : bad_pointer(t, t->region[R_PATHS]));
	if (!ret && sets && (t->uid || t->ns) && t->ours)
		fault(t, "quotactl", "sets limits");
	return ret;
}

static int one_file(struct thread *t)
{
	char p[300];

	switch (rnd(t, 4)) {
	case 0: return pwrite(t->fd, t->region[R_DATA], rnd(t, REGION), rnd(t, 100000)) < 0;
	case 1: return ftruncate(t->fd, rnd(t, 300000));
	case 2:
		snprintf(p, sizeof(p), "%s/d/f%u", guest_mnt, rnd(t, FILES));
		return t->uid ? 0 : unlink(p);
	default: return fsync(t->fd);
	}
}

static void one_other(struct thread *t)
{
	static const struct {
		const char *name;
		int (*make)(struct thread *t);
	} others[] = {
		{ "xattr", one_xattr }, { "xattr", one_xattr }, { "fallocate", one_fallocate },
		{ "quotactl", one_quota }, { "write", one_file },
	};
	unsigned int i = rnd(t, sizeof(others) / sizeof(others[0]));
	int err;

	begin(t, others[i].name);
	err = others[i].make(t) ? errno : 0;
	end(t);
	t->watch->succeeded += !err;
	if (t->ours && (err == EIO || err == EUCLEAN || err == ENOMEM || err == EREMOTE))
		fault(t, others[i].name, "ends with %s", strerror(err));
}

/* ---- threads -------------------------------------------------------------------------------- */

static void another_descriptor(struct thread *t)
{
	static const int flags[] = { O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_PATH, O_RDWR | O_APPEND };
	int how = readonly ? O_RDONLY : flags[rnd(t, sizeof(flags) / sizeof(flags[0]))];
	char p[300];

	if (t->fd >= 0)
		close(t->fd);
	t->ours = false;
	switch (rnd(t, 12)) {
	case 0: t->fd = open("/dev/null", O_RDWR); return;
	case 1: t->fd = open("/", O_RDONLY | O_DIRECTORY); return;
	case 2: t->fd = -1; return;
	case 3: case 4: case 5: case 6:
		snprintf(p, sizeof(p), "%s%s", guest_mnt, rnd(t, 2) ? "/d" : "");
		how = O_RDONLY | O_DIRECTORY;
		break;
	default:
		snprintf(p, sizeof(p), "%s/d/f%u", guest_mnt, rnd(t, FILES));
		how |= readonly ? 0 : O_CREAT;
	}
	t->fd = open(p, how, 0666);
	t->ours = t->fd >= 0 && !(how & O_PATH);
}

static time_t deadline;

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	t->watch->tid = (pid_t)syscall(SYS_gettid);
	while (now() < deadline) {
		if (!rnd(t, 12) || t->fd < 0)
			another_descriptor(t);
		if (rnd(t, 4))
			one_ioctl(t);
		else
			one_other(t);
	}
	return NULL;
}

static void become(struct thread *t, unsigned int worker)
{
	char map[40];
	int fd;

	if (t->uid && (setgroups(0, NULL) || setgid(t->uid) || setuid(t->uid)))
		_exit(100);
	prctl(PR_SET_DUMPABLE, 1);	/* or its map of users is root's */
	if (worker != WORKERS - 1 || unshare(CLONE_NEWUSER))
		return;
	t->ns = true;
	fd = open("/proc/self/uid_map", O_WRONLY);
	snprintf(map, sizeof(map), "0 %u 1", t->uid);
	if (fd < 0 || write(fd, map, strlen(map)) < 0 || close(fd))
		ktap_bail("uid_map: %s", strerror(errno));
}

static void worker_main(unsigned int worker)
{
	struct thread me = { .uid = uids[worker], .fd = -1 }, *t;
	pthread_t ids[THREADS];

	become(&me, worker);
	umask(0);
	signal(SIGXFSZ, SIG_IGN);
	for (unsigned int i = 0; i < THREADS; i++) {
		t = malloc(sizeof(*t));
		*t = me;
		t->nr = worker * THREADS + i;
		t->rng = seed * 1000ULL + t->nr + (readonly ? 500 : 0);
		t->watch = &watches[t->nr];
		for (int r = 0; r < REGIONS; r++)
			t->region[r] = map_region();
		t->arg = map_region() + REGION - STRUCT_MAX;
		if (pthread_create(&ids[i], NULL, thread_main, t))
			_exit(102);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	_exit(0);
}

/* ---- the parent: keeps watch, and changes the filesystem under them ---------------------------- */

static void show_stuck(const struct watch *w)
{
	char cmd[80];

	ktap_note("STUCK: %s has not returned within %d seconds (seed %u, call %lu); its stack:", w->call, STUCK, seed,
		  w->made);
	snprintf(cmd, sizeof(cmd), "cat /proc/%d/stack", w->tid);
	guest_run(cmd);
}

static bool any_stuck(void)
{
	for (int i = 0; i < WORKERS * THREADS; i++) {
		time_t since = __atomic_load_n(&watches[i].since, __ATOMIC_ACQUIRE);

		if (since && now() - since > STUCK) {
			show_stuck(&watches[i]);
			return true;
		}
	}
	return false;
}

static void disturb(struct thread *t)
{
	int fd = vg_root();

	switch (rnd(t, 4)) {
	case 0:
		if (!ioctl(fd, FIFREEZE, 0)) {
			usleep(20000);
			if (ioctl(fd, FITHAW, 0))
				ktap_bail("FITHAW");
		}
		break;
	case 1:
		vexfs_collection_exchange(fd, "a", "b");
		break;
	case 2:
		vexfs_collection_create(fd, rnd(t, 2) ? "a" : "b", DIM, VEXFS_IOC_F32, 1 + (uint8_t)rnd(t, 3), NULL);
		break;
	default:
		syncfs(fd);
	}
	close(fd);
}

/* Returns whether all calls have returned. */
static bool run_phase(void)
{
	struct thread chaos = { .rng = seed };
	pid_t pids[WORKERS];
	int left = WORKERS, st, bad = 0;

	memset(watches, 0, WORKERS * THREADS * sizeof(*watches));
	deadline = now() + seconds;
	fflush(stdout);
	for (unsigned int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i])
			worker_main(i);
		if (pids[i] < 0)
			ktap_bail("fork");
	}
	while (left) {
		pid_t pid = waitpid(-1, &st, WNOHANG);

		if (pid > 0) {
			left--;
			bad += st != 0;
			if (st)
				ktap_note("a worker has ended with status %#x", st);
			continue;
		}
		if (any_stuck())
			return false;
		if (!readonly && now() < deadline)
			disturb(&chaos);
		usleep(50000);
	}
	ktap(!bad, "%s: no caller died", readonly ? "read-only" : "writable");
	return true;
}

static void verdict(void)
{
	unsigned long made = 0, succeeded = 0, faults = 0;

	for (int i = 0; i < WORKERS * THREADS; i++) {
		made += watches[i].made;
		succeeded += watches[i].succeeded;
		faults += watches[i].faults;
	}
	ktap_note("%lu calls, %lu succeeded, %lu faults, seed %u", made, succeeded, faults, seed);
	for (size_t i = 0; i < CALLS && !readonly; i++)
		if (!successes[i])
			ktap_note("%s has not succeeded once", calls[i].name);
	ktap(!faults && succeeded > made / 50, "%s: every answer is a documented one", readonly ? "read-only" : "writable");
}

static void prepare(void)
{
	char p[40], cmd[300];

	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f -O quota,change_feed %s 32M", guest_disk);	/* GROW has work, too */
	if (guest_run(cmd) || guest_mount(""))
		ktap_bail("mkfs, mount");
	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	chmod(guest_mnt, 0777);
	vg_mkdir("d", 0777);
	if (vg_collection("a", DIM, VEXFS_IOC_F32, VEXFS_IOC_L2) || vg_collection("b", DIM, VEXFS_IOC_F32, VEXFS_IOC_IP))
		ktap_bail("collections");
	for (unsigned int i = 0; i < FILES; i++) {
		int fd;

		snprintf(p, sizeof(p), "d/f%u", i);
		fd = vg_file(p, 0666);
		if (vg_set(fd, "a", VEXFS_IOC_F32, DIM, 0, i + 1) || fchown(fd, i < 3 ? 0 : 1000, 0))
			ktap_bail("%s", p);
		close(fd);
	}
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		ktap_bail("mmap");
	return p;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		seconds = (unsigned int)atoi(argv[1]);
	if (argc > 2)
		seed = (unsigned int)strtoul(argv[2], NULL, 10);
	guest_setup();
	ktap_plan(7);
	guest_forget_messages();
	watches = shared(WORKERS * THREADS * sizeof(*watches));
	successes = shared(CALLS * sizeof(*successes));
	prepare();
	if (!run_phase())
		ktap_bail("a call is stuck");
	verdict();
	if (mount(guest_disk, guest_mnt, "vexfs", MS_REMOUNT | MS_RDONLY, ""))
		ktap_bail("remount read-only");
	readonly = true;
	if (!run_phase())
		ktap_bail("a call is stuck");
	verdict();
	ktap(!mount(guest_disk, guest_mnt, "vexfs", MS_REMOUNT, "") && !umount(guest_mnt), "writable again, and unmounted");
	ktap(!guest_fsck(), "fsck finds nothing");
	ktap(!guest_said("WARNING:\\|BUG:\\|INFO:.*blocked\\|possible.*deadlock\\|vexfs.*damage"),
	     "the kernel has not complained");
	return ktap_exit();
}
