// Evaluates one guard: guard_probe [KEY=VALUE]... -- WORD...
// What is before "--" is remembered. Prints the state, the reason, and what is to be remembered.
// Static like the driver, so that what is tested is what runs.
#include <cstdio>
#include <string>

#include "adapters/guards.h"

int main(int argc, char** argv) {
  aptkeep::Remembered before;
  int at = 1;
  for (; at < argc && std::string(argv[at]) != "--"; ++at) {
    const std::string pair = argv[at];
    const auto equals = pair.find('=');
    if (equals == std::string::npos) return 2;
    before[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (at + 1 >= argc) return 2;
  const aptkeep::GuardCall call{argv[at + 1], {argv + at + 2, argv + argc}};
  const auto report = aptkeep::probe_guards({call}, before).at(0);
  constexpr const char* kStates[] = {"met", "unmet", "unknown"};
  std::printf("%s: %s\n", kStates[static_cast<int>(report.result.state)],
              report.result.why.c_str());
  for (const auto& [key, value] : report.now) std::printf("%s=%s\n", key.c_str(), value.c_str());
  return 0;
}
