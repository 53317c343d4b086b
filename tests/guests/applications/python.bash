# Python's own tests: whether all of a module passed, and what did not.
cd /tmp || exit
for m in int float struct re json; do
  python3.11 -m test -v test_$m >python.log 2>&1
  echo "$m $?"
  grep -E '^(FAIL|ERROR):' python.log
done
exit 0
