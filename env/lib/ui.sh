# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every subcommand says and how it fails. One voice: stages on stderr, results on stdout,
# one line that names the remedy before every failure.

# Exit codes, the same numbers as env/proto/proto.h and docs/environment.md.
# shellcheck disable=SC2034	# used by the sourcing scripts
readonly EX_OK=0 EX_FAILED=1 EX_USAGE=2 EX_PANIC=3 EX_HANG=4 EX_LOST=5 EX_ENV=6 EX_NOTHING=7 EX_BUILD_ID=8 EX_NO_DUMP=9 EX_INT=130

VEX_VERBOSE=${VEX_VERBOSE:-0}
VEX_INSTALL=${VEX_INSTALL:-1}

if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	C_BOLD=$'\e[1m' C_RED=$'\e[31m' C_GREEN=$'\e[32m' C_DIM=$'\e[2m' C_OFF=$'\e[0m'
else
	# shellcheck disable=SC2034
	C_BOLD='' C_RED='' C_GREEN='' C_DIM='' C_OFF=''
fi

say() { printf '%s==>%s %s\n' "$C_BOLD" "$C_OFF" "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf '%swarning:%s %s\n' "$C_RED" "$C_OFF" "$*" >&2; }

# die CODE MESSAGE...: the message is one line and ends in what to do.
die() {
	local code=$1
	shift
	printf '%svex:%s %s\n' "$C_RED" "$C_OFF" "$*" >&2
	report_add end "$code" "$*"
	exit "$code"
}

usage_error() { die "$EX_USAGE" "$* (see './vex help${VEX_CMD:+ $VEX_CMD}')"; }

# need_value OPTION COUNT: for options that take an argument; COUNT is $# of the caller.
need_value() { [[ $2 -ge 2 ]] || usage_error "option $1 needs a value"; }

# trace CMD...: under -v print the command as it could be typed.
trace() {
	[[ $VEX_VERBOSE == 1 ]] || return 0
	printf '+' >&2
	printf ' %q' "$@" >&2
	printf '\n' >&2
}

run() {
	trace "$@"
	"$@"
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; printf '%s' "${t%???}"; }
secs() { printf '%d.%d' "$(($1 / 1000))" "$((($1 % 1000) / 100))"; }

# tick_while PID LABEL: a line after 3, 6, 12, 24, 48, 78 s ... so that nothing long is ever silent.
tick_while() {
	local pid=$1 label=$2 start=$SECONDS next=3
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		if ((SECONDS - start >= next)); then
			note "$label: $((SECONDS - start)) s"
			next=$((next < 30 ? next * 2 : next + 30))
		fi
	done
}

# quietly LABEL LOG CMD...: run a long command with its output in LOG; on failure show the end of it (VEX_TAIL lines).
quietly() {
	local label=$1 log=$2 rc=0
	shift 2
	trace "$@"
	mkdir -p "${log%/*}"
	if [[ $VEX_VERBOSE == 1 ]]; then
		"$@" 2>&1 | tee -i "$log" >&2
		rc=${PIPESTATUS[0]}
		((rc == 0)) || report_add step "$label" "$log"
		return "$rc"
	fi
	# A background job of a script ignores Ctrl-C, which is meant for this one, too.
	{ trap - INT QUIT; "$@"; } >"$log" 2>&1 &
	local pid=$!
	tick_while "$pid" "$label"
	wait "$pid" || rc=$?
	((rc == 0)) || report_add step "$label" "$log"
	if ((rc && ${VEX_TAIL:-15})); then
		warn "$label failed; the last lines of ${log#"$VEX_ROOT"/}:"
		tail -n "${VEX_TAIL:-15}" "$log" >&2
	fi
	return "$rc"
}

# need_space DIR MB WHY: a full disk fails here, in one line, and not half way through a step.
need_space() {
	local dir=$1 mb=$2 why=$3 free
	while [[ ! -d $dir ]]; do dir=$(dirname "$dir"); done
	free=$(df -Pm "$dir" 2>/dev/null | awk 'NR == 2 { print $4 }') || return 0
	[[ $free =~ ^[0-9]+$ ]] || return 0
	((free >= mb)) || die "$EX_ENV" \
		"$why needs $mb MB in $dir, $free MB are free: make room there (./vex clean) and run the command again"
}

# json_string TEXT: with its quotation marks.
json_string() {
	local s=${1//\\/\\\\}
	s=${s//[[:cntrl:]]/}
	printf '"%s"' "${s//\"/\\\"}"
}
