# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: profile a command on VexFS, with a flame graph

cmd_help() {
	cat <<'END'
usage: ./vex perf [OPTION]... [RECORD-OPTION]... COMMAND [ARGUMENT]...

Profiles COMMAND in a guest, in /mnt/vexfs, a new VexFS. The report, with the symbols of kernel and
module, comes to the terminal; the run directory keeps report.txt, flame.svg (open it in a browser), the
folded stacks, and perf.data.

  RECORD-OPTION         of perf record: -e EVENT, -F N, -c N, -g, -a (the whole guest, with its writeback and
                        journal threads), --call-graph MODE [-F 999 -g]; everything after -- is the command
  --lines N             so many lines on the terminal [40]
END
	observe_options_help
	cat <<'END'
Under emulation there are no hardware counters: the event is cpu-clock, and shares tell about the emulated
processor. A relation between two functions of scalar code holds, one with SIMD code does not.

examples:
  ./vex perf dd if=/dev/zero of=f bs=4k count=20000
  ./vex perf -a -F 2000 -- sh -c 'cp -r /vex/bin copy; sync'
END
}

# perf_options ARGUMENT...: sets P_RECORD, P_EVENT, P_COMMAND.
perf_options() {
	P_RECORD=() P_EVENT='' P_COMMAND=() P_LINES=40
	local graph=0 rate=0
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--lines) need_value "$1" $#; P_LINES=$2; shift ;;
		--timeout) need_value "$1" $#; OBSERVE_TIMEOUT=$2; shift ;;
		-e | --event) need_value "$1" $#; P_EVENT=$2; shift ;;
		-F | -c) need_value "$1" $#; P_RECORD+=("$1" "$2"); rate=1; shift ;;
		--call-graph) need_value "$1" $#; P_RECORD+=("$1" "$2"); graph=1; shift ;;
		-g) P_RECORD+=(-g); graph=1 ;;
		-a) P_RECORD+=(-a) ;;
		--) shift; P_COMMAND=("$@"); break ;;
		-*) usage_error "unknown option '$1'" ;;
		*) P_COMMAND=("$@"); break ;;
		esac
		shift
	done
	((${#P_COMMAND[@]})) || usage_error "which command?"
	[[ "$P_EVENT ${P_RECORD[*]}" != *[\'\"\\\$\`]* ]] || usage_error "record options without quotes, please"
	[[ $P_LINES =~ ^[0-9]{1,7}$ ]] || usage_error "--lines $P_LINES: use a number"
	[[ $OBSERVE_TIMEOUT =~ ^[0-9]{1,6}$ ]] || usage_error "--timeout $OBSERVE_TIMEOUT: use seconds"
	((rate)) || P_RECORD+=(-F 999)
	((graph)) || P_RECORD+=(-g)
}

# perf_flame DIR: samples.txt -> folded.txt, flame.svg
perf_flame() {
	local dir=$1
	awk -v module="$dir/functions" -f "$VEX_ROOT/env/debug/fold.awk" "$dir/samples.txt" | LC_ALL=C sort >"$dir/folded.txt"
	[[ -s $dir/folded.txt ]] || { note "no samples: the command was too short; repeat it or sample faster (-F)"; return 0; }
	awk -v title="$2" -f "$VEX_ROOT/env/debug/flame.awk" "$dir/folded.txt" >"$dir/flame.svg"
	note "flame graph: ${dir#"$VEX_ROOT"/}/flame.svg"
}

cmd_main() {
	local series dir rc=0
	perf_options "$@"
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	observe_prepare perf "$series"
	dir=$(run_dir perf)
	observe_command "$dir" "${P_COMMAND[@]}"
	printf "RECORD='%s'\nEVENT='%s'\n" "${P_RECORD[*]}" "$P_EVENT" >"$dir/settings"
	: | observe_run "$dir" "$series" "$VEX_ROOT/env/debug/guest-perf.sh" perf || rc=$?
	[[ -f $dir/report.txt ]] || return "$rc"
	sed -E '/^$|^#($|.*(Total Lost Samples: 0|Cannot load tips|To display the perf))/d' "$dir/report.txt" >"$dir/report.short"
	mv "$dir/report.short" "$dir/report.txt"
	observe_show "$dir/report.txt" "$P_LINES"
	observe_functions "$series" >"$dir/functions"
	perf_flame "$dir" "${MODULE[name]}: ${P_COMMAND[*]} ($(<"$dir/event"), $(kernel_release "$series"))"
	return "$rc"
}
