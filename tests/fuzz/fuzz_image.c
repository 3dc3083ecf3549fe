// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz fsck, dump and core with whole images: ./vex fuzz image.
 *
 * Without libFuzzer this is the driver: a worker runs programs, this process watches it. What a worker
 * does next is in memory both have, so that a crash or a hang leaves the program that led to it. Programs
 * that reach code nobody has reached before are kept, and new ones are made from them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/image.h"

static struct fuzz z;

#ifdef VEXFS_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *broken;

	if (!z.dev[0])
		fuzz_make(&z);
	fuzz_apply(&z, data, size < FUZZ_PROGRAM ? size : FUZZ_PROGRAM);
	broken = fuzz_check(&z);
	if (broken) {
		fprintf(stderr, "fuzz_image: %s\n", broken);
		abort();
	}
	return 0;
}

#else

#define CORPUS		4096
#define MAP		(1U << 16)
#define PER_WORKER	1000		/* then it ends, and what it has not freed shows */
#define HANG		20		/* seconds of processor time */
#define MAX_FINDS	20

/**
 * struct shared - what worker and watcher know
 * @runs:   executions begun
 * @size, @program: the one at hand
 * @broken: the rule it has broken
 * @code:   what of the code has been reached, by hash
 * @corpus: programs that reached something new
 */
struct shared {
	u64	runs, edges;
	u32	size, ncorpus;
	u8	program[FUZZ_PROGRAM];
	char	broken[128];
	u8	code[MAP];
	u32	corpus_size[CORPUS];
	u8	corpus[CORPUS][FUZZ_PROGRAM];
};

static struct shared *sh;
static u8 reached[MAP];
static u64 rng, max_runs = ~0ULL, seed, plant;
static time_t max_time;
static const char *out_dir = ".", *counts_file;
static int logfd;
static volatile sig_atomic_t stop;

void __sanitizer_cov_trace_pc(void);
const char *__asan_default_options(void);

/* An allocation that no image of 16 MiB can justify is a find; exit code 23 stays for leaks. */
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=256:allocator_may_return_null=0:exitcode=24";
}

/* Called at every branch of what is tested: nothing of this function is to be instrumented. */
__attribute__((no_sanitize_address, no_sanitize_undefined)) void __sanitizer_cov_trace_pc(void)
{
	uintptr_t pc = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc;

	reached[(pc ^ pc >> 16) % MAP] = 1;
}

static u64 rng_next(void)
{
	u64 v = (rng += 0x9e3779b97f4a7c15ULL);

	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
	return v ^ (v >> 31);
}

static u32 below(u32 n)
{
	return rng_next() % n;
}

/* ---- programs -------------------------------------------------------------------- */

static void fresh_steps(u32 first, u32 n)
{
	u32 i;

	for (i = 1 + first * FUZZ_OP; i < 1 + (first + n) * FUZZ_OP; i++)
		sh->program[i] = rng_next();
	sh->size = i;
}

static void vary(void)
{
	u32 from = below(sh->ncorpus), steps;

	sh->size = sh->corpus_size[from];
	memcpy(sh->program, sh->corpus[from], sh->size);
	steps = (sh->size - 1) / FUZZ_OP;
	if (steps && below(2))
		sh->program[1 + below(sh->size - 1)] = rng_next();
	if (steps && !below(4))
		sh->program[1 + below(sh->size - 1)] ^= 1 << below(8);
	if (steps < FUZZ_STEPS && below(2))
		fresh_steps(steps, 1);
}

static void make_program(u64 run)
{
	rng = seed * 1000003 + run;
	if (sh->ncorpus && below(2)) {
		vary();
		return;
	}
	sh->program[0] = below(FUZZ_BASES);
	fresh_steps(0, 1 + below(below(3) ? 2 : 6));
}

static void keep_if_new(void)
{
	u32 i, new = 0;

	for (i = 0; i < MAP; i++)
		if (reached[i] && !sh->code[i]) {
			sh->code[i] = 1;
			new++;
		}
	sh->edges += new;
	if (!new || sh->ncorpus == CORPUS)
		return;
	memcpy(sh->corpus[sh->ncorpus], sh->program, sh->size);
	sh->corpus_size[sh->ncorpus] = sh->size;
	sh->ncorpus++;
}

/* ---- the worker -------------------------------------------------------------------- */

static void run_one(void)
{
	const struct itimerval limit = { .it_value.tv_sec = HANG };
	const char *broken;

	setitimer(ITIMER_PROF, &limit, NULL);
	memset(reached, 0, sizeof(reached));
	fuzz_apply(&z, sh->program, sh->size);
	broken = fuzz_check(&z);
	if (broken) {
		snprintf(sh->broken, sizeof(sh->broken), "%s", broken);
		_exit(25);
	}
}

static void worker(void)
{
	u64 end = sh->runs + PER_WORKER;
	int null = open("/dev/null", O_WRONLY);

	dup2(null, STDOUT_FILENO);
	dup2(logfd, STDERR_FILENO);
	signal(SIGINT, SIG_IGN);
	while (sh->runs < end && sh->runs < max_runs && (!max_time || time(NULL) < max_time)) {
		if (ftruncate(logfd, 0))
			_exit(2);
		make_program(sh->runs++);
		if (sh->runs == plant)
			raise(SIGKILL);
		run_one();
		keep_if_new();
	}
	exit(0);
}

/* ---- finds --------------------------------------------------------------------------- */

static void save(const char *name, const void *data, size_t size)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	const u8 *p = data;
	size_t i, n;

	if (fd < 0 || ftruncate(fd, size)) {
		perror(name);
		exit(2);
	}
	for (i = 0; i < size; i += n) {
		n = size - i < VEXFS_BLOCK_SIZE ? size - i : VEXFS_BLOCK_SIZE;
		if (!vexfs_all_zero(p + i, n) && pwrite(fd, p + i, n, i) != (ssize_t)n)
			perror(name);
	}
	close(fd);
}

static void describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
		snprintf(text, size, "more than %d seconds of processor time", HANG);
	else if (WIFSIGNALED(status))
		snprintf(text, size, "ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 25)
		snprintf(text, size, "%s", sh->broken);
	else if (WEXITSTATUS(status) == 23)
		snprintf(text, size, "a leak, in one of the last %d executions", PER_WORKER);
	else
		snprintf(text, size, "a sanitizer's report");
}

static void save_find(int status, u32 number)
{
	char name[4096], text[256], *log = malloc(1 << 16);
	ssize_t n = log ? pread(logfd, log, 1 << 16, 0) : 0;

	describe(status, text, sizeof(text));
	snprintf(name, sizeof(name), "%s/find-%llu-%u", out_dir, (unsigned long long)seed, number);
	save(name, sh->program, sh->size);
	fuzz_apply(&z, sh->program, sh->size);
	strcat(name, ".img");
	save(name, z.dev[z.now], FUZZ_BYTES);
	strcpy(strrchr(name, '.'), ".txt");
	save(name, log, n > 0 ? n : 0);
	*strrchr(name, '.') = 0;
	printf("FIND %u: execution %llu: %s\n  again: fuzz_image --show %s\n", number,
	       (unsigned long long)sh->runs, text, name);
	free(log);
}

/* ---- the watcher ----------------------------------------------------------------------- */

static void on_signal(int sig)
{
	stop = 1;
}

static int run_worker(void)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		worker();
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (stop)
			kill(pid, SIGKILL);
	return status;
}

static void report(time_t began, u32 finds)
{
	time_t t = time(NULL) - began;

	printf("%llu executions in %lld s (%llu/s), %llu places in the code reached, %u programs kept, %u finds, "
	       "seed %llu\n", (unsigned long long)sh->runs, (long long)t, (unsigned long long)(sh->runs / (t ? t : 1)),
	       (unsigned long long)sh->edges, sh->ncorpus, finds, (unsigned long long)seed);
	fflush(stdout);
}

/* NAME=NUMBER a line, for the history. */
static void write_counts(u32 finds)
{
	FILE *f = counts_file ? fopen(counts_file, "we") : NULL;

	if (counts_file && !f)
		perror(counts_file);
	if (!f)
		return;
	fprintf(f, "images=%llu\nfinds=%u\nplaces in the code reached=%llu\nprograms kept=%u\nseed=%llu\n",
		(unsigned long long)sh->runs, finds, (unsigned long long)sh->edges, sh->ncorpus, (unsigned long long)seed);
	fclose(f);
}

static int campaign(time_t began)
{
	time_t shown = began;
	u32 finds = 0;

	while (!stop && finds < MAX_FINDS && sh->runs < max_runs && (!max_time || time(NULL) < max_time)) {
		int status = run_worker();

		if (status && !stop)
			save_find(status, ++finds);
		if (time(NULL) - shown >= 60 || (isatty(STDOUT_FILENO) && time(NULL) > shown)) {
			report(began, finds);
			shown = time(NULL);
		}
	}
	report(began, finds);
	write_counts(finds);
	return finds ? 1 : stop ? 130 : 0;
}

/* ---- options ----------------------------------------------------------------------------- */

static int show(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		return 2;
	}
	sh->size = fread(sh->program, 1, sizeof(sh->program), f);
	fclose(f);
	run_one();
	printf("no rule is broken\n");
	return 0;
}

static int usage(FILE *to, int ret)
{
	fputs("usage: fuzz_image [--runs N] [--time SECONDS] [--seed S] [--out DIR]\n"
	      "       fuzz_image --show FILE\n"
	      "  --plant N: execution N is killed, to see that the driver notices\n"
	      "  --counts FILE: writes the numbers of the last line, NAME=NUMBER\n"
	      "./vex fuzz image builds and runs this. Ends with 1 after a find.\n"
	      "example: fuzz_image --time 60 --out /tmp/finds\n", to);
	return ret;
}

/* In a child, so that what it does can be told. */
static int show_find(const char *path)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		exit(show(path));
	waitpid(pid, &status, 0);
	if (sh->broken[0])
		printf("broken rule: %s\n", sh->broken);
	return status ? 1 : 0;
}

static int start(const char *again)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	logfd = memfd_create("vexfs-fuzz-log", MFD_CLOEXEC);
	if (logfd < 0 || fcntl(logfd, F_SETFL, O_APPEND)) {
		perror("memfd");
		return 2;
	}
	fuzz_make(&z);
	if (again)
		return show_find(again);
	printf("seed %llu\n", (unsigned long long)seed);
	return campaign(time(NULL));
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "runs", required_argument, NULL, 'r' }, { "time", required_argument, NULL, 't' },
		{ "seed", required_argument, NULL, 's' }, { "out", required_argument, NULL, 'o' },
		{ "show", required_argument, NULL, 'w' }, { "plant", required_argument, NULL, 'p' },
		{ "counts", required_argument, NULL, 'c' }, { "help", no_argument, NULL, 'h' }, { }
	};
	const struct sigaction act = { .sa_handler = on_signal };
	const char *again = NULL;
	int c;

	seed = time(NULL);
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'r': max_runs = strtoull(optarg, NULL, 0); break;
		case 't': max_time = time(NULL) + strtoul(optarg, NULL, 0); break;
		case 's': seed = strtoull(optarg, NULL, 0); break;
		case 'p': plant = strtoull(optarg, NULL, 0); break;
		case 'o': out_dir = optarg; break;
		case 'c': counts_file = optarg; break;
		case 'w': again = optarg; break;
		case 'h': return usage(stdout, 0);
		default: return usage(stderr, 2);
		}
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return start(again);
}
#endif /* !VEXFS_LIBFUZZER */
