// What the reader makes of each field, and what it says of each kind of mistake.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "adapters/apt_rules.h"
#include "apt_root.h"
#include "core/guard.h"
#include "core/rule_text.h"

namespace aptkeep {
namespace {

class TextFile {
 public:
  explicit TextFile(const std::string& text) {
    const int fd = ::mkstemp(path_.data());
    if (fd >= 0) ::close(fd);
    test::write_text(path_, text);
  }
  ~TextFile() { ::unlink(path_.c_str()); }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/aptkeep-rule.XXXXXX";
};

const std::string kStart = "Package: postfix\nReason: r\nSource: https://example.org\n";

// The only rule of a text with these further lines, from line 4 on.
Rule rule_with(const std::string& lines) {
  const TextFile file(kStart + lines);
  const auto read = read_rule_file(file.path());
  EXPECT_TRUE(read.ok()) << (read.ok() ? "" : read.error().message);
  if (!read || read->rules.size() != 1) return {};
  return read->rules[0];
}

std::vector<std::string> mistakes_in(const std::string& text) {
  const TextFile file(text);
  const auto found = check_rules(file.path());
  EXPECT_TRUE(found.ok());
  std::vector<std::string> lines;
  for (const auto& line : found ? *found : std::vector<std::string>()) {
    EXPECT_TRUE(line.starts_with(file.path() + ":")) << line;
    lines.push_back(line.substr(std::min(line.size(), file.path().size() + 1)));
  }
  return lines;
}

// The only mistake of a rule with these further lines.
std::string mistake(const std::string& lines) {
  const auto found = mistakes_in(kStart + "Rollback: never\n" + lines);
  EXPECT_EQ(found.size(), 1U) << lines << (found.size() > 1 ? found[1] : "");
  return found.empty() ? "" : found[0];
}

template <typename T>
std::vector<std::string> texts(const std::vector<T>& values) {
  std::vector<std::string> made;
  for (const auto& value : values) made.push_back(to_string(value));
  return made;
}

using Texts = std::vector<std::string>;

TEST(RuleFields, WhenItApplies) {
  const auto rule = rule_with(
      "When-Installed: dovecot-core (>= 1:2.3), vmm,\n mailman(=2.1)\n"
      "Architecture: amd64 arm64\n"
      "Upgrade-From: << 3.6~,\n >=3.4\n"
      "Upgrade-To: >= 1:3.6-1\n"
      "Both-Ways: yes\n"
      "Historic: yes\n"
      "Rollback: never\n");
  EXPECT_EQ(rule.packages, Texts{"postfix"});
  ASSERT_EQ(rule.when_installed.size(), 3U);
  EXPECT_EQ(rule.when_installed[0].package, "dovecot-core");
  EXPECT_EQ(to_string(*rule.when_installed[0].version), ">= 1:2.3");
  EXPECT_EQ(rule.when_installed[1].package, "vmm");
  EXPECT_FALSE(rule.when_installed[1].version);
  EXPECT_EQ(to_string(*rule.when_installed[2].version), "= 2.1");
  EXPECT_EQ(rule.architectures, (Texts{"amd64", "arm64"}));
  EXPECT_EQ(texts(rule.upgrade_from), (Texts{"<< 3.6~", ">= 3.4"}));
  EXPECT_EQ(texts(rule.upgrade_to), Texts{">= 1:3.6-1"});
  EXPECT_TRUE(rule.both_ways);
  EXPECT_TRUE(rule.historic);
  EXPECT_EQ(rule.reason, "r");
  EXPECT_EQ(rule.source, "https://example.org");
  EXPECT_FALSE(rule_with("Upgrade-To: >= 1\nBoth-Ways: no\nClass: end\n").both_ways);
}

TEST(RuleFields, Services) {
  const auto rule = rule_with(
      "Services: postfix.service postfix@*.service\n none\n"
      "Class: STOP\n"
      "Sockets: park\n"
      "Together: dovecot.socket mailman@a\\x2db.service\n");
  EXPECT_TRUE(rule.services.none);
  EXPECT_EQ(rule.services.entries, (Texts{"postfix.service", "postfix@*.service"}));
  EXPECT_EQ(rule.service_class, ServiceClass::Stop);
  EXPECT_EQ(rule.sockets, SocketMode::Park);
  EXPECT_FALSE(rule.together.none);
  EXPECT_EQ(rule.together.entries, (Texts{"dovecot.socket", "mailman@a\\x2db.service"}));
}

TEST(RuleFields, Guards) {
  const auto rule = rule_with(
      "Guard: queue-empty /var/spool/a '/var/spool/b c'\n"
      " command \"/bin/grep -q x /etc/x\" expects 0\n"
      "If-Unmet: warn\n");
  EXPECT_EQ(texts(rule.guards.entries), (Texts{"queue-empty /var/spool/a '/var/spool/b c'",
                                               "command '/bin/grep -q x /etc/x' expects 0"}));
  EXPECT_EQ(rule.if_unmet, IfUnmet::Warn);
}

TEST(RuleFields, Commands) {
  const auto rule = rule_with(
      "Check-Config: /usr/sbin/postfix check\n"
      "Probe: timeout=5 /bin/nc -z localhost 25\n"
      "Before: none\n"
      " user=postgres timeout=600 /usr/bin/pg_dumpall -f '/var/backups/all of it'\n"
      "After: sh: echo \"$x; y\" | cat 'z'\n"
      "Backup: timeout=5 sh:true\n");
  EXPECT_EQ(texts(rule.check_config.entries), Texts{"/usr/sbin/postfix check"});
  EXPECT_EQ(texts(rule.probe.entries), Texts{"timeout=5 /bin/nc -z localhost 25"});
  EXPECT_TRUE(rule.before.none);
  ASSERT_EQ(rule.before.entries.size(), 1U);
  const auto& dump = rule.before.entries[0];
  EXPECT_EQ(dump.user, "postgres");
  EXPECT_EQ(dump.timeout, 600);
  EXPECT_FALSE(dump.shell);
  EXPECT_EQ(dump.argv, (Texts{"/usr/bin/pg_dumpall", "-f", "/var/backups/all of it"}));
  ASSERT_EQ(rule.after.entries.size(), 1U);
  EXPECT_TRUE(rule.after.entries[0].shell);
  EXPECT_EQ(rule.after.entries[0].argv, Texts{"echo \"$x; y\" | cat 'z'"});
  EXPECT_EQ(texts(rule.backup.entries), Texts{"timeout=5 sh: true"});
}

TEST(RuleFields, AnEntryOfSeveralLines) {
  const auto rule = rule_with(
      "After: /bin/a \\\n"
      "  b \\\n"
      "# in between\n"
      "  'c d'\n"
      " /bin/e \\x f\\\n"
      " /bin/g \\\n");
  EXPECT_EQ(texts(rule.after.entries), (Texts{"/bin/a b 'c d'", "/bin/e \\x f\\", "/bin/g"}));
}

TEST(RuleFields, NothingOfACommandIsAShellWord) {
  const auto rule = rule_with("After: /bin/echo $(id) `id` a;b |c >d * ~ \\ -x '\"$y\"'\n");
  ASSERT_EQ(rule.after.entries.size(), 1U);
  EXPECT_FALSE(rule.after.entries[0].shell);
  EXPECT_EQ(rule.after.entries[0].argv, (Texts{"/bin/echo", "$(id)", "`id`", "a;b", "|c", ">d", "*",
                                               "~", "\\", "-x", "\"$y\""}));
}

TEST(RuleFields, AfterwardsAndElse) {
  const auto rule = rule_with(
      "Save: /etc/aliases.db '/var/lib/a b'\n /srv\n"
      "On-Failure: leave-unconfigured\n"
      "Rollback: Allowed\n"
      "Repair: type\n  this\n");
  EXPECT_EQ(rule.save.entries, (Texts{"/etc/aliases.db", "/var/lib/a b", "/srv"}));
  EXPECT_EQ(rule.on_failure, OnFailure::LeaveUnconfigured);
  EXPECT_EQ(rule.never_back, false);
  EXPECT_EQ(rule.repair, "type this");
}

TEST(RuleMistakes, InWhatItIsAbout) {
  EXPECT_EQ(mistake("Upgrade-Form: << 3\n"), "5: unknown field \"Upgrade-Form\"");
  EXPECT_EQ(mistake("When-Installed: dovecot (>> )\n"),
            "5: When-Installed: \"dovecot (>> )\" is no NAME and no NAME (>= VERSION)");
  EXPECT_EQ(mistake("When-Installed: dove cot\n"),
            "5: When-Installed: \"dove cot\" is no NAME and no NAME (>= VERSION)");
  EXPECT_EQ(mistake("When-Installed: a,\n b,,c\n"),
            "6: When-Installed: \"\" is no NAME and no NAME (>= VERSION)");
  EXPECT_EQ(mistake("Architecture: amd64 all\n"),
            "5: Architecture: \"all\" is no machine's architecture");
  EXPECT_EQ(mistake("Both-Ways: yes\n"), "5: Both-Ways without Upgrade-From or Upgrade-To");
  EXPECT_EQ(mistake("Historic: maybe\n"), "5: Historic: \"maybe\" is not yes or no");
  EXPECT_EQ(mistake("Upgrade-To:\n"), "5: Upgrade-To is empty");
}

TEST(RuleMistakes, InVersions) {
  const std::string no_relation = "\" is no version behind <<, <=, =, >= or >>";
  for (const char* bad :
       {"3.6", "< 3.6", "== 3", "<<", "<< 3_6", "<< a3", "<< 1:", "<< :1", "<< x:1", "<< 3.6-",
        "<< 3 6", "<< 3.6)", "<< $(id)", ">= 1/../2", "!= 3"}) {
    EXPECT_EQ(mistake("Upgrade-From: " + std::string(bad) + "\n"),
              "5: Upgrade-From: \"" + std::string(bad) + no_relation);
  }
  EXPECT_EQ(mistake("Upgrade-From: << 2, >= 3\n"), "5: Upgrade-From: no version is << 2, >= 3");
  EXPECT_EQ(mistake("Upgrade-From: << 2\nUpgrade-To: >= 1:2, << 3\n"),
            "6: Upgrade-To: no version is >= 1:2, << 3");
  EXPECT_EQ(
      mistake("Upgrade-From: >= 2\nUpgrade-To: << 2~~\n"),
      "6: Upgrade-To: no upgrade goes from >= 2 to << 2~~, only a downgrade (Both-Ways: yes)");
}

TEST(RuleMistakes, InUnits) {
  for (const char* bad : {"postfix", "-H.service", "a/b.service", "../x.service", "x@.service",
                          "*.service", ".service", "a;b.service", "x$(id).service", "x.conf"}) {
    EXPECT_EQ(mistake("Services: " + std::string(bad) + "\n"),
              "5: Services: \"" + std::string(bad) + "\" is no unit, such as x.service");
    EXPECT_EQ(mistake("Together: good.socket\n " + std::string(bad) + "\n"),
              "6: Together: \"" + std::string(bad) + "\" is no unit, such as x.service");
  }
  EXPECT_NE(mistake("Services: " + std::string(300, 'x') + ".service\n"), "");
}

TEST(RuleMistakes, InWhatComesToNothing) {
  EXPECT_EQ(mistake("Class: end\nIdle: /bin/true\n"), "6: Idle with another Class than never");
  EXPECT_EQ(mistake("Class: end\nTogether: x.service\n"),
            "6: Together with another Class than stop");
  EXPECT_EQ(mistakes_in(kStart + "Class: never\nIdle: /bin/true\n"), Texts());
  EXPECT_EQ(mistakes_in(kStart + "Idle: /bin/true\n"), Texts());
  EXPECT_EQ(mistake("Reload: a.service b.socket\n"), "5: Reload: \"b.socket\" is no service");
  EXPECT_EQ(mistake("Services: a.service\nTogether: b.service\n a.service\n"),
            "6: Together: \"a.service\" is in Services, too");
  EXPECT_EQ(mistakes_in(kStart + "Services: a.service\nTogether: b.service\n"), Texts());
}

TEST(RuleMistakes, InChoices) {
  EXPECT_EQ(mistake("Class: pause\n"),
            "5: Class: \"pause\" is not stop, early, end, never or stock");
  EXPECT_EQ(mistake("Class: stop end\n"),
            "5: Class: \"stop end\" is not stop, early, end, never or stock");
  EXPECT_EQ(mistake("sockets:\n"), "5: Sockets: \"\" is not quiesce, park or leave");
  EXPECT_EQ(mistake("If-Unmet: skip\n"), "5: If-Unmet: \"skip\" is not keep, stop, warn or ask");
  EXPECT_EQ(mistake("On-Failure: none\n"),
            "5: On-Failure: \"none\" is not roll-back, leave-unconfigured, stop-run or retry");
}

TEST(RuleMistakes, InGuards) {
  EXPECT_EQ(mistake("Guard: queue-empty 'x\n"),
            "5: Guard: \"queue-empty 'x\" has a quote that is not closed");
  EXPECT_TRUE(mistake("Guard: same-ids postfix\n que-empty /x\n")
                  .starts_with("6: Guard: \"que-empty /x\" is no guard: "));
  EXPECT_TRUE(mistake("Guard: queue-empty spool\n")
                  .starts_with("5: Guard: \"queue-empty spool\" is no guard: "));
  EXPECT_EQ(mistake("Guard:\n"), "5: Guard is empty");
}

TEST(RuleMistakes, InCommands) {
  const auto in_before = [](const std::string& text) { return mistake("Before: " + text + "\n"); };
  EXPECT_EQ(in_before("postfix check"),
            "5: Before: \"postfix check\" has a program whose name is no absolute path");
  EXPECT_EQ(in_before("/usr/../bin/x"),
            "5: Before: \"/usr/../bin/x\" has a program whose name goes over . or ..");
  EXPECT_EQ(in_before("/usr//bin/x"),
            "5: Before: \"/usr//bin/x\" has a program whose name has an empty part");
  EXPECT_EQ(in_before("/bin/x 'y"), "5: Before: \"/bin/x 'y\" has a quote that is not closed");
  EXPECT_EQ(in_before("timeout=0 /bin/x"),
            "5: Before: \"timeout=0 /bin/x\" has no number of seconds from 1 to 86400");
  EXPECT_EQ(in_before("timeout=1h /bin/x"),
            "5: Before: \"timeout=1h /bin/x\" has no number of seconds from 1 to 86400");
  EXPECT_EQ(in_before("user=-l /bin/x"), "5: Before: \"user=-l /bin/x\" names no user");
  EXPECT_EQ(in_before("user=a;b /bin/x"), "5: Before: \"user=a;b /bin/x\" names no user");
  EXPECT_EQ(in_before("user=postgres"), "5: Before: \"user=postgres\" names no program");
  EXPECT_EQ(in_before("sh:"), "5: Before: \"sh:\" has no text for the shell");
  EXPECT_EQ(in_before("''"), "5: Before: \"''\" has a program whose name is no absolute path");
  for (const char* field : {"Check-Config", "Probe", "Idle", "After", "Backup"}) {
    EXPECT_EQ(mistake(std::string(field) + ": x\n"),
              "5: " + std::string(field) + ": \"x\" has a program whose name is no absolute path");
  }
}

TEST(RuleMistakes, InPaths) {
  EXPECT_EQ(mistake("Save: etc/x\n"), "5: Save: \"etc/x\" is no absolute path");
  EXPECT_EQ(mistake("Save: /etc/../x\n"), "5: Save: \"/etc/../x\" goes over . or ..");
  EXPECT_EQ(mistake("Save: /etc/*.cf\n"), "5: Save: \"/etc/*.cf\" is a pattern");
  EXPECT_EQ(mistake("Save: /\n"), "5: Save: \"/\" has an empty part");
  EXPECT_EQ(mistake("Save: /a/\n"), "5: Save: \"/a/\" has an empty part");
}

// Each makes a rule that never does what it says, though every word of it is one.
TEST(RuleMistakes, ThatWouldNeverBeNoticed) {
  const auto of = [](const std::string& packages) {
    return mistakes_in("Package: " + packages + "\nClass: end\nReason: r\nSource: https://x\n");
  };
  EXPECT_EQ(of("foo[a"), Texts{"1: Package: \"foo[a\" has a set that is not closed"});
  EXPECT_EQ(of("foo[z-a]"),
            Texts{"1: Package: \"foo[z-a]\" has a range that ends before it begins"});
  EXPECT_EQ(of("foo[!0-9a-]"), Texts{});
  EXPECT_EQ(of("[]*"), Texts{"1: Package: \"[]*\" has a set that is not closed"});
  EXPECT_EQ(of("foo[a] []]*"), Texts{});
  EXPECT_EQ(of("FOO"), Texts{"1: Package: \"FOO\" has capitals, which no package's name has"});
  EXPECT_EQ(mistake("Class: end\nWhen-Installed: Foo (>= 1)\n"),
            "6: When-Installed: \"Foo (>= 1)\" has capitals, which no package's name has");
  EXPECT_EQ(mistake("Class: end\nWhen-Installed: a (<< 1), b, a (>> 2)\n"),
            "6: When-Installed: no version of a is << 1, >> 2");
  EXPECT_EQ(mistakes_in(kStart + "Class: end\nWhen-Installed: a (>> 1), b (<< 1), a (<< 2)\n"),
            Texts{});
  EXPECT_EQ(mistake("Save: /etc/a, /etc/b\n"),
            "5: Save: \"/etc/a,\" ends with a comma; blanks are between paths");
  EXPECT_EQ(mistake("Before: user=a timeout=2 user=b /bin/true\n"),
            "5: Before: \"user=a timeout=2 user=b /bin/true\" has user= twice");
}

TEST(RuleMistakes, OfARuleThatSaysNothing) {
  EXPECT_EQ(mistakes_in(kStart + "Upgrade-To: >= 3\n"),
            Texts{"1: no field says what to do: Class, Guard, Rollback or another"});
}

TEST(RuleMistakes, OneIsToldOnce) {
  const std::string end = "Reason: r\nClass: end\n";
  EXPECT_EQ(mistakes_in("Package: a\n" + end + "Sorce: https://x\n"),
            Texts{"4: unknown field \"Sorce\""});
  EXPECT_EQ(mistakes_in("Pakage: a\n" + end + "Source: https://x\n"),
            Texts{"1: unknown field \"Pakage\""});
  EXPECT_EQ(mistakes_in("Package: a\nReason r\nClass: end\nSource: https://x\n"),
            Texts{"2: \"Reason r\" is no field"});
  EXPECT_EQ(mistakes_in("Package: a\nReason: r\nClass end\nSource: https://x\n"),
            Texts{"3: \"Class end\" is no field"});
  EXPECT_EQ(mistakes_in(" Package: a\n" + end + "Source: https://x\n"),
            Texts{"1: \" Package: a\" is no field"});
  EXPECT_EQ(mistake("Reload: bogus\n"), "5: Reload: \"bogus\" is no unit, such as x.service");
  EXPECT_EQ(mistake("Upgrade-From: bogus\nBoth-Ways: yes\n"),
            "5: Upgrade-From: \"bogus\" is no version behind <<, <=, =, >= or >>");
  // Of a line that is lost, in a stanza that is nothing else, the next one knows nothing.
  EXPECT_EQ(mistakes_in("nonsense\n\nPackage: a\n" + end),
            (Texts{"1: \"nonsense\" is no field", "3: no field Source"}));
}

TEST(RuleMistakes, AreAllTold) {
  EXPECT_EQ(
      mistakes_in("Package: a,b\nClass: no\nSource: x\n\n"
                  "broken line\n"
                  "Package: c\nReason: r\nSource: https://x\nUpgrade-To: 3\nRollback: never\n"),
      (Texts{"1: Package: \"a,b\" is no package name", "1: no field Reason",
             "2: Class: \"no\" is not stop, early, end, never or stock",
             "3: Source is neither a link nor \"PACKAGE SCRIPT: what it does\"",
             "5: \"broken line\" is no field",
             "9: Upgrade-To: \"3\" is no version behind <<, <=, =, >= or >>"}));
}

TEST(RuleMistakes, AFileThatIsNotThere) {
  const auto found = check_rules("/nowhere/x.rules");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message, "unable to use /nowhere/x.rules: No such file or directory");
}

TEST(Versions, AreLibaptPkgs) {
  EXPECT_LT(compare_versions("1.0~rc1", "1.0"), 0);
  EXPECT_GT(compare_versions("1:0.1", "2.0"), 0);
  EXPECT_EQ(compare_versions("1.0", "1.0-0"), 0);
}

}  // namespace
}  // namespace aptkeep
