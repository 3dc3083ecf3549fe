# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154	# IB_* and IMG_* belong to imagebuild.sh
#
# The first source: Debian's own installer, unattended. Kernel and initrd come from the netboot installer's Debian
# package, or from an ISO; the preseed is made here and served by Packer.

PKG_NETBOOT=debian-installer-12-netboot-amd64

image_iso_kernel() {
	bsdtar -xf "$IB_ISO" -C "$IB_WORK" --strip-components=1 install.amd/vmlinuz install.amd/initrd.gz 2>"$IB_LOG/iso.log" ||
		die "$EX_ENV" "$IB_ISO holds no install.amd/vmlinuz and initrd.gz: give an official Debian 12 amd64 netinst or DVD image"
	mv "$IB_WORK/initrd.gz" "$IB_WORK/initrd.img"
}

# Leaves IB_WORK/vmlinuz and initrd.img of the text installer.
image_installer_kernel() {
	local deb dir=usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64
	if [[ -n $IB_ISO ]]; then image_iso_kernel; return; fi
	[[ -n $(apt_field "$PKG_NETBOOT" Version) ]] || [[ $VEX_INSTALL == 0 ]] || apt_update || true
	deb=$(deb_fetch "$PKG_NETBOOT") || die "$EX_ENV" \
		"could not download $PKG_NETBOOT; check the network and /etc/apt/sources.list*, or use --iso FILE"
	mkdir -p "$IB_WORK/netboot"
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$IB_WORK/netboot" "./$dir/linux" "./$dir/initrd.gz" ||
		die "$EX_ENV" "$deb is not the netboot installer it should be: remove it and try again"
	mv "$IB_WORK/netboot/$dir/linux" "$IB_WORK/vmlinuz"
	mv "$IB_WORK/netboot/$dir/initrd.gz" "$IB_WORK/initrd.img"
}

# image_preseed FILE PUBLIC-KEY-FILE VARIANT: env/image/preseed.cfg.in filled in.
image_preseed() {
	local file=$1 key=$2 archive security kernel
	archive=$(image_archive "$IMG_SUITE") security=$(image_archive "$IMG_SUITE-security")
	[[ $archive == http://* ]] || die "$EX_ENV" "the installer requires an archive on http, not $archive: name one with VEX_MIRROR=http://..."
	archive=${archive#http://} security=${security:-http://deb.debian.org/debian-security}
	security=${security#http*://}
	kernel=$(img_kernel_packages "$3")
	# The hash is of a password nobody knows: the key gets in, and the provisioners lock the account.
	sed -e "s#@HOSTNAME@#$IMG_HOSTNAME#g" -e "s#@MIRROR_HOST@#${archive%%/*}#g" -e "s#@MIRROR_DIR@#/${archive#*/}#g" \
		-e "s#@SECURITY_HOST@#${security%%/*}#g" -e "s#@PROXY@#${http_proxy:-}#g" -e "s#@SUITE@#$IMG_SUITE#g" \
		-e "s#@KERNEL@#${kernel%% *}#g" -e "s#@ROOT_LABEL@#$IMG_ROOT_LABEL#g" -e "s#@PUBLIC_KEY@#$(<"$key")#g" \
		-e "s#@ROOT_HASH@#$(head -c 24 /dev/urandom | base64 | openssl passwd -6 -stdin)#g" \
		"$VEX_ROOT/env/image/preseed.cfg.in" >"$file"
	! grep -n '@[A-Z_]*@' <(grep -v '^#' "$file") || die "$EX_ENV" "the preseed has a place that was not filled in"
}

# Stage one: installs and powers off. Where the archive has no installer components it would stop half way: said now.
image_install() {
	local why
	if [[ -z $IB_ISO ]] && ! why=$(image_archive_has_installer "$(image_archive "$IMG_SUITE")" "$IB_WORK"); then
		die "$EX_ENV" "the installer cannot finish here: $why; use --source bootstrap, --iso FILE, or a full archive (VEX_MIRROR=URL)"
	fi
	image_install_run
}

# Also what the test runs, to see how far the installer gets.
image_install_run() {
	local more=()
	image_installer_kernel
	mkdir -p "$IB_WORK/http"
	image_preseed "$IB_WORK/http/preseed.cfg" "$IB_WORK/id_ed25519.pub" "$IB_VARIANT"
	qemu-img create -q -f qcow2 "$IB_WORK/empty.qcow2" "${IMG_DISK_MB}M"
	[[ -z $IB_ISO ]] || more=(-var "iso=$(readlink -f "$IB_ISO")")
	say "Packer: the Debian installer runs unattended, and powers off"
	packer_build install.qemu.installer "$IB_WORK/empty.qcow2" "$IB_WORK/installed" -var "kernel=$IB_WORK/vmlinuz" \
		-var "initrd=$IB_WORK/initrd.img" -var "http=$IB_WORK/http" "${more[@]}"
	rm -f "$IB_WORK/empty.qcow2"
}

image_provision_installed() {
	say "Packer: the installed disk boots, and is provisioned over SSH"
	packer_build image.qemu.installed "$IB_WORK/installed/disk.qcow2" "$IB_WORK/out"
	rm -rf "$IB_WORK/installed"
}
