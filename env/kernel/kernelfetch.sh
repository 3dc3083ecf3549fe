# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Debian's stock kernels, the rows of env/kernel/stock: packages downloaded by apt into the cache, unpacked under
# build/kernels/NAME.
#
# The cloud-amd64 flavour: a third of the size of amd64, jbd2 and ext4 built in, and it still has
# virtio, loop, dm-flakey, dm-log-writes and virtiofs. What it lacks (9p, i6300esb) nothing here needs.

KERNEL_FLAVOUR=cloud-amd64
# shellcheck disable=SC2034	# read by kernel_stamp
KERNEL_TREE_VERSION=4		# raise when the layout made below changes

# kernel_resolve_image PATTERN: the real package behind the metapackages; else the highest version apt knows.
kernel_resolve_image() {
	local pattern=$1-$KERNEL_FLAVOUR meta dep series=${1#linux-image-}
	series=${series%%\**}
	for meta in "linux-image-${series%.}-$KERNEL_FLAVOUR" "linux-image-$KERNEL_FLAVOUR"; do
		apt_known "$meta" || continue
		dep=$(apt_depends "$meta" 'linux-image-[^ ,|]+' | tail -n1)
		# shellcheck disable=SC2053	# a pattern
		[[ $dep == $pattern ]] && { printf '%s' "$dep"; return; }
	done
	apt-cache pkgnames "linux-image-$series" 2>/dev/null |
		grep -E -- "[0-9](\+deb[0-9]+)?-$KERNEL_FLAVOUR\$" | sort -V | tail -n1
}

apt_field() { apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n "s/^$2: *//p" | head -n1; }

# apt_known PKG: whether apt's lists have it.
apt_known() { apt-cache pkgnames "$1" | grep -xF -- "$1" >/dev/null; }

# apt_depends PKG REGEX: the names it depends on that match, one a line; that can be none.
apt_depends() {
	apt_field "$1" Depends | awk -v want="^$2\$" 'BEGIN { RS = "[ ,|\n]+" } $0 ~ want'
}

# kernel_packages PATTERN: the packages of one kernel, its image first: headers and the programs that build modules, and
# where the image package is empty (Linux 7) those that have the kernel and the modules.
kernel_packages() {
	local image abi deps kbuild
	image=$(kernel_resolve_image "$1")
	[[ -n $image ]] || return 1
	abi=${image#linux-image-}
	deps=$(apt_field "linux-headers-$abi" Depends)
	kbuild=$(grep -oE 'linux-kbuild-[^ ,|]+' <<<"$deps" | head -n1)
	[[ -n $kbuild ]] || return 1
	printf '%s\n' "$image" "linux-headers-$abi" "linux-headers-${abi%-"$KERNEL_FLAVOUR"}-common" "$kbuild"
	apt_depends "$image" 'linux-(binary|modules|base)-[0-9][^ ,|]*'
}

# deb_fetch PKG: download into the cache, checked against the signed lists; prints the file name.
deb_fetch() {
	local pkg=$1 ver sha size file dir=$VEX_CACHE/debs
	ver=$(apt_field "$pkg" Version)
	sha=$(apt_field "$pkg" SHA256)
	size=$(apt_field "$pkg" Size)
	[[ -n $ver && -n $sha ]] || return 1
	file=$dir/${pkg}_${ver//:/%3a}.deb
	if [[ -f $file && $(stat -c %s "$file") == "$size" ]]; then
		printf '%s' "$file"
		return
	fi
	mkdir -p "$dir"
	local tmp
	tmp=$(mktemp -d "$dir/.fetch.XXXXXX")
	note "downloading $pkg $ver ($((size / 1000000)) MB)"
	# Sandbox::User=root: the cache may lie in a home that _apt cannot enter.
	if ! (cd "$tmp" && trace apt-get download "$pkg=$ver" &&
		apt-get "${APT_OPTS[@]}" -o APT::Sandbox::User=root -qq download "$pkg=$ver" >&2) ||
		! sha256sum --quiet -c <<<"$sha  $(echo "$tmp"/*.deb)" >&2; then
		rm -rf "$tmp"
		return 1
	fi
	mv "$tmp"/*.deb "$file"
	rm -rf "$tmp"
	printf '%s' "$file"
}

# kernel_relocate_headers ROOT RELEASE FINAL: the unpacked headers point at /usr/src and /usr/lib of a host they are not
# installed on; afterwards they point into FINAL, where ROOT is going to be.
kernel_relocate_headers() {
	local root=$1 release=$2 final=$3 hdr common kbuild f d
	hdr=$root/usr/src/linux-headers-$release
	common=$(echo "$root"/usr/src/linux-headers-*-common)
	kbuild=$(echo "$root"/usr/lib/linux-kbuild-*)
	for f in "$hdr/Makefile" "$common/Makefile" "$hdr/.kernelvariables"; do
		[[ -f $f ]] || continue
		sed -i -e "s#\([ =:]\)/usr/src/linux-headers#\1$final/usr/src/linux-headers#g" \
			-e "s#\([ =:]\)/usr/lib/linux-kbuild#\1$final/usr/lib/linux-kbuild#g" "$f"
	done
	for f in scripts tools; do
		[[ -d $kbuild/$f ]] || continue
		for d in "$hdr" "$common"; do
			[[ -L $d/$f || ! -e $d/$f ]] && ln -sfn "$final${kbuild#"$root"}/$f" "$d/$f"
		done
	done
	return 0
}

# Modules uncompressed (the guest's init has no xz) and an index (Debian makes it at install time).
kernel_prepare_modules() {
	local root=$1 release=$2
	find "$root/lib/modules/$release" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 xz -d -f
	depmod -b "$root" "$release"
}

# kernel_boot_files DIR RELEASE: links to what boots and its configuration; Linux 7 has them among the modules.
kernel_boot_files() {
	local dir=$1 release=$2 f from
	for f in vmlinuz config; do
		from=root/boot/$f-$release
		[[ -e $dir/$from ]] || from=root/lib/modules/$release/$f
		ln -sfn "$from" "$dir/$f"
	done
}

# kernel_unpack NAME RELEASE DEB...: under another name first. A tree that ends half made is not there, or is the old
# one.
kernel_unpack() {
	local name=$1 release=$2 dir new deb
	shift 2
	dir=$(kernel_dir "$name") new=$dir.new
	rm -rf "$new"
	mkdir -p "$new/root"
	for deb in "$@"; do run dpkg-deb -x "$deb" "$new/root"; done
	# Since trixie-era packages the modules may come under /usr/lib.
	if [[ ! -d $new/root/lib/modules && -d $new/root/usr/lib/modules ]]; then ln -s usr/lib "$new/root/lib"; fi
	kernel_relocate_headers "$new/root" "$release" "$dir/root"
	kernel_prepare_modules "$new/root" "$release"
	kernel_boot_files "$new" "$release"
	ln -sfn "root/usr/src/linux-headers-$release" "$new/kdir"
	printf '%s\n' "$release" >"$new/release"
	kernel_traits "$name" >"$new/traits"
	kernel_stamp "$name" >"$new/.complete"
	rm -rf "$dir"
	mv "$new" "$dir"
}

# kernel_fetch NAME: takes the newest there is. Two commands at once take turns; the second has nothing left to do,
# unless the kernel was there before and is to be renewed.
kernel_fetch() {
	local lock ready=0
	if kernel_ready "$1"; then ready=1; fi
	toolchain_need "$(kernel_toolchain "$1")"
	mkdir -p "$VEX_SHARED"
	exec {lock}>"$VEX_SHARED/.kernel-$1.lock"
	flock -n "$lock" || { note "another ./vex fetches kernel $1: waiting for it"; flock "$lock"; }
	if ((ready)) || ! kernel_ready "$1"; then kernel_fetch_now "$1" "$ready"; fi
	exec {lock}>&-
}

# kernel_apt NAME CMD...: the command with apt asking for that kernel's suite and architecture.
kernel_apt() {
	local name=$1
	shift
	if kernel_native "$name"; then suite_apt "$(kernel_stock_field "$name" suite)" "$@"
	else cross_apt "$(kernel_arch "$name")" "$@"; fi
}

# kernel_deb NAME PKG: its file in the cache. kbuild's programs run on this machine whatever they build for.
kernel_deb() {
	if kernel_native "$1"; then suite_deb "$(kernel_stock_field "$1" suite)" "$2"
	elif [[ $2 == linux-kbuild-* ]]; then suite_deb host "$2"
	else kernel_apt "$1" deb_fetch "$2"; fi
}

# suite_deb SUITES PKG: its file in the cache; lists that are older than the archive are renewed once.
suite_deb() {
	suite_apt "$1" deb_fetch "$2" && return
	[[ $VEX_INSTALL == 1 ]] || return 1
	if [[ $1 == host ]]; then apt_update >&2; else suite_update "$1" --now >&2; fi && suite_apt "$1" deb_fetch "$2"
}

# kernel_lists NAME NOW: fresh enough to choose from; NOW: somebody asks for the newest.
kernel_lists() {
	local suites
	suites=$(kernel_stock_field "$1" suite)
	if ! kernel_native "$1"; then
		cross_update "$(kernel_arch "$1")" "$(if (($2)); then echo --now; fi)"
		return
	fi
	if [[ $suites != host ]]; then suite_update "$suites" "$( (($2)) && echo --now)"; return; fi
	if apt_lists_stale && [[ $VEX_INSTALL == 1 ]]; then apt_update || true; fi
}

kernel_fetch_now() {
	local name=$1 pkgs p f suites debs=() where KERNEL_FLAVOUR
	KERNEL_FLAVOUR=cloud-$(kernel_arch "$name")
	suites=$(kernel_stock_field "$name" suite)
	where="run apt-get update (bookworm and bookworm-security must be among its sources)"
	if ! kernel_native "$name"; then where="check that this machine's archive has $(kernel_arch "$name")"
	elif [[ $suites != host ]]; then where="check that this machine's mirror has $suites"; fi
	need_space "$VEX_CACHE" 150 "downloading kernel $name"
	need_space "$VEX_SHARED" 400 "unpacking kernel $name"
	kernel_lists "$name" "$2" || die "$EX_ENV" "kernel $name cannot be fetched; $where"
	pkgs=$(kernel_apt "$name" kernel_packages "$(kernel_stock_field "$name" package)") ||
		die "$EX_ENV" "apt knows no $(kernel_stock_field "$name" package)-$KERNEL_FLAVOUR; $where and try again"
	say "Kernel $name: $(head -n1 <<<"$pkgs") (unpacked under build/, not installed)"
	for p in $pkgs; do
		f=$(kernel_deb "$name" "$p") || die "$EX_ENV" "could not download $p (needed: ${pkgs//$'\n'/ }); check the network" \
			"or put the .deb files into $VEX_CACHE/debs and try again"
		debs+=("$f")
	done
	mkdir -p "$VEX_BUILD/log"
	p=$(head -n1 <<<"$pkgs")
	kernel_unpack "$name" "${p#linux-image-}" "${debs[@]}"
}
