#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex fuzz image: a slice of the campaign, and a find when there is one. ./vex fuzz ioctl: its options; the guest test
# calls is a slice of the campaign.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" fuzz
expect 2 "fuzz without what"
run "$VEX" fuzz ioctl --seed x
expect 2 "a seed that is none"
run "$VEX" fuzz ioctl --kernel arm64-6.1
expect 2 "a kernel that the program is not built for"
run "$VEX" fuzz image --time 10x
expect 2 "a time that is none"
says "invalid time '10x' .example: 10m." "says what one looks like"
run "$VEX" fuzz image --time 20 --seed 1 --engine own --out "$WORK/finds"
expect 0 "20 seconds without a find"
says '^[0-9]+ executions in .* places in the code reached, .* 0 finds, seed 1$' "says how many, and how much was reached"
[[ -z $(ls -A "$WORK/finds") ]]
report $? "no find is left behind"
# The driver notices: its second execution is made to end badly.
run "$ROOT/build/fuzz_image" --runs 4 --seed 1 --plant 2 --out "$WORK/finds"
expect 1 "a planted fault"
says 'FIND 1: execution 2: ended by signal' "is a find"
[[ -s $WORK/finds/find-1-1 && -s $WORK/finds/find-1-1.img ]]
report $? "and leaves its program and its image"
run "$VEX" fuzz image --show "$WORK/finds/find-1-1"
expect 0 "the program alone, without the fault"
says 'no rule is broken' "breaks no rule"
