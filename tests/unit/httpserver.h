/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small HTTP server on this machine, for one test program: one connection after the other, or each in a thread, and
 * one request on each.
 */
#ifndef HTTPSERVER_H
#define HTTPSERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/**
 * struct http_server - the server
 * @answer:   called for request number @n (from 1) with its head and body; writes to @fd, or does not
 * @requests: so far
 * @parallel: a thread for each connection
 * @open:     connections with a thread
 */
static struct http_server {
	void (*answer)(int fd, unsigned int n, const char *head, const char *body);
	atomic_uint requests, open;
	bool parallel;
	int fd, port;
	atomic_bool stop;
	pthread_t thread;
} server;

static bool server_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (!server.stop)
		if (poll(&p, 1, 50) > 0)
			return true;
	return false;
}

static void server_serve(int fd)
{
	const size_t room = 1 << 20;
	char *text = malloc(room);
	size_t len = 0, want = 0;
	char *body = NULL, *field;
	ssize_t n;

	if (!text)
		abort();
	while (!body || len < want) {
		if (len == room - 1 || !server_readable(fd))
			goto out;
		n = read(fd, text + len, room - 1 - len);
		if (n <= 0)
			goto out;
		len += (size_t)n;
		text[len] = '\0';
		if (body)
			continue;
		body = strstr(text, "\r\n\r\n");
		if (!body)
			continue;
		*body = '\0';
		body += 4;
		field = strcasestr(text, "content-length:");
		want = (size_t)(body - text) + (field ? strtoul(field + 15, NULL, 10) : 0);
		if (strcasestr(text, "expect: 100-continue") &&
		    write(fd, "HTTP/1.1 100 Continue\r\n\r\n", 25) != 25)
			goto out;
	}
	server.answer(fd, ++server.requests, text, body);
out:
	free(text);
}

static void *server_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;

	server_serve(fd);
	close(fd);
	server.open--;
	return NULL;
}

static void server_detach(int fd)
{
	pthread_t t;

	server.open++;
	if (pthread_create(&t, NULL, server_connection, (void *)(intptr_t)fd) || pthread_detach(t))
		abort();
}

static void *server_run(void *arg)
{
	int fd;

	while (server_readable(server.fd)) {
		fd = accept(server.fd, NULL, NULL);
		if (fd < 0)
			continue;
		if (server.parallel) {
			server_detach(fd);
			continue;
		}
		server_serve(fd);
		close(fd);
	}
	return NULL;
}

/* A socket that listens at @port, 0: any. */
static void server_start(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int yes = 1;

	server.stop = false;
	server.requests = 0;
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(server.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(server.fd, (struct sockaddr *)&a, sizeof(a)) || listen(server.fd, 16) ||
	    getsockname(server.fd, (struct sockaddr *)&a, &len) ||
	    pthread_create(&server.thread, NULL, server_run, NULL))
		abort();
	server.port = ntohs(a.sin_port);
}

static void server_stop(void)
{
	server.stop = true;
	pthread_join(server.thread, NULL);
	while (server.open)
		usleep(1000);
	server.parallel = false;
	close(server.fd);
}

static void server_send(int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len && !server.stop; text += n, len -= (size_t)n) {
		n = send(fd, text, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
	}
}

/* A whole answer. @status: "200 OK"; @fields: more header lines, each with its end, or "". */
static void server_reply(int fd, const char *status, const char *fields, const char *body)
{
	char *text;
	int n = asprintf(&text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status, fields,
			 strlen(body), body);

	if (n < 0)
		abort();
	server_send(fd, text, (size_t)n);
	free(text);
}

#endif /* HTTPSERVER_H */
