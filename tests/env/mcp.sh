#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# env-test: quick
# ./vex mcp: a recorded session (tests/env/mcp.session) with a server, cancelled calls and the end of the client included.
# shellcheck source=tests/env/lib.sh
. "$(dirname "$0")/lib.sh"

run "$VEX" mcp frobnicate
expect 2 "./vex mcp with an argument"

# started: the run directory of the guest that the server has started, once it has printed "up".
started() {
	find "$ROOT/build/runs" -mindepth 2 -maxdepth 2 -name out.log -newer "$WORK/start" -exec grep -lx up {} + 2>/dev/null | head -n1
}

coproc MCP { exec "$VEX" mcp 2>"$WORK/out"; }
pid=$MCP_PID
to=${MCP[1]} from=${MCP[0]}
: >"$WORK/start"
n=0 output='' dir=''
while IFS= read -r line; do
	case $line in
	# Not through a pipe: another shell does not have the server's streams.
	'> '*) line=${line#> } && printf '%s\n' "${line//@OUTPUT@/$output}" >&"$to" ;;
	'< '*)
		n=$((n + 1)) answer=''
		IFS= read -r -t 300 -u "$from" answer
		[[ $answer =~ ${line#< } ]]
		report $? "answer $n: ${line#< }" "it was: ${answer:0:300}"
		;;
	'! output') output=$(grep -oE '"output":"[^"]*"' <<<"$answer" | head -n1 | cut -d'"' -f4) ;;
	'! up')
		for ((i = 0; i < 600; i++)); do [[ -z $(started) ]] || break; sleep 0.2; done
		dir=$(dirname "$(started)")
		report "$([[ -f $dir/out.log ]]; echo $?)" "a guest runs"
		;;
	'! gone')
		for ((i = 0; i < 300; i++)); do pids "vexvm.*$dir" >/dev/null || break; sleep 0.2; done
		nothing_left "$dir" "a cancelled call"
		;;
	esac
done < <(grep -v '^#' "$ROOT/tests/env/mcp.session")

# The client goes away while a guest runs; the guest sleeps so that it cannot end by itself before.
printf '{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"vm","arguments":{"script":"echo up; sleep 600"}}}\n' >&"$to"
: >"$WORK/start"
for ((i = 0; i < 600; i++)); do [[ -z $(started) ]] || break; sleep 0.2; done
dir=$(dirname "$(started)")
exec {to}>&-
STATUS=0
wait "$pid" || STATUS=$?
expect 0 "the client goes away"
nothing_left "$dir" "and its guest"
report "$(compgen -G "$ROOT/build/mcp-script-*" >/dev/null; echo $((!$?)))" "nor a script"
