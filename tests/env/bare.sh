#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# Each command of tests/bare/cases alone, as the first one on a fresh Debian 12, in the roles root, sudo (an ordinary
# user with sudo and a login's PATH) and user (without sudo). Of these a slice; with VEX_BARE_FULL=1, or where
# VEX_BARE_FILTER names cases, all. Progress and the table go to file descriptor 3 where the caller opened one.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/bare/root.sh
. "$ROOT/tests/bare/root.sh"

VEX_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/vex
CASES=$ROOT/tests/bare/cases
FULL=${VEX_BARE_FULL:-0} FILTER=${VEX_BARE_FILTER:-}
TABLE=$WORK/table CASE_PID=''
if ! { true >&3; } 2>/dev/null; then exec 3>&2; fi

# The mounts and processes of a case are in name spaces of its own; they go with its first process.
interrupted() {
	trap '' INT TERM HUP
	if [[ -n $CASE_PID ]]; then
		kill -KILL "$CASE_PID" 2>/dev/null
		wait "$CASE_PID" 2>/dev/null
	fi
	# The last process of the case may still write there.
	local i
	for ((i = 0; i < 100; i++)); do
		rm -rf --one-file-system "$WORK" 2>/dev/null && break
		sleep 0.1
	done
	trap - EXIT
	exit 130
}
trap interrupted INT TERM HUP

# limit_of CLASS: seconds.
limit_of() {
	case $1 in
	short) echo 400 ;;
	boot) echo 1800 ;;
	build) echo 5400 ;;
	*) echo "bare: unknown time class '$1'" >&2; return 1 ;;
	esac
}

# field NAME DEFAULT: of the case at hand, whose words are in HEAD.
field() {
	local w
	for w in $HEAD; do
		if [[ $w == "$1="* ]]; then printf '%s' "${w#*=}"; return; fi
	done
	printf '%s' "$2"
}

# A program of a pipe or of make's shell has no handler; what it says ends up in the output or in a log.
not_found() {
	grep -rhE '(: |: line )?[0-9]*:? ?[^ ]+: (command )?not found$|Cannot exec|: No such file or directory$' \
		"$1/out" "$1/log" 2>/dev/null | grep -E '^[^ ]*(sh|vex|make)[^ ]*:.*: (command )?(not found|No such file or directory)$|Cannot exec' |
		sort -u | head -n 5
}

# judge DIR ROLE WANT: what is wrong, one line each.
judge() {
	local dir=$1 role=$2 want=$3 rc regex
	[[ -s $dir/rc ]] || { printf 'the case did not run: %s\n' "$(tail -n1 "$dir/err")"; return; }
	rc=$(<"$dir/rc")
	if [[ $rc != "$want" ]]; then printf 'exit code %s, expected %s\n' "$rc" "$want"; fi
	if [[ -s $dir/missing ]]; then printf 'missing program: %s\n' "$(sort -u "$dir/missing" | head -n 5 | tr '\n' ' ')"; fi
	not_found "$dir" | sed 's/^/in output or logs: /'
	while read -r regex; do
		grep -qE -- "$regex" "$dir/out" || printf 'the output lacks: %s\n' "$regex"
	done < <(expected "$dir" "$role" "$want")
	if grep -q . "$dir/running"; then printf 'still running: %s\n' "$(cut -c1-120 "$dir/running" | head -n1)"; fi
}

# Lines "~ROLE" are for that role; those without a role are for all that end as root does. Who cannot install packages
# is told which are missing.
expected() {
	if grep -q "^~$2 " "$1/expect"; then sed -n "s/^~$2 //p" "$1/expect"; return; fi
	if [[ $3 == $(field root 0) ]]; then
		sed -n 's/^~ //p' "$1/expect"
	elif [[ $3 == 6 ]]; then
		printf 'missing packages: .*run as root or install sudo\n'
	fi
}

# Without lists a machine is as debian:12's container image is; with them as an installed one is.
lists_of() { [[ $(field lists '') == none ]] || printf '%s' "$WORK/lists"; }

run_case() {
	local name=$1 role=$2 want=$3 dir=$WORK/case wrong limit
	limit=$(limit_of "$(field time boot)") || return 1
	printf '    %s as %s\n' "$name" "$role" >&3
	mkdir -p "$dir/root"
	BARE_BASE=$BARE_BASE BARE_DEBS=$BARE_DEBS BARE_UPPER=$BARE_UPPER BARE_ROLE=$role BARE_LIMIT=$limit BARE_SRC=$WORK/src \
		BARE_WITH=$(field with debs) BARE_CACHE=$VEX_CACHE BARE_LISTS=$(lists_of) BARE_NET=$(field net host) \
		unshare --mount --propagation private --pid --fork --kill-child \
		bash "$ROOT/tests/bare/inside.sh" "$dir" >"$dir/err" 2>&1 </dev/null 3>&- &
	CASE_PID=$!
	wait "$CASE_PID"
	CASE_PID=''
	wrong=$(judge "$dir" "$role" "$want")
	cp "$dir/out" "$WORK/out" 2>/dev/null
	report "$([[ -z $wrong ]]; echo $?)" "$name@$role" "${wrong//$'\n'/; }"
	printf '%-26s %-5s %-4s %5s s %4s packages  %s\n' "$name" "$role" "$(cat "$dir/rc" 2>/dev/null)" \
		"$(cat "$dir/seconds" 2>/dev/null)" "$(cat "$dir/installed" 2>/dev/null)" "${wrong:-ok}" |
		head -n1 | tee -a "$TABLE" >&3
	if [[ -n ${VEX_BARE_KEEP:-} ]]; then
		mkdir -p "$VEX_BARE_KEEP/$name@$role"
		cp -r "$dir"/{out,err,log,missing} "$VEX_BARE_KEEP/$name@$role/" 2>/dev/null
	fi
	rm -rf --one-file-system "$dir"
}

# The case at hand in each role that is asked for.
run_roles() {
	local role want roles part
	[[ -n $NAME && $NAME =~ $FILTER ]] || return 0
	roles=$(field slice '')
	if ((FULL)) || [[ -n $FILTER ]]; then roles=root,sudo,user; fi
	part=$(field needs '')
	if [[ -n $roles && -n $part && ! -d $VEX_CACHE/$part ]]; then
		skip "$NAME" "needs ~/.cache/vex/$part of this host"
		return 0
	fi
	for role in ${roles//,/ }; do
		[[ -z ${VEX_BARE_ROLES:-} || ",$VEX_BARE_ROLES," == *",$role,"* ]] || continue
		want=$(field "$role" '')
		[[ -n $want && $want != - ]] || continue
		mkdir -p "$WORK/case"
		printf '%s' "$SETUP" >"$WORK/case/setup"
		printf '%s' "$COMMAND" >"$WORK/case/command"
		printf '%s' "$EXPECT" >"$WORK/case/expect"
		run_case "$NAME" "$role" "$want" || return 1
	done
}

run_cases() {
	local line
	NAME='' HEAD='' SETUP='' COMMAND='' EXPECT=''
	while IFS= read -r line <&4; do
		case $line in
		'' | '#'*) ;;
		$'\t+ '*) SETUP+=${line#$'\t+ '}$'\n' ;;
		$'\t$ '*) COMMAND+=${line#$'\t$ '}$'\n' ;;
		$'\t~'*) EXPECT+=${line#$'\t'}$'\n' ;;
		$'\t'*) echo "bare: $CASES: unreadable: $line" >&2; return 1 ;;
		*)
			run_roles || return 1
			NAME=${line%%[[:space:]]*} HEAD=$line SETUP='' COMMAND='' EXPECT=''
			;;
		esac
	done 4<"$CASES"
	run_roles
}

why=$(bare_cannot)
if [[ -n $why ]]; then
	skip "commands on a bare machine" "$why"
	exit 0
fi
bare_upper "$WORK"
if ! bare_base; then
	skip "commands on a bare machine" "no bare Debian $BARE_SUITE could be made: $(grep -v '^I:' "$WORK/base.log" | tail -n1)"
	exit 0
fi
bare_checkout || exit 1
bare_lists || exit 1
# What the host's apt has need not be downloaded again.
find /var/cache/apt/archives -maxdepth 1 -name '*.deb' -exec cp -lun -t "$BARE_DEBS" {} + 2>/dev/null ||
	find /var/cache/apt/archives -maxdepth 1 -name '*.deb' -exec cp -un -t "$BARE_DEBS" {} +
run_cases || exit 1
rm -rf --one-file-system "$WORK/src" "$WORK/lists"
printf '%s\n' '# case, role, exit code, seconds, packages installed, result'
sed 's/^/# /' "$TABLE"
