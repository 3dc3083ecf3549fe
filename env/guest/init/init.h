/* SPDX-License-Identifier: GPL-2.0-only */
/* PID 1 of every lane. One struct carries the state; each file is one stage of main(). */
#ifndef VEX_INIT_H
#define VEX_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../proto/proto.h"

#define MAX_TESTS	256
#define MAX_LOADS	32
#define MAX_STARTS	4

enum job_kind { JOB_NONE, JOB_TESTS, JOB_EXEC, JOB_SHELL };

struct test {
	char *name;
	char *path;
	unsigned int timeout_s;
};

struct job {
	enum job_kind kind;
	struct test tests[MAX_TESTS];
	unsigned int ntests;
	char *modprobe[MAX_LOADS];	/* modules of the kernel package */
	unsigned int nmodprobe;
	char *insmod[MAX_LOADS];	/* files of modules that the one under test needs */
	unsigned int ninsmod;
	char *module;			/* module under test: file, ... */
	char *module_name;		/* ... name ... */
	char *module_params;		/* ... and parameters */
	char *start[MAX_STARTS];	/* scripts before the job: network, window */
	unsigned int nstart;
	char *setup;			/* script before a shell */
	char *exec;			/* script of JOB_EXEC */
	bool tty;			/* shell on hvc0 rather than on the pipe ports */
	bool keep_disks;		/* do not blank the disks before each test */
	bool keep_processes;		/* what a test that passed leaves running and mounted is the next one's */
	bool input;			/* the script of kind exec reads what the host sends */
	bool share;			/* virtiofs or 9p on /share */
	bool kgdb;			/* enter the kernel debugger before the module is loaded */
	char *kdump;			/* directory of the crash kernel ... */
	char *kdump_append;		/* ... and more of its command line */
	unsigned short rows, cols;
};

/* What the last record reports; counters start at "nothing happened". */
struct verdict {
	unsigned int planned, run, passed, failed, skipped, timeouts;
	unsigned int warnings;		/* kernel log lines that match an oracle */
	int leaks;			/* kmemleak objects, -1: kernel has no kmemleak */
	unsigned int taint;
	int status;			/* exit status of a shell or script, else 0 */
	bool hang;
	const char *unload;		/* ok, none, busy */
};

/* main.c */
extern int ctl_fd, tap_fd, in_fd, out_fd;
extern unsigned int time_scale;		/* percent, from the host's calibration */
void power_off(void) __attribute__((noreturn));
void die(const char *what, ...) __attribute__((noreturn, format(printf, 1, 2)));
void tap(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void write_all(int fd, const void *buf, size_t len);
long long now_ms(void);

/* boot.c */
void mount_basics(void);
void load_boot_modules(void);
int insert_module(const char *path, const char *params);
void open_ports(void);
void wait_for_go(void);
int write_file(const char *path, const char *text);
int read_file(const char *path, char *buf, size_t size);

/* payload.c */
void unpack_payload(void);
void mount_share(void);
bool disk_by_serial(const char *serial, char *dev, size_t size);
void export_disks(void);
void blank_disks(void);

/* uml.c */
bool uml_port(const char *name, char *dev, size_t size);
int uml_open_line(const char *dev);
int uml_stdin(int port);

/* job.c */
void read_job(struct job *job);

/* run.c */
void run_tests(struct job *job, struct verdict *v);
int run_script(const char *path, int in, int out);
int await_exit(pid_t pid);
void load_module_under_test(const struct job *job);
void kill_leftovers(void);

/* kdump.c */
bool kdump_kernel(void);
void kdump_load(const struct job *job);
void kdump_save(void) __attribute__((noreturn));
void kgdb_enter(const struct job *job);

/* shell.c */
int run_shell(const struct job *job);

/* oracle.c */
void oracle_start(void);
void oracle_wait(int pidfd, int ms);
void oracle_poll(void);
bool oracle_hung(void);
unsigned int oracle_scan(void);
unsigned int oracle_taint(void);
int oracle_leaks(void);
void release_mounts(void);
const char *unload_module(const struct job *job);

#endif
