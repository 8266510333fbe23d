// The record as this program uses it: handles that free themselves, and structs copied out.
#pragma once

#include <aptkeep/aptkeep.h>

#include <memory>
#include <string>
#include <vector>

namespace aptkeep::cli {

template <auto Free>
struct Freeing {
  template <typename Handle>
  void operator()(Handle* handle) const {
    Free(handle);
  }
};

using StateHandle = std::unique_ptr<aptkeep_state, Freeing<aptkeep_state_close>>;
using RunsHandle = std::unique_ptr<aptkeep_runs, Freeing<aptkeep_runs_free>>;
using ReportHandle = std::unique_ptr<aptkeep_report, Freeing<aptkeep_report_free>>;
using KeepsHandle = std::unique_ptr<aptkeep_keeps, Freeing<aptkeep_keeps_free>>;

// A struct of the interface with its size set.
template <typename Struct>
Struct sized() {
  Struct made{};
  made.size = sizeof made;
  return made;
}

// `path` empty: the usual one. Null: nothing was recorded yet. Anything else that is wrong ends
// the command.
StateHandle open_record(const std::string& path, int mode);

RunsHandle read_runs(const StateHandle& state, unsigned most);
// Null: there is no such run.
ReportHandle read_report(const StateHandle& state, std::int64_t run);
KeepsHandle read_keeps(const StateHandle& state);

// The structs point into the handle.
std::vector<aptkeep_run> all(const RunsHandle& runs);
std::vector<aptkeep_keep> all(const KeepsHandle& keeps);
std::vector<aptkeep_step> steps(const ReportHandle& report);
std::vector<aptkeep_failure> failures(const ReportHandle& report);

}  // namespace aptkeep::cli
