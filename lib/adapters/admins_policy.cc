#include "adapters/admins_policy.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "adapters/snapshot_tool.h"
#include "core/config.h"

namespace aptkeep {

bool policy_denies(const std::string& verb, const std::string& unit) {
  constexpr const char* kPolicy = "/usr/sbin/policy-rc.d";
  if (::access(kPolicy, X_OK) != 0) return false;
  std::error_code error;
  const auto real = std::filesystem::canonical(kPolicy, error);
  if (error || real == paths::kPolicy) return false;
  // run_tool() tells 0 from others only.
  const auto denied =
      snapshot::run_tool({"timeout", "--kill-after=5", "30", "sh", "-c",
                          "\"$@\" >/dev/null 2>&1; test $? -eq 101", "sh", kPolicy, unit, verb});
  return denied.ok();
}

}  // namespace aptkeep
