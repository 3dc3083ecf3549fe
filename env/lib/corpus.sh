# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Real text for ./vex run: the descriptions of the packages this machine's apt knows.

# Programs, not the thousands of packages that only accompany one. The sample must not change between two
# runs of the same machine: every n-th package, in apt's order.
corpus_names() {
	awk -v limit="$1" '
		function take() {
			if (p != "" && d && !(p in seen) && p !~ /^lib|-(dev|dbg|doc|data|common)$/ &&
			    s !~ /(libs|libdevel|debug|oldlibs|metapackages|localization|introspection|kernel)$/) {
				seen[p] = 1
				name[n++] = p
			}
			p = s = ""
			d = 0
		}
		/^Package: / { take(); p = $2 }
		/^Section: / { s = $2 }
		/^Description: / { d = 1 }
		END { take(); step = n > limit ? n / limit : 1
			for (i = 0; i < limit && int(i * step) < n; i++) print name[int(i * step)] }' "$2"
}

corpus_translations() {
	local f
	for f in /var/lib/apt/lists/*_i18n_Translation-en*; do
		[[ -f $f ]] || continue
		/usr/lib/apt/apt-helper cat-file "$f" || note "apt cannot read $f: its descriptions are left out"
		echo
	done
}

# corpus_packages DIR LIMIT
corpus_packages() {
	local dir=$1 limit=$2 work=$1.work
	rm -rf "$dir" "$work"
	mkdir -p "$dir" "$work"
	apt-cache dumpavail >"$work/available"
	if [[ ! -s $work/available && $VEX_INSTALL == 1 ]]; then
		apt_update || warn "the lists of packages could not be renewed"
		apt-cache dumpavail >"$work/available"
	fi
	corpus_names "$limit" "$work/available" >"$work/names"
	[[ -s $work/names ]] || die "$EX_ENV" "apt knows no package descriptions; run apt-get update," \
		"or name a directory of text files: ./vex run DIR"
	corpus_translations >"$work/translations"
	awk -v dir="$dir" -v names="$work/names" -f "$VEX_ROOT/env/lib/corpus.awk" "$work/translations" "$work/available"
	rm -rf "$work"
}

# corpus_directory DIR FROM LIMIT: readable plain files of the user, names kept, nothing followed.
corpus_directory() {
	local dir=$1 from=$2 limit=$3 n=0 bytes=0 size f rel
	rm -rf "$dir"
	mkdir -p "$dir"
	while IFS= read -r -d '' f; do
		((n < limit)) || break
		[[ -r $f ]] || { note "skipped (not readable): $f"; continue; }
		size=$(stat -c %s "$f")
		((bytes + size < 256 * 1048576)) || { note "skipped (more than 256 MB in all): $f"; continue; }
		rel=${f#"$from"/}
		mkdir -p "$dir/$(dirname "$rel")"
		cp -- "$f" "$dir/$rel"
		n=$((n + 1)) bytes=$((bytes + size))
	done < <(find "$from" -xdev -type f -size +0 -print0 | sort -z)
	((n)) || die "$EX_USAGE" "no readable, non-empty file below $from"
}
