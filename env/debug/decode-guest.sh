#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# decode-guest.sh MODULE-FILE GUEST KERNEL CODE: decodes the trace of a guest's kernel that complained or hung, for
# vextest run, which is a program of its own. VEX_ROOT and VEX_CACHE are those of ./vex.
set -euo pipefail
VEX_BUILD=$VEX_ROOT/build
# shellcheck source=env/load.sh
. "$VEX_ROOT/env/load.sh"
# shellcheck source=env/debug/decode.sh
. "$VEX_ROOT/env/debug/decode.sh"
module_read "$1"
if ! module_is_own; then module_use; fi
panic_trace "$2" "$3" "$4"
