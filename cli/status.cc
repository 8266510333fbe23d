// aptkeep status: what is kept, why, and what to type next.
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "core/config.h"
#include "keeps.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr std::size_t kLines = 8;  // of output; `explain` has them all

void tell_security(const Kept& kept) {
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.security != 0) {
      std::cout << loud("SECURITY: the security update " + kept.name(keep) + " " + keep.version +
                        " is not in effect")
                << "\n";
    }
  }
}

void tell_waiting(const Kept& kept, const aptkeep_keep& keep, const std::string& indent) {
  std::cout << indent << headline(kept, keep) << "\n";
  for (const std::string& reason : reasons(keep)) {
    std::cout << indent << "  " << reason << "\n";
  }
  std::cout << shortcomings(kept, keep, indent + "  ");
}

void tell_all(const Kept& kept) {
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.failed == 0) {
      continue;
    }
    std::cout << "\n"
              << headline(kept, keep) << "\n"
              << story(keep, kLines) << shortcomings(kept, keep, "  ") << advice(kept, keep);
    const auto waiting = kept.waiting_for(keep);
    if (!waiting.empty()) {
      std::cout << "  with it:\n";
    }
    for (const aptkeep_keep& other : waiting) {
      tell_waiting(kept, other, "    ");
    }
  }
  for (const aptkeep_keep& keep : kept.keeps) {
    if (keep.failed == 0 && root_of(kept, keep) == nullptr) {
      std::cout << "\n";
      tell_waiting(kept, keep, "");
    }
  }
}

void tell_blocked(const Kept& kept) {
  const auto json = nlohmann::json::parse(aptkeep_keeps_json(kept.handle.get()));
  if (!json["blocked"].empty()) {
    std::cout << "\nHeld back because they would remove a kept package:\n";
  }
  for (const auto& blocked : json["blocked"]) {
    std::cout << "  " << name_of(blocked["package"], kept.native_arch) << " "
              << harmless(blocked["version"].get<std::string>()) << ": "
              << harmless(blocked["reason"].get<std::string>()) << "\n";
  }
}

// What a run that has not ended did is not among the keeps yet.
void tell_unended(const Kept& kept) {
  if (!kept.state) {
    return;
  }
  for (const aptkeep_run& run : all(read_runs(kept.state, 1))) {
    if (run.ended == 0) {
      std::cout << "Run " << run.id << " is at work, or was cut off: see aptkeep report " << run.id
                << "\n";
    }
  }
}

// docs/report.schema.json, kind "status".
std::string nothing_yet() {
  return nlohmann::ordered_json{{"format", 1},
                                {"kind", "status"},
                                {"aptkeep", aptkeep_version()},
                                {"all_well", true},
                                {"native_architecture", nullptr},
                                {"keeps", nlohmann::json::array()},
                                {"blocked", nlohmann::json::array()}}
      .dump(2);
}

}  // namespace

int status(const std::string& state, bool json) {
  const Kept kept = read_kept(state, APTKEEP_READ);
  if (json) {
    std::cout << (kept.handle ? aptkeep_keeps_json(kept.handle.get()) : nothing_yet()) << "\n";
    return kept.keeps.empty() ? kAllWell : kKept;
  }
  if (::access(paths::kOff, F_OK) == 0) {
    std::cout << "aptkeep is switched off by " << paths::kOff << ".\n";
  }
  tell_unended(kept);
  if (kept.keeps.empty()) {
    std::cout << (kept.state ? "No package is kept back.\n" : "Nothing was recorded yet.\n");
    return kAllWell;
  }
  tell_security(kept);
  std::cout << counted(kept.keeps.size(), "package")
            << (kept.keeps.size() == 1 ? " is kept back.\n" : " are kept back.\n");
  tell_all(kept);
  tell_blocked(kept);
  return kKept;
}

}  // namespace aptkeep::cli
