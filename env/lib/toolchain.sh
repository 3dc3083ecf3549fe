# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The compilers kernels are built with. "host": this machine's gcc-12, which also built Debian's kernels.
# "rust": Debian 12's rustc and bindgen are older than Linux 6.12 accepts, so a root file system of Debian 13 is
# bootstrapped into the cache and entered by chroot, with cache and checkout bound to where they are outside.

RUST_SUITE=trixie
RUST_PACKAGES=gcc,make,libc6-dev,bc,bison,flex,libelf-dev,libssl-dev,kmod,cpio,rsync,xz-utils,zstd,rustc,rust-src,bindgen,libclang-dev,ccache
# What decides nothing about a kernel (kernel-doc's checks are written in Perl, menuconfig wants ncurses) does not count
# for the toolchain's name.
RUST_HELPERS=perl,libncurses-dev,pkg-config

# The archive this machine takes Debian from (a mirror, a proxy's address, ...).
apt_mirror() {
	local m
	# shellcheck disable=SC2016	# apt expands it
	m=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 == "main" && $1 !~ /security/ { print $1; exit }')
	printf '%s' "${m:-http://deb.debian.org/debian/}"
}

rust_dir() {
	local hash
	hash=$(printf '%s' "$RUST_SUITE $RUST_PACKAGES" | sha256sum | cut -c1-8)
	printf '%s/toolchain/rust-%s-%s' "$VEX_CACHE" "$RUST_SUITE" "$hash"
}

# rust_remove DIR: mmdebstrap without root makes files that belong to users of a name space only.
rust_remove() {
	rm -rf "$1" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$1" ||
		die "$EX_ENV" "cannot remove $1: remove it as root, then run the command again"
}

# rust_need [PACKAGE]: the toolchain, with PACKAGE of its helpers: one made by an older version may lack that.
rust_need() {
	local dir log=$VEX_BUILD/log/toolchain-rust.log
	dir=$(rust_dir)
	if [[ -f $dir/.complete && (-z ${1:-} || -e $dir/var/lib/dpkg/info/$1.list || -e $dir/var/lib/dpkg/info/$1:amd64.list) ]]; then return; fi
	need_space "$VEX_CACHE" 2500 "the Rust toolchain"
	say "Rust toolchain: Debian $RUST_SUITE's rustc and bindgen, bootstrapped into ${dir/#"${HOME:-/root}"/\~}"
	rust_remove "$dir.new"
	mkdir -p "$dir.new"
	quietly "bootstrapping $RUST_SUITE" "$log" mmdebstrap --variant=minbase --include="$RUST_PACKAGES,$RUST_HELPERS" \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt=force-unsafe-io "$RUST_SUITE" "$dir.new" "deb $(apt_mirror) $RUST_SUITE main" ||
		die "$EX_ENV" "could not bootstrap Debian $RUST_SUITE from $(apt_mirror); check the network" \
			"(all of it: ${log#"$VEX_ROOT"/}) and run the command again"
	rust_remove "$dir"
	mv "$dir.new" "$dir"
	: >"$dir/.complete"
}

# toolchain_need WHICH [PACKAGE]: the host's comes with the packages of the command.
toolchain_need() {
	case $1 in
	host) ;;
	rust) rust_need "${2:-}" ;;
	esac
}

# toolchain_id WHICH: the compiler as one line; part of the key of everything it built. 1: it is not installed.
toolchain_id() {
	case $1 in
	host)
		type -P gcc-12 >/dev/null || return 1
		gcc-12 --version | head -n1
		;;
	rust) rust_dir | sed 's#.*/##' ;;
	esac
}

# toolchain_cc WHICH: the name of its C compiler.
toolchain_cc() { case $1 in host) echo gcc-12 ;; *) echo gcc ;; esac }

# In the name space of its own that this enters, mounts go with the last process.
# shellcheck disable=SC2016	# the inner shell expands it
CHROOT_SCRIPT='
set -e
dir=$1 cwd=$2
shift 2
while [ "$1" != -- ]; do
	mkdir -p "$dir$1"
	mount --rbind "$1" "$dir$1"
	shift
done
shift
exec chroot "$dir" /usr/bin/env -C "$cwd" "$@"'

# toolchain_run WHICH CMD...: where that toolchain is, in the current directory.
toolchain_run() {
	local which=$1 user=()
	shift
	if [[ $which == host ]]; then "$@"; return; fi
	((EUID == 0)) || user=(--map-root-user)
	trace "$@"
	unshare --mount "${user[@]}" /bin/sh -c "$CHROOT_SCRIPT" sh "$(rust_dir)" "$PWD" \
		"$VEX_ROOT" "$VEX_CACHE" /dev /proc -- env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		CCACHE_DIR="$VEX_CACHE/ccache" "$@"
}
