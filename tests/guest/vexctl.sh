#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=180
# vexctl on a real VexFS: every command, embeddings through rename, hard link,
# xattr and remount, scopes and permissions, and what it says to bad input.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
# the path column: the last of the header
hits() { awk 'NR == 1 { col = NF } $1 ~ /^[0-9]+$/ && $2 ~ /\./ { print $col }' "$out"; }
first_hit() { hits | head -n 1; }

new_filesystem -L notes
plan 55

# ---- collections
run 0 collection create . x --dim 3 --metric l2; ok $? 'collection create'
run 1 collection create . x --dim 3 && err_has 'exists already'; ok $? 'create an existing one'
run 2 collection create . y --dim 0 && err_has 'between 1 and 16384'; ok $? 'dimension 0'
run 0 collection create . half --dim 4 --type f16 --metric ip --json && out_has '"type": "f16"'
ok $? 'create with type and metric, JSON'
run 0 collection list . && out_has x && out_has half; ok $? 'collection list'
run 1 collection drop . none --yes && err_has "does not exist"; ok $? 'drop one that does not exist'
run 1 rebuild . none && err_has "does not exist"; ok $? 'rebuild the graph of one that does not exist'
run 0 rebuild . half && out_has "made anew"; ok $? 'rebuild a graph'
run 2 collection drop . half && err_has '--yes'; ok $? 'drop without a confirmation'
run 0 collection drop . half --yes && run 0 collection list . && ! out_has half; ok $? 'drop'
run 1 collection list /proc && err_has 'not on a VexFS'; ok $? 'not a VexFS'

# ---- embeddings of a file
echo hello >f
echo '[1, 2.5, -3]' >"$TMPDIR/v"
run 0 set --collection x f "$TMPDIR/v" && run 0 get --collection x f && out_has '1 2.5 -3'
ok $? 'set and get'
run 1 get --collection none f && err_has 'does not exist'; ok $? 'a collection that does not exist'
echo '1 2' >"$TMPDIR/short"
run 1 set --collection x f "$TMPDIR/short" && err_has '2 elements' && err_has 'dimension 3'
ok $? 'a wrong dimension'
echo '1 nan 2' >"$TMPDIR/nan"
run 1 set --collection x f "$TMPDIR/nan" && err_has 'element 1 is NaN'; ok $? 'a NaN'
run 0 set --collection x --chunk 5 --range 1:3 f "$TMPDIR/v" &&
	run 0 list f && out_has 'chunk 5' && out_has 'bytes 1..4'; ok $? 'a passage with its range'
run 0 list f && ! out_has stale && echo more >>f && run 0 list f && out_has stale
ok $? 'stale after a write'
run 0 set --collection x f "$TMPDIR/v" && run 0 get --collection x --json f &&
	out_has '"stale": false'; ok $? 'fresh after a set'
printf '\000\000\200\077\000\000\000\100\000\000\100\300' >"$TMPDIR/raw"
run 0 set --collection x --raw f "$TMPDIR/raw" && run 0 get --collection x f && out_has '1 2 -3' &&
	run 0 get --collection x --raw f && cmp -s "$out" "$TMPDIR/raw"; ok $? 'raw elements'
mv f g && run 0 get --collection x g && out_has '1 2 -3'; ok $? 'an embedding follows rename'
ln g h && run 0 get --collection x h && out_has '1 2 -3' && rm h; ok $? 'and is seen through a link'
run 0 del --collection x g && run 3 get --collection x g && run 0 get --collection x --chunk 5 g
ok $? 'del of one chunk'
run 0 del --collection x --all g && run 3 list g && run 3 del --collection x g; ok $? 'del --all'
run 1 set --collection x . "$TMPDIR/v"; ok $? 'a directory has no embedding'

# ---- import
for i in 1 2 3; do echo "$i" >"i$i"; echo "$mnt/i$i"; done >"$TMPDIR/names"
printf '\003\000\000\000\000\000\200\077\000\000\000\000\000\000\000\000' >"$TMPDIR/v.fvecs"
printf '\003\000\000\000\000\000\000\000\000\000\200\077\000\000\000\000' >>"$TMPDIR/v.fvecs"
printf '\003\000\000\000\000\000\000\000\000\000\000\000\000\000\200\077' >>"$TMPDIR/v.fvecs"
run 0 import --collection x --list "$TMPDIR/names" --vectors "$TMPDIR/v.fvecs" &&
	run 0 get --collection x i3 && out_has '0 0 1'; ok $? 'import'
sed -i 1d "$TMPDIR/names"
run 1 import --collection x --list "$TMPDIR/names" --vectors "$TMPDIR/v.fvecs" &&
	err_has '3 rows'; ok $? 'import of unequal lists'

# ---- export, and import with paths
run 0 set --collection x --chunk 5 --range 1:3 i1 "$TMPDIR/v"
for format in npy fvecs jsonl copy; do
	run 0 export --collection x --output "$TMPDIR/all.$format" . && out_has '4 embeddings' &&
		run 0 collection drop . x --yes && run 0 collection create . x --dim 3 --metric l2 &&
		run 0 import --collection x "$TMPDIR/all.$format" && out_has 'set 4 embeddings' &&
		run 0 get --collection x i3 && out_has '0 0 1' && run 0 list i1 && out_has 'bytes 1..4'
	ok $? "export and import, $format"
done
chmod 755 .
printf '{"path": "i2", "vector": [4,4,4]}\n{"path": "../outside", "vector": [4,4,4]}\n' >"$TMPDIR/bad.jsonl"
cp "$TMPDIR/all.jsonl" /tmp/all.jsonl
run 1 import --collection x "$TMPDIR/bad.jsonl" && err_has 'line 2: ../outside: it is outside' && err_has 'nothing was set' &&
	run 0 get --collection x i2 && out_has '0 1 0' &&
	as user1 1 import --collection x /tmp/all.jsonl && err_has 'permission denied' && err_has 'nothing was set'
ok $? 'import sets all or nothing'
run 0 del --collection x --chunk 5 i1

# ---- search by vector
echo '0 1 0.1' >"$TMPDIR/q"
run 0 search --table --collection x --vector "$TMPDIR/q" . && [ "$(first_hit)" = i2 ]; ok $? 'search by vector'
run 0 search --table --collection x --exact --k 1024 --vector "$TMPDIR/q" . && [ "$(hits | wc -l)" -eq 3 ]
ok $? 'k larger than what there is'
run 2 search --table --collection x --k 0 --vector "$TMPDIR/q" . && err_has 'between 1 and 1024'; ok $? 'k = 0'
run 1 search --table --collection x --vector "$TMPDIR/short" . && err_has 'dimension 3'
ok $? 'a query of a wrong dimension'
mkdir none && run 3 search --table --collection x --vector "$TMPDIR/q" none; ok $? 'nothing found'

# ---- texts
mkdir -p docs/sub docs/private
echo 'A text editor with syntax highlighting for programmers' >docs/editor
echo 'Strategy game of ancient warfare with cities and armies' >docs/game
printf 'Mail transfer agent.\nDelivers messages to other hosts over SMTP.\n' >docs/mail
echo 'Converts images between PNG and JPEG' >docs/sub/image
echo 'A mail reader for the terminal, speaks IMAP' >docs/sub/reader
echo 'Secret mail about SMTP passwords' >docs/private/secret
printf 'text\000editor' >docs/binary
: >docs/empty
chmod 755 . docs docs/sub
chmod 644 docs/editor docs/game docs/mail docs/sub/*
chmod 700 docs/private
run 0 collection create . t --dim 384 && run 1 search --table --collection t . mail && err_has 'vexctl index'
ok $? 'search before there is a model'
run 0 embed --collection t docs && out_has 'embedded 6 of 8 files' && out_has 'binary 1' &&
	[ -s .vexctl/t.lexical ]; ok $? 'embed'
run 0 embed --collection t docs && out_has 'embedded 0 of 8 files'; ok $? 'embed again: nothing to do'
run 0 search --table --collection t --k 2 --snippet . 'programmers editing text' &&
	[ "$(first_hit)" = docs/editor ] && out_has 'syntax highlighting'; ok $? 'search a text'
run 0 search --table --weak --collection t docs/sub 'mail over smtp' && [ "$(first_hit)" = docs/sub/reader ] &&
	[ "$(hits | wc -l)" -eq 2 ]; ok $? 'the scope of a search'
run 0 search --collection t --json --k 1 . 'png images' && out_has '"path": "docs/sub/image"'
ok $? 'search, JSON'

run 0 search 'png images' && grep -qx 'docs/sub/image:1: Converts images between PNG and JPEG' "$out"
ok $? 'search without any option: path, line, passage'
run 3 search 'quantum chromodynamics' && err_has 'nothing found'; ok $? 'nothing is like that'

# ---- permissions
as user1 0 search --table --weak --collection t . 'secret smtp passwords' && ! out_has secret &&
	[ "$(hits | wc -l)" -eq 5 ]; ok $? 'a user does not find what he may not open'
run 0 search --table --collection t . 'secret smtp passwords' && [ "$(first_hit)" = docs/private/secret ]
ok $? 'root does'
as user1 1 set --collection x i1 "$TMPDIR/q" && err_has 'denied'; ok $? 'a user may not set'
as user1 1 collection create . u --dim 3 && err_has 'only root'; ok $? 'nor create a collection'
as user1 1 get --collection t docs/private/secret; ok $? 'nor get from a private directory'

# ---- staleness, and what survives
echo 'Now it is about gardening' >>docs/mail
run 4 search --table --collection t . 'transfer agent' && out_has '(stale)' && err_has 'changed since' &&
	run 0 search --table --weak --collection t --fresh . 'transfer agent' && ! out_has 'docs/mail'
ok $? 'stale hits are marked, --fresh leaves them out'
run 0 embed --collection t docs && out_has 'embedded 1 of 8 files'; ok $? 'embed renews what is stale'
run 0 embed --collection t --chunk-size 64 docs && run 0 list docs/mail && out_has 'bytes 0..'
ok $? 'passages'
cd / || exit 1
umount "$mnt" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" && run 0 get --collection x "$mnt/i2" &&
	out_has '0 1 0' && run 0 search --table --collection t "$mnt" 'ancient warfare' &&
	[ "$(first_hit)" = "$mnt/docs/game" ]; ok $? 'everything is there after a remount'
run 0 stat "$mnt" && out_has 'label        notes' && out_has 'in 2 collections'; ok $? 'stat'
mount -o remount,ro "$mnt" && run 1 set --collection x "$mnt/i1" "$TMPDIR/q" &&
	err_has 'read-only'; ok $? 'a read-only mount says so'

umount "$mnt"
[ "$fails" -eq 0 ]
