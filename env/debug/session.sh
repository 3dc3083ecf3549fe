# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What gdb needs to see inside a guest or a dump: symbol files, build ids, the session file.

build_id() { readelf -nW "$1" 2>/dev/null | sed -n 's|.*Build ID: *||p' | head -n1; }

# kernel_symbols NAME: the ELF file with the kernel's symbols. Built kernels have vmlinux with DWARF; from a
# stock kernel a guest is asked once for its list of symbols, which without KASLR are where they always are.
kernel_symbols() {
	if kernel_has "$1" built; then printf '%s/vmlinux' "$(kernel_dir "$1")"; else printf '%s/symbols.elf' "$(kernel_dir "$1")"; fi
}

# shellcheck disable=SC2034	# a guest without the user's disks: vm_start reads them
kernel_symbols_need() {
	local name=$1 out dir id VM_DISKS=() VM_SHARE=''
	out=$(kernel_symbols "$name")
	if [[ -f $out ]]; then return; fi
	if kernel_has "$name" built; then die "$EX_ENV" "$out is missing: ./vex kernel build $name"; fi
	say "Symbols of kernel $name, out of a guest (once)"
	dir=$(run_dir symbols)
	printf 'kind exec\nexec /vex/run\n' >"$dir/job"
	printf '#!/bin/sh\nhexdump -ve "1/1 \\"%%02x\\"" /sys/kernel/notes; echo; cat /proc/kallsyms\n' >"$dir/run"
	printf 'file /vex/run 0755 %s\n' "$dir/run" | payload_write "$dir"
	vm_start "$dir" "$name" --io none --timeout 60 >/dev/null ||
		die "$EX_ENV" "the guest that lists its symbols failed; log: ${dir#"$VEX_ROOT"/}"
	# A note: sizes of name and content, type 3 ("GNU", build id), the content.
	id=$(sed -n '1s/.*040000001400000003000000474e5500\([0-9a-f]\{40\}\).*/\1/p' "$dir/out.log")
	"$VEX_BUILD/env/vexsym" "$id" "$out.new" <"$dir/out.log" || die "$EX_ENV" "no usable list of symbols from the guest; log: ${dir#"$VEX_ROOT"/}"
	mv "$out.new" "$out"
	rm -rf "$dir"
}

# gdb_session FILE KERNEL-SYMBOLS MODULE BATCH(True|False) [END]: what every session loads, live or post mortem.
# END is the file that says that a live guest has ended.
gdb_session() {
	local file=$1 kernel=$2 module=$3 batch=$4 end=${5:-} scripts
	scripts=$(dirname "$(readlink -f "$kernel")")/kdir/vmlinux-gdb.py
	cat >"$file" <<END
set confirm off
set breakpoint pending on
set print pretty on
python gdb.execute("set architecture i386:x86-64", to_string=True)
set index-cache enabled off
directory $(module_sources)
python vex = dict(module=r"$module", build_id="$(build_id "$module")", kernel=r"$kernel", kernel_id="$(build_id "$kernel")", batch=$batch, end=r"$end", name="$(module_get name)")
source $VEX_ROOT/env/debug/module.py
file $module
python learn_layout()
file $kernel
END
	# The module's own printers and commands; and its sources where they are edited, not where they were compiled.
	if [[ -n $(module_get gdb) ]]; then printf 'source %s\n' "$(module_file "$(module_get gdb)")" >>"$file"; fi
	module_is_own || printf 'set substitute-path %s %s\n' "${module%"/$(module_get ko)"}" "$(module_sources)" >>"$file"
	# Kernels with DWARF have their own call frame information.
	if readelf -SW "$kernel" | grep ' \.debug_info ' >/dev/null; then
		if [[ -f $scripts ]]; then printf 'source %s\n' "$scripts" >>"$file"; fi
	else
		printf 'source %s/env/debug/orc.py\n' "$VEX_ROOT" >>"$file"
	fi
	if [[ $batch == True ]]; then printf 'set pagination off\nset style enabled off\n' >>"$file"; fi
}
