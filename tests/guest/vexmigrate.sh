#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=300
# vexctl migrate on a real VexFS: killed in the middle, without room, while others search and files change, by users
# who may not.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
FILES=400
mkdir -p "$TMPDIR/log"
log=$TMPDIR/log

dim_is() { vexctl status --json 2>/dev/null | grep -q "\"dim\": $1,"; }
names() { vexctl collection list "$mnt" | awk 'NR > 1 { print $1 }' | sort | tr '\n' ' '; }
shadow() { vexctl collection list "$mnt" | awk '/^_migrating_/ { print $1 }'; }
shadow_holds() { vexctl collection list "$mnt" | awk -v n=0 '/^_migrating_/ { n = $5 } END { print n }'; }
first_is() { vexctl search "$1" >"$out" 2>&1 && head -n 1 "$out" | grep -q "^$2:"; }
clean() { cd / || return; umount "$mnt" && fsck.vexfs -n "$VEX_DISK_TEST" >"$out" 2>&1; }
again() { mount -t vexfs "$VEX_DISK_TEST" "$mnt" && cd "$mnt" || return; }

new_filesystem -O change_feed
plan 25
mkdir notes
i=0
while [ "$i" -lt "$FILES" ]; do
	echo "note $i about the wagon number $i of the train to station $((i % 97))" >"notes/n$i"
	i=$((i + 1))
done
echo 'How to fix a flat tyre: take the wheel off' >notes/tyre
echo 'Knead the dough and bake the bread in a hot oven' >notes/bread
ln notes/tyre notes/wheel
vexctl collection create . default --dim 384 --type f16 --embedder 'lexical 2' --mode 0644 >/dev/null
run 0 index && dim_is 384 && first_is 'flat tyre' 'notes/\(tyre\|wheel\)'
ok $? 'a collection of 384 dimensions'
chmod 755 . notes
as user1 1 migrate --embedder lexical . && err_has 'only the owner'; ok $? 'a user may not migrate it'
run 2 migrate && err_has '--embedder WHAT is missing'; ok $? 'without --embedder'

# ---- killed in the middle
vexctl migrate --embedder lexical >"$log/1" 2>&1 &
pid=$!
until [ "$(shadow_holds)" -gt 20 ] || ! kill -0 "$pid" 2>/dev/null; do :; done
kill -STOP "$pid" && dim_is 384 && first_is 'flat tyre' 'notes/\(tyre\|wheel\)' && [ -n "$(shadow)" ]
ok $? 'while it runs, the old collection answers, and no option is needed'
as user1 0 search 'bake bread' && ! as user1 0 search -c "$(shadow)" 'bake bread' && err_has 'does not exist'
ok $? 'nobody else sees the new one'
kill -KILL "$pid"
wait "$pid"
[ $? -eq 137 ] && dim_is 384 && first_is 'flat tyre' 'notes/\(tyre\|wheel\)'; ok $? 'killed: as before'
held=$(shadow_holds)
[ "$held" -gt 20 ] && clean && again && [ "$(shadow_holds)" -ge 20 ]
ok $? 'fsck.vexfs -n finds it clean, what was done is there'
run 0 status && out_has 'migration   unfinished, to lexical 2, 768 dimensions' &&
	out_has 'continue: vexctl migrate --collection default --embedder lexical .'
ok $? 'status names it, and what continues it'
run 1 migrate --embedder lexical --dim 512 && err_has 'was for another embedder' && err_has "$(shadow)"
ok $? 'another embedder meanwhile: refused, with what to do'

# ---- no room
dd if=/dev/zero of=room bs=64k count=2 2>/dev/null
dd if=/dev/zero of=filler bs=64k 2>/dev/null
rm room
sync
run 1 migrate --embedder lexical && err_has 'no space left' && err_has 'collection drop'; ok $? 'a full device'
dim_is 384 && first_is 'flat tyre' 'notes/\(tyre\|wheel\)'; ok $? 'the old collection answers'
rm filler
sync

# ---- to the end, while others search and files change
while [ ! -e "$log/stop" ]; do
	vexctl search 'flat tyre' >"$log/hits" 2>"$log/said" || echo "status $?: $(cat "$log/said")" >>"$log/failed"
	head -n 1 "$log/hits" | grep -q 'flat tyre' || echo "not found: $(cat "$log/hits")" >>"$log/failed"
	sleep 0.2
done &
searcher=$!
vexctl migrate --embedder lexical --json >"$log/2" 2>"$log/err" &
pid=$!
echo 'A lighthouse shows ships the way' >notes/bread
wait "$pid"
status=$?
: >"$log/stop"
wait "$searcher"
cp "$log/2" "$out"
cp "$log/err" "$err"
{ [ "$status" -eq 0 ] || [ "$status" -eq 4 ]; } && out_has '"dim": 768' && out_has '"old_dim": 384' &&
	out_has '"lost": 0'
ok $? 'continued to the end'
embedded=$(sed 's/.*"embedded": *\([0-9]*\).*/\1/' "$out")
[ "$embedded" -gt 0 ] && [ "$embedded" -lt "$FILES" ]; ok $? "$embedded files by the last run, the others by the first"
grep -v '^status 4' "$log/failed" >"$out" 2>/dev/null
! [ -s "$out" ]; ok $? 'every search was answered, by the old collection or the new one'
[ "$(names)" = 'default ' ] && dim_is 768; ok $? 'one collection, of the same name'
run 0 collection list . && out_has ' 0:0 0644'; ok $? 'with owner and mode of the old one'
run 0 index
first_is 'lighthouse for ships' notes/bread && first_is 'flat tyre' 'notes/\(tyre\|wheel\)'
ok $? 'what changed meanwhile is found'
run 0 status && out_has '0 not indexed, 0 changed since'; ok $? 'status: complete'
[ "$(find .vexctl -type f | wc -l)" -eq 1 ]; ok $? 'one model'
run 0 migrate --embedder lexical && out_has 'already'; ok $? 'again: nothing to do'
run 0 migrate --refit && run 0 migrate --embedder static && run 0 migrate --refit && dim_is 960 &&
	[ "$(names)" = 'default ' ] && [ "$(find .vexctl -type f | wc -l)" -eq 1 ] &&
	first_is 'lighthouse for ships' notes/bread
ok $? 'new models, static as well'
clean; ok $? 'fsck.vexfs -n finds it clean'
again

# ---- a watch, the old one is kept
vexctl watch notes >"$log/watch" 2>&1 &
watcher=$!
until grep -q watching "$log/watch"; do sleep 0.2; done
run 0 migrate --embedder lexical --dim 256 --keep-old before && out_has "kept as 'before'" && dim_is 256 &&
	[ "$(names)" = 'before default ' ] && vexctl search -c before 'flat tyre' | grep -q tyre
ok $? 'the old one is kept'
echo 'An octopus sleeps in the harbour' >notes/octopus
wait "$watcher"
[ $? -eq 1 ] && grep -q 'for another embedder' "$log/watch"; ok $? 'a watch that was running ends and says why'
vexctl watch notes >"$log/watch" 2>&1 &
watcher=$!
i=0
until first_is 'octopus in the harbour' notes/octopus || [ "$i" -gt 100 ]; do
	i=$((i + 1))
	sleep 0.2
done
kill "$watcher"
wait "$watcher"
[ "$i" -le 100 ]; ok $? 'started again, it misses nothing'
cd / && umount "$mnt"
[ "$fails" -eq 0 ]
