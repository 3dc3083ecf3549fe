#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Lay out links to the module's sources in a build directory, so that one
# source tree can be built for several kernels side by side.
# usage: link.sh MODOUT
set -euo pipefail
unset CDPATH

top=$(cd "$(dirname "$0")/.." && pwd)
out=$1
mkdir -p "$out"
out=$(cd "$out" && pwd)

cd "$top"
while IFS= read -r f; do
	mkdir -p "$out/$(dirname "$f")"
	[ "$out/$f" -ef "$f" ] || ln -sfn "$top/$f" "$out/$f"
done < <(find kmod core include -path kmod/probe -prune -o -type f -name '*.[ch]' -print)
ln -sfn "$top/kmod/Kbuild" "$out/Kbuild"

# A source that is gone must not be built any more.
find "$out/kmod" "$out/core" "$out/include" -xtype l -delete
