#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:256M mem=1G time=300 full
# tar, rsync, cp and mv keep all that a tree has: modes, owners, times, links, holes, devices, attributes, lists, flags.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 6
cat >"$DEBROOT/root/show" <<'END'
# show DIR: all that copies have to keep, a line per file.
show() (
	cd "$1"
	find . ! -name '*.hole' -printf '%p %y %m %U %G %n %s %T@ %l\n' | sed 's/^\(. d [^ ]* [^ ]* [^ ]*\) [^ ]* [^ ]*/\1/' | LC_ALL=C sort
	getfattr -R -h -d -m 'user|security.capability|trusted' . 2>/dev/null | LC_ALL=C sort
	getfacl -R -p . | LC_ALL=C sort
	find . -type f -exec sha256sum {} + | LC_ALL=C sort
)
END
app "a tree with everything" <<'END'
mkdir -p t/dir/sub
cd t
printf 'data' >f; ln f hard; ln -s f soft; ln -s "$(printf 'x%.0s' $(seq 4000))" long
printf 'n' >"$(printf 'new\nline')"; printf 'n' >"$(printf '\377\001bytes')"
mkfifo fifo; mknod chr c 1 3; mknod blk b 7 0
chmod 4755 f; chmod 2775 dir; chmod 1777 dir/sub; chown 1234:4321 dir
dd if=/dev/urandom of=s.hole bs=4k count=1 seek=5000 status=none
setfattr -n user.a -v 1 f; setfattr -n user.big -v "$(head -c 3000 /dev/zero | tr '\0' x)" dir; setfattr -n trusted.t -v 2 f
setfacl -m u:postgres:rwx,g:5:r f; setfacl -d -m u:postgres:rx dir
touch -d '1969-01-01 00:00:00.123456789' dir/sub; touch -h -d '2100-06-01 00:00:00.5' soft; touch -d '2038-01-19 03:14:08' f
cd ..
. /root/show
show t >/tmp/want
test "$(wc -l </tmp/want)" -gt 40
END
for how in 'cp -a t/. c' 'rsync -aHAXSq t/ c' 'tar -C t --xattrs --xattrs-include=* --acls -Scf - . | tar -C c --xattrs --xattrs-include=* --acls -xpf -'; do
	app "${how%% *}" HOW="$how" <<'END'
. /root/show
rm -rf c
mkdir c
set -f
eval "$HOW"
set +f
show c >/tmp/got
diff /tmp/want /tmp/got
test "$(stat -c %b c/s.hole)" -le 64
END
done
app "mv keeps it, rsync sees no difference" <<'END'
. /root/show
mv t t2
show t2 >/tmp/got
diff /tmp/want /tmp/got
test -z "$(rsync -aHAXSni t2/ c/ | grep -v '^\.d..t')"
END
app_end
