#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=180
# vexctl export --follow on a real VexFS: what is set, written, moved and deleted while it runs and while it does not,
# kill -9, a reader that ends, a caller who may read a part only, a collection that is dropped.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
stream=$TMPDIR/stream state=$TMPDIR/state

start() { # start OPTION...: into $stream
	vexctl export --follow -c x --interval 1 --state "$state" "$@" "$mnt" >>"$stream" 2>>"$err" &
	follower=$!
}
mark() { sed -n 's/^{"mark":"\([^"]*\)".*/\1/p' "$stream" | tail -n 1; }
ino() { stat -c %i "$1"; }
# Until the stream has such a line, for a minute.
soon() {
	i=0
	until grep -q "$1" "$stream"; do
		i=$((i + 1))
		[ "$i" -lt 240 ] || { cp "$stream" "$out"; return 1; }
		sleep 0.25
	done
}
kill_it() {
	kill -9 "$follower"
	wait "$follower" 2>/dev/null
}
set_one() { echo "$2 1 0" | vexctl set -c x "$1" - >/dev/null; }

plan 13
new_filesystem -O change_feed
vexctl collection create . x --dim 3 --metric l2 >/dev/null
echo one >one && set_one one 1
mkdir dir && echo two >dir/two && set_one dir/two 2
: >"$stream"
start --since ''
soon '"path":"dir/two"' && soon '^{"mark"' && head -n 1 "$stream" | grep -q '"op":"reset"' && grep -q '"vector":\[1,1,0\]' "$stream"
ok $? 'all that there is, after a reset'
echo changed >one
soon "\"op\":\"stale\",\"collection\":\"x\",\"ino\":$(ino one),"
ok $? 'a write makes it stale'
set_one one 5
soon '"vector":\[5,1,0\]'
ok $? 'a set'
mv dir moved
soon "\"op\":\"move\".*\"ino\":$(ino moved/two),.*\"path\":\"moved/two\""
ok $? 'a directory that was moved'
gone=$(ino one)
rm one
soon "\"op\":\"delete\",\"collection\":\"x\",\"ino\":$gone,"
ok $? 'a delete'
vexctl del -c x moved/two >/dev/null
soon "\"op\":\"delete\".*\"ino\":$(ino moved/two),.*\"chunk\":0"
ok $? 'an embedding that was deleted'

kill_it
echo three >three && set_one three 3
before=$(mark)
: >"$stream"
start --since "$before"
soon '"vector":\[3,1,0\]' && soon "\"previous\":\"$before\"" && ! grep -q '"op":"reset"' "$stream"
ok $? 'kill -9: what was set while it was away, after the mark of the reader'
vexctl export --follow -c x --state "$state" "$mnt" >"$out" 2>&1
[ $? -eq 1 ] && out_has 'is in use by another'
ok $? 'one run has the state at a time'
kill "$follower"
wait "$follower"
ok $? 'SIGTERM ends it'

{ sleep 3; set_one three 4; } &
{
	vexctl export --follow -c x --interval 1 "$mnt" 2>"$err"
	echo "status $?" >"$TMPDIR/status"
} | head -n 1 >"$out"
out_has '"op":"reset"' && { [ "$(cat "$TMPDIR/status")" = 'status 1' ] && err_has 'its reader has ended'; }
ok $? 'a reader that ends, ends it'

chmod 755 "$TMPDIR"
echo secret >secret && set_one secret 9 && chmod 600 secret
as nobody 0 export --follow -c x --wait 0 "$mnt" && out_has '"path":"three"' && ! grep -q secret "$out"
ok $? 'another user is told what that user may read'

: >"$stream"
start --since "$(vexctl export --follow -c x --wait 0 --state "$state" "$mnt" 2>/dev/null | sed -n 's/^{"mark":"\([^"]*\)".*/\1/p' | tail -n 1)"
sleep 1
vexctl collection drop . x --yes >/dev/null
wait "$follower"
[ $? -eq 3 ] && grep -q "\"op\":\"delete\".*\"ino\":$(ino three)," "$stream"
ok $? 'a collection that is dropped'
cd / && umount "$mnt" && fsck.vexfs -n "$VEX_DISK_TEST" >"$out" 2>&1
ok $? 'fsck'
[ "$fails" -eq 0 ]
