// SPDX-License-Identifier: GPL-2.0
/* Instantiates the tracepoints of collections and searches. */
#include "kmod/vec/search.h"

#define CREATE_TRACE_POINTS
#include "kmod/vec/trace.h"
