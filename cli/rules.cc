// aptkeep rules check, aptkeep rules test: what a rule file says, before it counts.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <system_error>

#include "architectures.h"
#include "command.h"
#include "core/parking.h"
#include "known_rules.h"
#include "plan.h"
#include "test_units.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

// Also of those that another one overrides: a mistake in it is one.
Result<std::vector<std::string>> files_of(const std::string& folder, bool may_be_missing) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (may_be_missing && error == std::errc::no_such_file_or_directory) {
    return files;
  }
  if (error) {
    return Error{"unable to read " + folder + ": " + error.message()};
  }
  for (const auto& entry : entries) {
    const bool masked = std::filesystem::is_character_file(entry.path(), error);
    // As a run would read them (apt_rules_files.cc).
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".rules") && !name.starts_with('.') && !masked) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Checked {
  std::vector<std::string> mistakes;
  std::vector<std::string> unreadable;  // as an upgrade would complain about them
};

// What keeps a file of these folders from counting although its text is good: who may write it.
std::vector<std::string> other_complaints(const std::vector<std::string>& folders,
                                          const std::vector<std::string>& files,
                                          const Checked& checked) {
  std::vector<std::string> found;
  const auto rules = try_known_rules(folders);
  if (!rules) return found;  // a folder of which it was told already
  for (const std::string& complaint : rules->complaints) {
    const auto is_it = [&](const std::string& line) {
      return complaint == line || complaint == "unable to use " + line;
    };
    const bool told = std::ranges::any_of(checked.mistakes, is_it) ||
                      std::ranges::any_of(checked.unreadable, is_it) ||
                      std::ranges::any_of(files, [&](const std::string& file) {
                        return complaint.find(file + ", line ") != std::string::npos;
                      });
    if (!told) {
      found.push_back(complaint);
    }
  }
  return found;
}

// What no mistake in a rule is, and yet not what it says: services that cannot be parked, by their
// names, and where systemd has them here by what their sockets are.
std::vector<std::string> faults_here(const std::string& file) {
  std::vector<std::string> found;
  const auto read = read_rule_file(file);
  if (!read) return found;
  for (const Rule& rule : read->rules) {
    std::vector<std::string> faults = faults_of_parking(rule);
    if (rule.sockets == SocketMode::Park && faults.empty()) {
      const auto here = unparkable_here(rule.services.entries);
      faults.insert(faults.end(), here.begin(), here.end());
    }
    for (const std::string& fault : faults) found.push_back(rule.where + ": " + fault);
  }
  return found;
}

void check_file(const std::string& file, Checked& checked) {
  static const std::set<std::string> architectures = known_architectures();
  const auto found = check_rules(file, architectures);
  if (!found) {
    checked.unreadable.push_back(found.error().message);
    return;
  }
  const auto told = found->empty() ? faults_here(file) : *found;
  checked.mistakes.insert(checked.mistakes.end(), told.begin(), told.end());
}

}  // namespace

int check_rule_files(const std::vector<std::string>& files,
                     const std::vector<std::string>& folders) {
  Checked checked;
  std::vector<std::string> all = files;
  if (files.empty()) {
    for (const std::string& folder : folders.empty() ? rule_folders() : folders) {
      const auto found = files_of(folder, folders.empty());
      if (found) {
        all.insert(all.end(), found->begin(), found->end());
      } else {
        checked.unreadable.push_back(found.error().message);
      }
    }
  }
  for (const std::string& file : all) {
    check_file(file, checked);
  }
  if (files.empty()) {
    const auto others = other_complaints(folders, all, checked);
    checked.mistakes.insert(checked.mistakes.end(), others.begin(), others.end());
  }
  for (const std::string& mistake : checked.mistakes) {
    std::cout << in_one_line(mistake) << "\n";
  }
  // One that cannot be read hides no other's mistakes.
  if (!checked.unreadable.empty()) {
    std::string why = checked.unreadable.front();
    for (std::size_t i = 1; i < checked.unreadable.size(); ++i) {
      why += "; " + checked.unreadable[i];
    }
    throw Failed(why);
  }
  return checked.mistakes.empty() ? kAllWell : kKept;
}

int test_rule_file(const std::string& file, const std::vector<std::string>& folders) {
  const auto read = read_rule_file(file);
  if (!read) {
    throw Failed(read.error().message);
  }
  if (read->tests.empty()) {
    throw Failed("unable to test " + harmless(file) + ": it has no Test: stanza");
  }
  const Rules rules = read->rules.empty() ? read_known_rules(folders) : Rules{read->rules, {}, {}};
  std::size_t failed = 0;
  for (const RuleTest& test : read->tests) {
    const auto faults = run_rule_test(rules.rules, test, stopped_units);
    failed += faults.empty() ? 0U : 1U;
    for (const std::string& fault : faults) {
      std::cout << in_one_line(test.where + ": " + test.name + ": " + fault) << "\n";
    }
  }
  std::cout << notes_of(rules);
  std::cout << counted(read->tests.size(), "test") << ", " << failed << " failed\n";
  return failed == 0 ? kAllWell : kKept;
}

}  // namespace aptkeep::cli
