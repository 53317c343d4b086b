set -e
export GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
rm -rf /tmp/repository && mkdir /tmp/repository && cd /tmp/repository
git init -q -b main && git config user.email a@example.org && git config user.name A
for i in 1 2 3 4 5; do
  echo "line $i" >>file
  git add file
  git commit -qm "change $i"
done
git checkout -qb side HEAD~2 && echo other >second && git add second && git commit -qm side
git merge -q -m merged main && git log --oneline --graph && git tag -a -m tagged v1 && git describe
git rebase -q main 2>&1 && git log --format='%h %s' | head -3
echo changed >file && git diff --stat && git stash -q && git stash pop -q && git checkout -q file
git gc -q --prune=now && git fsck --full && git count-objects -v | grep -v size
git clone -q . clone && cd clone && git log --format=%s origin/main | wc -l && git blame file | cut -c1-9 && git format-patch -1 --stdout HEAD | git apply --stat -R
git -C .. bisect start main main~4 && git -C .. bisect run sh -c '! grep -q "line 4" file' | grep -c "first bad"
