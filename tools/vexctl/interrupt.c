// SPDX-License-Identifier: GPL-2.0
/* Ctrl-C and SIGTERM in long work: noticed between two steps, so that what was done is whole. */
#include <signal.h>
#include <stdatomic.h>

#include "tools/vexctl/vexctl.h"

static atomic_bool noticed;	/* any thread asks */
static struct sigaction was_int, was_term;

static void on_signal(int sig)
{
	noticed = true;
}

void interrupt_catch(void)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	noticed = false;
	sigaction(SIGINT, &act, &was_int);	/* a second one ends at once */
	sigaction(SIGTERM, &act, &was_term);
}

void interrupt_release(void)
{
	sigaction(SIGINT, &was_int, NULL);
	sigaction(SIGTERM, &was_term, NULL);
}

bool interrupted(void)
{
	return noticed;
}
