// SPDX-License-Identifier: GPL-2.0-only
/*
 * The job file, written on the host (env/test/testrun.sh, env/cmd/vm.sh):
 *
 *	kind tests|exec|shell
 *	env NAME=VALUE
 *	modprobe NAME			module of the kernel package, with dependencies
 *	insmod PATH			a module that the next one needs
 *	module NAME PATH [PARAMETERS]	module under test: loaded at start, unloaded before the verdict
 *	test NAME SECONDS PATH		one guest test (SECONDS before scaling)
 *	exec PATH			script of kind exec
 *	setup PATH			script run before a shell
 *	start PATH			script run before the job of any kind; may leave processes behind
 *	tty ROWS COLS			the shell gets hvc0 as its terminal
 *	stdin				it reads the launcher's standard input
 *	share				mount the host directory of --share on /share
 *	kdump DIR			load DIR/vmlinuz and DIR/initrd for a panic
 *	kdump-append STRING		more command line for that kernel
 *	kgdb				stop in the kernel debugger before the module is loaded
 *	keep-disks			leave the content of the disks alone between tests
 *	keep-processes			and what a test that passed leaves running and mounted
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init.h"

static void job_kind(struct job *job, const char *word)
{
	if (!strcmp(word, "tests"))
		job->kind = JOB_TESTS;
	else if (!strcmp(word, "exec"))
		job->kind = JOB_EXEC;
	else if (!strcmp(word, "shell"))
		job->kind = JOB_SHELL;
	else
		die("job: unknown kind '%s'", word);
}

static void job_test(struct job *job, const char *arg)
{
	struct test *t = &job->tests[job->ntests];

	if (job->ntests == MAX_TESTS)
		die("job: more than %d tests", MAX_TESTS);
	if (sscanf(arg, "%ms %u %ms", &t->name, &t->timeout_s, &t->path) != 3)
		die("job: bad test line '%s'", arg);
	job->ntests++;
}

static void job_line(struct job *job, char *line)
{
	char *arg = strchr(line, ' ');

	if (arg)
		*arg++ = 0;
	else
		arg = line + strlen(line);

	if (!strcmp(line, "kind"))
		job_kind(job, arg);
	else if (!strcmp(line, "env"))
		putenv(strdup(arg));
	else if (!strcmp(line, "modprobe") && job->nmodprobe < MAX_LOADS)
		job->modprobe[job->nmodprobe++] = strdup(arg);
	else if (!strcmp(line, "insmod") && job->ninsmod < MAX_LOADS)
		job->insmod[job->ninsmod++] = strdup(arg);
	else if (!strcmp(line, "module") &&
		 sscanf(arg, "%ms %ms %m[^\n]", &job->module_name, &job->module, &job->module_params) >= 2)
		setenv("VEX_MODULE", job->module, 1);
	else if (!strcmp(line, "test"))
		job_test(job, arg);
	else if (!strcmp(line, "exec"))
		job->exec = strdup(arg);
	else if (!strcmp(line, "start") && job->nstart < MAX_STARTS)
		job->start[job->nstart++] = strdup(arg);
	else if (!strcmp(line, "setup"))
		job->setup = strdup(arg);
	else if (!strcmp(line, "tty") && sscanf(arg, "%hu %hu", &job->rows, &job->cols) == 2)
		job->tty = true;
	else if (!strcmp(line, "stdin"))
		job->input = true;
	else if (!strcmp(line, "share"))
		job->share = true;
	else if (!strcmp(line, "kdump"))
		job->kdump = strdup(arg);
	else if (!strcmp(line, "kdump-append"))
		job->kdump_append = strdup(arg);
	else if (!strcmp(line, "kgdb"))
		job->kgdb = true;
	else if (!strcmp(line, "keep-disks"))
		job->keep_disks = true;
	else if (!strcmp(line, "keep-processes"))
		job->keep_processes = true;
	else
		die("job: cannot use the line '%s %s'", line, arg);
}

void read_job(struct job *job)
{
	FILE *f = fopen(VEX_JOB_PATH, "re");
	char line[4096];

	if (!f)
		die("the payload holds no " VEX_JOB_PATH);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] && line[0] != '#')
			job_line(job, line);
	}
	fclose(f);
	if (job->kind == JOB_EXEC && !job->exec)
		die("job: kind exec without an exec line");
}
