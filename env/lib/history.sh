# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The history of campaigns and benchmarks, which ./vex report shows: one line a run, written by vexpage (env/page). A
# run that cannot be noted is a warning, and its exit code stays.

# The file, one for each module; nothing: no history is kept.
history_file() { printf '%s' "${VEX_HISTORY-$VEX_CACHE/history/${MODULE[name]}.jsonl}"; }

# The commit of the module's sources, with +changes where files differ from it.
history_commit() {
	local dir commit
	if module_is_own; then dir=$VEX_ROOT; else dir=${MODULE[home]}; fi
	commit=$(git -C "$dir" rev-parse -q --verify --short=12 HEAD 2>/dev/null) || return 0
	[[ -z $(git -C "$dir" status --porcelain --untracked-files=no 2>/dev/null) ]] || commit+=+changes
	printf '%s' "$commit"
}

# history_add CAMPAIGN EXIT-CODE [OPTION of vexpage add]...: notes the run, which began at HISTORY_MS with the command.
history_add() {
	local file what=$1 code=$2
	file=$(history_file)
	[[ -n $file ]] || return 0
	shift 2
	mkdir -p "$(dirname "$file")" 2>/dev/null || :
	"$VEX_SHARED/env/vexpage" add --file "$file" --what "$what" --code "$code" --ms "$(($(now_ms) - HISTORY_MS))" \
		--text "module=${MODULE[name]}" --text "commit=$(history_commit)" --text "command=${VEX_LINE:-$what}" "$@" ||
		warn "the run is not in the history ($file): ./vex report will not show it"
}
