#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# needs: root=apps disk=test:1G mem=1G time=900 full
# git on VexFS: a repository of some thousand files is committed, changed, merged, cloned, packed and checked.
# shellcheck source=tests/guest/approot.sh
. "${0%/*}/approot.sh"

app_plan 6
app "add and commit" <<'END'
git config --global user.email a@b.c
git config --global user.name n
git config --global init.defaultBranch main
mkdir src
cp -r /usr/share/perl /usr/share/perl5 /usr/lib/git-core /usr/share/postgresql src/
cd src
git init -q
git add -A
git commit -qm one
test "$(git ls-files | wc -l)" -gt 1000
test -z "$(git status --porcelain)"
END
app "branches, changes, renames, merge" <<'END'
cd src
git checkout -qb other
find perl/ -name '*.pm' | head -n 200 | while read -r f; do echo "# changed" >>"$f"; done
git commit -qam two
git checkout -q main
git mv postgresql renamed
git rm -rq perl5
git commit -qm three
git merge -q other -m merged
grep -q '^# changed' "$(find perl/ -name '*.pm' | head -n 1)"
test -z "$(git status --porcelain)"
END
app "clone without hard links is the same tree" <<'END'
git clone -q --no-local src clone
rm -rf src.tree clone.tree
git -C src archive HEAD | sha256sum >/tmp/a
git -C clone archive HEAD | sha256sum >/tmp/b
cmp /tmp/a /tmp/b
diff -r --exclude=.git src clone
END
app "gc and repack" <<'END'
cd src
git gc -q --prune=now
git repack -qadf
test "$(find .git/objects -type f -name '*.pack' | wc -l)" -eq 1
END
app "fsck" <<'END'
git -C src fsck --full --strict
git -C clone fsck --full --strict
END
app_end
