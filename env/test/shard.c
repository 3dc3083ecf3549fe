// SPDX-License-Identifier: GPL-2.0-only
/* What one guest is given, from the rows of its tests: the machine, its disks, the job and the payload's files. */
#include <stdlib.h>
#include <string.h>

#include "../proto/proto.h"
#include "test.h"

#define START_S		120	/* a boot under emulation */
#define IDLE_S		30	/* without a byte from the guest */

/* "stress@2" is the second run of "stress": one file. */
static int file_len(const struct row *r)
{
	return (int)strcspn(r->name, "@");
}

/* The value of the first test that has it. */
static char *first_value(const struct plan *p, const char *name)
{
	char *v = NULL;

	for (size_t i = 0; i < p->n && !v; i++)
		v = needs_value(p->row[i].needs, name);
	return v;
}

void shard_machine(const struct plan *p, struct machine *m)
{
	int slow = p->row[0].slow;
	long limits = 0;

	*m = (struct machine){ .kernel = p->row[0].kernel, .lane = p->row[0].lane, .cpus = p->row[0].cpus };
	for (size_t i = 0; i < p->n; i++) {
		if (p->row[i].memory > m->memory)
			m->memory = p->row[i].memory;
		limits += p->row[i].limit;
		m->data |= needs_has(p->row[i].needs, "data");
	}
	m->timeout = limits + START_S * slow / 100;
	m->idle = IDLE_S * slow / 100;
	m->root = first_value(p, "root");
}

/* KERNEL CPUS LANE MEMORY TIMEOUT IDLE ROOT DATA, with - for what no test of this guest wants */
static void print_machine(FILE *f, const struct plan *p)
{
	struct machine m;

	shard_machine(p, &m);
	fprintf(f, "%s %d %s %d %ld %d %s %s\n", m.kernel, m.cpus, m.lane, m.memory, m.timeout, m.idle,
		m.root ? m.root : "-", m.data ? "data" : "-");
	free(m.root);
}

/* ---- disks ---- */

static long long bytes(const char *size)
{
	char *end;
	long long n = strtoll(size, &end, 10);

	return *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : *end == 'G' ? n << 30 : n;
}

/* @word: NAME:SIZE. Each name once, at the largest size that is wanted. */
static int disk_add(struct disk *d, int n, const struct row *r, const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	int i = 0;

	if (!colon)
		die(VEX_ENV, "%s: invalid 'disk=%.*s' in its needs (example: disk=a:100M)", r->path, (int)len, word);
	while (i < n && (strncmp(d[i].name, word, colon - word) || d[i].name[colon - word]))
		i++;
	if (i == DISKS_MAX)
		die(VEX_ENV, "the tests of one boot want more than %d different disks (%s ...): share names", DISKS_MAX,
		    d[0].name);
	if (i == n)
		d[i] = (struct disk){ format_text("%.*s", (int)(colon - word), word), copy_text("0") };
	if (bytes(colon + 1) > bytes(d[i].size))
		d[i].size = format_text("%.*s", (int)(len - (colon + 1 - word)), colon + 1);
	return i == n ? n + 1 : n;
}

static int by_disk_name(const void *x, const void *y)
{
	return strcmp(((const struct disk *)x)->name, ((const struct disk *)y)->name);
}

int shard_disks(const struct plan *p, struct disk *d)
{
	int n = 0;

	for (size_t i = 0; i < p->n; i++) {
		for (const char *w = p->row[i].needs; *w; w += strcspn(w, " ")) {
			w += strspn(w, " ");
			if (!strncmp(w, "disk=", 5))
				n = disk_add(d, n, &p->row[i], w + 5, strcspn(w, " ") - 5);
		}
	}
	qsort(d, n, sizeof(d[0]), by_disk_name);
	return n;
}

static void print_disks(FILE *f, const struct plan *p)
{
	struct disk d[DISKS_MAX] = { 0 };
	int n = shard_disks(p, d);

	for (int i = 0; i < n; i++)
		fprintf(f, "%s=%s\n", d[i].name, d[i].size);
}

/* ---- the job and its files ---- */

void shard_job(FILE *f, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		fprintf(f, "test %s %d /vex/tests/%.*s\n", p->row[i].name, p->row[i].limit, file_len(&p->row[i]),
			p->row[i].name);
}

static bool same_file(const struct row *a, const struct row *b)
{
	return file_len(a) == file_len(b) && !strncmp(a->name, b->name, file_len(a));
}

void shard_files(FILE *f, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t k = 0;

		while (k < i && !same_file(&p->row[k], &p->row[i]))
			k++;
		if (k == i)
			fprintf(f, "file /vex/tests/%.*s 0755 %s\n", file_len(&p->row[i]), p->row[i].name,
				p->row[i].path);
	}
}

int cmd_shard(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*print)(FILE *f, const struct plan *p);
	} parts[] = { { "machine", print_machine }, { "disks", print_disks }, { "job", shard_job },
		      { "files", shard_files } };
	struct plan p = { 0 };

	for (size_t i = 0; argc == 3 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(argv[1], parts[i].word))
			continue;
		plan_read(&p, argv[2]);
		if (!p.n)
			die(VEX_ENV, "%s has no test in it", argv[2]);
		parts[i].print(stdout, &p);
		return fflush(stdout) ? VEX_ENV : VEX_PASSED;
	}
	die(VEX_USAGE, "usage: vextest shard machine|disks|job|files FILE");
}
