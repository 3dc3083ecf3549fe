# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: log in to the guest that runs now

cmd_help() {
	cat <<'END'
usage: ./vex ssh [OPTION]... [COMMAND [ARGUMENT]...]

Logs in to a guest of this checkout that runs in another terminal: any image guest, or a fast one started with
--ssh-port. Finds its port and its key. COMMAND runs there in place of a shell; its status is the exit code.

  --guest NAME          the guest of run directory build/runs/NAME [the newest]
  --user USER           log in as vex (sudo without password) in place of root
  --list                show the running guests and end
  -v                    print the real command line

examples:
  ./vex ssh
  ./vex ssh -- dmesg --follow
  tar -cf - src | ./vex ssh tar -xf - -C /tmp
END
}

ssh_list() {
	local d
	while read -r d; do
		[[ -n $d ]] || continue
		printf '%-34s %-34s %s\n' "${d##*/}" "$(guest_field "$d" what)" \
			"$(sed 's/^\([0-9]*\) \([0-9]*\)$/127.0.0.1:\1 -> \2/' "$d/ports" | paste -sd, -)"
	done < <(guests_running)
}

cmd_main() {
	local name='' user=root dir port key opts=()
	while (($#)); do
		case $1 in
		--guest) need_value "$1" $#; name=$2; shift ;;
		--user) need_value "$1" $#; user=$2; shift ;;
		--list) ssh_list; return ;;
		-v) export VEX_VERBOSE=1 ;;
		--no-install) export VEX_INSTALL=0 ;;
		--) shift; break ;;
		-*) usage_error "unknown option '$1'" ;;
		*) break ;;
		esac
		shift
	done
	need ssh
	dir=$(guest_pick "$name") || exit
	port=$(guest_ssh_port "$dir")
	key=$(guest_field "$dir" key)
	[[ -n $port ]] || die "$EX_ENV" "guest ${dir##*/} has no sshd: start it with --ssh-port auto"
	[[ -n $key ]] || die "$EX_ENV" "no key for ${dir##*/}, whose image is not of ./vex image build: ssh -p $port USER@127.0.0.1"
	if (($# == 0)) && [[ -t 0 && -t 1 ]]; then opts=(-t); fi
	trace ssh -i "$key" -p "$port" "$user@127.0.0.1"
	if (($#)); then
		ssh_to "$key" "$port" "$user" "${opts[@]}" -- "$(printf '%q ' "$@")"
	else
		ssh_to "$key" "$port" "$user" "${opts[@]}"
	fi
}
