#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: disk=test:100M mem=512M time=180
# The embedder `static` on a real VexFS: trained on the tree, with a small WordNet; another model is refused.
set -u

# shellcheck source=tests/guest/vexctl-lib.sh
. "$(dirname "$0")/vexctl-lib.sh"
first_is() { head -n 1 "$out" | grep -q "^$1:[0-9]*: "; }

new_filesystem -L vexstatic
plan 9

# Where a real one is installed, that says the same.
wordnet=/usr/share/wordnet
if [ ! -e "$wordnet" ]; then
	mkdir -p "$wordnet"
	for part in noun verb adj adv; do
		: >"$wordnet/index.$part"
		: >"$wordnet/data.$part"
	done
	printf '%s n 1 0 1 0 00000100  \n' automobile car >"$wordnet/index.noun"
	printf '00000100 06 n 02 car 0 automobile 0 000 | a machine  \n' >"$wordnet/data.noun"
	made=yes
else
	made=no
fi

mkdir notes
echo 'The automobile in the garage has a dead battery' >notes/motor
echo 'Knead the dough and bake the bread in a hot oven' >notes/bread
echo 'The octopus sleeps in the harbour' >notes/sea

run 0 index --embedder static && out_has "made collection 'default': 960 dimensions, static"
ok $? 'index trains and embeds'
run 0 search car && first_is notes/motor; ok $? 'a synonym finds'
run 0 search 'hot oven' && first_is notes/bread; ok $? 'and so do the words'
echo 'A car was sold' >notes/sold
run 0 index && out_has 'indexed 1 file ' && run 0 search sold && first_is notes/sold
ok $? 'a later file is embedded with the same model'
run 2 index --refit && err_has 'vexctl migrate --refit'; ok $? 'a new model is for a new collection'
vexctl collection create "$mnt" words --dim 384 >/dev/null && run 0 index -c words --embedder lexical &&
	run 3 search -c words quantum; ok $? 'beside it, words alone'

i=0
while [ "$i" -lt 300 ]; do
	echo "gardens and rain, line $i"
	i=$((i + 1))
done >notes/more
run 0 index -c two --embedder static && cp .vexctl/two.static .vexctl/default.static &&
	run 1 search -c default car && err_has 'is not the one that made its vectors'
ok $? 'vectors of another model are refused'
head -c 100 .vexctl/two.static >.vexctl/part && mv .vexctl/part .vexctl/two.static &&
	run 1 search -c two car && err_has 'is damaged'
ok $? 'a truncated model is refused'

cd / && umount "$mnt" && mount -t vexfs "$VEX_DISK_TEST" "$mnt" && cd "$mnt" &&
	vexctl collection drop --yes "$mnt" two >/dev/null && run 0 index -c two --embedder static &&
	run 0 search -c two car
ok $? 'after a remount, and made anew'

[ "$made" = no ] || rm -r "$wordnet"
cd / && umount "$mnt"
[ "$fails" -eq 0 ]
