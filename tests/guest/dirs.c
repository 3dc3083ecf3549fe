// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:700M mem=1G time=1500
 *
 * A directory of 100,000 entries (20,000 on a slow machine): listed completely, with cookies of 63 bits and of
 * 31, wherever a buffer ends; emptied while it is read; as small afterwards as it was.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/guest/guest.h"

#define MANY	100000	/* on a slow machine (a debug kernel under emulation) ... */
#define FEWER	20000	/* ... so many: slow is 2,000 in 8 s */
#define TRIAL	2000
#define SOME	4000
#define BUF	65536

/* As the kernel's; glibc keeps its own to itself. */
struct entry {
	unsigned long long ino;
	long long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static int many = MANY;
static unsigned char seen[MANY];
static char *buf;		/* below 4 GiB, for 32-bit system calls */
static unsigned long long rng = 20261128;

static unsigned int rnd(unsigned int n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)(rng >> 33) % n;
}

/* ---- the system calls of a 32-bit program -------------------------------------- */

#ifdef __x86_64__
#define HAVE_INT80	1
#define NR32_LSEEK	19
#define NR32_GETPID	20
#define NR32_GETDENTS64	220

static long int80(long nr, long a, long b, long c)
{
	int ret;

	asm volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}
#else
#define HAVE_INT80	0
#define NR32_LSEEK	0
#define NR32_GETPID	0
#define NR32_GETDENTS64	0

static long int80(long nr, long a, long b, long c)
{
	return -ENOSYS;
}
#endif

static sigjmp_buf no_int80;

static void on_fault(int sig)
{
	siglongjmp(no_int80, 1);
}

/* Why 32-bit calls cannot be made here; NULL: they can. */
static const char *why_not_int80(void)
{
	long pid = -1;

	if (!HAVE_INT80)
		return "not an x86-64 machine";
	signal(SIGSEGV, on_fault);
	if (!sigsetjmp(no_int80, 1))
		pid = int80(NR32_GETPID, 0, 0, 0);
	signal(SIGSEGV, SIG_DFL);
	return pid == getpid() ? NULL : "the kernel has no 32-bit system calls (CONFIG_IA32_EMULATION)";
}

static long get_entries(int fd, bool compat, unsigned int size)
{
	long n = compat ? int80(NR32_GETDENTS64, fd, (long)buf, size) :
			  syscall(SYS_getdents64, fd, buf, size);

	return n == -1 ? -errno : n;
}

/* ---- the directory ---------------------------------------------------------------- */

static char dir[256];

static void path_of(int i, char *out, size_t size)
{
	snprintf(out, size, "%s/name-%d", dir, i);
}

static bool make(int i)
{
	char p[512];

	path_of(i, p, sizeof(p));
	return !mknod(p, S_IFREG | 0600, 0);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static bool make_all(void)
{
	double start = now();
	bool ok = true;
	int i;

	for (i = 0; i < many && ok; i++) {
		ok = make(i);
		if (i == TRIAL && now() - start > 8)
			many = FEWER;
	}
	return ok;
}

static bool take(int i)
{
	char p[512];

	path_of(i, p, sizeof(p));
	return !unlink(p);
}

static long long blocks_of(void)
{
	struct stat st;

	return stat(dir, &st) ? -1 : (long long)st.st_blocks / 8;
}

/* ---- listing ------------------------------------------------------------------------- */

/**
 * struct listing - what a listing found
 * @compat:	with the calls of a 32-bit program
 * @size:	of the buffer; 0: of changing size, often for one entry only
 * @remove:	remove each entry before the next buffer
 * @entries:	without "." and ".."
 * @same:	entries with the cookie of the one before
 */
struct listing {
	bool compat;
	unsigned int size;
	bool remove;
	int entries, same;
	long long last;
};

static const char *one_entry(struct listing *l, const struct entry *e)
{
	int i;

	if (e->off < 0 || (l->compat && e->off > 0x7fffffff))
		return "a cookie is too long";
	if (e->off < l->last)
		return "cookies go back";
	l->same += e->off == l->last;
	l->last = e->off;
	if (e->name[0] == '.')
		return NULL;
	i = atoi(e->name + 5);
	if (i < 0 || i >= many || seen[i]++)
		return "an entry is shown twice";
	l->entries++;
	return l->remove && !take(i) ? "unlink" : NULL;
}

static const char *one_buffer(struct listing *l, long n)
{
	const char *what = NULL;
	long at;

	for (at = 0; at < n && !what; at += ((struct entry *)(buf + at))->reclen)
		what = one_entry(l, (struct entry *)(buf + at));
	return what;
}

static const char *list(struct listing *l)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	const char *what = NULL;
	long n = 1;

	if (fd < 0)
		return "open";
	memset(seen, 0, sizeof(seen));
	while (!what && n > 0) {
		n = get_entries(fd, l->compat, l->size ? l->size : 48 + rnd(2) * rnd(200));
		what = n < 0 ? strerror(-n) : one_buffer(l, n);
	}
	close(fd);
	return what;
}

static void check_list(struct listing *l, int entries, const char *name)
{
	const char *what, *why = l->compat ? why_not_int80() : NULL;

	if (why) {
		ktap_skip(name, why);
		return;
	}
	what = list(l);
	if (!what && l->entries != entries)
		what = "not every entry is shown";
	ktap_note("%s: %d entries, %d with the cookie of the one before", name, l->entries, l->same);
	ktap(!what, "%s%s%s", name, what ? ": " : "", what ? what : "");
}

/* ---- seeking --------------------------------------------------------------------------- */

static long long seek_to(int fd, bool compat, long long off)
{
	return compat ? int80(NR32_LSEEK, fd, off, SEEK_SET) : lseek(fd, off, SEEK_SET);
}

/* Where entry @name is from cookie @off on: 0 at once, 1 after one more ...; -1: not near. */
static int how_far(int fd, bool compat, long long off, const char *name)
{
	long n, at;
	int i = 0;

	if (seek_to(fd, compat, off) != off)
		return -1;
	n = get_entries(fd, compat, 4096);
	for (at = 0; at < n; at += ((struct entry *)(buf + at))->reclen, i++)
		if (!strcmp(((struct entry *)(buf + at))->name, name))
			return i;
	return -1;
}

/* telldir and seekdir: from the end of an entry, the next one comes first; of several with one cookie,
 * not the first of them, but it comes. Reading on without seeking is exact (check_list()). */
static const char *seek_about(bool compat, int *repeats)
{
	struct entry *e = (struct entry *)buf, *next;
	int fd = open(dir, O_RDONLY | O_DIRECTORY), far, i;
	const char *what = fd < 0 ? "open" : NULL;
	long long at = 0, end;
	char name[64];

	for (i = 0; i < 300 && !what; i++) {
		if (seek_to(fd, compat, at) != at || get_entries(fd, compat, 4096) <= e->reclen)
			what = "reading after a seek";
		next = (struct entry *)(buf + e->reclen);
		snprintf(name, sizeof(name), "%s", next->name);
		end = e->off;
		at = next->off;
		far = how_far(fd, compat, end, name);
		if (!what && (far < 0 || far > 3))
			what = "seeking loses an entry";
		*repeats += far > 0;
	}
	close(fd);
	return what;
}

static void check_seek(bool compat, const char *name)
{
	const char *why = compat ? why_not_int80() : NULL, *what;
	int repeats = 0;

	if (why) {
		ktap_skip(name, why);
		return;
	}
	what = seek_about(compat, &repeats);
	ktap_note("%s: %d times after one with the same cookie", name, repeats);
	ktap(!what, "%s%s%s", name, what ? ": " : "", what ? what : "");
}

/* ---- size -------------------------------------------------------------------------------- */

/* What remains of many is in few blocks. */
static void check_sparse(void)
{
	long long full = blocks_of(), few;
	bool ok = true;
	int i, k;

	for (i = 0; i < many && ok; i++) {
		k = (int)(i * 61027LL % many);
		if (k % 100)
			ok = take(k);
	}
	few = blocks_of();
	ktap_note("%lld blocks with %d entries, %lld with %d", full, many, few, many / 100);
	ktap(ok && few > 0 && few * 30 <= full, "of a hundredth of the entries, at most a thirtieth of the blocks");
}

/* Entries come and go at one size. */
static void check_mix(void)
{
	static bool there[2 * SOME];
	long long most = 0, first;
	bool ok = true;
	int i, k;

	for (i = 0; i < SOME && ok; i++)
		ok = there[i] = make(i);
	first = blocks_of();
	for (i = 0; i < 10 * SOME && ok; i++) {
		k = rnd(2 * SOME);
		ok = there[k] ? take(k) : make(k);
		there[k] = !there[k];
		if (i % 500 == 0 && blocks_of() > most)
			most = blocks_of();
	}
	for (i = 0; i < 2 * SOME && ok; i++)
		ok = !there[i] || take(i);
	ktap_note("%lld blocks at first, never more than %lld", first, most);
	ktap(ok && most <= 2 * first, "entries that come and go keep their blocks half full");
	ktap(blocks_of() == 0, "an empty directory has no block");
}

int main(void)
{
	struct listing wide = { .size = BUF }, narrow = { .compat = true },
		       small = { .size = 0 }, rm = { .compat = true, .size = 4096, .remove = true };

	ktap_plan(13);
	guest_setup();
	buf = mmap(NULL, BUF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
#ifdef MAP_32BIT
		   | MAP_32BIT
#endif
		   , -1, 0);
	if (buf == MAP_FAILED || guest_mkfs("-i 4096") || guest_mount(NULL))
		ktap_bail("mkfs and mount");
	snprintf(dir, sizeof(dir), "%s/dir", guest_mnt);
	if (mkdir(dir, 0755))
		ktap_bail("mkdir");
	ktap(blocks_of() == 0, "a new directory has no block");
	ktap(make_all(), "create %d entries", many);
	check_list(&wide, many, "list in large buffers");
	check_list(&small, many, "list in buffers of any size");
	check_list(&narrow, many, "list as a 32-bit program, in buffers of any size");
	check_seek(false, "seek");
	check_seek(true, "seek as a 32-bit program");
	check_sparse();
	if (why_not_int80())
		rm.compat = false;
	check_list(&rm, many / 100, "remove entries while listing them as a 32-bit program");
	ktap(blocks_of() == 0, "nothing is left of the directory's blocks");
	check_mix();
	ktap(umount(guest_mnt) == 0 && guest_fsck() == 0, "fsck.vexfs -n finds it clean");
	return ktap_exit();
}
