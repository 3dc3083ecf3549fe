# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Kernel backtraces with source lines: "vexfs_create+0x4b/0x90 [vexfs]" becomes a file and a line, with what was inlined.

# decode_tokens CONSOLE module|kernel: "SYMBOL OFFSET EXACT" of every frame; the address in a Call Trace is where
# the call returns to, so the call itself is one byte before it.
decode_tokens() {
	awk -v want="$2" -v name="$(module_get name)" '
		{
			sub(/\r$/, "")
			exact = /RIP: [0-9a-f]+:/
			line = $0
			while (match(line, /[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\/0x[0-9a-f]+( \[[A-Za-z0-9_]+)?/)) {
				token = substr(line, RSTART, RLENGTH)
				line = substr(line, RSTART + RLENGTH)
				module = token ~ (" \\[" name "$") ? "module" : token ~ /\[/ ? "other" : "kernel"
				split(token, part, /[+\/ ]/)
				if (module == want) print part[1], part[2], exact
			}
		}' "$1" | sort -u
}

# decode_addresses ELF <tokens: "SECTION ADDRESS SYMBOL+OFFSET:EXACT"; the section counts in relocatable files only.
decode_addresses() {
	awk '
		function hex(s,  i, n) {
			n = 0
			s = tolower(s)
			sub(/^0x/, "", s)
			for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
			return n
		}
		# awk counts in doubles, exact to 53 bits: kernel addresses are added in two halves.
		function add(base, off,  low, high) {
			while (length(base) < 16) base = "0" base
			high = hex(substr(base, 1, 8))
			low = hex(substr(base, 9)) + off
			return sprintf("%08x%08x", high, low)
		}
		FILENAME == ARGV[1] { if ($1 == "[" || $1 ~ /^\[/) { sub(/\[ */, ""); sub(/\]/, ""); section[$1] = $2 } next }
		FILENAME == ARGV[2] { if (($4 == "FUNC" || $4 == "NOTYPE") && !($8 in value)) { value[$8] = $2; index_[$8] = $7 } next }
		$1 in value { print section[index_[$1]], add(value[$1], hex($2) - ($3 ? 0 : 1)), $1 "+" $2 ":" $3 }
	' <(readelf -SW "$1") <(readelf -sW "$1") - 2>/dev/null
}

# decode_map CONSOLE ELF module|kernel: "SYMBOL+OFFSET:EXACT<tab>file:line (in function) <- ..." for every frame.
decode_map() {
	local elf=$2 list section
	list=$(decode_tokens "$1" "$3" | decode_addresses "$elf")
	[[ -n $list ]] || return 0
	while read -r section; do
		local option=() rows
		[[ $3 == kernel ]] || option=(-j "$section")
		rows=$(awk -v s="$section" -v k="$3" 'k == "kernel" || $1 == s' <<<"$list")
		paste <(cut -d' ' -f3 <<<"$rows") <(cut -d' ' -f2 <<<"$rows" | addr2line "${option[@]}" -e "$elf" -a -i -p -f |
			awk '/^0x/ { if (NR > 1) print text; sub(/^0x[0-9a-f]+: /, ""); text = $0; next }
			     { sub(/^ *\(inlined by\) /, ""); text = text " <- " $0 } END { print text }')
		if [[ $3 == kernel ]]; then break; fi
	done < <(cut -d' ' -f1 <<<"$list" | sort -u)
}

# decode_trace CONSOLE MODULE [KERNEL]: the console from the first bad line to the next boot, frames with their lines.
decode_trace() {
	local console=$1 module=$2 kernel=${3:-}
	{
		decode_map "$console" "$module" module
		if [[ -n $kernel ]] && readelf -SW "$kernel" | grep ' \.debug_info ' >/dev/null; then decode_map "$console" "$kernel" kernel; fi
	} | awk -F'\t' -v root="$VEX_ROOT/" -v copy="$VEX_BUILD/kmod/" '
		# Sources of a module that is built in a copy are named as in its own directory.
		function plain(s,  at, rest, out) {
			out = ""
			while ((at = index(s, copy)) > 0) {
				rest = substr(s, at + length(copy))
				out = out substr(s, 1, at - 1)
				s = substr(rest, index(rest, "/") + 1)
			}
			return out s
		}
		FILENAME == "-" { gsub(/ \(discriminator [0-9]+\)/, "", $2); gsub(/[^ ]*\/build\/kmod\/[^\/]*\//, "", $2)
			gsub(root, "", $2); line[$1] = plain($2); next }
		{ sub(/\r$/, "") }
		/Linux version/ && on { exit }
		/Kernel panic|Oops|BUG: |general protection|WARNING: |KASAN: |invalid opcode|blocked for more than/ { on = 1 }
		/sysrq: Show Blocked State|detected stall|self-detected stall/ { on = 1 }
		# All tasks: what waits for something was before it.
		/sysrq: Show State/ && on { exit }
		!on { next }
		{
			print
			exact = /RIP: [0-9a-f]+:/ ? 1 : 0
			if (match($0, /[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+\//)) {
				key = substr($0, RSTART, RLENGTH - 1) ":" exact
				if (key in line && line[key] !~ /^\?\?/) {
					n = split(line[key], part, / <- /)
					for (i = 1; i <= n; i++) print "        " (i > 1 ? "inlined in " : "") part[i]
				}
			}
		}' - "$console"
}

# The first function of ours on the stack.
decode_first() { grep -m1 -oE '[A-Za-z_][A-Za-z0-9_.]*\+0x[0-9a-f]+/0x[0-9a-f]+ \['"$(module_get name)\\b" "$1" | cut -d+ -f1; }

# decode_place TRACE: "FUNCTION at FILE:LINE" of the first function of ours, inlined ones included, but for the kernel's.
decode_place() {
	awk -v name="$(module_get name)" '/^        [^ ].* at / { if (ours && / at [^\/]/) { sub(/^ +(inlined in )?/, ""); print; exit } next }
		{ ours = $0 ~ ("\\[" name "[] ]") && !/ \? / }' "$1"
}

# decode_blocked TRACE: "TASK in FUNCTION at FILE:LINE" of each task that waits in our code, the first five.
decode_blocked() {
	awk -v name="$(module_get name)" '/^        [^ ].* at / { if (ours && task != "" && / at [^\/]/) { sub(/^ +(inlined in )?/, ""); print task " in " $0; task = ""; n++ } if (n == 5) exit; next }
		match($0, /task:[^ ]+/) { task = substr($0, RSTART + 5, RLENGTH - 5) }
		{ ours = $0 ~ ("\\[" name "[] ]") && !/ \? / }' "$1"
}

# panic_trace RUNDIR KERNEL CODE: what every run does whose kernel complained or hung: the trace with source lines beside the
# log.
panic_trace() {
	local dir=$1 name=$2 module symbols='' fn line
	module=$(module_path "$name")
	if kernel_has "$name" built; then symbols=$(kernel_dir "$name")/vmlinux; fi
	[[ -f $module && -s $dir/console.log ]] || return 0
	decode_trace "$dir/console.log" "$module" "$symbols" >"$dir/trace.txt" 2>"$dir/trace.err" ||
		note "the trace could not be decoded whole; see ${dir#"$VEX_ROOT"/}/trace.err"
	[[ -s $dir/trace.err ]] || rm -f "$dir/trace.err"
	if [[ ! -s $dir/trace.txt ]]; then
		rm -f "$dir/trace.txt"
		return 0
	fi
	# Not every trace goes through a function of ours.
	fn=$(decode_place "$dir/trace.txt")
	[[ -n $fn ]] || fn=$(decode_first "$dir/trace.txt") || fn=''
	while read -r line; do note "blocked: $line"; done < <(decode_blocked "$dir/trace.txt")
	note "${fn:+in $fn; }the trace with source lines: ${dir#"$VEX_ROOT"/}/trace.txt"
	[[ ${VEX_CMD:-} == crash || $3 != "$EX_PANIC" ]] || note "with a memory dump and symbols in one bundle: $(vex_line) crash --kernel $name -- COMMAND"
}
