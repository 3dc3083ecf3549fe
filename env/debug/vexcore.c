// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexcore: make a memory dump readable for gdb.
 *
 *	vexcore info FILE	what the dump says about its kernel: NAME=VALUE lines
 *	vexcore map FILE	add program headers for the kernel's virtual memory, in place
 *
 * /proc/vmcore and QEMU's dumps describe physical memory; modules, their data and kernel stacks lie in vmalloc space,
 * which only the page tables relate to it. "map" walks them and appends a header for every run of
 * mapped pages; several headers may point at the same bytes, so nothing is copied. x86-64, 4 and 5 levels.
 */
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE		4096ul
#define PRESENT		1ul
#define HUGE		128ul
#define ADDR_MASK	0x000ffffffffff000ul
#define KERNEL_MAP	0xffffffff80000000ul
#define MAX_RUNS	60000u	/* e_phnum has 16 bits */

static unsigned char *core;
static size_t core_size;
static const Elf64_Phdr *loads;
static unsigned int nloads;
static char *vmcoreinfo;		/* text, one NAME=VALUE per line */
static uint64_t qemu_cr3;

static Elf64_Phdr *runs;
static unsigned int nruns;
static unsigned long dropped;

/* ---- the dump as it is --------------------------------------------------------- */

static void take_note(const Elf64_Nhdr *h, const char *name, const unsigned char *desc)
{
	/* QEMUCPUState: two words, 18 registers, 10 segments of 24 bytes, then cr0 to cr4. */
	const size_t cr3 = 8 + 18 * 8 + 10 * 24 + 3 * 8;

	if (h->n_namesz == 11 && !memcmp(name, "VMCOREINFO", 11) && !vmcoreinfo) {
		vmcoreinfo = strndup((const char *)desc, h->n_descsz);
	} else if (h->n_namesz == 5 && !memcmp(name, "QEMU", 5) && h->n_descsz >= cr3 + 8 && !qemu_cr3) {
		memcpy(&qemu_cr3, desc + cr3, 8);
	}
}

static void read_notes(const Elf64_Phdr *p)
{
	size_t at = p->p_offset, end = p->p_offset + p->p_filesz;

	if (end > core_size)
		errx(1, "the dump is cut short: its notes are missing");
	while (at + sizeof(Elf64_Nhdr) <= end) {
		const Elf64_Nhdr *h = (void *)(core + at);
		size_t name = at + sizeof(*h), desc = name + ((h->n_namesz + 3ul) & ~3ul);

		if (desc + h->n_descsz > end)
			return;
		take_note(h, (char *)core + name, core + desc);
		at = desc + ((h->n_descsz + 3ul) & ~3ul);
	}
}

static void open_core(const char *path, bool write)
{
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	const Elf64_Ehdr *eh;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err(6, "%s", path);
	core_size = st.st_size;
	core = core_size > sizeof(*eh) ? mmap(NULL, core_size, PROT_READ | (write ? PROT_WRITE : 0),
					      MAP_SHARED, fd, 0) : MAP_FAILED;
	close(fd);
	eh = (void *)core;
	if (core == MAP_FAILED || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_type != ET_CORE ||
	    eh->e_machine != EM_X86_64 || eh->e_phoff + eh->e_phnum * sizeof(Elf64_Phdr) > core_size)
		errx(1, "%s is not an x86-64 memory dump", path);
	loads = (void *)(core + eh->e_phoff);
	nloads = eh->e_phnum;
	for (unsigned int i = 0; i < nloads; i++)
		if (loads[i].p_type == PT_NOTE)
			read_notes(&loads[i]);
}

static bool info_value(const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *l = vmcoreinfo; l && *l; l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL) {
		if (strncmp(l, name, len) || l[len] != '=')
			continue;
		snprintf(out, size, "%.*s", (int)strcspn(l + len + 1, "\n"), l + len + 1);
		return true;
	}
	return false;
}

static uint64_t info_number(const char *name, int base)
{
	char text[64];

	return info_value(name, text, sizeof(text)) ? strtoull(text, NULL, base) : 0;
}

/* Where physical memory is in the file, and how much follows; NULL if it was not dumped. */
static const Elf64_Phdr *find_load(uint64_t pa)
{
	static const Elf64_Phdr *last;

	if (last && pa >= last->p_paddr && pa - last->p_paddr < last->p_filesz)
		return last;
	for (unsigned int i = 0; i < nloads; i++)
		if (loads[i].p_type == PT_LOAD && pa >= loads[i].p_paddr &&
		    pa - loads[i].p_paddr < loads[i].p_filesz)
			return last = &loads[i];
	return NULL;
}

static const uint64_t *table(uint64_t pa)
{
	const Elf64_Phdr *p = find_load(pa);
	uint64_t at;

	if (!p)
		return NULL;
	at = p->p_offset + (pa - p->p_paddr);
	return at + PAGE <= core_size ? (void *)(core + at) : NULL;
}

/* ---- virtual memory --------------------------------------------------------------- */

static void add_run(uint64_t va, uint64_t pa, uint64_t len)
{
	Elf64_Phdr *r = nruns ? &runs[nruns - 1] : NULL;
	const Elf64_Phdr *p = find_load(pa);

	if (!p)
		return;
	if (len > p->p_paddr + p->p_filesz - pa)
		len = p->p_paddr + p->p_filesz - pa;
	if (r && r->p_vaddr + r->p_filesz == va && r->p_paddr + r->p_filesz == pa &&
	    pa > p->p_paddr) {
		r->p_filesz += len;
		r->p_memsz += len;
		return;
	}
	if (nruns == MAX_RUNS) {
		dropped++;
		return;
	}
	runs[nruns++] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_vaddr = va, .p_paddr = pa,
				      .p_offset = p->p_offset + (pa - p->p_paddr), .p_filesz = len, .p_memsz = len,
				      .p_align = PAGE };
}

/* KASAN's shadow and the espfix area map the same few pages thousands of times. */
static bool skipped(uint64_t va)
{
	return (va >= 0xffffec0000000000ul && va < 0xfffffc0000000000ul) ||
	       (va >= 0xffffff0000000000ul && va < 0xffffff8000000000ul);
}

static void walk(uint64_t pa, int level, uint64_t va, unsigned int first)
{
	static unsigned long visits;
	/* Tables of a crashed kernel may point in circles. */
	const uint64_t *t = ++visits < 1u << 20 ? table(pa) : NULL;
	uint64_t step = PAGE << (9 * (level - 1));

	for (unsigned int i = first; t && i < 512; i++) {
		uint64_t here = va + i * step;

		if (!(t[i] & PRESENT) || (level < 5 && step <= 1ul << 39 && skipped(here)))
			continue;
		if (level == 1 || (level <= 3 && t[i] & HUGE))
			add_run(here, t[i] & ADDR_MASK & ~(step - 1), step);
		else
			walk(t[i] & ADDR_MASK, level - 1, here, 0);
	}
}

static void map_kernel(void)
{
	bool five = info_number("NUMBER(pgtable_l5_enabled)", 10);
	uint64_t pgd = info_number("SYMBOL(swapper_pg_dir)", 16);

	if (pgd)
		pgd = pgd - KERNEL_MAP + info_number("NUMBER(phys_base)", 10);
	else
		pgd = qemu_cr3 & ADDR_MASK;
	if (!pgd)
		errx(1, "the dump says neither where the kernel's page tables are nor what CR3 was");
	if (!table(pgd))
		errx(1, "the kernel's page tables are not in the dump");
	runs = calloc(MAX_RUNS, sizeof(*runs));
	if (!runs)
		errx(6, "out of memory");
	walk(pgd, five ? 5 : 4, five ? 0xfe00000000000000ul : 0xffff000000000000ul, 256);
	if (dropped)
		warnx("%lu runs of pages left out: too many for one ELF file", dropped);
}

static void append_headers(const char *path)
{
	Elf64_Ehdr eh = *(Elf64_Ehdr *)core;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	uint64_t at = (core_size + 7) & ~7ul;
	Elf64_Phdr *all = calloc(nloads + nruns, sizeof(*all));
	unsigned int n = 0;
	size_t len;

	if (fd < 0 || !all)
		err(6, "%s", path);
	for (unsigned int i = 0; i < nloads; i++)
		if (loads[i].p_type == PT_NOTE)
			all[n++] = loads[i];
	memcpy(all + n, runs, nruns * sizeof(*runs));
	n += nruns;
	len = n * sizeof(*all);
	eh.e_phoff = at;
	eh.e_phnum = n;
	eh.e_shoff = eh.e_shnum = eh.e_shstrndx = 0;
	if (pwrite(fd, all, len, at) != (ssize_t)len || pwrite(fd, &eh, sizeof(eh), 0) != sizeof(eh) || close(fd))
		err(6, "%s: make room on the host", path);
	printf("runs=%u\n", nruns);
}

static void print_info(void)
{
	static const char *const names[] = { "OSRELEASE", "BUILD-ID", "KERNELOFFSET", "CRASHTIME" };
	uint64_t bytes = 0;
	char text[256];

	for (unsigned int i = 0; i < nloads; i++) {
		if (loads[i].p_type != PT_LOAD)
			continue;
		bytes += loads[i].p_filesz;
		if (loads[i].p_offset + loads[i].p_filesz > core_size)
			errx(1, "the dump is cut short: %llu bytes of %llu",
			     (unsigned long long)core_size,
			     (unsigned long long)(loads[i].p_offset + loads[i].p_filesz));
	}
	printf("bytes=%llu\nfrom=%s\n", (unsigned long long)bytes, qemu_cr3 ? "hypervisor" : "kdump");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (info_value(names[i], text, sizeof(text)))
			printf("%s=%s\n", names[i], text);
}

int main(int argc, char **argv)
{
	bool map = argc == 3 && !strcmp(argv[1], "map");

	if (argc != 3 || (!map && strcmp(argv[1], "info")))
		errx(2, "usage: vexcore info|map FILE");
	open_core(argv[2], false);
	if (map) {
		map_kernel();
		append_headers(argv[2]);
	} else {
		print_info();
	}
	return 0;
}
