# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Building a module that is not this checkout's: in a copy of its sources for each kernel, so that its own directory
# stays as it is (its objects too), may be read-only, and may have a path that make cannot build in.

# module_list DIR: "TIME SIZE PATH", separated by zero bytes, of what a build is made of: no version control, nothing
# that a build leaves, no images.
module_list() {
	find -L "$1" -mindepth 1 \( -name .git -o -name .svn -o -name .hg -o -name .tmp_versions \) -prune -o -type f \
		! -name '*.o' ! -name '*.ko' ! -name '*.mod' ! -name '*.mod.c' ! -name '.*.cmd' ! -name modules.order \
		! -name Module.symvers ! -name "$MODULE_FILE" -size -65536 -printf '%T@ %s %P\0' 2>/dev/null | sort -z
}

# module_copy FROM TO: TO has what FROM has; fails when nothing had changed. What was copied is listed in TO.files.
module_copy() {
	local from=$1 to=$2 new=$2.files.new old=$2.files
	mkdir -p "$to"
	module_list "$from" >"$new"
	[[ -f $old ]] || : >"$old"
	if cmp -s "$new" "$old"; then return 1; fi
	comm -z -13 "$new" "$old" | sed -z 's/^[^ ]* [^ ]* //' | (cd "$to" && xargs -0r rm -f --)
	comm -z -23 "$new" "$old" | sed -z 's/^[^ ]* [^ ]* //' | (cd "$from" && xargs -0r cp -pL --parents -t "$to" --) ||
		die "$EX_ENV" "cannot copy the sources from $from to $to: make them readable, and room there"
	chmod -R u+rwX "$to"
	mv "$new" "$old"
}

# module_sh DIR LABEL LOG SERIES COMMAND: a line of the configuration, in the copy. What it prints names files as the
# module's directory does. make builds in parallel. KMAKE_ARGS: no BTF, which wants pahole and the kernel's vmlinux.
module_sh() {
	local dir=$1 label=$2 log=$VEX_BUILD/log/$3.log series=$4 command=$5 rc=0 first
	# shellcheck disable=SC2016	# for the other shell
	(cd "$dir" && quietly "$label" "$log" kernel_run "$series" env KDIR="$(kernel_dir "$series")/kdir" \
		KMAKE_ARGS="CONFIG_DEBUG_INFO_BTF_MODULES= $(kernel_make_args "$series")" MAKEFLAGS="-j$JOBS" \
		bash -c '{ eval "$1"; } 2>&1 | sed -u "s|$PWD/||g"; exit "${PIPESTATUS[0]}"' sh "$command") || rc=$?
	((rc)) || return 0
	first=$(grep -m1 -E '^[^ :]+:[0-9]+:([0-9]+:)? (fatal )?error: ' "$log") || first=''
	die "$EX_ENV" "$label failed: ${first:-correct what the lines above name} (all of it: $log)"
}

# module_make SERIES: the module, where the sources, the configuration or the kernel are newer than what is there.
module_make() {
	local series=$1 dir ko
	dir=$(module_dir "$series") ko=$(module_path "$series")
	build_lock
	if ! module_copy "$(module_sources)" "$dir" && [[ -f $ko && $dir.built -nt ${MODULE[file]} &&
		$dir.built -nt $(kernel_dir "$series")/.complete ]]; then
		build_unlock
		return
	fi
	rm -f "$dir.built"
	need_space "$VEX_BUILD" 100 "building $(module_get ko)"
	module_sh "$dir" "building $(module_get ko) for $series" "module-$series" "$series" "$(module_get build)"
	[[ -f $ko ]] || die "$EX_ENV" "'build' of ${MODULE[file]} left no $(module_get ko) (it left:" \
		"$(module_left "$dir" | paste -sd' ')); correct 'ko' or 'build' there"
	: >"$dir.built"
	build_unlock
}

# module_left DIR: the modules that a build left there.
module_left() { find "$1" -name '*.ko' -printf '%P\n' | sort; }

# module_tools: its programs for the guest, built on this host.
module_tools() {
	local dir=$VEX_BUILD/tools p
	[[ -n $(module_get tools) ]] || return 0
	build_lock
	if module_copy "$(module_sources)" "$dir" || [[ ! $dir.built -nt ${MODULE[file]} ]]; then
		rm -f "$dir.built"
		module_sh "$dir" "building its programs" tools 6.1 "$(module_get tools)"
		: >"$dir.built"
	fi
	build_unlock
	for p in $(module_get programs); do
		[[ -x $dir/$p ]] ||
			die "$EX_ENV" "'tools' of ${MODULE[file]} left no program '$p': correct 'tools' or 'programs' there"
	done
}

# module_programs: payload entries of its programs, in /vex/bin, with the libraries they need.
module_programs() {
	local p lib
	for p in $(module_get programs); do
		[[ -x $VEX_BUILD/tools/$p ]] || continue
		printf 'file /vex/bin/%s 0755 %s\n' "${p##*/}" "$VEX_BUILD/tools/$p"
		while read -r lib; do printf 'file %s 0755 %s\n' "$lib" "$(readlink -f "$lib")"; done \
			< <(program_libraries "$VEX_BUILD/tools/$p")
	done | sort -u
}

# module_needed SERIES KO: files of the modules that KO depends on, those first that others need: built beside it, or of
# the kernel's package.
module_needed() {
	local series=$1 ko=$2 dep own root
	root=$(kernel_dir "$series")/root/lib/modules/$(kernel_release "$series")
	for dep in $(modinfo -F depends "$ko" | tr , ' '); do
		own=$(find "$(module_dir "$series")" -name '*.ko' | grep -E -m1 "/${dep//[-_]/[-_]}\.ko\$") || own=''
		if [[ -n $own ]]; then
			module_needed "$series" "$own"
			printf '%s\n' "$own"
		else
			module_files "$series" "$dep" | sed "s#^#$root/#"
		fi
	done | awk '!seen[$0]++'
}

# module_payload SERIES, module_job SERIES: what goes with the module, and what is loaded before it.
module_payload() {
	local f
	module_programs
	while read -r f; do printf 'file /vex/modules/needed/%s 0644 %s\n' "${f##*/}" "$f"; done \
		< <(module_needed "$1" "$(module_path "$1")")
}
module_job() {
	local f
	while read -r f; do printf 'insmod /vex/modules/needed/%s\n' "${f##*/}"; done \
		< <(module_needed "$1" "$(module_path "$1")")
}

# module_test_dir: the tests of ./vex test: its smoke test, and the scripts of "tests".
module_test_dir() {
	local dir=$VEX_BUILD/tests f name size
	rm -rf "$dir"
	mkdir -p "$dir"
	read -r name size <<<"$(module_get disk)"
	if [[ -n ${MODULE[smoke]:-} ]]; then
		ln -s "$(module_script smoke)" "$dir/smoke.body"
		printf '#!/bin/sh\n# needs: slice time=%s%s\n' "${MODULE[time]:-60}" "${name:+ disk=$name:$size}" >"$dir/smoke.sh"
		cat >>"$dir/smoke.sh" <<-'EOF'
			# The smoke test of the configuration: all its commands succeed, or it says which one did not.
			echo "KTAP version 1"
			echo "1..1"
			sh -eux "$(dirname "$0")/smoke.body" >/tmp/smoke.log 2>&1 && { echo "ok 1 smoke"; exit 0; }
			echo "# status $? after: $(grep '^+' /tmp/smoke.log | tail -n 1)"
			tail -n 12 /tmp/smoke.log | sed 's/^/# /'
			echo "not ok 1 smoke"
			exit 1
		EOF
	fi
	[[ -z $(module_get tests) ]] || for f in "$(module_file "$(module_get tests)")"/*; do
		[[ ! -f $f ]] || ln -s "$f" "$dir/${f##*/}"
	done
	printf '%s' "$dir"
}
