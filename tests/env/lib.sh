# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the environment's self-tests: each provokes one fate of a run on purpose and asks for its exit
# code, for a line that says what to do, and for nothing left behind. Output is TAP.
set -uo pipefail
unset CDPATH

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
VEX=$ROOT/vex
mkdir -p "$ROOT/build/env-tests"
export VEX_HISTORY=	# runs on purpose are no campaigns
WORK=$(mktemp -d "$ROOT/build/env-tests/XXXXXX")
T_N=0 T_BAD=0 T_LAST=${EPOCHREALTIME/[.,]/}

finish() {
	local rc=$?
	if ((rc)); then printf '# the script itself ended with %d; files: %s\n' "$rc" "$WORK"; fi
	((T_BAD || rc)) || rm -rf "$WORK"
	printf '1..%d\n' "$T_N"
	exit $((T_BAD || rc))
}
trap finish EXIT

# report BAD NAME [WHY]: what explains a failure stands before it, the best of it last: there vexreport looks.
report() {
	local now=${EPOCHREALTIME/[.,]/} ms
	T_N=$((T_N + 1)) ms=$(((now - T_LAST) / 1000)) T_LAST=$now
	if (($1)); then
		T_BAD=1
		[[ ! -f $WORK/out ]] || tail -n 12 "$WORK/out" | cut -c1-300 | sed 's/^/# /'
		[[ -z ${3:-} ]] || printf '# %s\n' "$3"
		printf 'not ok %d %s # ms=%d\n' "$T_N" "$2" "$ms"
	else
		printf 'ok %d %s # ms=%d\n' "$T_N" "$2" "$ms"
	fi
}

skip() { T_N=$((T_N + 1)); printf 'ok %d %s # SKIP %s\n' "$T_N" "$1" "$2"; }

# run CMD...: output in $WORK/out, status in $STATUS.
run() {
	STATUS=0
	"$@" >"$WORK/out" 2>&1 </dev/null || STATUS=$?
}

# expect CODE NAME
expect() {
	report "$((STATUS != $1))" "$2" "exit code $STATUS, expected $1"
}

# says REGEX NAME: the output must hold it.
says() {
	local bad=0
	grep -qE -- "$1" "$WORK/out" || bad=1
	report "$bad" "$2" "the output lacks: $1"
}

# pids REGEX: the processes whose command line matches, one per line; 1 when there is none. Not pgrep: a small Debian has
# none, and a tool that is missing finds nothing left behind.
pids() {
	local p args found=1
	for p in /proc/[0-9]*; do
		{ mapfile -d '' -t args <"$p/cmdline"; } 2>/dev/null || continue
		[[ ${p#/proc/} != "$$" && "${args[*]} " =~ $1 ]] || continue
		printf '%s\n' "${p#/proc/}"
		found=0
	done
	return "$found"
}

# No process that names DIR or works in it (those of UML have no command line), no disk image in it.
nothing_left() {
	local dir=$1 name=$2 p bad=0
	while read -r p; do
		bad=1
		printf '# still running: %s\n' "$(tr '\0' ' ' 2>/dev/null <"/proc/$p/cmdline" | cut -c1-100)"
	done < <(
		pids "(qemu|vexvm|virtiofsd).*$dir"
		find /proc/[0-9]* -maxdepth 1 -name cwd -lname "$dir*" -printf '%h\n' 2>/dev/null | sed 's|/proc/||' | grep -vx "$$"
	)
	if find "$dir" -name '*.img' -o -name '*.rom' 2>/dev/null | grep -q .; then
		bad=1
		printf '# left behind: %s\n' "$(find "$dir" -name '*.img' -o -name '*.rom')"
	fi
	report "$bad" "$name: nothing left behind"
}

# guest NAME [OPTION]...: runs the script on stdin in a guest without the module.
guest() {
	local name=$1
	shift
	{ printf '#!/bin/sh\n'; cat; } >"$WORK/$name.sh"
	run "$VEX" vm --module none --rundir "$WORK/$name" "$@" "$WORK/$name.sh"
}

# build_testmod [KERNEL]: the misbehaving module; sets TESTMOD. The kernel must be there.
build_testmod() {
	local kernel=${1:-6.1} dir arch=()
	dir=$ROOT/build/env/testmod/$kernel
	if [[ $kernel == uml-* ]]; then arch=(ARCH=um); fi
	mkdir -p "$dir"
	(
		flock 9
		cp -u "$ROOT"/env/guest/testmod/* "$dir/"
		make -s -C "$ROOT/build/kernels/$kernel/kdir/" M="$dir" "${arch[@]}" modules
	) >"$WORK/testmod.log" 2>&1 9>"$dir/.lock" || {
		cat "$WORK/testmod.log"
		return 1
	}
	# shellcheck disable=SC2034	# used by the tests
	TESTMOD=$dir/vextest.ko
}
