# SPDX-License-Identifier: GPL-2.0-only
#
# From "perf script -F comm,ip,sym,dso" to folded stacks: outermost first, joined by ";", a blank, the number
# of samples. A function of the module ends in _[m], of the kernel in _[k]; the colours of flame.awk go by that.
#
# usage: awk -v module=FILE -f fold.awk samples, FILE with the names of the module's functions: to perf they are
# the kernel's when it has only kallsyms to go by.

BEGIN { while (module != "" && (getline name <module) > 0) own[name] = 1 }

function flush(   i, line) {
	if (!depth) return
	line = comm
	for (i = depth; i >= 1; i--) line = line ";" frame[i]
	count[line]++
	depth = 0
}

# A sample begins with the command at the left margin; its frames are indented, the innermost first.
/^[^ \t]/ { flush(); comm = $0; sub(/[ \t:]+$/, "", comm); gsub(/[; ]/, "_", comm); next }
comm == "swapper" { next }	# nobody ran
/^[ \t]+[0-9a-f]+ / {
	kernel = $1 ~ /^ffff/
	sym = $0
	sub(/^[ \t]+[0-9a-f]+ /, "", sym)
	sub(/ \([^()]*\)[ \t]*$/, "", sym)
	sub(/\+0x[0-9a-f]+$/, "", sym)
	gsub(/[; ]/, "_", sym)
	if (sym == "" || sym == "[unknown]") sym = kernel ? "[kernel]" : "[unknown]"
	if (kernel) sym = sym (sym in own ? "_[m]" : "_[k]")
	frame[++depth] = sym
	next
}
/^[ \t]*$/ { flush() }
END { flush(); for (s in count) print s, count[s] }
