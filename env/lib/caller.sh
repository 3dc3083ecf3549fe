# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The caller's environment. What would change what builds, scripts and tools do by accident is cleared; what cannot
# work is refused in one line that names it. Variables of docs/environment.md stay as the caller set them.

# caller_clean: before anything else runs. ./vex has cleared CDPATH and POSIXLY_CORRECT.
caller_clean() {
	local f
	# make and kbuild: another build's directories, options and architecture (./vex build has --arch and --cc).
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEFILES GNUMAKEFLAGS "${!KBUILD_@}" "${!KCONFIG_@}" "${!INSTALL_@}" \
		KCFLAGS KCPPFLAGS KAFLAGS KRUSTFLAGS LLVM LLVM_IAS ARCH SRCARCH SUBARCH CROSS_COMPILE LOCALVERSION \
		KERNELRELEASE KERNELVERSION HOSTCC HOSTCXX HOSTCFLAGS HOSTLDFLAGS HOSTLDLIBS DEPMOD VEXFS_DEBUG
	# Programs that scripts call: their options, start files and output; git when a hook called.
	unset BASH_ENV ENV GREP_OPTIONS GREP_COLOR GREP_COLORS TAR_OPTIONS GZIP BZIP2 XZ_OPT XZ_DEFAULTS PYTHONHOME PYTHONPATH \
		GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE
	# What the libraries keep in variables.
	unset "${!VM_@}" "${!T_@}" "${!IB_@}" "${!MODULE@}" IMAGE_SAVE IMAGE_RESUME DEBUG_VM DEBUG_TMP BUILD_FOR EX_OK VEX_CMD
	# Functions would hide programs; this one hides none.
	while read -r _ _ f; do
		[[ $f == command_not_found_handle || $f == caller_* ]] || unset -f "$f"
	done < <(declare -Fx)
	# Texts and numbers are read by scripts. A locale that is not installed also goes.
	unset LANGUAGE
	export LC_ALL=C.UTF-8
	if [[ ! ${COLUMNS:-80} =~ ^[1-9][0-9]{0,4}$ ]]; then unset COLUMNS; fi
	# A closed stream would be the next file that is opened.
	{ : 9<&0; } 2>/dev/null || exec </dev/null
	{ : 9>&2; } 2>/dev/null || exec 2>/dev/null
}

# caller_home: HOME is used for the cache only; the account's own where it is not set.
caller_home() {
	[[ -z ${HOME:-} ]] || return 0
	HOME=$(getent passwd "$EUID" | cut -d: -f6) || HOME=
	export HOME=${HOME:-/root}
}

# caller_path NAME PATH: make splits its words at white space, and shells and make read the rest.
caller_path() {
	[[ $2 != *[[:space:]\'\"\`\$\&\;\|\<\>\(\)\*\?\[\]\{\}\!\#:%\\]* ]] ||
		die "$EX_ENV" "$1: a path with white space or one of '\"\`\$&;|<>()*?[]{}!#:%\\ cannot be built in: '$2'"
}

# caller_check: what no command can work with.
caller_check() {
	local cache="XDG_CACHE_HOME (the cache)"
	[[ -n ${XDG_CACHE_HOME:-} ]] || cache="HOME (the cache)"
	caller_path "the checkout's directory" "$VEX_ROOT"
	caller_path "$cache" "$VEX_CACHE"
	[[ $VEX_CACHE == /* ]] || die "$EX_ENV" "$cache: '$VEX_CACHE' does not start with /"
	{ mkdir -p "$VEX_CACHE" && [[ -w $VEX_CACHE ]]; } 2>/dev/null ||
		die "$EX_ENV" "$cache: cannot write to '$VEX_CACHE'; name another directory with XDG_CACHE_HOME"
	[[ -z ${TMPDIR:-} || ( -d $TMPDIR && -w $TMPDIR && $TMPDIR == /* ) ]] ||
		die "$EX_ENV" "TMPDIR: cannot write to '$TMPDIR'; unset it, or name another directory"
	{ : 9>&1; } 2>/dev/null || die "$EX_ENV" "standard output is closed"
}

# caller_blame: for the message of a failed build, the variables of the caller that took part in it.
caller_blame() {
	local v set=''
	for v in CC AR CFLAGS CPPFLAGS LDFLAGS OPT W KMAKE_ARGS; do
		if [[ -n ${!v:-} && $(declare -p "$v") == declare\ -*x* ]]; then set+=" $v='${!v}'"; fi
	done
	if [[ -n $set ]]; then printf '; from your environment:%s' "$set"; fi
}
