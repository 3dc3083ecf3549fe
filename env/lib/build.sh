# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Building what goes into the guest, always through the top-level Makefile.

JOBS=$(nproc 2>/dev/null || echo 2)

# Two commands at once in one checkout take turns at building.
build_lock() {
	local dir=${VEX_SHARED:-$VEX_BUILD}
	mkdir -p "$dir"
	exec {BUILD_LOCK}>"$dir/.build.lock"
	flock "$BUILD_LOCK"
}
build_unlock() { exec {BUILD_LOCK}>&-; }

# build_step LABEL LOG MAKE-ARGUMENT...; with BUILD_FOR=KERNEL by that kernel's compiler
build_step() {
	local label=$1 log=$VEX_BUILD/log/$2.log
	shift 2
	need_space "$VEX_BUILD" 200 "$label"
	build_lock
	quietly "$label" "$log" kernel_run "${BUILD_FOR:-6.1}" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory "$@" ||
		die "$EX_ENV" "$label failed: correct what the lines above name (all of it: ${log#"$VEX_ROOT"/})$(caller_blame)"
	build_unlock
}

build_tools() { build_step "building the tools" tools all; }
# build_guest KERNEL...: once for each architecture among them.
build_guest() {
	local k arch args=()
	if ! module_is_own; then module_tools; return; fi
	for arch in $(for k in "$@"; do printf '%s\n' "$(kernel_arch "$k")"; done | sort -u); do
		if [[ $arch == amd64 ]]; then build_step "building the guest's tools and tests" guest guest; continue; fi
		cross_sysroot_need "$arch"
		mapfile -t args < <(cross_make_args "$arch")
		build_step "building the guest's tools and tests for $arch" "guest-$arch" "${args[@]}" guest
	done
}

# Debug modules of VexFS (faults on demand, KUnit suites) are for debug kernels, and for whoever sets VEX_MODULE_DEBUG=1.
module_debug() {
	module_is_own || return
	[[ ${VEX_MODULE_DEBUG:-} == 1 ]] && return
	kernel_has "$1" debug
}

# Both kinds side by side, so that asking for one does not rebuild the other.
module_dir() { printf '%s/kmod/%s%s' "$VEX_BUILD" "$1" "$(module_debug "$1" && echo -debug)"; }
module_path() { printf '%s/%s' "$(module_dir "$1")" "${MODULE[ko]}"; }

# Linux 6.12's scripts/module.lds.S leaves .data of a module at an address other than 0, which is what a relocatable
# file has; gdb then takes the module's variables for code and shows other memory.
module_flatten() {
	[[ $(od -An -tx2 -j18 -N2 "$1") == *3e ]] || return 0	# of x86-64
	if readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\]//' | awk '$2 == "PROGBITS" && $3 !~ /^0+$/ { found = 1 } END { exit !found }'; then
		objcopy --change-section-address '*=0' "$1"
	fi
}

# module_fresh SERIES: vexfs.ko is as ./vex left it, and newer than all it is made of. A source that is gone makes its
# directory newer. Where the caller's variables have a say, make decides.
module_fresh() {
	local ko k
	ko=$(module_path "$1") k=$(kernel_dir "$1")
	[[ -f $ko && $ko.built -nt $ko && -z ${W:-}${KMAKE_ARGS:-}${VEXFS_WERROR:-}${CC:-}${CFLAGS:-} ]] || return 1
	[[ -z $(find -L "$VEX_ROOT"/{core,kmod,include,Makefile,VERSION} "$VEX_ROOT/env/lib/build.sh" "$k/.complete" \
		"$k/kdir/.config" "$(type -P gcc-12)" -newer "$ko" -print -quit 2>/dev/null) ]]
}

build_module() {
	local series=$1 debug=() args BUILD_FOR=$1
	kernel_compiler_warn "$series"
	if ! module_is_own; then module_make "$series"; return; fi
	if module_fresh "$series"; then return; fi
	if module_debug "$series"; then
		debug=(VEXFS_DEBUG=1)
		[[ -f $(module_path "$series") ]] || note "the debug variant of vexfs.ko for $series is not here: it is built once"
	fi
	args=$(kernel_make_args "$series")
	build_step "building vexfs.ko for $series" "module-$series" modules KDIR="$(kernel_dir "$series")/kdir/" \
		MODOUT="$(module_dir "$series")" "${debug[@]}" ${args:+KMAKE_ARGS="$args"}
	[[ -f $(module_path "$series") ]] || die "$EX_ENV" "make modules left no $(module_path "$series")"
	module_flatten "$(module_path "$series")"
	: >"$(module_path "$series").built"
}
