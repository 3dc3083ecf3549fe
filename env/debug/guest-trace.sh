#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's half of ./vex trace. /vex/settings (one word or list a line, made by env/cmd/trace.sh):
#	MODULE		the module's name
#	DIRECTORY	where the command runs
#	FUNCTIONS	names of functions of the module, for the function graph
#	EVENTS		system:event, globs allowed
#	ALL		1: show also the kernel functions they call
#	DEPTH		levels of calls, 0: no limit
#	BPF		name of a script in /vex/bpf: then bpftrace watches
# Files for the host go to /tmp/out. Status: the command's; 2 if nothing can be watched that way.
set -eu
# shellcheck source=/dev/null
. /vex/settings
trace=/sys/kernel/tracing
out=/tmp/out
mkdir -p $out

/vex/setup
[ -d $trace/events ] || mount -t tracefs none $trace

give_back() { tar -cf "$VEX_DISK_OUT" -C $out .; }
refuse() { echo "vex: $*"; give_back; exit 2; }

run_command() {
	echo "@stage running the command"
	status=0
	(cd "$DIRECTORY" && exec /vex/command) || status=$?
	sync
}

watch_bpf() {
	echo "@stage starting bpftrace (its compiler takes a while in a guest)"
	# -c starts the command when every probe is in place, and ends with it. It must be an ELF program.
	cat >/tmp/watched <<-END
		#!/bin/sh
		echo "@stage running the command"
		cd "$DIRECTORY"
		/vex/command
		echo \$? >/tmp/status
		sync
	END
	bpftrace -B line -o $out/bpftrace.txt -c "/bin/busybox sh /tmp/watched" "/vex/bpf/$BPF" 2>$out/bpftrace.err || traced=$?
	# A script that fails half way has run the command and measured nothing.
	if [ ! -f /tmp/status ] || [ "${traced:-0}" != 0 ]; then
		cat $out/bpftrace.err
		refuse "bpftrace cannot run $BPF here"
	fi
	status=$(cat /tmp/status)
}

set_functions() {
	: >$trace/set_graph_function
	for f in $FUNCTIONS; do
		echo "$f" >>$trace/set_graph_function 2>/dev/null || missing="$missing $f"
	done
	grep -qv '^#' $trace/set_graph_function ||
		refuse "none of these can be traced, they are inlined or only run at load:$missing"
	[ -z "$missing" ] || echo "@stage not traceable, inlined or only run at load:$missing"
	if [ "$ALL" = 0 ]; then echo ":mod:$MODULE" >$trace/set_ftrace_filter; fi
	echo "$DEPTH" >$trace/max_graph_depth
	echo 1 >$trace/options/funcgraph-tail
	echo 1 >$trace/options/funcgraph-proc
	echo function_graph >$trace/current_tracer
}

set_events() {
	for e in $EVENTS; do
		echo "$e" >>$trace/set_event 2>/dev/null || refuse "this kernel has no event $e"
	done
}

watch_ftrace() {
	missing=
	echo 0 >$trace/tracing_on
	echo 16384 >$trace/buffer_size_kb
	[ -z "$FUNCTIONS" ] || set_functions
	[ -z "$EVENTS" ] || set_events
	: >$trace/trace
	echo 1 >$trace/tracing_on
	run_command
	echo 0 >$trace/tracing_on
	echo "@stage reading the trace"
	cat $trace/trace >$out/trace.txt
	cat $trace/per_cpu/cpu*/stats | awk '/^(overrun|dropped events)/ { n += $NF } END { print n + 0 }' >$out/lost
	echo nop >$trace/current_tracer
	: >$trace/set_event
}

if [ -n "$BPF" ]; then watch_bpf; else watch_ftrace; fi
give_back
exit "$status"
