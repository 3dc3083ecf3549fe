#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Packages of the variant, user, SSH, network, consoles.
# shellcheck source=env/image/provision/lib.sh
. "$(dirname "$0")/lib.sh"

stage "base: packages of variant $VARIANT"
# shellcheck disable=SC2046	# a list of words
need_packages $(img_packages "$VARIANT" "$P/packages")

stage "base: user, SSH, network"
id "$IMG_USER" >/dev/null 2>&1 || useradd -m -s /bin/bash "$IMG_USER"
echo "$IMG_USER ALL=(ALL) NOPASSWD: ALL" | put 440 /etc/sudoers.d/vexfs
passwd -q -l root
for home in /root "/home/$IMG_USER"; do
	install -d -m 700 "$home/.ssh"
	put 600 "$home/.ssh/authorized_keys" <"$P/authorized_keys"
done
chown -R "$IMG_USER:$IMG_USER" "/home/$IMG_USER/.ssh"
put 644 /etc/ssh/sshd_config.d/vexfs.conf <<-EOF
	# One host key, made at first boot (see the drop-in of ssh.service): an emulated guest needs
	# seconds for an RSA key.
	HostKey /etc/ssh/ssh_host_ed25519_key
	PasswordAuthentication no
	PermitRootLogin prohibit-password
	UseDNS no
EOF
put 644 /etc/systemd/system/ssh.service.d/hostkey.conf <<-'EOF'
	[Service]
	ExecStartPre=
	ExecStartPre=/bin/sh -c 'k=/etc/ssh/ssh_host_ed25519_key; [ -s $k ] || ssh-keygen -q -t ed25519 -N "" -f $k'
EOF
echo "$IMG_HOSTNAME" | put 644 /etc/hostname
echo LANG=C.UTF-8 | put 644 /etc/default/locale
printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$IMG_HOSTNAME" | put 644 /etc/hosts
put 644 /etc/systemd/network/10-vexfs.network <<-'EOF'
	[Match]
	Name=en* eth*
	[Network]
	DHCP=ipv4
	LinkLocalAddressing=no
	[DHCPv4]
	UseHostname=no
EOF
# The installer leaves ifupdown behind; two managers of one interface are one too many.
printf 'auto lo\niface lo inet loopback\n' | put 644 /etc/network/interfaces
# The resolver answers from its own file, not from the one the host had while it bootstrapped.
ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
systemctl -q enable systemd-networkd systemd-resolved ssh

stage "base: consoles, quiet boot"
# A login on the serial line means: whoever started the VM. The passwords are locked.
for tty in serial-getty@ttyS0 getty@tty1; do
	put 644 "/etc/systemd/system/$tty.service.d/autologin.conf" <<-'EOF'
		[Service]
		ExecStart=
		ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200,38400,9600 %I $TERM
	EOF
done
put 644 /etc/systemd/journald.conf.d/vexfs.conf <<-'EOF'
	[Journal]
	Storage=volatile
	RuntimeMaxUse=16M
EOF
# Work that would start by itself and slow a test down.
systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
	man-db.timer fstrim.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer systemd-networkd-wait-online.service
