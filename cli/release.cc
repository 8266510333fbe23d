// aptkeep release PKG...: forgets keeps, so that the next upgrade tries those versions again.
#include <iostream>
#include <map>

#include "command.h"
#include "keeps.h"
#include "now.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

// dpkg was told not to want what is left unconfigured.
void want_again(const Kept& kept, const std::map<std::string, std::string>& packages) {
  std::vector<std::string> command{"/usr/lib/aptkeep/driver", "want-again"};
  for (const aptkeep_keep& keep : kept.keeps) {
    const Now* now = kept.find_now(keep);
    const bool unwanted = now != nullptr && now->state.starts_with('u');
    if (unwanted && packages.contains(keep.package)) command.emplace_back(keep.package);
  }
  if (command.size() > 2 && run(command) != 0)
    throw Failed("unable to have dpkg configure them again");
}

// Without its root's new version apt leaves it as it is, kept or not.
void tell_what_follows(const Kept& kept, const std::map<std::string, std::string>& packages) {
  std::size_t tried = 0;
  for (const aptkeep_keep& keep : kept.keeps) {
    if (!packages.contains(keep.package)) continue;
    const aptkeep_keep* root = root_of(kept, keep);
    if (root == nullptr || packages.contains(root->package)) {
      ++tried;
      continue;
    }
    std::cout << kept.name(keep) << " still waits for " << kept.name(*root) << ": 'aptkeep release "
              << kept.name(*root) << "' lets the next upgrade try both again.\n";
  }
  if (tried > 0) {
    std::cout << "The next upgrade tries " << (tried == 1 ? "it" : "them") << " again.\n";
  }
}

}  // namespace

int release(const std::vector<std::string>& packages) {
  need_root("release " + harmless(packages.front()));
  const Kept kept = read_kept({}, APTKEEP_WRITE);
  // All names are looked at before anything is changed.
  std::map<std::string, std::string> chosen;  // package: name for a person
  for (const std::string& name : packages) {
    const auto found = kept.named(name);
    if (found.empty()) {
      throw Failed("unable to release " + harmless(name) + ": it is not kept back");
    }
    for (const aptkeep_keep& keep : found) {
      chosen.emplace(keep.package, kept.name(keep));
      for (const aptkeep_keep& other : kept.waiting_for(keep)) {
        chosen.emplace(other.package, kept.name(other));
      }
    }
  }
  want_again(kept, chosen);
  for (const auto& [package, name] : chosen) {
    if (aptkeep_state_lift(kept.state.get(), package.c_str(), "released") < 0) {
      throw Failed(aptkeep_error());
    }
    std::cout << name << " is no longer kept back.\n";
  }
  write_pins(kept);
  for (const aptkeep_keep& keep : kept.keeps) {
    if (chosen.contains(keep.package) && kept.unfinished(keep)) {
      std::cout << kept.name(keep) << " is still not configured: 'dpkg --configure "
                << kept.name(keep) << "' tries that.\n";
    }
  }
  tell_what_follows(kept, chosen);
  return kAllWell;
}

}  // namespace aptkeep::cli
