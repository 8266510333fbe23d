#include "core/pins.h"

#include <algorithm>

#include "core/names.h"

namespace aptkeep {
namespace {

constexpr std::string_view kHeading =
    "# Written by aptkeep: versions that failed here and are kept from being tried again.\n"
    "# Do not edit, it is written anew after each run. \"aptkeep status\" says why; to lift a "
    "keep:\n"
    "#   aptkeep release PACKAGE\n";

// One line whatever it was: a newline would end the field, and apt shows nothing of it anyway.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return line;
}

}  // namespace

std::string render_pins(const std::vector<Pin>& pins) {
  std::string text;
  for (const auto& pin : pins) {
    if (!is_package_reference(pin.package) || !is_version(pin.version)) continue;
    text += '\n';
    if (!pin.reason.empty()) text += "Explanation: " + one_line(pin.reason) + '\n';
    text += "Package: " + pin.package + "\nPin: version " + pin.version + "\nPin-Priority: -1\n";
  }
  return text.empty() ? text : std::string(kHeading) + text;
}

bool may_pin(std::string_view db_state) {
  // The letters of dpkg -l: wanted, state, error. A half-installed package (H) is one that apt must
  // unpack again, with or without the R (apt-pkg/cacheiterators: PkgIterator::State).
  return db_state.find('R') == std::string_view::npos &&
         !(db_state.size() > 1 && db_state[1] == 'H');
}

}  // namespace aptkeep
