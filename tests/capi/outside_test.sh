#!/bin/sh
# outside_test.sh BUILD SOURCE MAKE_STATE: a program of somebody else, built by the C compiler with
# what libaptkeep-dev installs and nothing more, computes a kept set and reads a run.
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
DESTDIR=$root/tree cmake --install "$1/lib/capi" >/dev/null
pc=$(dirname "$(find "$root/tree" -name aptkeep.pc)")
flags=$(PKG_CONFIG_LIBDIR=$pc PKG_CONFIG_SYSROOT_DIR=$root/tree pkg-config --cflags --libs aptkeep)
# Word splitting is meant.
# shellcheck disable=SC2086
${CC:-cc} -std=c99 -Wall -Wextra -pedantic -Werror "$2/docs/examples/outside.c" $flags \
  -o "$root/outside"
"$3" "$root/state.db" kept
LD_LIBRARY_PATH=$(dirname "$pc") "$root/outside" "$root/state.db" >"$root/out"
cat "$root/out"
grep -q '^2 packages stay back, and fewer would not do:$' "$root/out"
grep -q '^  bar kept: needs foo (= 2.0); foo failed$' "$root/out"
grep -q '^run 1: apt-get -y dist-upgrade: 2 done, 2 failed, 1 kept$' "$root/out"
grep -q '^  foo:amd64 2.0: preinst exit 3$' "$root/out"
# The header alone, also where C++ reads it.
echo '#include <aptkeep/aptkeep.h>' >"$root/only.c"
${CC:-cc} -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only $flags "$root/only.c"
${CXX:-c++} -x c++ -std=c++98 -Wall -Wextra -Werror -fsyntax-only $flags "$root/only.c"
