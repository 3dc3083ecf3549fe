# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The module that the commands are about, and its configuration: env/vexfs.module for the one of this checkout, a file
# .vex in the module's directory for any other (./vex init writes it, docs/anymodule.md describes it).
#
#	KEY: VALUE		one line
#	KEY:			a script: the lines after it that begin with white space
#	KEY: @FILE		a script in a file of its own
#
# Kernels and the environment's programs are those of the checkout (VEX_SHARED) for every module; what is made for
# another module is below the cache, and nothing is ever written into its directory.

VEX_SHARED=$VEX_BUILD
MODULE_FILE=.vex
# Keys, and those of them that are scripts for the guest.
MODULE_KEYS=(name sources ko build tools programs parameters disk directory setup smoke tests kernels workload trigger
	events gdb time)
MODULE_SCRIPTS=(setup smoke workload)
# Commands that are about VexFS and nothing else.
MODULE_OWN=(bench crash-test fstests fuzz image lint)
declare -gA MODULE=()

module_get() { printf '%s' "${MODULE[$1]:-}"; }
# module_is_own: whether it is the module of this checkout.
module_is_own() { [[ ${MODULE[file]:-} == "$VEX_ROOT/env/vexfs.module" ]]; }

# vex_line: how a user calls ./vex for this module.
vex_line() {
	if module_is_own; then printf './vex'; else printf '%q -C %q' "$VEX_ROOT/vex" "${MODULE[home]}"; fi
}

# ---- reading ---------------------------------------------------------------------------------------

module_error() { die "$EX_USAGE" "${MODULE[file]}:$1: $2 (docs/anymodule.md has the keys)"; }

# module_read FILE: its keys in MODULE. Scripts are kept as text.
module_read() {
	local file=$1 n=0 line key='' value
	MODULE=([file]=$file [home]=${file%/*})
	[[ -r $file ]] || die "$EX_ENV" "cannot read $file: make it readable, or write it anew with ./vex init --force"
	while IFS= read -r line || [[ -n $line ]]; do
		n=$((n + 1))
		line=${line%$'\r'}
		case $line in
		[[:space:]]*[![:space:]]*)
			[[ -n $key && ${MODULE[$key]} != @* ]] ||
				module_error "$n" "an indented line belongs to a script, and follows KEY:"
			MODULE[$key]+=${line#[[:space:]]}$'\n'
			continue
			;;
		\#* | '') if [[ -n $key ]]; then MODULE[$key]+=$'\n'; fi; continue ;;
		esac
		[[ $line =~ ^([a-z]+):[[:space:]]*(.*)$ ]] || module_error "$n" "expected KEY: VALUE, not '$line'"
		key=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]%"${BASH_REMATCH[2]##*[![:space:]]}"}
		[[ " ${MODULE_KEYS[*]} " == *" $key "* ]] ||
			module_error "$n" "unknown key '$key'; known are ${MODULE_KEYS[*]}"
		[[ -z ${MODULE[$key]+set} ]] || module_error "$n" "'$key' is there twice"
		MODULE[$key]=$value
		[[ " ${MODULE_SCRIPTS[*]} " == *" $key "* && ( -z $value || $value == @* ) ]] || key=''
	done <"$file"
	module_check "$file"
}

# module_check FILE: values that would fail later, and less clearly.
module_check() {
	local file=$1 key value
	[[ ${MODULE[name]:-} =~ ^[A-Za-z0-9_]{1,55}$ ]] ||
		die "$EX_USAGE" "$file: name '${MODULE[name]:-}': expected the module's name as lsmod shows it (letters, digits, _)"
	MODULE[ko]=${MODULE[ko]:-${MODULE[name]}.ko}
	MODULE[directory]=${MODULE[directory]:-/root}
	[[ ${MODULE[disk]:-none 1M} =~ ^[a-z0-9-]+\ [1-9][0-9]*[KMG]$ ]] ||
		die "$EX_USAGE" "$file: disk '${MODULE[disk]}': expected a name and a size, like 'test 64M'"
	[[ ${MODULE[time]:-60} =~ ^[1-9][0-9]{0,3}$ ]] || die "$EX_USAGE" "$file: time '${MODULE[time]}': expected seconds"
	for key in ko directory; do
		[[ ${MODULE[$key]} =~ ^[A-Za-z0-9_./+-]+$ ]] || die "$EX_USAGE" "$file: $key '${MODULE[$key]}': expected a path" \
			"of letters, digits and _ . / + -"
	done
	for key in "${MODULE_SCRIPTS[@]}"; do
		value=${MODULE[$key]:-}
		[[ $value != @* || -f $(module_file "${value#@}") ]] || die "$EX_USAGE" "$file: $key: no such file ${value#@}"
	done
}

# module_file PATH: of the configuration; relative to what it describes.
module_file() {
	case $1 in
	/*) printf '%s' "$1" ;;
	*) if module_is_own; then printf '%s/%s' "$VEX_ROOT" "$1"; else printf '%s/%s' "${MODULE[home]}" "$1"; fi ;;
	esac
}

module_sources() { module_file "${MODULE[sources]:-.}"; }

# module_script KEY: the file with this script, for the guest. Without one: a script that does nothing.
module_script() {
	local value=${MODULE[$1]:-} file=$VEX_BUILD/scripts/$1
	if [[ $value == @* ]]; then module_file "${value#@}"; return; fi
	mkdir -p "$VEX_BUILD/scripts"
	printf '#!/bin/sh\n# %s, of %s\nset -eu\n%s\n' "$1" "${MODULE[file]}" "$value" >"$file"
	printf '%s' "$file"
}

# ---- which module ----------------------------------------------------------------------------------

# module_find DIRECTORY: the .vex of DIRECTORY or the nearest one above it; the path, or nothing.
module_find() {
	local dir=$1
	while :; do
		if [[ -f $dir/$MODULE_FILE ]]; then printf '%s/%s' "${dir%/}" "$MODULE_FILE"; return; fi
		[[ -n ${dir%/} ]] || return 0
		dir=${dir%/*}
	done
}

# It holds commands, which run as the caller: only his own, root's, or that of whom sudo ran for is taken unasked.
module_trusted() {
	local owner
	owner=$(stat -Lc %u "$1") || return 1
	[[ $owner == "$EUID" || $owner == 0 || $owner == "${SUDO_UID:-none}" ]]
}

# module_choose [DIR]: the module that this call is about. DIR is the argument of -C.
module_choose() {
	local file
	file=$(module_find "$PWD")
	if [[ -n ${1:-} && $PWD != "$VEX_ROOT" && ( -z $file || ${file%/*} != "$PWD" ) ]]; then
		die "$EX_USAGE" "-C $PWD: no file $MODULE_FILE in there: ./vex init $(printf '%q' "$PWD") writes one"
	fi
	if [[ -z $file || $PWD == "$VEX_ROOT" ]]; then
		module_read "$VEX_ROOT/env/vexfs.module"
		return
	fi
	[[ -n ${1:-} ]] || module_trusted "$file" ||
		die "$EX_USAGE" "$file belongs to another user ($(stat -Lc %U "$file")), and its commands would run as you:" \
			"read it, then say ./vex -C ${file%/*}"
	module_read "$file"
	module_use
}

# module_use: what is made for this module is kept apart, by its path.
module_use() {
	local id word
	id=$(cksum <<<"${MODULE[home]}") word=${MODULE[home]##*/}
	VEX_BUILD=$VEX_CACHE/modules/${word//[^A-Za-z0-9_.-]/_}-${id%% *}
	export VEX_BUILD
}

# module_begin COMMAND: before a command about another module than VexFS starts.
module_begin() {
	if module_is_own; then return; fi
	report_add program "$(vex_line)"
	[[ " ${MODULE_OWN[*]} " != *" $1 "* ]] || die "$EX_USAGE" "./vex $1 is about VexFS only, and ${MODULE[file]}" \
		"says that this is ${MODULE[name]}: run it in $VEX_ROOT"
	[[ -d $(module_sources) ]] || die "$EX_USAGE" "${MODULE[file]}: sources '${MODULE[sources]}': no such directory"
	mkdir -p "$VEX_BUILD" "$VEX_SHARED/env" || die "$EX_ENV" "cannot write to $VEX_CACHE: make room there (./vex clean)"
	[[ -e $VEX_BUILD/env ]] || ln -sfn "$VEX_SHARED/env" "$VEX_BUILD/env"
	printf '%s\n' "${MODULE[home]}" >"$VEX_BUILD/home"
}

# module_kernel: the kernel of a command that takes one and was given none.
module_kernel() {
	local all
	all=$(module_kernels)
	printf '%s' "${all%%,*}"
}

# module_kernels: those of test and build, by commas.
module_kernels() { tr -s ' ,' ',' <<<"${MODULE[kernels]:-6.1}" | tr -d '\n'; }

# module_disk: the disk that its setup wants, unless the caller gave one of that name.
module_disk() {
	local name size d
	read -r name size <<<"${MODULE[disk]:-}"
	[[ -n $name ]] || return 0
	for d in "${VM_DISKS[@]}"; do [[ $d != "$name="* ]] || return 0; done
	VM_DISKS+=("$name=$size")
}
