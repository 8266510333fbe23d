#include "services.h"

#include "adapters/table_file.h"
#include "hook.h"

namespace aptkeep::hook {

void tell_services(const std::string& folder, const Frontend& frontend,
                   const std::string& native_arch, const std::vector<TablePackage>& packages) {
  if (packages.empty()) return forget_services(folder, frontend);
  const TableOwner owner{frontend.pid, frontend.start_time, frontend.boot};
  const auto written = write_table(folder, table_bytes({owner, native_arch, packages}));
  if (!written) complain_once(frontend, written.error().message);
}

void forget_services(const std::string& folder, const Frontend& frontend) {
  const auto removed = remove_table(folder);
  if (!removed) complain_once(frontend, removed.error().message);
}

}  // namespace aptkeep::hook
