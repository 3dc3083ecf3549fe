// SPDX-License-Identifier: GPL-2.0
/*
 * Of a recorded run: what power cuts may leave, and whether that is right. Each state is made on a copy of
 * the disk, looked at by fsck.vexfs -n (which replays the journal in memory) and compared with the model.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/state.h"
#include "tools/fsck/fsck.h"

#define MAX_JOBS	64
#define MAX_SHOWN	5

struct options {
	const char	*base, *log, *dir, *counts;
	uint64_t	seed;
	uint32_t	ops, states, jobs;
	struct cr_script script;
	struct cs_state	only;
	bool		has_only;
};

/* What a worker tells. */
struct worker {
	pid_t		pid;
	struct cs_state	now;
	uint32_t	prefixes, orders, torn, bad;
};

static const char usage[] =
	"usage: vexfs-crash-check --base IMAGE --log LOG --seed N --ops N --dir DIR [OPTION]...\n"
	"       vexfs-crash-check --how-many LENGTH\n"
	"\n"
	"Judges states that power cuts may leave, of a run that './vex crash-test' has recorded.\n"
	"\n"
	"  --base IMAGE   the disk before the run\n"
	"  --log LOG      what dm-log-writes has recorded\n"
	"  --seed N       of the run\n"
	"  --ops N        operations of the run, or\n"
	"  --sequences LENGTH:FIRST:COUNT  the sequences that were done\n"
	"  --counts FILE  write the numbers of the last line, NAME=NUMBER\n"
	"  --dir DIR      for copies of the disk; images of bad states stay there\n"
	"  --states N     so many states [2000]: after every write, and random choices of the writes in flight\n"
	"  --jobs N       so many at a time [1]\n"
	"  --only A.B     only this state\n"
	"  --how-many LENGTH  print how many sequences of so many operations there are\n"
	"\n"
	"exit status: 0 all are right; 1 some are not; 2 it cannot be done\n"
	"example: vexfs-crash-check --base base.img --log log.img --seed 1 --ops 200 --dir /tmp/crash --only 311.4\n";

static int fail(const char *what, int err)
{
	fprintf(stderr, "vexfs-crash-check: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return 2;
}

/* ---- which states --------------------------------------------------------------- */

/* How many random choices at one entry, so that there are about @states in all. */
static uint32_t orders_at(const struct cl_log *log, uint32_t at, uint32_t states, uint32_t places)
{
	uint32_t n = states > places ? (states - places + places - 1) / places : 0, loose = cs_loose(log, at);

	/* Of few writes there are few choices. */
	if (loose < 5 && n > (1U << loose))
		n = 1U << loose;
	return n;
}

static uint32_t count_places(const struct cl_log *log)
{
	uint32_t n = 0, i;

	for (i = 0; i < log->n; i++)
		n += log->entry[i].len > 0;
	return n ? n : 1;
}

/* ---- one state ------------------------------------------------------------------------ */

static char *read_text(int fd)
{
	static char text[4096];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	return text;
}

static int run_fsck(const char *image, int out)
{
	char path[4096], *argv[] = { "fsck.vexfs", "-n", path, NULL };

	snprintf(path, sizeof(path), "%s", image);
	if (ftruncate(out, 0) || lseek(out, 0, SEEK_SET))
		return FSCK_FAILED;
	optind = 0;
	return fsck_main(3, argv);
}

static void keep_image(const struct options *o, const char *image, struct cs_state s)
{
	char cmd[9000];

	snprintf(cmd, sizeof(cmd), "cp --sparse=always '%s' '%s/state-%u.%u.img'", image, o->dir, s.at, s.order);
	if (system(cmd))
		fprintf(stderr, "the image could not be kept\n");
}

/* The run, in a static buffer. */
static const char *run_name(const struct options *o)
{
	static char name[100];
	const struct cr_script *c = &o->script;

	if (c->length)
		snprintf(name, sizeof(name), "sequences of %u, %llu to %llu", c->length, (unsigned long long)c->next,
			 (unsigned long long)(c->next + c->left - 1));
	else
		snprintf(name, sizeof(name), "seed %llu", (unsigned long long)o->seed);
	return name;
}

/* To the terminal's stderr: stdout and stderr are fsck's. */
static void tell(const struct options *o, int err_fd, struct cs_state s, const struct cj_window *w, const char *why)
{
	dprintf(err_fd, "not right: state %u.%u of %s (operations 1 to %u had returned, %u may have begun): %s\n",
		s.at, s.order, run_name(o), w->acked, w->begun, why);
}

static bool state_right(const struct options *o, struct cs_disk *d, const struct cr_model *m, const char *image,
			struct cs_state s, int out, int err_fd, bool show)
{
	struct cj_window w = { 0 };
	char why[512] = "";
	int ret = run_fsck(image, out);

	if (ret)
		snprintf(why, sizeof(why), "fsck.vexfs -n: exit code %d", ret);
	else if (cs_window(d->log, s, o->ops, &w))
		cj_judge(m, image, w, why, sizeof(why));
	if (!*why)
		return true;
	if (show) {
		tell(o, err_fd, s, &w, why);
		if (ret)
			dprintf(err_fd, "%s", read_text(out));
		keep_image(o, image, s);
	}
	return false;
}

/* ---- workers ----------------------------------------------------------------------------- */

static int copy_base(const char *from, const char *to)
{
	char buf[1 << 16];
	ssize_t n = 0;
	int in = open(from, O_RDONLY), out = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);

	while (in >= 0 && out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (in >= 0)
		close(in);
	return in < 0 || out < 0 || n < 0 ? -1 : out;
}

static int do_state(const struct options *o, struct cs_disk *d, const struct cr_model *m, const char *image,
		    struct cs_state s, struct worker *me, int out, int err_fd)
{
	bool torn;
	int err;

	me->now = s;
	err = cs_make(d, s, &torn);
	if (!err && !state_right(o, d, m, image, s, out, err_fd, me->bad < MAX_SHOWN))
		me->bad++;
	if (!err)
		err = cs_unmake(d);
	me->torn += torn;
	s.order ? me->orders++ : me->prefixes++;
	return err;
}

static bool is_mine(const struct options *o, struct cs_state s, uint32_t n, uint32_t index)
{
	if (o->has_only)
		return s.at == o->only.at && s.order == o->only.order;
	return n % o->jobs == index;
}

static int all_states(const struct options *o, struct cs_disk *d, const struct cr_model *m, const char *image,
		      uint32_t index, struct worker *me, int out, int err_fd)
{
	uint32_t places = count_places(d->log), n = 0, at, k;
	int err = 0;

	for (at = 0; at < d->log->n; at++) {
		uint32_t orders = o->has_only ? o->only.order : orders_at(d->log, at, o->states, places);

		for (k = 0; !err && d->log->entry[at].len && k <= orders; k++)
			if (is_mine(o, (struct cs_state){ at, k }, n++, index))
				err = do_state(o, d, m, image, (struct cs_state){ at, k }, me, out, err_fd);
	}
	return err;
}

static int work(const struct options *o, const struct cl_log *log, const struct cr_model *m, uint32_t index,
		struct worker *me)
{
	char image[4096], text[4096];
	int fd, out, err_fd = dup(2), err;
	struct cs_disk d;

	snprintf(image, sizeof(image), "%s/disk-%u.img", o->dir, index);
	snprintf(text, sizeof(text), "%s/fsck-%u.txt", o->dir, index);
	fd = copy_base(o->base, image);
	out = open(text, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || out < 0 || err_fd < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	cs_init(&d, fd, log, o->seed);
	err = all_states(o, &d, m, image, index, me, out, err_fd);
	if (err)
		dprintf(err_fd, "vexfs-crash-check: state %u.%u: %s\n", me->now.at, me->now.order, strerror(-err));
	cs_free(&d);
	unlink(image);
	unlink(text);
	return err ? 2 : me->bad > 0;
}

static void show_progress(const struct worker *w, const struct options *o, bool end)
{
	uint32_t i, n = 0;

	if (!isatty(2))
		return;
	for (i = 0; i < o->jobs; i++)
		n += w[i].prefixes + w[i].orders;
	fprintf(stderr, "\r  %u states%s", n, end ? "\n" : "");
}

/* The worst exit status; a worker that died has met a state that killed it. */
static int wait_all(struct worker *w, const struct options *o)
{
	uint32_t left = o->jobs, i;
	int worst = 0, st;

	while (left) {
		for (i = 0; i < o->jobs; i++) {
			if (!w[i].pid || waitpid(w[i].pid, &st, WNOHANG) != w[i].pid)
				continue;
			if (!WIFEXITED(st))
				fprintf(stderr, "not right: state %u.%u of %s: checking it ended with signal %d\n",
					w[i].now.at, w[i].now.order, run_name(o), WTERMSIG(st));
			st = WIFEXITED(st) ? WEXITSTATUS(st) : 1;
			worst = st > worst ? st : worst;
			w[i].pid = 0;
			left--;
		}
		usleep(50000);
		show_progress(w, o, !left);
	}
	return worst;
}

static int run_workers(const struct options *o, const struct cl_log *log, const struct cr_model *m, struct worker *w)
{
	uint32_t i;
	pid_t pid;

	for (i = 0; i < o->jobs; i++) {
		fflush(NULL);
		pid = fork();		/* @w is shared: only the parent may store it */
		if (pid < 0)
			return fail("fork", errno);
		if (!pid)
			_exit(work(o, log, m, i, &w[i]));
		w[i].pid = pid;
	}
	return wait_all(w, o);
}

/* NAME=NUMBER a line, for the history. */
static void write_counts(const struct options *o, const struct cl_log *log, const struct worker *sum)
{
	FILE *f = fopen(o->counts, "we");

	if (!f) {
		fail(o->counts, errno);
		return;
	}
	fprintf(f, "states=%u\nstates not right=%u\nstates with writes missing=%u\nstates torn=%u\noperations=%u\nwrites=%u\n",
		sum->prefixes + sum->orders, sum->bad, sum->orders, sum->torn, o->ops, count_places(log));
	fclose(f);
}

static void summary(const struct options *o, const struct cl_log *log, const struct worker *w)
{
	struct worker sum = { 0 };
	uint32_t i;

	for (i = 0; i < o->jobs; i++) {
		sum.prefixes += w[i].prefixes;
		sum.orders += w[i].orders;
		sum.torn += w[i].torn;
		sum.bad += w[i].bad;
	}
	printf("%s: %u operations, %u writes; %u states: %u after a write, %u with writes missing, %u of them "
	       "torn; %u not right\n", run_name(o), o->ops, count_places(log), sum.prefixes + sum.orders,
	       sum.prefixes, sum.orders, sum.torn, sum.bad);
	if (o->counts)
		write_counts(o, log, &sum);
}

/* All that was done; afterwards @o->ops is how much. */
static struct cr_model *whole_model(struct options *o)
{
	struct cr_model *m = cr_model_new(o->seed);
	struct cr_op op;

	m->script = o->script;
	while (m->ops < o->ops && cr_model_step(m, &op))
		;
	o->ops = m->ops;
	return m;
}

static int check(struct options *o)
{
	struct worker *w = mmap(NULL, MAX_JOBS * sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct cr_model *m;
	struct cl_log log;
	int err = cl_open(&log, o->log), ret;

	if (err)
		return fail(o->log, err);
	if (w == MAP_FAILED)
		return fail("mmap", errno);
	m = whole_model(o);
	ret = run_workers(o, &log, m, w);
	summary(o, &log, w);
	cr_model_free(m);
	cl_close(&log);
	return ret;
}

/* ---- options --------------------------------------------------------------------------------- */

static uint64_t number(const char *s, uint64_t max)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || end == s || *end || n > max || *s == '-') {
		fprintf(stderr, "vexfs-crash-check: '%s' is not a number up to %llu\n", s, (unsigned long long)max);
		exit(2);
	}
	return n;
}

static bool parse_script(const char *s, struct options *o)
{
	unsigned long long next, left;

	if (sscanf(s, "%u:%llu:%llu", &o->script.length, &next, &left) != 3 || !o->script.length)
		return false;
	o->script.next = next;
	o->script.left = left;
	o->ops = UINT32_MAX;
	return true;
}

static bool parse_state(const char *s, struct cs_state *st)
{
	return sscanf(s, "%u.%u", &st->at, &st->order) == 2;
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "base", 1, NULL, 'b' }, { "log", 1, NULL, 'l' }, { "seed", 1, NULL, 's' }, { "ops", 1, NULL, 'o' },
		{ "dir", 1, NULL, 'd' }, { "states", 1, NULL, 'n' }, { "jobs", 1, NULL, 'j' },
		{ "only", 1, NULL, 'O' }, { "counts", 1, NULL, 'C' }, { "sequences", 1, NULL, 'q' }, { "how-many", 1, NULL, 'H' }, { "help", 0, NULL, 'h' }, { },
	};
	struct options o = { .states = 2000, .jobs = 1 };
	int c;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'b': o.base = optarg; break;
		case 'l': o.log = optarg; break;
		case 'd': o.dir = optarg; break;
		case 'C': o.counts = optarg; break;
		case 's': o.seed = number(optarg, UINT64_MAX); break;
		case 'o': o.ops = (uint32_t)number(optarg, 1000000); break;
		case 'n': o.states = (uint32_t)number(optarg, 100000000); break;
		case 'j': o.jobs = (uint32_t)number(optarg, MAX_JOBS); break;
		case 'O':
			o.has_only = parse_state(optarg, &o.only);
			if (!o.has_only)
				return fail("--only wants ENTRY.ORDER", EINVAL);
			break;
		case 'H':
			printf("%llu\n", (unsigned long long)cr_sequences((uint32_t)number(optarg, 4)));
			return 0;
		case 'q':
			if (!parse_script(optarg, &o))
				return fail("--sequences wants LENGTH:FIRST:COUNT", EINVAL);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (!o.base || !o.log || !o.dir || !o.ops || !o.jobs || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.has_only)
		o.jobs = 1;
	return check(&o);
}
