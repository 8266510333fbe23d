#include "adapters/admins_policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "adapters/snapshot_tool.h"
#include "core/config.h"

namespace aptkeep {

PolicyAnswer ask_policy(const std::string& verb, const std::string& unit) {
  constexpr const char* kPolicy = "/usr/sbin/policy-rc.d";
  constexpr mode_t kAnyMayRun = 0111;
  struct stat status {};
  if (::stat(kPolicy, &status) != 0)
    return errno == EACCES ? PolicyAnswer::Unsure : PolicyAnswer::Lets;
  std::error_code error;
  const auto real = std::filesystem::canonical(kPolicy, error);
  const bool none = error || real == paths::kPolicy || (status.st_mode & kAnyMayRun) == 0;
  if (none) return PolicyAnswer::Lets;
  if (::access(kPolicy, X_OK) != 0) return PolicyAnswer::Unsure;
  const auto said =
      snapshot::run_tool({"timeout", "--kill-after=5", "10", "sh", "-c",
                          "\"$@\" >/dev/null 2>&1; echo $?", "sh", kPolicy, unit, verb});
  if (!said) return PolicyAnswer::Unsure;
  if (*said == "101\n") return PolicyAnswer::Denies;
  return *said == "0\n" || *said == "104\n" ? PolicyAnswer::Lets : PolicyAnswer::Unsure;
}

bool policy_denies(const std::string& verb, const std::string& unit) {
  return ask_policy(verb, unit) == PolicyAnswer::Denies;
}

}  // namespace aptkeep
