#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# env-test: quick
# ./vex crash-test: the states a power cut may leave are right; and states that another run's model is
# asked about are not, so the judge tells one tree from another. The faults on purpose are crashtest_broken.sh's.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

rec=$ROOT/build/crash-test/4711
run "$VEX" crash-test --seed 4711 --ops 150 --states 600 --keep
expect 0 "the states of a run are right"
says "; 0 not right$" "and are counted"

mkdir -p "$WORK/judge"
run "$ROOT/build/crash/check" --base "$rec/base.img" --log "$rec/log.img" --seed 4712 --ops 150 --states 1 \
	--dir "$WORK/judge"
expect 1 "judged by the model of another run they are not"
says "not right: state " "the first ones are named"

run "$VEX" crash-test --seed 4711 --only 200.0
expect 0 "one state again"
rm -rf "$rec"
run "$VEX" crash-test --seed 4711 --only 200.0
expect 2 "without its recording it says so"

run "$VEX" crash-test --seed 4 --ops 150 --states 600
expect 0 "with quota and change feed, while the filesystem grows"
says "^seed 4: 150 operations, .*; 0 not right$" "all of them"
run "$VEX" crash-test --sequences 1 --first 100 --count 30
expect 0 "sequences of one operation"
says "^sequences of 1, 100 to 129: .*; 0 not right$" "those that were asked for"
run "$VEX" crash-test --sequences 1 --first 235
expect 2 "a sequence that does not exist"
says "there are 235 sequences of length 1" "how many there are"
run "$VEX" crash-test --mkfs '-O no-such-feature'
expect 2 "options that mkfs.vexfs refuses"

run "$VEX" crash-test --broken no-such-fault
expect 2 "an unknown fault"
says "no-commit" "the faults there are are named"
run "$VEX" crash-test --seed x
expect 2 "a seed that is no number"
