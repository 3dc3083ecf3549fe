#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Packs a kernel that ./vex kernel build made as one Debian package, for images: kernel, modules, configuration,
# the headers that DKMS needs, and vmlinux with its symbols where crash and gdb look for it. Only dpkg-deb is needed.
# usage: kernel.sh KERNELDIR NAME OUTDIR [vexfs.ko]
# With a vexfs.ko (for a kernel whose compiler Debian 12 does not have) that goes in, in the place of headers.
set -euo pipefail
unset CDPATH
umask 022

kernel=$1 name=$2 out=$(cd "$3" && pwd) module=${4:-}
release=$(<"$kernel/release")
source=$(readlink -f "$kernel/source") kdir=$(readlink -f "$kernel/kdir")
stage=$(mktemp -d "$out/.stage.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"

image_files() {
	mkdir -p "$stage/boot" "$stage/lib/modules"
	cp -a "$kernel/root/lib/modules/$release" "$stage/lib/modules/"
	cp -L "$kernel/vmlinuz" "$stage/boot/vmlinuz-$release"
	cp -L "$kernel/config" "$stage/boot/config-$release"
	cp -L "$kernel/System.map" "$stage/boot/System.map-$release"
	# The indices are depmod's to make, in the image; .builtin and .order are input to it.
	find "$stage/lib/modules/$release" -maxdepth 1 -name 'modules.*' ! -name 'modules.builtin*' ! -name modules.order -delete
	rm -f "$stage/lib/modules/$release"/{modules.builtin.bin,modules.builtin.alias.bin,build,source}
}

symbols() { install -D -m 644 "$kernel/vmlinux" "$stage/usr/lib/debug/lib/modules/$release/vmlinux"; }

# What kbuild reads to make a module out of tree: all makefiles and headers of the source, over it what the
# build generated.
headers() {
	local dst=$stage/usr/src/linux-headers-$release
	mkdir -p "$dst"
	(
		cd "$source"
		find . -path './Documentation' -prune -o -path './tools' -prune -o \( -path './arch/*' ! -path './arch/x86*' -prune \) -o \
			-type f \( -name 'Makefile*' -o -name 'Kconfig*' -o -name 'Kbuild*' \) -print
		find include scripts arch/x86/include \( -type f -o -type l \) ! -name "*.o"
	) | sort -u | tar -C "$source" -c -T - -f - | tar -C "$dst" -x -f -
	(
		cd "$kdir"
		find include scripts arch/x86/include Module.symvers .config \( -type f -o -type l \) ! -name '*.o' ! -name '.*.cmd'
		if [[ -x tools/objtool/objtool ]]; then echo tools/objtool/objtool; fi
	) | tar -C "$kdir" -c -T - -f - | tar -C "$dst" -x -f -
	ln -s "/usr/src/linux-headers-$release" "$stage/lib/modules/$release/build"
}

control() {
	mkdir -p "$stage/DEBIAN"
	cat >"$stage/DEBIAN/control" <<-END
	Package: linux-image-$release
	Version: 1
	Architecture: amd64
	Maintainer: VexFS developers <vexfs@localhost>
	Section: kernel
	Priority: optional
	Depends: kmod, initramfs-tools
	Provides: linux-image
	Description: Linux $release, built as $name for work on VexFS
	 Kernel, modules, headers for DKMS, and vmlinux with symbols in /usr/lib/debug.
	END
	# The same hooks as Debian's own kernels run: initramfs, DKMS, crash kernel, boot menu.
	cat >"$stage/DEBIAN/postinst" <<-END
	#!/bin/sh
	set -e
	[ "\$1" = configure ] || exit 0
	depmod $release
	DEB_MAINT_PARAMS="\$*" run-parts --exit-on-error --arg=$release --arg=/boot/vmlinuz-$release /etc/kernel/postinst.d
	END
	cat >"$stage/DEBIAN/postrm" <<-END
	#!/bin/sh
	set -e
	rm -f /lib/modules/$release/modules.*
	[ ! -d /etc/kernel/postrm.d ] || DEB_MAINT_PARAMS="\$*" run-parts --arg=$release --arg=/boot/vmlinuz-$release /etc/kernel/postrm.d
	END
	chmod 755 "$stage/DEBIAN/postinst" "$stage/DEBIAN/postrm"
}

image_files
if [[ -n $module ]]; then
	install -D -m 644 "$module" "$stage/lib/modules/$release/updates/vexfs.ko"
else
	headers
fi
symbols
control
deb=$out/linux-image-${release}_1_amd64.deb
# Not compressed: it is read once, on this machine.
# A kernel that was built under another umask has other modes.
chmod -R u=rwX,go=rX "$stage"
dpkg-deb --root-owner-group -Znone -b "$stage" "$deb" >/dev/null
printf '%s\n' "$deb"
