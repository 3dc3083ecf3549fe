# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by the commands that source this
#
# Options for what a guest has only when asked: network, window, monitor, snapshot, and which image it is.
# The same words for the fast lane and for images; docs/running.md describes each.

VM_FORWARDS=() VM_SSH_PORT='' VM_GRAPHICAL=0 VM_QMP=0 VM_SHARE_BY=''
# VM_IMAGE_OK: empty where there is no --image; for help the options the command takes for images.
VM_IMAGE=0 VM_IMAGE_OK='' VM_IMAGE_WORD='' VM_PERSISTENT=0 VM_INSTALLED=0 VM_SCREENSHOT=''
VM_SNAPSHOT='' VM_SNAPSHOT_NAME=''
WANTS=()	# words for need, see env/needs.list

vm_more_help() {
	local word
	cat <<'END'
  --share-by HOW        virtiofs (needs root) or 9p (needs a kernel that has it) [what works]
  --forward HOST:GUEST  TCP port HOST of 127.0.0.1 leads to port GUEST of the guest; repeatable
  --ssh-port PORT       sshd in the guest, reached by ./vex ssh; auto: a free port from 2222 up
  --graphical           a window with the guest's screen
  --qmp                 a QMP socket in the run directory, for ./vex qmp and scripts
END
	for word in $VM_IMAGE_OK; do vm_image_help "$word"; done
}

vm_image_help() {
	case $1 in
	image) cat <<'END'
  --image [WORD]        boot a Debian image: a variant (dev, test, debug), a name out of ./vex image list,
                        or a disk file [the newest valid image]
END
		;;
	persistent) echo "  --persistent          keep what the guest changes (images have a throw-away overlay otherwise)" ;;
	installed) echo "  --installed           use the module and tools in the image [those of this checkout]" ;;
	save) echo "  --snapshot save NAME  save the guest's state at the end; load NAME, list, delete NAME" ;;
	load) echo "  --snapshot load NAME  resume a saved guest in place of a boot; list, delete NAME" ;;
	screenshot) echo "  --screenshot FILE     write the guest's screen to FILE (PNG) once it is up" ;;
	esac
}

# image_word WORD: whether WORD behind --image means an image, and not the next argument.
image_word() {
	[[ $1 =~ ^(dev|test|debug)$ || $1 =~ $IMAGE_NAME_RE || -f $1 || -f $1/disk.qcow2 ]] && return
	# Where a command takes no words of its own, this one was meant to be an image: say that there is none.
	[[ -n $1 && $1 != -* && $VEX_CMD != run ]]
}

snapshot_option() {
	case ${1:-} in
	list) VM_SHIFT=2 ;;
	save | load | delete)
		[[ ${2:-} =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$ ]] ||
			usage_error "--snapshot $1 requires a name of letters, digits, . _ -"
		VM_SNAPSHOT_NAME=$2 VM_SHIFT=3
		;;
	*) usage_error "--snapshot: use save NAME, load NAME, list or delete NAME" ;;
	esac
	[[ -z $VM_SNAPSHOT ]] || usage_error "--snapshot: only one of save, load, list, delete"
	VM_SNAPSHOT=$1
}

# vm_more_option OPTION [VALUE]: like vm_option, for the options of this file.
vm_more_option() {
	VM_SHIFT=2
	case $1 in
	--forward | --ssh-port | --share-by | --screenshot | --snapshot) need_value "$1" $# ;;
	esac
	case $1 in
	--forward) [[ $2 =~ ^[0-9]{1,5}:[0-9]{1,5}$ ]] || usage_error "--forward $2: use HOSTPORT:GUESTPORT, like 8080:80"
		VM_FORWARDS+=("$2") ;;
	--ssh-port) [[ $2 =~ ^(auto|[0-9]{1,5})$ ]] || usage_error "--ssh-port $2: use auto or a port number"
		VM_SSH_PORT=$2 ;;
	--share-by) [[ $2 =~ ^(virtiofs|9p)$ ]] || usage_error "--share-by $2: use virtiofs or 9p"; VM_SHARE_BY=$2 ;;
	--graphical) VM_GRAPHICAL=1 VM_SHIFT=1 ;;
	--qmp) VM_QMP=1 VM_SHIFT=1 ;;
	--image | --image=*)
		[[ -n $VM_IMAGE_OK ]] || usage_error "--image is for shell, run, debug and image boot"
		module_is_own || usage_error "--image is for VexFS: ${MODULE[name]} has the fast guests only"
		VM_IMAGE=1 VM_SHIFT=1
		if [[ $1 == --image=* ]]; then
			VM_IMAGE_WORD=${1#*=}
		elif image_word "${2:-}"; then
			VM_IMAGE_WORD=$2 VM_SHIFT=2
		fi
		;;
	--persistent) VM_PERSISTENT=1 VM_SHIFT=1 ;;
	--installed) VM_INSTALLED=1 VM_SHIFT=1 ;;
	--screenshot) VM_SCREENSHOT=$(readlink -m "$2") ;;
	--snapshot) snapshot_option "${@:2}" ;;
	*) VM_SHIFT=0 ;;
	esac
}

# Combinations that make no sense, and what an option needs of this host; before anything is built or booted.
vm_check_more() {
	if ((!VM_IMAGE)); then
		((!VM_PERSISTENT)) || usage_error "--persistent is for --image; a fast guest has only its --disk NAME=FILE to keep"
		((!VM_INSTALLED)) || usage_error "--installed is for --image"
		[[ -z $VM_SCREENSHOT ]] || usage_error "--screenshot is for --image; here: --graphical --qmp, then ./vex qmp screenshot FILE"
		[[ -z $VM_SNAPSHOT ]] || usage_error "--snapshot is for --image: a fast guest is a resumed snapshot already" \
			"(the warm lane), and its state hangs on the job it was given"
	fi
	if ((VM_IMAGE)); then
		[[ -z $VM_KERNEL ]] || usage_error "--kernel is for fast guests: an image boots the kernel in it (./vex image build --kernel makes one)"
		[[ $VM_LANE == auto ]] || usage_error "--lane is for fast guests: an image boots, or resumes a --snapshot"
	fi
	if ((VM_GRAPHICAL)); then
		[[ -n ${DISPLAY:-}${WAYLAND_DISPLAY:-} ]] || die "$EX_ENV" "--graphical needs a display, and neither DISPLAY nor" \
			"WAYLAND_DISPLAY is set: log in with ssh -X, or use --screenshot FILE with --image"
		WANTS+=(--graphical)
	fi
	if [[ " ${VM_DISKS[*]} " == *,format=qcow2* || " ${VM_DISKS[*]}" =~ " "[^=]*=[nr]bd: ]]; then WANTS+=(--disk=qcow2); fi
	if [[ -n $VM_SSH_PORT ]] && ((!VM_IMAGE)); then WANTS+=(--ssh-port); fi
	if ((VM_IMAGE)); then WANTS+=(--image); fi
}

# vm_check_share SERIES...: Debian's cloud kernels can share by virtiofs only, and its daemon wants root.
vm_check_share() {
	local k
	[[ -n $VM_SHARE ]] || return 0
	for k in "$@"; do
		kernel_is_stock "$k" || continue
		[[ $VM_SHARE_BY != 9p ]] || die "$EX_ENV" "--share-by 9p: kernel $k has no 9p; use virtiofs as root, or --kernel debug-6.1"
		((EUID == 0)) || die "$EX_ENV" "--share: kernel $k shares by virtiofs only, which needs root: use sudo, --kernel debug-6.1" \
			"(it has 9p), an image (--image), or carry files over with --disk vexfs=FILE"
	done
}

# vm_more_args RUNDIR: what vexvm has to know, in VM_MORE.
vm_more_args() {
	local f
	VM_MORE=()
	for f in "${VM_FORWARDS[@]}"; do VM_MORE+=(--forward "$f"); done
	if [[ -n $VM_SSH_PORT ]]; then
		VM_MORE+=(--ssh-port "$VM_SSH_PORT")
		guest_file "$1" "$VEX_BUILD/ssh/id_ed25519" "fast lane"
	fi
	if [[ $VM_SHARE_BY == 9p ]]; then VM_MORE+=(--share-9p); fi
	if ((VM_GRAPHICAL)); then VM_MORE+=(--window); fi
	if ((VM_QMP)); then VM_MORE+=(--monitor); fi
}

# guest_file RUNDIR KEY WHAT: for whoever looks for this guest while it runs.
guest_file() { printf 'key=%s\nwhat=%s\n' "$2" "$3" >"$1/guest"; }
guest_field() { sed -n "s/^$2=//p" "$1/guest" 2>/dev/null | head -n1; }

# guest_ssh_port RUNDIR: a user may have forwarded a port of their own to 22, too.
guest_ssh_port() { awk '$2 == 22 { p = $1 } END { print p }' "$1/ports"; }

vm_has_net() { [[ -n $VM_SSH_PORT ]] || ((${#VM_FORWARDS[@]})); }

vm_more_job() {
	if vm_has_net; then printf 'start /vex/net\n'; fi
	if ((VM_GRAPHICAL)); then printf 'start /vex/screen\n'; fi
}

# A key pair and a host key of this checkout, for fast guests.
fast_keys() {
	local dir=$VEX_BUILD/ssh
	[[ -s $dir/hostkey ]] && return
	mkdir -p "$dir"
	rm -f "$dir"/*
	ssh-keygen -q -t ed25519 -N '' -C 'vex fast lane' -f "$dir/id_ed25519"
	dropbearkey -t ed25519 -f "$dir/hostkey" >/dev/null 2>&1
}

# dropbear with the libraries it is linked to: the guest has none.
vm_more_payload() {
	local f server
	if ((VM_GRAPHICAL)); then printf 'file /vex/screen 0755 %s\n' "$VEX_ROOT/env/guest/screen.sh"; fi
	vm_has_net || return 0
	printf 'file /vex/net 0755 %s\n' "$VEX_ROOT/env/guest/net.sh"
	[[ -n $VM_SSH_PORT ]] || return 0
	fast_keys
	server=$(command -v dropbear || echo /usr/sbin/dropbear)
	printf 'file /vex/ssh/dropbear 0755 %s\n' "$server"
	printf 'file /vex/ssh/hostkey 0600 %s\n' "$VEX_BUILD/ssh/hostkey"
	printf 'file /vex/ssh/authorized_keys 0600 %s\n' "$VEX_BUILD/ssh/id_ed25519.pub"
	for f in $(ldd "$server" | grep -oE '/[^ ]+'); do printf 'file %s 0755 %s\n' "$f" "$(readlink -f "$f")"; done
}

# guests_running: run directories of guests that can be reached, newest first. Their launcher holds the lock.
guests_running() {
	local f
	for f in "$VEX_BUILD"/runs/*/ports; do
		[[ -f $f ]] || continue
		flock -n "$f" true || printf '%s %s\n' "$(stat -c %Y "$f")" "${f%/ports}"
	done | sort -rn | cut -d' ' -f2-
}

# What launchers left that were killed before they could tidy up.
vm_sweep() {
	local f
	for f in "$VEX_BUILD"/runs/*/{ports,qmp.sock,overlay.qcow2}; do
		[[ -e $f ]] || continue
		if [[ -f ${f%/*}/ports ]] && ! flock -n "${f%/*}/ports" true; then continue; fi
		# A guest that is just starting has no list of ports yet.
		find "$f" -mmin +2 -delete
	done
}

# guest_pick [NAME]: the run directory of the running guest meant; one clear line when there is none.
guest_pick() {
	local all dir
	all=$(guests_running)
	[[ -n $all ]] || die "$EX_ENV" "no guest with an open port is running: ./vex image boot, ./vex shell --image," \
		"or ./vex shell --ssh-port auto starts one"
	if [[ -n ${1:-} ]]; then
		dir=$(grep -E "/$1\$" <<<"$all") || die "$EX_USAGE" "no running guest '$1'; there are:" \
			"$(xargs -n1 basename <<<"$all" | tr '\n' ' ')"
		printf '%s' "$dir"
		return
	fi
	dir=$(head -n1 <<<"$all")
	if [[ $all == *$'\n'* ]]; then note "several guests run; this is the newest, ${dir##*/} (--guest NAME chooses)"; fi
	printf '%s' "$dir"
}
