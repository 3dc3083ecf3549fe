# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: a guest under gdb, with symbols of kernel and module

cmd_help() {
	VM_IMAGE_OK="image persistent screenshot"
	cat <<'END'
usage: ./vex debug [OPTION]... [-- COMMAND [ARGUMENT]...]
       ./vex debug --replay DIR [--batch FILE]
       ./vex debug --console

Boots a guest, stops it before the module is loaded and starts gdb on it in this terminal: set breakpoints, then
"continue". The guest then mounts a VexFS on /mnt/vexfs and runs COMMAND, or a shell to which
./vex debug --console connects a second terminal. Symbols of vexfs.ko are loaded by themselves, at the addresses the
guest reports, again after each reload. Leaving gdb ends the guest. In gdb: vexfs-sb, vexfs-inodes,
vexfs-reload, $vexfs_sb(), $vexfs_inode(X); VexFS structures print with what they mean. With --image the guest is
a whole Debian of ./vex image build, with this checkout's module loaded and a VexFS mounted before gdb stops it. In
another module (./vex init) the guest runs that one's "setup" instead, and NAME-reload is the command.

  --batch FILE          run the gdb script FILE, let the guest finish COMMAND, end; status 1 if a line fails
  --kgdb                through the kernel's own debugger on the second serial port (kernels with kgdb: debug-6.1 ...)
  --paused              stop before the kernel's first instruction, not before the module
  --no-mount            no VexFS on /mnt/vexfs: COMMAND sees to that
  --symbols FILE        the vexfs.ko whose symbols are meant, if not the one just built
  --replay DIR          a run that ./vex vm --record DIR kept, stopped before its first instruction; it takes the same
                        course to the same panic each time. Forwards only: to look at something earlier, start anew
  --console             connect this terminal to the shell of the newest session (Ctrl-A x leaves it)
  --rundir DIR          where logs go [a new directory below build/runs]
  --timeout S           with --batch: limit before scaling by the speed of the host [300]
END
	vm_options_help
	cat <<'END'

examples:
  ./vex debug
  ./vex debug --kgdb --kernel debug-6.1
  printf 'break panic\ncontinue\nbacktrace\n' >p.gdb && ./vex debug --replay /tmp/rec --batch p.gdb
  printf 'break vexfs_create\ncontinue\nbacktrace\n' >b.gdb
  ./vex debug --batch b.gdb -- touch /mnt/vexfs/x
END
}

# Socket paths have a limit of 107 bytes that a checkout's directory may exceed.
debug_sockets() {
	DEBUG_TMP=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/vex-debug.XXXXXX") || die "$EX_ENV" "no room for a socket in ${XDG_RUNTIME_DIR:-/tmp}"
	ln -s "$1" "$DEBUG_TMP/run"
}

debug_end() {
	# We leave, so the guest does; it may be gone already, and how it ends now says nothing: debug_guest_end judges.
	if [[ -n ${DEBUG_VM:-} ]] && kill "$DEBUG_VM" 2>/dev/null; then wait "$DEBUG_VM" || :; fi
	if [[ -n ${DEBUG_TMP:-} ]]; then
		rm -f "$DEBUG_TMP/run/payload.img"
		rm -rf "$DEBUG_TMP"
	fi
}

debug_console() {
	local s
	s=$(find "${XDG_RUNTIME_DIR:-/tmp}" -maxdepth 2 -path '*/vex-debug.*/console' -type s -user "$(id -u)" -printf '%T@ %p\n' 2>/dev/null |
		sort -n | tail -n1 | cut -d' ' -f2-)
	[[ -n $s ]] || die "$EX_USAGE" "no guest with a console runs: start ./vex debug (without -- COMMAND) in another terminal first"
	note "connected; Ctrl-A x leaves, \"exit\" ends the guest; it answers only while gdb lets it run"
	need debug/console
	env_build
	"$VEX_BUILD/env/vexvm" --attach "$s"
}

# ./vex debug --image: gdb on a running Debian; module and mount are there already.
debug_image() {
	local dir=$1 rc=0
	((D_KGDB + D_PAUSED == 0)) || usage_error "--kgdb and --paused are for guests of the fast lane, not for --image"
	((VM_INSTALLED == 0)) || usage_error "--installed: the module in the image has no debug information; without it this checkout's is loaded"
	[[ -z $VM_SNAPSHOT ]] || usage_error "./vex debug begins from a fresh boot: no --snapshot (./vex shell --image has it)"
	image_need debug "$VM_IMAGE_WORD"
	[[ -n $IMAGE_KEY ]] || die "$EX_USAGE" "./vex debug needs an image with our key: one out of ./vex image list"
	if [[ -z $dir ]]; then dir=$(run_dir debug); fi
	mkdir -p "$dir/session"
	dir=$(readlink -f "$dir")
	if ((${#D_COMMAND[@]})); then printf '%q ' "${D_COMMAND[@]}" >"$dir/session/gdb-command"; fi
	image_default_disk
	trap debug_end EXIT
	debug_sockets "$dir"
	export VEX_GDB_SOCKET=$DEBUG_TMP/gdb VEX_GDB_BATCH=$D_BATCH VEX_GDB_SYMBOLS=$2 VEX_GDB_LIMIT=$D_LIMIT
	say "Booting $IMAGE_LABEL (console: ${dir#"$VEX_ROOT"/}/console.log; ./vex ssh logs in from a second terminal)"
	image_session "$dir" --gdb "$DEBUG_TMP/gdb" || rc=$?
	case $rc in
	"$EX_BUILD_ID") die "$EX_BUILD_ID" "the symbols belong to another build (see above)" ;;
	*) return "$rc" ;;
	esac
}

# The job: kind, script and files of the guest.
debug_job() {
	local dir=$1 name=$2
	{
		job_base "$name"
		printf 'keep-disks\n'
		if ((D_KGDB)); then printf 'kgdb\n'; fi
	} >"$dir/job"
	printf '#!/bin/sh\n' >"$dir/run"
	if ((D_MOUNT)); then printf '/vex/setup || exit 125\n' >>"$dir/run"; fi
	if ((${#D_COMMAND[@]})); then
		{ printf 'cd /root\n'; printf '%q ' "${D_COMMAND[@]}"; echo; } >>"$dir/run"
		printf 'kind exec\nexec /vex/run\n' >>"$dir/job"
	else
		printf 'kind shell\nsetup /vex/run\ntty 24 80\nenv TERM=%s\n' "${TERM:-vt100}" >>"$dir/job"
	fi
	{
		payload_base "$name"
		printf 'file /vex/setup 0755 %s\nfile /vex/run 0755 %s\n' "$(module_script setup)" "$dir/run"
	} | payload_write "$dir"
}

# debug_replay DIR RUNDIR SYMBOLS: a recording has its own kernel, module and job; nothing is built.
debug_replay() {
	local rec=$1 dir=$2 module=$3 rc=0
	((D_KGDB + ${#D_COMMAND[@]} == 0)) || usage_error "--replay DIR takes no --kgdb and no COMMAND:" \
		"what runs in the guest is recorded"
	replay_load "$rec"
	guest_need debug "$VM_KERNEL"
	env_build
	kernel_need "$VM_KERNEL"
	cmp -s "$rec/vmlinuz" "$(kernel_dir "$VM_KERNEL")/vmlinuz" || die "$EX_BUILD_ID" \
		"$rec was recorded with another build of kernel $VM_KERNEL: its symbols are not here, ./vex vm --replay still works"
	VM_RECORDING='' kernel_symbols_need "$VM_KERNEL"
	if [[ -z $dir ]]; then dir=$(run_dir debug); fi
	mkdir -p "$dir"
	dir=$(readlink -f "$dir")
	trap debug_end EXIT
	debug_sockets "$dir"
	D_PAUSED=1
	debug_start "$dir" "$VM_KERNEL" --replay "$rec" --io pipe
	debug_gdb "$dir" "$VM_KERNEL" "${module:-$rec/$(module_get name).ko}" || rc=$?
	if [[ -n $D_BATCH ]] && ((rc != 0)); then debug_batch_end "$dir" "$rc"; fi
	note "log: ${dir#"$VEX_ROOT"/}"
	return "$rc"
}

# debug_start RUNDIR SERIES [OPTION...]: until gdb can connect.
debug_start() {
	local dir=$1 name=$2 more=(--idle 0 "${@:3}")
	if ((D_KGDB)); then
		more+=(--kgdb "$DEBUG_TMP/gdb" --append "kgdboc=ttyS1")
	else
		more+=(--gdb "$DEBUG_TMP/gdb" --idle 60)
		if ((D_PAUSED)); then more+=(--paused); fi
	fi
	if ((${#D_COMMAND[@]})); then
		more+=(--io pipe)
	elif [[ -z $VM_RECORDING ]]; then
		more+=(--io tty --console "$DEBUG_TMP/console")
	fi
	# As long for the command, once the script has let it go, as for the script.
	if [[ -n $D_BATCH ]]; then more+=(--timeout $((2 * D_LIMIT))); fi
	rm -f "$dir/debug.ready" "$dir/result"
	VM_EXEC=1 vm_start "$dir" "$name" "${more[@]}" </dev/null >"$dir/guest.out" 2>"$dir/guest.err" &
	DEBUG_VM=$!
	D_SINCE=$SECONDS
	while ((SECONDS - D_SINCE < 900)) && kill -0 "$DEBUG_VM" 2>/dev/null; do
		if [[ -s $dir/debug.ready && -S $DEBUG_TMP/gdb ]]; then
			D_LIMIT=$((D_LIMIT * $(sed -n 's/^scale=//p' "$dir/debug.ready") / 100))
			return
		fi
		sleep 0.05
	done
	if kill -0 "$DEBUG_VM" 2>/dev/null; then die "$EX_HANG" "the guest did not come as far as the debugger in 900 s; log: ${dir#"$VEX_ROOT"/}"; fi
	debug_guest_end
	cat "$dir/guest.err" >&2
	die "$((D_STATUS ? D_STATUS : EX_LOST))" "the guest did not come as far as the debugger; log: ${dir#"$VEX_ROOT"/}"
}

# The guest's own end, whatever it is, in D_STATUS.
debug_guest_end() {
	D_STATUS=0
	wait "$DEBUG_VM" || D_STATUS=$?
	DEBUG_VM=
}

debug_gdb() {
	local dir=$1 file=$1/session.gdb batch=False rc=0
	[[ -z $D_BATCH ]] || batch=True
	gdb_session "$file" "$(kernel_symbols "$2")" "$3" "$batch" "$dir/result"
	cat >>"$file" <<END
set remotetimeout 30
target remote $DEBUG_TMP/gdb
python check_kernel()
END
	if ((D_KGDB)); then printf 'python prepare_kgdb()\n' >>"$file"; fi
	printf 'python watch_module()\n' >>"$file"
	if [[ -n $D_BATCH ]]; then
		trace gdb -nx -batch -x "$file" -ex "vex-batch $D_BATCH"
		timeout "$D_LIMIT" gdb -nx -batch -x "$file" -ex "vex-batch $D_BATCH" </dev/null || rc=$?
	else
		trace gdb -nx -q -x "$file"
		gdb -nx -q -x "$file" || rc=$?
	fi
	return "$rc"
}

debug_guest_show() {
	debug_guest_end
	sed 's/^/guest: /' "$1/guest.out"
	cat "$1/guest.err" >&2
	[[ $D_STATUS != "$EX_PANIC" ]] || die "$EX_PANIC" "the guest panicked while gdb was attached; log: ${1#"$VEX_ROOT"/}"
}

# gdb saw the connection go. Why, the launcher knows.
debug_lost() {
	debug_guest_show "$1"
	case $D_STATUS in
	0) die "$EX_FAILED" "the guest finished before the script did: a breakpoint it never reached, or a last" \
		"\"continue\" too many; log: ${1#"$VEX_ROOT"/}" ;;
	*) die "$EX_LOST" "the guest died while gdb was attached; log: ${1#"$VEX_ROOT"/}" ;;
	esac
}

debug_batch_end() {
	local dir=$1 rc=$2
	case $rc in
	0) ;;
	124) die "$EX_HANG" "the script was not finished after $D_LIMIT s; log: ${dir#"$VEX_ROOT"/}" ;;
	5) debug_lost "$dir" ;;
	"$EX_BUILD_ID") die "$EX_BUILD_ID" "the symbols belong to another build (see above)" ;;
	*) die "$EX_FAILED" "the gdb script failed (see above); log: ${dir#"$VEX_ROOT"/}" ;;
	esac
	# A QEMU that ends in order tells gdb "exited normally" before the connection goes, a panic's too: the script is
	# through then, and not lost.
	debug_guest_show "$dir"
	((D_STATUS != EX_LOST)) || die "$EX_LOST" "the guest died while gdb was attached; log: ${dir#"$VEX_ROOT"/}"
	((D_STATUS == 0)) || return "$D_STATUS"
	return "$(verdict_field "$dir" status)"
}

debug_check() {
	((D_KGDB)) || return 0
	kernel_has "$1" kgdb || die "$EX_USAGE" "kernel $1 has no kgdb (CONFIG_KGDB is off); use one of:" \
		"$(kernel_names | while read -r k; do if kernel_has "$k" kgdb; then printf '%s ' "$k"; fi; done)"
	((D_PAUSED == 0)) || usage_error "--paused is for QEMU's stub; kgdb needs a kernel that has booted"
}

cmd_main() {
	local name dir='' rc=0 module='' replay=''
	D_BATCH='' D_KGDB=0 D_PAUSED=0 D_MOUNT=1 D_COMMAND=() D_LIMIT=300 DEBUG_VM='' DEBUG_TMP=''
	# shellcheck source=env/debug/session.sh
	. "$VEX_ROOT/env/debug/session.sh"
	# shellcheck disable=SC2034	# read by vm_option
	VM_IMAGE_OK=1
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--batch) need_value "$1" $#; [[ -r $2 ]] || usage_error "--batch $2: no such file"; D_BATCH=$(readlink -f "$2"); shift ;;
		--kgdb) D_KGDB=1 ;;
		--paused) D_PAUSED=1 ;;
		--no-mount) D_MOUNT=0 ;;
		--symbols) need_value "$1" $#; [[ -r $2 ]] || usage_error "--symbols $2: no such file"; module=$(readlink -f "$2"); shift ;;
		--rundir) need_value "$1" $#; dir=$2; shift ;;
		--replay) need_value "$1" $#; replay=$(readlink -m "$2"); shift ;;
		--console) debug_console; return ;;
		--timeout) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout $2: use seconds"; D_LIMIT=$2; shift ;;
		--) shift; D_COMMAND=("$@"); [[ $# -gt 0 ]] || usage_error "-- requires a command"; break ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	if [[ -z $D_BATCH && ! -t 0 ]]; then usage_error "without a terminal: give a gdb script with --batch FILE"; fi
	if [[ -n $replay ]]; then
		debug_replay "$replay" "$dir" "$module"
		return
	fi
	if [[ -n $D_BATCH && ${#D_COMMAND[@]} == 0 ]]; then usage_error "--batch requires a command for the guest: -- COMMAND"; fi
	if ((VM_IMAGE)); then
		debug_image "$dir" "$module"
		return
	fi
	name=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $name != *$'\n'* ]] || usage_error "--kernel: one kernel"
	kernel_has "$name" x86 || usage_error "--kernel $name: gdb runs on x86 guests"
	debug_check "$name"
	guest_need debug "$name"
	vm_need "$name"
	kernel_symbols_need "$name"
	build_guest "$name"
	build_module "$name"
	if [[ -z $dir ]]; then dir=$(run_dir debug); fi
	mkdir -p "$dir"
	dir=$(readlink -f "$dir")
	trap debug_end EXIT
	debug_sockets "$dir"
	((!D_MOUNT)) || module_disk
	debug_job "$dir" "$name"
	debug_start "$dir" "$name"
	((${#D_COMMAND[@]})) || note "the guest's shell: ./vex debug --console in a second terminal, once you have said \"continue\""
	debug_gdb "$dir" "$name" "${module:-$(module_path "$name")}" || rc=$?
	if [[ -n $D_BATCH ]]; then
		debug_batch_end "$dir" "$rc"
		return
	fi
	note "log: ${dir#"$VEX_ROOT"/}"
	return "$rc"
}
