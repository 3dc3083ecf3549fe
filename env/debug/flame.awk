# SPDX-License-Identifier: GPL-2.0-only
#
# A flame graph as one SVG from folded stacks (see fold.awk), sorted. Width is the share of samples, the stack
# grows upwards, neighbours with one name are one box; a box's title tells name, samples and share.
# Orange: the module. Yellow: the rest of the kernel. Blue: user space.
#
# usage: sort folded | awk -v title=TEXT -f flame.awk >graph.svg

function escape(s) {
	gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); gsub(/"/, "\\&quot;", s)
	return s
}

# The same name has the same shade, near ones differ.
function shade(name,   i, h) {
	for (i = 1; i <= length(name); i++) h = (h * 31 + index(" abcdefghijklmnopqrstuvwxyz_0123456789", substr(name, i, 1))) % 997
	return h / 997
}
function colour(name,   v) {
	v = shade(name)
	if (name ~ /_\[m\]$/) return sprintf("rgb(%d,%d,%d)", 235 + 20 * v, 95 + 50 * v, 30 + 20 * v)
	if (name ~ /_\[k\]$/) return sprintf("rgb(%d,%d,%d)", 240 + 15 * v, 200 + 40 * v, 100 + 40 * v)
	return sprintf("rgb(%d,%d,%d)", 120 + 50 * v, 165 + 40 * v, 220 + 30 * v)
}

# The box at @level that began at sample @from ends before @to.
function close_box(level, from, to,   x, y, w, text, room, name) {
	w = (to - from) * scale
	if (w < 0.1) return
	x = margin + from * scale
	y = height - foot - (level + 1) * row
	name = open_name[level]
	text = name
	sub(/_\[[mk]\]$/, "", text)
	box[++boxes] = sprintf("<g><title>%s: %d samples, %.1f %%</title>", escape(text), to - from, 100 * (to - from) / total) \
		sprintf("<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" rx=\"1\"/>", x, y, w, row - 1, colour(name))
	room = int((w - 6) / 6.6)
	if (room >= 3) {
		if (length(text) > room) text = substr(text, 1, room - 2) ".."
		box[boxes] = box[boxes] sprintf("<text x=\"%.1f\" y=\"%d\">%s</text>", x + 3, y + row - 5, escape(text))
	}
	box[boxes] = box[boxes] "</g>"
}

{
	n = $NF
	sub(/ [0-9]+$/, "")
	lines++
	stack[lines] = $0
	weight[lines] = n
	total += n
	d = split($0, tmp, ";")
	if (d > deepest) deepest = d
}

END {
	if (!total) { print "flame.awk: no samples" > "/dev/stderr"; exit 1 }
	if (length(title) > 125) title = substr(title, 1, 123) ".."
	width = 1200; margin = 10; row = 17; head = 46; foot = 14
	scale = (width - 2 * margin) / total
	height = head + (deepest + 1) * row + foot
	open_name[0] = "all"
	at = depth = 0
	for (i = 1; i <= lines; i++) {
		d = split(stack[i], f, ";")
		for (same = 0; same < d && same < depth && f[same + 1] == open_name[same + 1]; same++) ;
		for (; depth > same; depth--) close_box(depth, open_at[depth], at)
		for (; depth < d; depth++) { open_name[depth + 1] = f[depth + 1]; open_at[depth + 1] = at }
		at += weight[i]
	}
	for (; depth > 0; depth--) close_box(depth, open_at[depth], at)
	close_box(0, 0, total)
	printf "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"monospace\" font-size=\"11\">\n", width, height, width, height
	printf "<rect width=\"100%%\" height=\"100%%\" fill=\"#fcfcf8\"/>\n"
	printf "<text x=\"%d\" y=\"20\" font-size=\"15\">%s</text>\n", margin, escape(title)
	printf "<text x=\"%d\" y=\"37\" fill=\"#555\">%d samples; orange: vexfs.ko, yellow: other kernel, blue: user space</text>\n", margin, total
	for (i = 1; i <= boxes; i++) print box[i]
	print "</svg>"
}
