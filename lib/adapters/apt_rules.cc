#include "adapters/apt_rules.h"

#include <apt-pkg/debversion.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "adapters/apt_rules_impl.h"
#include "core/config.h"

namespace aptkeep {

using namespace apt_rules_impl;

namespace {

void sort_by_line(Faults& faults) {
  std::stable_sort(faults.begin(), faults.end(),
                   [](const Fault& a, const Fault& b) { return a.line < b.line; });
}

std::string complaint(const std::string& path, const Fault& fault) {
  const auto line = fault.line == 0 ? "" : ", line " + std::to_string(fault.line);
  return "unable to use " + name_of(path) + line + ": " + fault.why;
}

// Tests are not looked at: a slip in one must not take its file's rules away.
std::vector<Rule> read_file(const std::string& path, Trust trust, Faults& faults) {
  std::vector<Rule> rules;
  const auto content = content_of(path, trust);
  if (!content || !content->fault.empty()) {
    faults.push_back({0, content ? content->fault : content.error().message});
    return rules;
  }
  for (const auto& stanza : stanzas_of(content->text, faults)) {
    if (!is_test(stanza)) rules.push_back(rule_of(stanza, path, faults));
  }
  return rules;
}

// One that is broken overrides nothing: a slip must not take a protection away.
void read_first_good(const std::string& name, const std::vector<std::string>& paths, Trust trust,
                     Rules& rules) {
  for (const auto& path : paths) {
    Faults faults;
    auto found = read_file(path, trust, faults);
    if (faults.empty()) {
      std::move(found.begin(), found.end(), std::back_inserter(rules.rules));
      return;
    }
    sort_by_line(faults);
    rules.complaints.push_back(complaint(path, faults.front()));
  }
  rules.left_out.push_back(name);
}

// A newer dpkg may know more of them, so that such a rule is no mistake everywhere.
Faults unknown_architectures(std::string_view text, const std::set<std::string>& known) {
  Faults faults;
  Faults others;
  for (const auto& stanza : stanzas_of(text, others)) {
    const auto* field = stanza.find("Architecture");
    if (field == nullptr) continue;
    for (const auto& word : words_of(*field)) {
      if (!known.contains(word.text)) {
        faults.push_back(
            {word.line, field->name + ": " + as_shown(word.text) + " is none that dpkg knows"});
      }
    }
  }
  return faults;
}

}  // namespace

std::string fault_of_never_list(const Rules& rules) {
  const std::string list = paths::kNeverRollBack;
  const auto name = list.substr(list.rfind('/') + 1);
  if (::access(list.c_str(), R_OK) != 0) {
    return "unable to read " + list + ": " + std::generic_category().message(errno);
  }
  const auto& left_out = rules.left_out;
  const bool used = std::find(left_out.begin(), left_out.end(), name) == left_out.end();
  return used ? "" : "unable to tell what may go back: " + list + " cannot be used";
}

RuleFile apt_rules_impl::parse(std::string_view text, const std::string& path, Faults& faults) {
  RuleFile file;
  for (const auto& stanza : stanzas_of(text, faults)) {
    if (is_test(stanza)) {
      file.tests.push_back(test_of(stanza, path, faults));
    } else {
      file.rules.push_back(rule_of(stanza, path, faults));
    }
  }
  sort_by_line(faults);
  return file;
}

std::vector<std::string> rule_folders() {
  return {"/usr/share/aptkeep/rules.d", "/etc/aptkeep/rules.d"};
}

Result<Rules> read_rules(const std::vector<std::string>& folders, RuleOwners owners) {
  const Trust trust = owners == RuleOwners::Root ? Trust::OnlyRoot : Trust::AlsoOwn;
  Files files;
  Rules rules;
  for (const auto& folder : folders) {
    const auto listed = list_files(folder, trust, files, rules.complaints);
    if (!listed) return listed.error();
  }
  for (const auto& [name, paths] : files) read_first_good(name, paths, trust, rules);
  return rules;
}

Result<std::vector<std::string>> check_rules(const std::string& path,
                                             const std::set<std::string>& architectures) {
  const auto content = content_of(path, Trust::Any);
  if (!content) return Error{complaint(path, {0, content.error().message})};
  if (!content->fault.empty()) return std::vector{name_of(path) + ": " + content->fault};
  Faults faults;
  parse(content->text, path, faults);
  // Each word is well-formed then.
  if (faults.empty() && !architectures.empty())
    faults = unknown_architectures(content->text, architectures);
  std::vector<std::string> lines;
  for (const auto& fault : faults) {
    lines.push_back(place(path, fault.line) + ": " + fault.why);
  }
  return lines;
}

Result<RuleFile> read_rule_file(const std::string& path) {
  const auto content = content_of(path, Trust::Any);
  if (!content) return Error{complaint(path, {0, content.error().message})};
  if (!content->fault.empty()) return Error{complaint(path, {0, content->fault})};
  Faults faults;
  auto file = parse(content->text, path, faults);
  if (!faults.empty()) return Error{complaint(path, faults.front())};
  return file;
}

Result<std::vector<RuleTest>> read_rule_tests(const std::string& path) {
  auto file = read_rule_file(path);
  if (!file) return file.error();
  return std::move(file->tests);
}

int compare_versions(std::string_view a, std::string_view b) {
  return debVS.DoCmpVersion(a.data(), a.data() + a.size(), b.data(), b.data() + b.size());
}

}  // namespace aptkeep
