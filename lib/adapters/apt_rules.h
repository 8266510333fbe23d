// Rule files (aptkeep.rules(5), rules/README.md): deb822 stanzas, read with libapt-pkg's own
// reader.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/plan.h"
#include "core/result.h"
#include "core/rule.h"
#include "core/rule_match.h"

namespace aptkeep {

struct Rules {
  std::vector<Rule> rules;  // in the order of precedence, see core/rule.h
  // One clear line each, about a file that cannot be read or a stanza that cannot be used; what is
  // said counts for nothing, all others count.
  std::vector<std::string> complaints;
  // Names of files of which no folder has one that can be used.
  std::vector<std::string> left_out;
};

// Where rule files are: those of packages, then the administrator's.
std::vector<std::string> rule_folders();

// All files NAME.rules of these folders, by name; of one that several folders have, only the last
// folder's counts. An empty one or a link to /dev/null so takes away the one it overrides. A folder
// that is not there has no files. Who writes a rule decides what is done as root: a file, or all
// those of a folder, that somebody else than root owns or may write to is not used, nor what is
// reached over another one's folder or link. Fails only where a folder cannot be read.
enum class RuleOwners : bool {
  Root,
  RootOrUser,  // also what the user who asks has: for what is only asked, and by that user alone
};
Result<Rules> read_rules(const std::vector<std::string>& folders,
                         RuleOwners owners = RuleOwners::Root);

// Why it cannot be told what may go back; empty: it can. Who does not want our list masks it in
// /etc; that it is gone, or cannot be used, is no decision of anybody's: nothing goes back then.
std::string fault_of_never_list(const Rules& rules);

// Every mistake of one file (not only its first, as above), "FILE:LINE: what is wrong", or "FILE:
// what is wrong" where it is no file of rules at all; none: it is good. Fails where the file is not
// there or may not be read. Test: stanzas are checked for their form only. Who
// owns the file does not matter here, nor in the two functions below: one's own file can be tried.
// `architectures`: those that mean something; empty: that is not known.
Result<std::vector<std::string>> check_rules(const std::string& path,
                                             const std::set<std::string>& architectures = {});

// `Test:` stanzas of a file, for `aptkeep rules test`: see aptkeep.rules(5).
struct RuleTest {
  std::string where;
  std::string name;                                            // Test:
  Step step;                                                   // Package, From, To, Architecture
  std::vector<std::pair<std::string, std::string>> installed;  // Installed: name version, ...
  // Guards: met, unmet or unknown for one guard; without arguments: for all of its name.
  std::vector<std::pair<GuardCall, std::string>> guards;
  std::vector<std::pair<std::string, bool>> units;  // Units: name = active (true) | inactive
  // Field -> what is to be decided, as decided_text() (core/rule_text.h) has it, If-Unmet for those
  // of `guards` that are not met; or Outcome -> go, or what If-Unmet says when one of `guards` is
  // not met; or Stops -> units, sorted.
  std::vector<std::pair<std::string, std::string>> expect;
};
Result<std::vector<RuleTest>> read_rule_tests(const std::string& path);

// Both kinds of stanzas of one file. Fails with its first mistake.
struct RuleFile {
  std::vector<Rule> rules;
  std::vector<RuleTest> tests;
};
Result<RuleFile> read_rule_file(const std::string& path);

// Which of the test's units go down while its package is replaced, sorted.
using StopsOfTest =
    std::function<std::vector<std::string>(const RuleTest& test, const StepDecisions& decided)>;

// "Class: expected stop, found end", one for each expectation that does not hold; none: all do.
// `stops` is asked where the test expects Stops: what makes a plan of a run knows, and not the
// reader of rules.
std::vector<std::string> run_rule_test(const std::vector<Rule>& rules, const RuleTest& test,
                                       const StopsOfTest& stops);

// deb-version(7)'s order, libapt-pkg's implementation; needs no cache and no configuration.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace aptkeep
