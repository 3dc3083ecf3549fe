# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Programs of this host in the guest: the fast lane's root holds no distribution, so a program travels on the
# payload disk together with the libraries its loader would look for.

# The libraries of an executable, its loader among them, by the paths the loader uses.
program_libraries() { ldd "$1" | awk '$3 ~ /^\// { print $3; next } $1 ~ /^\// { print $1 }'; }

# payload_program NAME...: vexpack entries; the programs are /vex/bin/NAME in the guest.
payload_program() {
	local name path lib
	for name in "$@"; do
		path=$(command -v "$name") || die "$EX_ENV" "no program '$name' on this host: install its package"
		path=$(readlink -f "$path")
		printf 'file /vex/bin/%s 0755 %s\n' "$name" "$path"
		while read -r lib; do
			printf 'file %s 0755 %s\n' "$lib" "$(readlink -f "$lib")"
		done < <(program_libraries "$path")
	done | sort -u
}

# payload_manuals DIR: the manual pages as plain text, rendered into DIR, and the guest's man.
payload_manuals() {
	local page
	mkdir -p "$1"
	for page in "$VEX_ROOT"/tools/man/*.[158]; do
		mandoc -T utf8 -O width=78 "$page" | sed 's/.\x08//g' >"$1/${page##*/}"
		printf 'file /vex/man/%s 0644 %s\n' "${page##*/}" "$1/${page##*/}"
	done
	printf 'file /vex/bin/man 0755 %s\n' "$VEX_ROOT/env/guest/man.sh"
}

# program_memory NAME...: megabytes they and their libraries take of a guest's memory, which holds its root.
program_memory() {
	payload_program "$@" | cut -d' ' -f4 | xargs -r stat -c %s | awk '{ n += $1 } END { print int(n / 1048576) + 1 }'
}
