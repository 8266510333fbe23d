// The plan as JSON: docs/report.schema.json, kind "plan".
#include <nlohmann/json.hpp>
#include <optional>

#include "core/decision_lines.h"
#include "core/denied_units.h"
#include "core/rule_text.h"
#include "plan.h"

namespace aptkeep::cli {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json rule(const Rule& one) {
  return {{"where", one.where},
          {"reason", one.reason},
          {"source", one.source},
          {"historic", one.historic}};
}

// What is the same of each decision.
Json decided_by(const std::string& value, const char* field, const Rule* by,
                const std::vector<const Rule*>& beaten) {
  Json others = Json::array();
  for (const Rule* other : beaten) {
    others.push_back(rule(*other));
    others.back()["value"] = said_in(*other, field);
  }
  return {
      {"value", value}, {"rule", by == nullptr ? Json(nullptr) : rule(*by)}, {"beaten", others}};
}

Json if_unmet(const std::optional<Decided<IfUnmet>>& decided) {
  if (!decided) return nullptr;
  return decided_by(rule_word(decided->value), "If-Unmet", decided->by, decided->beaten);
}

Json decisions(const StepDecisions& decided) {
  Json list = Json::array();
  for (const DecisionLine& line : decision_lines(decided)) {
    Json one = Json::object();
    one["field"] = line.field;
    one.update(decided_by(line.value, line.field, line.by, line.beaten));
    one["if_unmet"] = if_unmet(line.if_unmet);
    list.push_back(std::move(one));
  }
  return list;
}

Json guards(const std::vector<GuardFinding>& findings) {
  Json list = Json::array();
  for (const GuardFinding& finding : findings) {
    list.push_back({{"guard", to_string(finding.call)},
                    {"state", word_of(finding.result.state)},
                    {"why", finding.result.why},
                    {"if_unmet", rule_word(finding.if_unmet.value_or(IfUnmet::Keep))}});
  }
  return list;
}

Json services(const PlannedServices& planned) {
  Json list = Json::array();
  for (const PlannedService& one : planned.units) {
    const char* const from = one.by != nullptr           ? "rule"
                             : planned.installed_scripts ? "installed_scripts"
                                                         : "scripts";
    list.push_back({{"unit", one.unit},
                    {"class", rule_word(one.service_class)},
                    {"from", from},
                    {"rule", one.by == nullptr ? Json(nullptr) : rule(*one.by)},
                    {"why", one.why}});
  }
  return list;
}

Json goes_on(const PlannedServices& planned) {
  Json list = Json::array();
  for (const std::string& unit : planned.goes_on) {
    list.push_back({{"unit", unit}, {"why", kPolicyDenies}});
  }
  return list;
}

Json apart(const PlanView& view, const PlannedStep& planned) {
  if (planned.apart == 0) return nullptr;
  const auto& island = view.plan.steps[planned.step].island;
  return {{"group", planned.apart},
          {"down", view.services[planned.step].down},
          {"parked", view.services[planned.step].parked},
          {"why", island ? Json(island->why) : Json(nullptr)}};
}

Json end(const PlannedEnd& planned) {
  if (planned.is_nothing()) return nullptr;
  return {{"check_config", planned.checks}, {"starts", planned.starts}, {"after", planned.after}};
}

Json step(const PlanView& view, const PlannedStep& planned) {
  const Step& one = view.plan.steps[planned.step];
  return {{"package", one.package},
          {"action", to_string(one.action)},
          {"old_version", text_or_null(one.old_version)},
          {"new_version", text_or_null(one.new_version)},
          {"config_version", text_or_null(one.config_version)},
          {"origin", text_or_null(view.simulation.steps[planned.step].origin)},
          {"security", one.security},
          {"fate", to_string(planned.fate)},
          {"cause", planned.cause},
          {"services", services(view.services[planned.step])},
          {"goes_on", goes_on(view.services[planned.step])},
          {"apart", apart(view, planned)},
          {"end", end(view.ends[planned.step])},
          {"guards", guards(view.guards[planned.step])},
          {"forced_past", planned.judged.passed},
          {"if_it_fails",
           {{"outcome", to_string(planned.if_it_fails)},
            {"tried_again", planned.tried_again},
            {"why", text_or_null(planned.if_it_fails_why)}}},
          {"decisions", decisions(view.decisions[planned.step])}};
}

}  // namespace

std::string plan_json(const PlanView& view) {
  Json steps = Json::array();
  for (const PlannedStep& planned : view.planned) {
    steps.push_back(step(view, planned));
  }
  Json kept_back = Json::array();
  for (const KeptBack& back : view.simulation.kept_back) {
    kept_back.push_back({{"package", back.package},
                         {"old_version", text_or_null(back.old_version)},
                         {"new_version", text_or_null(back.new_version)},
                         {"phased", back.phased}});
  }
  Json kept = Json::array();
  for (const aptkeep_keep& keep : view.kept.keeps) {
    kept.push_back({{"package", keep.package},
                    {"version", text_or_null(keep.version)},
                    {"old_version", text_or_null(keep.old_version)}});
  }
  std::vector<std::string> command{view.arguments.command};
  for (const auto* words : {&view.arguments.options, &view.arguments.packages}) {
    command.insert(command.end(), words->begin(), words->end());
  }
  return Json{{"format", 1},
              {"kind", "plan"},
              {"aptkeep", aptkeep_version()},
              {"all_well", view.all_well()},
              {"native_architecture", text_or_null(view.settings.native_arch)},
              {"command", command},
              {"switched_on", view.settings.keep_going},
              {"bypassed", view.settings.bypassed},
              {"steps", steps},
              {"kept", kept},
              {"kept_back_by_apt", kept_back},
              {"complaints", view.complaints}}
      .dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace aptkeep::cli
