# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The compilers kernels are built with, by the word of the tables' column "toolchain":
#
#   host            this machine's gcc-12, which also built Debian 12's kernels
#   SUITE:COMPILER  user space of another Debian suite: its kernels are built by a newer compiler, and the programs in
#                   their headers (modpost, objtool) want its libc
#   rust            Debian 13's rustc and bindgen: those of Debian 12 are older than Linux 6.12 accepts
#
# All but the host's are root file systems, bootstrapped into the cache and entered by chroot, with cache and checkout
# bound to where they are outside.

RUST_SUITE=trixie
RUST_PACKAGES=gcc,make,libc6-dev,bc,bison,flex,libelf-dev,libssl-dev,kmod,cpio,rsync,xz-utils,zstd,rustc,rust-src,bindgen,libclang-dev,ccache
# What decides nothing about a kernel (kernel-doc's checks are written in Perl, menuconfig wants ncurses) does not count
# for the toolchain's name.
RUST_HELPERS=perl,libncurses-dev,pkg-config
# What kbuild wants for a module besides the compiler; perl: kernel-doc of 6.12, which W=1 runs.
SUITE_PACKAGES=make,libc6-dev,libelf1t64,libssl3t64,zlib1g,kmod,perl,ccache

# apt_mirror main|security: the archive this machine takes Debian from (a mirror, a proxy's address, ...).
apt_mirror() {
	local m which=$1
	# shellcheck disable=SC2016	# apt expands it
	m=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
		awk -v which="$which" '$2 == "main" && $3 == "Debian" && (which == "security") == ($1 ~ /security/) {
			print $1; exit }')
	if [[ $which == security ]]; then m=${m:-http://deb.debian.org/debian-security/}; fi
	printf '%s' "${m:-http://deb.debian.org/debian/}"
}

toolchain_suite() { if [[ $1 == rust ]]; then echo "$RUST_SUITE"; else echo "${1%%:*}"; fi; }
toolchain_packages() { if [[ $1 == rust ]]; then echo "$RUST_PACKAGES"; else echo "$SUITE_PACKAGES,${1#*:}"; fi; }

# toolchain_dir WHICH: the root file system; the hash is of all that decides what is in it.
toolchain_dir() {
	local suite hash
	suite=$(toolchain_suite "$1")
	hash=$(printf '%s' "$suite $(toolchain_packages "$1")" | sha256sum | cut -c1-8)
	printf '%s/toolchain/%s-%s-%s' "$VEX_CACHE" "${1#*:}" "$suite" "$hash"
}

# toolchain_ready WHICH
toolchain_ready() { [[ $1 == host || -f $(toolchain_dir "$1")/.complete ]]; }

# root_remove DIR: mmdebstrap without root makes files that belong to users of a name space only.
root_remove() {
	rm -rf "$1" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$1" ||
		die "$EX_ENV" "cannot remove $1: remove it as root, then run the command again"
}

# toolchain_has WHICH [PACKAGE]: it is here, and PACKAGE in it: one made by an older version may lack a helper.
toolchain_has() {
	local dir
	dir=$(toolchain_dir "$1")
	[[ -f $dir/.complete && (-z ${2:-} || -e $dir/var/lib/dpkg/info/$2.list || -e $dir/var/lib/dpkg/info/$2:amd64.list) ]]
}

# What this machine's apt is told about archives that are not renewed (a frozen mirror), for the one inside.
toolchain_aptopts() {
	local o v
	for o in Check-Valid-Until Check-Date; do
		v=''
		eval "$(apt-config shell v "Acquire::$o")"
		if [[ -n $v ]]; then printf '%s\n' "--aptopt=Acquire::$o \"$v\""; fi
	done
}

# toolchain_bootstrap WHICH [PACKAGE]: two commands at once take turns; the second finds it there.
toolchain_bootstrap() {
	local dir suite packages lock opts log=$VEX_BUILD/log/toolchain-${1#*:}.log
	dir=$(toolchain_dir "$1") suite=$(toolchain_suite "$1") packages=$(toolchain_packages "$1")
	mapfile -t opts < <(toolchain_aptopts)
	[[ $1 != rust ]] || packages+=,$RUST_HELPERS
	mkdir -p "${dir%/*}"
	exec {lock}>"$dir.lock"
	flock -n "$lock" || { note "another ./vex bootstraps ${dir##*/}: waiting for it"; flock "$lock"; }
	if toolchain_has "$@"; then return; fi
	need_space "$VEX_CACHE" "$([[ $1 == rust ]] && echo 2500 || echo 800)" "the toolchain of Debian $suite"
	say "Toolchain: Debian $suite's ${1#*:}, bootstrapped into ${dir/#"${HOME:-/root}"/\~}"
	root_remove "$dir.new"
	mkdir -p "$dir.new"
	quietly "bootstrapping $suite" "$log" mmdebstrap --variant=minbase --include="$packages" \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' "${opts[@]}" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt=force-unsafe-io "$suite" "$dir.new" "deb $(apt_mirror main) $suite main" ||
		die "$EX_ENV" "could not bootstrap Debian $suite from $(apt_mirror main); check that this mirror has the suite" \
			"(all of it: ${log#"$VEX_ROOT"/}) and run the command again"
	root_remove "$dir"
	mv "$dir.new" "$dir"
	: >"$dir/.complete"
	exec {lock}>&-
}

# toolchain_need WHICH [PACKAGE]: the host's comes with the packages of the command.
toolchain_need() {
	if [[ $1 == host ]] || toolchain_has "$@"; then return; fi
	toolchain_bootstrap "$@"
}

# toolchain_id WHICH: the compiler as one line; part of the key of everything it built. 1: it is not installed.
toolchain_id() {
	if [[ $1 != host ]]; then toolchain_dir "$1" | sed 's#.*/##'; return; fi
	type -P gcc-12 >/dev/null || return 1
	gcc-12 --version | head -n1
}

# toolchain_cc WHICH: the name of its C compiler.
toolchain_cc() {
	case $1 in
	host) echo gcc-12 ;;
	rust) echo gcc ;;
	*) echo "${1#*:}" ;;
	esac
}

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
	unshare --mount "${user[@]}" /bin/sh -c "$CHROOT_SCRIPT" sh "$(toolchain_dir "$which")" "$PWD" \
		"$VEX_ROOT" "$VEX_CACHE" /dev /proc -- env HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		CCACHE_DIR="$VEX_CACHE/ccache" "$@"
}
