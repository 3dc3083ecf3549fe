#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each fault of tests/crash/broken/ in the module is caught by ./vex crash-test.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

for patch in "$ROOT"/tests/crash/broken/*.patch; do
	name=$(basename "${patch%.patch}")
	run "$VEX" crash-test --broken "$name"
	expect 0 "$name"
	says "caught: $name" "$name is caught"
done
