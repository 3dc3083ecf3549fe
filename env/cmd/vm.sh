# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: run one script in a guest (what crash tests and self-tests are made of)

cmd_help() {
	cat <<'END'
usage: ./vex vm [OPTION]... SCRIPT

Runs SCRIPT (a file, by the guest's busybox sh) as root in a guest; its output comes to stdout, its
status is the exit code, unless the guest itself came to harm (see './vex help exit-codes').

  --module none         do not build or load the module
  --file GUEST=HOST     carry a file or directory into the guest; repeatable
  --ktap                SCRIPT is a test that prints KTAP: judge it as one
  --timeout S           limit before scaling by the speed of the host [120]
  --append STRING       more kernel command line
  --kill-after-marker TEXT   cut the power when TEXT appears in the output or on the console
  --kill-after-ms N     cut the power N ms after the guest is ready
  --rundir DIR          where logs go [a new directory below build/runs]
  --json                one object on standard output, all else on standard error (docs/json.md)
END
	vm_options_help
	cat <<'END'

example: write, lose power at the marker, look at what is left
  truncate -s 64M /tmp/d.img
  ./vex vm --disk d=/tmp/d.img --kill-after-marker CUT-HERE write.sh
  ./vex vm --disk d=/tmp/d.img check.sh
END
}

cmd_main() {
	local module=1 ktap=0 timeout=120 dir='' script='' series rc=0 f files=() more=() io=pipe
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--module) need_value "$1" $#; [[ $2 == none ]] || usage_error "--module knows only 'none'"; module=0; shift ;;
		--file) need_value "$1" $#; files+=("$2"); shift ;;
		--ktap) ktap=1 ;;
		--timeout) need_value "$1" $#; timeout=$2; more+=(--say-limit); shift ;;
		--append | --kill-after-marker | --kill-after-ms) need_value "$1" $#; more+=("$1" "$2"); shift ;;
		--rundir) need_value "$1" $#; dir=$2; shift ;;
		-*) usage_error "unknown option '$1'" ;;
		*) [[ -z $script ]] || usage_error "one script, not '$script' and '$1'"; script=$1 ;;
		esac
		shift
	done
	[[ -n $script ]] || usage_error "which script?"
	[[ -f $script || -p $script ]] || usage_error "no such script: $script"
	[[ $timeout =~ ^(0|[1-9][0-9]{0,5})$ ]] || usage_error "--timeout $timeout: use seconds"
	((timeout || !ktap)) || usage_error "--timeout 0: a test has a limit"
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	guest_need vm "$series"
	vm_need "$series"
	local with=-
	if ((module)); then
		build_guest "$series"
		build_module "$series"
		with=$series
	fi
	if [[ -z $dir ]]; then dir=$(run_dir vm); fi
	mkdir -p "$dir"
	if [[ -p $script ]]; then
		cat "$script" >"$dir/script"	# a pipe, as of <(...)
		script=$dir/script
	fi
	job_base "$with" >"$dir/job"
	if ((ktap)); then
		printf 'kind tests\ntest %s %s /vex/run\n' "$(basename "${script%.sh}")" "$timeout" >>"$dir/job"
		# init enforces the test's limit; this is for a guest whose init cannot. What init itself does before and after
		# the test takes a checked kernel longer.
		io=none more+=(--show tap --timeout "$((timeout + 120 * $(kernel_slowness "$series") / 100))")
	else
		printf 'kind exec\nexec /vex/run\nkeep-disks\n' >>"$dir/job"
		more+=(--timeout "$timeout")
	fi
	{
		payload_base "$with" "$series"
		printf 'file /vex/run 0755 %s\n' "$script"
		for f in "${files[@]}"; do
			[[ $f == /*=* && -e ${f#*=} ]] || usage_error "--file wants /GUEST/PATH=HOSTFILE, not '$f'"
			if [[ -d ${f#*=} ]]; then
				printf 'tree %s %s\n' "${f%%=*}" "${f#*=}"
			else
				printf 'file %s 0755 %s\n' "${f%%=*}" "${f#*=}"
			fi
		done
	} | payload_write "$dir"
	vm_start "$dir" "$series" --io "$io" "${more[@]}" </dev/null || rc=$?
	((rc == 0 || rc == EX_FAILED)) || note "log: ${dir#"$VEX_ROOT"/}/console.log"
	((rc || ktap)) && return "$rc"
	# A power cut on order leaves no verdict and is what was wanted.
	f=$(verdict_field "$dir" status)
	return "${f:-0}"
}
