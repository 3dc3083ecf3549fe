// SPDX-License-Identifier: GPL-2.0
/* The graphs of a filesystem, as far as the kernel tells: root alone is told. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/vexctl/vexctl.h"

/* The name of the device in /sys/fs/vexfs. */
static bool device_name(int fd, char name[64])
{
	char path[64], link[PATH_MAX];
	const char *slash;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = 0;
	slash = strrchr(link, '/');
	return slash && snprintf(name, 64, "%s", slash + 1) < 64;
}

static bool attribute(const char *device, const char *name, uint64_t *value)
{
	unsigned long long v;
	char path[200];
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/fs/vexfs/%s/%s", device, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%llu", &v) == 1;
	fclose(f);
	if (ok)
		*value = v;
	return ok;
}

/* False: an older module, or not for the caller to know. */
bool graphs_read(int fd, struct graphs *g)
{
	char device[64];

	g->unsaved = 0;
	if (!device_name(fd, device))
		return false;
	attribute(device, "graph_unsaved", &g->unsaved);
	return attribute(device, "graph_records", &g->records) &&
	       attribute(device, "graph_backlog", &g->backlog) && attribute(device, "graph_bytes", &g->bytes);
}

void graphs_print(int fd)
{
	struct graphs g;
	char size[16], left[16];

	if (!graphs_read(fd, &g))
		return;
	printf("graphs       %llu embeddings, %llu to absorb, %s of memory, ", (unsigned long long)g.records,
	       (unsigned long long)g.backlog, human_bytes(g.bytes, size));
	if (g.unsaved)
		printf("%s not yet on the disk\n", human_bytes(g.unsaved * 4096, left));
	else
		puts("all on the disk");
}

/* Member "graphs" of @o, if the caller is told. */
void graphs_json(int fd, struct json_object *o)
{
	struct json_object *j;
	struct graphs g;

	if (!graphs_read(fd, &g))
		return;
	j = json_object_new_object();
	json_object_object_add(j, "embeddings", json_object_new_uint64(g.records));
	json_object_object_add(j, "backlog", json_object_new_uint64(g.backlog));
	json_object_object_add(j, "bytes", json_object_new_uint64(g.bytes));
	json_object_object_add(j, "unsaved_bytes", json_object_new_uint64(g.unsaved * 4096));
	json_object_object_add(o, "graphs", j);
}
