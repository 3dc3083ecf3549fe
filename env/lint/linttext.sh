# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Linters for what is not C, and for the shape of every file. See lint.sh.

# Every source names its licence, in the first two lines.
lint_spdx() {
	local files
	mapfile -t files < <(lint_files | grep -E '\.([chS]|sh|cocci|hcl|yml|awk|mk|bt|py)$|(^|/)(Makefile|Kbuild|vex)$')
	(cd "$VEX_ROOT" && awk '/SPDX-License-Identifier: / && FNR <= 2 { has[FILENAME] = 1 }
		FNR > 2 { nextfile }
		END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in has))
			printf "%s:1: [spdx] no SPDX-License-Identifier in the first two lines\n", ARGV[i] }' "${files[@]}")
}

# Sizes the house rules name, white space, and names of machines that are nobody's business.
lint_shape() {
	# shellcheck disable=SC2016	# awk expands it
	local awk_shape='
		function say(line, rule, text) { printf "%s:%d: [%s] %s\n", name, line, rule, text }
		FNR == 1 { if (name != "") close_file(); name = FILENAME; fn = "" }
		/[ \t]$/ && name !~ /\.md$/ { say(FNR, "trailing-space", "white space at the end of the line") }
		/ \t/ && name ~ /\.[ch]$/ && $0 !~ /^ *\*/ { say(FNR, "space-before-tab", "a space before a tab") }
		length($0) > 120 && name ~ /\.[ch]$/ && !/"/ { say(FNR, "long-line", "longer than 120 columns, and no string") }
		name ~ /\.c$/ && /^[a-zA-Z_].*\)$/ && !/;/ { fn = $0; sub(/\(.*/, "", fn); sub(/.*[ *]/, "", fn) }
		name ~ /\.c$/ && /^\{$/ { start = FNR }
		name ~ /\.c$/ && /^\}$/ && start { if (FNR - start > 100) say(start, "long-function", fn "() has " (FNR - start) " lines, more than 100"); start = 0 }
		{ last = FNR }
		function close_file() { if (last > 800 && name ~ /(\.[ch]|\.sh)$/) say(1, "long-file", "has " last " lines, more than 800") }
		END { close_file() }'
	(cd "$VEX_ROOT" && lint_files | grep -E '\.([ch]|sh|md|yml|hcl|cocci)$|(^|/)(vex|Makefile|Kbuild)$' |
		xargs awk "$awk_shape")
}

# Do the needs of each command cover every program that it can call? env/lint/needs.c walks the scripts. Another tree may
# be looked at: what its commands ensure is then read from that one.
lint_needs() {
	lint_tool make || return 0
	lint_tool gcc || return 0
	local rc=0
	make -s -C "$VEX_ROOT/env/lint" OUT="$VEX_BUILD/env" >&2 || return
	"$VEX_BUILD/env/vexneeds" "${LINT_TREE:-$VEX_ROOT}" "$VEX_ROOT" || rc=$?
	((rc <= 1))
}

lint_shellcheck() {
	lint_tool shellcheck || return 0
	local files
	mapfile -t files < <(lint_shell_files)
	# -x reads what a file sources: any change there asks again.
	# shellcheck disable=SC2016	# the inner shell expands it
	lint_each shellcheck "$(shellcheck --version) $(lint_hash vex env/*/*.sh tests/env/lib.sh)" \
		'shellcheck -x -f gcc "$1" | sed -E "s/^([^:]*:[0-9]+):[0-9]+: (.*) \[(SC[0-9]+)\]$/\1: [\3] \2/"' "${files[@]}"
}

# Whether other pages are installed on this machine says nothing about ours; a link to a page of ours must lead somewhere.
lint_man() {
	lint_tool mandoc || return 0
	local page sec f
	(cd "$VEX_ROOT" && { mandoc -T lint -W style tools/man/*.[1-9] 2>&1 || true; }) |
		grep -vE 'outdated mandoc.db|referenced manual not found' |
		sed -E 's/^mandoc: ([^:]*:[0-9]+):[0-9]+: ([A-Z]+): /\1: [\2] /'
	for f in "$VEX_ROOT"/tools/man/*.[1-9]; do
		{ grep -nE '^\.Xr (mkfs|fsck|tune|dump)\.vexfs |^\.Xr (vexctl|libvexfs|vexfs_[a-z]+) ' "$f" || true; } | while read -r line page sec _; do
			[[ -f $VEX_ROOT/tools/man/$page.$sec ]] ||
				printf '%s:%s: [dead-link] there is no %s(%s)\n' "${f#"$VEX_ROOT"/}" "${line%%:*}" "$page" "$sec"
		done
	done
}

lint_yaml() {
	lint_tool yamllint || return 0
	local rules='{extends: default, rules: {document-start: disable, line-length: {max: 160}, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}, indentation: {indent-sequences: whatever}, brackets: disable, braces: disable}}'
	(cd "$VEX_ROOT" && lint_files | grep -E '\.ya?ml$' | { xargs -r yamllint -f parsable -d "$rules" || true; }) |
		sed -E 's/^([^:]*:[0-9]+):[0-9]+: \[([a-z]+)\] (.*) \(([a-z-]+)\)$/\1: [\4] \3/'
}
