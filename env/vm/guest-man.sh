#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# man [SECTION] PAGE, in the guest: VexFS's manual pages, which the host has rendered.
section='[1-9]'
case $1 in
[1-9]) section=$1; shift ;;
esac
page=/vex/man/$1.$section
for f in $page; do
	[ -r "$f" ] || { echo "no manual page '$1' here; there are: $(cd /vex/man && echo *)" >&2; exit 16; }
	if [ -t 1 ]; then exec less "$f"; fi
	exec cat "$f"
done
