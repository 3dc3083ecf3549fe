# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by the commands that source this
#
# Options every command with a guest understands, run directories, payloads, and the call of vexvm.

VM_ACCEL=auto VM_LANE=auto VM_MEMORY='' VM_CPUS='' VM_SHARE='' VM_KERNEL='' VM_RECORDING=''
VM_DISKS=()
KEEP_RUNS=30

vm_options_help() {
	printf '  --kernel NAME         fast guests: %s or a built one (./vex kernel list)\n' "$(kernel_stock_words)"
	cat <<'END'
  --lane LANE           fast guests: auto, cold (boot) or warm (resume a saved guest) [auto]
  --accel ACCEL         auto (KVM if it proves itself, else emulation), kvm, tcg [auto]
  --memory MB --cpus N  size of the guest [768, an image 1024; 2]
  --disk NAME=SIZE      one more empty disk (100M, 2G); NAME=FILE[:ro] attaches an image; either may end
                        in ,format=raw or ,format=qcow2; NAME=nbd:HOST:PORT, NAME=rbd:POOL/IMAGE: what
                        QEMU's driver reaches over the network; up to 4
  --share DIR           DIR appears in the guest under /share
  --no-install          never install packages; say what is missing
  -v                    print the real command lines
END
	vm_more_help
}

# vm_option OPTION [VALUE]: takes one common option; sets VM_SHIFT to the words used, 0: not one of them.
vm_option() {
	VM_SHIFT=2
	case $1 in
	--kernel | --lane | --accel | --memory | --cpus | --disk | --share) need_value "$1" $# ;;
	esac
	case $1 in
	--kernel) VM_KERNEL=$2 ;;
	--lane) [[ $2 =~ ^(auto|cold|warm)$ ]] || usage_error "--lane $2: use auto, cold or warm"; VM_LANE=$2 ;;
	--accel) [[ $2 =~ ^(auto|kvm|tcg)$ ]] || usage_error "--accel $2: use auto, kvm or tcg"; VM_ACCEL=$2 ;;
	--memory) VM_MEMORY=$(parse_mb "$2") ;;
	--cpus) [[ $2 =~ ^[1-9][0-9]?$ ]] || usage_error "--cpus $2: use a number from 1 to 64"; VM_CPUS=$2 ;;
	--disk) VM_DISKS+=("$2") ;;
	--share) [[ -d $2 ]] || usage_error "--share $2: no such directory"; VM_SHARE=$(readlink -f "$2") ;;
	--no-install) VEX_INSTALL=0 VM_SHIFT=1 ;;
	-v | --verbose) export VEX_VERBOSE=1; VM_SHIFT=1 ;;
	*) vm_more_option "$@" ;;
	esac
}

# 768, 768M or 1G in megabytes.
parse_mb() {
	[[ $1 =~ ^[1-9][0-9]{0,6}[MG]?$ ]] || usage_error "invalid memory size '$1' (examples: 768, 768M, 1G)"
	case $1 in
	*G) printf '%d' "$((${1%G} * 1024))" ;;
	*) printf '%d' "${1%M}" ;;
	esac
}

# A new directory below build/runs; old ones go, so that logs never fill the disk. Its name ends in the process that
# it belongs to: what still runs keeps it.
run_dir() {
	local dir old
	dir=$VEX_BUILD/runs/${1:-run}-$(date +%Y%m%d-%H%M%S)-$$
	need_space "$VEX_BUILD" 100 "a run of the guest"
	vm_sweep
	mkdir -p "$dir" || die "$EX_ENV" "cannot create $dir: make room on the host (./vex clean)"
	find "$VEX_BUILD/runs" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn |
		tail -n +$((KEEP_RUNS + 1)) | cut -d' ' -f2- | while read -r old; do [[ -d /proc/${old##*-} ]] || rm -rf "$old"; done
	printf '%s' "$dir"
}

# The guest's common files, as vexpack entries. Arguments: SERIES (for the module; - for none), kernel if SERIES is -.
payload_base() {
	local f bin
	bin=$(guest_dir "${2:-$1}")/bin
	if [[ -d $bin ]]; then
		for f in "$bin"/*; do
			[[ -f $f ]] && printf 'file /vex/bin/%s 0755 %s\n' "${f##*/}" "$f"
		done
	fi
	if [[ $1 != - ]]; then
		module_is_own || module_payload "$1"
		printf 'file /vex/modules/%s.ko 0644 %s\n' "$(module_get name)" "$(module_path "$1")"
	fi
	vm_more_payload
}

job_base() {
	if [[ $1 != - ]]; then
		module_is_own || module_job "$1"
		printf 'module %s /vex/modules/%s.ko %s\n' "$(module_get name)" "$(module_get name)" "$(module_get parameters)"
	fi
	if [[ -n $VM_SHARE ]]; then printf 'share\n'; fi
	vm_more_job
}

# payload_write RUNDIR: reads vexpack entries from stdin, adds RUNDIR/job.
payload_write() {
	{ cat; printf 'file /vex/job 0644 %s\n' "$1/job"; } >"$1/payload.list"
	"$VEX_BUILD/env/vexpack" -d -o "$1/payload.img" <"$1/payload.list" ||
		die "$EX_ENV" "could not write the payload disk in $1; make room on the host (./vex clean)"
}

# vm_start RUNDIR SERIES [VEXVM-OPTION...]: returns vexvm's exit code.
vm_start() {
	local dir=$1 series=$2 rc=0 d cmd kernel initrd payload=$1/payload.img
	shift 2
	report_add guest "$(readlink -m "$dir")" "$series"
	kernel=$(kernel_dir "$series")/vmlinuz initrd=$(initramfs_path "$series")
	if [[ -n $VM_RECORDING ]]; then
		kernel=$VM_RECORDING/vmlinuz initrd=$VM_RECORDING/initramfs.cpio payload=$VM_RECORDING/payload.img
	fi
	cmd=("$VEX_BUILD/env/vexvm" --kernel "$kernel" --initrd "$initrd" --payload "$payload" --rundir "$dir"
		--cache "$VEX_CACHE" --arch "$(kernel_arch "$series")" --accel "$VM_ACCEL" --lane "$VM_LANE")
	if [[ -n $VM_MEMORY ]]; then cmd+=(--memory "$VM_MEMORY"); fi
	if [[ -n $VM_CPUS ]]; then cmd+=(--cpus "$VM_CPUS"); fi
	if [[ -n $VM_SHARE ]]; then cmd+=(--share "$VM_SHARE"); fi
	if kernel_has "$series" uml; then cmd+=(--uml); fi
	if [[ $VEX_VERBOSE == 1 ]]; then cmd+=(-v); fi
	for d in "${VM_DISKS[@]}"; do cmd+=(--disk "$d"); done
	vm_more_args "$dir"
	cmd+=("${VM_MORE[@]}")
	trace "${cmd[@]}" "$@"
	if [[ ${VM_EXEC:-0} == list ]]; then printf '%s\n' "${cmd[@]}" "$@"; return; fi	# for a program that starts it
	if ((VM_QMP)); then say "QMP socket: ${dir#"$VEX_ROOT"/}/qmp.sock (./vex qmp talks to it)"; fi
	# For a caller that keeps the launcher in the background and has to reach it by a signal.
	if [[ ${VM_EXEC:-0} == 1 ]]; then exec "${cmd[@]}" "$@"; fi
	launch "${cmd[@]}" "$@" || rc=$?
	if ((rc == EX_PANIC || rc == EX_HANG)); then
		# shellcheck source=env/debug/decode.sh
		. "$VEX_ROOT/env/debug/decode.sh"
		panic_trace "$dir" "$series" "$rc"
	fi
	[[ -n $VM_RECORDING ]] || rm -f "$dir/payload.img"
	return "$rc"
}

# child CMD...: a process of its own, without input. A signal for this shell is for it: it ends what it has started, and
# its exit code says so.
child() {
	local rc=0 pid
	{ trap - INT QUIT; exec "$@"; } </dev/null &
	pid=$!
	trap 'kill -TERM "$pid" 2>/dev/null || :' INT TERM HUP
	while :; do
		rc=0
		wait "$pid" || rc=$?
		kill -0 "$pid" 2>/dev/null || break
	done
	trap - INT TERM HUP
	return "$rc"
}

# launch CMD...: the launcher, which may have the terminal. A signal for this shell is one for the launcher, and is
# obeyed when that has ended: then the terminal is as it was before. If the launcher was killed, this shell sees to it.
launch() {
	local rc=0 pid term='' traps
	if [[ -t 0 ]]; then term=$(stty -g 2>/dev/null) || term=''; fi
	{ trap - INT QUIT TERM HUP; exec "$@"; } <&0 &
	pid=$!
	traps=$(trap -p TERM HUP INT)
	trap 'kill -TERM "$pid" 2>/dev/null || :' TERM HUP
	trap : INT
	while :; do
		rc=0
		wait "$pid" || rc=$?
		kill -0 "$pid" 2>/dev/null || break
	done
	trap - TERM HUP INT
	eval "$traps"
	# The foreground is not to be asked for: a command that lost it is stopped by the signal otherwise.
	if ((rc > 128)) && [[ -n $term ]]; then (trap '' TTOU; stty "$term" 2>/dev/null) || :; fi
	return "$rc"
}

# result_field RUNDIR NAME: one value of the run's result file.
result_field() { sed -n "s/^$2=//p" "$1/result" 2>/dev/null | head -n1; }
verdict_field() { sed -n "s/^verdict .* $2=\([^ ]*\) .*/\1/p" "$1/result" 2>/dev/null | head -n1; }

# What User-Mode Linux cannot do is said before anything is built for it.
vm_check_uml() {
	local what=''
	kernel_has "$1" uml || return 0
	if [[ ${VM_CPUS:-1} != 1 ]]; then what="--cpus $VM_CPUS: it has one processor"; fi
	if [[ $VM_LANE == warm ]]; then what="--lane warm: it cannot be saved, and boots in about a second"; fi
	if [[ $VM_ACCEL != auto ]]; then what="--accel $VM_ACCEL: it is a process, nothing is emulated"; fi
	[[ -z $what ]] || usage_error "$1 is User-Mode Linux and cannot do $what"
}

# vm_check_arch COMMAND SERIES...: a guest of another architecture is emulated, and runs no program of this machine.
vm_check_arch() {
	local command=$1 k what
	shift
	for k in "$@"; do
		if kernel_native "$k"; then continue; fi
		what=''
		if [[ ! $command =~ ^(run|shell|vm|test)$ ]]; then what="./vex $command"; fi
		if ! module_is_own; then what='module but that of this checkout'; fi
		if [[ $VM_ACCEL == kvm ]]; then what='--accel kvm'; fi
		if [[ -n $VM_SSH_PORT ]]; then what='--ssh-port'; fi
		if ((VM_GRAPHICAL)); then what='--graphical'; fi
		[[ -z $what ]] || usage_error "$k is for $(kernel_arch "$k"), which is emulated and has no $what"
	done
}

# vm_need SERIES...: everything below the module: kernels, launcher, initramfs. After guest_need.
vm_need() {
	local s
	env_build
	kernel_need "$@"
	for s in "$@"; do initramfs_need "$s"; done
}

# cause_of CODE: an exit code in words.
cause_of() { "$VEX_BUILD/env/vextest" cause "$1"; }
