#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A root that guests run Debian's programs in: the smallest variant, the packages and the accounts of LIST.
# usage: make.sh IMAGE LIST SUITE SOURCES.LIST
# LIST: a package a line, or "user NAME"; # begins a comment.
# As root or, where user name spaces are allowed, without. IMAGE is an ext4 filesystem for read-only use.
set -euo pipefail
unset CDPATH

image=$1 list=$2 suite=$3 sources=$4

mapfile -t packages < <(sed -e 's/#.*//' -e '/^user /d' -e 's/[[:space:]]//g' -e '/^$/d' "$list")
users=$(sed -n 's/^user  *//p' "$list" | tr '\n' ' ')
rm -f "$image"
truncate -s 1500M "$image"
# In a user name space the hooks' root may not reach our directory: it gets an open file (see env/image/bootstrap.sh).
chmod 666 "$image"
exec 7<>"$image"

make_fs="unshare -m sh -ec 'for d in proc sys dev/pts dev/shm; do ! mountpoint -q \"\$1/\$d\" || umount -l \"\$1/\$d\"; done
	exec mke2fs -q -F -t ext4 -O ^has_journal -L vex-root -E lazy_itable_init=1 -d \"\$1\" /proc/self/fd/7' sh \"\$1\""
check=()
# A frozen archive is older than its Valid-Until says; what the host accepts, we accept.
if [[ $(apt-config dump --format '%v%n' Acquire::Check-Valid-Until) == false ]]; then
	check=(--aptopt='Acquire::Check-Valid-Until "false"')
fi
# shellcheck disable=SC2016	# the hooks expand it
exec mmdebstrap --variant=minbase --format=null --include="$(IFS=,; echo "${packages[*]}")" "${check[@]}" \
	--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--customize-hook="for u in $users; do chroot \"\$1\" useradd --badname -m -U -s /bin/bash \"\$u\"; done" \
	--customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*' \
	--customize-hook="$make_fs" "$suite" /dev/null "$sources"
