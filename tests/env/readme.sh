#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# What the README says can be typed: its commands in the guest, and the way in and out for notes.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

# The commands of "Using the filesystem" that run in the guest, as they are printed there.
{
	printf 'set -e\ncd /mnt/vexfs\necho "the quarterly numbers" >file.txt\necho "backups at night" >other.txt\n'
	sed -n '/^## Using the filesystem/,/^## /p' "$ROOT/README.md" | grep -E '^(vexctl|getfattr|echo [0-9. ]*[|] vexctl) '
	printf 'man vexctl | head -n 5\nman 5 vexfs | head -n 5\nman nothing || echo "status $?"\n'
} >"$WORK/commands"
run bash -c '"$1" shell <"$2"' x "$VEX" "$WORK/commands"
expect 0 "the README's commands in the guest"
says 'file\.txt' "search finds the file"
says '^user\.vec\.mine=0x[0-9a-f]{24}$' "getfattr shows the embedding"
says '^VEXCTL\(1\) ' "man vexctl"
says '^VEXFS\(5\) ' "man 5 vexfs"
says '^status 16' "man of what is not there fails"

# Notes in, and out again, through an image.
mkdir "$WORK/notes" "$WORK/copy"
for i in $(seq 20); do head -c 20000 /dev/urandom >"$WORK/notes/note $i"; done
truncate -s 256M "$WORK/notes.img"
run bash -c 'tar -C "$2/notes" -c . | "$1" shell --disk "vexfs=$2/notes.img" -- tar -x -C /mnt/vexfs' x "$VEX" "$WORK"
expect 0 "notes into an image by tar"
run bash -c 'set -o pipefail; "$1" shell --disk "vexfs=$2/notes.img" -- tar -C /mnt/vexfs -c . | tar -x -C "$2/copy"' x "$VEX" "$WORK"
expect 0 "and out again"
run diff -r "$WORK/notes" "$WORK/copy"
expect 0 "the same notes"

# docs/security.md: a claim names its tests, and they exist.
missing='' claims=0
# shellcheck disable=SC2016	# a pattern
while read -r file; do
	claims=$((claims + 1))
	[[ -f $ROOT/$file ]] || missing+=" $file"
done < <(grep -oE '`tests/[a-z]+/[a-zA-Z0-9_.]+`' "$ROOT/docs/security.md" | tr -d '`')
if [[ -z $missing && claims -gt 30 ]]; then report 0 "the tests that docs/security.md names exist ($claims)"
else report 1 "the tests that docs/security.md names exist ($claims)"; printf '# missing:%s\n' "$missing"; fi
