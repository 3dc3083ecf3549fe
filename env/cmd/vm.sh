# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: run one script in a guest (what crash tests and self-tests are made of)

cmd_help() {
	cat <<'END'
usage: ./vex vm [OPTION]... SCRIPT
       ./vex vm --replay DIR

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
  --record DIR          keep in DIR, a new directory, what makes this run repeatable to the instruction; emulated, one
                        processor; the guest works on copies of its disks
  --replay DIR          the run in DIR once more, whatever the tree is now; status: the recorded one, or 5 if it
                        took another course. ./vex debug --replay DIR: the same under gdb
  --json                one object on standard output, all else on standard error (docs/json.md)
END
	vm_options_help
	cat <<'END'

example: write, lose power at the marker, look at what is left
  truncate -s 64M /tmp/d.img
  ./vex vm --disk d=/tmp/d.img --kill-after-marker CUT-HERE write.sh
  ./vex vm --disk d=/tmp/d.img check.sh
a panic that comes once in a while: recorded, and looked at under gdb as often as it takes
  ./vex vm --record /tmp/rec race.sh
  ./vex debug --replay /tmp/rec
END
}

# vm_replay DIR RUNDIR: no script, no build of module or kernel: all is in DIR.
vm_replay() {
	local dir=$1 run=$2 rc=0 more=()
	replay_load "$dir"
	guest_need vm "$VM_KERNEL"
	env_build
	if [[ -z $run ]]; then run=$(run_dir replay); fi
	mkdir -p "$run"
	mapfile -t more < <(replay_field "$dir" option)
	vm_start "$run" "$VM_KERNEL" --replay "$dir" --io "$(replay_field "$dir" io)" "${more[@]}" </dev/null || rc=$?
	case $rc in "$EX_USAGE" | "$EX_ENV" | 130) return "$rc" ;; esac
	replay_same "$dir" "$run" || die "$EX_LOST" "the replay took another course; log: ${run#"$VEX_ROOT"/}/console.log"
	note "replayed: the same course to the same end; under gdb: ./vex debug --replay $dir"
	vm_status "$run" "$rc"
}

# vm_status RUNDIR CODE: the script's own status, where the guest came to no harm.
vm_status() {
	local f=''
	(($2)) && return "$2"
	# A power cut on order leaves no verdict and is what was wanted.
	f=$(verdict_field "$1" status)
	return "${f:-0}"
}

# A recording is kept by its name: it never goes over another.
vm_record_dir() {
	[[ ! -e $1 || -z $(ls -A "$1") ]] || usage_error "--record $1: it is there and not empty; name a new directory," \
		"or remove that one"
	mkdir -p "$1" || die "$EX_ENV" "cannot make $1"
	readlink -f "$1"
}

cmd_main() {
	local record='' replay=''
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
		--record) need_value "$1" $#; record=$2; shift ;;
		--replay) need_value "$1" $#; replay=$2; shift ;;
		-*) usage_error "unknown option '$1'" ;;
		*) [[ -z $script ]] || usage_error "one script, not '$script' and '$1'"; script=$1 ;;
		esac
		shift
	done
	if [[ -n $replay ]]; then
		[[ -z $script$record$VM_KERNEL$VM_MEMORY$VM_CPUS && ${#VM_DISKS[@]} == 0 ]] ||
			usage_error "--replay DIR stands alone: script, kernel, disks and memory are those of the recording"
		vm_replay "$(readlink -m "$replay")" "$dir"
		return
	fi
	[[ -n $script ]] || usage_error "which script?"
	[[ -f $script || -p $script ]] || usage_error "no such script: $script"
	[[ $timeout =~ ^(0|[1-9][0-9]{0,5})$ ]] || usage_error "--timeout $timeout: use seconds"
	((timeout || !ktap)) || usage_error "--timeout 0: a test has a limit"
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	if [[ -n $record ]]; then
		[[ -z $dir ]] || usage_error "--rundir is --record's directory"
		dir=$(vm_record_dir "$record")
	fi
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
	if [[ -n $record ]]; then
		replay_record "$dir" "$series" "$io" "${more[@]}"
		more+=(--record "$dir")
	fi
	vm_start "$dir" "$series" --io "$io" "${more[@]}" </dev/null || rc=$?
	if [[ -n $record ]]; then replay_recorded "$dir" "$record" "$rc"; fi
	((rc == 0 || rc == EX_FAILED)) || [[ ! -d $dir ]] || note "log: ${dir#"$VEX_ROOT"/}/console.log"
	((ktap)) && return "$rc"
	vm_status "$dir" "$rc"
}
