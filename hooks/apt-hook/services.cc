#include "services.h"

#include "adapters/table_file.h"
#include "hook.h"

namespace aptkeep::hook {

void tell_services(const std::string& folder, const Frontend& frontend,
                   const std::string& native_arch, const std::vector<TablePackage>& packages,
                   bool many_plans) {
  if (packages.empty() && !many_plans) return forget_services(folder, frontend);
  const TableOwner owner{frontend.pid, frontend.start_time, frontend.boot};
  const ServiceTable table{owner, native_arch, packages, many_plans};
  const auto written = write_table(folder, table_bytes(table));
  if (!written) complain_once(frontend, written.error().message);
}

void forget_services(const std::string& folder, const Frontend& frontend) {
  const auto removed = remove_table(folder);
  if (!removed) complain_once(frontend, removed.error().message);
}

}  // namespace aptkeep::hook
