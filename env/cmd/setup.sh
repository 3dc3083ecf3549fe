# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# One-line purpose: install what the commands need, or say what is missing

cmd_help() {
	cat <<'END'
usage: ./vex setup [--check | --table] [GROUP...]

Installs with apt what is missing on this machine, after saying so; without GROUP everything. Every command also
installs what it needs when it first runs, so this is for whoever wants to have it all beforehand, or offline later.
--check only says what is missing or too old and ends with 6 if anything is. The table of programs, packages and
versions is env/tools.list.

Groups
  build kernel vm         what ./vex run and shell need; with check: ./vex test, and make check by hand
  kbuild menuconfig       building kernels, configuring them
  lint                    sparse, clang-format, clang-tidy, cppcheck, coccinelle, shellcheck, ...
  debug crash perf bpf    gdb, crash, perf, bpftrace
  image bootstrap         packer; mmdebstrap, also for toolchains of other suites
  installer iso           images by Debian's installer, from an ISO
  disk ssh sshd           qemu-img; ssh to images; --ssh-port of fast guests
  graphical               --graphical
  clang cross             builds by clang, builds for arm64; with arm64: guests of --kernel arm64-6.1
  tests                   what ./vex test --full uses besides

  --table         print the table as docs/toolchain.md has it
  --check, --no-install, -v

example: ./vex setup lint debug && ./vex setup --check lint debug
END
}

# setup_missing GROUP...: prints what is not as the table wants it; packages to install in SETUP_WANT.
setup_missing() {
	local g state name package version minimum purpose
	SETUP_WANT=() SETUP_BAD=0
	for g in "$@"; do
		while IFS=$'\t' read -r state name package version minimum purpose; do
			case $state in
			missing) printf '  missing  %-22s (package %s) for %s\n' "$name" "$package" "$purpose" ;;
			old) printf '  old      %-22s %s, at least %s is needed (package %s) for %s\n' "$name" "$version" \
				"$minimum" "$package" "$purpose" ;;
			*) continue ;;
			esac
			SETUP_BAD=$((SETUP_BAD + 1))
			SETUP_WANT+=("$package")
		done < <(tools_report "$g")
	done
}

setup_table() {
	printf '| Group | Program | Package | Minimum | Tested | For |\n|---|---|---|---|---|---|\n'
	awk '/^[a-z]/ { why = $6; for (i = 7; i <= NF; i++) why = why " " $i
		gsub(/\.\/vex( [a-z]+(-[a-z]+)*)*( --[a-z]+( [a-z0-9=]+)?)?/, "`&`", why)
		gsub(/,/, "`, `", $2)
		printf "| %s | %s | `%s` | %s | %s | %s |\n", $1, $2 == "-" ? "" : "`" $2 "`", $3, $4, $5, why }' "$TOOLS_LIST"
}

cmd_main() {
	local check=0 groups=()
	while (($#)); do
		case $1 in
		--check) check=1 ;;
		--table) setup_table; return ;;
		--no-install) export VEX_INSTALL=0 ;;
		-v) export VEX_VERBOSE=1 ;;
		-*) usage_error "unknown option '$1'" ;;
		*) groups+=("$1") ;;
		esac
		shift
	done
	tools_check_groups "${groups[@]}"
	((${#groups[@]})) || mapfile -t groups < <(tools_groups)
	setup_missing "${groups[@]}"
	if ((SETUP_BAD == 0)); then
		say "everything is here: ${groups[*]}"
		return
	fi
	if ((check)); then
		note "./vex setup ${groups[*]} installs what is missing"
		return "$EX_ENV"
	fi
	need_packages "${SETUP_WANT[@]}"
	tools_load
	setup_missing "${groups[@]}"
	if ((SETUP_BAD)); then
		die "$EX_ENV" "what the lines above name is not as env/tools.list wants it, though the packages are installed:" \
			"upgrade them, or look for another program of that name earlier on the PATH"
	fi
	say "everything is here: ${groups[*]}"
}
