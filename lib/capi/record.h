// The handles of what was read from the record. Each holds the values, the pointers into them that
// C reads, and its JSON once it was asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "capi.h"
#include "engine/undo.h"
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
  std::vector<aptkeep::capi::Lines> causes;   // one for each step
  std::vector<aptkeep::capi::Lines> remains;  // the same
  std::vector<aptkeep::capi::Lines> backups;  // the same
  std::string json;
};

struct aptkeep_keeps {
  std::vector<aptkeep::Keep> keeps;
  std::vector<aptkeep::Pin> blocked;
  std::string native_arch;
  std::int64_t cut_off = 0;                  // the newest run, if it was cut off
  std::vector<aptkeep::capi::Lines> causes;  // one for each keep
  std::string json;
};

namespace aptkeep::capi {

// A failure that is none: a person put the package back.
inline bool is_request(const std::string& message) {
  return message == kPutBackOnRequest;
}

// It has not ended, and nobody is at it any more.
bool is_cut_off(const RunSummary& run);

// Whether this very version will be tried again by itself one day.
bool tries_again(const Keep& keep);

// docs/report.schema.json
std::string json_of(const std::vector<RunSummary>& runs);
std::string json_of(const RunReport& report);
std::string json_of(const aptkeep_keeps& kept);

}  // namespace aptkeep::capi
