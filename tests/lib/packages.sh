# What a fresh Debian 12 lacks; sourced by check and demo, which set `child` and `run` up.

# To make throw-away Debian systems and build the packages in them.
bed_packages=(
  ca-certificates debian-archive-keyring dpkg-dev iproute2 mmdebstrap mount python3 util-linux
)
build_packages=(
  cmake g++ libapt-pkg-dev libboost-dev libcli11-dev libdpkg-dev libgtest-dev libsqlite3-dev
  libsystemd-dev ninja-build nlohmann-json3-dev pkgconf
)
test_packages=(
  apt-utils binutils btrfs-progs clang clang-format e2fsprogs git lintian man-db python3-jsonschema
  qemu-system-x86 sqlite3 strace systemd-container tmux whiptail
)

child=

# With the minutes and seconds since it began.
say() { printf '== %d:%02d %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

need_root() {
  if [ "$(id -u)" -ne 0 ]; then
    printf '%s: unable to make throw-away Debian systems: only root may\n' "${0##*/}" >&2
    exit 2
  fi
}

# Runs a command that ends when this script does, in whatever way: the kernel tells it of our death,
# and the tests do the same with what they start (tests/lib/lifetime.py).
run() {
  local status=0
  setpriv --pdeathsig TERM -- "$@" &
  child=$!
  wait "$child" || status=$?
  child=
  return $status
}

stop() {
  trap - INT TERM HUP
  if [ -n "$child" ]; then
    kill -TERM "$child" 2>/dev/null || true
    wait "$child" || true
  fi
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP

install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  # The lists are needed in any case: systems are made from this machine's own sources.
  run apt-get update -q
  [ ${#missing[@]} -eq 0 ] ||
    DEBIAN_FRONTEND=noninteractive run apt-get install -q -y --no-install-recommends "${missing[@]}"
}
