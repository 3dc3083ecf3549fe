# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by env/lib
# One-line purpose: a root shell in a guest with a VexFS mounted on /mnt/vexfs

cmd_help() {
	VM_IMAGE_OK="image persistent installed save screenshot"
	cat <<'END'
usage: ./vex shell [OPTION]... [-- COMMAND [ARGUMENT]...]

A root shell in a guest that has vexfs.ko loaded and a VexFS mounted on /mnt/vexfs; vexctl, getfattr and man are
there. The file system is new and goes with the guest, unless --disk vexfs=FILE names an image to keep. "exit" ends
the guest and gives its status; Ctrl-A x ends it at once. Without a terminal the commands come from stdin,
and COMMAND reads it.

In another module (./vex init) it is that module that is loaded, and set up as its configuration says.

With --image the guest is a whole Debian of ./vex image build, with the module and tools of this checkout.
END
	vm_options_help
	cat <<'END'

examples:
  ./vex shell
  ./vex shell --kernel 6.12 --disk vexfs=2G
  echo 'mount | grep vexfs' | ./vex shell
  ./vex shell -- vexctl stat /mnt/vexfs
  ./vex shell --image --share ~/src
END
}

shell_io() {
	local rows cols
	if [[ -t 0 && -t 1 ]]; then
		read -r rows cols < <(stty size 2>/dev/null || echo 24 80)
		printf 'tty %s %s\nenv TERM=%s\n' "$rows" "$cols" "${TERM:-vt100}" >>"$1/job"
		SHELL_IO="tty"
	else
		SHELL_IO=pipe
	fi
}

cmd_main() {
	local series dir rc=0 command=()
	VM_IMAGE_OK=1
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--) shift; command=("$@"); [[ $# -gt 0 ]] || usage_error "-- requires a command"; break ;;
		*) usage_error "unknown option '$1'" ;;
		esac
	done
	if ((VM_IMAGE)); then
		image_shell "${command[@]}"
		return
	fi
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: a shell runs on one kernel"
	guest_need shell "$series"
	vm_need "$series"
	build_guest "$series"
	build_module "$series"
	dir=$(run_dir shell)
	module_disk
	{
		job_base "$series"
		printf 'keep-disks\n'
	} >"$dir/job"
	if ((${#command[@]})); then
		printf '%q ' "${command[@]}" >"$dir/command"
		printf 'kind exec\nexec /vex/run\n' >>"$dir/job"
		# What is typed stays with the caller's shell, which may have put this command into the background.
		if [[ -t 0 ]]; then exec </dev/null; else printf 'stdin\n' >>"$dir/job"; fi
		{ printf '#!/bin/sh\n/vex/setup </dev/null || exit 125\ncd /root\n'; cat "$dir/command"; echo; } >"$dir/run"
		SHELL_IO=pipe
	else
		printf 'kind shell\nsetup /vex/setup\n' >>"$dir/job"
		shell_io "$dir"
	fi
	{
		payload_base "$series"
		# Programs of this machine.
		if kernel_native "$series"; then payload_program getfattr setfattr; fi
		if kernel_native "$series" && module_is_own; then payload_manuals "$dir/man"; fi
		printf 'file /vex/setup 0755 %s\n' "$(module_script setup)"
		[[ ! -f $dir/run ]] || printf 'file /vex/run 0755 %s\n' "$dir/run"
	} | payload_write "$dir"
	# A shell may idle as long as it likes; only the boot is timed.
	vm_start "$dir" "$series" --io "$SHELL_IO" || rc=$?
	((rc)) && { note "log: ${dir#"$VEX_ROOT"/}"; return "$rc"; }
	return "$(verdict_field "$dir" status)"
}
