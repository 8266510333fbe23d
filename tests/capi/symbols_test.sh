#!/bin/sh
# symbols_test.sh LIBRARY HEADER: exported is what the header declares, in our version node; the
# SONAME is 0.
set -eu
exported=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort)
declared=$(grep -oE '\baptkeep_[a-z_]+\(' "$2" | tr -d '(' | sort -u)
functions=$(for name in $declared; do
  grep -qE "APTKEEP_EXPORT.*\b$name\(" "$2" && echo "$name@@LIBAPTKEEP_0"; done | sort)
if [ "$exported" != "$functions" ]; then
  echo "exported and declared differ:"
  echo "$exported" >/tmp/symbols.$$; echo "$functions" | diff /tmp/symbols.$$ - || true
  rm -f /tmp/symbols.$$
  exit 1
fi
readelf -d "$1" | grep -q 'SONAME.*\[libaptkeep.so.0\]'
