#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# All sequences of one operation, and a sample of those of two, leave states that are right.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" crash-test --sequences 1
expect 0 "every sequence of one operation"
says "; 0 not right$" "all their states are right"

# 50 in a row end with all ways to make durable, and with ten operations before.
for ((first = RANDOM % 200; first < 11045; first += 1100)); do
	run "$VEX" crash-test --sequences 2 --first "$first" --count 50
	expect 0 "sequences of two operations from $first on"
done
