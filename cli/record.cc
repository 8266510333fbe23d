#include "record.h"

#include "command.h"

namespace aptkeep::cli {
namespace {

// The library's words are the program's.
void check(int result) {
  if (result < 0) {
    throw Failed(aptkeep_error());
  }
}

template <typename Struct, typename Handle>
std::vector<Struct> copy(const Handle* handle, std::size_t count,
                         int (*get)(const Handle*, std::size_t, Struct*)) {
  std::vector<Struct> list;
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back(sized<Struct>());
    check(get(handle, i, &list.back()));
  }
  return list;
}

}  // namespace

StateHandle open_record(const std::string& path, int mode) {
  aptkeep_state* state = nullptr;
  const int result = aptkeep_state_open(path.empty() ? nullptr : path.c_str(), mode, &state);
  // A path that a person has given is meant to be there.
  if (result != APTKEEP_ENOENT || !path.empty()) {
    check(result);
  }
  return StateHandle(state);
}

RunsHandle read_runs(const StateHandle& state, unsigned most) {
  aptkeep_runs* runs = nullptr;
  check(aptkeep_state_runs(state.get(), most, &runs));
  return RunsHandle(runs);
}

ReportHandle read_report(const StateHandle& state, std::int64_t run) {
  aptkeep_report* report = nullptr;
  const int result = aptkeep_state_report(state.get(), run, &report);
  if (result != APTKEEP_ENOENT) {
    check(result);
  }
  return ReportHandle(report);
}

KeepsHandle read_keeps(const StateHandle& state) {
  aptkeep_keeps* keeps = nullptr;
  check(aptkeep_state_keeps(state.get(), &keeps));
  return KeepsHandle(keeps);
}

std::vector<aptkeep_run> all(const RunsHandle& runs) {
  return copy<aptkeep_run>(runs.get(), aptkeep_runs_count(runs.get()), aptkeep_runs_get);
}

std::vector<aptkeep_keep> all(const KeepsHandle& keeps) {
  return copy<aptkeep_keep>(keeps.get(), aptkeep_keeps_count(keeps.get()), aptkeep_keeps_get);
}

std::vector<aptkeep_step> steps(const ReportHandle& report) {
  return copy<aptkeep_step>(report.get(), aptkeep_report_step_count(report.get()),
                            aptkeep_report_step);
}

std::vector<aptkeep_failure> failures(const ReportHandle& report) {
  return copy<aptkeep_failure>(report.get(), aptkeep_report_failure_count(report.get()),
                               aptkeep_report_failure);
}

}  // namespace aptkeep::cli
