#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# What is watched when no command is given: a little of everything, on /mnt/vexfs.
set -e
cd /mnt/vexfs
mkdir -p sample
for i in 1 2 3 4 5 6 7 8; do
	echo "note $i about mending bicycles, cooking lentils and reading maps" >sample/note$i.txt
done
dd if=/dev/zero of=sample/data bs=64k count=16 2>/dev/null
dd if=/dev/zero of=sample/data bs=4k count=4 seek=7 conv=notrunc,fsync 2>/dev/null
vexctl collection create . sample --dim 64 --type f32 --metric cosine >/dev/null
vexctl embed --collection sample sample >/dev/null
vexctl search --collection sample --k 3 . 'how to cook lentils' >/dev/null
echo 'changed since' >>sample/note1.txt
cat sample/note* >/dev/null
mv sample/note2.txt sample/renamed.txt
ln sample/renamed.txt sample/linked.txt
rm sample/note3.txt
sync
vexctl collection drop --yes . sample >/dev/null
rm -r sample
sync
