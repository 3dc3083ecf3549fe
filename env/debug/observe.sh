# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What ./vex trace and ./vex perf share: a guest with the module set up, a command in it, somebody who
# watches, and files that come back to the run directory.

OBSERVE_TIMEOUT=600
OBSERVE_OUT_MB=1024		# of the (sparse) disk the files come back on

observe_options_help() {
	cat <<'END'
  --timeout S           limit before scaling by the speed of the host [600]
END
	vm_options_help
	cat <<'END'
One processor unless --cpus says more: watching patches the kernel's code, and under emulation (QEMU 7.2)
another processor may run what is patched half way, and oops.
END
}

# observe_prepare COMMAND SERIES: what has to be built and installed; sets the guest's defaults.
observe_prepare() {
	guest_need "$1" "$2"
	vm_need "$2"
	build_guest "$2"
	build_module "$2"
	[[ -n $VM_CPUS ]] || VM_CPUS=1
}

# Without a workload of its own a module is watched in its smoke test.
module_workload() { if [[ -n ${MODULE[workload]:-} ]]; then printf workload; else printf smoke; fi; }

# observe_command DIR [COMMAND ARGUMENT...]: the guest's script for it; without one, a small workload.
observe_command() {
	local dir=$1
	shift
	if (($#)); then
		{ printf '#!/bin/sh\n'; printf '%q ' "$@"; echo; } >"$dir/command"
	else
		cp "$(module_script "$(module_workload)")" "$dir/command"
	fi
}

# "@stage TEXT" is for the reader at once, the rest is the command's output.
observe_relay() {
	local line
	while IFS= read -r line; do
		case $line in
		@stage\ *) say "${line#@stage }" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

# observe_run DIR SERIES SCRIPT PROGRAM...: SCRIPT is the guest's half (env/debug); DIR/settings are its
# variables, further payload entries come on stdin. Files it leaves in /tmp/out come to DIR. Returns the guest's
# fate, or the command's status.
observe_run() {
	local dir=$1 series=$2 script=$3 rc=0
	shift 3
	module_disk
	if [[ -z $VM_MEMORY ]] && (($#)); then VM_MEMORY=$((768 + 2 * $(program_memory "$@"))); fi
	printf "MODULE='%s'\nDIRECTORY='%s'\n" "${MODULE[name]}" "${MODULE[directory]}" >>"$dir/settings"
	truncate -s "${OBSERVE_OUT_MB}M" "$dir/out.raw"
	OBSERVE_RAW=$dir/out.raw
	trap 'rm -f "$OBSERVE_RAW"' EXIT
	VM_DISKS+=("out=$dir/out.raw")
	{
		job_base "$series"
		printf 'kind exec\nexec /vex/run\nkeep-disks\n'
	} >"$dir/job"
	{
		cat
		payload_base "$series"
		if (($#)); then payload_program "$@"; fi
		printf 'file /vex/run 0755 %s\nfile /vex/setup 0755 %s\nfile /vex/command 0755 %s\nfile /vex/settings 0644 %s\n' \
			"$script" "$(module_script setup)" "$dir/command" "$dir/settings"
	} | payload_write "$dir"
	{ vm_start "$dir" "$series" --io pipe --timeout "$OBSERVE_TIMEOUT" </dev/null || echo "$?" >"$dir/status"; } |
		observe_relay
	if [[ -f $dir/status ]]; then rc=$(<"$dir/status"); fi
	# A guest that came to harm may not have got as far as writing them; one that did not has no such excuse.
	if ! tar -xf "$dir/out.raw" -C "$dir" 2>"$dir/tar.log" && ((rc == 0)); then
		warn "what the guest recorded cannot be read: $(head -n1 "$dir/tar.log")"
		rc=$EX_LOST
	fi
	rm -f "$dir/out.raw"
	((rc == 0)) || { note "$(cause_of "$rc"); log: ${dir#"$VEX_ROOT"/}"; return "$rc"; }
	rc=$(verdict_field "$dir" status)
	return "${rc:-$EX_LOST}"
}

# observe_functions SERIES: the functions of the module, as far as the compiler left them.
observe_functions() {
	nm "$(module_path "$1")" | awk '$2 ~ /^[tT]$/ && $3 !~ /^(__pfx_|__cfi_|\.|init_module|cleanup_module|__traceiter|trace_|perf_trace|__perf|__SCT)/ { print $3 }' |
		grep -E '^[a-zA-Z_][a-zA-Z0-9_]*(\.(part|isra|constprop)\.[0-9]+)?$' | sort -u
}

# observe_show FILE LINES: the beginning, and how much there is.
observe_show() {
	local total
	total=$(wc -l <"$1")
	head -n "$2" "$1"
	if ((total > $2)); then note "... $((total - $2)) more lines in ${1#"$VEX_ROOT"/}"; fi
}

# observe_similar WORD: of the names on stdin those close to it, the closest first, at most five.
observe_similar() {
	awk -v w="$1" '
		function min3(a, b, c) { a = a < b ? a : b; return a < c ? a : c }
		function distance(s, t,   i, j, n, m, prev, cur) {
			n = length(s); m = length(t)
			for (j = 0; j <= m; j++) prev[j] = j
			for (i = 1; i <= n; i++) {
				cur[0] = i
				for (j = 1; j <= m; j++)
					cur[j] = min3(prev[j] + 1, cur[j - 1] + 1,
						prev[j - 1] + (substr(s, i, 1) != substr(t, j, 1)))
				for (j = 0; j <= m; j++) prev[j] = cur[j]
			}
			return prev[m]
		}
		BEGIN { bare = w; gsub(/[*?]/, "", bare) }
		{ d = distance(bare, $0)
		  if (d <= 3 + int(length(bare) / 4) || index($0, bare)) print d, $0 }' | sort -n | head -n 5 | cut -d' ' -f2
}
