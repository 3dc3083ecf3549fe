// SPDX-License-Identifier: GPL-2.0
/* vexctl stat: a filesystem and its collections */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "tools/vexctl/vexctl.h"

static void uuid_text(const uint8_t u[16], char out[37])
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		out += sprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
}

static int stat_json(const struct target *t, const struct vexfs_ioc_info *info,
		     const struct statvfs *fs)
{
	struct json_object *o = json_object_new_object(), *all;
	char uuid[37];
	int ret = collections_json(t, &all);

	uuid_text(info->uuid, uuid);
	json_object_object_add(o, "uuid", json_object_new_string(uuid));
	json_object_object_add(o, "label", json_text(info->label,
						     strnlen(info->label, sizeof(info->label))));
	json_object_object_add(o, "version", json_text(info->version,
				strnlen(info->version, sizeof(info->version))));
	json_object_object_add(o, "simd", json_text(info->simd,
						    strnlen(info->simd, sizeof(info->simd))));
	json_object_object_add(o, "size", json_object_new_uint64(fs->f_frsize * fs->f_blocks));
	json_object_object_add(o, "free", json_object_new_uint64(fs->f_frsize * fs->f_bfree));
	json_object_object_add(o, "inodes", json_object_new_uint64(fs->f_files));
	json_object_object_add(o, "inodes_free", json_object_new_uint64(fs->f_ffree));
	json_object_object_add(o, "embeddings", json_object_new_uint64(info->embeddings));
	graphs_json(t->fd, o);
	json_object_object_add(o, "collections", all);
	if (!ret)
		return json_finish(o);
	json_object_put(o);
	return target_fail(t, NULL, "list the collections of", ret);
}

static int stat_print(const struct target *t, const struct vexfs_ioc_info *info,
		      const struct statvfs *fs)
{
	uint64_t size = fs->f_frsize * fs->f_blocks, left = fs->f_frsize * fs->f_bfree;
	char uuid[37], total[16], used[16];
	unsigned int count;
	int ret;

	uuid_text(info->uuid, uuid);
	printf("label        ");
	print_safe(stdout, info->label, strnlen(info->label, sizeof(info->label)));
	printf("\nuuid         %s\nmodule       %.32s, distance kernels: %.16s\n", uuid,
	       info->version, info->simd);
	printf("space        %s used of %s\n", human_bytes(size - left, used),
	       human_bytes(size, total));
	printf("inodes       %llu used of %llu\n", (unsigned long long)(fs->f_files - fs->f_ffree),
	       (unsigned long long)fs->f_files);
	printf("embeddings   %llu in %llu collection%s\n", (unsigned long long)info->embeddings,
	       (unsigned long long)info->collections, info->collections == 1 ? "" : "s");
	graphs_print(t->fd);
	if (info->collections)
		putchar('\n');
	ret = collections_print(t, &count);
	return ret ? target_fail(t, NULL, "list the collections of", ret) : EXIT_OK;
}

static int run_stat(const struct command *cmd, struct options *opt)
{
	struct vexfs_ioc_info info;
	struct statvfs fs;
	struct target t;
	int ret = target_open(&t, opt->args[0], O_RDONLY);

	if (ret)
		return ret;
	ret = vexfs_info(t.fd, &info);
	if (!ret && fstatvfs(t.fd, &fs))
		ret = -errno;
	if (ret)
		ret = target_fail(&t, NULL, "examine", ret);
	else
		ret = opt->json ? stat_json(&t, &info, &fs) : stat_print(&t, &info, &fs);
	target_close(&t);
	return ret;
}

const struct command cmd_stat = {
	.name = "stat",
	.summary = "show a filesystem: label, space, module, collections",
	.accepts = "json",
	.min_args = 1, .max_args = 1,
	.run = run_stat,
	.help =
	"usage: vexctl stat [--json] PATH\n"
	"Show the VexFS that PATH is on: label, uuid, space, module, collections.\n\n"
	"example: vexctl stat --json /mnt\n",
};
