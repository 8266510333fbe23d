// The record as JSON: docs/report.schema.json says what each member means.
#include <nlohmann/json.hpp>

#include "core/config.h"
#include "core/failure_class.h"
#include "record.h"

namespace aptkeep::capi {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json head(const char* kind) {
  return {{"format", kFormat}, {"kind", kind}, {"aptkeep", APTKEEP_VERSION}};
}

// Scripts print what they like; the reader gets UTF-8.
std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Json or_null(const std::string& value) {
  return value.empty() ? Json() : Json(value);
}

// "half_installed" and the like: words of the schema are lower case and joined.
Json word(const char* name) {
  std::string text(name);
  for (char& c : text) {
    c = c == ' ' || c == '-' ? '_' : c;
  }
  return text;
}

Json ending(int exit_code, int signal) {
  Json json;
  json["exit_code"] = exit_code < 0 ? Json() : Json(exit_code);
  json["signal"] = signal == 0 ? Json() : Json(signal);
  return json;
}

Json run_of(const RunSummary& run) {
  Json json;
  json["id"] = run.id;
  json["begun"] = run.begun;
  json["ended"] = run.ended == 0 ? Json() : Json(run.ended);
  json["command"] = run.command;
  json["cut_off"] = is_cut_off(run);
  json["note"] = or_null(run.note);
  json["native_architecture"] = or_null(run.native_arch);
  json["counts"] = {{"done", run.done},
                    {"failed", run.failed},
                    {"kept", run.kept},
                    {"stranded", run.stranded},
                    {"not_reached", run.not_reached}};
  return json;
}

Json step_of(const StepOutcome& outcome) {
  Json json;
  json["package"] = outcome.step.package;
  json["action"] = word(to_string(outcome.step.action));
  json["old_version"] = or_null(outcome.step.old_version);
  json["new_version"] = or_null(outcome.step.new_version);
  json["security"] = outcome.step.security;
  json["outcome"] = word(to_string(outcome.state));
  json["dpkg_state"] = or_null(outcome.db_state);
  json["cause"] = outcome.cause;
  json["rolled_back"] = outcome.rolled_back;
  json["never_back"] = or_null(outcome.step.never_back);
  json["remains"] = outcome.remains;
  json["passed"] = or_null(outcome.step.passed);
  json["repair"] = or_null(outcome.step.repair);
  json["backups"] = outcome.backups;
  json["afterwards"] = or_null(trouble_after(outcome.step));
  return json;
}

Json failure_of(const Failure& failure) {
  Json json;
  json["package"] = failure.package;
  json["version"] = or_null(failure.version);
  json["old_version"] = or_null(failure.old_version);
  json["phase"] = word(to_string(failure.phase));
  json["script"] = or_null(failure.script);
  json.update(ending(failure.exit_code, failure.signal));
  json["message"] = failure.message;
  json["output"] = failure.output;
  json["healed"] = failure.healed;
  json["class"] = word(to_string(failure.failure_class));
  json["on_request"] = is_request(failure.message);
  return json;
}

Json unit_of(const UnitRecord& unit) {
  Json json;
  json["unit"] = unit.name;
  json["package"] = or_null(unit.package);
  json["was"] = unit.state;
  json["wanted"] = unit.wanted;
  json["trouble"] = or_null(unit.trouble);
  json["journal"] = unit.journal;
  return json;
}

Json keep_of(const Keep& keep) {
  Json json;
  json["package"] = keep.package;
  json["version"] = or_null(keep.version);
  json["old_version"] = or_null(keep.old_version);
  json["failed"] = keep.failed;
  json["root"] = or_null(keep.root);
  json["cause"] = keep.cause;
  json["dpkg_state"] = or_null(keep.db_state);
  json["security"] = keep.security;
  json["attempts"] = keep.attempts;
  json["since"] = keep.since;
  json["tried"] = keep.tried;
  json["tries_again"] = tries_again(keep);
  json["run"] = keep.run;
  if (!keep.failed) {
    json["failure"] = nullptr;
    return json;
  }
  Json failure;
  failure["phase"] = word(to_string(keep.phase));
  failure["script"] = or_null(keep.script);
  failure.update(ending(keep.exit_code, keep.signal));
  failure["message"] = keep.message;
  failure["output"] = keep.output;
  failure["class"] = word(to_string(keep.failure_class));
  failure["on_request"] = is_request(keep.message);
  json["failure"] = std::move(failure);
  return json;
}

}  // namespace

std::string json_of(const std::vector<RunSummary>& runs) {
  Json json = head("runs");
  json["runs"] = Json::array();
  for (const RunSummary& run : runs) {
    json["runs"].push_back(run_of(run));
  }
  return dump(json);
}

std::string json_of(const RunReport& report) {
  Json json = head("report");
  json["run"] = run_of(report.summary);
  json["steps"] = Json::array();
  for (const StepOutcome& outcome : report.steps) {
    json["steps"].push_back(step_of(outcome));
  }
  json["failures"] = Json::array();
  for (const Failure& failure : report.failures) {
    json["failures"].push_back(failure_of(failure));
  }
  json["units"] = Json::array();
  for (const UnitRecord& unit : report.units) {
    json["units"].push_back(unit_of(unit));
  }
  return dump(json);
}

std::string json_of(const aptkeep_keeps& kept) {
  Json json = head("status");
  json["all_well"] = kept.keeps.empty() && kept.cut_off == 0;
  json["native_architecture"] = or_null(kept.native_arch);
  json["cut_off"] = kept.cut_off == 0 ? Json() : Json(kept.cut_off);
  json["keeps"] = Json::array();
  for (const Keep& keep : kept.keeps) {
    json["keeps"].push_back(keep_of(keep));
  }
  json["blocked"] = Json::array();
  for (const Pin& pin : kept.blocked) {
    json["blocked"].push_back(
        {{"package", pin.package}, {"version", pin.version}, {"reason", pin.reason}});
  }
  return dump(json);
}

}  // namespace aptkeep::capi
