// The record: opening it, and the two things that a person may change in it.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <memory>
#include <utility>

#include "core/config.h"
#include "engine/pins_file.h"
#include "record.h"

using namespace aptkeep;
using namespace aptkeep::capi;

namespace {

// No file, or one that is still empty because its first writer has only begun.
bool nothing_yet(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    return errno == ENOENT;
  }
  return S_ISREG(info.st_mode) && info.st_size == 0;
}

// The answer to `state` for something that needs it writable; APTKEEP_OK if it is.
int may_write(const aptkeep_state* state) {
  if (state == nullptr) {
    return fail(APTKEEP_EINVAL, "unable to change the record: it is NULL");
  }
  if (!state->writable) {
    return fail(APTKEEP_ESTATE, "unable to change the record: it was opened for reading");
  }
  return APTKEEP_OK;
}

int answer(const Status& status) {
  return status ? int{APTKEEP_OK} : fail(APTKEEP_ESTATE, status.error().message);
}

bool is_kept(const std::vector<Keep>& keeps, const std::string& package) {
  return std::any_of(keeps.begin(), keeps.end(),
                     [&](const Keep& keep) { return keep.package == package; });
}

// By its reason: AptCache::blockers names there what would be removed.
bool is_for(const Pin& blocked, const Keep& keep) {
  const auto names = [&](const std::string& name) {
    return blocked.reason.starts_with("would remove " + name + ": ");
  };
  return names(keep.package) || names(keep.package.substr(0, keep.package.rfind(':')));
}

// Only apt's resolver can say what has to be blocked now that a keep was lifted. Until it was
// asked, rather too little than what nobody needs any more: at a version that is blocked alone apt
// removes the package's siblings.
std::vector<Pin> still_needed(std::vector<Pin> blocked, const std::vector<Keep>& keeps) {
  std::erase_if(blocked, [&](const Pin& pin) {
    return std::none_of(keeps.begin(), keeps.end(),
                        [&](const Keep& keep) { return is_for(pin, keep); });
  });
  return blocked;
}

}  // namespace

int aptkeep_state_open(const char* path, int mode, aptkeep_state** out) {
  return guard([&] {
    if (out == nullptr || (mode != APTKEEP_READ && mode != APTKEEP_WRITE)) {
      return fail(APTKEEP_EINVAL, "unable to open the record: an argument makes no sense");
    }
    *out = nullptr;
    const std::string file = path == nullptr ? paths::kStateDb : path;
    if (nothing_yet(file)) {
      return fail(APTKEEP_ENOENT, "unable to open " + file + ": nothing is recorded there");
    }
    auto store =
        Store::open(file, mode == APTKEEP_WRITE ? Store::Mode::ReadWrite : Store::Mode::ReadOnly);
    if (!store) {
      return fail(APTKEEP_ESTATE, store.error().message);
    }
    *out = new aptkeep_state{std::move(*store), mode == APTKEEP_WRITE};
    return int{APTKEEP_OK};
  });
}

void aptkeep_state_close(aptkeep_state* state) {
  delete state;
}

int aptkeep_state_lift(aptkeep_state* state, const char* package, const char* why) {
  return guard([&] {
    if (const int refused = may_write(state); refused != APTKEEP_OK) {
      return refused;
    }
    const std::string name = text(package);
    const auto keeps = state->store.keeps();
    if (!keeps) {
      return fail(APTKEEP_ESTATE, keeps.error().message);
    }
    if (!is_kept(*keeps, name)) {
      return fail(APTKEEP_ENOENT, "unable to lift the keep of " + name + ": it is not kept");
    }
    return answer(state->store.lift_keep(name, text(why), std::time(nullptr)));
  });
}

int aptkeep_state_write_pins(aptkeep_state* state, const char* path) {
  return guard([&] {
    if (const int refused = may_write(state); refused != APTKEEP_OK) {
      return refused;
    }
    const auto keeps = state->store.keeps();
    if (!keeps) {
      return fail(APTKEEP_ESTATE, keeps.error().message);
    }
    const auto blocked = state->store.blocked();
    if (!blocked) {
      return fail(APTKEEP_ESTATE, blocked.error().message);
    }
    const auto needed = still_needed(*blocked, *keeps);
    if (needed.size() != blocked->size()) {
      if (Status recorded = state->store.set_blocked(needed); !recorded) {
        return answer(recorded);
      }
    }
    return answer(write_pins(state->store, needed, path == nullptr ? paths::kPins : path));
  });
}
