#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# man [SECTION] PAGE, in the guest: VexFS's manual pages, which the host has rendered.
section='[1-9]'
case ${1:-} in
[1-9]) section=$1; shift ;;
'') echo "man: which page? there are: $(cd /vex/man && echo *)" >&2; exit 1 ;;
esac
name=$1
# shellcheck disable=SC2086	# a pattern
set -- /vex/man/"$name".$section
[ -r "$1" ] || { echo "no manual page '$name' here; there are: $(cd /vex/man && echo *)" >&2; exit 16; }
if [ -t 1 ]; then exec less "$1"; fi
exec cat "$1"
