/* SPDX-License-Identifier: GPL-2.0-only */
/* The launcher: one virtual machine, its options, and what is known about its fate. */
#ifndef VEX_VM_H
#define VEX_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../proto/proto.h"

#define MAX_DISKS	4	/* slots behind the payload; every warm guest has all of them */
#define MAX_FORWARDS	16
#define LINE_MAX_LEN	4096

enum accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG, ACCEL_UML };
enum lane { LANE_AUTO, LANE_COLD, LANE_WARM };
enum show { SHOW_NONE, SHOW_RESULTS, SHOW_TAP };
enum io { IO_NONE, IO_PIPE, IO_TTY, IO_CONSOLE };

struct disk {
	char name[21];		/* the virtio serial; 20 bytes is the device's limit */
	char *file;
	const char *format;	/* raw or qcow2 */
	uint64_t size;
	bool made;		/* created by us in the run directory, removed at the end */
	bool read_only;
	bool network;		/* @file is what QEMU's driver nbd or rbd takes */
};

/* One TCP port of this host that leads into the guest. */
struct forward {
	unsigned int host, guest;
	bool any;		/* the first free one from host up */
};

struct machine;

/* One row of arch.c. */
struct arch {
	const char *name;
	const char *qemu, *package;
	const char *machine, *cpu_kvm, *cpu_tcg;
	bool native;		/* this host's own: KVM may run it, its speed is measured */
	char *(*append)(const struct machine *m);	/* words of its kernel's command line; the caller frees them */
};

struct opts {
	const struct arch *arch;
	enum accel accel;
	enum lane lane;
	enum show show;
	enum io io;
	const char *kernel, *initrd, *payload;
	const char *cache, *rundir;
	const char *append;	/* more kernel command line */
	const char *share;	/* directory for the guest */
	bool share_9p;		/* by 9p instead of virtiofs */
	const char *image;	/* disk of the image lane; NULL: the fast lanes */
	const char *image_format;
	bool persistent;	/* the guest writes to the image itself */
	const char *session;	/* shell command that runs once the image is up, and ends it */
	const char *resume;	/* state file of a snapshot of an image guest */
	const char *probe_kernel, *probe_initrd;	/* what proves KVM when an image is booted */
	struct forward forwards[MAX_FORWARDS];
	unsigned int nforwards;
	bool screen, window;	/* a graphics card; its picture in a window */
	bool monitor;		/* a second QMP socket, for scripts */
	const char *kill_marker;
	const char *gdb, *kgdb;	/* sockets for a debugger: QEMU's stub, the guest's second serial port */
	const char *console;	/* socket instead of our terminal for hvc0 */
	const char *record, *replay;	/* directory of a recording that is made, that is followed */
	const char *dump;	/* file for the hypervisor's memory dump after a panic */
	long kill_after_ms;
	unsigned int memory_mb, cpus;	/* cpus 0: as many as are usual */
	unsigned int timeout_s, idle_s;	/* before scaling; 0: none */
	struct disk disks[MAX_DISKS];
	unsigned int ndisks;
	bool paused;		/* with gdb: before the first instruction, not before the job */
	bool kdump;		/* a panic is followed by a second kernel that saves memory */
	bool keep;		/* keep disk images of the run */
	bool uml;		/* the kernel is User-Mode Linux */
	bool say_limit;		/* the user gave it */
	bool verbose;
};

/* What the accelerator probe found out. */
struct machine {
	enum accel accel;
	unsigned int scale;	/* percent: time-outs are multiplied by it */
	unsigned int tsc_khz;
	char reason[256];
};

enum port { P_CONSOLE, P_CTL, P_TAP, P_IN, P_OUT, P_HVC, P_QMP, P_COUNT };

/* Assembles lines of one stream. */
struct liner {
	char buf[LINE_MAX_LEN];
	size_t len;
};

struct vm {
	const struct opts *o;
	const struct machine *m;
	pid_t pid, share_pid, session_pid;
	int fd[P_COUNT];	/* our ends of the socket pairs, -1 when closed */
	struct liner line[P_COUNT];
	FILE *console_log, *tap_log, *out_log, *qmp_log;
	int in_fd;		/* our stdin, -1 when it is not forwarded */
	char in_buf[4096];	/* bytes read from it that QEMU has not taken yet */
	size_t in_len;
	long long qmp_id;	/* of the last command of the monitor */
	struct json_object *answer;	/* to it; NULL: none yet */
	bool ready, done, dead, interrupted, panicked, no_space, marker_seen;
	bool error;		/* init said the environment is broken */
	bool stopped;		/* by a debugger or by us */
	bool panic_over;	/* the last line of the trace was there */
	long long stop_ms;
	bool halted;		/* reset or power-off of a guest whose memory is wanted */
	bool resumed;		/* a debugger let the guest go on */
	struct kdump {
		bool armed, begun, done;
		unsigned int percent;
		char why[256];	/* failure; "" while there is none */
	} kdump;
	char dump_error[256];	/* why QEMU could not finish its dump; "" if it could */
	int wait_status;
	long long log_pos, log_moved_ms, log_asked_ms;	/* replay_is_stuck() */
	int write_error;	/* errno of output that could not be written */
	char message[512];	/* first line about what went wrong */
	char warned[512];	/* first complaint of the kernel on the console, see complaints.h */
	char stall[256];	/* the kernel's first word of a processor or task that is stuck */
	long long stall_ms;
	char bug[512];		/* the last line with a "BUG: ": what an oops behind it is about */
	unsigned int bug_age;	/* lines since */
	char verdict[512];
	char current[128];	/* test that runs now */
	char console_line[128];	/* the last whole line of the console */
	long long started_ms, ready_ms, done_ms, activity_ms, panic_ms;
	long long test_limit_ms;
	unsigned long long taken;	/* bytes of results and output so far */
	bool warm;
	bool session_over;
	int session_status;
};

/* util.c */
long long now_ms(void);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What fatal() calls with its message before it ends the process; NULL: nothing. */
extern void (*fatal_record)(enum vex_exit code, const char *message);
void fatal(enum vex_exit code, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 2, 3)));
char *xprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t hash_bytes(uint64_t h, const void *buf, size_t len);
uint64_t hash_string(uint64_t h, const char *s);
uint64_t hash_file(uint64_t h, const char *path);
int make_dirs(const char *path);
int make_sparse(const char *path, uint64_t size);
bool parse_size(const char *text, uint64_t *size);
FILE *open_log(const char *dir, const char *name);
void log_write(FILE *f, const void *buf, size_t len);
#define HASH_START 14695981039346656037ull

/* arch.c */
const struct arch *arch_named(const char *name);
void arch_check(const struct opts *o);

/* qemu.c */
const char *qemu_binary(const struct arch *arch);
const char *qemu_version(const struct arch *arch);
struct argv {
	char **v;
	size_t n;
};
void arg(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void qemu_machine_args(struct argv *a, const struct opts *o, const struct machine *m);
void qemu_start(struct vm *vm, int incoming_fd);
void qemu_kill(struct vm *vm);
void print_command(const struct vm *vm, const struct argv *a, const char *file);

/* uml.c */
void uml_check(const struct opts *o);
void uml_start(struct vm *vm);
void uml_kill(struct vm *vm);
void uml_sysrq(struct vm *vm, char key);

/* loop.c */
void vm_init(struct vm *vm, const struct opts *o, const struct machine *m);
void vm_signals(void);
void vm_default_signals(void);
/*
 * In a child just forked by @parent: it ends with the launcher, however that ends; in a session of its own, since
 * Ctrl-C is for the launcher, which then ends the guest in order; without input; writes to @out and @err.
 */
void child_begin(pid_t parent, int out, int err);
void vm_pause(int ms);
bool vm_poll(struct vm *vm, int timeout_ms);
void vm_drain(struct vm *vm);
void vm_send_go(struct vm *vm);
int go_line(const struct opts *o, const struct machine *m, char *line, size_t size);
void vm_close(struct vm *vm);

/* qmp.c */
void qmp_line(struct vm *vm, const char *line);
/* Before the first command: QEMU answers only after it. */
bool qmp_begin(struct vm *vm);
/* Sends one command, an object without id, and serves the machine until its answer is there; true: it was obeyed. */
bool qmp_command(struct vm *vm, int pass_fd, const char *json, ...)
	__attribute__((format(printf, 3, 4)));
/* Of the last command, until the next: a member of its answer, or the answer itself (@member NULL), as text; "". */
const char *qmp_said(const struct vm *vm, const char *member);
/* ... and why it was not obeyed. */
const char *qmp_refusal(const struct vm *vm);
void qmp_close(struct vm *vm);

/* debug.c */
void debug_machine_args(struct argv *a, const struct opts *o);
void debug_args(struct argv *a, const struct opts *o);
void debug_event(struct vm *vm, const char *event, const char *error);
void debug_started(const struct vm *vm);
bool debug_hold(struct vm *vm);
void debug_ctl_line(struct vm *vm, const char *line);
int debug_attach(const char *path);

/* replay.c */
bool replay_wanted(const struct opts *o);
void replay_check(struct opts *o);
void replay_begin(const struct opts *o, struct machine *m);
char *replay_append(const struct opts *o, const struct machine *m, const char *words);
void replay_args(struct argv *a, const struct opts *o);
void replay_disk_args(struct argv *a, unsigned int slot, const char *file, const char *format, bool read_only);
int replay_port(struct argv *a, const struct opts *o, const char *id, bool input, int *theirs);
void replay_end(struct vm *vm);
enum vex_exit replay_loss(struct vm *vm);
/* QEMU waits for what its log does not have next, and always will: then the message says so. To be asked often. */
bool replay_is_stuck(struct vm *vm);

/* dump.c */
bool dump_wanted(const struct vm *vm);
enum vex_exit dump_collect(struct vm *vm);

/* accel.c */
void find_machine(struct machine *m, const struct opts *o);
void native_machine(struct machine *m);
void foreign_machine(struct machine *m, const struct arch *arch);
const char *accel_name(enum accel accel);

/* warm.c */
int warm_open(const struct opts *o, const struct machine *m, char *why, size_t size);
bool warm_fix_disks(struct vm *vm);
void warm_clean(void);
void warm_discard(void);

/* supervise.c */
enum vex_exit supervise(struct vm *vm);
long long scaled(const struct vm *vm, unsigned int seconds);
void term_raw(void);
void term_restore(void);

/* disk.c */
void disk_option(struct opts *o, const char *text);
const char *disk_format(const char *file);
void make_disks(struct opts *o);
void remove_images(const struct opts *o);
char *double_commas(const char *s);

/* host.c */
int run_tool(const char *log, char *const argv[]);
void check_memory(const struct opts *o);
void explain_start(struct vm *vm);

/* cgroup.c */
unsigned long long cgroup_mb(void);

/* net.c */
void forward_option(struct opts *o, const char *text);
void ssh_option(struct opts *o, const char *text);
void net_args(struct argv *a, const struct opts *o);
bool net_open(struct vm *vm);
void net_close(const struct vm *vm);
bool net_ssh_answers(const struct vm *vm);

/* extra.c */
void screen_args(struct argv *a, const struct opts *o);
void extra_args(struct argv *a, const struct opts *o);
void extra_release(void);
void extra_remove(const struct opts *o);

/* image.c */
void image_prepare(struct opts *o);
void image_boot_args(struct argv *a, const struct opts *o);
void image_disk_args(struct argv *a, const struct opts *o);
void image_start(struct vm *vm);
bool image_turn(struct vm *vm);
void image_end(struct vm *vm);
enum vex_exit image_judge(struct vm *vm);
void image_remove(const struct opts *o);

/* share.c */
void share_choose(struct opts *o);
void share_start(struct vm *vm);
void share_release(void);
void share_args(struct argv *a, const struct vm *vm);

#endif
