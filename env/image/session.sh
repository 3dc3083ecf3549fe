#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The session of a validation: runs on the host while the image is up; the launcher sets VEX_RUNDIR.
# usage: session.sh KEY KERNEL VARIANT
set -uo pipefail
unset CDPATH

key=$1 kernel=$2 variant=$3
here=$(cd "$(dirname "$0")" && pwd)
log=$VEX_RUNDIR/validate.log
port=$(sed -n 's/^\([0-9]*\) 22$/\1/p' "$VEX_RUNDIR/ports" | head -n1)

login() {
	ssh -q -i "$key" -p "$port" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o IdentitiesOnly=yes -o ConnectTimeout=60 -o ServerAliveInterval=30 -o ServerAliveCountMax=8 \
		"$1@127.0.0.1" "${@:2}" 2>>"$VEX_RUNDIR/validate.err"
}

if [[ $(login vex sudo -n id -u </dev/null) == 0 ]]; then
	echo "ok - SSH as vex, who has sudo" >>"$log"
else
	echo "not ok - SSH as vex, who has sudo" >>"$log"
fi
# As a file: on bash's standard input it would be eaten by the first command that reads.
login root 'cat >/run/validate.sh' <"$here/validate.sh" || exit
# The log gets every line; the one who waits gets a word now and then.
said=$SECONDS
while IFS= read -r line; do
	printf '%s\n' "$line" >>"$log"
	if [[ $line == ok* ]] && ((SECONDS - said >= 5)); then
		printf '    [%d s] checked: %s\n' "$SECONDS" "${line#ok * }" >&2
		said=$SECONDS
	fi
done < <(login root bash /run/validate.sh "$kernel" "$variant" </dev/null)
# Without a hand on it. Halted rather than off, because the guest must not end before its session has; the console
# says whether it was in order, and a guest that does not get there is given the time a slow host needs.
login root systemctl --no-block halt </dev/null
for ((i = 0; i < 1200; i++)); do
	! grep -qa 'reboot: System halted' "$VEX_RUNDIR/console.log" || break
	sleep 0.5
done
