// SPDX-License-Identifier: GPL-2.0
/* 6.10: __assign_str() takes the field alone. The macro's arity is all that is asked. */
#include <linux/compiler.h>
#include <trace/stages/stage6_event_callback.h>
#define TEXT_(...) #__VA_ARGS__
#define TEXT(...) TEXT_(__VA_ARGS__)
extern const char probe[];
const char probe[] = TEXT(__assign_str(name));
