#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's half of ./vex run: store, remount, compare, search. Lines that begin with @ are for
# env/cmd/run.sh (@stage TEXT, @fact NAME=VALUE); everything else is shown as it is.
set -eu
disk=$VEX_DISK_TEST
corpus=/vex/corpus
mnt=/mnt/vexfs

# BusyBox has no sub-second clock but this one.
centis() { read -r up _ </proc/uptime; echo "$up" | tr -d .; }
since() { echo $((($(centis) - $1) * 10)); }
fail() { echo "$*"; exit 1; }
# The first "embeddings" is the filesystem's, those of its collections follow.
embeddings() { vexctl stat --json "$mnt" | grep -o '"embeddings": *[0-9]*' | head -n 1 | tr -cd 0-9; }

echo "@fact kernel=$(uname -r)"
files=$(find "$corpus" -type f | wc -l)
echo "@stage mkfs.vexfs on a disk of $(($(cat "/sys/block/${disk#/dev/}/size") / 2048)) MB"
mkfs.vexfs "$disk" >/tmp/mkfs.log 2>&1 || { cat /tmp/mkfs.log; fail "mkfs.vexfs failed"; }
mkdir -p "$mnt"
mount -t vexfs "$disk" "$mnt" || { dmesg | tail -n 5; fail "mount failed"; }

echo "@stage storing $files text files"
start=$(centis)
cp -r "$corpus/." "$mnt/"
sync
echo "@fact store_ms=$(since "$start")"

echo "@stage vexctl index: an embedding for each of them (lexical, 768 dimensions)"
start=$(centis)
vexctl index "$mnt" >/tmp/embed.log 2>&1 ||
	{ cat /tmp/embed.log; fail "vexctl index failed"; }
echo "@fact embed_ms=$(since "$start")"
before=$(embeddings)

echo "@stage unmount, check with fsck.vexfs, mount again"
umount "$mnt"
fsck.vexfs -n "$disk" >/tmp/fsck.log 2>&1 || { cat /tmp/fsck.log; fail "fsck.vexfs found damage"; }
mount -t vexfs "$disk" "$mnt"

echo "@stage comparing every file and counting the embeddings"
# Status 1 is a difference; a file that cannot be read, BusyBox only complains about. What VexFS keeps at its root is no difference.
diff -rq "$corpus" "$mnt" >/tmp/diff.all 2>/tmp/diff.err || [ $? -eq 1 ] || echo "diff failed" >>/tmp/diff.err
[ ! -s /tmp/diff.err ] || { head -n 5 /tmp/diff.err; fail "the files could not be compared after the remount"; }
sed '/^Only in \/mnt\/vexfs: \./d' /tmp/diff.all >/tmp/diff
[ ! -s /tmp/diff ] || { head -n 5 /tmp/diff; fail "files differ after the remount"; }
after=$(embeddings)
[ "$after" = "$before" ] || fail "$before embeddings before the remount, $after after it"
[ "$after" -gt 0 ] || fail "no embedding was stored"
echo "@fact files=$files"
echo "@fact embeddings=$after"

# Each query once as a person would type it, and repeated for a time that means something.
while IFS= read -r query; do
	echo
	echo "search: $query"
	(cd "$mnt" && vexctl search --k 5 "$query") || [ $? -eq 3 ] || fail "the search failed"
done <"/vex/queries"
echo
start=$(centis)
runs=0
while [ "$runs" -lt 10 ]; do
	IFS= read -r query </vex/queries
	vexctl search --k 5 --weak --table "$mnt" "$query" >>/tmp/search.out
	runs=$((runs + 1))
done
echo "@fact search_ms=$(($(since "$start") / runs))"
echo "@fact call_ms=$(sed -n 's/^[0-9]* hits* in \([0-9.]*\) ms.*/\1/p' /tmp/search.out |
	awk '{ s += $1; n++ } END { printf "%.1f", n ? s / n : -1 }')"

# The everyday path on a few notes: each step is shown, and its exit status is what the manual says.
expect() { # expect STATUS COMMAND...
	want=$1
	shift
	echo "\$ $*"
	got=0
	"$@" 2>&1 || got=$?
	[ "$got" -eq "$want" ] || fail "exit status $got, $want expected"
}
echo "@stage notes change, are replaced and deleted; another user asks"
mkdir "$mnt/notes" && cd "$mnt/notes"
echo "How to fix a flat tyre: take the wheel off" >tyre
echo "Knead the dough and bake it in a hot oven" >bread
echo "The spare key is under the flower pot" >key
chmod 755 . "$mnt"
chmod 644 tyre bread
chmod 600 key
expect 0 vexctl index
expect 0 vexctl search "flat tyre"
echo "Glue the hole, wait, pump" >>tyre
echo "(a line was added to tyre)"
expect 4 vexctl search "flat tyre"
expect 0 vexctl index -q
expect 0 vexctl search "flat tyre"
echo "(bread is written anew and renamed, as editors do; tyre is deleted)"
echo "Now it is a recipe for pancakes" >.new && mv .new bread && chmod 644 bread && rm tyre
expect 3 vexctl search "flat tyre"
expect 4 vexctl stale
expect 0 vexctl index -q
expect 0 vexctl search "pancakes"
expect 0 vexctl search "spare key"
echo "(another user, who may not read key)"
# The guest's user1, an image's first user.
other=$(awk -F: '$3 >= 1000 && $3 < 65534 { print $1; exit }' /etc/passwd)
expect 3 su -s /bin/sh "${other:-nobody}" -c 'exec vexctl search "spare key"'
cd /
umount "$mnt"
echo "@fact done=1"
