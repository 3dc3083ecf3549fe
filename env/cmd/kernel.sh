# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034
# One-line purpose: list, fetch, build, configure and check the kernels guests run

cmd_help() {
	kernel_usage
	awk '/^[a-z0-9]/ { printf "  %-10s", $1; for (i = 6; i <= NF; i++) printf "%s%s", $i, i < NF ? " " : ""
		print $2 == "host" ? "" : " (" $2 ", read through an apt state of its own)" }' "$KERNEL_STOCK"
	cat <<'END'

Those of other suites bring a toolchain of that suite into the cache, once. The others are built from Debian's
linux-source packages with the fragments of env/kernel that env/kernel/table names, and kept in the cache by the hash
of source, configuration and compiler; a build that was interrupted continues where it stopped. None is ever installed
on this machine. NAME+FRAGMENT is a kernel with one more fragment. For --kernel, a series (7.3) is the stock kernel here
that has it.

  list      every kernel, what it is for, and whether it is here
  names     their names, one a line
  fetch     download and unpack stock kernels, without a name Debian 12's; --update takes a newer version where the
            archive has one
  build     build kernels that are not here yet (a debug kernel: 8 to 15 minutes on 2 cores)
  config    menuconfig on a kernel's configuration; --save FRAGMENT writes what you changed to
            env/kernel/FRAGMENT.config, --edit COMMAND runs COMMAND in the build directory instead of menuconfig
  check     compile a small module against each kernel that is here: finds a broken set-up in seconds
  rust      build the kernel's Rust sample for a stock kernel that has CONFIG_RUST (backports; some minutes, once)

  --json    one object on standard output, all else on standard error (docs/json.md); not for config
  -v, --no-install

examples:
  ./vex kernel build debug-6.1
  ./vex kernel fetch backports && ./vex run --kernel backports
  ./vex kernel config debug-6.1 --save slub && ./vex shell --kernel debug-6.1+slub
END
}

kernel_usage() {
	cat <<'END'
usage: ./vex kernel list
       ./vex kernel names
       ./vex kernel fetch [NAME|all] [--update]
       ./vex kernel build NAME...
       ./vex kernel config NAME [--save FRAGMENT] [--edit COMMAND]
       ./vex kernel check [NAME...]
       ./vex kernel rust NAME

Stock kernels are Debian packages, one row each of env/kernel/stock, downloaded by apt into the cache and unpacked
under build/kernels/:
END
}

kernel_purpose() {
	if kernel_is_stock "$1"; then kernel_stock_field "$1" purpose; return; fi
	case $1 in
	debug-*) echo "KASAN, UBSAN, lockdep, kmemleak, kgdb, KUnit, faults, kcov" ;;
	rust-*) echo "CONFIG_RUST=y and a Rust sample module" ;;
	uml-*) echo "User-Mode Linux: a process, no emulation" ;;
	esac
}

# NAME STATE RELEASE SIZE
kernel_state() {
	local dir
	if kernel_ready "$1"; then
		printf 'ready\t%s\t%s' "$(kernel_release "$1")" "$(du -shL "$(kernel_dir "$1")/vmlinuz" | cut -f1)"
	elif kernel_is_stock "$1"; then
		printf 'not fetched\t-\t-'
	elif dir=$(kernel_find_built "$1"); then
		printf 'cached\t%s\t%s' "$(<"$dir/release")" "$(du -shL "$dir/vmlinuz" | cut -f1)"
	elif [[ -f $(kernel_obj "$1")/build.log ]]; then
		printf 'build begun\t-\t-'
	else
		printf 'not built\t-\t-'
	fi
}

kernel_list() {
	local k state release size
	printf '%-12s %-12s %-26s %-7s %s\n' KERNEL STATE RELEASE IMAGE FOR
	for k in $({ kernel_names; find "$VEX_SHARED/kernels" -mindepth 1 -maxdepth 1 -name '*+*' -printf '%f\n' 2>/dev/null; } ); do
		kernel_known "$k" || continue
		IFS=$'\t' read -r state release size <<<"$(kernel_state "$k")"
		printf '%-12s %-12s %-26s %-7s %s\n' "$k" "$state" "$release" "$size" "$(kernel_purpose "$k")"
		report_add kernel "$k" "$state" "$release" "$(kernel_purpose "$k")"
	done
}

# What differs from the configuration the fragments made, as a fragment.
config_difference() {
	awk '
		function opt(l) { if (l ~ /^# CONFIG_.* is not set/) { split(l, a, " "); name = a[2]; val = "n"; return 1 }
			if (l ~ /^CONFIG_/) { name = l; sub(/=.*/, "", name); val = l; sub(/^[^=]*=/, "", val); return 1 }
			return 0 }
		NR == FNR { if (opt($0)) old[name] = val; next }
		opt($0) { seen[name] = 1; if (!(name in old) ? val != "n" : old[name] != val) print name "=" val }
		END { for (o in old) if (!(o in seen) && old[o] != "n") print o "=n" }' "$1" "$2" |
		{ grep -vE '^CONFIG_(CC_VERSION_TEXT|GCC_VERSION|.*_VERSION)=' || (($? == 1)); }
}

kernel_menuconfig() { kernel_make "$1" "$2" menuconfig; }

kernel_config() {
	local name=$1 save=$2 edit=$3 src obj out
	kernel_is_stock "$name" && usage_error "$name is Debian's own: only a built kernel can be configured" \
		"($(kernel_built_names | tr '\n' ' '))"
	[[ -n $edit || -t 0 ]] || usage_error "menuconfig requires a terminal; in scripts use --edit COMMAND"
	[[ -z $save || $save =~ ^[a-z][a-z0-9_]*$ ]] || usage_error "--save $save: a fragment's name is small letters and digits"
	out=$VEX_ROOT/env/kernel/$save.config
	[[ -z $save || ! -e $out ]] || usage_error "env/kernel/$save.config exists: choose another name, or remove it first"
	WANTS=()
	[[ -n $edit ]] || WANTS+=(--menu)
	toolchain_ready "$(kernel_toolchain "$name")" || WANTS+=(kernel-toolchain)
	need kernel/config "${WANTS[@]}"
	toolchain_need "$(kernel_toolchain "$name")" "$([[ -n $edit ]] || echo libncurses-dev)"
	src=$(kernel_source "$(kernel_series "$name")") || exit
	kernel_configure "$name" "$src"
	obj=$(kernel_obj "$name")
	if [[ -n $edit ]]; then
		(cd "$obj" && PATH=$src/scripts:$PATH run bash -c "$edit") || die "$EX_FAILED" "'$edit' failed"
		quietly "olddefconfig" "$obj/config.log" kernel_make "$name" "$src" -s olddefconfig ||
			die "$EX_ENV" "the edited configuration is not usable; see $obj/config.log"
	else
		kernel_menuconfig "$name" "$src"
	fi
	config_difference "$obj/config.made" "$obj/.config" >"$obj/difference"
	if [[ ! -s $obj/difference ]]; then say "nothing changed"; return; fi
	cat "$obj/difference"
	if [[ -n $save ]]; then
		{ printf '# From ./vex kernel config %s: say here what needs it.\n\n' "$name"; cat "$obj/difference"; } >"$out"
		note "written to env/kernel/$save.config; use it: ./vex kernel build $name+$save"
	else
		note "not kept: --save FRAGMENT writes this to env/kernel"
	fi
}

# kernel_fetch_all UPDATE WORDS NAME...: what WORDS (as typed) do not name and this mirror does not have is left out.
kernel_fetch_all() {
	local update=$1 words=$2 k stock=()
	shift 2
	for k in "$@"; do
		if kernel_is_stock "$k"; then stock+=("$k"); else note "$k is built, not fetched: ./vex kernel build $k"; fi
	done
	((${#stock[@]})) || return 0
	kernel_wants "${stock[@]}"
	need kernel/fetch "${WANTS[@]}"
	for k in $(kernel_reachable "$words" "${stock[@]}"); do
		if ((update)); then kernel_fetch "$k"; else kernel_need "$k"; fi
	done
}

kernel_rust_need() {
	kernel_wants "$1"
	toolchain_ready rust || WANTS+=(kernel-toolchain)
	need kernel/rust "${WANTS[@]}"
	kernel_need "$1"
	toolchain_need rust
}

cmd_main() {
	local verb=${1:-} names=() update=0 save='' edit='' k words
	[[ -n $verb ]] || usage_error "list, names, fetch, build, config, check or rust?"
	shift
	while (($#)); do
		case $1 in
		--update) update=1 ;;
		--save) need_value "$1" $#; save=$2; shift ;;
		--edit) need_value "$1" $#; edit=$2; shift ;;
		--no-install) VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) names+=("$1") ;;
		esac
		shift
	done
	words=$(IFS=,; echo "${names[*]}")
	# All names are looked at before anything is done.
	local expanded=''
	if ((${#names[@]})); then expanded=$(for k in "${names[@]}"; do kernel_parse "$k" || exit; done) || exit; fi
	mapfile -t names < <(grep . <<<"$expanded")
	case $verb in
	list) kernel_list ;;
	names) kernel_names ;;
	fetch)
		((${#names[@]})) || mapfile -t names < <(kernel_default_names)
		kernel_fetch_all "$update" "$words" "${names[@]}"
		kernel_list
		;;
	build)
		((${#names[@]})) || usage_error "build which kernel? ($(kernel_built_names | tr '\n' ' '))"
		kernel_wants "${names[@]}"
		need kernel/build "${WANTS[@]}"
		for k in "${names[@]}"; do
			if kernel_is_stock "$k"; then note "$k is fetched, not built"; kernel_need "$k"; continue; fi
			kernel_ready "$k" || kernel_need "$k"
		done
		kernel_list
		;;
	config)
		((${#names[@]} == 1)) || usage_error "config requires one kernel"
		kernel_config "${names[0]}" "$save" "$edit"
		;;
	check)
		declare -F kernel_check >/dev/null || die "$EX_ENV" "env/kernel/kernelcheck.sh is missing"
		kernel_check "${names[@]}"
		;;
	rust)
		((${#names[@]} == 1)) || usage_error "rust requires one kernel"
		kernel_is_stock "${names[0]}" || usage_error "rust: ${names[0]} is built with Rust or without: use a stock kernel"
		kernel_rust_need "${names[0]}"
		kernel_rust "${names[0]}"
		;;
	*) usage_error "unknown verb '$verb': list, names, fetch, build, config, check or rust" ;;
	esac
}
