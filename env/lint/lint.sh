# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ./vex lint: one function lint_NAME for each linter. It prints findings, one a line, as
#     FILE:LINE: [RULE] MESSAGE
# or calls lint_skip REASON. Findings that tests/lint/accepted names, each with its reason, do not count.
# This file runs them; lintc.sh holds those for C, linttext.sh the others.
#
# What a linter said about a file is kept in $VEX_CACHE/lint, by the hash of all that could change its answer, so that
# only what changed is looked at again.

LINT_ACCEPTED=$VEX_ROOT/tests/lint/accepted
# shellcheck disable=SC2034	# read by ./vex lint
{
	# The quick ones take a minute or two together from nothing; the rest some minutes.
	LINT_QUICK=(spdx shape needs shellcheck man yaml format cppcheck sparse cocci)
	LINT_SLOW=(tidy checkpatch)
}

# Tracked files, and new ones that are not ignored; without git every file but the build's.
lint_files() {
	if [[ $(git -C "$VEX_ROOT" rev-parse --show-toplevel 2>/dev/null) == "$VEX_ROOT" ]]; then
		git -C "$VEX_ROOT" ls-files --cached --others --exclude-standard
	else
		(cd "$VEX_ROOT" && find . -path ./build -prune -o -type f -print | sed 's#^\./##')
	fi | sort -u | while read -r f; do if [[ -f $VEX_ROOT/$f ]]; then printf '%s\n' "$f"; fi; done
}

lint_c_files() { lint_files | grep -E '\.[ch]$' | grep -v '^tests/lint/bad/'; }

lint_shell_files() {
	local f line
	while read -r f; do
		case $f in
		*.sh | vex) ;;
		*.*) continue ;;
		*)
			IFS= read -r line <"$VEX_ROOT/$f" 2>/dev/null || true
			[[ $line =~ ^#!.*(bash|/sh|env\ sh)$ ]] || continue
			;;
		esac
		printf '%s\n' "$f"
	done < <(lint_files)
}

lint_skip() { printf '%s' "$*" >"$LINT_DIR/skip"; }

# lint_tool PROGRAM: here, or the linter is skipped with the reason.
lint_tool() {
	type -P "$1" >/dev/null && return
	lint_skip "$1 is not installed: ./vex setup lint"
	return 1
}

# lint_each NAME CONTEXT COMMAND FILE...: COMMAND (a string for sh, the file is $1) on each file; what it printed comes
# from the cache where the file and the CONTEXT are the same as then.
lint_each() {
	local name=$1 context=$2 cmd=$3 cache=$VEX_CACHE/lint/$1 f h todo=() i=0
	shift 3
	(($#)) || return 0
	mkdir -p "$cache"
	context=$(printf '%s\n' "$context" "$cmd" | sha256sum | cut -c1-32)
	local -A hash
	while read -r h f; do
		hash[$f]=$(printf '%s' "${h:0:32}${context:0:16}${f//\//,}")
		[[ -f $cache/${hash[$f]} ]] || todo+=("$f" "$cache/${hash[$f]}")
	done < <(cd "$VEX_ROOT" && sha256sum -- "$@")
	if ((${#todo[@]})); then
		# Written under another name first: an interrupt must not leave half an answer.
		printf '%s\0' "${todo[@]}" | (cd "$VEX_ROOT" && xargs -0 -n2 -P "$JOBS" \
			bash -c "( $cmd ) >\"\$2.new.\$\$\" 2>&1 </dev/null || [ \$? -lt 124 ] && mv \"\$2.new.\$\$\" \"\$2\"" x) || true
	fi
	for f in "$@"; do
		if [[ -f $cache/${hash[$f]} ]]; then
			cat "$cache/${hash[$f]}"
		else
			printf '%s:1: [no-answer] %s was killed or could not run\n' "$f" "$name"
		fi
		i=$((i + 1))
	done
	touch "${hash[@]/#/$cache/}" 2>/dev/null || true
	find "$cache" -type f -mtime +30 -delete
}

# Hash of the content of files: for contexts.
lint_hash() { (cd "$VEX_ROOT" && cat -- "$@" | sha256sum); }

# lint_accept NAME <raw >findings: leaves out what is accepted; entries that matched are noted in $LINT_DIR/used.
lint_accept() {
	awk -v linter="$1" -v used="$LINT_DIR/used" '
		NR == FNR { if ($0 ~ /^[a-z]/ && ($1 == linter || $1 == "any")) { n++; at[n] = FNR; file[n] = $2; rule[n] = $3; text[n] = $4 }
			next }
		{ ok = 0; f = $0; sub(/:.*/, "", f)
			r = $0; if (match(r, /\[[^]]*\]/)) r = substr(r, RSTART + 1, RLENGTH - 2); else r = ""
			for (i = 1; i <= n; i++)
				if (f ~ ("^(" file[i] ")$") && r ~ ("^(" rule[i] ")$") && $0 ~ text[i]) { ok = 1; print at[i] >>used; break }
			if (!ok) print }' "$LINT_ACCEPTED" -
}

# A directory for this run's answers; those of runs that have ended go, but for the newest few.
lint_dir() {
	local dir old
	dir=$VEX_BUILD/lint/$(date +%Y%m%d-%H%M%S)-$$
	mkdir -p "$dir" "$VEX_BUILD/log"
	find "$VEX_BUILD/lint" -mindepth 1 -maxdepth 1 -type d -name '*-*-*' | sort -r | tail -n +6 | while read -r old; do
		[[ -d /proc/${old##*-} ]] || rm -rf "$old"
	done
	printf '%s' "$dir"
}

# lint_run NAME: one line of verdict, findings below it; 0 clean or skipped, 1 findings.
lint_run() {
	local name=$1 raw=$LINT_DIR/$1.raw found=$LINT_DIR/$1.findings start n all pid rc=0
	start=$(now_ms)
	rm -f "$LINT_DIR/skip"
	# A process group of its own, so that an interrupt ends all it started.
	set -m
	"lint_$name" >"$raw" 2>"$LINT_DIR/$name.err" </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064	# the pid of now
	trap "kill -TERM -$pid 2>/dev/null; exit $EX_INT" INT TERM
	tick_while "$pid" "$name"
	wait "$pid" || rc=$?
	trap - INT TERM
	if ((rc)); then
		printf '  %sbroken%s   %s: %s\n' "$C_RED" "$C_OFF" "$name" "$(tail -n1 "$LINT_DIR/$name.err")"
		return 2
	fi
	if [[ -f $LINT_DIR/skip ]]; then
		printf '  skipped  %s: %s\n' "$name" "$(<"$LINT_DIR/skip")"
		LINT_SKIPPED+=("$name")
		return 0
	fi
	lint_accept "$name" <"$raw" | sort -u | sort -t: -k1,1 -k2,2n >"$found"
	n=$(wc -l <"$found")
	all=$(sort -u "$raw" | wc -l)
	if ((n == 0)); then
		printf '  %sok%s       %s: %d accepted, %s s\n' "$C_GREEN" "$C_OFF" "$name" "$all" "$(secs $(($(now_ms) - start)))"
		return 0
	fi
	printf '  %sfailed%s   %s: %d findings, %d accepted, %s s\n' "$C_RED" "$C_OFF" "$name" "$n" "$((all - n))" \
		"$(secs $(($(now_ms) - start)))"
	report_add lint "$name" "$found"
	head -n "${VEX_LINT_SHOW:-40}" "$found" | sed 's/^/             /'
	((n <= ${VEX_LINT_SHOW:-40})) || printf '             ... all of them: %s\n' "${found#"$VEX_ROOT"/}"
	return 1
}

# lint_unused LINTER...: exceptions for linters that ran and found nothing to except must go; so must those without a reason.
lint_unused() {
	touch "$LINT_DIR/used"
	awk -v ran=" $* " '
		FILENAME != ARGV[ARGC - 1] { used[$1] = 1; next }
		!/^[a-z]/ { next }
		NF < 5 { printf "tests/lint/accepted:%d: [accepted] has no reason\n", FNR; next }
		!(FNR in used) && index(ran, " " $1 " ") { printf "tests/lint/accepted:%d: [accepted] matches no finding, remove it: %s\n", FNR, $0 }' \
		"$LINT_DIR/used" "$LINT_ACCEPTED"
}
