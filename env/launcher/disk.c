// SPDX-License-Identifier: GPL-2.0-only
/* Test disks: what --disk says, the files behind them, and their removal. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vm.h"

#define QCOW2_MAGIC	"QFI\xfb"

char *double_commas(const char *s)
{
	char *r = malloc(strlen(s) * 2 + 1), *p = r;

	if (!r)
		fatal(VEX_ENV, "out of memory");
	for (; *s; s++) {
		*p++ = *s;
		if (*s == ',')
			*p++ = ',';
	}
	*p = 0;
	return r;
}

/*
 * By the first bytes of the file. A raw disk that a guest filled with these bytes would be taken for
 * qcow2, so only an image that was not made here is asked; say ,format=raw to be sure.
 */
const char *disk_format(const char *file)
{
	char magic[4] = "";
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		fatal(VEX_ENV, "%s: %s", file, strerror(errno));
	n = read(fd, magic, sizeof(magic));
	close(fd);
	return n == sizeof(magic) && !memcmp(magic, QCOW2_MAGIC, sizeof(magic)) ? "qcow2" : "raw";
}

/* The virtual size: bytes 24 to 31 of the header, big-endian. */
static uint64_t qcow2_size(const char *file)
{
	unsigned char b[8];
	uint64_t size = 0;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, b, sizeof(b), 24) != sizeof(b))
		fatal(VEX_ENV, "%s: no whole qcow2 header", file);
	close(fd);
	for (size_t i = 0; i < sizeof(b); i++)
		size = size << 8 | b[i];
	return size;
}

static bool is_network(const char *value)
{
	return !strncmp(value, "nbd:", 4) || !strncmp(value, "rbd:", 4);
}

static void disk_file(struct disk *d, const char *value)
{
	size_t len = strlen(value);
	struct stat st;

	d->file = xprintf("%s", value);
	if (len > 3 && !strcmp(value + len - 3, ":ro")) {
		d->file[len - 3] = 0;
		d->read_only = true;
	}
	d->network = is_network(value);
	if (d->network) {	/* its size is asked for when there is a place for the log */
		if (!d->format)
			d->format = "raw";
		return;
	}
	if (stat(d->file, &st) || !S_ISREG(st.st_mode))
		fatal(VEX_USAGE, "--disk %s: '%s' is neither a size (like 100M) nor a file", d->name, value);
	if (!d->format)
		d->format = disk_format(d->file);
	d->size = strcmp(d->format, "raw") ? qcow2_size(d->file) : (uint64_t)st.st_size;
	if (d->size == 0 || d->size % 512)
		fatal(VEX_USAGE, "--disk %s: the size of %s is not a multiple of 512", d->name, d->file);
	if (access(d->file, d->read_only ? R_OK : R_OK | W_OK))
		fatal(VEX_ENV, "--disk %s: %s: %s", d->name, d->file, strerror(errno));
}

/* Cuts ",format=..." off the end of text. */
static const char *cut_format(char *text)
{
	static const char key[] = ",format=";
	char *at = strstr(text, key);

	if (!at)
		return NULL;
	*at = 0;
	at += strlen(key);
	if (!strcmp(at, "raw"))
		return "raw";
	if (!strcmp(at, "qcow2"))
		return "qcow2";
	fatal(VEX_USAGE, "--disk: format '%s': use raw or qcow2", at);
}

/* NAME=SIZE, NAME=FILE[:ro], NAME=nbd:... or NAME=rbd:..., each with ,format=raw or ,format=qcow2 behind it. */
void disk_option(struct opts *o, const char *option)
{
	struct disk *d = &o->disks[o->ndisks];
	char *text = xprintf("%s", option), *eq;
	size_t name;

	if (o->ndisks == MAX_DISKS)
		fatal(VEX_USAGE, "at most %d disks", MAX_DISKS);
	d->format = cut_format(text);
	eq = strchr(text, '=');
	name = eq ? eq - text : 0;
	if (!name || name >= sizeof(d->name) || text[0] == '-' ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") < name)
		fatal(VEX_USAGE, "--disk wants NAME=SIZE or NAME=FILE (NAME: letters, digits, _, up to 20)");
	memcpy(d->name, text, name);
	for (unsigned int i = 0; i < o->ndisks; i++)
		if (!strcmp(o->disks[i].name, d->name))
			fatal(VEX_USAGE, "--disk %s is given twice", d->name);
	d->made = parse_size(eq + 1, &d->size);
	if (!d->made)
		disk_file(d, eq + 1);
	else if (!d->format)
		d->format = "raw";
	free(text);
	o->ndisks++;
}

static void make_qcow2(const struct opts *o, const struct disk *d)
{
	char *log = xprintf("%s/qemu-img.log", o->rundir), *size = xprintf("%llu", (unsigned long long)d->size);
	char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", d->file, size, NULL };

	if (run_tool(log, argv))
		fatal(VEX_ENV, "--disk %s: qemu-img could not make %s, see %s", d->name, d->file, log);
	free(log);
	free(size);
}

static void network_fail(const struct disk *d, const char *last)
{
	if (strstr(last, "Unknown protocol"))
		fatal(VEX_ENV, "--disk %s: this QEMU has no driver for %.4s: apt-get install qemu-block-extra", d->name, d->file);
	fatal(VEX_ENV, "--disk %s: %s cannot be used: %s", d->name, d->file, last);
}

/* QEMU's own tool opens it as QEMU will: its size, or why not. */
static void network_size(const struct opts *o, struct disk *d)
{
	char *log = xprintf("%s/%s.info", o->rundir, d->name), line[512], last[512] = "qemu-img says nothing";
	char *const argv[] = { "qemu-img", "info", "--output=json", "-f", (char *)d->format, d->file, NULL };
	unsigned long long size = 0;
	int status;
	FILE *f;

	unlink(log);
	status = run_tool(log, argv);
	f = fopen(log, "re");
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, "\"virtual-size\": ");

		line[strcspn(line, "\n")] = 0;
		if (at && !size)
			sscanf(at, "\"virtual-size\": %llu", &size);
		if (line[0])
			strcpy(last, line);
	}
	if (f)
		fclose(f);
	if (status)
		network_fail(d, last);
	if (!size || size % 512)
		fatal(VEX_ENV, "--disk %s: the size of %s is not a multiple of 512", d->name, d->file);
	d->size = size;
	unlink(log);
	free(log);
}

void make_disks(struct opts *o)
{
	for (unsigned int i = 0; i < o->ndisks; i++) {
		struct disk *d = &o->disks[i];
		int err = 0;

		if (d->network)
			network_size(o, d);
		if (!d->made)
			continue;
		d->file = xprintf("%s/%s.img", o->rundir, d->name);
		if (strcmp(d->format, "raw"))
			make_qcow2(o, d);
		else
			err = make_sparse(d->file, d->size);
		if (err)
			fatal(VEX_ENV, "%s: %s; make room on the host (./vex clean)", d->file,
			      strerror(-err));
	}
}

/* Only logs stay behind; images are sparse but can be large. */
void remove_images(const struct opts *o)
{
	for (unsigned int i = 0; i < MAX_DISKS; i++) {
		char *slot = xprintf("%s/slot%u.img", o->rundir, i + 1);

		unlink(slot);
		free(slot);
		if (i < o->ndisks && o->disks[i].made && o->disks[i].file && !o->keep)
			unlink(o->disks[i].file);
	}
	if (o->image)
		image_remove(o);
	extra_remove(o);
}
