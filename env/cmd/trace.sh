# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: watch functions and events of the module while a command runs

cmd_help() {
	cat <<'END'
usage: ./vex trace [OPTION]... FUNCTION|EVENT... [-- COMMAND [ARGUMENT]...]
       ./vex trace [OPTION]... --bpf SCRIPT [-- COMMAND [ARGUMENT]...]
       ./vex trace --list [PATTERN]

Runs COMMAND in a guest, in /mnt/vexfs, a new VexFS, and shows what happened: the call graph of FUNCTIONs
of vexfs.ko with times, the EVENTs, or what a bpftrace script found. Without a COMMAND, a small workload.
In another module (./vex init) functions and events are that one's, and without a COMMAND its smoke test is watched.
The whole trace is in the run directory: trace.txt (bpftrace.txt).

  FUNCTION              of the module; 'vexfs_write*' takes all that match
  EVENT                 vexfs:create, 'vexfs:search*', 'vexfs:*'; of the kernel: jbd2:jbd2_commit_logging
  --bpf SCRIPT          a file, or one of those in env/debug/bpftrace: file-latency, journal-stalls, search-cost
  --list [PATTERN]      functions and events there are
  --all                 graph: also the kernel functions that are called
  --depth N             graph: levels of calls [all]
  --lines N             so many lines on the terminal [100]
END
	observe_options_help
	cat <<'END'

examples:
  ./vex trace 'vexfs_fsync' -- dd if=/dev/zero of=a bs=4k count=3 conv=fsync
  ./vex trace 'vexfs:alloc_blocks' 'vexfs:free_blocks' -- dd if=/dev/zero of=f bs=1M count=8
  ./vex trace --bpf search-cost
END
}

T_FUNCTIONS=() T_EVENTS=() T_ALL=0 T_DEPTH=0 T_LINES=100 T_BPF='' T_LIST=0

# The module's TRACE_SYSTEM: its name, unless the configuration says another.
trace_system() { printf '%s' "${MODULE[events]:-${MODULE[name]}}"; }

trace_events() {
	local system
	system=$(trace_system)
	nm "$(module_path "$1")" | sed -n "s/.* [^U] __tracepoint_\\([A-Za-z0-9_]*\\)\$/$system:\\1/p" | sort -u
}

# trace_matching WORD: of the names on stdin those that the glob matches.
trace_matching() {
	local name
	while IFS= read -r name; do
		# shellcheck disable=SC2053	# a glob on purpose
		[[ $name == $1 ]] && printf '%s\n' "$name"
	done
	return 0
}

trace_unknown() {
	local kind=$1 word=$2 similar
	similar=$(observe_similar "$word" | paste -sd' ')
	die "$EX_USAGE" "${MODULE[name]}.ko has no $kind '$word'${similar:+; close to it: $similar};" \
		"./vex trace --list shows all"
}

# VexFS's events may be written without their second "vexfs_".
trace_full_name() {
	if ! module_is_own; then printf '%s' "$1"; return; fi
	case $1 in
	vexfs:vexfs_* | 'vexfs:*') printf '%s' "$1" ;;
	vexfs:*) printf 'vexfs:vexfs_%s' "${1#vexfs:}" ;;
	*) printf '%s' "$1" ;;
	esac
}

trace_event() {
	local series=$1 word=$2 found
	if [[ $word != "$(trace_system):"* ]]; then T_EVENTS+=("$word"); return; fi
	word=$(trace_full_name "$word")
	found=$(trace_events "$series" | trace_matching "$word")
	[[ -n $found ]] || trace_unknown event "$word" < <(trace_events "$series")
	mapfile -t -O "${#T_EVENTS[@]}" T_EVENTS <<<"$found"
}

trace_word() {
	local series=$1 word=$2 found
	if [[ $word == *:* ]]; then trace_event "$series" "$word"; return; fi
	found=$(observe_functions "$series" | trace_matching "$word")
	[[ -n $found ]] || trace_unknown function "$word" < <(observe_functions "$series")
	mapfile -t -O "${#T_FUNCTIONS[@]}" T_FUNCTIONS <<<"$found"
}

trace_list() {
	local found
	found=$({ observe_functions "$1"; trace_events "$1"; } | trace_matching "$2")
	[[ -n $found ]] || trace_unknown "function or event" "$2" < <(observe_functions "$1"; trace_events "$1")
	printf '%s\n' "$found"
}

# A file, or the name of a script of ours.
trace_script() {
	local own=$VEX_ROOT/env/debug/bpftrace
	if [[ -f $T_BPF ]]; then return; fi
	if [[ -f $own/${T_BPF%.bt}.bt ]]; then T_BPF=$own/${T_BPF%.bt}.bt; return; fi
	die "$EX_USAGE" "--bpf $T_BPF: no such file, and none of env/debug/bpftrace:" \
		"$(cd "$own" && printf '%s ' *.bt | sed 's/\.bt//g')"
}

trace_settings() {
	printf "FUNCTIONS='%s'\nEVENTS='%s'\nALL=%s\nDEPTH=%s\nBPF='%s'\n" "${T_FUNCTIONS[*]}" "${T_EVENTS[*]}" \
		"$T_ALL" "$T_DEPTH" "${T_BPF:+$(basename "$T_BPF")}"
}

trace_show() {
	local dir=$1 lost=0
	if [[ -n $T_BPF ]]; then
		[[ -f $dir/bpftrace.txt ]] || return 0
		observe_show "$dir/bpftrace.txt" "$T_LINES"
		note "whole: ${dir#"$VEX_ROOT"/}/bpftrace.txt"
		return
	fi
	[[ -f $dir/trace.txt ]] || return 0
	observe_show "$dir/trace.txt" "$T_LINES"
	[[ ! -f $dir/lost ]] || lost=$(<"$dir/lost")
	((lost == 0)) || warn "$lost records were lost, the buffer was full: name fewer functions or use --depth"
	grep -qv '^#' "$dir/trace.txt" || note "nothing of what was named happened"
	note "whole: ${dir#"$VEX_ROOT"/}/trace.txt"
}

trace_options() {
	T_WORDS=() T_COMMAND=()
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--bpf) need_value "$1" $#; T_BPF=$2; shift ;;
		--list) T_LIST=1 ;;
		--all) T_ALL=1 ;;
		--depth) need_value "$1" $#; T_DEPTH=$2; shift ;;
		--lines) need_value "$1" $#; T_LINES=$2; shift ;;
		--timeout) need_value "$1" $#; OBSERVE_TIMEOUT=$2; shift ;;
		--) shift; (($#)) || usage_error "-- requires a command"; T_COMMAND=("$@"); break ;;
		-*) usage_error "unknown option '$1'" ;;
		*) T_WORDS+=("$1") ;;
		esac
		shift
	done
	[[ $T_DEPTH =~ ^[0-9]{1,3}$ ]] || usage_error "--depth $T_DEPTH: use a number of levels, 0 for all"
	[[ $T_LINES =~ ^[0-9]{1,7}$ ]] || usage_error "--lines $T_LINES: use a number"
	[[ $OBSERVE_TIMEOUT =~ ^[0-9]{1,6}$ ]] || usage_error "--timeout $OBSERVE_TIMEOUT: use seconds"
}

cmd_main() {
	local series dir rc=0 w extra=() programs=()
	trace_options "$@"
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	if ((T_LIST)); then
		guest_need trace "$series"
		kernel_need "$series"
		build_module "$series"
		trace_list "$series" "$(trace_full_name "${T_WORDS[0]:-*}")"
		return
	fi
	if [[ -n $T_BPF ]]; then
		((${#T_WORDS[@]} == 0)) || usage_error "--bpf or functions and events, not both"
		trace_script
		WANTS+=(--bpf)
		programs=(bpftrace)
		extra=("file /vex/bpf/$(basename "$T_BPF") 0644 $(readlink -f "$T_BPF")")
	else
		((${#T_WORDS[@]})) || usage_error "which functions or events? ./vex trace --list shows them"
	fi
	observe_prepare trace "$series"
	for w in "${T_WORDS[@]}"; do trace_word "$series" "$w"; done
	dir=$(run_dir trace)
	observe_command "$dir" "${T_COMMAND[@]}"
	trace_settings >"$dir/settings"
	printf '%s\n' "${extra[@]}" | observe_run "$dir" "$series" "$VEX_ROOT/env/debug/guest-trace.sh" "${programs[@]}" || rc=$?
	trace_show "$dir"
	return "$rc"
}
