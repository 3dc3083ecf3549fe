# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: the last campaigns and benchmarks on one page, with plots

cmd_help() {
	cat <<'END_HELP'
usage: ./vex report [--html FILE] [--text] [--since COMMIT]

Each run of ./vex test, fstests, crash-test, fuzz image, bench loop, bench fs and bench vectors --json adds a line to a
history: commit, date, kernel, seed, counts, seconds, rows beside their peers. Without an option this prints the last
run of each as text. --html writes one page that needs no network and no scripts: tables, and plots over the runs.

  --html FILE     write the page to FILE
  --text          print the text, also with --html
  --since COMMIT  only runs from the first one of this commit on

The history is ~/.cache/vex/history/MODULE.jsonl; VEX_HISTORY names another file, or nothing: none is kept. Broken lines
in it are left out and named.

exit: 0 written, 2 wrong usage or no run of that commit, 6 it could not be read or written, 7 the history is empty
examples:
  ./vex report
  ./vex report --html report.html --since HEAD~20
END_HELP
}

cmd_main() {
	local file html='' text=0 since='' commit args=()
	while (($#)); do
		case $1 in
		--html) need_value "$1" $#; [[ -n $2 && ! -d $2 ]] || usage_error "--html '$2': name a file"; html=$2; shift ;;
		--text) text=1 ;;
		--since) need_value "$1" $#; [[ -n $2 && $2 != -* ]] || usage_error "--since '$2': name a commit"; since=$2; shift ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	file=$(history_file)
	[[ -n $file ]] || usage_error "VEX_HISTORY is set to nothing, so no history is kept: unset it, or name a file"
	need report
	env_build
	if [[ -n $html ]]; then args+=(--html "$html"); fi
	if ((text)) || [[ -z $html ]]; then args+=(--text); fi
	if [[ -n $since ]]; then
		commit=$(git -C "$(module_sources)" rev-parse -q --verify --short=12 "$since^{commit}" 2>/dev/null) || commit=$since
		args+=(--since "$commit")
	fi
	"$VEX_SHARED/env/vexpage" report --file "$file" --module "${MODULE[name]}" "${args[@]}"
	[[ -z $html ]] || say "written: $html"
}
