# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2034	# options are read by env/lib
# shellcheck disable=SC2154	# facts are set by relay_line
# One-line purpose: the whole thing on real text: build, boot, store, search, summary

cmd_help() {
	VM_IMAGE_OK="image persistent installed screenshot"
	cat <<'END'
usage: ./vex run [OPTION]... [DIR]

Installs what is missing, builds module and tools, boots a guest, formats a disk, stores text files with
their embeddings, remounts, compares, and answers searches. The text is the descriptions of the packages
this machine's apt knows, or the files below DIR. In another module (./vex init) it is that module's smoke test, with
all that it prints.

  --limit N             so many files at most [2000]
  --query TEXT          search for TEXT; repeatable [three examples]
  --json                one object on standard output, all else on standard error (docs/json.md)
END
	vm_options_help
	cat <<'END'

examples:
  ./vex run
  ./vex run --query 'draw a family tree' --query 'listen to internet radio'
  ./vex run ~/notes --query 'what did we decide about backups'
  ./vex run --image
END
}

RUN_DEFAULT_QUERIES=('play chess against the computer' 'edit and convert sound files'
	'encrypted backup of my files')

declare -A FACT

# The guest's stream: stages and facts for us, the rest for the reader.
relay_output() {
	local line start
	start=$(now_ms)
	while IFS= read -r line; do
		case $line in
		@stage\ *) printf '%s==>%s [%s s] %s\n' "$C_BOLD" "$C_OFF" "$(secs $(($(now_ms) - start)))" "${line#@stage }" >&2 ;;
		@fact\ *) printf '%s\n' "${line#@fact }" >>"$1/facts" ;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

read_facts() {
	local k v
	while IFS='=' read -r k v; do FACT[$k]=$v; done <"$1/facts"
}

fact() { printf '%s' "${FACT[$1]:-?}"; }

summary() {
	local dir=$1 lane accel
	lane=$(result_field "$dir" lane)
	accel=$(result_field "$dir" accel_reason)
	cat <<END

  kernel         $(fact kernel)
  accelerator    $accel
  guest ready    $(result_field "$dir" ready_ms) ms ($lane lane)
  files          $(fact files) stored in $(fact store_ms) ms, all equal after the remount
  embeddings     $(fact embeddings) made and stored in $(fact embed_ms) ms, all there after the remount
  search         $(fact search_ms) ms each, from starting vexctl to its last line; $(fact call_ms) ms of it the search itself
  whole run      $(secs $(($(now_ms) - RUN_START))) s
  log            ${dir#"$VEX_ROOT"/}
END
}

# A filesystem with room for the files, their inodes (one block each at least), and vectors.
disk_for() {
	local files bytes mb
	files=$(find "$1" -type f | wc -l)
	bytes=$(du -sb "$1" | cut -f1)
	mb=$((100 + (bytes / 1048576) * 2 + files / 150))
	((files <= 2500 && bytes < 20000000)) && mb=100
	printf '%d' "$mb"
}

# Makes corpus and queries in RUNDIR; sets VM_DISKS and, for large texts, VM_MEMORY. Uses cmd_main's variables.
run_prepare() {
	local mb
	corpus=$1/corpus
	say "Preparing the text"
	if [[ -n $from ]]; then corpus_directory "$corpus" "$from" "$limit"; else corpus_packages "$corpus" "$limit"; fi
	note "$(find "$corpus" -type f | wc -l) files, $(du -sh --apparent-size "$corpus" | cut -f1)"
	mb=$(disk_for "$corpus")
	printf '%s\n' "${queries[@]}" >"$1/queries"
	: >"$1/facts"
	VM_DISKS=("test=${mb}M")
	# Large texts lie in the guest's memory until they are stored; one size fits the others, and one saved guest.
	[[ -n $VM_MEMORY ]] || ((mb <= 300)) || VM_MEMORY=$((768 + mb))
}

# run_verdict RUNDIR CODE STATUS: the summary, or what went wrong.
run_verdict() {
	local dir=$1
	if (($2)); then
		((VM_IMAGE)) || note "log: ${dir#"$VEX_ROOT"/}"
		return "$2"
	fi
	read_facts "$dir"
	report_add facts "$dir/facts"
	if [[ $3 != 0 || -z ${FACT[done]:-} ]]; then
		die "$EX_FAILED" "the run in the guest failed (status $3); see ${dir#"$VEX_ROOT"/}/out.log and console.log"
	fi
	summary "$dir"
}

run_fast() {
	local series dir rc=0
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	guest_need run "$series"
	vm_need "$series"
	say "Building vexfs.ko for $(kernel_release "$series") and the tools"
	build_guest "$series"
	build_module "$series"
	dir=$(run_dir run)
	run_prepare "$dir"
	{
		job_base "$series"
		printf 'kind exec\nexec /vex/run\nkeep-disks\n'
	} >"$dir/job"
	{
		payload_base "$series"
		printf 'file /vex/run 0755 %s\nfile /vex/queries 0644 %s\ntree /vex/corpus %s\n' \
			"$VEX_ROOT/env/guest/run.sh" "$dir/queries" "$corpus"
	} | payload_write "$dir"
	rm -rf "$corpus"
	say "Starting the guest"
	{ vm_start "$dir" "$series" --io pipe --timeout 1800 </dev/null || echo "$?" >"$dir/status"; } | relay_output "$dir"
	[[ ! -f $dir/status ]] || rc=$(<"$dir/status")
	run_verdict "$dir" "$rc" "$(verdict_field "$dir" status)"
}

# The same job in a whole Debian.
run_image() {
	local dir rc=0 tree
	[[ -z $VM_SNAPSHOT ]] || usage_error "./vex run begins from a fresh boot: no --snapshot (./vex shell --image has it)"
	image_need run "$VM_IMAGE_WORD"
	[[ -n $IMAGE_KEY ]] || die "$EX_USAGE" "./vex run needs an image with our key: one out of ./vex image list"
	dir=$(run_dir run)
	run_prepare "$dir"
	tree=$dir/session/tree
	mkdir -p "$tree/corpus"
	cp "$VEX_ROOT/env/guest/run.sh" "$tree/run"
	chmod 755 "$tree/run"
	cp "$dir/queries" "$tree/"
	cp -r "$corpus/." "$tree/corpus/"
	rm -rf "$corpus"
	say "Booting $IMAGE_LABEL"
	{ (image_session "$dir" </dev/null) || echo "$?" >"$dir/status"; } | relay_output "$dir"
	[[ ! -f $dir/status ]] || rc=$(<"$dir/status")
	rm -rf "$dir/session"
	run_verdict "$dir" "$rc" "$(result_field "$dir" session)"
}

# run_smoke: of another module: its smoke test, with all it prints.
run_smoke() {
	local series dir rc=0
	series=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $series != *$'\n'* ]] || usage_error "--kernel: one kernel"
	guest_need run "$series"
	vm_need "$series"
	build_guest
	build_module "$series"
	dir=$(run_dir run)
	module_disk
	{
		job_base "$series"
		printf 'kind exec\nexec /vex/run\nkeep-disks\n'
	} >"$dir/job"
	{ printf '#!/bin/sh\nexec sh -eux /vex/smoke 2>&1\n'; } >"$dir/run"
	{
		payload_base "$series"
		printf 'file /vex/run 0755 %s\nfile /vex/smoke 0755 %s\n' "$dir/run" "$(module_script smoke)"
	} | payload_write "$dir"
	say "The smoke test of ${MODULE[name]} on $(kernel_release "$series")"
	vm_start "$dir" "$series" --io pipe --timeout "${MODULE[time]:-60}" </dev/null || rc=$?
	note "guest ready in $(result_field "$dir" ready_ms) ms ($(result_field "$dir" lane) lane); log: ${dir#"$VEX_ROOT"/}"
	((rc == 0)) || return "$rc"
	rc=$(verdict_field "$dir" status)
	((rc == 0)) || die "$EX_FAILED" "the smoke test ended with status $rc after the last line above"
	note "passed in $(secs $(($(now_ms) - RUN_START))) s"
}

cmd_main() {
	local limit=2000 queries=() from='' corpus
	VM_IMAGE_OK=1
	RUN_START=$(now_ms)
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--limit) need_value "$1" $#; limit=$2; shift ;;
		--query) need_value "$1" $#; [[ -n $2 && $2 != *$'\n'* ]] || usage_error "--query requires a single line of text"
			queries+=("$2"); shift ;;
		-*) usage_error "unknown option '$1'" ;;
		*) [[ -z $from ]] || usage_error "one directory, not '$from' and '$1'"; from=$1 ;;
		esac
		shift
	done
	[[ $limit =~ ^[1-9][0-9]{0,5}$ ]] || usage_error "--limit $limit: use a number from 1 to 999999"
	if [[ -n $from ]]; then
		[[ -d $from ]] || usage_error "$from is not a directory"
		from=$(readlink -f "$from")
	fi
	if ! module_is_own; then
		[[ -z $from && ${#queries[@]} == 0 && $VM_IMAGE == 0 ]] ||
			usage_error "of ${MODULE[name]} ./vex run shows the smoke test: no DIR, --query or --image"
		run_smoke
		return
	fi
	((${#VM_DISKS[@]} == 0)) || usage_error "./vex run makes its own disk; --disk is for shell and vm"
	((${#queries[@]})) || queries=("${RUN_DEFAULT_QUERIES[@]}")
	if ((VM_IMAGE)); then run_image; else run_fast; fi
}
