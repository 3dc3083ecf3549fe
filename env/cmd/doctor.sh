# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: what this machine has, lacks and could do better

cmd_help() {
	cat <<'END'
usage: ./vex doctor [-v]

Lists what the commands need and what is missing, and proves which accelerator works. Changes
nothing. Ends with 0 when everything is there, 6 when something is missing.

example: ./vex doctor
END
}

DOCTOR_BAD=0
good() { printf '  %sok%s       %s\n' "$C_GREEN" "$C_OFF" "$*"; }
bad() { printf '  %smissing%s  %s\n' "$C_RED" "$C_OFF" "$*"; DOCTOR_BAD=1; }
info() { printf '  %s\n' "         $*"; }

doctor_packages() {
	local p missing=()
	for p in "${PKG_BUILD[@]}" "${PKG_TOOLS[@]}" "${PKG_CHECK[@]}" "${PKG_KERNEL[@]}" "${PKG_VM[@]}"; do
		apt_installed "$p" || missing+=("$p")
	done
	if ((${#missing[@]})); then
		bad "packages: ${missing[*]} (installed by the first command that needs them)"
	else
		good "packages"
	fi
}

doctor_system() {
	local id
	id=$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release 2>/dev/null) || id=unknown
	good "system: $id, $(nproc) cpus, $(awk '/MemTotal/{printf "%d", $2/1024}' /proc/meminfo) MB memory"
	[[ $(dpkg --print-architecture 2>/dev/null) == amd64 ]] || bad "architecture: amd64 is the only one supported"
	if ((EUID != 0)) && ! command -v sudo >/dev/null; then
		bad "neither root nor sudo: packages cannot be installed for you"
	fi
	local free
	free=$(df -Pm "$VEX_ROOT" | awk 'NR == 2 { print $4 }')
	if ((free > 2000)); then good "disk: $free MB free"; else bad "disk: $free MB free, 2000 wanted"; fi
}

doctor_kernels() {
	local s
	for s in "${KERNEL_SERIES[@]}"; do
		if kernel_ready "$s"; then good "kernel $s: $(kernel_release "$s")"; else bad "kernel $s: ./vex kernel fetch $s"; fi
	done
}

doctor_accel() {
	local dir out
	if [[ ! -x $VEX_BUILD/env/vexvm ]] || ! kernel_ready 6.1 || [[ ! -f $(initramfs_path 6.1) ]]; then
		bad "accelerator: not probed yet (done by the first ./vex shell or test)"
		return
	fi
	dir=$(run_dir doctor)
	out=$("$VEX_BUILD/env/vexvm" --probe --kernel "$(kernel_dir 6.1)/vmlinuz" --initrd "$(initramfs_path 6.1)" \
		--payload /dev/null --rundir "$dir" --cache "$VEX_CACHE") || { bad "accelerator: see above"; return; }
	good "accelerator: ${out#*reason=}"
	out=${out%% tsc_khz*}
	info "time-outs are scaled to ${out#*scale=} % on this host now"
	if [[ ! -e /dev/kvm ]]; then
		info "no /dev/kvm: enable virtualisation in the firmware, or nested virtualisation on the host"
	elif [[ ! -r /dev/kvm || ! -w /dev/kvm ]]; then
		info "/dev/kvm is not yours to open: adduser \$USER kvm, then log in again"
	fi
	rm -rf "$dir"
}

cmd_main() {
	while (($#)); do
		case $1 in
		-v) export VEX_VERBOSE=1 ;;
		--no-install) ;;
		*) usage_error "unknown option '$1'" ;;
		esac
		shift
	done
	doctor_system
	doctor_packages
	doctor_kernels
	doctor_accel
	((DOCTOR_BAD == 0)) || return "$EX_ENV"
}
