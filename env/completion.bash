# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ./vex: source env/completion.bash. Commands, verbs and options are read from ./vex itself and its help,
# names of kernels from ./vex kernel names.
_vex() {
	local vex=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=''
	COMPREPLY=()
	# ./vex -C DIR COMMAND: as without, but for DIR, which readline completes.
	if [[ ${COMP_WORDS[1]} == -C ]]; then
		((COMP_CWORD > 2)) || return 0
		local -a COMP_WORDS=("$vex" "${COMP_WORDS[@]:3}")
		local COMP_CWORD=$((COMP_CWORD - 2))
	fi
	vex=${vex/#\~\//$HOME/}
	if ((COMP_CWORD == 1)); then
		words=$(cd "$(dirname "$(readlink -f "$vex")")/env/cmd" 2>/dev/null && printf '%s\n' *.sh | sed 's/\.sh$//')
	elif [[ $before == --kernel ]] || [[ ${COMP_WORDS[1]} == kernel && $COMP_CWORD -gt 2 && $word != -* ]]; then
		words=$("$vex" kernel names 2>/dev/null; printf '%s\n' all stock default debug)
	elif [[ $word == -* ]]; then
		words=$("$vex" "${COMP_WORDS[1]}" --help 2>/dev/null |
			grep -oE -- '(^|[ [|,])--?[a-z][a-z-]*' | grep -oE -- '--?[a-z-]+')
	elif ((COMP_CWORD == 2)); then
		words=$("$vex" "${COMP_WORDS[1]}" --help 2>/dev/null |
			sed -nE "s#^(usage:|      ) \./vex ${COMP_WORDS[1]} ([a-z]+)( .*)?\$#\2#p")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _vex vex ./vex
