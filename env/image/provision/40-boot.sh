#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# GRUB, crash kernel.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "boot: GRUB, crash kernel"
args=$IMG_CMDLINE
[[ $VARIANT != debug ]] || args+=" $IMG_CMDLINE_DEBUG"
put 644 /etc/default/grub.d/vexfs.cfg <<-EOF
	GRUB_TIMEOUT=0
	GRUB_TIMEOUT_STYLE=hidden
	GRUB_TERMINAL="console serial"
	GRUB_SERIAL_COMMAND="serial --speed=115200 --unit=0"
	GRUB_DISABLE_OS_PROBER=true
	GRUB_DISABLE_RECOVERY=true
	GRUB_CMDLINE_LINUX_DEFAULT=""
	# vex_append: the first SMBIOS OEM string, which ./vex image boot --append sets.
	GRUB_CMDLINE_LINUX="$args \\\$vex_append"
EOF
put 755 /etc/grub.d/01_vexfs <<-'EOF'
	#!/bin/sh
	# Type 11 holds a count and that many strings; offset 4 is the count, so with one string it is its number.
	cat <<'GRUB'
	insmod smbios
	smbios --type 11 --get-string 4 --set vex_append
	export vex_append
	GRUB
EOF
# kdump-tools reserves memory in every variant that has it; here only debug does.
rm -f /etc/default/grub.d/kdump-tools.cfg
if [[ -f /etc/default/kdump-tools ]]; then
	use=0
	[[ $VARIANT != debug ]] || use=1
	# The crash kernel is always Debian's: one with KASAN would not fit into what is reserved.
	crash=$(linux-version list | grep -E '^[0-9.-]+-(cloud-)?amd64$' | linux-version sort | tail -n1)
	initrd=/var/lib/kdump/initrd.img-$crash
	[[ -f $initrd ]] || env -u DEB_MAINT_PARAMS /etc/kernel/postinst.d/kdump-tools "$crash"
	# At boot kdump-config makes an initrd of its own for the running kernel, unless there is one that it believes to
	# be as new as the settings: minutes under KASAN, for one that is not used.
	for k in $(linux-version list); do
		[[ -e /var/lib/kdump/initrd.img-$k ]] || ln -s "${initrd##*/}" "/var/lib/kdump/initrd.img-$k"
		cp /etc/kdump/sysctl.conf "/var/lib/kdump/latest_sysctls-$k"
	done
	sed -i -e "s/^#\?USE_KDUMP=.*/USE_KDUMP=$use/" -e '/^#\?KDUMP_\(KERNEL\|INITRD\)=/d' /etc/default/kdump-tools
	printf 'KDUMP_KERNEL=/boot/vmlinuz-%s\nKDUMP_INITRD=%s\n' "$crash" "$initrd" >>/etc/default/kdump-tools
	if ((use)); then systemctl -q enable kdump-tools; else systemctl -q disable kdump-tools; fi
fi
in_chroot && exit 0

# The disk is known by its label: an installed one gets the same name as a bootstrapped one.
root=$(findmnt -no SOURCE /)
e2label "$root" "$IMG_ROOT_LABEL"
disk=/dev/$(lsblk -no PKNAME "$root")
grub-install --target=i386-pc "$disk"
update-grub
grep -q 'root=\(UUID\|LABEL\)=' /boot/grub/grub.cfg || { echo "grub.cfg names no root filesystem" >&2; exit 1; }
