/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the launcher (host) and init (guest) agree on. docs/environment.md describes it for readers.
 */
#ifndef VEX_PROTO_H
#define VEX_PROTO_H

#include <stdint.h>

/* Names of the virtio-serial ports; hvc0 is the virtconsole on port 0. */
#define VEX_PORT_CTL	"vex.ctl"	/* ready, go, verdict: one line each */
#define VEX_PORT_TAP	"vex.tap"	/* KTAP, guest to host */
#define VEX_PORT_IN	"vex.in"	/* stdin of a piped shell */
#define VEX_PORT_OUT	"vex.out"	/* stdout and stderr of a piped shell or script */

/*
 * User-Mode Linux has serial lines in place of virtio ports; the kernel's command line says which is which:
 * vex.ports=NAME:DEVICE,... There the terminal of a shell has a name too, and vex.in comes in frames of two
 * bytes of length (low byte first) and that many bytes, at most 65535; a length of 0 is the end of stdin.
 */
#define VEX_PORTS_ARG	"vex.ports="
#define VEX_PORT_TTY	"vex.tty"

/* The line that the host sends when the guest is ready, for a run that takes no input (record, replay). */
#define VEX_GO_ARG	"vex.go=\""

/*
 * The payload disk: this header in the first block, a newc archive behind it. The guest reads the disk
 * for the first time after "go", so that a resumed guest has no stale page of it.
 */
#define VEX_PAYLOAD_SERIAL	"payload"
#define VEX_PAYLOAD_MAGIC	"VEXPAYL1"
#define VEX_PAYLOAD_OFFSET	4096

struct vex_payload_header {
	char magic[8];
	uint64_t length;		/* bytes of the archive */
};

/*
 * After its verdict the guest waits so long for the host to end it: QEMU still holds output that the host has not
 * taken, up to some MiB for a slow reader, and would throw it away if the guest powered off.
 */
#define VEX_LINGER_S	600

/* The job, a text file inside the archive: one directive per line, see init/job.c. */
#define VEX_JOB_PATH	"/vex/job"

/* Exit codes of the launcher and of ./vex. */
enum vex_exit {
	VEX_PASSED = 0,
	VEX_FAILED = 1,
	VEX_USAGE = 2,
	VEX_PANIC = 3,			/* panic, oops, warning, sanitizer report or leak */
	VEX_HANG = 4,
	VEX_LOST = 5,
	VEX_ENV = 6,
	VEX_NOTHING = 7,
	VEX_BUILD_ID = 8,		/* debug information of another build */
	VEX_NO_DUMP = 9,		/* a panic, and no way gave a memory dump */
	VEX_INTERRUPTED = 130,
};

/*
 * Taint bits that say nothing about health: out-of-tree (12) and unsigned (13) module, KUnit ran (18),
 * what distributions set for their own purposes (16: Debian, when fanotify permission events are used).
 * Everything else set since boot fails the run.
 */
#define VEX_TAINT_HARMLESS	((1u << 12) | (1u << 13) | (1u << 16) | (1u << 18))

#endif
