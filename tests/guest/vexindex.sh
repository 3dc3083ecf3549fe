#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=180
# The everyday path on a real VexFS: index, search, change, stale, delete, another user.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
first_is() { head -n 1 "$out" | grep -q "^$1:[0-9]*: "; }

new_filesystem -L vexindex
plan 34

mkdir -p notes/private build
echo 'How to fix a flat tyre: take the wheel off' >notes/tyre
echo 'Knead the dough and bake the bread in a hot oven' >notes/bread
echo 'The secret of the locksmith: a spare key under the mat' >notes/private/secret
echo 'compiled' >build/output
echo 'build/' >.gitignore
ln -s . notes/loop
printf 'a\000b' >notes/picture
i=0
while [ "$i" -lt 400 ]; do
	echo "line $i of a long log about trains and their delays"
	i=$((i + 1))
done >notes/log
echo 'the octopus sleeps in the harbour' >>notes/log
chmod 755 . notes build
chmod 644 notes/tyre notes/bread notes/log
chmod 700 notes/private

run 1 search 'flat tyre' && err_has "run 'vexctl index' first"; ok $? 'before anything is indexed'
run 0 index && out_has "made collection 'default': 768 dimensions" && out_has 'indexed 4 files'
ok $? 'index: one command'
out_has './notes/picture: binary' && out_has './notes/loop: symbolic link' && ! out_has output
ok $? 'what is skipped is named'
run 0 index && out_has 'indexed 0 files' && out_has '4 up to date'; ok $? 'again: nothing to do'
run 0 search 'flat tyre' && first_is notes/tyre; ok $? 'search without an option'
run 0 search 'sleeping octopus' && first_is notes/log && out_has 'notes/log:401: the octopus'
ok $? 'a passage of a long file, with its line'
run 3 search 'quantum chromodynamics'; ok $? 'nothing is like that'
run 0 search --json 'bake bread' && out_has '"path": "notes/bread", "line": 1'; ok $? 'JSON'
run 0 status && out_has '0 not indexed, 0 changed since'; ok $? 'status: complete'

# ---- changes
echo 'Now it is about gardening' >notes/bread
run 4 search 'flat tyre' && err_has '0 files here are not indexed and 1 have changed'
ok $? 'a changed file is told, although it is no hit'
echo 'Bicycle wheels have spokes' >notes/.new && mv notes/.new notes/tyre
run 4 stale && out_has 'stale    notes/bread' && out_has 'missing  notes/tyre'
ok $? 'stale: written, and written as editors do'
mkdir other && echo 'a parrot that speaks' >other/parrot && cp -a other notes/ && rm -r other
run 4 status && out_has '2 not indexed, 1 changed'; ok $? 'a copied directory is seen'
mkdir moved && echo 'a tale of whales' >moved/whale
run 0 index notes && run 4 status && out_has '1 not indexed'; ok $? 'an index of a part'
run 0 index && run 0 search 'wheel spokes' && first_is notes/tyre && run 0 search 'parrot' &&
	first_is notes/other/parrot; ok $? 'index brings it up to date'
mv moved notes/ && run 0 search whales && first_is notes/moved/whale; ok $? 'a moved directory keeps its embeddings'
rm notes/other/parrot && run 3 search 'parrot speaks' && ! out_has parrot; ok $? 'a deleted file is not found'

# ---- another user
as user1 3 search 'locksmith spare key' && ! out_has secret; ok $? 'no file of others is found'
run 0 search 'spare key of the locksmith' && first_is notes/private/secret; ok $? 'root finds it'
chmod 644 notes/tyre
as user1 0 search 'wheel spokes' && first_is notes/tyre; ok $? 'what may be read is found'
as user1 0 index && out_has 'permission denied'; ok $? 'index of files that are not his: skipped, with the reason'

# ---- a program that speaks the Model Context Protocol
ask() { # ask TOOL ARGUMENTS: the answer in $out
	{
		echo '{"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{}},"jsonrpc":"2.0","id":0}'
		echo '{"method":"notifications/initialized","jsonrpc":"2.0"}'
		printf '{"method":"tools/call","params":{"name":"%s","arguments":%s},"jsonrpc":"2.0","id":1}\n' "$1" "$2"
	} | vexctl mcp "$mnt/notes" >"$out" 2>"$err"
}
echo 'a flute made of bone' >notes/flute
ask index '{}' && out_has '"embedded":1' && ask search '{"query":"bone flute"}' &&
	out_has "\"path\":\"$mnt/notes/flute\"" && [ "$(wc -l <"$out")" -eq 2 ] && [ ! -s "$err" ]
ok $? 'mcp: index and search'
ask read_passage '{"path":"../.gitignore"}' && out_has 'leads out of' && ask search '{"query":"x","directory":"/"}' &&
	out_has 'outside of the directories' && ask read_passage '{"path":"log","line":401}' && out_has octopus
ok $? 'mcp: only below its directory'

# ---- a program that makes the vectors
cat >"$TMPDIR/toy" <<-'EOF'
	#!/bin/sh
	echo '{"model":"toy 1","dim":3}'
	while IFS= read -r line; do
		[ -n "$line" ] || continue
		id=${line#*:} id=${id%%,*}
		case $line in
		*octopus* | *whale* | *"marine animal"*) v='1,0,0.1' ;;
		*) v='0,1,0.1' ;;
		esac
		echo "{\"id\":$id,\"vector\":[$v]}"
	done
EOF
chmod 755 "$TMPDIR/toy"
run 0 index -c toy --embedder "exec:$TMPDIR/toy" notes && out_has "made collection 'toy': 3 dimensions, toy 1"
ok $? 'an embedder that is a program'
run 0 search -c toy --embedder "exec:$TMPDIR/toy" --json -k 1 'marine animal' &&
	grep -qE '"path": "notes/(moved/whale|log)"' "$out"
ok $? 'search by what it knows'
sed 's/toy 1/toy 2/' "$TMPDIR/toy" >"$TMPDIR/toy2" && chmod 755 "$TMPDIR/toy2"
run 1 search -c toy --embedder "exec:$TMPDIR/toy2" whales && err_has "of the embedder 'toy 1', not of 'toy 2'"
ok $? 'another one is refused'
sed "s/\\[\$v\\]/[1,2]/" "$TMPDIR/toy" >"$TMPDIR/toy2" && chmod 755 "$TMPDIR/toy2"
run 1 index -c toy --force --embedder "exec:$TMPDIR/toy2" notes && err_has 'a vector of another dimension' &&
	run 0 search -c toy --embedder "exec:$TMPDIR/toy" whales
ok $? 'wrong vectors change nothing'
run 0 index -c pre --embedder "exec:$TMPDIR/toy" --query-prefix 'whale: ' notes &&
	out_has "made collection 'pre': 3 dimensions, toy 1 prefixes:" && [ -s "$mnt/.vexctl/pre.prefixes" ]
ok $? 'prefixes are noted'
run 0 search -c pre --embedder "exec:$TMPDIR/toy" --json -k 1 unheard &&
	grep -qE '"path": "notes/(moved/whale|log)"' "$out" &&
	run 1 index -c pre --embedder "exec:$TMPDIR/toy" --query-prefix '' --force notes && err_has "not of 'toy 1'"
ok $? 'search puts its prefix before the query'

# ---- a model of static embeddings in files
mkdir "$TMPDIR/m2v"
printf '[UNK]\noctopus\ntrain\nwhale\n##s\n' >"$TMPDIR/m2v/vocab.txt"
model() { # model VECTOR: of "whale"; those of "octopus" and "train" are 1,0 and 0,1
	header='{"embeddings":{"dtype":"F32","shape":[5,2],"data_offsets":[0,40]}}'
	{
		printf '%b\000\000\000\000\000\000\000%s' "\\0$(printf '%o' "${#header}")" "$header"
		printf '\000\000\000\000\000\000\000\000\000\000\200?\000\000\000\000\000\000\000\000\000\000\200?'
		printf '%b\000\000\000\000\000\000\000\000' "$1"
	} >"$TMPDIR/m2v/model.safetensors"
}
m2v="model2vec:$TMPDIR/m2v"
model '\0000\0000\0200?\0000\0000\0000\0000'
run 0 index -c m2v --embedder "$m2v" notes && out_has "made collection 'm2v': 2 dimensions, model2vec 1"
ok $? 'a model of static embeddings'
run 0 search -c m2v --embedder "$m2v" -k 1 octopus && first_is notes/log &&
	run 0 search -c m2v --embedder "$m2v" -l octopus && out_has notes/moved/whale
ok $? 'search by its vectors and by words'
model '\0000\0000\0000\0000\0000\0000\0200?'
run 1 search -c m2v --embedder "$m2v" octopus && err_has 'of another model' &&
	head -c 50 "$TMPDIR/m2v/model.safetensors" >"$TMPDIR/m2v/part" &&
	mv "$TMPDIR/m2v/part" "$TMPDIR/m2v/model.safetensors" &&
	run 1 index -c m2v --force --embedder "$m2v" notes && err_has 'it ends within its header'
ok $? 'another model is refused, and a truncated one'

# The guest's programs are static, and have no libcurl.
run 1 index --embedder 'http://127.0.0.1/v1#model' -c web notes && err_has 'built without libcurl' &&
	! vexctl collection list "$mnt" | grep -q web
ok $? 'a server, without libcurl'

# ---- crash and remount
echo 'one more note about volcanoes' >notes/volcano
cd / && umount "$mnt" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" && cd "$mnt" && run 4 stale &&
	out_has 'missing  notes/volcano'; ok $? 'all of it is known after a remount'
mount -o remount,ro "$mnt" && run 1 index && err_has 'read-only'; ok $? 'a read-only mount says so'
cd /
umount "$mnt"
[ "$fails" -eq 0 ]
