// SPDX-License-Identifier: GPL-2.0
/*
 * needs: disk=test:24M mem=512M time=180 slice
 *
 * A damaged orphan table or list at mount, under valid checksums. What cannot be an
 * orphan is forgotten; a list that cannot be followed is left alone, with a message,
 * and everything but a further orphan beyond the table works.
 */
#include <inttypes.h>
#include <sys/resource.h>

#include "tests/guest/vecguest.h"

#define FILES	4
#define SIZE	10000
#define TABLE	1008		/* orphans in the table of a disk this small */

static uint64_t ino[FILES], orphan_start, hidden;

static const char *at(const char *prefix, unsigned int n)
{
	static char p[4][300];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(p[turn], sizeof(p[turn]), "%s/%s%u", guest_mnt, prefix, n);
	return p[turn];
}

/* The numbers in the first line of a command's output that begins with @prefix. */
static bool ask(const char *cmd, const char *prefix, const char *format, uint64_t *a, uint64_t *b)
{
	char line[512];
	bool found = false;
	FILE *f = popen(cmd, "r");

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		if (!found && !strncmp(line, prefix, strlen(prefix)))
			found = sscanf(line + strlen(prefix), format, a, b) == 2;
	pclose(f);
	return found;
}

static void poke(uint64_t block, uint64_t off, uint64_t value)
{
	char cmd[512], hex[17];

	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned int)(value >> 8 * i & 0xff));
	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke %" PRIu64 ":%" PRIu64 "=%s --seal %s >/dev/null", block,
		 off, hex, guest_disk);
	if (guest_run(cmd))
		ktap_bail("%s", cmd);
}

/* i_orphan_next is 8 bytes from the beginning of the inode. */
static void leads_to(uint64_t from, uint64_t to)
{
	char cmd[512];
	uint64_t block, off;

	snprintf(cmd, sizeof(cmd), "dump.vexfs -i %" PRIu64 " %s", from, guest_disk);
	if (!ask(cmd, "stored in", " block %" SCNu64 ", offset %" SCNu64, &block, &off))
		ktap_bail("where is inode %" PRIu64, from);
	poke(block, off + 8, to);
}

static void head(uint64_t to) { poke(orphan_start, 48, to); }
static void slot(unsigned int n, uint64_t value) { poke(orphan_start, 64 + 8 * n, value); }

/* ---- the damage ------------------------------------------------------------------------ */

static void chain(void)
{
	head(ino[0]);
	leads_to(ino[0], ino[1]);
	leads_to(ino[1], ino[2]);
}

static void cycle(void)
{
	chain();
	leads_to(ino[2], ino[1]);
}

static void into_itself(void)
{
	head(ino[0]);
	leads_to(ino[0], ino[0]);
}

static void to_free(void)
{
	chain();
	leads_to(ino[2], hidden + 3);	/* after the collection's last */
}

static void to_hidden(void)
{
	chain();
	leads_to(ino[2], hidden);
}

static void to_nowhere(void)
{
	chain();
	leads_to(ino[2], 1ULL << 60);
}

static void head_nowhere(void) { head(7); }

static void damage_2(void)
{
	char cmd[512];
	uint64_t block, off;

	snprintf(cmd, sizeof(cmd), "dump.vexfs -i %" PRIu64 " %s", ino[2], guest_disk);
	if (!ask(cmd, "stored in", " block %" SCNu64 ", offset %" SCNu64, &block, &off))
		ktap_bail("where is inode %" PRIu64, ino[2]);
	snprintf(cmd, sizeof(cmd), "dump.vexfs --poke %" PRIu64 ":%" PRIu64 "=ff %s >/dev/null", block, off + 300,
		 guest_disk);
	if (guest_run(cmd))
		ktap_bail("%s", cmd);
}

static void to_damaged(void)
{
	chain();
	damage_2();
}

static void table_damaged(void)
{
	slot(3, ino[2]);
	damage_2();
}

static void table_hidden(void) { slot(3, hidden); }
static void table_free(void) { slot(3, 500); }
static void table_nowhere(void) { slot(3, 1ULL << 60); }
static void table_reserved(void) { slot(3, 5); }
static void table_root(void) { slot(3, 2); }

static void table_twice(void)
{
	slot(3, ino[1]);
	slot(96, ino[1]);
}

static void table_and_list(void)
{
	chain();
	slot(3, ino[1]);
}

/**
 * struct bad - a kind of damage
 * @says: the kernel, at mount; NULL: nothing need be said
 * @code: fsck.vexfs before the mount, NULL: nothing
 * @left: and after it: the list is left alone, and so is what cannot be read
 * @lost: file that cannot be read, -1 for none
 */
static const struct bad {
	const char	*name;
	void		(*make)(void);
	const char	*says, *code, *left;
	int		lost;
} bads[] = {
	{ "a sound list", chain, "3 inodes finished", NULL, NULL, -1 },
	{ "a cycle", cycle, "orphan list has a cycle", "V0708", "V0708", -1 },
	{ "a cycle of one", into_itself, "orphan list has a cycle", "V0708", "V0708", -1 },
	{ "a list to a free inode", to_free, "orphan list leads to a free or damaged inode", "V0707", "V0707", -1 },
	{ "a list to a collection's file", to_hidden, NULL, "V0711", NULL, -1 },
	{ "a list to nowhere", to_nowhere, "orphan list leads to an impossible inode", "V0705", "V0705", -1 },
	{ "a list from nowhere", head_nowhere, "orphan list leads to an impossible inode", "V0705", "V0705", -1 },
	{ "a list to a damaged inode", to_damaged, "orphan list leads to a free or damaged inode", "V0707", "V0707", 2 },
	{ "a damaged inode in the table", table_damaged, "cannot be finished", "V0301", "V0301", 2 },
	{ "a collection's file in the table", table_hidden, NULL, "V0711", NULL, -1 },
	{ "a free inode in the table", table_free, "orphan inode 500 cannot be finished", "V0704", NULL, -1 },
	{ "an impossible inode in the table", table_nowhere, "cannot be finished", "V0702", NULL, -1 },
	{ "a reserved inode in the table", table_reserved, "orphan inode 5 cannot be finished", "V0702", NULL, -1 },
	{ "the root in the table", table_root, NULL, "V0702", NULL, -1 },
	{ "an inode twice in the table", table_twice, NULL, "V0703", NULL, -1 },
	{ "an inode in table and list", table_and_list, NULL, "V0703", NULL, -1 },
};

/* ---- */

static void fresh(void)
{
	static char buf[SIZE];
	struct stat st;
	char cmd[300];
	uint64_t blocks;

	if (guest_mkfs("") || guest_mount(NULL))
		ktap_bail("mkfs and mount");
	memset(buf, 'f', sizeof(buf));
	for (unsigned int i = 0; i < FILES; i++) {
		int fd = open(at("f", i), O_CREAT | O_RDWR, 0644);

		if (fd < 0 || write(fd, buf, sizeof(buf)) != sizeof(buf) || fstat(fd, &st))
			ktap_bail("make a file");
		ino[i] = st.st_ino;
		close(fd);
	}
	if (vg_collection("c", 8, VEXFS_IOC_F32, VEXFS_IOC_L2) || umount(guest_mnt))
		ktap_bail("a collection, umount");
	hidden = ino[FILES - 1] + 1;	/* the three after the last file */
	snprintf(cmd, sizeof(cmd), "dump.vexfs -S %s", guest_disk);
	if (!ask(cmd, "orphan table", " %" SCNu64 " blocks at %" SCNu64, &blocks, &orphan_start))
		ktap_bail("where is the orphan table");
}

/* fsck.vexfs says this, or if it is NULL that all is clean. */
static bool fsck_says(const char *code)
{
	char cmd[300];

	if (!code)
		return !guest_fsck();
	snprintf(cmd, sizeof(cmd), "fsck.vexfs -n %s | grep -q '^PROBLEM %s: '", guest_disk, code);
	return !guest_run(cmd);
}

static bool readable(int lost)
{
	static char buf[SIZE + 1];

	for (int i = 0; i < FILES; i++) {
		int fd = open(at("f", (unsigned int)i), O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

		if (fd >= 0)
			close(fd);
		if (i == lost ? n >= 0 : n != SIZE || buf[0] != 'f' || buf[SIZE - 1] != 'f')
			return false;
	}
	return true;
}

/* Names, blocks and an orphan of the usual kind. */
static bool usable(void)
{
	int fd = open(at("new", 0), O_CREAT | O_RDWR, 0644);
	bool good = fd >= 0 && write(fd, "x", 1) == 1 && !fsync(fd) && !unlink(at("new", 0)) &&
		    !mkdir(at("dir", 0), 0755) && !rmdir(at("dir", 0));

	if (fd >= 0)
		close(fd);
	return good;
}

static void one(const struct bad *b)
{
	fresh();
	b->make();
	ktap(fsck_says(b->code), "%s: fsck.vexfs -n: %s", b->name, b->code ? b->code : "clean");
	guest_forget_messages();
	if (guest_mount("errors=continue")) {
		ktap(false, "%s: does not mount: %s", b->name, strerror(errno));
		return;
	}
	ktap(!b->says || guest_said(b->says), "%s: the kernel says so", b->name);
	ktap(readable(b->lost) && usable(), "%s: files can be read and written", b->name);
	umount(guest_mnt);
	ktap(fsck_says(b->left), "%s: fsck.vexfs -n after it: %s", b->name, b->left ? b->left : "clean");
}

/* With errors=remount-ro nothing may be changed, and what is there can be read. */
static void default_policy(void)
{
	fresh();
	cycle();
	if (guest_mount(NULL)) {
		ktap(false, "errors=remount-ro: does not mount: %s", strerror(errno));
		ktap(false, "errors=remount-ro");
		return;
	}
	ktap(readable(-1) && mkdir(at("dir", 0), 0755) < 0 && errno == EROFS,
	     "errors=remount-ro: files can be read, and nothing written");
	umount(guest_mnt);
	ktap(fsck_says("V0708"), "errors=remount-ro: the list is as it was");
}

/* The list would be needed, and is damaged: refused before anything shows. */
static void beyond_table(void)
{
	struct rlimit many = { 4096, 4096 };
	static int held[TABLE];
	unsigned int n;

	fresh();
	cycle();
	if (guest_mount("errors=continue") || setrlimit(RLIMIT_NOFILE, &many))
		ktap_bail("mount");
	for (n = 0; n < TABLE; n++) {
		held[n] = open(at("h", n), O_CREAT | O_RDWR, 0644);
		if (held[n] < 0 || unlink(at("h", n)))
			break;
	}
	ktap(n == TABLE, "a damaged list: %u of %u open files without a name", n, TABLE);
	ktap(unlink(at("f", 3)) < 0 && errno == EUCLEAN && readable(-1), "the next unlink is refused, and has done nothing");
	ktap(truncate(at("f", 3), 10) < 0 && errno == EUCLEAN && readable(-1), "so is a truncate");
	while (n)
		close(held[--n]);
	sync();
	ktap(!unlink(at("f", 3)), "there is room in the table again");
	umount(guest_mnt);
	ktap(fsck_says("V0708") && !guest_run("fsck.vexfs -n $VEX_DISK_TEST | grep -c ^PROBLEM | grep -qx 1"),
	     "nothing but the list is damaged");
}

int main(void)
{
	ktap_plan(4 * (int)(sizeof(bads) / sizeof(bads[0])) + 2 + 5);
	guest_setup();
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
		one(&bads[i]);
	default_policy();
	beyond_table();
	return ktap_exit();
}
