// The text of /etc/apt/preferences.d/0-aptkeep.pref (apt_preferences(5)).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aptkeep {

struct Pin {
  std::string package;  // "name:arch"
  std::string version;  // exact
  std::string reason;   // one line, becomes an Explanation
};

// The whole file: a heading that says whose it is and how to lift a keep, then one stanza a pin.
// Empty text when there is no pin (the file is then removed). A package or version that could end
// a line or start a field is left out, never written.
std::string render_pins(const std::vector<Pin>& pins);

// Whether a keep may be pinned: never for a package in a state where apt could not do without the
// pinned version (iHR: reinstallation required).
bool may_pin(std::string_view db_state);

}  // namespace aptkeep
