// Random rules on random steps: what a program reads in the table is what the rules decided.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "../core/rule_builder.h"
#include "../core/toy_seed.h"
#include "bed.h"
#include "core/package_pattern.h"
#include "core/step_rules.h"
#include "table/reader.h"

namespace aptkeep {
namespace {

using Texts = std::vector<std::string>;

const Texts kNames = {"a", "ab", "a-b", "a+", "b", "a.b"};
const Texts kUnits = {"a.service", "a@1.service", "a@12.service", "b@1.socket", "ab.service"};
const Texts kPatterns = {"a@*.service", "*", "a@1*", "?@*", "[!a]*", "*.s[eo]*"};

struct PlannedRun {
  std::vector<Rule> rules;
  std::vector<Step> steps;
  std::vector<std::uint32_t> kept;
};

class RandomRuns {
 public:
  explicit RandomRuns(std::uint64_t seed) : random_(seed) {}

  PlannedRun run() {
    PlannedRun made;
    made.rules.resize(below(6));
    for (auto& rule : made.rules) fill(rule);
    for (const auto& name : kNames) {
      for (const char* arch : {":amd64", ":i386"}) {
        if (below(3) == 0) continue;
        made.steps.push_back(test::step_of(name + arch, "1", "2"));
        if (below(6) == 0) made.kept.push_back(static_cast<std::uint32_t>(made.steps.size()) - 1);
      }
    }
    std::shuffle(made.steps.begin(), made.steps.end(), random_);
    return made;
  }

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }
  const std::string& one_of(const Texts& texts) { return texts[below(texts.size())]; }

  void fill(Rule& rule) {
    rule.packages = {below(4) == 0 ? "a*" : one_of(kNames)};
    if (below(4) == 0) rule.architectures = {"i386"};
    if (below(2) == 0) rule.service_class = static_cast<ServiceClass>(below(5));
    if (below(3) == 0) rule.sockets = static_cast<SocketMode>(below(3));
    rule.services.none = below(6) == 0;
    for (std::size_t i = below(4); i > 0; --i) {
      rule.services.entries.push_back(one_of(below(2) == 0 ? kUnits : kPatterns));
    }
    for (std::size_t i = below(3); i > 0; --i) {
      rule.together.entries.push_back(one_of(below(3) == 0 ? kPatterns : kUnits));
    }
  }

  std::mt19937_64 random_;
};

struct Answer {
  table::Kind kind{};
  std::string pattern;
  int service_class = 0;
  int sockets = 0;

  friend bool operator==(const Answer&, const Answer&) = default;
};

bool is_pattern(const std::string& text) {
  return text.find_first_of("*?[") != std::string::npos;
}

// Straight from the decisions. The table's words come in the order of the rules', behind "none".
std::optional<Answer> expected(const StepDecisions& said, const std::string& unit) {
  Answer answer;
  if (said.service_class) answer.service_class = 1 + static_cast<int>(said.service_class->value);
  if (said.sockets) answer.sockets = 1 + static_cast<int>(said.sockets->value);
  const auto& entries = said.services.entries;
  if (entries.empty()) {
    answer.kind = table::Kind::Every;
    return said.service_class || said.sockets ? std::optional(answer) : std::nullopt;
  }
  for (const bool patterns : {false, true}) {
    for (const auto& entry : entries) {
      if (is_pattern(entry.value) != patterns || !glob_matches(entry.value, unit)) continue;
      answer.kind = patterns ? table::Kind::Glob : table::Kind::Exact;
      answer.pattern = entry.value;
      return answer;
    }
  }
  return std::nullopt;
}

std::size_t entries(const StepDecisions& said) {
  const std::size_t named = said.services.entries.size();
  return named == 0 && (said.service_class || said.sockets) ? 1 : named;
}

std::optional<Answer> answered(const table::Reader& reader, const table::Unit* unit) {
  if (unit == nullptr) return std::nullopt;
  return Answer{unit->kind, reader.string(unit->pattern), static_cast<int>(unit->service_class),
                static_cast<int>(unit->sockets)};
}

bool names_together(const StepDecisions& said, const std::string& unit) {
  const auto& entries = said.together.entries;
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return glob_matches(entry.value, unit); });
}

struct NameAndArch {
  std::string name;
  std::string arch;
};

NameAndArch parts_of(const std::string& package) {
  const auto colon = package.find(':');
  return {package.substr(0, colon), package.substr(colon + 1)};
}

Texts read_with(const table::Reader& reader, const std::string& unit) {
  Texts found;
  for (const auto* at = reader.next_with(unit.c_str(), nullptr); at != nullptr;
       at = reader.next_with(unit.c_str(), at)) {
    found.emplace_back(reader.string(at->name));
  }
  return found;
}

void compare(const PlannedRun& run, const std::vector<StepDecisions>& decisions,
             const table::Reader& reader) {
  for (const auto& unit : kUnits) {
    Texts with;
    for (std::uint32_t i = 0; i < run.steps.size(); ++i) {
      const auto [name, arch] = parts_of(run.steps[i].package);
      const bool kept = std::find(run.kept.begin(), run.kept.end(), i) != run.kept.end();
      const auto* package = reader.find_package(name.c_str(), arch.c_str());
      ASSERT_EQ(package == nullptr ? 0 : package->units, kept ? 0 : entries(decisions[i]));
      const auto wanted = kept ? std::nullopt : expected(decisions[i], unit);
      const auto read = answered(reader, reader.find(name.c_str(), arch.c_str(), unit.c_str()));
      ASSERT_EQ(read, wanted) << run.steps[i].package << " " << unit;
      if (!kept && names_together(decisions[i], unit)) with.push_back(run.steps[i].package);
    }
    std::sort(with.begin(), with.end());
    ASSERT_EQ(read_with(reader, unit), with) << unit;
  }
  for (const auto& name : kNames) {
    const auto* native = reader.find_package(name.c_str(), "amd64");
    ASSERT_EQ(reader.find_package(name.c_str(), "all"), native);
  }
}

TEST(RandomTable, AnswersAsTheRulesDecided) {
  RandomRuns random(toy::seed_of_run());
  std::size_t packages = 0;
  for (std::uint64_t round = toy::rounds(3000); round > 0; --round) {
    const PlannedRun run = random.run();
    const RuleIndex index(run.rules);
    const auto decisions = decide_steps(index, test::facts_with(), run.steps);
    const TableOwner owner{1, 2, "boot"};
    const test::Aligned bytes(
        table_bytes({owner, "amd64", table_packages(run.steps, decisions, run.kept)}));
    table::Reader reader;
    ASSERT_TRUE(reader.read(bytes.data(), bytes.size()));
    compare(run, decisions, reader);
    packages += reader.header().packages;
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(packages, 0u);
}

// What a rule says about other things is no business of the table.
TEST(RandomTable, RulesWithoutAWordAboutServicesMakeNone) {
  Rule rule = test::rule_for({"a"});
  rule.never_back = true;
  rule.save.entries = {"/etc/a"};
  const std::vector<Rule> rules = {rule};
  const std::vector<Step> steps = {test::step_of("a:amd64", "1", "2")};
  const RuleIndex index(rules);
  EXPECT_TRUE(table_packages(steps, decide_steps(index, test::facts_with(), steps), {}).empty());
}

}  // namespace
}  // namespace aptkeep
