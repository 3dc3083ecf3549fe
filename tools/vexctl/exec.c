// SPDX-License-Identifier: GPL-2.0
/*
 * exec:PROGRAM: an embedder that is a program
 *
 * It is started once, without arguments and without a shell, and speaks JSON lines. First it says what it is:
 *
 *	{"model": "NAME VERSION", "dim": 384}
 *
 * Then it reads texts, and answers each, in order:
 *
 *	{"id":1,"kind":"document","text":"..."}		kind: document or query
 *	{"id":1,"vector":[0.1,...]}			or {"id":1,"error":"why not"}
 *
 * An empty line ends a batch: a program that is faster with several texts at once collects until then, and one that is
 * not ignores empty lines. The end of its input means that nothing more is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/program.h"
#include "tools/vexctl/remote.h"

#define BATCH		32
#define LINE_MAX_BYTES	(1u << 20)	/* 16,384 numbers of 64 digits */
#define END_SECONDS	2		/* it may take to end by itself */

/**
 * struct exec - the program, running
 * @in, @out: its standard input and output; @in is -1 after it has closed it
 * @asked:  id of the last text
 * @line:   number of the last line read
 * @buf, @len, @taken: what it has written, and how much of that has been taken
 */
struct exec {
	struct remote r;
	pid_t pid;
	int in, out;
	uint64_t asked, line;
	char *buf;
	size_t len, taken;
};

/**
 * struct request - a batch on its way
 * @text, @len, @sent: lines for the program
 * @next: whose answer comes next
 * @id:   and its id
 */
struct request {
	char *text;
	size_t len, sent;
	struct remote_text *next;
	uint64_t id;
};

static struct exec *exec_of(struct remote *r)
{
	return (struct exec *)r;
}

static int wrong_line(const struct exec *x, const char *what)
{
	say_error("%s: line %llu of its output: %s", x->r.spec, (unsigned long long)x->line, what);
	return -EREMOTEIO;
}

/* ---- starting and ending ------------------------------------------------------------------- */

/* Between fork and exec: system calls only. What fails is written to @report. */
static _Noreturn void become(const char *program, int in, int out, int report)
{
	char *const words[] = { (char *)program, NULL };
	int err;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0)
		execv(program, words);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

static void close_pair(int ends[2])
{
	if (ends[0] >= 0)
		close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
}

/* Wait until the program runs, or has failed to. */
static int started(int report)
{
	ssize_t n;
	int err = 0;

	do {
		n = read(report, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(err) ? -err : 0;
}

static int fork_program(struct exec *x, const char *program, int to[2], int from[2], int report[2])
{
	x->pid = fork();
	if (!x->pid)
		become(program, to[0], from[1], report[1]);
	if (x->pid < 0)
		return -errno;
	setpgid(x->pid, x->pid);	/* parent and child both do it: either may run first */
	close(report[1]);
	report[1] = -1;
	return started(report[0]);
}

static int start(struct exec *x, const char *program)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 }, report[2] = { -1, -1 }, ret = 0;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		ret = -errno;
	if (!ret)
		ret = fork_program(x, program, to, from, report);
	if (!ret && (fcntl(to[1], F_SETFL, O_NONBLOCK) || fcntl(from[0], F_SETFL, O_NONBLOCK)))
		ret = -errno;
	if (!ret) {
		x->in = to[1];
		x->out = from[0];
		to[1] = from[0] = -1;
	}
	close_pair(to);
	close_pair(from);
	close_pair(report);
	return ret;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) || info.si_pid;
}

/* Wait for its end, but not long. Its wait status, or -1: it was killed for not ending. */
static int reap(struct exec *x, double seconds)
{
	struct timespec nap = { .tv_nsec = 2000000 };
	double deadline = now_seconds() + seconds;
	bool ended = has_ended(x->pid);
	int status;

	while (!ended && now_seconds() < deadline && !interrupted()) {
		nanosleep(&nap, NULL);
		ended = has_ended(x->pid);
	}
	status = program_kill(x->pid);
	x->pid = 0;
	return ended ? status : -1;
}

static void close_input(struct exec *x)
{
	if (x->in >= 0)
		close(x->in);
	x->in = -1;
}

static void exec_close(struct remote *r)
{
	struct exec *x = exec_of(r);

	close_input(x);
	if (x->out >= 0)
		close(x->out);
	if (x->pid > 0)
		reap(x, r->error ? 0 : END_SECONDS);
	free(x->buf);
}

/* It has closed its output, although answers are owed. */
static int died(struct exec *x)
{
	int status;

	close_input(x);
	status = reap(x, END_SECONDS);
	if (status < 0)
		say_error("%s: closed its output after line %llu, without an answer to what it was asked",
			  x->r.spec, (unsigned long long)x->line);
	else if (WIFSIGNALED(status))
		say_error("%s: ended by signal %d after line %llu of its output", x->r.spec, WTERMSIG(status),
			  (unsigned long long)x->line);
	else
		say_error("%s: ended with exit status %d after line %llu of its output", x->r.spec,
			  WEXITSTATUS(status), (unsigned long long)x->line);
	return -EREMOTEIO;
}

/* ---- reading and writing --------------------------------------------------------------------- */

/* As write(2), without a signal when it has closed its end. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
	struct timespec now = { 0 };
	sigset_t pipe_set, was;
	ssize_t n;
	int err;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_set, &was);
	n = write(fd, data, len);
	err = errno;
	if (n < 0 && err == EPIPE)
		sigtimedwait(&pipe_set, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	errno = err;
	return n;
}

/* What it takes now. Its answers, and its end, are seen when they are read. */
static void send_some(struct exec *x, struct request *q)
{
	ssize_t n = write_quietly(x->in, q->text + q->sent, q->len - q->sent);

	if (n >= 0)
		q->sent += (size_t)n;
	else if (errno != EAGAIN && errno != EINTR)
		close_input(x);
}

/* What there is to read. */
static int receive(struct exec *x)
{
	ssize_t n;

	if (x->taken) {
		x->len -= x->taken;
		memmove(x->buf, x->buf + x->taken, x->len);
		x->taken = 0;
	}
	if (x->len == LINE_MAX_BYTES) {
		x->line++;
		return wrong_line(x, "longer than 1 MiB");
	}
	n = read(x->out, x->buf + x->len, LINE_MAX_BYTES - x->len);
	if (n > 0)
		x->len += (size_t)n;
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return 0;
	return died(x);
}

/* A whole line of what has been read, terminated in place; NULL: none yet. Empty lines do not count as answers. */
static char *take_line(struct exec *x)
{
	char *line, *end;

	while ((end = memchr(x->buf + x->taken, '\n', x->len - x->taken))) {
		line = x->buf + x->taken;
		x->taken = (size_t)(end - x->buf) + 1;
		x->line++;
		*end = '\0';
		if (strlen(line) != (size_t)(end - line))
			return (char *)"\1";	/* a NUL byte: not JSON either */
		if (line[strspn(line, " \t\r")])
			return line;
	}
	return NULL;
}

/* Wait for the program to write, or to take what is to be sent. */
static int wait_some(struct exec *x, struct request *q, double deadline)
{
	bool sending = q && q->sent < q->len && x->in >= 0;
	struct pollfd p[2] = {
		{ .fd = x->out, .events = POLLIN }, { .fd = sending ? x->in : -1, .events = POLLOUT },
	};
	double left = deadline - now_seconds();

	if (interrupted())
		return -EINTR;
	if (left <= 0) {
		say_error("%s: no answer for %g seconds after line %llu of its output (--timeout)", x->r.spec,
			  x->r.seconds, (unsigned long long)x->line);
		return -EREMOTEIO;
	}
	if (poll(p, 2, left > 0.2 ? 200 : (int)(left * 1000) + 1) <= 0)	/* Ctrl-C may come between */
		return 0;
	if (sending && p[1].revents)
		send_some(x, q);
	return p[0].revents ? receive(x) : 0;
}

/* A line, which is one JSON object. */
static int parse_line(struct exec *x, const char *line, struct json_object **out)
{
	enum json_tokener_error err;

	*out = json_tokener_parse_verbose(line, &err);
	if (json_object_is_type(*out, json_type_object))
		return 0;
	json_object_put(*out);
	return wrong_line(x, "not a JSON object");
}

static const char *text_member(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_string) ?
		       json_object_get_string(v) : NULL;
}

/* ---- asking ------------------------------------------------------------------------------------- */

static int print_request(FILE *f, uint64_t id, const struct remote_text *t)
{
	struct json_object *o = json_text(t->text, t->len);
	const char *s = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;

	if (s)
		fprintf(f, "{\"id\":%llu,\"kind\":\"%s\",\"text\":%s}\n", (unsigned long long)id,
			t->kind == VEX_TEXT_QUERY ? "query" : "document", s);
	json_object_put(o);
	return s ? 0 : -ENOMEM;
}

static int make_request(struct exec *x, struct remote_text *texts, struct request *q)
{
	FILE *f = open_memstream(&q->text, &q->len);
	struct remote_text *t;
	int ret = f ? 0 : -ENOMEM;

	q->next = texts;
	q->id = x->asked + 1;
	for (t = texts; t && !ret; t = t->next)
		ret = print_request(f, ++x->asked, t);
	if (f && (fputc('\n', f) == EOF || ferror(f)))
		ret = -ENOMEM;
	if (f && fclose(f))
		ret = -ENOMEM;
	return ret;
}

static int take_answer(struct exec *x, struct json_object *o, struct request *q)
{
	struct json_object *v;
	const char *wrong;

	wrong = text_member(o, "error");
	if (wrong) {
		say_error("%s: line %llu of its output says: %s", x->r.spec, (unsigned long long)x->line, wrong);
		return -EREMOTEIO;
	}
	if (!q->next)
		return wrong_line(x, "more answers than texts");
	if (!json_object_object_get_ex(o, "id", &v) || !json_object_is_type(v, json_type_int) ||
	    json_object_get_uint64(v) != q->id)
		return wrong_line(x, "not the answer to the text whose turn it is (\"id\")");
	if (!json_object_object_get_ex(o, "vector", &v))
		return wrong_line(x, "no vector");
	wrong = remote_take(&x->r, v, q->next);
	if (wrong)
		return wrong_line(x, wrong);
	q->next = q->next->next;
	q->id++;
	return 0;
}

/* Everything it has written so far, also what nobody asked for. */
static int take_answers(struct exec *x, struct request *q)
{
	struct json_object *o;
	char *line;
	int ret = 0;

	while (!ret && (line = take_line(x))) {
		ret = parse_line(x, line, &o);
		if (ret)
			break;
		ret = take_answer(x, o, q);
		json_object_put(o);
	}
	return ret;
}

static int exec_ask(struct remote *r, struct remote_text *texts)
{
	struct exec *x = exec_of(r);
	struct request q = { .text = NULL };
	double deadline = now_seconds() + r->seconds;
	int ret = make_request(x, texts, &q);
	uint64_t id = q.id;

	while (!ret && q.next) {
		ret = wait_some(x, &q, deadline);
		if (!ret)
			ret = take_answers(x, &q);
		if (q.id != id)		/* an answer, not just output */
			deadline = now_seconds() + r->seconds;
		id = q.id;
	}
	free(q.text);
	if (ret == -ENOMEM) {
		say_error("out of memory");
		ret = -EREMOTEIO;
	}
	return ret;
}

/* ---- opening -------------------------------------------------------------------------------------- */

static int take_hello(struct exec *x, struct json_object *o)
{
	struct json_object *dim;
	const char *wrong;

	if (!json_object_object_get_ex(o, "dim", &dim) || !json_object_is_type(dim, json_type_int) ||
	    json_object_get_int64(dim) < 1 || json_object_get_int64(dim) > VEXFS_DIM_MAX)
		return wrong_line(x, "\"dim\" must be the dimension of its vectors, 1 to 16384");
	x->r.e.dim = (uint32_t)json_object_get_int64(dim);
	wrong = remote_identify(&x->r, text_member(o, "model"), text_member(o, "fingerprint"));
	return wrong ? wrong_line(x, wrong) : 0;
}

static int greet(struct exec *x)
{
	double deadline = now_seconds() + x->r.seconds;
	struct json_object *o;
	char *line;
	int ret = 0;

	while (!ret && !(line = take_line(x)))
		ret = wait_some(x, NULL, deadline);
	if (!ret)
		ret = parse_line(x, line, &o);
	if (ret)
		return ret;
	ret = take_hello(x, o);
	json_object_put(o);
	return ret;
}

static const struct remote_ops exec_ops = {
	.base = REMOTE_BASE("exec"),
	.batch = BATCH,
	.ask = exec_ask,
	.close = exec_close,
};

static int run_program(struct exec *x)
{
	const char *name = x->r.spec + strlen("exec:");
	char program[PROGRAM_MAX];
	int ret;

	if (!strchr(name, '/')) {
		if (!*name || !program_find(name, program)) {
			say_error("%s: no such program in PATH", x->r.spec);
			return -EREMOTEIO;
		}
		name = program;
	}
	ret = start(x, name);
	if (ret) {
		say_error("%s: cannot run it: %s", x->r.spec, strerror(-ret));
		return -EREMOTEIO;
	}
	return greet(x);
}

int exec_open(const char *spec, double seconds, struct remote **out)
{
	struct exec *x = calloc(1, sizeof(*x));
	int ret;

	if (x) {
		x->in = x->out = -1;
		x->buf = malloc(LINE_MAX_BYTES);
	}
	if (!x || !x->buf || remote_init(&x->r, &exec_ops, spec, seconds)) {
		say_error("out of memory");
		if (x)
			free(x->buf);
		free(x);
		return EXIT_FAILED;
	}
	ret = run_program(x);
	if (!ret) {
		*out = &x->r;
		return EXIT_OK;
	}
	x->r.error = ret;
	remote_destroy(&x->r.e);
	return ret == -EINTR ? EXIT_INTERRUPTED : EXIT_FAILED;
}
