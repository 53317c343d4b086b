# Python's own tests: whether all of a module passed, and what did not. Arguments choose modules.
cd /tmp || exit
[ $# -gt 0 ] || set -- int long float struct re json sqlite3-{backup,dbapi,dump,factory,hooks,regression,transactions,types,userfunctions}
for m in "$@"; do
  echo "== $m"
  case $m in
    # Those of an older Python: not all of them fit, but they say the same everywhere.
    sqlite3-*)
      python3.11 -c "import test.support, test.support.os_helper as h, unittest
test.support.TESTFN, test.support.unlink = h.TESTFN, h.unlink
from test.sqlite39 import ${m#*-} as m
unittest.TextTestRunner(verbosity=2).run(m.suite())" >python.log 2>&1
      grep -E '^(FAIL|ERROR):' python.log
      echo "$(grep -cE '\.\.\. ok$' python.log) of $(grep '^Ran' python.log | cut -d' ' -f2)"
      ;;
    *)
      python3.11 -m test -v "test_$m" >python.log 2>&1
      echo "status $?"
      grep -E '^(FAIL|ERROR):' python.log
      ;;
  esac
done
exit 0
