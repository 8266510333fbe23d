// aptkeep rules check, aptkeep rules test: what a rule file says, before it counts.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "command.h"
#include "core/parking.h"
#include "known_rules.h"
#include "plan.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

// Also of those that another one overrides: a mistake in it is one.
std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  if (error == std::errc::no_such_file_or_directory) {
    return files;
  }
  if (error) {
    throw Failed("unable to read " + folder + ": " + error.message());
  }
  for (const auto& entry : entries) {
    const bool masked = std::filesystem::is_character_file(entry.path(), error);
    if (entry.path().extension() == ".rules" && !masked) {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// What keeps a file of these folders from counting although its text is good: who may write it.
std::vector<std::string> other_complaints(const std::vector<std::string>& folders,
                                          const std::vector<std::string>& bad_files) {
  std::vector<std::string> found;
  for (const std::string& complaint : read_known_rules(folders).complaints) {
    const bool told = std::any_of(bad_files.begin(), bad_files.end(), [&](const auto& file) {
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
std::vector<std::string> faults_of_parking_here(const std::string& file) {
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

std::vector<Rule> rules_for(const RuleFile& file, const std::vector<std::string>& folders) {
  return file.rules.empty() ? read_known_rules(folders).rules : file.rules;
}

}  // namespace

int check_rule_files(const std::vector<std::string>& files,
                     const std::vector<std::string>& folders) {
  const auto& places = folders.empty() ? rule_folders() : folders;
  std::vector<std::string> checked = files;
  for (const std::string& folder : files.empty() ? places : std::vector<std::string>()) {
    const auto found = files_of(folder);
    checked.insert(checked.end(), found.begin(), found.end());
  }
  std::vector<std::string> mistakes;
  std::vector<std::string> bad_files;
  for (const std::string& file : checked) {
    const auto found = check_rules(file);
    if (!found) {
      throw Failed(found.error().message);
    }
    mistakes.insert(mistakes.end(), found->begin(), found->end());
    if (found->empty()) {
      const auto faults = faults_of_parking_here(file);
      mistakes.insert(mistakes.end(), faults.begin(), faults.end());
    }
    if (!found->empty()) {
      bad_files.push_back(file);
    }
  }
  if (files.empty()) {
    const auto others = other_complaints(places, bad_files);
    mistakes.insert(mistakes.end(), others.begin(), others.end());
  }
  for (const std::string& mistake : mistakes) {
    std::cout << in_one_line(mistake) << "\n";
  }
  return mistakes.empty() ? kAllWell : kKept;
}

int test_rule_file(const std::string& file, const std::vector<std::string>& folders) {
  const auto read = read_rule_file(file);
  if (!read) {
    throw Failed(read.error().message);
  }
  if (read->tests.empty()) {
    throw Failed("unable to test " + harmless(file) + ": it has no Test: stanza");
  }
  const auto rules = rules_for(*read, folders);
  std::size_t failed = 0;
  for (const RuleTest& test : read->tests) {
    const auto faults = run_rule_test(rules, test);
    failed += faults.empty() ? 0U : 1U;
    for (const std::string& fault : faults) {
      std::cout << in_one_line(test.where + ": " + test.name + ": " + fault) << "\n";
    }
  }
  std::cout << counted(read->tests.size(), "test") << ", " << failed << " failed\n";
  return failed == 0 ? kAllWell : kKept;
}

}  // namespace aptkeep::cli
