// aptkeep report [RUN]: what one run did.
#include <algorithm>
#include <iostream>

#include "command.h"
#include "record.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr std::size_t kLinesOfOutput = 50;

// What a person had put back counts as failed, and is to be told apart.
bool was_asked_for(const aptkeep_step& step, const std::vector<aptkeep_failure>& failures) {
  return std::any_of(failures.begin(), failures.end(), [&](const aptkeep_failure& failure) {
    return failure.on_request != 0 && std::string_view(failure.package) == step.package;
  });
}

void tell_run(const aptkeep_run& run, std::int64_t requests) {
  std::cout << "Run " << run.id << ": " << harmless(run.command) << "\n"
            << "  begun " << when(run.begun)
            << (run.ended != 0 ? ", ended " + when(run.ended) : std::string(", not ended")) << "\n";
  if (*run.note != '\0') {
    std::cout << "  " << harmless(run.note) << "\n";
  }
  std::cout << "  " << run.done << " done, " << std::max<std::int64_t>(run.failed - requests, 0)
            << " failed, " << run.kept << " kept, " << run.stranded << " stranded, "
            << run.not_reached << " not reached"
            << (requests > 0 ? ", " + std::to_string(requests) + " to be put back on request" : "")
            << "\n";
}

// It did not fail in what the run wanted, but when that was undone.
bool is_on_way_back(const aptkeep_failure& failure, const ReportHandle& report) {
  const std::string version = failure.version;
  for (const aptkeep_step& step : steps(report)) {
    const std::string new_version = step.new_version;
    const bool other = !new_version.empty() && new_version != version;
    if (std::string_view(step.package) == failure.package && other && version == step.old_version) {
      return true;
    }
  }
  return false;
}

void tell_failure(const aptkeep_failure& failure, const ReportHandle& report,
                  const std::string& native_arch) {
  std::cout << "\n"
            << name_of(failure.package, native_arch) << (*failure.version != '\0' ? " " : "")
            << harmless(failure.version);
  if (failure.on_request != 0) {
    std::cout << ": to be put back, as a person wished\n";
    return;
  }
  std::cout << (is_on_way_back(failure, report) ? ", being put back: " : ": ")
            << (is_untried(failure.failure_class)
                    ? "not touched: " + harmless(failure.message)
                    : ending_of(failure.script, failure.phase, failure.exit_code, failure.signal))
            << (failure.healed != 0 ? "; a later try went well" : "") << "\n";
  if (*failure.message != '\0' && !is_untried(failure.failure_class)) {
    std::cout << "  dpkg: " << harmless(failure.message) << "\n";
  }
  std::cout << quoted({failure.output, failure.output_size}, kLinesOfOutput);
}

void tell_step(const aptkeep_step& step, bool asked_for, const std::string& native_arch) {
  const std::string back = step.rolled_back != 0 ? "put back" : "";
  const std::string outcome = word_of_outcome(step.outcome);
  std::cout << "  "
            << (asked_for && !back.empty() ? back : outcome + (back.empty() ? "" : ", ") + back)
            << ": " << word_of_action(step.action) << " " << name_of(step.package, native_arch);
  if (*step.old_version != '\0') {
    std::cout << " " << harmless(step.old_version);
  }
  if (*step.new_version != '\0') {
    std::cout << " -> " << harmless(step.new_version);
  }
  std::cout << (step.security != 0 ? loud(" (security update)") : "")
            << (*step.db_state != '\0' ? " [" + harmless(step.db_state) + "]" : "") << "\n";
  for (std::size_t i = 0; i < step.cause_count; ++i) {
    std::cout << "      " << harmless(step.cause[i]) << "\n";
  }
  if (*step.passed != '\0') {
    std::cout << "      " << harmless(step.passed) << "\n";
  }
  if (*step.afterwards != '\0') {
    std::cout << "      " << harmless(step.afterwards) << "\n";
  }
  for (std::size_t i = 0; i < step.remains_count; ++i) {
    std::cout << "      not as it was: " << harmless(step.remains[i]) << "\n";
  }
  for (std::size_t i = 0; i < step.backup_count; ++i) {
    std::cout << "      saved before: " << harmless(step.backups[i]) << "\n";
  }
  const bool failed = step.outcome == APTKEEP_FAILED_OLD || step.outcome == APTKEEP_FAILED_NEW;
  if (failed && *step.repair != '\0') {
    std::cout << "      to do: " << harmless(step.repair) << "\n";
  }
}

void tell_steps(const ReportHandle& report, const std::string& native_arch, bool done) {
  const std::vector<aptkeep_failure> failed = failures(report);
  for (const aptkeep_step& step : steps(report)) {
    if ((step.outcome == APTKEEP_DONE) == done) {
      tell_step(step, was_asked_for(step, failed), native_arch);
    }
  }
}

}  // namespace

int report(const std::string& state, std::int64_t run, bool json) {
  const StateHandle record = open_record(state, APTKEEP_READ);
  const ReportHandle handle = record ? read_report(record, run) : nullptr;
  if (!handle && run != 0) {
    throw Failed("unable to read the report of run " + std::to_string(run) +
                 ": it is not on record");
  }
  if (!handle || json) {
    std::cout << (json ? (handle ? aptkeep_report_json(handle.get()) : "null")
                       : "Nothing was recorded yet.")
              << "\n";
    return kAllWell;
  }
  auto summary = sized<aptkeep_run>();
  aptkeep_report_run(handle.get(), &summary);
  const std::vector<aptkeep_failure> failed = failures(handle);
  tell_run(summary, std::count_if(failed.begin(), failed.end(), [](const aptkeep_failure& failure) {
             return failure.on_request != 0;
           }));
  for (const aptkeep_failure& failure : failed) {
    tell_failure(failure, handle, summary.native_arch);
  }
  std::cout << "\n";
  tell_steps(handle, summary.native_arch, false);
  tell_steps(handle, summary.native_arch, true);
  return kAllWell;
}

}  // namespace aptkeep::cli
