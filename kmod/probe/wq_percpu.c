// SPDX-License-Identifier: GPL-2.0
/* 6.17: a workqueue that is not unbound says so; 7.2 warns about one that says neither. */
#include <linux/workqueue.h>
extern const unsigned int probe;
const unsigned int probe = WQ_PERCPU;
