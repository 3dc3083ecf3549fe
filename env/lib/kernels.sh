# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The kernels guests run, by name: Debian's stock kernels by series (6.1, 6.12; see kernelfetch.sh), those of
# env/kernels/table built from Debian's source packages (see kernelbuild.sh), and NAME+FRAGMENT, one of the
# latter with one more fragment of env/kernels.
#
# Whatever its origin, build/kernels/NAME/ holds: root/ (root/boot, root/lib/modules/RELEASE), kdir (KDIR for
# make modules), vmlinuz (what boots), config, release, traits (words to ask for, see kernel_has); the built
# ones also vmlinux with DWARF. None is ever installed on this machine.

KERNEL_SERIES=(6.1 6.12)	# the stock kernels
KERNEL_TABLE=$VEX_ROOT/env/kernels/table

kernel_dir() { printf '%s/kernels/%s' "$VEX_BUILD" "$1"; }
kernel_release() { cat "$(kernel_dir "$1")/release"; }
kernel_is_stock() { [[ " ${KERNEL_SERIES[*]} " == *" $1 "* ]]; }

# kernel_row NAME: "series arch toolchain traits fragments..." of a built kernel; fails for any other.
kernel_row() {
	local base=${1%%+*} more='' row
	if [[ $1 == *+* ]]; then more=" ${1#*+}"; fi
	row=$(awk -v n="$base" '$1 == n { $1 = ""; print substr($0, 2) }' "$KERNEL_TABLE")
	[[ -n $row ]] || return 1
	printf '%s%s' "$row" "${more//+/ }"
}

kernel_built_names() { awk '/^[a-z]/ { print $1 }' "$KERNEL_TABLE"; }
kernel_names() {
	printf '%s\n' "${KERNEL_SERIES[@]}"
	kernel_built_names
}

kernel_series() {
	local row
	if kernel_is_stock "$1"; then printf '%s' "$1"; return; fi
	row=$(kernel_row "$1") && printf '%s' "${row%% *}"
}

# kernel_traits NAME: words that tests and commands ask for.
kernel_traits() {
	local row arch traits
	if kernel_is_stock "$1"; then printf 'stock x86'; return; fi
	row=$(kernel_row "$1") || return 1
	read -r _ arch _ traits _ <<<"$row"
	[[ $arch != x86 ]] || traits+=" x86"
	printf 'built %s' "${traits//,/ }"
}

kernel_has() { [[ " $(kernel_traits "$1") " == *" $2 "* ]]; }

kernel_known() { kernel_is_stock "$1" || kernel_row "$1" >/dev/null; }

kernel_check_fragments() {
	local f
	[[ $1 == *+* ]] || return 0
	for f in $(tr + ' ' <<<"${1#*+}"); do
		[[ -f $VEX_ROOT/env/kernels/$f.config ]] ||
			usage_error "kernel '$1': no fragment env/kernels/$f.config; there are" \
				"$(cd "$VEX_ROOT/env/kernels" && echo *.config | sed 's/\.config//g')"
	done
}

# kernel_parse WORDS: expand the argument of --kernel: names, "all", or a trait ("stock", "debug"), by commas.
kernel_parse() {
	local w k ok
	for w in ${1//,/ }; do
		ok=0
		if kernel_known "$w"; then
			kernel_check_fragments "$w"
			printf '%s\n' "$w"
			continue
		fi
		for k in $(kernel_names); do
			if [[ $w == all ]] || kernel_has "$k" "$w"; then
				printf '%s\n' "$k"
				ok=1
			fi
		done
		((ok)) || usage_error "unknown kernel '$w': known are $(kernel_names | tr '\n' ' ')and the words" \
			"all, stock, debug; ./vex kernel list describes them"
	done | awk '!seen[$0]++'
	return "${PIPESTATUS[0]}"
}

# A tree is usable when it was finished by this version of the code and has not been moved since.
kernel_ready() {
	local dir
	dir=$(kernel_dir "$1")
	[[ -f $dir/.complete && $(<"$dir/.complete") == "$(kernel_stamp "$1")" ]]
}

kernel_stamp() {
	if kernel_is_stock "$1"; then
		printf '%s %s' "$KERNEL_TREE_VERSION" "$(kernel_dir "$1")/root"
	else
		printf '%s %s' "$(kernel_config_hash "$1")" "$(readlink -f "$(kernel_dir "$1")/root")"
	fi
}

# kernel_cached NAME: can be had without a build (stock kernels are downloaded where need be).
kernel_cached() {
	kernel_is_stock "$1" || kernel_ready "$1" || kernel_find_built "$1" >/dev/null
}

# kernel_need NAME...: fetch or build what is not there.
kernel_need() {
	local k found
	for k in "$@"; do
		# A kernel in the cache does not bring its compiler.
		kernel_is_stock "$k" || toolchain_need "$(kernel_toolchain "$k")"
		if kernel_ready "$k"; then continue; fi
		if kernel_is_stock "$k"; then
			kernel_fetch "$k"
		elif found=$(kernel_find_built "$k"); then
			kernel_link "$k" "$found"
		else
			kernel_build "$k"
		fi
	done
}

# kernel_make_args NAME: what kbuild wants besides M=.
kernel_make_args() {
	if kernel_is_stock "$1"; then return; fi
	if kernel_has "$1" uml; then printf 'ARCH=um'; fi
}

# kernel_run NAME CMD...: in the environment of the compiler that built the kernel.
kernel_run() {
	local name=$1 row tool=host
	shift
	if row=$(kernel_row "$name"); then read -r _ _ tool _ <<<"$row"; fi
	toolchain_run "$tool" "$@"
}
