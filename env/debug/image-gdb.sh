# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The session of ./vex debug --image, sourced by env/launcher/image-session.sh once the guest has the module of this
# checkout and a VexFS mounted: symbols of the kernel that runs there, gdb, and the command it is to watch.
#
# VEX_GDB_SOCKET: QEMU's stub. VEX_GDB_BATCH: the script, if any. VEX_GDB_SYMBOLS: another vexfs.ko, if any.
# shellcheck disable=SC2154	# set by the session: guest, SESSION, PORT, IMAGE_KEY

# shellcheck source=env/debug/session.sh
. "$VEX_ROOT/env/debug/session.sh"

# Of this very boot: the distribution's kernel may have randomised its addresses. One of ours with DWARF, if it runs.
image_symbols() {
	local out=$1 list=$1.list id v
	guest 'od -An -v -tx1 /sys/kernel/notes | tr -d " \n"; echo; cat /proc/kallsyms' >"$list"
	id=$(sed -n '1s/.*040000001400000003000000474e5500\([0-9a-f]\{40\}\).*/\1/p' "$list")
	for v in "$VEX_BUILD"/kernels/*/vmlinux; do
		if [[ -f $v && $(build_id "$v") == "$id" ]]; then readlink -f "$v"; return; fi
	done
	"$VEX_BUILD/env/vexsym" "$id" "$out" <"$list" || die "$EX_ENV" "no usable list of symbols from the guest"
	printf '%s' "$out"
}

image_gdb() {
	local work=$VEX_RUNDIR/gdb batch=False symbols module rc=0 file
	mkdir -p "$work"
	file=$work/session.gdb
	[[ -z $VEX_GDB_BATCH ]] || batch=True
	symbols=$(image_symbols "$work/symbols.elf") || return
	module=${VEX_GDB_SYMBOLS:-$(image_module "$(guest uname -r)")}
	gdb_session "$file" "$symbols" "$module" "$batch"
	printf 'set remotetimeout 30\ntarget remote %s\npython check_kernel()\npython watch_module()\nvexfs-reload\n' \
		"$VEX_GDB_SOCKET" >>"$file"
	if [[ -f $SESSION/gdb-command ]]; then
		# The guest stands still from here on: the command begins when gdb lets it run.
		{
			printf '#!/bin/bash\n. %q\n. %q\nrc=0\n' "$VEX_ROOT/env/lib/ui.sh" "$VEX_ROOT/env/image/imagemod.sh"
			printf 'ssh_to %q %q root -o ConnectTimeout=none -o ServerAliveInterval=0 -n -- %q >%q 2>&1 || rc=$?\n' "$IMAGE_KEY" "$PORT" \
				". /run/vexfs.env; cd /root; $(<"$SESSION/gdb-command")" "$work/command.out"
			# shellcheck disable=SC2016	# for the script
			printf 'echo $rc >%q\n' "$work/command.status"
		} >"$work/command.sh"
		printf 'shell setsid bash %s </dev/null >/dev/null 2>&1 &\n' "$work/command.sh" >>"$file"
	fi
	if [[ -n $VEX_GDB_BATCH ]]; then
		timeout -k 10 "$VEX_GDB_LIMIT" gdb -nx -batch -x "$file" -ex "vex-batch $VEX_GDB_BATCH" </dev/null || rc=$?
	else
		gdb -nx -q -x "$file" || rc=$?
	fi
	if [[ -n $VEX_GDB_BATCH ]] && ((rc == 124)); then
		warn "the script was not finished after $VEX_GDB_LIMIT s: does it wait for something that never comes? (--timeout)"
		return "$EX_HANG"
	fi
	((rc == 0)) || return "$rc"
	[[ -f $SESSION/gdb-command && -n $VEX_GDB_BATCH ]] || return 0
	local since=$SECONDS
	until [[ -s $work/command.status ]] || ((SECONDS - since > VEX_GDB_LIMIT)); do sleep 0.2; done
	[[ -s $work/command.status ]] || { warn "the command was not finished $VEX_GDB_LIMIT s after the script"; return "$EX_HANG"; }
	sed 's/^/guest: /' "$work/command.out"
	return "$(<"$work/command.status")"
}
