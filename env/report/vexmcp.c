// SPDX-License-Identifier: GPL-2.0-only
/*
 * vexmcp: ./vex mcp, a server of the Model Context Protocol on standard input and output. A tool is a command of ./vex
 * with --json, in a process group of its own; its object is the result. One runs at a time, further calls wait. The
 * client may cancel a call, and ends all of them by closing its end: the command gets what Ctrl-C would send, and ends
 * its guests.
 *
 *	vexmcp ROOT BUILD
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tools/vexctl/rpc.h"
#include "vexmcp.h"

#define CALLS_MAX	16		/* that wait */
#define PATIENCE_MS	30000		/* for a cancelled command, before SIGTERM */

static const char instructions[] =
	"Builds and tests a kernel module of Linux in virtual machines: the one of the directory this server was "
	"started for, VexFS or what ./vex init has prepared. Change a source, call 'test' (with a filter: it takes "
	"seconds), and read verdict, cause and failed[] of the result: each entry has the file and line. 'vm' runs a "
	"script as root in a guest, 'crash' makes a panic into a bundle, 'logs' reads what a result's logs name.";

/* A call that runs or waits. */
struct call {
	struct json_object *id;
	char **argv;
	char script[PATH_MAX];		/* removed at the end; "": none */
};

static struct call calls[CALLS_MAX];	/* the first one runs */
static size_t ncalls;

/* What has been read and not been used yet. */
struct buffer {
	char *text;
	size_t len, room;
};

static struct {
	pid_t pid;
	int out;			/* the object, from the command */
	struct buffer in;
	bool cancelled;
	long long cancel_ms;
} run = { .out = -1 };

static const char *root, *build;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Lines stay; other control characters, and what is not UTF-8, do not. */
static struct json_object *safe(const char *text, size_t len)
{
	char *copy = strndup(text, len);
	struct json_object *o;

	for (char *p = copy; p && *p; p++)
		if (((unsigned char)*p < 32 && *p != '\n' && *p != '\t') || *p == 127 || (unsigned char)*p > 127)
			*p = '?';
	o = json_object_new_string(copy ? copy : "");
	free(copy);
	return o;
}

/* ---- calls ---- */

static void call_free(struct call *c)
{
	json_object_put(c->id);
	for (size_t i = 0; c->argv && c->argv[i]; i++)
		free(c->argv[i]);
	free(c->argv);
	if (c->script[0])
		unlink(c->script);
}

static void call_remove(size_t i)
{
	call_free(&calls[i]);
	ncalls--;
	memmove(&calls[i], &calls[i + 1], (ncalls - i) * sizeof(calls[0]));
}

/* Its messages for people go to build/log/mcp.log. */
static void child(const struct call *c, int out)
{
	char log[PATH_MAX];
	int in = open("/dev/null", O_RDONLY), err;

	snprintf(log, sizeof(log), "%s/log/mcp.log", build);
	err = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (err < 0)
		err = open("/dev/null", O_WRONLY);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(err, 2) == 2)
		execv(c->argv[0], c->argv);
	_exit(127);
}

static bool call_start(struct rpc *rpc)
{
	int fds[2];

	if (!ncalls || run.pid)
		return true;
	if (pipe2(fds, O_CLOEXEC)) {
		bool ok = rpc_tool_result(rpc, calls[0].id, NULL, strerror(errno));

		call_remove(0);
		return ok;
	}
	run.pid = fork();
	if (!run.pid)
		child(&calls[0], fds[1]);
	setpgid(run.pid, run.pid);
	close(fds[1]);
	run.out = fds[0];
	run.in.len = 0;
	run.cancelled = false;
	return true;
}

static void run_cancel(void)
{
	if (!run.pid || run.cancelled)
		return;
	run.cancelled = true;
	run.cancel_ms = now_ms();
	kill(-run.pid, SIGINT);
}

/* The command has closed its output: what it said is the answer, unless nobody waits for one. */
static bool call_end(struct rpc *rpc)
{
	struct json_object *o = NULL;
	int status = 0;
	bool ok = true;

	while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR)
		;
	close(run.out);
	if (run.in.len)
		o = json_tokener_parse(run.in.text);
	if (!run.cancelled)
		ok = rpc_tool_result(rpc, calls[0].id, o, "the command ended without a result; see build/log/mcp.log");
	else
		json_object_put(o);
	run.pid = 0;
	run.out = -1;
	call_remove(0);
	return ok;
}

/* As read(2); what is there ends with a NUL. */
static ssize_t buffer_read(struct buffer *b, int fd)
{
	ssize_t n;

	if (b->room < b->len + 65536) {
		char *grown = realloc(b->text, b->room + 131072);

		if (!grown)
			abort();
		b->text = grown;
		b->room += 131072;
	}
	n = read(fd, b->text + b->len, b->room - b->len - 1);
	if (n > 0)
		b->len += (size_t)n;
	b->text[b->len] = 0;
	return n;
}

static bool run_read(struct rpc *rpc)
{
	ssize_t n;

	n = buffer_read(&run.in, run.out);
	return n > 0 || (n < 0 && errno == EINTR) ? true : call_end(rpc);
}

static bool queue(struct rpc *rpc, struct json_object *id, char **argv, const char *script)
{
	struct call *c = &calls[ncalls];

	if (ncalls == CALLS_MAX) {
		struct call lost = { .argv = argv };

		snprintf(lost.script, sizeof(lost.script), "%s", script);
		call_free(&lost);
		return rpc_tool_result(rpc, id, NULL, "too many calls wait: cancel some");
	}
	memset(c, 0, sizeof(*c));
	c->id = json_object_get(id);
	c->argv = argv;
	snprintf(c->script, sizeof(c->script), "%s", script);
	ncalls++;
	return call_start(rpc);
}

static bool call_tool(struct rpc *rpc, struct json_object *id, const char *name, struct json_object *args)
{
	struct tool_result r = { 0 };
	bool ok;

	tool_prepare(root, build, name, args, &r);
	if (r.argv)
		ok = queue(rpc, id, r.argv, r.script);
	else if (r.wrong)
		ok = rpc_error(rpc, id, RPC_PARAMS, r.text);
	else
		ok = rpc_tool_result(rpc, id, r.data, r.text);
	return ok;
}

/* The answer of a call that was cancelled is not waited for, so that none is sent. */
static void notified(struct rpc *rpc, const char *method, struct json_object *params)
{
	struct json_object *id;

	(void)rpc;
	if (strcmp(method, "notifications/cancelled") || !params ||
	    !json_object_object_get_ex(params, "requestId", &id))
		return;
	for (size_t i = 0; i < ncalls; i++) {
		if (!json_object_equal(calls[i].id, id))
			continue;
		if (i)
			call_remove(i);
		else
			run_cancel();
		return;
	}
}

static struct json_object *list_tools(struct rpc *rpc)
{
	(void)rpc;
	return tools_list();
}

/* ---- messages ---- */

static struct buffer input;
static bool skip;			/* the rest of a line that was too long */

static bool take_lines(struct rpc *rpc)
{
	char *line = input.text, *end;
	bool ok = true;

	while (ok && (end = memchr(line, '\n', input.len - (size_t)(line - input.text)))) {
		*end = 0;
		if (!skip && line[strspn(line, " \t\r")])
			ok = rpc_line(rpc, line, (size_t)(end - line));
		skip = false;
		line = end + 1;
	}
	input.len -= (size_t)(line - input.text);
	memmove(input.text, line, input.len);
	if (input.len > RPC_MESSAGE_MAX) {
		if (!skip)
			ok = rpc_error(rpc, NULL, RPC_REQUEST, "the message is longer than 4 MiB");
		skip = true;
		input.len = 0;
	}
	return ok;
}

/* False at the end of the client's messages. */
static bool read_input(struct rpc *rpc)
{
	ssize_t n = buffer_read(&input, STDIN_FILENO);

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && take_lines(rpc);
}

static void serve(struct rpc *rpc)
{
	bool ok = true, open = true;

	/* After the last message only the command in hand is waited for: it clears up. */
	while (ok && (open || run.pid)) {
		struct pollfd p[2] = { { open ? STDIN_FILENO : -1, POLLIN, 0 }, { run.out, POLLIN, 0 } };
		int n = poll(p, 2, 1000);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0 && p[1].revents)
			ok = run_read(rpc) && call_start(rpc);
		if (n > 0 && p[0].revents)
			open = read_input(rpc);
		if (stop)
			open = false;
		if (!open) {
			while (ncalls > 1)
				call_remove(ncalls - 1);
			run_cancel();
		}
		if (run.cancelled && run.pid && now_ms() - run.cancel_ms > PATIENCE_MS)
			kill(-run.pid, SIGTERM);
	}
	run_cancel();
	while (run.pid && waitpid(run.pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct rpc rpc = {
		.wire = stdout, .name = "vex", .version = "1", .instructions = instructions,
		.safe = safe, .tools = list_tools, .call = call_tool, .notified = notified,
	};

	if (argc != 3) {
		fputs("usage: vexmcp ROOT BUILD\n", stderr);
		return 2;
	}
	root = argv[1];
	build = argv[2];
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	serve(&rpc);
	return 0;
}
