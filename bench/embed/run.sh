# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex bench embed: questions with a right answer, asked of vexctl search on this host; then embedders on real texts.

# Debian's package descriptions as apt has them, with their sections: 7,074 of them, the same ones of the same lists.
bench_packages() {
	apt-cache dumpavail 2>/dev/null | LC_ALL=C awk '
		function out() {
			if (name && section && text && !seen[text]++) {
				gsub(/[\\"]/, "\\\\&", text)
				print "{\"text\": \"" text "\", \"forum\": \"" section "\"}"
			}
			name = section = text = ""
		}
		/^Package: / { name = $2 }
		/^Section: / { section = $2; sub(/.*\//, "", section) }
		/^Description: / { text = substr($0, 14) }
		/^$/ { out() }
		END { out() }' | LC_ALL=C sort | shuf -n 7074 --random-source=<(yes vexfs)
}

bench_real_texts() {
	local set=${VEXFS_DATA:-$VEX_ROOT/../shared/data}/stackexchange-bge-768 work
	if [[ -e $set/questions.jsonl ]]; then
		say "titles of questions on Stack Exchange; the judge is bge-base-en-v1.5"
		"$VEX_BUILD/bench/judge" "$@" "$set/questions.jsonl" "$set/questions.f16" "$set/queries.jsonl" "$set/queries.f16"
	else
		say "SKIP: no Stack Exchange titles in $set (set VEXFS_DATA)"
	fi
	work=$(mktemp -d)
	if bench_packages >"$work/packages.jsonl" && [[ $(wc -l <"$work/packages.jsonl") -eq 7074 ]]; then
		say "descriptions of Debian's packages, their sections as forums"
		"$VEX_BUILD/bench/judge" "$@" "$work/packages.jsonl"
	else
		say "SKIP: apt-cache lists fewer than 7,074 packages here (apt-get update fetches the lists)"
	fi
	rm -rf "$work"
}

bench_main() {
	local args=() wordnet=()
	while (($#)); do
		case $1 in
		--misses) args=(--misses) ;;
		--wordnet)
			(($# > 1)) || usage_error "--wordnet requires a directory"
			wordnet=(--wordnet "$2")
			shift
			;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	need bench/embed
	build_step "building the benchmark of embedders" bench-embed bench-embed
	"$VEX_BUILD/bench/embed" "$VEX_ROOT/bench/embed/questions.tsv" "${args[@]}" "${wordnet[@]}"
	bench_real_texts "${wordnet[@]}"
}
