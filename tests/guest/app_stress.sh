#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:512M mem=1536M cpus=2 time=2400 full
# stress-ng's filesystem class, one stressor after another, with its own verification.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 3
app "the filesystem class, verified" <<'END'
# Those left out are not about a directory: they mount, or use /dev, /proc and memory.
# 3 and 4: a stressor could not run for want of a resource or a system call, none has failed.
rc=0
stress-ng --class filesystem --seq 2 --timeout 3 --verify --temp-path . --exclude bind-mount,binderfs,eventfd,ioprio,procfs \
	--log-file /tmp/s.log >/dev/null 2>/tmp/e || rc=$?
grep -E 'fail|error|skip|unsuccessful|ENOSPC' /tmp/s.log | tail -n 25
case $rc in
0 | 3 | 4) ;;
*) head -n 5 /tmp/e; exit $rc ;;
esac
END
app "what was left behind can be removed" <<'END'
rm -rf ./*
test -z "$(find . -mindepth 1 | head -n 1)"
END
app_end
