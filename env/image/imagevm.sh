# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# VM_* are read by vmopt.sh
#
# Guests from disk images (env/image/image.sh says where those are): the call of vexvm, the session that has
# such a guest to itself, and what ./vex shell, run and image boot make of them.

IMAGE_MEMORY=1024

# image_need COMMAND [WORD]: everything a guest from an image needs on this host. Sets IMAGE_DISK, IMAGE_KEY (empty: a
# disk that is not of our making) and IMAGE_LABEL.
image_need() {
	vm_check_more
	snapshot_check
	# No package is installed for an image that is not there; --no-install is asked for the list.
	if [[ $VEX_INSTALL == 1 && $VM_SNAPSHOT != load ]]; then image_path "${2:-}" >/dev/null || exit; fi
	need "$1" "${WANTS[@]}"
	if [[ $VM_SNAPSHOT == load ]]; then
		snapshot_image
	else
		IMAGE_DISK=$(image_path "${2:-}") || exit
		IMAGE_KEY=${IMAGE_DISK%/*}/id_ed25519
		[[ -r $IMAGE_KEY ]] || IMAGE_KEY=''
		IMAGE_LABEL=$IMAGE_DISK
		if image_is_ours "$IMAGE_DISK"; then IMAGE_LABEL=$(basename "${IMAGE_DISK%/*}"); fi
	fi
	env_build
	IMAGE_PROBE=()
	# An image proves nothing about KVM before it is too late: Debian's kernel does that, where /dev/kvm is.
	if [[ -e /dev/kvm && $VM_ACCEL != tcg ]]; then
		kernel_need 6.1
		initramfs_need 6.1
		IMAGE_PROBE=(--probe-kernel "$(kernel_dir 6.1)/vmlinuz" --probe-initrd "$(initramfs_path 6.1)")
	fi
}

# The disk a persistent guest writes to: beside an image of ours, so that the image stays what was validated; a
# disk of the user's is written to itself.
image_persistent_disk() {
	local disk=$1 over=${1%/*}/persistent.qcow2
	if ! image_is_ours "$disk"; then printf '%s' "$disk"; return; fi
	if [[ ! -f $over ]]; then
		say "New persistent state of $IMAGE_LABEL (delete $over to begin again)"
		run qemu-img create -q -f qcow2 -F qcow2 -b "$disk" "$over" ||
			die "$EX_ENV" "cannot make $over: make room on the host (./vex clean)"
	fi
	printf '%s' "$over"
}

# image_vm_start RUNDIR [VEXVM-OPTION...]: a guest of IMAGE_DISK with the options of vm.sh and vmopt.sh. Returns
# vexvm's exit code.
image_vm_start() {
	local dir=$1 rc=0 d disk=$IMAGE_DISK cmd
	shift
	if ((VM_PERSISTENT)); then disk=$(image_persistent_disk "$IMAGE_DISK"); fi
	cmd=("$VEX_BUILD/env/vexvm" --image "$disk" --rundir "$dir" --cache "$VEX_CACHE" --accel "$VM_ACCEL"
		--memory "${VM_MEMORY:-$IMAGE_MEMORY}" --monitor --idle 90 "${IMAGE_PROBE[@]}")
	if ((VM_PERSISTENT)); then cmd+=(--persistent); fi
	if [[ -n $VM_CPUS ]]; then cmd+=(--cpus "$VM_CPUS"); fi
	if [[ -n $VM_SHARE ]]; then cmd+=(--share "$VM_SHARE"); fi
	if [[ $VEX_VERBOSE == 1 ]]; then cmd+=(-v); fi
	if [[ -n $VM_SCREENSHOT ]]; then cmd+=(--screen); fi
	for d in "${VM_DISKS[@]}"; do cmd+=(--disk "$d"); done
	if [[ -n $IMAGE_RESUME ]]; then cmd+=(--resume "$IMAGE_RESUME"); fi
	# The monitor and the port for ssh are always there: ./vex ssh and ./vex qmp find any image guest.
	if ((VM_QMP)); then say "QMP socket: ${dir#"$VEX_ROOT"/}/qmp.sock (./vex qmp talks to it)"; fi
	VM_QMP=0 vm_more_args "$dir"
	if [[ -z $VM_SSH_PORT ]]; then VM_MORE+=(--ssh-port auto); fi
	report_add guest "$(readlink -m "$dir")" "$IMAGE_LABEL"
	guest_file "$dir" "$IMAGE_KEY" "$IMAGE_LABEL"
	cmd+=("${VM_MORE[@]}")
	trace "${cmd[@]}" "$@"
	# As in vm_start: for a caller that keeps the launcher in the background.
	if [[ ${VM_EXEC:-0} == 1 ]]; then exec "${cmd[@]}" "$@"; fi
	"${cmd[@]}" "$@" || rc=$?
	if ((rc == EX_ENV && VM_PERSISTENT)) && grep -q '^message=disk in use' "$dir/result" 2>/dev/null; then
		note "(two guests cannot both keep their changes: end the other, or do without --persistent)"
	fi
	rm -f "$dir"/overlay.qcow2 "$dir"/qmp.sock "$dir"/ports
	# The overlays of a snapshot; a directory that the user named may hold disks of theirs.
	if [[ $dir == "$VEX_BUILD"/runs/* ]]; then rm -f "$dir"/*.img; fi
	return "$rc"
}

# The VexFS test disk every image guest has unless the user named one.
image_default_disk() {
	local d
	[[ -z $IMAGE_RESUME ]] || return 0
	for d in "${VM_DISKS[@]}"; do [[ $d != vexfs=* ]] || return 0; done
	VM_DISKS+=(vexfs=100M)
}

# image_session RUNDIR: boots the image, runs env/launcher/image-session.sh when it is up, ends it. The session does what
# RUNDIR/session/ and the variables say. Returns vexvm's code, or else the session's status. More arguments: vexvm's.
image_session() {
	local dir=$1 rc=0 kernel
	shift
	# Before the boot where the manifest knows the kernel: no guest has to wait for a compiler, or boot for nothing.
	kernel=$(image_field "${IMAGE_DISK%/*}" kernel)
	if [[ -n $kernel && -z $IMAGE_RESUME ]] && ((!VM_INSTALLED)); then image_build_for "$kernel"; fi
	# Names of their own: the session reads env/lib too, which sets the VM_ ones to their defaults.
	IMAGE_SHARE=$VM_SHARE IMAGE_SCREENSHOT=$VM_SCREENSHOT IMAGE_INSTALLED=$VM_INSTALLED IMAGE_DISK_NAMES=$(image_disk_names)
	export VEX_INSTALL VEX_VERBOSE IMAGE_KEY IMAGE_LABEL IMAGE_SAVE IMAGE_RESUME
	export IMAGE_SHARE IMAGE_SCREENSHOT IMAGE_INSTALLED IMAGE_DISK_NAMES
	image_vm_start "$dir" --session "exec bash $(printf %q "$VEX_ROOT/env/launcher/image-session.sh")" "$@" || rc=$?
	if ((rc)); then
		note "log: ${dir#"$VEX_ROOT"/}"
		return "$rc"
	fi
	return "$(result_field "$dir" session)"
}

image_disk_names() {
	local d
	for d in "${VM_DISKS[@]}"; do printf '%s ' "${d%%=*}"; done
}

# ---- what the commands do --------------------------------------------------------------------------

# ./vex shell --image: arguments are the command to run, if any.
image_shell() {
	local dir
	if snapshot_verb; then return; fi
	image_need shell "$VM_IMAGE_WORD"
	if [[ -z $IMAGE_KEY ]]; then
		note "no key for $IMAGE_DISK (it is not of ./vex image build): its console is all there is"
		(($# == 0)) || die "$EX_USAGE" "a command needs an image with our key; name one out of ./vex image list"
		dir=$(run_dir shell)
		image_boot_console "$dir"
		return
	fi
	dir=$(run_dir shell)
	mkdir "$dir/session"
	if (($#)); then printf '%q ' "$@" >"$dir/session/command"; fi
	snapshot_disks "$dir"
	image_default_disk
	say "Booting $IMAGE_LABEL (console: ${dir#"$VEX_ROOT"/}/console.log)"
	image_session "$dir"
}

image_boot_console() {
	local dir=$1 rc=0
	shift
	say "Booting $IMAGE_LABEL; this is its serial console, Ctrl-A x ends it, 'poweroff' shuts it down"
	if [[ -n $IMAGE_KEY ]]; then note "./vex ssh logs in from another terminal"; fi
	# A disk of the user's may have neither an sshd nor a login on its serial line; silence says nothing there.
	[[ -n $IMAGE_KEY ]] || set -- --idle 0 "$@"
	image_vm_start "$dir" --io console "$@" || rc=$?
	note "log: ${dir#"$VEX_ROOT"/}/console.log"
	return "$rc"
}

image_boot_help() {
	VM_IMAGE_OK="persistent load"
	cat <<'END'
usage: ./vex image boot [OPTION]... [IMAGE]

Boots an image as it is: its serial console is this terminal (and console.log in the run directory), its
sshd is reached by ./vex ssh from another one. IMAGE is a variant, a name out of ./vex image list, or a disk
file [the newest valid image]. The guest writes to an overlay that goes with it, unless --persistent. It runs
until it powers off (a reboot counts as that) or Ctrl-A x.

  --append STRING       more kernel command line (images of ./vex image build)
END
	vm_options_help
	cat <<'END'

examples:
  ./vex image boot
  ./vex image boot --persistent dev
  ./vex image boot --disk vexfs=8G,format=qcow2 --forward 8080:80 --graphical
END
}

# ./vex image boot ARGUMENT...
image_boot() {
	local dir more=()
	VM_IMAGE=1 VM_IMAGE_OK=1
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--append) need_value "$1" $#; more+=(--append "$2"); shift ;;
		-*) usage_error "image boot: unknown option '$1'" ;;
		*) [[ -z $VM_IMAGE_WORD ]] || usage_error "image boot: one image, not '$VM_IMAGE_WORD' and '$1'"
			VM_IMAGE_WORD=$1 ;;
		esac
		shift
	done
	if snapshot_verb; then return; fi
	if [[ $VM_SNAPSHOT == load ]] && ((${#more[@]})); then usage_error "image boot: --append with a snapshot has no effect"; fi
	[[ $VM_SNAPSHOT != save ]] || usage_error "image boot: save a running guest with ./vex qmp save $VM_SNAPSHOT_NAME"
	((VM_INSTALLED == 0)) || usage_error "image boot: the image's own module is all there is; --installed is for ./vex shell and run"
	[[ -z $VM_SCREENSHOT ]] || usage_error "image boot: ./vex qmp screenshot FILE takes a picture of a running guest"
	image_need image/boot "$VM_IMAGE_WORD"
	dir=$(run_dir image)
	snapshot_disks "$dir"
	image_default_disk
	image_boot_console "$dir" "${more[@]}"
}
