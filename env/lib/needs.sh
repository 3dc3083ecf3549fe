# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What a command needs of this machine: env/needs.list says it, env/tools.list knows the packages and programs. All of
# it is asked for before the first step of work, and installed in one go.

NEEDS_LIST=$VEX_ROOT/env/needs.list

# needs_groups COMMAND [WHEN]...: the groups of env/tools.list, one a line; fails when COMMAND has no row.
needs_groups() {
	awk -v command="$1" -v when=" - ${*:2} " '
		/^[a-z*]/ && ($1 == command || ($1 == "*" && $2 != "-")) && index(when, " " $2 " ") {
			if ($1 == command && $2 == "-") known = 1
			n = split($3, group, ",")
			for (i = 1; i <= n; i++) if (group[i] != "-" && !seen[group[i]]++) print group[i]
		}
		END { exit !known }' "$NEEDS_LIST"
}

# need COMMAND [WHEN]...: all that its rows of env/needs.list name is here afterwards, packages and programs.
need() {
	local found groups
	found=$(needs_groups "$@") || die "$EX_ENV" "env/needs.list has no row for '$1': add one"
	mapfile -t groups < <(grep . <<<"$found")
	need_groups "${groups[@]}"
}

# need_groups GROUP...
need_groups() {
	local packages
	(($#)) || return 0
	mapfile -t packages < <(tools_packages "$@" | awk '!seen[$0]++')
	need_packages "${packages[@]}"
	need_programs "$@"
}

# need_programs GROUP...: a package may be installed and its program be out of reach; that ends here, in one line.
need_programs() {
	local program package
	hash -r
	while read -r program package; do
		type -P "$program" >/dev/null || die "$EX_ENV" "no program '$program' on the PATH, though its package $package" \
			"is installed: apt-get install --reinstall $package, or add its directory to PATH ($PATH)"
	done < <(tools_programs "$@")
}

# kernel_wants NAME...: adds to WANTS what has to be done for these kernels before they can be used.
kernel_wants() {
	local k
	for k in "$@"; do
		toolchain_ready "$(kernel_toolchain "$k")" || WANTS+=(kernel-toolchain)
		if ! kernel_is_stock "$k" && ! kernel_cached "$k"; then WANTS+=(kernel-build); fi
		if ! kernel_native "$k"; then WANTS+=(arm64); fi
	done
}

# guest_need COMMAND SERIES...: what a guest with the options given needs, after a look at the options. WANTS may
# hold words of the command's own.
guest_need() {
	local command=$1
	shift
	vm_check_more
	vm_check_share "$@"
	vm_check_arch "$command" "$@"
	if (($# == 1)); then vm_check_uml "$1"; fi
	kernel_wants "$@"
	need "$command" "${WANTS[@]}"
}

# The last net: a program that no row of env/needs.list asked for. ./vex lint needs finds these before a user does.
# A handler that somebody else has exported stays: a test may be listening.
if ! declare -F command_not_found_handle >/dev/null; then
	command_not_found_handle() {
		local remedy='install the package that has it' package
		package=$(tools_package_of "$1") && remedy="apt-get install $package"
		printf 'vex: no program %q on this machine: %s\n' "$1" "$remedy" >&2
		return "$EX_ENV"
	}
fi
