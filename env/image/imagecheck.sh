# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# shellcheck disable=SC2034	# VM_* are read by image_vm_start
#
# Validation of an image by booting it (env/image/validate.sh does the looking, inside), and its manifest.

# image_sound DISK: refuses what no guest could start from.
image_sound() {
	local disk=$1 info
	[[ -s $disk ]] || die "$EX_ENV" "$disk is empty: build the image again (./vex image build)"
	info=$(qemu-img info "$disk" 2>&1) || die "$EX_ENV" "$disk is damaged, qemu-img says: ${info##*: }; build it again (./vex image build)"
	if grep -q '^file format: qcow2' <<<"$info"; then
		qemu-img check -q "$disk" >/dev/null 2>&1 || die "$EX_ENV" \
			"$disk is damaged, qemu-img check finds errors: build the image again (./vex image build)"
	elif [[ $(od -An -tx1 -j510 -N2 "$disk" | tr -d ' \n') != 55aa ]]; then
		die "$EX_ENV" "$disk is neither qcow2 nor a disk with a boot sector"
	fi
}

image_check_report() {
	local log=$1 line
	while IFS= read -r line; do
		case $line in
		not\ ok*) printf '    %sFAILED%s %s\n' "$C_RED" "$C_OFF" "${line#not ok * }" >&2 ;;
		*) printf '           %s\n' "${line#\# }" >&2 ;;
		esac
	done < <(awk '/^not ok/ { on = 1; print; next } /^# fact|^# package/ { on = 0 } /^#/ && on { print; next } { on = 0 }' "$log")
}

# checks_count REGEX LOG: 0 is a number; a log that cannot be read is an error.
checks_count() { grep -cE -- "$1" "$2" || (($? == 1)) || die "$EX_ENV" "cannot read $2"; }

# image_check DISK KEY RUNDIR KERNEL VARIANT: boots a throw-away copy with a VexFS beside it, looks, shuts down.
# RUNDIR/validate.log gets the TAP. Returns 0, 1 (a check failed) or the launcher's code.
image_check() {
	local disk=$1 key=$2 dir=$3 kernel=$4 variant=$5 rc=0 passed skipped failed console=$3/console.log
	image_sound "$disk"
	say "Validating: the image boots, VexFS works, it shuts down"
	rm -f "$dir/vexfs.raw"
	truncate -s 100M "$dir/vexfs.raw"
	"$VEX_BUILD/bin/mkfs.vexfs" -q -L vexfs "$dir/vexfs.raw" || die "$EX_ENV" "mkfs.vexfs failed on $dir/vexfs.raw"
	: >"$dir/validate.log"
	image_need image/validate "$disk"
	# 2 GB whatever the user said: what is validated is the image, and a debug kernel needs them.
	VM_DISKS=("vexfs=$dir/vexfs.raw") VM_MEMORY=2048 VM_CPUS=2
	image_vm_start "$dir" --session "exec bash $(printf '%q ' "$VEX_ROOT/env/image/session.sh" "$key" "$kernel" "$variant")" || rc=$?
	rm -f "$dir/vexfs.raw"
	((rc != EX_INT)) || exit "$EX_INT"
	if ((rc == 0)); then
		if grep -qaE 'reboot: Power down|reboot: System halted' "$console"; then
			echo "ok - it shuts down unattended" >>"$dir/validate.log"
		else
			echo "not ok - it shuts down unattended" >>"$dir/validate.log"
		fi
	fi
	skipped=$(checks_count '^ok.*# SKIP' "$dir/validate.log") || return "$EX_ENV"
	passed=$(($(checks_count '^ok' "$dir/validate.log") - skipped))
	failed=$(checks_count '^not ok' "$dir/validate.log") || return "$EX_ENV"
	image_check_report "$dir/validate.log"
	note "$passed checks passed, $failed failed"
	if ((failed)); then return "$EX_FAILED"; fi
	if ((rc)); then
		warn "the guest ended with '$(cause_of "$rc")'; the last words of $console:"
		last_words "$console" 8 >&2
		return "$rc"
	fi
	if ! grep -q '^1\.\.' "$dir/validate.log"; then
		warn "the checks did not run to their end; see $dir/validate.log"
		return "$EX_LOST"
	fi
}

check_fact() { sed -n "s/^# fact $2 //p" "$1/validate.log" | head -n1; }

# What the guest sees of DISK.
disk_virtual_bytes() { LC_ALL=C qemu-img info "$1" | sed -n 's/^virtual size: .*(\([0-9]*\) bytes).*/\1/p'; }

# image_manifest RC: of the build in hand. What the checks found is vexjson's to read.
image_manifest() {
	local disk=$IB_IMAGE/disk.qcow2 status=passed fact
	(($1 == 0)) || status=failed
	{
		printf 'string %s\n' "variant $IB_VARIANT" "source $IB_SOURCE" "date $IB_DATE" "revision $IB_REVISION" \
			"suite $IMG_SUITE" "archive $(image_archive "$IMG_SUITE")"
		for fact in kernel kernels dkms boot; do
			printf 'string %s %s\n' "$fact" "$(check_fact "$IB_LOG" "$fact" | sed 's/ *$//')"
		done
		for fact in rust disk_used_mb; do printf 'value %s %s\n' "$fact" "$(check_fact "$IB_LOG" "$fact")"; done
		printf 'string %s\n' "custom_kernel $IB_KERNEL" "user $IMG_USER" \
			"sha256 $(sha256sum "$disk" | cut -d' ' -f1)" \
			"packer $(packer version 2>/dev/null | sed -n 's/^Packer v//p' | head -n1)" \
			"accelerator ${IB_ACCEL%%,*}" "validation $status"
		printf 'value %s\n' "disk_bytes $(disk_virtual_bytes "$disk")" "image_bytes $(stat -c %s "$disk")" \
			"prepare_seconds $IB_PREPARE_S" "bootstrap_seconds $IB_BOOTSTRAP_S" \
			"provision_seconds $IB_PROVISION_S" "validation_seconds $IB_VALIDATE_S" \
			"total_seconds $IB_TOTAL_S"
	} | "$VEX_BUILD/env/vexjson" manifest "$IB_LOG/validate.log"
}
