# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# --json: the command runs in a process of its own, with all that is for people on standard error, and notes what there
# is to know in a file of records, one a line: KIND and fields, by tabs. However it ends, vexjson (env/report) makes one
# object of them. docs/json.md describes it.

REPORT_COMMANDS=(test vm crash run image kernel doctor build lint)

# report_wanted ARGUMENT...: whether the command line is one for an object; sets REPORT_ARGS to it without --json. Words
# behind -- are the guest's, and so is all that other commands take.
report_wanted() {
	local a found=1
	REPORT_ARGS=()
	if [[ " ${REPORT_COMMANDS[*]} --json " != *" ${1:-} "* && -f $VEX_ROOT/env/cmd/${1:-}.sh ]]; then return 1; fi
	while (($#)); do
		a=$1
		[[ $a != -- ]] || break
		shift
		if [[ $a == --json ]]; then found=0; else REPORT_ARGS+=("$a"); fi
	done
	REPORT_ARGS+=("$@")
	return "$found"
}

# report_add KIND FIELD...: a record, when an object is to be made.
report_add() {
	local line=$1 f
	[[ -n ${REPORT_FILE:-} ]] || return 0
	shift
	for f; do
		f=${f//\\/\\\\}
		f=${f//$'\t'/\\t}
		line+=$'\t'${f//$'\n'/\\n}
	done
	# A full disk costs the object a detail, and the command nothing.
	{ printf '%s\n' "$line" >>"$REPORT_FILE"; } 2>/dev/null || :
}

# report_main: ./vex REPORT_ARGS, and its object on standard output.
report_main() {
	local rc=0 start a
	start=$(now_ms)
	REPORT_FILE=$(mktemp "${TMPDIR:-/tmp}/vex-json.XXXXXX") ||
		die "$EX_ENV" "cannot write to ${TMPDIR:-/tmp}: make room there, or name another directory with TMPDIR"
	trap 'rm -f "$REPORT_FILE"' EXIT
	report_add command "${REPORT_ARGS[0]:-}"
	for a in "${REPORT_ARGS[@]:1}"; do report_add argument "$a"; done
	case "${REPORT_ARGS[*]:0:2}" in
	"image boot" | "crash open" | "kernel config")
		(usage_error "${REPORT_ARGS[*]:0:2} is for a person at a terminal and has no --json") || rc=$?
		;;
	*) VEX_REPORT=$REPORT_FILE launch "$VEX_ROOT/vex" ${MODULE_DIR:+-C .} "${REPORT_ARGS[@]}" >&2 || rc=$? ;;
	esac
	trap '' INT TERM HUP
	if ! { report_program && "$VEX_BUILD/env/vexjson" object "$rc" "$(($(now_ms) - start))" "$REPORT_FILE"; }; then
		report_bare "$rc" "$(($(now_ms) - start))" || rc=$EX_ENV
	fi
	exit "$rc"
}

# report_program: vexjson is here, and not older than its sources.
report_program() {
	local f old=0 bin=$VEX_BUILD/env/vexjson
	for f in "$VEX_ROOT"/env/{report,proto}/*.[ch]; do [[ $bin -nt $f ]] || old=1; done
	((old)) || return 0
	type -P make gcc >/dev/null || return 1
	build_lock
	make -s -C "$VEX_ROOT/env" OUT="$VEX_BUILD/env" "$VEX_BUILD/env/vexjson" >/dev/null 2>&1 || return 1
	build_unlock
}

# report_bare STATUS MILLISECONDS: where vexjson cannot be compiled (no compiler, no json-c, no room): the same fields,
# of which only verdict and cause say something. tests/env/programs.sh checks it against vexjson's description.
report_bare() {
	local word=environment cause='' command='' program=./vex kind code text
	while IFS=$'\t' read -r kind code text; do
		if [[ $kind == command ]]; then command=$code; fi
		if [[ $kind == program ]]; then program=$code; fi
		if [[ $kind == end && $code == "$1" ]]; then cause=$text; fi
	done <"$REPORT_FILE"
	case $1 in
	0) word=passed ;; 1) word=failed ;; 2) word=usage ;; 129 | 130 | 131 | 143) word=interrupted ;;
	esac
	cat <<-END
		{ "schema": 1, "command": $(json_string "$command"), "arguments": [], "verdict": "$word", "exit_code": $1,
		  "cause": $(json_string "${cause:-$word}"), "seconds": $(secs "$2"),
		  "reproduce": $(json_string "$program ${REPORT_ARGS[*]@Q}"), "status": null, "counts": null, "failed": [],
		  "failed_left_out": 0, "trace": null, "blocked": [], "guests": [], "logs": { "directory": null, "console": null,
		  "output": null, "tap": null, "trace": null, "build": null, "junit": null }, "kernels": null,
		  "machine": null, "bundle": null, "facts": null }
	END
}
