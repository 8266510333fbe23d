// The handles of what was read from the record. Each holds the values, the pointers into them that
// C reads, and its JSON once it was asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "capi.h"
#include "state/store.h"

struct aptkeep_state {
  aptkeep::Store store;
  bool writable = false;
};

struct aptkeep_runs {
  std::vector<aptkeep::RunSummary> runs;
  std::string json;
};

struct aptkeep_report {
  aptkeep::RunReport report;
  std::vector<aptkeep::capi::Lines> causes;  // one for each step
  std::string json;
};

struct aptkeep_keeps {
  std::vector<aptkeep::Keep> keeps;
  std::vector<aptkeep::Pin> blocked;
  std::string native_arch;
  std::vector<aptkeep::capi::Lines> causes;  // one for each keep
  std::string json;
};

namespace aptkeep::capi {

// docs/report.schema.json
std::string json_of(const std::vector<RunSummary>& runs);
std::string json_of(const RunReport& report);
std::string json_of(const std::vector<Keep>& keeps, const std::vector<Pin>& blocked,
                    const std::string& native_arch);

}  // namespace aptkeep::capi
