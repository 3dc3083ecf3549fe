# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: from a panic to a bundle with dump, decoded trace and symbols; open such a bundle

cmd_help() {
	cat <<'END'
usage: ./vex crash [OPTION]... [-- COMMAND [ARGUMENT]...]
       ./vex crash open [--with crash|gdb] [--batch FILE] [BUNDLE]
       ./vex crash list

Runs COMMAND in a guest with a VexFS on /mnt/vexfs and collects what is left when it panics, in one directory
below build/crash: console.log, trace.txt (the trace with source lines), vmcore.zst, vexfs.ko and the kernel's symbols,
disk.img, the build ids and the line that does it again. Without COMMAND the panic is provoked in VexFS code. The memory
is saved by a crash kernel (kdump); if that fails, by the hypervisor. "open" checks the build ids and starts
crash or gdb on the newest bundle, or on BUNDLE (a directory). In another module (./vex init) the bundle has that one.

  --trigger WORD        the fault without COMMAND: panic, oops, bug ... (written to the "trigger" file of the module's
                        configuration, /sys/kernel/debug/vexfs/trigger; without one: panic, by SysRq) [panic]
  --no-kdump            let the hypervisor write the dump at once
  --kdump-append STRING more command line for the crash kernel
  --bundle DIR          the bundle's directory [a new one below build/crash; the newest 5 stay]
  --rundir DIR          where the guest's logs go [a new directory below build/runs]
  --timeout S           limit before scaling by the speed of the host [300]
  --with TOOL           open with crash (kernels with DWARF, the default there) or gdb
  --batch FILE          commands for that tool, which then ends
  --json                one object on standard output, all else on standard error (docs/json.md)
END
	vm_options_help
	cat <<'END'

exit: 0 there is a bundle, 1 the guest did not panic, 8 a dump of another build, 9 no dump by any way
examples:
  ./vex crash
  ./vex crash --kernel debug-6.1 -- sh -c 'cp -r /bin /mnt/vexfs && ./my-test'
  ./vex crash open
END
}

CRASH_RESERVED=256	# MB for the crash kernel
KEEP_BUNDLES=5

crash_bundles() {
	[[ -d $VEX_BUILD/crash ]] || return 0
	find "$VEX_BUILD/crash" -mindepth 2 -maxdepth 2 -name info -printf '%T@ %h\n' 2>/dev/null | sort -rn | cut -d' ' -f2-
}

crash_list() {
	local b any=0
	while read -r b; do
		any=1
		printf '%s  %s, dump by %s, in %s (%s)\n' "${b#"$VEX_ROOT"/}" "$(info_field "$b" kernel)" "$(info_field "$b" method)" \
			"$(info_field "$b" function)" "$(du -sh "$b" | cut -f1)"
	done < <(crash_bundles)
	((any)) || say "no bundle yet: ./vex crash makes one"
}

info_field() { sed -n "s/^$2=//p" "$1/info" 2>/dev/null | head -n1; }

# ---- collect ------------------------------------------------------------------------------

crash_job() {
	local dir=$1 name=$2 crash=$3
	{
		job_base "$name"
		printf 'keep-disks\nkind exec\nexec /vex/run\n'
		if ((C_KDUMP)); then printf 'kdump /vex/kdump\nkdump-append %s\n' "$C_APPEND"; fi
		# Tells QEMU where the kernel describes itself; built into our own kernels.
		if kernel_is_stock "$name"; then printf 'modprobe qemu_fw_cfg\n'; fi
	} >"$dir/job"
	{ printf '#!/bin/sh\n/vex/setup || exit 125\ncd /root\nsync\n'; printf '%q ' "${C_COMMAND[@]}"; echo; } >"$dir/run"
	{
		payload_base "$name"
		printf 'file /vex/setup 0755 %s\nfile /vex/run 0755 %s\n' "$(module_script setup)" "$dir/run"
		if ((C_KDUMP)); then
			printf 'file /vex/kdump/vmlinuz 0644 %s\n' "$(readlink -f "$(kernel_dir "$crash")/vmlinuz")"
			printf 'file /vex/kdump/initrd 0644 %s\n' "$(initramfs_path "$crash")"
		fi
	} | payload_write "$dir"
}

# The disk that the module's setup wants is kept in the bundle.
crash_disk() {
	local name size
	read -r name size <<<"${MODULE[disk]:-}"
	[[ -n $name ]] || return 0
	truncate -s "$size" "$1/disk.img"
	VM_DISKS+=("$name=$1/disk.img")
}

# crash_trigger WORD: the command that provokes a panic.
crash_trigger() {
	local file=${MODULE[trigger]:-}
	if [[ -n $file ]]; then C_COMMAND=(sh -c "echo $1 >$file"); return; fi
	[[ $1 == panic ]] || usage_error "--trigger $1: ${MODULE[file]} names no 'trigger' file: only panic, or -- COMMAND"
	C_COMMAND=(sh -c 'echo c >/proc/sysrq-trigger')
}

# Runs the guest; the dump, compressed, is DIR/vmcore.zst afterwards.
crash_run() {
	local dir=$1 name=$2 rc=0 more=()
	if ((C_KDUMP)); then
		truncate -s "$((VM_MEMORY + 64))M" "$dir/vmcore.kdump"
		VM_DISKS+=("vmcore=$dir/vmcore.kdump")
		more=(--kdump)
	fi
	vm_start "$dir" "$name" --io pipe --timeout "$C_LIMIT" "${C_SAY[@]}" --dump "$dir/vmcore.hypervisor" "${more[@]}" \
		--append "panic=0 crashkernel=${CRASH_RESERVED}M" </dev/null || rc=$?
	case $rc in
	"$EX_PANIC") ;;
	0) die "$EX_FAILED" "the guest did not panic (COMMAND ended with status $(verdict_field "$dir" status)): no bundle; log: ${dir#"$VEX_ROOT"/}" ;;
	*) note "$(cause_of "$rc"); log: ${dir#"$VEX_ROOT"/}"; exit "$rc" ;;
	esac
	[[ -f $dir/dump.result ]] ||
		die "$EX_FAILED" "the kernel complained but did not panic: no bundle; log: ${dir#"$VEX_ROOT"/}"
}

crash_compress() {
	local dir=$1 out=$2 method core
	method=$(sed -n 's/^method=//p' "$dir/dump.result")
	core=$dir/vmcore.$method
	"$VEX_BUILD/env/vexcore" info "$core" >"$dir/core.info" ||
		die "$EX_NO_DUMP" "the dump by $method is not usable (see above); log: ${dir#"$VEX_ROOT"/}"
	quietly "compressing the dump" "$VEX_BUILD/log/zstd.log" zstd -q -f -3 -T0 -o "$out/vmcore.zst" "$core" ||
		die "$EX_ENV" "no room for the compressed dump; make room on the host (./vex clean)"
	rm -f "$dir/vmcore.kdump" "$dir/vmcore.hypervisor"
}

crash_symbols() {
	local name=$1 out=$2 kernel
	kernel=$(readlink -f "$(kernel_symbols "$name")")
	cp "$(module_path "$name")" "$out/${MODULE[name]}.ko"
	# Hundreds of megabytes with DWARF: one copy for all bundles where the file system allows it.
	cp -l "$kernel" "$out/vmlinux" 2>/dev/null || cp --sparse=always "$kernel" "$out/vmlinux"
}

crash_info() {
	local dir=$1 name=$2 out=$3
	{
		printf 'kernel=%s\nrelease=%s\n' "$name" "$(kernel_release "$name")"
		cat "$dir/dump.result"
		printf 'function=%s\n' "$(decode_first "$out/trace.txt" || echo unknown)"
		printf 'kernel_id=%s\nmodule_id=%s\n' "$(build_id "$out/vmlinux")" "$(build_id "$out/${MODULE[name]}.ko")"
		printf 'revision=%s\n' "$(git -C "$(module_sources)" describe --always --dirty 2>/dev/null || echo unknown)"
		sed 's/^/core_/' "$dir/core.info"
	} >"$out/info"
	printf '#!/bin/sh\n# Run in the sources, revision %s.\n%s\n' "$(info_field "$out" revision)" "$C_LINE" >"$out/reproduce"
	chmod +x "$out/reproduce"
}

# A failed run removes what it has of the bundle: nothing else may be there. Asked before anything is built.
crash_new_dir() {
	[[ ! -e $1 || (-d $1 && -z $(ls -A "$1")) ]] || usage_error "--bundle $1: it exists; name a directory that does not, or is empty"
	readlink -m "$1"
}

# crash_claim OUT: OUT is this run's; C_MADE is what it may remove. The answer of crash_new_dir is some minutes old by now.
crash_claim() {
	mkdir -p "${1%/*}/" || die "$EX_ENV" "cannot create ${1%/*}"
	if mkdir "$1" 2>/dev/null; then C_MADE=$1; return; fi
	[[ -d $1 ]] || die "$EX_ENV" "cannot create $1"
	[[ -z $(ls -A "$1") ]] || usage_error "$1 was empty when this run began: another one uses it; name another --bundle"
	C_MADE=''
}

# crash_tidy RUNDIR OUT: at the end, whatever that is. An empty directory that was there before stays one.
crash_tidy() {
	rm -f "$1"/vmcore.{kdump,hypervisor} "$1/payload.img"
	[[ -f $2/info ]] || if [[ -n $C_MADE ]]; then rm -rf "$C_MADE"; else find "$2" -mindepth 1 -delete; fi
}

crash_prune() {
	local b
	crash_bundles | tail -n +$((KEEP_BUNDLES + 1)) | while read -r b; do rm -rf "$b"; done
}

crash_collect() {
	local name=$1 crash dir out=$C_BUNDLE
	crash=$(kernel_stock_of "$name")
	need_space "$VEX_BUILD" "$((VM_MEMORY * 2))" "a memory dump of $VM_MEMORY MB"
	guest_need crash "$name" "$crash"
	vm_need "$name" "$crash"
	kernel_symbols_need "$name"
	build_guest "$name"
	build_module "$name"
	dir=$C_RUNDIR
	if [[ -z $dir ]]; then dir=$(run_dir crash); fi
	mkdir -p "$dir"
	if [[ -z $out ]]; then
		# With --rundir the name may be that of an earlier bundle.
		out=$VEX_BUILD/crash/$name-$(basename "$dir")
		[[ ! -e $out ]] || out+=-$$
	fi
	crash_claim "$out"
	# shellcheck disable=SC2064	# the names as they are now
	trap "$(printf '%q ' crash_tidy "$dir" "$out")" EXIT
	crash_disk "$out"
	crash_job "$dir" "$name" "$crash"
	say "A guest on $name, its crash kernel $crash: ${C_COMMAND[*]}"
	crash_run "$dir" "$name"
	say "Collecting"
	crash_compress "$dir" "$out"
	crash_symbols "$name" "$out"
	cp "$dir/console.log" "$out/"
	decode_trace "$dir/console.log" "$out/${MODULE[name]}.ko" "$out/vmlinux" >"$out/trace.txt"
	crash_info "$dir" "$name" "$out"
	crash_check "$out"
	crash_prune
	note "dump by $(info_field "$out" method), $(($(info_field "$out" core_bytes) / 1048576)) MB, compressed to $(du -m "$out/vmcore.zst" | cut -f1) MB"
	note "in $(info_field "$out" function); the trace with source lines: ${out#"$VEX_ROOT"/}/trace.txt"
	note "open it: $(vex_line) crash open ${out#"$VEX_ROOT"/}"
	report_add bundle "$(readlink -f "$out")"
	printf '%s\n' "$out"
}

# ---- open -----------------------------------------------------------------------------------

# The dump names its kernel; symbols of another one would lie.
crash_check() {
	local b=$1 dumped have f ko=${MODULE[name]}.ko
	for f in vmlinux "$ko"; do
		[[ -f $b/$f ]] || die "$EX_ENV" "${b#"$VEX_ROOT"/} is not complete: it has no $f; copy the whole directory"
	done
	dumped=$(info_field "$b" core_BUILD-ID) have=$(build_id "$b/vmlinux")
	[[ -n $dumped ]] || { warn "the dump does not name its kernel's build id; the symbols are taken on trust"; return 0; }
	[[ $dumped == "$have" ]] || die "$EX_BUILD_ID" "the dump is of a kernel with build id $dumped, ${b#"$VEX_ROOT"/}/vmlinux has ${have:-none}:" \
		"put that kernel's symbols there"
	have=$(build_id "$b/$ko")
	[[ $have == "$(info_field "$b" module_id)" ]] || die "$EX_BUILD_ID" "the bundle was made with a $ko of build id" \
		"$(info_field "$b" module_id), ${b#"$VEX_ROOT"/}/$ko has ${have:-none}: put the right one there"
}

crash_unpack() {
	need_space "$1" "$(($(info_field "$1" core_bytes) / 1048576 + 50))" "unpacking the dump"
	C_CORE=$(mktemp "$1/vmcore.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -f '$C_CORE' '$C_CORE'.*" EXIT
	zstd -q -d -f --sparse -o "$C_CORE" "$1/vmcore.zst" || die "$EX_ENV" "$1/vmcore.zst is damaged or the disk is full"
}

crash_with_crash() {
	local b=$1 batch=$2
	printf 'mod -s %s %s\n' "${MODULE[name]}" "$b/${MODULE[name]}.ko" >"$C_CORE.cmds"
	if [[ -n $batch ]]; then
		cat "$batch" >>"$C_CORE.cmds"
		printf 'quit\n' >>"$C_CORE.cmds"
		crash -s --no_crashrc -i "$C_CORE.cmds" "$b/vmlinux" "$C_CORE" </dev/null
	else
		crash --no_crashrc -i "$C_CORE.cmds" "$b/vmlinux" "$C_CORE"
	fi
}

crash_with_gdb() {
	local b=$1 batch=$2 flag=False
	[[ -z $batch ]] || flag=True
	"$VEX_BUILD/env/vexcore" map "$C_CORE" >/dev/null || die "$EX_FAILED" "gdb cannot use this dump (see above)"
	gdb_session "$C_CORE.gdb" "$b/vmlinux" "$b/${MODULE[name]}.ko" "$flag"
	printf 'core-file %s\npython check_kernel()\n%s-reload\npython select_panicking()\n' "$C_CORE" "${MODULE[name]}" >>"$C_CORE.gdb"
	if [[ -n $batch ]]; then
		gdb -nx -batch -x "$C_CORE.gdb" -ex "vex-batch $batch" </dev/null
	else
		gdb -nx -q -x "$C_CORE.gdb"
	fi
}

# crash has to know the kernel's structures; one that is too old for them says so, and gdb takes over.
crash_usable() {
	readelf -SW "$1/vmlinux" | grep ' \.debug_info ' >/dev/null || return 1
	printf 'quit\n' >"$C_CORE.try"
	crash -s --no_crashrc -i "$C_CORE.try" "$1/vmlinux" "$C_CORE" </dev/null >"$C_CORE.log" 2>&1 && return
	note "crash $(crash --version 2>/dev/null | sed -n 's/^crash *//p') does not understand this kernel: gdb"
	return 1
}

crash_open() {
	local b='' with='' batch='' rc=0
	while (($#)); do
		case $1 in
		--with) need_value "$1" $#; [[ $2 =~ ^(crash|gdb)$ ]] || usage_error "--with $2: crash or gdb"; with=$2; shift ;;
		--batch) need_value "$1" $#; [[ -r $2 ]] || usage_error "--batch $2: no such file"; batch=$(readlink -f "$2"); shift ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) b=$1 ;;
		esac
		shift
	done
	if [[ -z $b ]]; then b=$(crash_bundles | head -n1); fi
	[[ -n $b ]] || usage_error "no bundle yet: ./vex crash makes one"
	[[ -f $b/info && -f $b/vmcore.zst ]] || usage_error "$b is not a crash bundle (info and vmcore.zst are missing)"
	b=$(readlink -f "$b")
	if [[ -z $batch && ! -t 0 ]]; then usage_error "without a terminal: give commands with --batch FILE"; fi
	[[ $with == gdb ]] || WANTS+=(--with=crash)
	need crash/open "${WANTS[@]}"
	env_build
	crash_check "$b"
	crash_unpack "$b"
	if [[ -z $with ]]; then if crash_usable "$b"; then with=crash; else with=gdb; fi; fi
	note "$(info_field "$b" kernel), panic in $(info_field "$b" function); opened with $with"
	"crash_with_$with" "$b" "$batch" || rc=$?
	case $rc in
	0) return 0 ;;
	"$EX_BUILD_ID") die "$EX_BUILD_ID" "the symbols belong to another build (see above)" ;;
	*) die "$EX_FAILED" "$with ended with status $rc" ;;
	esac
}

cmd_main() {
	local name trigger=panic
	# shellcheck source=env/debug/session.sh
	. "$VEX_ROOT/env/debug/session.sh"
	# shellcheck source=env/debug/decode.sh
	. "$VEX_ROOT/env/debug/decode.sh"
	case ${1:-} in
	open) shift; crash_open "$@"; return ;;
	list) crash_list; return ;;
	esac
	C_KDUMP=1 C_APPEND='' C_BUNDLE='' C_RUNDIR='' C_LIMIT=300 C_SAY=() C_COMMAND=()
	C_LINE="$(vex_line) $(printf '%q ' crash "$@")"
	while (($#)); do
		vm_option "$@"
		if ((VM_SHIFT)); then shift "$VM_SHIFT"; continue; fi
		case $1 in
		--trigger) need_value "$1" $#; [[ $2 =~ ^[a-z]+$ ]] || usage_error "--trigger $2: a word"; trigger=$2; shift ;;
		--no-kdump) C_KDUMP=0 ;;
		--kdump-append) need_value "$1" $#; C_APPEND=$2; shift ;;
		--bundle) need_value "$1" $#; C_BUNDLE=$(crash_new_dir "$2") || exit; shift ;;
		--rundir) need_value "$1" $#; C_RUNDIR=$(readlink -m "$2"); shift ;;
		--timeout) need_value "$1" $#; [[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "--timeout $2: use seconds"; C_LIMIT=$2 C_SAY=(--say-limit); shift ;;
		--) shift; C_COMMAND=("$@"); [[ $# -gt 0 ]] || usage_error "-- requires a command"; break ;;
		*) usage_error "unknown option or verb '$1'" ;;
		esac
		shift
	done
	name=$(kernel_parse "${VM_KERNEL:-$(module_kernel)}")
	[[ $name != *$'\n'* ]] || usage_error "--kernel: one kernel"
	kernel_has "$name" x86 || usage_error "--kernel $name: dumps are taken of x86 guests"
	if [[ -z $VM_MEMORY ]]; then if kernel_has "$name" kasan; then VM_MEMORY=1536; else VM_MEMORY=896; fi; fi
	((VM_MEMORY >= 512)) || usage_error "--memory: at least 512, of which the crash kernel takes $CRASH_RESERVED"
	export VEX_MODULE_DEBUG=1
	((${#C_COMMAND[@]})) || crash_trigger "$trigger"
	crash_collect "$name"
}
