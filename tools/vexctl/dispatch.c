// SPDX-License-Identifier: GPL-2.0
/* Which command is meant; vexctl's own help. */
#include <string.h>

#include "tools/vexctl/remote.h"

#ifndef VEXFS_VERSION_STRING
#define VEXFS_VERSION_STRING "unknown"
#endif

static const struct command *const commands[] = {
	&cmd_index, &cmd_search, &cmd_status, &cmd_stale, &cmd_changes, &cmd_watch,
	&cmd_collection_create, &cmd_collection_list, &cmd_collection_change, &cmd_collection_drop,
	&cmd_migrate, &cmd_embed, &cmd_set, &cmd_import, &cmd_export, &cmd_get, &cmd_del, &cmd_list, &cmd_stat,
	&cmd_fingerprint, &cmd_grow, &cmd_quota, &cmd_rebuild, &cmd_mcp,
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *f)
{
	size_t i;

	fputs("usage: vexctl COMMAND [OPTION]... [ARGUMENT]...\n"
	      "Vector search on a mounted VexFS.\n\n", f);
	for (i = 0; i < NCOMMANDS; i++)
		fprintf(f, "  %-18s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'vexctl COMMAND --help' tells more, with an example. --json: output for programs.\n"
	      "Exit codes: 0 done, 1 failed, 2 usage, 3 nothing found, 4 found but stale or incomplete.\n\n"
	      "example:\n"
	      "  vexctl index /mnt\n"
	      "  vexctl search /mnt \"how to fix a flat tyre\"\n", f);
}

/* Words of @name that argv begins with: all of them, or 0. */
static int matches(const char *name, int argc, char **argv)
{
	const char *space = strchr(name, ' ');
	size_t len = space ? (size_t)(space - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != len || strncmp(argv[0], name, len))
		return 0;
	if (!space)
		return 1;
	return argc > 1 && !strcmp(argv[1], space + 1) ? 2 : 0;
}

static const struct command *find_command(int argc, char **argv, int *words)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++) {
		*words = matches(commands[i]->name, argc, argv);
		if (*words)
			return commands[i];
	}
	return NULL;
}

/* "vexctl collection" and "vexctl collection --help" */
static int group_help(const char *group, bool asked)
{
	size_t i, len = strlen(group), found = 0;
	FILE *f = asked ? stdout : stderr;

	for (i = 0; i < NCOMMANDS; i++) {
		if (strncmp(commands[i]->name, group, len) || commands[i]->name[len] != ' ')
			continue;
		if (!found++)
			fprintf(f, "usage:\n");
		fprintf(f, "  vexctl %-18s %s\n", commands[i]->name, commands[i]->summary);
	}
	if (!found)
		say_error("unknown command '%s': see 'vexctl --help'", group);
	return asked && found ? EXIT_OK : EXIT_USAGE;
}

/* For completion: the words that may follow, one a line. */
static int complete(int argc, char **argv)
{
	const struct command *cmd;
	const char *p, *end;
	int words;
	size_t i;

	cmd = find_command(argc, argv, &words);
	if (!cmd) {
		for (i = 0; i < NCOMMANDS; i++)
			puts(commands[i]->name);
		return EXIT_OK;
	}
	for (p = cmd->accepts; *p; p = end + strspn(end, " ")) {
		end = p + strcspn(p, " ");
		printf("--%.*s\n", (int)(end - p), p);
	}
	puts("--help");
	return EXIT_OK;
}

static int run_command(const struct command *cmd, int argc, char **argv)
{
	struct options opt;
	int ret = options_parse(cmd, argc, argv, &opt);

	if (ret)
		return ret;
	if (opt.help) {
		fputs(cmd->help, stdout);
		return EXIT_OK;
	}
	ret = cmd->run(cmd, &opt);
	embedder_forget();
	if (fflush(stdout) || ferror(stdout)) {
		say_error("cannot write the output");
		return EXIT_FAILED;
	}
	return ret;
}

static bool is_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h") || !strcmp(arg, "help");
}

int vexctl_main(int argc, char **argv)
{
	const struct command *cmd;
	int words;

	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (is_help(argv[1]) && argc == 2) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("vexctl %s\n", VEXFS_VERSION_STRING);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--complete"))
		return complete(argc - 2, argv + 2);
	if (is_help(argv[1])) {		/* vexctl help COMMAND */
		cmd = find_command(argc - 2, argv + 2, &words);
		if (!cmd)
			return group_help(argv[2], true);
		fputs(cmd->help, stdout);
		return EXIT_OK;
	}
	cmd = find_command(argc - 1, argv + 1, &words);
	if (cmd)
		return run_command(cmd, argc - 1 - words, argv + 1 + words);
	return group_help(argv[1], argc > 2 && is_help(argv[2]));
}
