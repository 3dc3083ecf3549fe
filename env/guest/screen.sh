#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs in the fast lane's guest before its job: a root shell in the window of --graphical.
set -eu
[ -c /dev/tty1 ] || { echo "this kernel has no virtual terminal: --graphical shows nothing"; exit 1; }
printf '\n\033[1mVexFS\033[0m guest, %s. A shell:\n\n' "$(uname -r)" >/dev/tty1
(while :; do
	setsid -c sh -l </dev/tty1 >/dev/tty1 2>&1 || sleep 1
done) </dev/null >/dev/null 2>&1 &
