// ask FOLDER NAME ARCH UNIT: what the table in FOLDER says of a unit in a script of the package,
// from a program with nothing but libc, as those below maintainer scripts are.
// Exit status: 0 it says something, 1 nothing, 2 its frontend is gone, 3 there is no table.
#include <cstdio>

#include "table/reader.h"

int main(int argc, char** argv) {
  using namespace aptkeep::table;
  if (argc != 5) return 64;
  Reader reader;
  const Finding found = reader.open(argv[1]);
  if (found == Finding::NoTable) return 3;
  if (found == Finding::FrontendGone) return 2;
  const Unit* unit = reader.find(argv[2], argv[3], argv[4]);
  if (unit == nullptr) return 1;
  std::printf("%s class=%d sockets=%d", reader.string(unit->pattern),
              static_cast<int>(unit->service_class), static_cast<int>(unit->sockets));
  return 0;
}
