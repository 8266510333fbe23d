#include "capi.h"

#include "core/config.h"

namespace aptkeep::capi {
namespace {

// Not std::string: remembering that memory is out must not need any.
thread_local char last_error[1024] = "";

}  // namespace

int fail(int code, const std::string& message) noexcept {
  const std::size_t size = std::min(message.size(), sizeof last_error - 1);
  std::memcpy(last_error, message.data(), size);
  last_error[size] = '\0';
  return code;
}

}  // namespace aptkeep::capi

const char* aptkeep_version(void) {
  return APTKEEP_VERSION;
}

const char* aptkeep_error(void) {
  return aptkeep::capi::last_error;
}

const char* aptkeep_state_path(void) {
  return aptkeep::paths::kStateDb;
}
