# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Building what goes into the guest, always through the top-level Makefile.

PKG_TOOLS=(libblkid-dev uuid-dev libjson-c-dev libxxhash-dev)
JOBS=$(nproc 2>/dev/null || echo 2)

build_packages() { need_packages "${PKG_BUILD[@]}" "${PKG_TOOLS[@]}" "${PKG_KERNEL[@]}" "${PKG_VM[@]}" "$@"; }

# build_step LABEL LOG MAKE-ARGUMENT...
build_step() {
	local label=$1 log=$VEX_BUILD/log/$2.log
	shift 2
	need_space "$VEX_BUILD" 200 "$label"
	quietly "$label" "$log" make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory "$@" ||
		die "$EX_ENV" "$label failed: correct what the lines above name (all of it: ${log#"$VEX_ROOT"/})"
}

build_tools() { build_step "building the tools" tools all; }
build_guest() { build_step "building the guest's tools and tests" guest guest; }

module_path() { printf '%s/kmod/%s/vexfs.ko' "$VEX_BUILD" "$1"; }

build_module() {
	local series=$1
	build_step "building vexfs.ko for $series" "module-$series" modules \
		KDIR="$(kernel_dir "$series")/kdir/" MODOUT="$VEX_BUILD/kmod/$series"
	[[ -f $(module_path "$series") ]] || die "$EX_ENV" "make modules left no $(module_path "$series")"
}
