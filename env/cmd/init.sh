# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2016	# texts for other shells
# One-line purpose: use all this for another module: one small configuration file in its directory

cmd_help() {
	cat <<'EOF'
usage: ./vex init [OPTION]... [DIR]

Makes DIR [the current directory], the sources of a kernel module with a Makefile or Kbuild, known to the other
commands. Builds the module once, in a copy, loads it in a guest, looks at what it registers (filesystems, devices), and
writes DIR/.vex: name, build, programs for the guest, and a smoke test. The file is small and meant to be edited;
nothing else is written to DIR, then or later (docs/anymodule.md has the keys).

From then on test, run, shell, vm, debug, crash, trace, perf, build and kernel are about that module when they are
called in DIR or below it, as /path/to/vex, or from anywhere as ./vex -C DIR COMMAND. Others (fuzz, bench, image ...)
stay VexFS's.

  --kernel NAME         the kernel to try it on, which also becomes the one of ./vex test [6.1]
  --ko FILE             the module meant, when the build leaves several
  --build LINE          the shell line that builds it ['make -C "$KDIR" M="$PWD" $KMAKE_ARGS modules']
  --force               write DIR/.vex anew
  --no-install, -v

Ends with 6 when it does not build, 1 when it does not load, 2 when DIR is not such a directory.

example: ./vex init ~/src/mydriver && ./vex -C ~/src/mydriver test
EOF
}

# init_directory DIR: what can be said before anything is built.
init_directory() {
	local dir=$1
	[[ -d $dir ]] || usage_error "init $dir: no such directory"
	[[ ! $dir -ef $VEX_ROOT && ! $dir -ef $VEX_ROOT/kmod ]] ||
		usage_error "init: $dir is VexFS itself, whose configuration is env/vexfs.module"
	[[ -f $dir/Makefile || -f $dir/Kbuild ]] || usage_error "init $dir: neither Makefile nor Kbuild in there: name the" \
		"directory whose Makefile says obj-m"
	[[ ! -d $dir/$MODULE_FILE ]] ||
		usage_error "init: $dir/$MODULE_FILE is a directory: the configuration is a file of that name"
	[[ ! -e $dir/$MODULE_FILE || $INIT_FORCE == 1 ]] ||
		usage_error "init: $dir/$MODULE_FILE exists: edit it, or write it anew with --force"
	[[ -w $dir ]] || init_read_only "$dir"
	# root may write what the file system forbids.
	{ : >>"$dir/$MODULE_FILE.new"; } 2>/dev/null || init_read_only "$dir"
	rm -f "$dir/$MODULE_FILE.new"
}

init_read_only() {
	die "$EX_ENV" "cannot write $1/$MODULE_FILE: make the directory writable, or copy the module to one that is"
}

# init_ko DIR: the module that the build left in DIR, as a path below it.
init_ko() {
	local found n
	found=$(module_left "$1")
	n=$(grep -c . <<<"$found") || n=0
	if [[ -n $INIT_KO ]]; then
		grep -xF -- "$INIT_KO" <<<"$found" || die "$EX_USAGE" "--ko $INIT_KO: the build left" \
			"${found:+${found//$'\n'/, }}${found:-no module}"
		return
	fi
	((n > 0)) || die "$EX_ENV" "the build succeeded and left no .ko: a module's Makefile says obj-m := NAME.o;" \
		"another way to build is given with --build (log: $VEX_BUILD/log)"
	((n == 1)) || die "$EX_USAGE" "the build left $n modules (${found//$'\n'/, }): say which one is meant with" \
		"--ko FILE; those that it needs are loaded before it"
	printf '%s' "$found"
}

# init_mkfs: the source of a mkfs among the module's, relative to its directory.
init_mkfs() {
	(cd "$(module_sources)" && find . -maxdepth 2 -name '*mkfs*.c' -printf '%P\n' | sort | head -n1)
}

# init_look SERIES: loads the module in a guest; prints "fs NAME", "nodev NAME", "dev NAME" for what is there then.
init_look() {
	local series=$1 dir rc=0 dep
	dir=$(run_dir init)
	{
		printf '#!/bin/sh\nlook() {\n'
		printf '\tawk '\''NF == 1 { print "fs", $1 } NF == 2 { print "nodev", $2 }'\'' /proc/filesystems\n'
		printf '\tls /dev | sed "s/^/dev /"\n}\nlook >/tmp/before\ndmesg -c >/dev/null\n'
		while read -r dep; do printf 'insmod /vex/modules/needed/%s 2>/dev/null || :\n' "${dep##*/}"; done \
			< <(module_needed "$series" "$(module_path "$series")")
		printf 'if ! insmod /vex/modules/%s.ko 2>/tmp/error; then\n\techo "error $(cat /tmp/error)"\n' "${MODULE[name]}"
		printf '\tdmesg | tail -n 5 | sed "s/^\\[[^]]*\\] */kernel /"\n\texit 1\nfi\nlook >/tmp/after\n'
		printf 'grep -vxF -f /tmp/before /tmp/after\n'
		printf 'rmmod %s 2>/tmp/error || echo "unload $(cat /tmp/error)"\nexit 0\n' "${MODULE[name]}"
	} >"$dir/run"
	printf 'kind exec\nexec /vex/run\n' >"$dir/job"
	{ payload_base "$series"; printf 'file /vex/run 0755 %s\n' "$dir/run"; } | payload_write "$dir"
	vm_start "$dir" "$series" --io pipe --timeout 60 </dev/null >"$dir/found" || rc=$?
	if grep -q '^error ' "$dir/found"; then
		sed -n 's/^kernel /the kernel said: /p' "$dir/found" | while read -r dep; do note "$dep"; done
		die "$EX_FAILED" "${MODULE[ko]} does not load on $series:" \
			"$(sed -n 's/^error insmod: //p' "$dir/found" | head -n1); nothing written"
	fi
	((rc == 0)) || die "$rc" "${MODULE[ko]} brought the guest to harm when it was loaded ($(cause_of "$rc")): see" \
		"$dir/console.log; nothing written"
	grep -E '^(fs|nodev|dev|unload) ' "$dir/found" || :
}

# ---- the file --------------------------------------------------------------------------------------

# init_smoke_fs TYPE SOURCE [MKFS]: write, unmount, mount, read.
init_smoke_fs() {
	local type=$1 device=$2 make=${3:-}
	printf 'directory: /mnt/test\n'
	printf '\n# Before the shell and before the command of trace, debug, crash ...\nsetup:\n'
	[[ -z $make ]] || printf '\t%s "%s" >/dev/null\n' "$make" "$device"
	printf '\tmkdir -p /mnt/test\n\tmount -t %s "%s" /mnt/test\n' "$type" "$device"
	printf '\n# ./vex test: every line has to succeed.\nsmoke:\n'
	[[ -z $make ]] || printf '\t%s "%s"\n' "$make" "$device"
	printf '\tmkdir -p /mnt/test\n\tmount -t %s "%s" /mnt/test\n' "$type" "$device"
	printf '\techo hello >/mnt/test/smoke\n\tmkdir /mnt/test/dir\n'
	if [[ $device != none ]]; then
		printf '\tumount /mnt/test\n\tmount -t %s "%s" /mnt/test\n' "$type" "$device"
	fi
	printf '\t[ "$(cat /mnt/test/smoke)" = hello ]\n\t[ -d /mnt/test/dir ]\n\trm /mnt/test/smoke\n'
	printf '\trmdir /mnt/test/dir\n\tumount /mnt/test\n'
}

init_smoke_dev() {
	local d
	printf '\n# ./vex test: every line has to succeed. Add lines for what it does when it is read and written.\nsmoke:\n'
	for d; do printf '\ttest -e /dev/%s\n\t: </dev/%s\n' "$d" "$d"; done
}

# init_write FOUND: the configuration on stdout, by what the guest said.
init_write() {
	local found=$1 fs nodev devs mkfs
	fs=$(sed -n 's/^fs //p' <<<"$found" | head -n1) nodev=$(sed -n 's/^nodev //p' <<<"$found" | head -n1)
	mapfile -t devs < <(sed -n 's/^dev //p' <<<"$found" | grep -E '^[A-Za-z0-9_.-]+$' | head -n 8)
	mkfs=$(init_mkfs)
	printf '# How vex builds and tests this module; docs/anymodule.md of VexFS has all keys.\n'
	printf 'name: %s\nko: %s\n' "${MODULE[name]}" "${MODULE[ko]}"
	printf '# In a copy of this directory, for each kernel. $KDIR: the headers; $KMAKE_ARGS: no BTF; ARCH=um on UML.\n'
	printf 'build: %s\n' "${MODULE[build]}"
	printf '# Of ./vex test without --kernel; more: 6.12, stock, debug, all (./vex kernel list).\n'
	printf 'kernels: %s\n' "$INIT_KERNEL"
	if [[ -n $fs ]]; then
		printf 'disk: test 64M\n'
		if [[ -n $mkfs ]]; then
			printf 'tools: cc -O2 -o mkfs.%s %s\nprograms: mkfs.%s\n' "$fs" "$mkfs" "$fs"
			init_smoke_fs "$fs" '$VEX_DISK_TEST' "mkfs.$fs"
		else
			init_smoke_fs "$fs" '$VEX_DISK_TEST'
		fi
	elif [[ -n $nodev ]]; then
		init_smoke_fs "$nodev" none
	elif ((${#devs[@]})); then
		init_smoke_dev "${devs[@]}"
	else
		printf '\n# ./vex test: every line has to succeed. The module is loaded before, and unloaded after.\nsmoke:\n'
		printf '\ttest -d /sys/module/%s\n' "${MODULE[name]}"
	fi
}

# init_build SERIES: the module, of which no more is known than where it is.
init_build() {
	local series=$1 name
	say "Building it on $series"
	MODULE[name]=module MODULE[ko]=none
	module_use
	rm -rf "$VEX_BUILD"
	module_begin init
	build_lock
	module_copy "$(module_sources)" "$(module_dir "$series")" || die "$EX_USAGE" "$(module_sources) holds no sources"
	module_sh "$(module_dir "$series")" "building it for $series" "module-$series" "$series" "${MODULE[build]}"
	build_unlock
	MODULE[ko]=$(init_ko "$(module_dir "$series")") || exit
	name=$(modinfo -F name "$(module_path "$series")") || die "$EX_ENV" "modinfo cannot read ${MODULE[ko]}"
	MODULE[name]=$name
	note "${MODULE[ko]}, $(modinfo -F description "$(module_path "$series")" | head -n1)"
}

cmd_main() {
	local dir='' found
	INIT_FORCE=0 INIT_KO='' INIT_KERNEL=6.1 INIT_BUILD='make -C "$KDIR" M="$PWD" $KMAKE_ARGS modules'
	while (($#)); do
		case $1 in
		--ko | --kernel | --build) need_value "$1" $# ;;&
		--ko) INIT_KO=${2#./}; shift ;;
		--kernel) INIT_KERNEL=$2; shift ;;
		--build) [[ $2 != *$'\n'* && -n $2 ]] || usage_error "--build requires one line"; INIT_BUILD=$2; shift ;;
		--force) INIT_FORCE=1 ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) [[ -z $dir ]] || usage_error "one directory, not '$dir' and '$1'"; dir=$1 ;;
		esac
		shift
	done
	dir=$(readlink -f "${dir:-.}") || usage_error "init: no such directory"
	init_directory "$dir"
	found=$(kernel_parse "$INIT_KERNEL") || exit
	[[ $found != *$'\n'* ]] || usage_error "--kernel: one kernel"
	INIT_KERNEL=$found
	MODULE=([file]=$dir/$MODULE_FILE [home]=$dir [build]=$INIT_BUILD [directory]=/root)
	guest_need init "$INIT_KERNEL"
	vm_need "$INIT_KERNEL"
	init_build "$INIT_KERNEL"
	say "Loading it in a guest"
	found=$(init_look "$INIT_KERNEL") || exit
	note "registered: $(paste -sd, <<<"${found:-nothing}" | sed 's/,/, /g')"
	init_write "$found" >"$dir/$MODULE_FILE.new" || init_read_only "$dir"
	mv "$dir/$MODULE_FILE.new" "$dir/$MODULE_FILE"
	: >"$(module_dir "$INIT_KERNEL").built"
	say "Wrote $dir/$MODULE_FILE: look at its smoke test; then: $(vex_line) test"
}
