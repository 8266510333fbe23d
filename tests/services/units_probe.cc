// Prints what systemd says of its units, asked in one of both ways:
//
//   units_probe bus|systemctl list          all that it has loaded
//   units_probe bus|systemctl ask UNIT...   facts, a line for each
//   units_probe bus|systemctl time UNIT...  microseconds for asking
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "adapters/units_bus.h"

namespace {

using namespace aptkeep;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name + " ";
  return text;
}

void print(const UnitFacts& unit) {
  std::printf("%s load=%s active=%s sub=%s", unit.name.c_str(), unit.load_state.c_str(),
              unit.active_state.c_str(), unit.sub_state.c_str());
  std::printf(
      " file=%s type=%s remains=%d refuses=%d restarts=%u mark=%lld triggers=%s by=%s related=%s",
      unit.file_state.c_str(), unit.type.c_str(), unit.remains ? 1 : 0, unit.refuses_stop ? 1 : 0,
      unit.restarts, static_cast<long long>(unit.start_mark), joined(unit.triggers).c_str(),
      joined(unit.triggered_by).c_str(), joined(unit.related).c_str());
  std::printf("with=%s listens=%s\n", joined(unit.goes_with).c_str(), joined(unit.listens).c_str());
}

int list(Units& units) {
  const auto loaded = units.loaded();
  if (!loaded) return 1;
  for (const UnitFacts& unit : *loaded) print(unit);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::unique_ptr<Units> units;
  if (std::strcmp(argv[1], "bus") == 0) units = std::make_unique<BusUnits>();
  if (std::strcmp(argv[1], "systemctl") == 0) units = std::make_unique<SystemctlUnits>();
  if (!units) return 2;
  if (std::strcmp(argv[2], "list") == 0) return list(*units);
  const auto begun = std::chrono::steady_clock::now();
  const auto found = units->ask({argv + 3, argv + argc});
  const auto taken = std::chrono::steady_clock::now() - begun;
  if (!found) return 1;
  if (std::strcmp(argv[2], "time") == 0) {
    std::printf("%lld\n",
                static_cast<long long>(
                    std::chrono::duration_cast<std::chrono::microseconds>(taken).count()));
    return 0;
  }
  for (const auto& [name, unit] : *found) {
    std::printf("%s: ", name.c_str());
    print(unit);
  }
  return 0;
}
