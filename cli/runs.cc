// aptkeep runs: which runs are on record.
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "command.h"
#include "record.h"
#include "text.h"

namespace aptkeep::cli {

int runs(const std::string& state, unsigned most, bool json) {
  const StateHandle record = open_record(state, APTKEEP_READ);
  if (!record) {
    // docs/report.schema.json, kind "runs".
    const nlohmann::ordered_json nothing = {{"format", 1},
                                            {"kind", "runs"},
                                            {"aptkeep", aptkeep_version()},
                                            {"runs", nlohmann::json::array()}};
    std::cout << (json ? nothing.dump(2) : "Nothing was recorded yet.") << "\n";
    return kAllWell;
  }
  const RunsHandle handle = read_runs(record, most);
  if (json) {
    std::cout << aptkeep_runs_json(handle.get()) << "\n";
    return kAllWell;
  }
  std::cout << "  run  begun             done  failed  kept  command\n";
  for (const aptkeep_run& run : all(handle)) {
    std::cout << std::setw(5) << run.id << "  " << std::left << std::setw(16) << when(run.begun)
              << std::right << std::setw(6) << run.done << std::setw(8) << run.failed
              << std::setw(6) << run.kept + run.stranded << "  " << harmless(run.command);
    if (run.ended == 0) {
      std::cout << " (not ended)";
    } else if (*run.note != '\0') {
      std::cout << " (" << harmless(run.note) << ")";
    }
    std::cout << "\n";
  }
  return kAllWell;
}

}  // namespace aptkeep::cli
