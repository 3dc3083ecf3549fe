# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds for another architecture: Debian's cross compiler, and from the same archive the kernel headers and the
# libraries of that architecture. apt gets a state directory of its own for them, so that dpkg's architectures on
# this machine stay as they are; nothing of the other architecture is installed, only unpacked under build/ARCH.
#
# The programs in the headers' scripts/ run on this machine, so those come from its own linux-kbuild package.

# shellcheck disable=SC2034	# read by ./vex build
CROSS_ARCHS=(arm64)
# Unit tests worth their time under emulation: byte order, alignment, arithmetic, the distance kernels.
# shellcheck disable=SC2034	# read by ./vex build
CROSS_TESTS=(test_block test_btree test_journal test_softfloat test_vec test_vec_simd)
CROSS_LIBS=(libblkid1 libblkid-dev libuuid1 uuid-dev libjson-c5 libjson-c-dev libxxhash0 libxxhash-dev
	libunistring2 libunistring-dev
	libcmocka0 libcmocka-dev)

cross_triplet() { case $1 in arm64) echo aarch64-linux-gnu ;; esac }
cross_qemu() { case $1 in arm64) echo qemu-aarch64 ;; esac }
cross_dir() { printf '%s/%s' "$VEX_BUILD" "$1"; }
cross_sysroot() { printf '%s/sysroot' "$(cross_dir "$1")"; }
cross_kernel_dir() { printf '%s/kernels/%s' "$(cross_dir "$1")" "$2"; }

# cross_apt ARCH CMD...: the command with apt asking for that architecture; sources and proxies are the host's.
cross_apt() {
	local state=$VEX_CACHE/apt-$1 arch=$1
	shift
	mkdir -p "$state"/{lists,archives}/partial
	: >"$state/status"
	cat >"$state/conf" <<-EOF
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Dir::State::lists "$state/lists";
		Dir::State::status "$state/status";
		Dir::Cache "$state";
	EOF
	APT_CONFIG=$state/conf "$@"
}

# The lists of the other architecture are old when the host's would be.
# cross_update ARCH [--now]
cross_update() {
	local lists=$VEX_CACHE/apt-$1/lists
	if [[ ${2:-} != --now ]] &&
		find "$lists" -maxdepth 1 -name '*_Packages*' -mtime -7 -print -quit 2>/dev/null | grep -q .; then return; fi
	say "Package lists for $1"
	quietly "apt-get update for $1" "$VEX_BUILD/log/apt-update-$1.log" cross_apt "$1" apt-get "${APT_OPTS[@]}" update ||
		die "$EX_ENV" "could not read the archive's package lists for $1; check the network and that the archive of" \
			"/etc/apt/sources.list* has this architecture"
}

# cross_fetch ARCH DEST PKG...: unpack into DEST.
cross_fetch() {
	local arch=$1 dest=$2 p f
	shift 2
	for p in "$@"; do
		if [[ $p == linux-kbuild-* ]]; then f=$(deb_fetch "$p"); else f=$(cross_apt "$arch" deb_fetch "$p"); fi ||
			die "$EX_ENV" "could not download $p for $arch; check the network and try again"
		run dpkg-deb -x "$f" "$dest" || die "$EX_ENV" "could not unpack $f"
	done
}

# Libraries the tools and unit tests link.
cross_sysroot_need() {
	local arch=$1 root
	root=$(cross_sysroot "$arch")
	if [[ -f $root/.complete && $(<"$root/.complete") == "${CROSS_LIBS[*]}" ]]; then return; fi
	cross_update "$arch"
	say "Libraries for $arch: ${CROSS_LIBS[*]} (unpacked under ${root#"$VEX_ROOT"/})"
	rm -rf "$root"
	mkdir -p "$root"
	cross_fetch "$arch" "$root" "${CROSS_LIBS[@]}"
	echo "${CROSS_LIBS[*]}" >"$root/.complete"
}

# cross_kernel_need ARCH SERIES: the headers of Debian's kernel for that architecture.
cross_kernel_need() {
	local arch=$1 series=$2 dir release pkgs p want=()
	dir=$(cross_kernel_dir "$arch" "$series")
	if [[ -f $dir/.complete && $(<"$dir/.complete") == "$dir" ]]; then return; fi
	cross_update "$arch"
	pkgs=$(KERNEL_FLAVOUR=cloud-$arch cross_apt "$arch" kernel_packages "linux-image-$series.*") ||
		die "$EX_ENV" "the archive has no linux-image-$series*-cloud-$arch"
	for p in $pkgs; do
		if [[ $p =~ ^linux-(headers|kbuild)- ]]; then want+=("$p"); fi
	done
	say "Kernel $series for $arch: ${want[0]} (unpacked under ${dir#"$VEX_ROOT"/})"
	rm -rf "$dir"
	mkdir -p "$dir/root"
	cross_fetch "$arch" "$dir/root" "${want[@]}"
	release=${want[0]#linux-headers-}
	kernel_relocate_headers "$dir/root" "$release" "$dir/root"
	ln -sfn "root/usr/src/linux-headers-$release" "$dir/kdir"
	printf '%s\n' "$release" >"$dir/release"
	printf '%s\n' "$dir" >"$dir/.complete"
}

# cross_busybox_need ARCH: the guest's, static.
cross_busybox() { printf '%s/busybox/bin/busybox' "$(cross_dir "$1")"; }
cross_busybox_need() {
	local dir
	[[ ! -x $(cross_busybox "$1") ]] || return 0
	dir=$(cross_dir "$1")/busybox
	cross_update "$1"
	rm -rf "$dir.new"
	mkdir -p "$dir.new"
	cross_fetch "$1" "$dir.new" busybox-static
	rm -rf "$dir"
	mv "$dir.new" "$dir"
}

# cross_init_need ARCH: the guest's first process.
cross_init_need() {
	local out
	out=$(cross_dir "$1")/env
	build_lock
	quietly "building init for $1" "$VEX_BUILD/log/env-$1.log" make -s -C "$VEX_ROOT/env" OUT="$out" \
		CC="$(cross_triplet "$1")-gcc" "$out/init" ||
		die "$EX_ENV" "init does not compile for $1; see ${VEX_BUILD#"$VEX_ROOT"/}/log/env-$1.log$(caller_blame)"
	build_unlock
}

# cross_make ARCH TARGET...: the Makefile's variables for that architecture.
cross_make_args() {
	local arch=$1 t root
	t=$(cross_triplet "$arch")
	root=$(cross_sysroot "$arch")
	printf '%s\n' "ARCH=$arch" "CROSS_COMPILE=$t-" "SANITIZE=" \
		"CFLAGS=-isystem $root/usr/include -isystem $root/usr/include/$t" \
		"LDFLAGS=-L$root/usr/lib/$t -Wl,-rpath-link,$root/usr/lib/$t"
}

# cross_runner ARCH PROGRAM...: wrappers of the same names that run them under emulation; prints their paths.
cross_runner() {
	local arch=$1 dir t p
	shift
	dir=$(cross_dir "$arch")/emulated
	t=$(cross_triplet "$arch")
	mkdir -p "$dir"
	for p in "$@"; do
		{
			printf '#!/bin/sh\n'
			printf 'exec %s -L /usr/%s -E LD_LIBRARY_PATH=%q %q "$@"\n' "$(cross_qemu "$arch")" "$t" \
				"$(cross_sysroot "$arch")/usr/lib/$t" "$p"
		} >"$dir/${p##*/}"
		chmod +x "$dir/${p##*/}"
		printf '%s\n' "$dir/${p##*/}"
	done
}
