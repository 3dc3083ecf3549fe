// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M time=300 slice
 *
 * Stored extended attributes: values of every size in every place, names and errors, files of every
 * kind, a full device, readers beside a writer, and a crash. Beside them those of embeddings.
 */
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include "tests/guest/vecguest.h"

#define MAX	65536

static char val[MAX + 1], got[MAX + 1];

static const char *f(const char *name)
{
	return guest_at(name);
}

static void make(const char *name)
{
	int fd = open(f(name), O_CREAT | O_RDWR, 0644);

	if (fd < 0)
		ktap_bail("create %s", name);
	close(fd);
}

static int set(const char *file, const char *name, char fill, size_t n, int flags)
{
	memset(val, fill, n);
	return lsetxattr(f(file), name, val, n, flags) ? errno : 0;
}

/* Has it @n bytes of @fill? */
static bool holds(const char *file, const char *name, char fill, ssize_t n)
{
	if (lgetxattr(f(file), name, got, sizeof(got)) != n)
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (got[i] != fill)
			return false;
	return true;
}

static int gone(const char *file, const char *name)
{
	return lremovexattr(f(file), name) ? errno : 0;
}

static int absent(const char *file, const char *name)
{
	return lgetxattr(f(file), name, got, sizeof(got)) < 0 && errno == ENODATA;
}

/* Is @name in the list? */
static bool listed(const char *file, const char *name)
{
	static char list[MAX];
	ssize_t n = llistxattr(f(file), list, sizeof(list));

	for (ssize_t i = 0; i < n; i += strlen(list + i) + 1)
		if (!strcmp(list + i, name))
			return true;
	return false;
}

/* ---- names, errors ------------------------------------------------------------- */

static void test_errors(void)
{
	char name[300] = "user.";

	make("e");
	ktap(absent("e", "user.a") && gone("e", "user.a") == ENODATA, "no attribute: ENODATA");
	ktap(set("e", "user.a", 'x', 3, XATTR_REPLACE) == ENODATA, "REPLACE of none: ENODATA");
	ktap(!set("e", "user.a", 'x', 3, XATTR_CREATE) && holds("e", "user.a", 'x', 3), "CREATE");
	ktap(set("e", "user.a", 'y', 3, XATTR_CREATE) == EEXIST && holds("e", "user.a", 'x', 3),
	     "CREATE over one: EEXIST, and it stays");
	ktap(!set("e", "user.a", 'y', 2, XATTR_REPLACE) && holds("e", "user.a", 'y', 2), "REPLACE");
	ktap(getxattr(f("e"), "user.a", NULL, 0) == 2 && getxattr(f("e"), "user.a", got, 1) < 0 &&
	     errno == ERANGE, "the length alone; too little room: ERANGE");
	ktap(set("e", "user.big", 'x', MAX + 1, 0) == E2BIG, "more than 64 KiB: E2BIG");
	memset(name + 5, 'n', 250);
	name[255] = 0;
	ktap(!set("e", name, 'x', 1, 0) && holds("e", name, 'x', 1) && listed("e", name) && !gone("e", name),
	     "a name of 255 bytes");
	ktap(set("e", "user.", 'x', 1, 0) == EINVAL, "a name of a prefix alone: EINVAL");
	ktap(set("e", "other.a", 'x', 1, 0) == EOPNOTSUPP && set("e", "system.a", 'x', 1, 0) == EOPNOTSUPP,
	     "another namespace: EOPNOTSUPP");
	ktap(!set("e", "user.empty", 'x', 0, 0) && holds("e", "user.empty", 0, 0), "a value of no bytes");
	ktap(!set("e", "user.vec", 'x', 4, 0) && holds("e", "user.vec", 'x', 4) && !gone("e", "user.vec"),
	     "user.vec itself is a name like any other");
}

/* Run as another user; its exit status. */
static int as_user(int (*fn)(void))
{
	int st;
	pid_t pid = fork();

	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(99);
		_exit(fn());
	}
	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 98;
}

static int user_sees(void)
{
	if (!listed("e", "user.a") || !listed("e", "security.s") || listed("e", "trusted.t"))
		return 1;
	if (!absent("e", "trusted.t"))
		return 2;
	return holds("e", "user.a", 'y', 2) && set("e", "user.a", 'z', 1, 0) == EACCES ? 0 : 3;
}

static void test_spaces(void)
{
	int st;

	chmod(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", 0755);
	chmod(guest_mnt, 0755);
	ktap(!set("e", "trusted.t", 't', 10, 0) && !set("e", "security.s", 's', 10, 0) &&
	     holds("e", "trusted.t", 't', 10) && holds("e", "security.s", 's', 10) &&
	     listed("e", "trusted.t") && listed("e", "security.s"), "trusted and security");
	st = as_user(user_sees);
	ktap(!st, "another user sees what is his to see (%d)", st);
	ktap(!symlink("e", f("l")) && set("l", "user.a", 'x', 1, 0) == EPERM &&
	     !set("l", "trusted.a", 'x', 9, 0) && holds("l", "trusted.a", 'x', 9) && listed("l", "trusted.a"),
	     "a symlink: trusted, not user");
	ktap(!mknod(f("p"), S_IFIFO | 0644, 0) && set("p", "user.a", 'x', 1, 0) == EPERM &&
	     !set("p", "security.a", 'x', 5000, 0) && holds("p", "security.a", 'x', 5000),
	     "a fifo: security, not user");
	ktap(!mkdir(f("d"), 0755) && !set("d", "user.a", 'x', 3000, 0) && holds("d", "user.a", 'x', 3000),
	     "a directory");
	ktap(!link(f("e"), f("e2")) && holds("e2", "user.a", 'y', 2) && !set("e2", "user.a", 'w', 60, 0) &&
	     holds("e", "user.a", 'w', 60), "a second name of the file");
}

/* ---- sizes, places ---------------------------------------------------------------- */

static const size_t sizes[] = { 0, 1, 95, 96, 99, 100, 500, 2000, 4013, 4014, 4032, 4033, 8064, 30000, 65535, MAX };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static bool all_sizes(void)
{
	char name[32];

	for (size_t i = 0; i < SIZES; i++) {
		snprintf(name, sizeof(name), "user.size%zu", sizes[i]);
		if (!holds("s", name, 'a' + i, sizes[i])) {
			ktap_note("%s", name);
			return false;
		}
	}
	return true;
}

static void test_sizes(void)
{
	unsigned long long before, inodes;
	struct statvfs st;
	struct stat a, b;
	char name[32];
	int bad = 0;

	make("s");
	sync();
	statvfs(f("s"), &st);
	before = st.f_bfree;
	inodes = st.f_ffree;
	stat(f("s"), &a);
	for (size_t i = 0; i < SIZES; i++) {
		snprintf(name, sizeof(name), "user.size%zu", sizes[i]);
		bad += set("s", name, 'a' + i, sizes[i], XATTR_CREATE);
	}
	stat(f("s"), &b);
	ktap(!bad && all_sizes(), "values of all sizes");
	ktap(b.st_blocks == a.st_blocks + 8 && b.st_ctime >= a.st_ctime, "one block more is the file's");
	vg_remount();
	ktap(all_sizes(), "after a remount too");
	for (size_t i = 0; i < SIZES; i++) {
		snprintf(name, sizeof(name), "user.size%zu", sizes[(i * 7) % SIZES]);
		bad += gone("s", name);
	}
	sync();
	statvfs(f("s"), &st);
	stat(f("s"), &b);
	ktap(!bad && b.st_blocks == a.st_blocks && st.f_bfree == before && st.f_ffree == inodes,
	     "removed, nothing of them is left");
	for (size_t i = 0; i < SIZES; i++)
		bad += set("s", "user.one", 'A' + i, sizes[(i * 5) % SIZES], 0) ||
		       !holds("s", "user.one", 'A' + i, sizes[(i * 5) % SIZES]);
	ktap(!bad, "one attribute that goes from size to size");
	unlink(f("s"));
	sync();
	statvfs(guest_mnt, &st);
	ktap(st.f_bfree >= before && st.f_ffree == inodes + 1, "a deleted file's values are freed");
}

static void test_many(void)
{
	char name[32];
	int n, bad = 0, err = 0;

	make("m");
	for (n = 0; n < 1000 && !err; n++) {
		snprintf(name, sizeof(name), "user.%d", n);
		err = set("m", name, 'a' + n % 26, n % 40, 0);
	}
	n--;
	ktap(err == ENOSPC && n > 100, "%d attributes, then ENOSPC", n);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "user.%d", i);
		bad += !holds("m", name, 'a' + i % 26, i % 40) || !listed("m", name);
	}
	ktap(!bad, "all are there");
	snprintf(name, sizeof(name), "user.%d", n - 1);
	ktap(set("m", name, 'L', 40000, 0) == 0 || !bad, "one of them grows or stays");
	for (int i = 0; i < n; i += 2) {
		snprintf(name, sizeof(name), "user.%d", i);
		bad += gone("m", name);
	}
	for (int i = 1; i < n - 1; i += 2) {
		snprintf(name, sizeof(name), "user.%d", i);
		bad += !holds("m", name, 'a' + i % 26, i % 40);
	}
	ktap(!bad, "half of them removed, the others stay");
}

/* ---- at random, against a model ------------------------------------------------------ */

#define FILES	4
#define NAMES	12

static ssize_t model[FILES][NAMES];	/* bytes, -1: none */
static char filled[FILES][NAMES];

static bool agrees(void)
{
	char file[16], name[32];

	for (int i = 0; i < FILES; i++)
		for (int k = 0; k < NAMES; k++) {
			snprintf(file, sizeof(file), "r%d", i);
			snprintf(name, sizeof(name), "user.name%d", k);
			if (model[i][k] < 0 ? !absent(file, name) || listed(file, name) :
			    !holds(file, name, filled[i][k], model[i][k]) || !listed(file, name)) {
				ktap_note("%s: %s: %zd bytes", file, name, model[i][k]);
				return false;
			}
		}
	return true;
}

static bool change(void)
{
	static const size_t most[] = { 20, 100, 1500, 4100, MAX };
	int i = vg_rnd(FILES), k = vg_rnd(NAMES), err;
	size_t n = vg_rnd(most[vg_rnd(5)] + 1);
	char file[16], name[32], fill = 'a' + vg_rnd(26);

	snprintf(file, sizeof(file), "r%d", i);
	snprintf(name, sizeof(name), "user.name%d", k);
	if (vg_rnd(3) == 0) {
		err = gone(file, name);
		if (err != (model[i][k] < 0 ? ENODATA : 0))
			return false;
		model[i][k] = -1;
		return true;
	}
	err = set(file, name, fill, n, 0);
	if (err)
		return false;
	model[i][k] = n;
	filled[i][k] = fill;
	return true;
}

static void test_random(void)
{
	char file[16];
	bool good = true;

	memset(model, -1, sizeof(model));
	for (int i = 0; i < FILES; i++) {
		snprintf(file, sizeof(file), "r%d", i);
		make(file);
	}
	for (int round = 0; round < 4 && good; round++) {
		for (int n = 0; n < 150 && good; n++)
			good = change();
		good = good && agrees();
		vg_remount();
		good = good && agrees();
	}
	ktap(good, "changes at random, and remounts");
}

/* ---- readers beside a writer -------------------------------------------------------- */

static volatile bool stop;

static void *reader(void *arg)
{
	char *buf = malloc(MAX);
	long bad = 0, n = 0;

	while (!stop) {
		ssize_t len = getxattr(f("c"), "user.c", buf, MAX);

		if (len < 1) {
			bad++;
			continue;
		}
		for (ssize_t i = 1; i < len; i++)
			bad += buf[i] != buf[0];
		bad += len != (buf[0] == 'a' ? MAX : 10);
		n++;
	}
	free(buf);
	return (void *)(n ? bad : -1);
}

static void test_beside(void)
{
	pthread_t t[2];
	long bad = 0;
	void *r;

	make("c");
	set("c", "user.c", 'a', MAX, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (int i = 0; i < 60; i++)
		bad += set("c", "user.c", i % 2 ? 'a' : 'b', i % 2 ? MAX : 10, 0);
	stop = true;
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &r);
		bad += (long)r;
	}
	ktap(!bad, "readers see the old value or the new one");
}

/* ---- a full device ------------------------------------------------------------------- */

static void test_full(void)
{
	int fd, err = 0, n;
	char name[32];

	make("full");
	set("full", "user.old", 'o', 20000, 0);
	fd = open(f("fill"), O_CREAT | O_RDWR, 0644);
	memset(val, 'F', sizeof(val));
	while (write(fd, val, MAX) > 0)
		;
	while (write(fd, val, 4096) > 0)
		;
	close(fd);
	sync();
	for (n = 0; n < 20 && !err; n++) {
		snprintf(name, sizeof(name), "user.n%d", n);
		err = set("full", name, 'n', MAX, 0);
	}
	ktap(err == ENOSPC && absent("full", name), "no room for a value: ENOSPC");
	ktap(set("full", "user.old", 'n', MAX, 0) == ENOSPC && holds("full", "user.old", 'o', 20000),
	     "nor to replace one, which stays");
	ktap(!gone("full", "user.old") && absent("full", "user.old"), "but one can be removed");
	unlink(f("fill"));
	unlink(f("full"));
	sync();
}

/* ---- embeddings ------------------------------------------------------------------------ */

#define COLL "a_collection_with_a_name_that_is_nearly_as_long_as_it_can_be"
#define CHUNKS	960

static void test_embeddings(void)
{
	static char list[MAX];
	int fd, bad = 0;
	ssize_t n, asked;

	vg_collection(COLL, 4, VEXFS_IOC_F32, VEXFS_IOC_L2);
	fd = vg_file("v", 0644);
	for (int i = 0; i < CHUNKS; i++)
		bad += vg_set(fd, COLL, VEXFS_IOC_F32, 4, i, i + 1) != 0;
	close(fd);
	bad += set("v", "user.stored", 'x', 5, 0);
	asked = listxattr(f("v"), NULL, 0);
	n = listxattr(f("v"), list, sizeof(list));
	ktap(!bad && n == asked && n > MAX - 200 && n <= MAX, "a file of %d embeddings can be listed: %zd bytes",
	     CHUNKS, n);
	ktap(listed("v", "user.stored") && listed("v", "user.vec." COLL), "both kinds are in the list");
	ktap(set("v", "user.vec.nowhere", 'x', 4, 0) == ENOENT, "user.vec.* are not stored as attributes");
	unlink(f("v"));
}

/* ---- a crash ----------------------------------------------------------------------------- */

static void test_crash(void)
{
	unsigned int how = VEXFS_SHUTDOWN_NOLOGFLUSH;
	int fd, root, bad;

	make("k");
	bad = set("k", "user.small", 'o', 50, 0) | set("k", "user.large", 'o', 40000, 0);
	make("u");
	bad |= set("u", "user.large", 'u', MAX, 0) | set("u", "user.other", 'u', 9000, 0);
	fd = open(f("u"), O_RDONLY);
	unlink(f("u"));
	sync();
	bad |= set("k", "user.small", 'n', 60, 0) | set("k", "user.large", 'n', 5000, 0);
	root = vg_root();
	bad |= ioctl(root, VEXFS_IOC_SHUTDOWN, &how);
	close(root);
	close(fd);
	umount(guest_mnt);
	ktap(!bad && !guest_mount(NULL), "stopped in the middle, mounted again");
	ktap((holds("k", "user.small", 'o', 50) || holds("k", "user.small", 'n', 60)) &&
	     (holds("k", "user.large", 'o', 40000) || holds("k", "user.large", 'n', 5000)),
	     "each value is the old one or the new one");
}

/* ---- images that lie ---------------------------------------------------------------------- */

#define AREA	256	/* of i_xattr in the inode; the first record's name has one byte */

/* Write @n bytes at @off of an inode of the unmounted disk. */
static void poke(unsigned long long ino, unsigned int off, unsigned long long v, unsigned int n)
{
	unsigned long long block;
	unsigned int at;
	char cmd[400], hex[20];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "dump.vexfs -i %llu %s | sed -n 's/^stored in *block \\([0-9]*\\), "
		 "offset \\([0-9]*\\)$/\\1 \\2/p'", ino, guest_disk);
	p = popen(cmd, "r");
	if (!p || fscanf(p, "%llu %u", &block, &at) != 2)
		ktap_bail("where inode %llu is", ino);
	pclose(p);
	for (unsigned int i = 0; i < n; i++, v >>= 8)
		sprintf(hex + 2 * i, "%02x", (unsigned int)(v & 255));
	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke %llu:%u=%s --seal %s >/dev/null", block, at + off, hex,
		 guest_disk);
	if (guest_run(cmd))
		ktap_bail("poke");
}

static unsigned long long ino_of(const char *file)
{
	struct stat st;

	return stat(f(file), &st) ? 0 : st.st_ino;
}

/* Two files, each with a value in an inode of its own. */
static void liars(unsigned long long *a, unsigned long long *b)
{
	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs and mount");
	make("a");
	make("b");
	if (set("a", "user.a", 'a', MAX, 0) || set("b", "user.b", 'b', MAX, 0))
		ktap_bail("set");
	*a = ino_of("a");
	*b = ino_of("b");
	umount(guest_mnt);
}

static bool refused(const char *file, const char *name)
{
	return getxattr(f(file), name, got, MAX) < 0 && errno == EUCLEAN;
}

static void test_lies(void)
{
	unsigned long long a, b;

	liars(&a, &b);
	poke(a, AREA + 9, b, 8);
	guest_mount("errors=continue");
	ktap(refused("a", "user.a") && holds("b", "user.b", 'b', MAX), "a value in an ordinary file");
	umount(guest_mnt);
	poke(a, AREA + 9, b + 2, 8);	/* the values were made after both files */
	guest_mount("errors=continue");
	ktap(refused("a", "user.a") && holds("b", "user.b", 'b', MAX), "in the inode of another's value");
	ktap(gone("a", "user.a") == EUCLEAN && holds("b", "user.b", 'b', MAX), "which is not freed either");
	umount(guest_mnt);
	poke(b, AREA + 4, 10, 4);
	guest_mount("errors=continue");
	ktap(refused("b", "user.b"), "a value of another length");
	umount(guest_mnt);
	/* Each would wait for the other to be gone. */
	poke(a, AREA + 9, a, 8);
	poke(b, AREA + 9, a, 8);
	guest_mount("errors=continue");
	ktap(refused("a", "user.a") && !unlink(f("a")) && !unlink(f("b")), "in the inode itself: it can be removed");
	sync();
	umount(guest_mnt);
	ktap(!guest_mount("errors=continue") && !ino_of("a"), "it mounts again");
	umount(guest_mnt);
}

int main(void)
{
	guest_setup();
	ktap_plan(12 + 6 + 6 + 4 + 1 + 1 + 3 + 3 + 2 + 2 + 6);
	vg_fresh("");
	test_errors();
	test_spaces();
	test_sizes();
	test_many();
	test_random();
	test_beside();
	test_full();
	test_embeddings();
	test_crash();
	umount(guest_mnt);
	ktap(!guest_fsck(), "fsck finds nothing");
	ktap(!guest_mount(NULL) && holds("e", "trusted.t", 't', 10), "it can be mounted");
	umount(guest_mnt);
	test_lies();
	return ktap_exit();
}
