# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: serve build, test, vm, crash and logs to a program by the Model Context Protocol

cmd_help() {
	cat <<'END'
usage: ./vex mcp [--no-install]

Speaks the Model Context Protocol (revisions 2024-11-05 and 2025-06-18) on standard input and output, for programs that
work with language models; they start it. Tools: build, test, vm, crash, each the command of that name with its object
(docs/json.md) as the result, and logs, which reads files below build/. One command runs at a time, further calls wait.
A call that the client cancels is interrupted and ends its guests; so is all when the client goes away. What the
commands say to people is in build/log/mcp.log.

example: claude mcp add vexfs-dev -- /path/to/checkout/vex mcp
END
}

cmd_main() {
	while (($#)); do
		case $1 in
		--no-install) export VEX_INSTALL=0 ;;
		-v) ;;
		*) usage_error "unknown argument '$1'" ;;
		esac
		shift
	done
	need mcp
	env_build
	mkdir -p "$VEX_BUILD/log"
	[[ ! -t 0 ]] || note "waiting for messages of the Model Context Protocol on standard input (Ctrl-D ends)"
	exec "$VEX_BUILD/env/vexmcp" "$VEX_ROOT" "$VEX_BUILD"
}
