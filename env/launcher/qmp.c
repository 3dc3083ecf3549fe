// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's monitor: one JSON object a line. A command has an id, and so has its answer; events come in between. */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm.h"

/* A member of an object as text; "" if it has no such member. It lives as long as @o. */
static const char *text_of(struct json_object *o, const char *member)
{
	struct json_object *value;

	if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, member, &value))
		return "";
	return json_object_get_string(value);
}

static bool is_true(struct json_object *o, const char *member)
{
	struct json_object *value;

	return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, member, &value) &&
	       json_object_get_boolean(value);
}

static void take_event(struct vm *vm, struct json_object *o)
{
	struct json_object *data = json_object_object_get(o, "data");
	const char *event = text_of(o, "event");

	if (!strcmp(event, "BLOCK_IO_ERROR") && is_true(data, "nospace"))
		vm->no_space = true;
	else if (!strcmp(event, "GUEST_PANICKED"))
		vm->panicked = true;
	else
		debug_event(vm, event, text_of(data, "error"));
}

/* An answer that came too late for qmp_command() has another id, and is dropped. */
static void take_answer(struct vm *vm, struct json_object *o)
{
	struct json_object *id;

	if (vm->answer || !json_object_object_get_ex(o, "id", &id) || json_object_get_int64(id) != vm->qmp_id)
		return;
	vm->answer = json_object_get(o);
}

void qmp_line(struct vm *vm, const char *line)
{
	struct json_object *o = json_tokener_parse(line);

	fprintf(vm->qmp_log, "%s\n", line);
	fflush(vm->qmp_log);
	if (json_object_is_type(o, json_type_object)) {
		if (json_object_object_get_ex(o, "event", NULL))
			take_event(vm, o);
		else
			take_answer(vm, o);
	}
	json_object_put(o);
}

void qmp_close(struct vm *vm)
{
	json_object_put(vm->answer);
	vm->answer = NULL;
}

const char *qmp_said(const struct vm *vm, const char *member)
{
	struct json_object *value;

	if (!vm->answer || !json_object_object_get_ex(vm->answer, "return", &value))
		return "";
	if (!member)
		return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	return text_of(value, member);
}

const char *qmp_refusal(const struct vm *vm)
{
	struct json_object *error;

	if (vm->dead)
		return "it has ended";
	if (!vm->answer || !json_object_object_get_ex(vm->answer, "error", &error))
		return "it does not answer";
	return text_of(error, "desc");
}

static bool send_line(struct vm *vm, const char *text, int pass_fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov[2] = {
		{ .iov_base = (void *)text, .iov_len = strlen(text) },
		{ .iov_base = "\n", .iov_len = 1 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (pass_fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	return sendmsg(vm->fd[P_QMP], &msg, MSG_NOSIGNAL) == (ssize_t)strlen(text) + 1;
}

/* The command with an id of its own. */
static bool send_command(struct vm *vm, int pass_fd, const char *text)
{
	struct json_object *o = json_tokener_parse(text);
	bool sent;

	if (!json_object_is_type(o, json_type_object))
		fatal(VEX_ENV, "not a command of QEMU's monitor: %s", text);
	json_object_object_add(o, "id", json_object_new_int64(++vm->qmp_id));
	sent = send_line(vm, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN), pass_fd);
	json_object_put(o);
	return sent;
}

bool qmp_begin(struct vm *vm)
{
	return send_command(vm, -1, "{\"execute\":\"qmp_capabilities\"}");
}

bool qmp_command(struct vm *vm, int pass_fd, const char *json, ...)
{
	long long deadline = now_ms() + scaled(vm, 30);
	char text[2048];
	va_list ap;
	int n;

	qmp_close(vm);
	va_start(ap, json);
	n = vsnprintf(text, sizeof(text), json, ap);
	va_end(ap);
	if (n >= (int)sizeof(text) || vm->fd[P_QMP] < 0 || !send_command(vm, pass_fd, text))
		return false;
	while (!vm->answer && !vm->dead && !vm->interrupted && now_ms() < deadline)
		vm_poll(vm, 50);
	return vm->answer && json_object_object_get_ex(vm->answer, "return", NULL);
}
