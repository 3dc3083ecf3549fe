# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: what this machine has, lacks and could do better

cmd_help() {
	cat <<'EOF'
usage: ./vex doctor [-v] [--json] [GROUP...]

Lists what the commands need, in which version, and what is missing; says whether the compiler here is the one each
kernel was built with; proves which accelerator works. Changes nothing. Ends with 0 when ./vex run and ./vex shell
have all that they cannot get themselves, 6 when something is missing. What they fetch or build when they first run,
and what only other commands need, is listed as absent and does not count, unless its GROUP (./vex help setup names
them) is given. --json: one object on standard output instead (docs/json.md).

example: ./vex doctor lint
EOF
}

DOCTOR_BAD=0
DOCTOR_GROUPS=()
mapfile -t DOCTOR_CORE < <(needs_groups run; needs_groups shell)
good() { printf '  %sok%s       %s\n' "$C_GREEN" "$C_OFF" "$*"; report_add machine ok "$*"; }
bad() { printf '  %smissing%s  %s\n' "$C_RED" "$C_OFF" "$*"; report_add machine missing "$*"; DOCTOR_BAD=1; }
absent() { printf '  absent   %s\n' "$*"; report_add machine absent "$*"; }
mismatch() { printf '  %swarning%s  %s\n' "$C_RED" "$C_OFF" "$*"; report_add machine warning "$*"; }
info() { printf '  %s\n' "         $*"; }

# doctor_group GROUP: one line when all is well, else one for each thing that is not.
doctor_group() {
	local group=$1 have=() bad_lines=() state name package version minimum purpose core=0
	if [[ " ${DOCTOR_CORE[*]} ${DOCTOR_GROUPS[*]} " == *" $group "* ]]; then core=1; fi
	while IFS=$'\t' read -r state name package version minimum purpose; do
		case $state in
		ok) have+=("$name $version") ;;
		old) bad_lines+=("$group: $name $version is older than $minimum, the oldest that works: $purpose") ;;
		missing) bad_lines+=("$group: $name (package $package): $purpose") ;;
		esac
	done < <(tools_report "$group")
	local list=''
	if ((${#have[@]})); then list=$(printf '%s, ' "${have[@]}"); fi
	if ((${#bad_lines[@]} == 0)); then
		good "$group: ${list%, }"
		return
	fi
	local l
	for l in "${bad_lines[@]}"; do
		if ((core)); then bad "$l"; else absent "$l"; fi
	done
	info "./vex setup $group installs what is missing${list:+; here: ${list%, }}"
}

doctor_packages() {
	local g
	tools_load
	for g in $(tools_groups); do doctor_group "$g"; done
}

# Is the compiler here the one each kernel was built with?
doctor_compilers() {
	local k
	for k in $(kernel_names); do
		kernel_ready "$k" || continue
		if kernel_compiler_same "$k"; then
			good "compiler of $k: $KC_CC_HERE, as the kernel's own record says"
		else
			mismatch "compiler of $k: $KC_CC_SAYS"
		fi
	done
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
	local k
	for k in $(kernel_names); do
		if kernel_ready "$k"; then
			good "kernel $k: $(kernel_release "$k")"
		elif kernel_is_stock "$k"; then
			absent "kernel $k: fetched by the first command that runs it, or by ./vex kernel fetch $k"
		elif kernel_cached "$k"; then
			absent "kernel $k: built and in the cache; ./vex kernel build $k links it here"
		else
			absent "kernel $k: ./vex kernel build $k"
		fi
	done
}

doctor_accel() {
	local dir out
	if [[ ! -x $VEX_BUILD/env/vexvm ]] || ! kernel_ready 6.1 || [[ ! -f $(initramfs_path 6.1) ]]; then
		absent "accelerator: not probed yet (done by the first ./vex run or shell)"
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
		-*) usage_error "unknown option '$1'" ;;
		*) DOCTOR_GROUPS+=("$1") ;;
		esac
		shift
	done
	tools_check_groups "${DOCTOR_GROUPS[@]}"
	doctor_system
	doctor_packages
	doctor_kernels
	doctor_compilers
	doctor_accel
	((DOCTOR_BAD == 0)) || return "$EX_ENV"
}
