# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Linters for C. See lint.sh.

LINT_INCLUDES=(-I. -Iinclude -Iinclude/uapi -Ilib)
LINT_DEFINES=(-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 '-DVEXFS_VERSION_STRING=""')

# clang-format cannot express all of the kernel's habits (tables of members, a break where the meaning breaks), so a
# file fails by its share of lines that would change, not by the first one: what is not our style at all has far more.
LINT_FORMAT_SHARE=20

lint_format() {
	lint_tool clang-format || return 0
	local files
	mapfile -t files < <(lint_c_files | grep '\.c$')
	# shellcheck disable=SC2016	# the inner shell expands it
	lint_each format "$(clang-format --version) $(lint_hash .clang-format) $LINT_FORMAT_SHARE" \
		'n=$(wc -l <"$1"); b=$(diff <(clang-format "$1") "$1" | grep -c "^>");
		if ((b > 10 && b * 100 > n * '"$LINT_FORMAT_SHARE"')); then
			printf "%s:1: [format] %d of %d lines are not as .clang-format has them: clang-format -i %s\n" "$1" $b $n "$1"
		fi' "${files[@]}"
}

lint_cppcheck() {
	lint_tool cppcheck || return 0
	local files
	mapfile -t files < <(lint_c_files | grep '\.c$' | grep -E '^(core|lib|tools|kmod|env/guest|env/launcher|env/report|env/proto|env/test)/')
	# Not every path of headers it cannot see is worth a word; what it does see counts.
	(cd "$VEX_ROOT" && cppcheck -q -j "$JOBS" --enable=warning,portability,performance --std=c11 --inline-suppr \
		--suppress=missingInclude --suppress=preprocessorErrorDirective --suppress=unknownMacro --suppress=arithOperationsOnVoidPointer \
		"${LINT_INCLUDES[@]}" "${LINT_DEFINES[@]}" -D__x86_64__ \
		--template='{file}:{line}: [{id}] {message}' "${files[@]}" 2>&1)
}

# lint_headers: the libraries' headers are here, or the linter is skipped: what it says without them is wrong.
lint_headers() {
	local headers missing
	mapfile -t headers < <(tools_packages build | grep -e '-dev$')
	mapfile -t missing < <(packages_missing "${headers[@]}")
	((${#missing[@]})) || return 0
	lint_skip "headers are not installed (${missing[*]}): ./vex setup build"
	return 1
}

# Versions of the libraries whose headers the answers depend on.
lint_libraries() { tools_packages build | xargs dpkg-query -W 2>/dev/null || true; }

# The analyzer and the checks that find bugs; opinions on style are left to others.
lint_tidy() {
	lint_tool clang-tidy || return 0
	lint_headers || return 0
	local files headers
	mapfile -t files < <(lint_c_files | grep '\.c$' | grep -E '^(core|lib|tools|env/guest|env/launcher|env/report|env/proto|env/test)/' | grep -v '^env/guest/testmod/')
	mapfile -t headers < <(lint_c_files | grep '\.h$')
	# shellcheck disable=SC2016	# the inner shell expands it
	lint_each tidy "$(clang-tidy --version) $(lint_hash .clang-tidy "${headers[@]}") $(lint_libraries)" \
		'flags=""; case $1 in *vec_avx2*) flags="-mavx2 -mfma -mf16c" ;; esac
		clang-tidy --quiet "$1" -- -std=gnu11 -Wno-unknown-warning-option '"${LINT_INCLUDES[*]} ${LINT_DEFINES[*]@Q}"' $flags 2>/dev/null |
			sed -nE "s#^$PWD/##; s/^([^:]*:[0-9]+):[0-9]+: (warning|error): (.*) \[([^],]*).*\]\$/\1: [\4] \3/p"' "${files[@]}"
	# A header that is missing says nothing about the file, and may be there tomorrow.
	{ grep -rlsZ 'file not found' "$VEX_CACHE/lint/tidy" || (($? == 1)); } | xargs -0 -r rm -f
}

# Through kbuild, with the flags the module is built with; kbuild asks sparse of every file, compiled or not.
lint_sparse() {
	lint_tool sparse || return 0
	local k=${LINT_KERNEL:-6.1} log=$VEX_BUILD/log/lint-sparse.log
	if [[ ! -e $(kernel_dir "$k")/kdir/Makefile ]]; then
		lint_skip "kernel $k is not here: ./vex kernel fetch $k"
		return 0
	fi
	# In the directory of the normal build: what is compiled already is not compiled again. Its -Werror is for gcc;
	# sparse does not know the headers of the SIMD units.
	if ! make -C "$VEX_ROOT" -j"$JOBS" --no-print-directory C=2 modules KDIR="$(kernel_dir "$k")/kdir/" \
		MODOUT="$VEX_BUILD/kmod/$k" VEXFS_WERROR=0 >"$log" 2>&1; then
		tail -n 5 "$log" >&2
		echo "the module does not build for $k: ${log#"$VEX_ROOT"/}" >&2
		return 1
	fi
	sed -nE "s#^.*/build/kmod/[^/]*/##; s/^((kmod|core|include)[^:]*:[0-9]+):[0-9]+: (warning|error): (.*)\$/\1: [sparse] \4/p" "$log"
}

# Our own semantic patches, then those of the kernel's source where one is unpacked: the ones that find bugs, need no
# OCaml compiler, and answer in seconds.
LINT_KERNEL_COCCI=(null/deref_null null/eno null/kmerr free/kfree free/ifnullfree locks/double_lock locks/flags
	misc/cond_no_effect misc/doubleinit misc/ifcol misc/noderef tests/doublebitand tests/doubletest tests/odd_ptr_err
	tests/unsigned_lesser_than_zero)

lint_cocci() {
	lint_tool spatch || return 0
	local rule src files rules=()
	mapfile -t files < <(lint_c_files | grep -E '^(kmod|core)/.*\.c$')
	mapfile -t rules < <(lint_files | grep -E '^tests/lint/cocci/.*\.cocci$')
	src=$(lint_linux_source)
	if [[ -n $src && ${LINT_FULL:-0} == 1 ]]; then
		for rule in "${LINT_KERNEL_COCCI[@]}"; do
			[[ ! -f $src/scripts/coccinelle/$rule.cocci ]] || rules+=("$src/scripts/coccinelle/$rule.cocci")
		done
	fi
	for rule in "${rules[@]}"; do lint_cocci_rule "$rule" "${files[@]}" || return; done
}

# One call for all files: spatch takes longer to start than to look at a file.
lint_cocci_rule() {
	local rule=$1 name cache key new
	shift
	name=$(basename "$rule" .cocci)
	cache=$VEX_CACHE/lint/cocci
	key=$cache/$name-$(cd "$VEX_ROOT" && { spatch --version 2>&1 | head -n1; cat "$rule" "$@"; } | sha256sum | cut -c1-32)
	if [[ ! -f $key ]]; then
		mkdir -p "$cache"
		find "$cache" -type f -mtime +30 -delete
		new=$(mktemp "$cache/.new.XXXXXX")
		(cd "$VEX_ROOT" && spatch --very-quiet -j "$JOBS" -D report --sp-file "$rule" "$@") >"$new" 2>"$LINT_DIR/cocci-$name.log" ||
			{ tail -n2 "$LINT_DIR/cocci-$name.log" >&2; rm -f "$new"; return 1; }
		mv "$new" "$key"
	fi
	sed -nE "s/^([^:]*:[0-9]+):[0-9-]+: (.*)\$/\\1: [$name] \\2/p" "$key"
}

# The newest source of Linux in the cache, if ./vex kernel build or this command has unpacked one.
lint_linux_source() {
	find "$VEX_CACHE/src" -mindepth 1 -maxdepth 1 -name 'linux-6.*' ! -name '*.new' 2>/dev/null | sort -V | tail -n1
}

# The kernel's own style check for what is kernel code. Not its opinions on user-space-like details of core's headers.
LINT_CHECKPATCH_IGNORE=BLOCK_COMMENT_STYLE,PREFER_DEFINED_ATTRIBUTE_MACRO,SPLIT_STRING,FILE_PATH_CHANGES,MAINTAINERS_STYLE

lint_checkpatch() {
	local src files
	src=$(lint_linux_source)
	if [[ -z $src || ! -f $src/scripts/checkpatch.pl ]]; then
		lint_skip "no source of Linux is unpacked in the cache; ./vex kernel build unpacks one"
		return 0
	fi
	lint_tool perl || return 0
	mapfile -t files < <(lint_c_files | grep -E '^(kmod|core|include)/' | grep -vE '^kmod/(vec/)?trace')
	# shellcheck disable=SC2016	# the inner shell expands it
	lint_each checkpatch "$(sha256sum <"$src/scripts/checkpatch.pl")" \
		"perl $src/scripts/checkpatch.pl"' --no-tree --file --terse --show-types --no-summary --max-line-length=100 \
		--ignore '"$LINT_CHECKPATCH_IGNORE"' "$1" |
		sed -nE "s/^([^:]*:[0-9]+): (ERROR|WARNING|CHECK):([A-Z_]*): (.*)\$/\1: [\3] \4/p"' "${files[@]}"
}
