// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexsym: /proc/kallsyms on stdin -> an ELF file with the kernel's symbols and nothing else, for gdb.
 *
 *	vexsym BUILD-ID-HEX OUT <kallsyms
 *
 * The sections have addresses and no contents, like those of a separate debug file, so that gdb knows code
 * from data; the build id lets it notice another kernel.
 */
#include <elf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { S_NULL, S_TEXT, S_DATA, S_INIT, S_REST, S_NOTE, S_SYMTAB, S_STRTAB, S_SHSTRTAB, S_COUNT };

struct sym {
	unsigned long addr;
	char type;
	char *name;
};

static const char section_names[] =
	"\0.text\0.data\0.init.text\0.bss\0.note.gnu.build-id\0.symtab\0.strtab\0.shstrtab";

static struct sym *syms;
static size_t nsyms;

static void read_symbols(void)
{
	char line[1024], name[512], module[256], type;
	unsigned long addr;
	size_t room = 0;

	while (fgets(line, sizeof(line), stdin)) {
		/* Symbols of modules move; per-CPU ones are offsets, no addresses. */
		if (sscanf(line, "%lx %c %511s [%255s", &addr, &type, name, module) != 3 ||
		    addr < 0xffff800000000000ul)
			continue;
		if (nsyms == room) {
			room = room ? room * 2 : 65536;
			syms = realloc(syms, room * sizeof(*syms));
			if (!syms)
				errx(6, "out of memory");
		}
		syms[nsyms++] = (struct sym){ addr, type, strdup(name) };
	}
}

static int by_address(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static unsigned long find_any(const char *name)
{
	for (size_t i = 0; i < nsyms; i++)
		if (!strcmp(syms[i].name, name))
			return syms[i].addr;
	return 0;
}

static unsigned long find(const char *name)
{
	unsigned long addr = find_any(name);

	if (addr)
		return addr;
	errx(1, "the list of symbols has no %s (is it /proc/kallsyms, read by root?)", name);
}

static size_t read_id(const char *hex, unsigned char *id, size_t size)
{
	unsigned int byte;
	size_t n = 0;

	while (n < size && sscanf(hex + 2 * n, "%2x", &byte) == 1)
		id[n++] = byte;
	return n;
}

static Elf64_Shdr area(unsigned int type, unsigned long flags, unsigned long start, unsigned long end)
{
	return (Elf64_Shdr){ .sh_type = type, .sh_flags = SHF_ALLOC | flags, .sh_addr = start,
			     .sh_offset = 4096, .sh_size = end > start ? end - start : 0, .sh_addralign = 16 };
}

static unsigned int section_of(const Elf64_Shdr *sh, unsigned long addr)
{
	for (unsigned int i = S_TEXT; i <= S_REST; i++)
		if (addr >= sh[i].sh_addr && addr < sh[i].sh_addr + sh[i].sh_size)
			return i;
	return SHN_ABS;
}

static void put(FILE *f, Elf64_Shdr *sh, const void *data, size_t len)
{
	static const char pad[16];
	long at = ftell(f);

	fwrite(pad, 1, -at & 7, f);
	sh->sh_offset = ftell(f);
	sh->sh_size = len;
	fwrite(data, 1, len, f);
}

static void put_symbols(FILE *f, Elf64_Shdr *sh)
{
	Elf64_Sym *out = calloc(nsyms + 1, sizeof(*out));
	size_t len = 1, at = 1, locals = 1;
	char *strings;

	for (size_t i = 0; i < nsyms; i++)
		len += strlen(syms[i].name) + 1;
	strings = calloc(1, len);
	if (!strings || !out)
		errx(6, "out of memory");
	/* Local symbols come first in a symbol table. */
	for (int global = 0; global < 2; global++) {
		for (size_t i = 0; i < nsyms; i++) {
			Elf64_Sym *s = &out[locals];
			int is_global = syms[i].type >= 'A' && syms[i].type <= 'Z';

			if (is_global != global)
				continue;
			s->st_name = at;
			s->st_value = syms[i].addr;
			s->st_shndx = section_of(sh, syms[i].addr);
			if (i + 1 < nsyms && s->st_shndx == section_of(sh, syms[i + 1].addr))
				s->st_size = syms[i + 1].addr - syms[i].addr;
			s->st_info = ELF64_ST_INFO(global ? STB_GLOBAL : STB_LOCAL,
						   s->st_shndx == S_TEXT || s->st_shndx == S_INIT ?
						   STT_FUNC : STT_OBJECT);
			at += sprintf(strings + at, "%s", syms[i].name) + 1;
			locals++;
		}
		if (!global)
			sh[S_SYMTAB].sh_info = locals;
	}
	put(f, &sh[S_SYMTAB], out, locals * sizeof(*out));
	put(f, &sh[S_STRTAB], strings, at);
}

static void write_elf(FILE *f, const char *id_hex)
{
	Elf64_Shdr sh[S_COUNT] = { 0 };
	struct { Elf64_Nhdr h; char name[4]; unsigned char id[64]; } note = {
		.h = { .n_namesz = 4, .n_type = 3 /* NT_GNU_BUILD_ID */ }, .name = "GNU",
	};
	Elf64_Ehdr eh = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_ehsize = sizeof(eh),
		.e_shentsize = sizeof(*sh), .e_shnum = S_COUNT, .e_shstrndx = S_SHSTRTAB,
	};
	const char *name = section_names;

	/* gdb ends backtraces in the function at the entry point: here, where user space came in. */
	eh.e_entry = find_any("entry_SYSCALL_64_after_hwframe");
	fwrite(&eh, sizeof(eh), 1, f);
	sh[S_TEXT] = area(SHT_NOBITS, SHF_EXECINSTR, find("_text"), find("_etext"));
	sh[S_DATA] = area(SHT_NOBITS, SHF_WRITE, find("_etext"), find("_sinittext"));
	sh[S_INIT] = area(SHT_NOBITS, SHF_EXECINSTR, find("_sinittext"), find("_einittext"));
	sh[S_REST] = area(SHT_NOBITS, SHF_WRITE, find("_einittext"), find("_end"));
	for (int i = S_NOTE; i < S_COUNT; i++)
		sh[i].sh_addralign = 8;
	sh[S_NOTE].sh_type = SHT_NOTE;
	sh[S_NOTE].sh_addralign = 4;	/* 8 means another layout of notes */
	note.h.n_descsz = read_id(id_hex, note.id, sizeof(note.id));
	put(f, &sh[S_NOTE], &note, sizeof(note.h) + 4 + note.h.n_descsz);
	sh[S_SYMTAB].sh_type = SHT_SYMTAB;
	sh[S_SYMTAB].sh_link = S_STRTAB;
	sh[S_SYMTAB].sh_entsize = sizeof(Elf64_Sym);
	sh[S_STRTAB].sh_type = sh[S_SHSTRTAB].sh_type = SHT_STRTAB;
	put_symbols(f, sh);
	put(f, &sh[S_SHSTRTAB], section_names, sizeof(section_names));
	for (int i = 0; i < S_COUNT; i++) {
		sh[i].sh_name = name - section_names;
		name += strlen(name) + 1;
	}
	put(f, &(Elf64_Shdr){ 0 }, sh, sizeof(sh));
	eh.e_shoff = ftell(f) - sizeof(sh);
	rewind(f);
	fwrite(&eh, sizeof(eh), 1, f);
}

int main(int argc, char **argv)
{
	FILE *f;

	if (argc != 3)
		errx(2, "usage: vexsym BUILD-ID-HEX OUT <kallsyms");
	if (strlen(argv[1]) != 40)
		errx(1, "invalid build id '%s' (40 hexadecimal digits)", argv[1]);
	read_symbols();
	qsort(syms, nsyms, sizeof(*syms), by_address);
	f = fopen(argv[2], "we");
	if (!f)
		err(6, "%s", argv[2]);
	write_elf(f, argv[1]);
	if (ferror(f) || fclose(f))
		err(6, "%s", argv[2]);
	return 0;
}
