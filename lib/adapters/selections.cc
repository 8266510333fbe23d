#include "adapters/selections.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "adapters/memory_file.h"
#include "adapters/spawn.h"
#include "core/config.h"

namespace aptkeep {
namespace {

Error cannot(const std::string& why) {
  return Error{"unable to set dpkg's selections: " + why};
}

}  // namespace

Status set_wants(const std::map<std::string, std::string>& wants) {
  std::string text;
  for (const auto& [package, want] : wants) text += package + " " + want + "\n";
  if (text.empty()) return success();
  MemoryFile input;
  if (input.fd() < 0 || !input.write(text) || ::lseek(input.fd(), 0, SEEK_SET) != 0)
    return cannot(std::generic_category().message(errno));
  const auto ended = run_to_end(paths::kRealDpkg, {"--set-selections"}, input.fd());
  if (!ended) return cannot(ended.error().message);
  return *ended == 0 ? success() : Status(cannot("dpkg failed"));
}

}  // namespace aptkeep
