# SPDX-License-Identifier: GPL-2.0-only
#
# Package records (apt-cache dumpavail) to text files, one per package: DIR/section/name.txt.
# -v dir=DIR -v limit=N -v names=FILE (records wanted, made by a first pass)
# Long descriptions live in the Translation files, found by their digest; not every machine has them.

function flush_record() {
	if (package != "" && short != "" && !(package in done) && (package in wanted)) {
		done[package] = 1
		sub(/^.*\//, "", section)
		if (section == "") section = "other"
		if (!(section in made)) { made[section] = 1; system("mkdir -p '" dir "/" section "'") }
		file = dir "/" section "/" package ".txt"
		printf "%s: %s\n", package, short > file
		if (digest in long) printf "\n%s", long[digest] > file
		gsub(/[a-z0-9-]+::/, " ", tags); gsub(/[ ,\n]+/, " ", tags); gsub(/-/, " ", tags)
		if (tags != "") printf "\nKeywords:%s\n", tags > file
		close(file)
	}
	package = short = section = digest = tags = field = ""
}

BEGIN { while ((getline name < names) > 0) wanted[name] = 1 }

FILENAME != last { flush_record(); last = FILENAME }
FILENAME ~ /translations$/ {
	if ($1 == "Description-md5:") { digest = $2; intext = 0 }
	else if ($1 == "Description-en:") { intext = 1 }
	else if (intext && /^ /) { line = substr($0, 2); if (line == ".") line = ""; long[digest] = long[digest] line "\n" }
	else { intext = 0 }
	next
}
/^$/ { flush_record(); next }
/^Package: / { package = $2; field = "" ; next }
/^Description: / { short = substr($0, 14); field = ""; next }
/^Section: / { section = $2; field = ""; next }
/^Description-md5: / { digest = $2; field = ""; next }
/^Tag: / { tags = " " substr($0, 6); field = "tag"; next }
/^ / { if (field == "tag") tags = tags " " $0; next }
{ field = "" }
END { flush_record() }
