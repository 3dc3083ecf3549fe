// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:64M mem=512M cpus=1 time=240
 *
 * The tracepoints vexfs:*, one by one: listed, with a format that can be read, and
 * fired by the operation they are named after, with the fields it must have.
 *
 * On one processor: enabling a tracepoint patches code, and emulation by QEMU 7.2 may run
 * what another processor has patched half way (docs/tracing.md).
 */
#include <dirent.h>
#include <linux/fs.h>
#include <linux/types.h>
#include <regex.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <signal.h>

#include "tests/guest/vecguest.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/vexfs-test"
#define EVENTS		INSTANCE "/events/vexfs"
#define DIM		8
#define VECTORS		100

static const char *const events[] = {
	"alloc_blocks", "coll_create", "coll_drop", "coll_exchange", "commit", "convert", "corrupt", "create",
	"evict", "fallocate", "force_commit", "free_blocks", "fsync", "inode_read", "io_error", "ioend",
	"iomap_begin", "iomap_end", "link", "lookup", "map", "map_alloc", "mount", "orphan_add",
	"orphan_del", "orphan_recover", "read", "rename", "search_begin", "search_end", "search_round",
	"shutdown", "stale", "sync_fs", "trans_restart", "trans_start", "trans_stop", "truncate",
	"unlink", "unmap", "unmount", "vec_del", "vec_get", "vec_set", "write",
	"writeback_map", "writepages",
};
#define NEVENTS	(int)(sizeof(events) / sizeof(events[0]))

static bool fired[NEVENTS];
static char log_text[8 << 20];
static char dev[32];
static struct vg_search g;

/* ---- tracefs ----------------------------------------------------------------- */

static bool put(const char *file, const char *text)
{
	char path[512];
	int fd;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", INSTANCE, file);
	fd = open(path, O_WRONLY | O_TRUNC);
	ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

static size_t slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	size_t n = 0;
	ssize_t got = 0;

	while (fd >= 0 && n < size - 1 && (got = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	if (fd >= 0)
		close(fd);
	buf[n] = 0;
	return n;
}

static void listen_to_all(void)
{
	put("trace", "\n");
	if (!put("events/vexfs/enable", "1"))
		ktap_bail("cannot enable vexfs:*");
}

/* What was recorded goes to log_text. */
static void listen_no_more(void)
{
	put("events/vexfs/enable", "0");
	slurp(INSTANCE "/trace", log_text, sizeof(log_text));
}

/* The first line about @event whose text matches @regex, or NULL. */
static const char *find(const char *event, const char *regex)
{
	char mark[80], line[1024];
	const char *p = log_text, *hit = NULL;
	regex_t re;

	snprintf(mark, sizeof(mark), ": vexfs_%s: ", event);
	if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB))
		ktap_bail("bad pattern %s", regex);
	while (!hit && (p = strstr(p, mark))) {
		p += strlen(mark);
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(p, "\n"), p);
		if (!regexec(&re, line, 0, NULL, 0))
			hit = p;
	}
	regfree(&re);
	return hit;
}

static void show_event(const char *event)
{
	char mark[80];
	const char *p = log_text;

	snprintf(mark, sizeof(mark), ": vexfs_%s: ", event);
	for (int i = 0; i < 8 && (p = strstr(p, mark)); i++) {
		ktap_note("saw %.*s", (int)strcspn(p + 2, "\n"), p + 2);
		p++;
	}
}

static int index_of(const char *event)
{
	for (int i = 0; i < NEVENTS; i++)
		if (!strcmp(events[i], event))
			return i;
	ktap_bail("the test does not know %s", event);
}

/* One result: @event fired with text that matches the pattern. */
static const char *__attribute__((format(printf, 2, 3))) expect(const char *event,
								const char *fmt, ...)
{
	char regex[512] = "";
	const char *hit;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(regex, sizeof(regex), fmt, ap);
	va_end(ap);
	hit = find(event, regex);
	fired[index_of(event)] |= hit != NULL;
	if (!ktap(hit, "vexfs_%s", event)) {
		ktap_note("nothing matches: %s", regex);
		show_event(event);
	}
	return hit;
}

static unsigned long long field(const char *line, const char *name)
{
	char mark[64];
	const char *p;

	snprintf(mark, sizeof(mark), " %s ", name);
	p = line ? strstr(line, mark) : NULL;
	return p ? strtoull(p + strlen(mark), NULL, 10) : 0;
}

/* ---- the list and the formats --------------------------------------------------- */

static bool is_known(const char *name)
{
	if (strncmp(name, "vexfs_", 6))
		return false;
	for (int i = 0; i < NEVENTS; i++)
		if (!strcmp(name + 6, events[i]))
			return true;
	return false;
}

static void check_list(void)
{
	DIR *d = opendir(EVENTS);
	struct dirent *e;
	int n = 0, strange = 0;
	struct stat st;

	while (d && (e = readdir(d))) {
		char path[512];

		snprintf(path, sizeof(path), EVENTS "/%.200s", e->d_name);
		if (e->d_name[0] == '.' || stat(path, &st) || !S_ISDIR(st.st_mode))
			continue;
		n++;
		if (!is_known(e->d_name)) {
			ktap_note("%s is not tested", e->d_name);
			strange++;
		}
	}
	if (d)
		closedir(d);
	ktap(n == NEVENTS && !strange, "events/vexfs lists %d tracepoints, this test %d", n, NEVENTS);
}

/* Fields in order, none over another, each with a type and a name; and the print format. */
static const char *check_format(const char *text, const char *name)
{
	unsigned int off, size, sign, end = 0, n = 0;
	char type[128], first[96];
	const char *p = text;

	snprintf(first, sizeof(first), "name: vexfs_%s\nID: ", name);
	if (strncmp(text, first, strlen(first)))
		return "does not begin with its name";
	while ((p = strstr(p, "\tfield:"))) {
		if (sscanf(p, "\tfield:%127[^;];\toffset:%u;\tsize:%u;\tsigned:%u;", type, &off,
			   &size, &sign) != 4)
			return "a field cannot be read";
		if (off < end || !size || !strchr(type, ' '))
			return "fields overlap or have no type";
		end = off + size;
		n++;
		p++;
	}
	if (n < 5 || !strstr(text, "field:dev_t dev;"))
		return "no device among the fields";
	if (!strstr(text, "\nprint fmt: \"dev %d:%d "))
		return "the print format does not begin with the device";
	return NULL;
}

static void check_formats(void)
{
	static char text[16384];
	int bad = 0;

	for (int i = 0; i < NEVENTS; i++) {
		char path[512];
		const char *what;

		snprintf(path, sizeof(path), EVENTS "/vexfs_%s/format", events[i]);
		slurp(path, text, sizeof(text));
		what = check_format(text, events[i]);
		if (what) {
			ktap_note("%s: %s", events[i], what);
			bad++;
		}
	}
	ktap(!bad, "formats can be read");
}

/* ---- the operations ---------------------------------------------------------------- */

static char *at(const char *rel)
{
	static char p[4][600];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s", guest_mnt, rel);
	return p[turn];
}

static unsigned long long ino_of(const char *rel)
{
	struct stat st;

	return lstat(at(rel), &st) ? 0 : st.st_ino;
}

/* The disk is as large as the largest that a test in the same guest asked for; the filesystem is not. */
static void op_mount(void)
{
	char zero[8192] = "", cmd[300];
	int fd = open(guest_disk, O_WRONLY);

	if (fd < 0 || write(fd, zero, sizeof(zero)) != (ssize_t)sizeof(zero) || fsync(fd))
		ktap_bail("wipe %s", guest_disk);
	close(fd);
	snprintf(cmd, sizeof(cmd), "mkfs.vexfs -q -f %s 64M", guest_disk);
	listen_to_all();
	if (!guest_mount(""))
		ktap_bail("a disk of zeros could be mounted");
	if (guest_run(cmd) || guest_mount(""))
		ktap_bail("mkfs or mount");
	listen_no_more();
	expect("mount", "^dev %s .* ret -22$", dev);
	expect("mount", "^dev %s blocks 16384 free_blocks [1-9][0-9]* free_inodes [1-9][0-9]* groups 1 rdonly 0 duration_ns [1-9][0-9]* ret 0$",
	       dev);
	expect("inode_read", "^dev %s ino %llu mode 040755 ", dev, ino_of(""));
}

static void op_write(void)
{
	static char data[8192] = "data";
	unsigned long long ino, pblk, tid;
	struct stat st;
	int fd;

	listen_to_all();
	stat(at("missing"), &st);
	fd = open(at("file"), O_CREAT | O_RDWR, 0644);
	if (fd < 0 || write(fd, data, sizeof(data)) != (ssize_t)sizeof(data) || fsync(fd))
		ktap_bail("write and fsync");
	syncfs(fd);
	if (pread(fd, data, 100, 8000) != 100)
		ktap_bail("read");
	if (fallocate(fd, 1 /* FALLOC_FL_KEEP_SIZE */, 0, 8192))
		ktap_bail("fallocate");
	close(fd);
	listen_no_more();
	ino = ino_of("file");
	expect("write", "^dev %s ino %llu pos 0 len 8192 direct 0 duration_ns [1-9][0-9]* ret 8192$", dev, ino);
	expect("read", "^dev %s ino %llu pos 8000 len 100 direct 0 duration_ns [1-9][0-9]* ret 100$", dev, ino);
	expect("lookup", "^dev %s dir %llu ino 0 mode 00 nlink 0 name 'missing' ret -2$", dev, ino_of(""));
	expect("create", "^dev %s dir %llu ino %llu mode 0100644 nlink 1 name 'file' ret 0$", dev,
	       ino_of(""), ino);
	expect("iomap_begin", "^dev %s ino %llu pos 0 len 8192 flags WRITE type UNWRITTEN offset 0 length 8192 addr 0x[1-9a-f]",
	       dev, ino);
	expect("iomap_end", "^dev %s ino %llu pos 0 len 8192 written 8192 flags WRITE$", dev, ino);
	pblk = field(expect("alloc_blocks", "^dev %s tid [1-9][0-9]* goal [0-9]+ want 2 pblk [1-9][0-9]* blocks 2 ret 0$",
			    dev), "pblk");
	expect("map", "^dev %s ino %llu want 0 lblk 0 pblk 0 blocks [1-9]", dev, ino);
	expect("map_alloc", "^dev %s ino %llu want 0 lblk 0 pblk %llu blocks 2 unwritten 1 ret 0$", dev, ino,
	       pblk);
	expect("trans_start", "^dev %s tid [1-9][0-9]* credits [1-9][0-9]* revokes [0-9]+ duration_ns [1-9][0-9]* caller vexfs_[a-z_]+\\+0x.* ret 0$",
	       dev);
	expect("trans_stop", "^dev %s tid [1-9][0-9]* credits [0-9]+ revokes [0-9]+ sync 0$", dev);
	expect("writeback_map", "^dev %s ino %llu pos 0 .* type UNWRITTEN .* addr 0x%llx ret 0$", dev, ino,
	       pblk * 4096);
	expect("writepages", "^dev %s ino %llu range_start 0 .* sync_mode 1 duration_ns [1-9][0-9]* ret 0$", dev,
	       ino);
	expect("ioend", "^dev %s ino %llu pos 0 len 8192 type UNWRITTEN ret 0$", dev, ino);
	expect("convert", "^dev %s ino %llu pos 0 len 8192 disksize 8192 ret 0$", dev, ino);
	expect("fallocate", "^dev %s ino %llu mode 0x1 pos 0 len 8192 size 8192 ret 0$", dev, ino);
	tid = field(expect("fsync", "^dev %s ino %llu datasync 0 tid [1-9][0-9]* duration_ns [1-9][0-9]* ret 0$",
			   dev, ino), "tid");
	expect("commit", "^dev %s tid %llu blocks 0$", dev, tid);
	expect("sync_fs", "^dev %s wait 1 duration_ns [1-9][0-9]* ret 0$", dev);
}

static void op_names(void)
{
	unsigned long long ino = ino_of("file"), root = ino_of(""), other;

	close(vg_file("other", 0644));
	other = ino_of("other");
	listen_to_all();
	if (link(at("file"), at("second")) || rename(at("second"), at("third")) ||
	    rename(at("third"), at("other")) || !unlink(at("third")) || unlink(at("other")) ||
	    unlink(at("file")))
		ktap_bail("link, rename, unlink");
	/* What they freed may be used again once it has committed. */
	sync();
	listen_no_more();
	expect("link", "^dev %s dir %llu ino %llu mode 0100644 nlink 2 name 'second' ret 0$", dev, root, ino);
	/* A rename onto another name of the same file changes nothing: the VFS sees to it. */
	expect("rename", "^dev %s old_dir %llu old_name 'second' new_dir %llu new_name 'third' ino %llu target 0 flags 0x0 ret 0$",
	       dev, root, root, ino);
	expect("rename", "old_name 'third' .* new_name 'other' ino %llu target %llu ", ino, other);
	expect("unlink", "^dev %s dir %llu ino %llu mode 0100644 nlink 1 name 'other' ret 0$", dev, root, ino);
	expect("unlink", "^dev %s dir %llu ino %llu mode 0100644 nlink 0 name 'file' ret 0$", dev, root, ino);
	expect("orphan_add", "^dev %s ino %llu slot [0-9]+ ret 0$", dev, ino);
	expect("evict", "^dev %s ino %llu mode 0100644 nlink 0 size 8192 blocks 2$", dev, ino);
	expect("truncate", "^dev %s ino %llu mode 0100644 nlink 0 size 0 ", dev, ino);
	expect("unmap", "^dev %s ino %llu want 0 lblk 0 pblk [1-9][0-9]* blocks 2 unwritten 0 ret 0$", dev, ino);
	expect("free_blocks", "^dev %s tid [1-9][0-9]* pblk [1-9][0-9]* blocks 2$", dev);
	expect("orphan_del", "^dev %s ino %llu slot [0-9]+ ret 0$", dev, ino);
	expect("commit", "^dev %s tid [1-9][0-9]* blocks [2-9]$", dev);
}

/*
 * A handle is restarted when the truncation it serves needs more than the running
 * transaction can give, in particular while that is being committed. Two files
 * with a hole after each block have many extents; a child commits all the time.
 */
static void op_restart(void)
{
	static char block[4096];
	int a = open(at("a"), O_CREAT | O_RDWR, 0644), b = open(at("b"), O_CREAT | O_RDWR, 0644);
	int dir = vg_root(), tries;
	pid_t child;

	for (tries = 0; tries < 20; tries++) {
		for (int i = 0; i < 4000; i++)
			if (pwrite(i & 1 ? a : b, block, sizeof(block), i / 2 * 8192L) != (ssize_t)sizeof(block))
				ktap_bail("write two files with holes");
		syncfs(dir);
		child = fork();
		if (!child)
			for (;;) {
				fchmod(dir, 0755);
				fsync(dir);
			}
		put("trace", "\n");
		put("events/vexfs/vexfs_trans_restart/enable", "1");
		if (ftruncate(a, 0) || ftruncate(b, 0))
			ktap_bail("truncate");
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		listen_no_more();
		if (find("trans_restart", ""))
			break;
	}
	close(a);
	close(b);
	close(dir);
	ktap_note("%d truncations", tries + 1);
	expect("trans_restart", "^dev %s tid [1-9][0-9]* credits [1-9]", dev);
}

static void op_vectors(void)
{
	int fd, dir = vg_root(), err;
	unsigned long long ino, root = ino_of(""), slot;
	float q[DIM];

	listen_to_all();
	err = vg_collection("notes", DIM, VEXFS_IOC_F32, VEXFS_IOC_COSINE);
	fd = vg_file("text", 0644);
	for (uint32_t i = 0; i < VECTORS && !err; i++)
		err = vg_set(fd, "notes", VEXFS_IOC_F32, DIM, i, i + 1);
	err = err ? err : vg_set(fd, "notes", VEXFS_IOC_F32, DIM, 3, 4);
	err = err ? err : vg_compare(fd, "notes", VEXFS_IOC_F32, DIM, 3, 4);
	vg_vector(1, DIM, q);
	err = err ? err : vg_run(&g, dir, "notes", q, DIM, 5, 0);
	if (err || pwrite(fd, "new", 3, 0) != 3 || vexfs_embedding_del(fd, "notes", 7) ||
	    vexfs_embedding_del(fd, "notes", 7) != -ENODATA ||
	    vexfs_collection_exchange(dir, "notes", "absent") != -ENOENT || vexfs_collection_drop(dir, "notes"))
		ktap_bail("embeddings: %d", err);
	listen_no_more();
	ino = ino_of("text");
	close(fd);
	close(dir);
	expect("coll_create", "^dev %s coll 0 collection notes dim %d elem f32 metric cosine live 0 ret 0$", dev, DIM);
	expect("vec_set", "^dev %s ino %llu coll 0 collection notes chunk 99 slot [0-9]+ replace 0 duration_ns [1-9][0-9]* ret 0$",
	       dev, ino);
	slot = field(expect("vec_set", "^dev %s ino %llu coll 0 collection notes chunk 3 slot [0-9]+ replace 1 .* ret 0$",
			    dev, ino), "slot");
	expect("vec_get", "^dev %s ino %llu coll 0 collection notes chunk 3 slot %llu replace 0 .* ret 0$", dev, ino,
	       slot);
	expect("search_begin", "^dev %s dir %llu coll 0 collection notes dim %d elem f32 metric cosine live %d k 5 window 64 flags $",
	       dev, root, DIM, VECTORS);
	/* Every code once, and the window in full precision. */
	expect("search_round", "^dev %s coll 0 round 1 window 64 candidates 64 found 5 distances %d$", dev,
	       VECTORS + 64);
	expect("search_end", "^dev %s dir %llu coll 0 collection notes tier flat plan scan k 5 found 5 rounds 1 retries 0 candidates 64 distances %d duration_ns [1-9][0-9]* ret 0$",
	       dev, root, VECTORS + 64);
	expect("stale", "^dev %s ino %llu datagen [1-9][0-9]* tid [1-9]", dev, ino);
	expect("vec_del", "^dev %s ino %llu coll 0 collection notes chunk 7 slot [0-9]+ replace 0 .* ret 0$", dev, ino);
	expect("coll_exchange", "^dev %s collection notes other absent ret -2$", dev);
	expect("coll_drop", "^dev %s coll 0 collection notes dim %d elem f32 metric cosine live %d ret 0$", dev, DIM,
	       VECTORS - 1);
}

/* A filter on a field: what one types to follow one file. */
static void op_filter(void)
{
	unsigned long long ino = ino_of("text");
	char text[64];

	snprintf(text, sizeof(text), "ino == %llu", ino);
	if (!put("events/vexfs/vexfs_iomap_begin/filter", text))
		ktap_bail("set a filter");
	listen_to_all();
	close(vg_file("unseen", 0644));
	close(vg_file("text", 0644));
	listen_no_more();
	put("events/vexfs/vexfs_iomap_begin/filter", "0");
	snprintf(text, sizeof(text), "ino %llu ", ino_of("unseen"));
	ktap(find("create", "unseen") && !find("iomap_begin", text), "a filter on ino keeps other files out");
}

static void op_shutdown(void)
{
	int fd = vg_file("orphan", 0644), dir = vg_root();
	unsigned long long ino = ino_of("orphan");
	__u32 how = 1;

	listen_to_all();
	if (unlink(at("orphan")) || ioctl(dir, VEXFS_IOC_SHUTDOWN, &how))
		ktap_bail("shut down");
	close(fd);
	close(dir);
	if (umount(guest_mnt) || guest_mount(""))
		ktap_bail("mount after the shutdown");
	listen_no_more();
	expect("force_commit", "^dev %s duration_ns [1-9][0-9]* ret 0$", dev);
	expect("shutdown", "^dev %s how LOG$", dev);
	expect("unmount", "^dev %s free_blocks [1-9][0-9]* free_inodes [1-9]", dev);
	expect("orphan_recover", "^dev %s ino %llu slot [0-9]+ ret 0$", dev, ino);
}

static void op_corrupt(void)
{
	char cmd[300];

	umount(guest_mnt);
	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke 1:64=ffffff7f --seal %s >/dev/null", guest_disk);
	if (guest_run(cmd))
		ktap_bail("dump.vexfs --poke");
	listen_to_all();
	if (!guest_mount(""))
		ktap_bail("a damaged filesystem could be mounted");
	listen_no_more();
	expect("corrupt", "^dev %s ino 0 pblk 1 what 'group has more free blocks than blocks' ret -117$", dev);
	expect("mount", "^dev %s .* ret -117$", dev);
}

/* A disk in memory whose second block cannot be read. */
static void op_io_error(void)
{
	static const char set_up[] =
		"set -e; modprobe null_blk nr_devices=0; "
		"[ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config; "
		"d=/sys/kernel/config/nullb/vexfs; mkdir $d; echo 32 >$d/size; echo 1 >$d/memory_backed; "
		"echo 1 >$d/power; "
		/* named after its directory, or by number on older kernels */
		"disk=/dev/vexfs; [ -b $disk ] || disk=/dev/nullb$(cat $d/index); "
		"ln -sf $disk $TMPDIR/null; mkfs.vexfs -q -f $disk; echo +8-15 >$d/badblocks";
	static const char tear_down[] =
		"rmdir /sys/kernel/config/nullb/vexfs; umount /sys/kernel/config; rmmod null_blk";
	struct stat st;
	char disk[300];

	if (guest_run("modprobe null_blk nr_devices=0")) {
		ktap_skip("vexfs_io_error", "this kernel has no null_blk to provoke one with");
		fired[index_of("io_error")] = true;
		return;
	}
	if (guest_run(set_up))
		ktap_bail("cannot set a null_blk device up");
	snprintf(disk, sizeof(disk), "%s/null", getenv("TMPDIR"));
	if (stat(disk, &st))
		ktap_bail("no null_blk device");
	listen_to_all();
	if (!mount(disk, guest_mnt, "vexfs", 0, ""))
		ktap_bail("mounted without its second block");
	listen_no_more();
	expect("io_error", "^dev %u:%u ino 0 pblk 1 what 'metadata read failed' ret -5$", major(st.st_rdev),
	       minor(st.st_rdev));
	guest_run(tear_down);
}

int main(void)
{
	int silent = 0;
	struct stat st;

	guest_setup();
	if (access(TRACEFS, F_OK) || (access(TRACEFS "/events", F_OK) && mount("none", TRACEFS, "tracefs", 0, NULL)) ||
	    access(TRACEFS "/events/vexfs", F_OK)) {
		printf("KTAP version 1\n1..0 # SKIP this kernel has no tracepoints\n");
		return 0;
	}
	if (mkdir(INSTANCE, 0755) && errno != EEXIST)
		ktap_bail("mkdir " INSTANCE);
	stat(guest_disk, &st);
	snprintf(dev, sizeof(dev), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	put("buffer_size_kb", "4096");
	ktap_plan(57);
	check_list();
	check_formats();
	op_mount();
	op_write();
	op_names();
	op_restart();
	op_vectors();
	op_filter();
	op_shutdown();
	op_corrupt();
	op_io_error();
	for (int i = 0; i < NEVENTS; i++) {
		if (!fired[i])
			ktap_note("never seen: vexfs_%s", events[i]);
		silent += !fired[i];
	}
	ktap(!silent, "every tracepoint has fired");
	rmdir(INSTANCE);
	return ktap_exit();
}
