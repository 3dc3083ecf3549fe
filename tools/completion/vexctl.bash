# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Completion of vexctl's commands and options; the program itself knows them. Arguments are files.
_vexctl() {
	local word=${COMP_WORDS[COMP_CWORD]} line words=()
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == --* ]]; then
			words+=("$line")
		elif ((COMP_CWORD == 1)); then
			words+=("${line%% *}")
		elif ((COMP_CWORD == 2)) && [[ $line == "${COMP_WORDS[1]} "* ]]; then
			words+=("${line#* }")
		fi
	done < <(vexctl --complete "${COMP_WORDS[@]:1:COMP_CWORD - 1}" 2>/dev/null)
	if ((COMP_CWORD == 1)) || [[ $word == -* ]] || { ((COMP_CWORD == 2)) && [[ ${COMP_WORDS[1]} == "collection" ]]; }; then
		mapfile -t COMPREPLY < <(compgen -W "${words[*]}" -- "$word")
	fi
}
complete -o default -F _vexctl vexctl
