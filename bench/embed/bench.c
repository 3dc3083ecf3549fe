// SPDX-License-Identifier: GPL-2.0
/*
 * How often vexctl search finds the file that answers a question, by kind of question. The whole of vexctl runs on
 * the model of the kernel that the unit tests use, so that no guest is needed; that model compares every vector.
 * usage: bench QUESTIONS [--misses] [--wordnet DIR]
 */
#include <ctype.h>

#include "tests/unit/fake_vexfs.h"
#include "tools/vexctl/vexctl.h"

#define QUESTIONS_MAX	400
#define KINDS_MAX	32
#define WAYS		4

struct question {
	char *kind, *file, *text, *ask;
};

/**
 * struct way - how a question is asked
 * @dim: NULL: the collection is that of the embedder `static`
 * @option: of vexctl search
 */
static const struct way {
	const char *title, *collection, *dim;
	const char *option[2];
} ways[WAYS] = {
	{ "384, vectors", "d384", "384", { "--exact", "--weak" } },
	{ "768, vectors", "d768", "768", { "--exact", "--weak" } },
	{ "768, search", "d768", "768", { "-n", "-n" } },
	{ "static, search", "static", NULL, { "-n", "-n" } },
};

struct tally {
	const char *kind;
	unsigned int n, first[WAYS], three[WAYS];
};

static struct question questions[QUESTIONS_MAX];
static size_t nquestions;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int read_questions(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	struct question *q;

	if (!f)
		die(path);
	while (getline(&line, &room, f) > 0 && nquestions < QUESTIONS_MAX) {
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#' || !*line)
			continue;
		q = &questions[nquestions++];
		q->kind = strdup(strtok(line, "\t"));
		q->file = strdup(strtok(NULL, "\t"));
		q->text = strdup(strtok(NULL, "\t"));
		q->ask = strdup(strtok(NULL, "\t"));
	}
	free(line);
	fclose(f);
	return nquestions ? 0 : 1;
}

/* vexctl's exit status; its standard output at @out. */
static int vexctl(char *out, size_t room, int argc, char **argv)
{
	FILE *f = tmpfile();
	int saved = dup(STDOUT_FILENO), ret;
	size_t n;

	if (!f || saved < 0)
		die("tmpfile");
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	ret = vexctl_main(argc, argv);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	n = fread(out, 1, room - 1, f);
	out[n] = '\0';
	fclose(f);
	return ret;
}

static void must(int argc, char **argv)
{
	char out[65536];

	if (vexctl(out, sizeof(out), argc, argv)) {
		fprintf(stderr, "bench: vexctl %s failed: %s\n", argv[1], out);
		exit(1);
	}
}

static void write_files(void)
{
	size_t i;
	FILE *f;

	for (i = 0; i < nquestions; i++) {
		f = fopen(questions[i].file, "w");
		if (!f || fprintf(f, "%s\n", questions[i].text) < 0 || fclose(f))
			die(questions[i].file);
	}
}

static void index_them(const struct way *w)
{
	char *create[] = { "vexctl", "collection", "create", ".", (char *)w->collection, "--quiet",
			   "--dim", (char *)w->dim };
	char *index[] = { "vexctl", "index", "--quiet", "-c", (char *)w->collection, "--embedder", "static" };

	if (w->dim)
		must(8, create);
	must(w->dim ? 5 : 7, index);
}

/* 1, 2 or 3: the place of the right file; 0: not among them. */
static unsigned int place(const struct question *q, const struct way *w)
{
	char *argv[] = { "vexctl", "search", "-q", "-l", "-k3", "-c", (char *)w->collection,
			 (char *)w->option[0], (char *)w->option[1], "--", q->ask };
	char out[4096], *line = out, *next;
	unsigned int rank;

	vexctl(out, sizeof(out), 11, argv);
	for (rank = 1; *line; line = next, rank++) {
		next = line + strcspn(line, "\n");
		if ((size_t)(next - line) == strlen(q->file) &&
		    !strncmp(line, q->file, strlen(q->file)))
			return rank;
		next += *next == '\n';
	}
	return 0;
}

static struct tally *tally_of(struct tally *t, const char *kind)
{
	while (t->kind && strcmp(t->kind, kind))
		t++;
	t->kind = kind;
	return t;
}

static void ask(const struct question *q, struct tally *t, struct tally *all, bool verbose)
{
	unsigned int w, at;

	t->n++;
	all->n++;
	for (w = 0; w < WAYS; w++) {
		at = place(q, &ways[w]);
		t->first[w] += at == 1;
		t->three[w] += at > 0;
		all->first[w] += at == 1;
		all->three[w] += at > 0;
		if (verbose && w >= WAYS - 2 && at != 1)
			printf("  %s: %s: \"%s\": place %u\n", ways[w].title, q->file, q->ask, at);
	}
}

static void print_row(const struct tally *t)
{
	unsigned int w;

	printf("%-12s %9u", t->kind, t->n);
	for (w = 0; w < WAYS; w++)
		printf("   %5u %5u   ", t->first[w], t->three[w]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct tally t[KINDS_MAX] = { 0 }, all = { .kind = "all" };
	bool verbose = false;
	size_t i;
	int a;

	if (argc < 2 || read_questions(argv[1]))
		return 2;
	for (a = 2; a < argc; a++)
		if (!strcmp(argv[a], "--misses"))
			verbose = true;
		else if (!strcmp(argv[a], "--wordnet") && a + 1 < argc)
			vex_static_wordnet(argv[++a]);
	fake_mount();
	if (chdir(fake.root))
		die(fake.root);
	write_files();
	index_them(&ways[0]);
	index_them(&ways[1]);
	index_them(&ways[WAYS - 1]);
	for (i = 0; i < nquestions; i++)
		ask(&questions[i], tally_of(t, questions[i].kind), &all, verbose);
	printf("%-12s %9s", "kind", "questions");
	for (i = 0; i < WAYS; i++)
		printf("   %-14s", ways[i].title);
	printf("\n%-22s   first top 3       first top 3       first top 3       first top 3\n", "");
	for (i = 0; i < KINDS_MAX && t[i].kind; i++)
		print_row(&t[i]);
	print_row(&all);
	if (chdir("/"))
		die("/");
	fake_umount();
	return 0;
}
