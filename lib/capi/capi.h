// What the parts of the C interface share: errors, size-tagged structs, lists of sentences.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "aptkeep/aptkeep.h"
#include "core/result.h"

namespace aptkeep::capi {

// Remembers the message for aptkeep_error() and returns `code`.
int fail(int code, const std::string& message) noexcept;

// Runs `body`, which returns a result code or an index. No exception leaves the library.
template <typename Body>
auto guard(Body body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return fail(APTKEEP_ENOMEM, "unable to go on: out of memory");
  } catch (...) {
    return fail(APTKEEP_EINVAL, "unable to go on: an argument makes no sense");
  }
}

inline std::string text(const char* given) {
  return given == nullptr ? std::string() : given;
}

// Copies a caller's struct, which may be of an older or a newer header: what it does not have is
// zero, what we do not know is left out. `least`: the size of the struct's first version.
template <typename Struct>
bool take(const Struct* given, std::size_t least, Struct& copy) {
  if (given == nullptr || given->size < least) {
    return false;
  }
  std::memcpy(&copy, given, std::min(given->size, sizeof copy));
  return true;
}

// The same way back: fills what the caller has room for, and leaves its `size`.
template <typename Struct>
int give(Struct filled, std::size_t least, Struct* out) {
  if (out == nullptr || out->size < least) {
    return fail(APTKEEP_EINVAL, "unable to fill a struct: its size is wrong");
  }
  filled.size = out->size;
  std::memcpy(out, &filled, std::min(out->size, sizeof filled));
  return APTKEEP_OK;
}

// Size up to and with the last member of the first version.
#define APTKEEP_LEAST(type, member) (offsetof(type, member) + sizeof(type::member))

// Pointers into sentences, as C reads them. The sentences must outlive it, unmoved.
class Lines {
 public:
  explicit Lines(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      pointers_.push_back(line.c_str());
    }
  }
  const char* const* data() const { return pointers_.data(); }
  std::size_t size() const { return pointers_.size(); }

 private:
  std::vector<const char*> pointers_;
};

}  // namespace aptkeep::capi
