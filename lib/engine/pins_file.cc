#include "engine/pins_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "core/failure_class.h"

namespace aptkeep {
namespace {

Error cannot(const char* verb, const std::string& path) {
  return Error{std::string("unable to ") + verb + " " + path + ": " +
               std::generic_category().message(errno)};
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Content, mode and durability of an open file; errno says why not.
bool fill(int file, std::string_view text) {
  return write_all(file, text) && ::fchmod(file, 0644) == 0 && ::fsync(file) == 0;
}

// The rename (or unlink) itself must survive a power cut too. Some file systems cannot sync a
// folder; the change is then as durable as they make it.
void sync_folder(const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int handle =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle >= 0) {
    ::fsync(handle);
    ::close(handle);
  }
}

Status replace(const std::string& path, std::string_view text) {
  // apt reads *.pref and names without a suffix only, and says so of others, but not of those
  // that begin with a dot (apt_preferences(5)).
  const auto name = path.rfind('/') + 1;
  std::string temporary = path.substr(0, name) + "." + path.substr(name) + ".XXXXXX";
  const int file = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (file < 0) {
    return cannot("write", path);
  }
  const bool filled = fill(file, text);
  const int error = errno;
  const bool closed = ::close(file) == 0;
  if (!filled || !closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    errno = filled ? errno : error;
    const Error why = cannot("write", path);
    ::unlink(temporary.c_str());
    return why;
  }
  sync_folder(path);
  return success();
}

Status remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) {
    return errno == ENOENT ? success() : Status(cannot("remove", path));
  }
  sync_folder(path);
  return success();
}

std::string reason_of(const Keep& keep) {
  if (keep.failure_class == FailureClass::Guard) return "its guard is not met";
  if (keep.failure_class == FailureClass::Backup) return "its backup failed";
  if (keep.failure_class == FailureClass::Preparation) return "what is to be done before it failed";
  std::string reason = keep.script.empty() ? "it" : "its " + keep.script;
  reason += " failed";
  if (keep.exit_code >= 0) {
    reason += " with exit status " + std::to_string(keep.exit_code);
  } else if (keep.signal > 0) {
    reason += " by signal " + std::to_string(keep.signal);
  }
  return reason;
}

char letter_of(const Keep& keep) {
  return keep.db_state.size() > 1 ? keep.db_state[1] : '\0';
}

bool is_unpacked(const Keep& keep) {
  return letter_of(keep) == 'U';
}

bool is_unfinished(const Keep& keep) {
  return is_unpacked(keep) || letter_of(keep) == 'F';
}

}  // namespace

bool is_pinned(const Keep& keep, const std::vector<Keep>& keeps) {
  // With dpkg at the very version, the pin would only take apt's candidate away.
  if (!keep.failed || keep.version.empty() || keep.version == keep.old_version ||
      !may_pin(keep.db_state)) {
    return false;
  }
  // Nor what only waits for another one: it is to go when that is configured.
  if (keep.failure_class == FailureClass::Waiting) return false;
  // Nor where dpkg found nothing to do about it but that another one was missing.
  if (keep.script.empty() && is_unpacked(keep)) return false;
  // Its old version is there: what waits for it has gone back too, and needs that one.
  const auto went_back = [&](const Keep& other) {
    return keep.back_unconfigured && !other.failed && other.root == keep.package;
  };
  return std::none_of(keeps.begin(), keeps.end(), [&](const Keep& other) {
    // What is left between its versions may need the very version that failed: with that pinned
    // away "apt-get -f install" would remove it. Where nobody knows what it waits for, or where it
    // could not be unpacked at its old version, it may be this.
    const bool waits =
        other.root == keep.package || other.root.empty() || (other.failed && is_unpacked(other));
    return other.package != keep.package && waits && is_unfinished(other) && !went_back(other);
  });
}

std::vector<Pin> pins_of(const std::vector<Keep>& keeps) {
  std::vector<Pin> pins;
  for (const Keep& keep : keeps) {
    if (is_pinned(keep, keeps)) {
      pins.push_back({keep.package, keep.version, reason_of(keep)});
    }
  }
  return pins;
}

std::vector<Pin> pins_of_replaced(const std::vector<Keep>& keeps,
                                  const std::vector<Keep>& replaced) {
  std::vector<Pin> pins;
  for (const Keep& before : replaced) {
    const bool again = std::ranges::any_of(pins, [&](const Pin& pin) {
      return pin.package == before.package && pin.version == before.version;
    });
    const auto active = std::ranges::find(keeps, before.package, &Keep::package);
    const bool also = active != keeps.end() && before.failed && !before.version.empty() &&
                      before.version != active->version && before.version != before.old_version &&
                      before.old_version == active->old_version && is_pinned(*active, keeps);
    if (also && !again) pins.push_back({before.package, before.version, reason_of(before)});
  }
  return pins;
}

Status write_pins(Store& store, const std::vector<Pin>& extra, const std::string& path) {
  const auto keeps = store.keeps();
  if (!keeps) {
    return keeps.error();
  }
  const auto replaced = store.replaced_keeps();
  if (!replaced) {
    return replaced.error();
  }
  std::vector<Pin> pins = pins_of(*keeps);
  const auto before = pins_of_replaced(*keeps, *replaced);
  pins.insert(pins.end(), before.begin(), before.end());
  pins.insert(pins.end(), extra.begin(), extra.end());
  const std::string text = render_pins(pins);
  return text.empty() ? remove(path) : replace(path, text);
}

}  // namespace aptkeep
