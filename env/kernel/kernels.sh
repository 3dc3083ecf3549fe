# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The kernels guests run, by name: Debian's stock kernels (a row each in env/kernel/stock, see kernelfetch.sh), those
# of env/kernel/table built from Debian's source packages (see kernelbuild.sh), and NAME+FRAGMENT, one of the latter
# with one more fragment of env/kernel.
#
# Whatever its origin, build/kernels/NAME/ holds: root/ (root/boot, root/lib/modules/RELEASE), kdir (KDIR for
# make modules), vmlinuz (what boots), config, release, traits (words to ask for, see kernel_has); the built
# ones also vmlinux with DWARF. None is ever installed on this machine.

KERNEL_STOCK=$VEX_ROOT/env/kernel/stock
KERNEL_TABLE=$VEX_ROOT/env/kernel/table

kernel_dir() { printf '%s/kernels/%s' "${VEX_SHARED:-$VEX_BUILD}" "$1"; }
kernel_release() { cat "$(kernel_dir "$1")/release"; }

# kernel_stock_row NAME: "suite package toolchain traits what for"; fails for any other kernel.
kernel_stock_row() {
	local name row
	[[ $1 == [a-z0-9]* ]] || return 1
	while read -r name row; do
		[[ $name != "$1" ]] || { printf '%s' "$row"; return; }
	done <"$KERNEL_STOCK"
	return 1
}

kernel_is_stock() { kernel_stock_row "$1" >/dev/null; }
kernel_stock_names() { awk '/^[a-z0-9]/ { print $1 }' "$KERNEL_STOCK"; }
kernel_stock_words() { kernel_stock_names | paste -sd, | sed 's/,/, /g'; }
kernel_default_names() { awk '/^[a-z0-9]/ && "," $5 "," ~ /,default,/ { print $1 }' "$KERNEL_STOCK"; }

# kernel_stock_field NAME FIELD: suite, package, toolchain, traits or purpose.
kernel_stock_field() {
	local suite package toolchain traits purpose
	# shellcheck disable=SC2034	# printed by name
	read -r suite package toolchain traits purpose <<<"$(kernel_stock_row "$1")"
	printf '%s' "${!2}"
}

# kernel_is_host NAME: stock, from the archives this machine uses anyway.
kernel_is_host() { kernel_is_stock "$1" && [[ $(kernel_stock_field "$1" suite) == host ]]; }

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
	kernel_stock_names
	kernel_built_names
}

# kernel_series NAME: 6.1; of a stock kernel that follows its suite, the series that is here.
kernel_series() {
	local row release
	if row=$(kernel_row "$1"); then printf '%s' "${row%% *}"; return; fi
	release=$(kernel_release "$1" 2>/dev/null) || release=$(kernel_stock_field "$1" package)
	grep -oE -m1 '[0-9]+\.[0-9]+' <<<"$release" | head -n1
}

# kernel_stock_of NAME: the stock kernel of its series; a stock kernel itself.
kernel_stock_of() { if kernel_is_stock "$1"; then printf '%s' "$1"; else kernel_series "$1"; fi; }

# kernel_toolchain NAME: a word of env/kernel/toolchain.sh.
kernel_toolchain() {
	local row tool
	if kernel_is_stock "$1"; then kernel_stock_field "$1" toolchain; return; fi
	row=$(kernel_row "$1")
	read -r _ _ tool _ <<<"$row"
	printf '%s' "$tool"
}

# kernel_traits NAME: words that tests and commands ask for.
kernel_traits() {
	local row arch traits
	if kernel_is_stock "$1"; then
		traits=$(kernel_stock_field "$1" traits)
		# Not "stock": that word is for all that this machine runs without a cross compiler.
		if [[ ,$traits, != *,arm64,* ]]; then printf 'stock x86 '; fi
		printf '%s' "${traits//,/ }"
		return
	fi
	row=$(kernel_row "$1") || return 1
	read -r _ arch _ traits _ <<<"$row"
	[[ $arch != x86 ]] || traits+=" x86"
	printf 'built %s' "${traits//,/ }"
}

kernel_has() { [[ " $(kernel_traits "$1") " == *" $2 "* ]]; }

# kernel_arch NAME: that of its guests, in Debian's words. One that is not this machine's is emulated, and what its
# guests run is cross-compiled (env/kernel/cross.sh).
kernel_arch() { if kernel_has "$1" arm64; then printf arm64; else printf amd64; fi; }
kernel_native() { [[ $(kernel_arch "$1") == amd64 ]]; }

kernel_known() { kernel_is_stock "$1" || kernel_row "$1" >/dev/null; }

kernel_check_fragments() {
	local f
	[[ $1 == *+* ]] || return 0
	for f in $(tr + ' ' <<<"${1#*+}"); do
		[[ -f $VEX_ROOT/env/kernel/$f.config ]] ||
			usage_error "kernel '$1': no fragment env/kernel/$f.config; there are" \
				"$(cd "$VEX_ROOT/env/kernel" && echo *.config | sed 's/\.config//g')"
	done
}

# kernel_fits NAME WORD: WORD is "all" (those of this machine's architecture), a trait, or the series of a stock kernel
# that is here.
kernel_fits() {
	if [[ $2 == all ]]; then kernel_native "$1"; return; fi
	kernel_has "$1" "$2" ||
		{ kernel_is_stock "$1" && kernel_ready "$1" && [[ $(kernel_series "$1") == "$2" ]]; }
}

# kernel_parse WORDS: expand the argument of --kernel: names, "all", a trait ("stock", "debug") or a series, by commas.
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
			if kernel_fits "$k" "$w"; then
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

# kernel_cached NAME: here, or in the cache of built ones.
kernel_cached() {
	kernel_ready "$1" || { ! kernel_is_stock "$1" && kernel_find_built "$1" >/dev/null; }
}

# kernel_missing NAME: of one that is not cached: what it is, and what to do.
kernel_missing() {
	if kernel_is_stock "$1"; then printf 'not fetched; ./vex kernel fetch %s' "$1"
	else printf 'not built; ./vex kernel build %s' "$1"; fi
}

# kernel_need NAME...: fetch or build what is not there.
kernel_need() {
	local k found
	for k in "$@"; do
		# A kernel in the cache does not bring its compiler.
		toolchain_need "$(kernel_toolchain "$k")"
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

# kernel_reachable WORDS NAME...: those of NAME that can be used. A kernel of another suite that WORDS (of --kernel) do
# not name, and that this machine's mirror does not have, is left out with the reason.
kernel_reachable() {
	local words=,$1, k rc
	shift
	for k in "$@"; do
		rc=0
		if kernel_is_stock "$k" && ! kernel_is_host "$k" && [[ $words != *",$k,"* ]]; then
			# In the background, because within a condition set -e is not obeyed.
			(set -e; trap - INT QUIT; kernel_need "$k" >&2) &
			wait "$!" || rc=$?
		fi
		if ((rc == 0)); then
			printf '%s\n' "$k"
		else
			note "left out: $k: $(kernel_stock_field "$k" suite) cannot be had from here (./vex kernel fetch $k tries again)"
		fi
	done
}

# kernel_make_args NAME: what kbuild wants besides M=.
kernel_make_args() {
	if ! kernel_native "$1"; then
		printf 'ARCH=%s CROSS_COMPILE=%s-' "$(kernel_arch "$1")" "$(cross_triplet "$(kernel_arch "$1")")"
	elif ! kernel_is_stock "$1" && kernel_has "$1" uml; then
		printf 'ARCH=um'
	fi
}

# kernel_run NAME CMD...: in the environment of the compiler that built the kernel.
kernel_run() {
	local name=$1
	shift
	toolchain_run "$(kernel_toolchain "$name")" "$@"
}
