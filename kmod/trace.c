// SPDX-License-Identifier: GPL-2.0
/* Instantiates the tracepoints of everything but collections and searches. */
#include "kmod/vexfs.h"

#define CREATE_TRACE_POINTS
#include "kmod/trace.h"
