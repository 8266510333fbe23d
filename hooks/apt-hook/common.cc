#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "adapters/apt_cache.h"
#include "adapters/tell_once.h"
#include "core/config.h"
#include "core/guard_arguments.h"
#include "core/pins.h"
#include "engine/pins_file.h"
#include "hook.h"

namespace aptkeep::hook {
namespace {

// Left unconfigured: what is installed is the version that was tried.
std::string installed_version(const Keep& keep) {
  const auto& state = keep.db_state;
  const bool whole = state.size() == 2 && (state[1] == 'i' || state[1] == 't' || state[1] == 'W');
  return whole || keep.back_unconfigured || keep.version.empty() ? keep.old_version : keep.version;
}

std::vector<ProtectedPackage> protected_by(const std::vector<Keep>& keeps) {
  std::vector<ProtectedPackage> packages;
  for (const auto& keep : keeps) {
    const bool pinned = is_pinned(keep, keeps);
    if (keep.old_version.empty()) {
      // Nothing to lose; but what cannot be installed must not be counted on.
      if (pinned) packages.push_back({keep.package, "", keep.version});
      continue;
    }
    if (keep.version.empty()) {
      // Its removal failed: what needs that would only fail for it once more.
      const bool whole = keep.db_state.size() == 2 && keep.db_state[1] == 'i';
      if (keep.failed && whole) packages.push_back({keep.package, keep.old_version, ""});
      continue;
    }
    // Only these are pinned; the rest is held back by its dependency on one of them.
    packages.push_back({keep.package, installed_version(keep), pinned ? keep.version : ""});
  }
  return packages;
}

Result<std::vector<Pin>> find_blockers(const std::vector<ProtectedPackage>& packages) {
  std::vector<Pin> pins;
  if (packages.empty()) return pins;
  auto cache = AptCache::open();
  if (!cache) return cache.error();
  const auto blockers = cache->blockers(packages);
  if (!blockers) return blockers.error();
  for (const auto& blocker : *blockers) {
    pins.push_back({blocker.package, blocker.version, blocker.because});
  }
  return pins;
}

}  // namespace

void complain(const std::string& message) {
  // The pins are written twice at the end of a run, and both may meet the same trouble.
  static std::string last;
  if (message == last) return;
  last = message;
  // What a rule's command has printed may be in it, and a user other than root may have made that.
  (void)std::fputs(shown_lines("aptkeep: " + message + "\n").c_str(), stderr);
}

void complain_once(const Frontend& frontend, const std::string& message) {
  tell_once(paths::kRunDir, static_cast<long>(frontend.pid), message.c_str());
}

std::int64_t now() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

void refresh_blockers(Store& store) {
  const auto keeps = store.keeps();
  if (!keeps) return complain(keeps.error().message);
  const auto pins = find_blockers(protected_by(*keeps));
  if (!pins) return complain(pins.error().message);
  if (const auto saved = store.set_blocked(*pins); !saved) return complain(saved.error().message);
  const auto written = write_pins(store, *pins, paths::kPins);
  if (!written) return complain(written.error().message);
  ::unlink(paths::kPinsDue);
}

}  // namespace aptkeep::hook
