#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Makes two Debian packages from the working tree: vexfs-dkms (the module's source, built on the machine it is
# installed on) and vexfs-tools (programs, man pages, udev rule, units). Only dpkg-deb is needed.
# usage: build.sh OUTDIR [VERSION]     (after: make)
# Prints the names of the packages. The version carries the revision and, when the tree differs from
# it, a hash of the difference: the same source gives the same version, so installing twice is a no-op.
set -euo pipefail
unset CDPATH
umask 022

top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
cd "$top"
upstream=$(sed -n 's/^VERSION := *//p' Makefile)
maintainer='VexFS developers <vexfs@localhost>'

source_files() {
	find kmod core include -type f \( -name '*.[ch]' -o -name '*.sh' -o -name Kbuild \) -print | LC_ALL=C sort
	printf '%s\n' Makefile COPYING
}

tool_files() { printf 'build/bin/%s\n' mkfs.vexfs fsck.vexfs tune.vexfs dump.vexfs vexctl; }

version() {
	local rev hash
	rev=$(git rev-parse --short=8 HEAD 2>/dev/null || echo norev)
	hash=$({ source_files; tool_files; find tools/man packaging -type f | LC_ALL=C sort; } |
		xargs sha256sum | sha256sum | cut -c1-8)
	printf '%s.g%s.%s' "$upstream" "$rev" "$hash"
}

# control PACKAGE ARCH DEPENDS DESCRIPTION EXTENDED
control() {
	mkdir -p "$stage/DEBIAN"
	cat >"$stage/DEBIAN/control" <<-END
	Package: $1
	Version: $version
	Architecture: $2
	Maintainer: $maintainer
	Section: kernel
	Priority: optional
	Depends: $3
	Description: $4
	 $5
	END
}

maintainer_script() {
	sed "s/@VERSION@/$version/g" "$1" >"$stage/DEBIAN/$2"
	chmod 755 "$stage/DEBIAN/$2"
}

finish() {
	local deb=$out/$1_${version}_$2.deb
	# Reproducible: every file as old as the revision it belongs to.
	find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz -z3 -b "$stage" "$deb" >/dev/null
	printf '%s\n' "$deb"
}

dkms_package() {
	local src=$stage/usr/src/vexfs-$version f
	rm -rf "$stage"
	# A checkout made under another umask has other modes.
	while read -r f; do install -D -m "$( [[ -x $f ]] && echo 755 || echo 644)" "$f" "$src/$f"; done < <(source_files)
	sed "s/@VERSION@/$version/g" packaging/dkms/dkms.conf.in >"$src/dkms.conf"
	control vexfs-dkms all 'dkms (>= 2.8), make' 'VexFS kernel module (DKMS)' \
		'A filesystem whose files carry vector embeddings, with search. DKMS builds it for every kernel.'
	maintainer_script packaging/dkms/postinst postinst
	maintainer_script packaging/dkms/prerm prerm
	finish vexfs-dkms all
}

man_pages() {
	local m
	for m in tools/man/*.[158]; do
		[[ -f $m ]] || continue
		install -d "$stage/usr/share/man/man${m##*.}"
		gzip -9n <"$m" >"$stage/usr/share/man/man${m##*.}/${m##*/}.gz"
	done
}

tools_package() {
	rm -rf "$stage"
	install -D -m 755 -t "$stage/usr/sbin" build/bin/{mkfs,fsck,tune,dump}.vexfs
	install -D -m 755 -t "$stage/usr/bin" build/bin/vexctl
	strip --strip-debug "$stage"/usr/sbin/* "$stage"/usr/bin/*
	man_pages
	install -D -m 644 tools/completion/vexctl.bash "$stage/usr/share/bash-completion/completions/vexctl"
	install -D -m 644 -t "$stage/usr/lib/modules-load.d" packaging/systemd/vexfs.conf
	install -D -m 644 -t "$stage/lib/udev/rules.d" packaging/systemd/60-vexfs.rules
	install -D -m 644 -t "$stage/lib/systemd/system" packaging/systemd/mnt-vexfs.mount \
		packaging/systemd/vexctl-watch@.service
	install -D -m 755 -t "$stage/usr/lib/vexfs" packaging/systemd/udev-probe
	install -d "$stage/mnt/vexfs"
	# Its name has the number of its interface, which differs between releases of Debian.
	unistring=$(readelf -d build/bin/vexctl | sed -n 's/.*NEEDED.*\[libunistring\.so\.\([0-9]*\)\].*/libunistring\1/p')
	control vexfs-tools amd64 "libblkid1, libc6 (>= 2.36), libjson-c5, ${unistring:?}, libuuid1, libxxhash0" \
		'VexFS tools' 'mkfs.vexfs, fsck.vexfs, tune.vexfs, dump.vexfs, vexctl, and what mounts a disk labelled "vexfs" at boot.'
	finish vexfs-tools amd64
}

for f in $(tool_files); do
	[[ -x $f ]] || { echo "packaging/deb/build.sh: $f is missing: run make first" >&2; exit 1; }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
version=${2:-$(version)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y Makefile)}
export SOURCE_DATE_EPOCH
stage=$(mktemp -d "$out/.stage.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
dkms_package
tools_package
