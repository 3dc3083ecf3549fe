#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=180
# vexctl changes and vexctl watch on a real VexFS: what is written while it runs and while it does not, ignore lists,
# directories that are moved in, a mark of another filesystem.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
log=$err

changes() { vexctl changes "$@" >"$out" 2>&1; }
mark() { sed -n 's/^mark *//p' "$out"; }
has() { grep -qxF -- "$1" "$out"; }
found() { vexctl search "$1" >"$out" 2>&1 && grep -q "$2" "$out"; }
# Until it is found, or for a minute.
soon() {
	i=0
	until found "$1" "$2"; do
		i=$((i + 1))
		[ "$i" -lt 120 ] || return 1
		sleep 0.5
	done
}
start() {
	vexctl watch "$mnt/w" >>"$log" 2>&1 &
	watcher=$!
}
finish() {
	kill "$watcher"
	wait "$watcher"
}

mkfs.vexfs -q -f "$VEX_DISK_TEST" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" || exit 1
changes "$mnt"
status=$?
umount "$mnt"
tune.vexfs -O change_feed "$VEX_DISK_TEST" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" || exit 1
cd "$mnt" || exit 1
echo "KTAP version 1"
echo "1..15"
[ "$status" -eq 1 ] && grep -q 'tune.vexfs -O change_feed' "$out"
ok $? 'without the feature it says how to turn it on'

mkdir w o w/skip
changes w && m=$(mark) && [ -n "$m" ]
ok $? 'a first mark'
changes --since "$m" w
[ $? -eq 3 ] && [ "$(mark)" = "$m" ]
ok $? 'nothing has changed'
echo 'How to fix a flat tyre' >w/tyre
mkdir o/moved
echo 'Bake the bread in a hot oven' >o/moved/bread
mv o/moved w/moved
changes --since "$m" w && has 'changed  tyre' && has 'tree     moved'
ok $? 'a file, and a directory that was moved in'
changes --since "$m" --json w && grep -q '"path": "tyre", "state": "changed"' "$out" && grep -q '{ "mark": "' "$out"
ok $? 'as JSON'
changes --since 0000000000000001:1 w
[ $? -eq 4 ] && grep -q 'look at everything once' "$out"
ok $? 'a mark of another feed'
changes --since nonsense w
[ $? -eq 2 ]
ok $? 'no mark at all'

cd w || exit 1
echo 'skip/' >.vexignore
start
soon 'flat tyre' tyre && found 'hot oven' moved/bread
ok $? 'watch indexes what there is'
echo 'The octopus sleeps in the harbour' >sea
soon 'sleeping octopus' sea
ok $? 'a new file is found'
echo 'Trains are late in winter' >sea.new && mv sea.new sea
soon 'late trains' sea
ok $? 'saved anew under its name'
echo 'The locksmith hides a spare key' >skip/key
mkdir ../o/deep && echo 'Oranges grow in the south' >../o/deep/fruit && mv ../o/deep moved/deep
soon 'oranges' moved/deep/fruit && ! found 'spare key locksmith' skip/key
ok $? 'moved in with its directory; an ignored one is left out'
finish
ok $? 'SIGTERM ends it'
echo 'Violins are tuned in fifths' >music
echo '' >.vexignore
start
soon 'tuning violins' music
ok $? 'what changed while it was away'
soon 'spare key locksmith' skip/key
ok $? 'what an ignore list does not name any more'
finish
cd / && umount "$mnt" && fsck.vexfs -n "$VEX_DISK_TEST" >"$out" 2>&1
ok $? 'fsck'
[ "$fails" -eq 0 ]
