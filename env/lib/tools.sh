# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# env/tools.list: which programs and packages there are, in which version, for which purpose. Who needs packages
# asks for a group of that table.

TOOLS_LIST=$VEX_ROOT/env/tools.list

# tools_packages GROUP...: their packages, one a line.
tools_packages() {
	local want=" $* " group package
	while read -r group _ package _; do
		if [[ $want == *" $group "* ]]; then printf '%s\n' "$package"; fi
	done <"$TOOLS_LIST"
}

tools_groups() { awk '/^[a-z]/ && !seen[$1]++ { print $1 }' "$TOOLS_LIST"; }

# tools_programs GROUP...: "PROGRAM PACKAGE", one program a line.
tools_programs() {
	local want=" $* " group programs package program
	while read -r group programs package _; do
		[[ $want == *" $group "* && $programs != - ]] || continue
		for program in ${programs//,/ }; do printf '%s %s\n' "$program" "$package"; done
	done <"$TOOLS_LIST"
}

# tools_package_of PROGRAM: fails when the table does not know it. Without any program: it answers for missing ones.
tools_package_of() {
	local programs package
	while read -r _ programs package _; do
		if [[ ,$programs, == *",$1,"* ]]; then printf '%s\n' "$package"; return; fi
	done <"$TOOLS_LIST"
	return 1
}

# ---- what is here -------------------------------------------------------------------------------------

declare -A TOOL_DEB=()

# Versions of all packages of the table by one call of dpkg.
# shellcheck disable=SC2016
tools_load() {
	local p v s format='${Package} ${Version} ${db:Status-Status}\n'	# dpkg-query expands it
	TOOL_DEB=()
	while read -r p v s; do
		if [[ $s == installed ]]; then TOOL_DEB[$p]=$(upstream_version "$v"); fi
	done < <(awk '/^[a-z]/ { print $3 }' "$TOOLS_LIST" |
		xargs dpkg-query -W -f="$format" 2>/dev/null)
}

# 1:7.2.22+dfsg-7+deb12u1 -> 7.2.22
upstream_version() {
	local v=${1#*:}
	v=${v##*really}
	v=${v%%[-+~]*}
	printf '%s' "${v%.deb}"
}

# For a program that did not come from the Debian package.
program_version() {
	local out rc=0
	# Some print their version and fail. One that waits for something must not stop ./vex doctor, which says so.
	out=$(timeout 20 "$1" --version 2>&1 </dev/null | head -n3) || rc=$?
	if ((rc == 124)); then printf 'no answer to --version'; return; fi
	grep -oE '[0-9]+(\.[0-9]+)+' <<<"$out" | head -n1
}

# tool_look PROGRAM[,PROGRAM]... PACKAGE MINIMUM: sets TOOL_STATE to ok, old or missing, and TOOL_VERSION.
tool_look() {
	local program=${1%%,*} package=$2 minimum=$3 path='' p
	TOOL_STATE=missing TOOL_VERSION=''
	for p in ${1//,/ }; do
		[[ $p == - ]] || type -P "$p" >/dev/null || return 0
	done
	if [[ $program == - ]]; then
		TOOL_VERSION=${TOOL_DEB[$package]:-}
		[[ -n $TOOL_VERSION ]] || return 0
	else
		path=$(type -P "$program") || return 0
		[[ $path == /usr/* ]] || path=$(readlink -f "$path")
		if [[ $path == /usr/* && $path != /usr/local/* ]]; then TOOL_VERSION=${TOOL_DEB[$package]:-}; fi
		[[ -n $TOOL_VERSION ]] || TOOL_VERSION=$(program_version "$program")
	fi
	TOOL_STATE=ok
	if [[ -z $TOOL_VERSION ]]; then
		TOOL_VERSION='unknown version'
	elif [[ $TOOL_VERSION == [0-9]* ]] && dpkg --compare-versions "$TOOL_VERSION" lt "$minimum"; then
		TOOL_STATE=old
	fi
}

# tools_report GROUP: "STATE PROGRAM PACKAGE VERSION MINIMUM PURPOSE..." for each of its lines, by tabs.
tools_report() {
	local group program package minimum purpose name
	((${#TOOL_DEB[@]})) || tools_load
	while read -r group program package minimum _ purpose; do
		[[ $group == "$1" ]] || continue
		tool_look "$program" "$package" "$minimum"
		name=$program
		[[ $name != - ]] || name=$package
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$TOOL_STATE" "$name" "$package" "${TOOL_VERSION:--}" "$minimum" "$purpose"
	done <"$TOOLS_LIST"
}

# tools_check_groups GROUP...: a mistyped group is named.
tools_check_groups() {
	local g all
	all=" $(tools_groups | tr '\n' ' ')"
	for g in "$@"; do
		[[ $all == *" $g "* ]] || usage_error "unknown group '$g': there are${all% }"
	done
}
