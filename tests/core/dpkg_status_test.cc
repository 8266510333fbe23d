#include "core/dpkg_status.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>

#include "test_data.h"

namespace aptkeep {
namespace {

std::string to_text(const StatusEvent& event) {
  static const std::map<StatusEvent::Kind, std::string> kKinds{
      {StatusEvent::Kind::State, "state"},
      {StatusEvent::Kind::Error, "error"},
      {StatusEvent::Kind::ConffilePrompt, "prompt"},
      {StatusEvent::Kind::Processing, "processing"}};
  return kKinds.at(event.kind) + " [" + event.subject + "] [" + event.detail + "]\n";
}

std::string events_of(std::string_view log) {
  std::string text;
  for (const auto& event : parse_status_log(log)) text += to_text(event);
  return text;
}

// "preinst exit 3", "postinst signal 9", "none".
std::string verdict(std::string_view message) {
  const ScriptError error = parse_script_error(message);
  if (error.script.empty()) {
    EXPECT_EQ(error.exit_code, -1);
    EXPECT_EQ(error.signal, 0);
    return "none";
  }
  if (error.signal != 0) {
    EXPECT_EQ(error.exit_code, -1);
    return error.script + " signal " + std::to_string(error.signal);
  }
  return error.script + " exit " + std::to_string(error.exit_code);
}

// The errors of one recorded log: "SUBJECT: VERDICT", joined by "; ".
std::string errors_of(const std::string& dpkg, const std::string& name) {
  const auto path = test::data_dir() / "status" / dpkg / (name + ".log");
  EXPECT_TRUE(std::filesystem::exists(path)) << path;
  std::string text;
  for (const auto& event : parse_status_log(test::read_file(path))) {
    if (event.kind != StatusEvent::Kind::Error) continue;
    text += (text.empty() ? "" : "; ") + event.subject + ": " + verdict(event.detail);
  }
  return text;
}

// What each recorded failure must be read as (tests/data/README.md says how they were made).
const std::map<std::string, std::string> kRecorded{
    {"good", ""},
    {"prerm-healed", ""},
    {"preinst", "n.deb: preinst exit 3"},
    {"preinst-new", "n.deb: preinst exit 7"},
    {"preinst-abort", "n.deb: preinst exit 3"},
    {"preinst-abort-install", "n.deb: preinst exit 3"},
    {"prerm", "n.deb: prerm exit 5"},
    {"prerm-noscript", "n.deb: none"},
    {"postrm", "n.deb: postrm exit 8"},
    {"postinst", "tst: postinst exit 255"},
    {"postinst-dependent", "tst: postinst exit 1; tst-dep: none"},
    {"segv", "n.deb: preinst signal 11"},
    {"kill", "tst: postinst signal 9"},
    {"term", "tst: postinst signal 15"},
    {"abort", "tst: postinst signal 6"},
    {"int", "tst: postinst signal 2"},
    {"trigger", "tst-handler: postinst exit 11"},
    {"trigger-await", "tst-handler: postinst exit 12"},
    {"conflictfile", "n.deb: none"},
    {"conflictpath", "/rec/stdebs/q : error : q/r/o: t.deb: none"},
    {"conffile", "tst: none"},
    {"dependency", "tst: none"},
    {"predepends", "n.deb: none"},
    {"conflict", "n.deb: none"},
    {"remove-prerm", "tst: prerm exit 13"},
    {"remove-prerm-abort", "tst: prerm exit 13"},
    {"remove-postrm", "tst: postrm exit 15"},
    {"purge-postrm", "tst: postrm exit 16"},
    {"disappear", "n.deb: postrm exit 17"},
    {"broken", "n.deb: none"},
    {"foreign", "n.deb: preinst exit 3"},
    {"abortafter", "x2.deb: preinst exit 1"},
    {"exit126", "n.deb: preinst exit 126"},
    {"noexec", "n.deb: preinst exit 2"},
};

class RecordedBy : public testing::TestWithParam<const char*> {};

TEST_P(RecordedBy, EachFailureIsToldApart) {
  const std::string dpkg = GetParam();
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::data_dir() / "status" / dpkg)) {
    EXPECT_TRUE(kRecorded.contains(entry.path().stem())) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, kRecorded.size());
  for (const auto& [name, expected] : kRecorded) {
    std::string text = expected;
    // The German C library translates the signal's name, and dpkg "was interrupted".
    const auto signal = text.find("signal ");
    if (dpkg == "dpkg-1.21-german" && signal != std::string::npos) {
      text = text.substr(0, signal) + "signal -1";
    }
    EXPECT_EQ(errors_of(dpkg, name), text) << dpkg << ' ' << name;
  }
}

INSTANTIATE_TEST_SUITE_P(DpkgStatus, RecordedBy,
                         testing::Values("dpkg-1.21", "dpkg-1.22", "dpkg-1.21-german"));

std::string recorded(const char* name) {
  return test::read_file(test::data_dir() / "status" / "dpkg-1.21" / name);
}

TEST(DpkgStatus, EventsOfAnUpgradeThatFails) {
  EXPECT_EQ(events_of(recorded("preinst.log")),
            "processing [tst] [upgrade]\n"
            "state [tst] [half-configured]\n"
            "state [tst] [unpacked]\n"
            "state [tst] [half-installed]\n"
            "error [n.deb] [new tst package pre-installation script subprocess returned error exit "
            "status 3]\n"
            "state [tst] [unpacked]\n"
            "state [tst] [installed]\n");
}

TEST(DpkgStatus, EventsOfAConffilePrompt) {
  EXPECT_EQ(events_of(recorded("conffile.log")),
            "processing [tst] [configure]\n"
            "state [tst] [unpacked]\n"
            "prompt [/rec/tst/c] ['/rec/tst/c' '/rec/tst/c.dpkg-new' 1 1]\n"
            "error [tst] [end of file on stdin at conffile prompt]\n");
}

TEST(DpkgStatus, EventsOfAForeignPackage) {
  EXPECT_EQ(events_of(recorded("foreign.log")),
            "processing [tst:i386] [install]\n"
            "state [tst:i386] [half-installed]\n"
            "error [n.deb] [new tst:i386 package pre-installation script subprocess returned error "
            "exit status 3]\n"
            "state [tst:i386] [not-installed]\n");
}

TEST(DpkgStatus, EventsOfATrigger) {
  const std::string events = events_of(recorded("trigger-await.log"));
  EXPECT_NE(events.find("processing [tst-handler] [trigproc]\n"), std::string::npos) << events;
  EXPECT_NE(events.find("state [tst] [triggers-awaited]\n"), std::string::npos) << events;
}

TEST(DpkgStatus, WhatVanishesDoesSoIntoWhatIsUnpacked) {
  const auto vanished = vanished_in(
      "processing: install: other:amd64\n"
      "processing: install: foo-ng:amd64\n"
      "status: foo-ng:amd64: half-installed\n"
      "processing: disappear: foo:amd64\n"
      "status: foo:amd64: not-installed\n"
      "processing: disappear: foo-data:all\n"
      "status: foo-ng:amd64: unpacked\n"
      "processing: configure: foo-ng:amd64\n");
  ASSERT_EQ(vanished.size(), 2U);
  EXPECT_EQ(vanished[0].package, "foo:amd64");
  EXPECT_EQ(vanished[0].into, "foo-ng:amd64");
  EXPECT_EQ(vanished[1].package, "foo-data:all");
  EXPECT_EQ(vanished[1].into, "foo-ng:amd64");
}

TEST(DpkgStatus, LeavesOutWhatItDoesNotUnderstand) {
  EXPECT_EQ(events_of(""), "");
  EXPECT_EQ(events_of("status: a: installed"), "") << "a torn line";
  EXPECT_EQ(events_of("status: a: installed\nstatus: b: inst"), "state [a] [installed]\n");
  EXPECT_EQ(events_of("\n\nfoo\nstatus:\nstatus: \nstatus: a\nstatus: a: bananas\n"
                      "status: a/b: installed\nstatus: a b: installed\nstatus: : installed\n"
                      "processing: upgrade: ../a\nprocessing: up grade: a\nprocessing: a\n"
                      "status:  : error : x\nstatus: /c : conffile-prompt : x\n"
                      " status: a: installed\n"),
            "");
}

TEST(DpkgStatus, ATextMayHaveTheSeparatorInIt) {
  EXPECT_EQ(events_of("status: a : error : b : error : c\n"), "error [a] [b : error : c]\n");
  EXPECT_EQ(events_of("status: /x y.deb : error : b : error : c.deb : error : d\n"),
            "error [/x y.deb] [b : error : c.deb : error : d]\n");
  EXPECT_EQ(events_of("status: a : error : b : conffile-prompt : 'c'\n"),
            "error [a] [b : conffile-prompt : 'c']\n");
  EXPECT_EQ(events_of("status: /etc/a b : conffile-prompt : '/a' '/b' 1 0 \n"),
            "prompt [/etc/a b] ['/a' '/b' 1 0]\n");
}

TEST(ScriptErrors, InEveryTranslationOfDpkg) {
  std::istringstream in(test::read_file(test::data_dir() / "status" / "translations.tsv"));
  const std::map<std::string, std::string> expected{
      {"exit 1", " exit 1"},   {"exit 255", " exit 255"}, {"exit 10", " exit 10"},
      {"killed", " signal 9"}, {"aborted", " signal 6"},  {"interrupted", " signal -1"},
      {"stat", "none"},        {"noscript", "none"}};
  int count = 0;
  for (std::string language, script, end, message; std::getline(in, language, '\t'); ++count) {
    std::getline(in, script, '\t');
    std::getline(in, end, '\t');
    std::getline(in, message);
    std::string text = (script == "-" ? "" : script) + expected.at(end);
    if (language == "en" && end == "interrupted") text = script + " signal 2";
    EXPECT_EQ(verdict(message), text) << language << ": " << message;
  }
  EXPECT_GE(count, 150);
}

TEST(ScriptErrors, NamesOfSignals) {
  const auto killed = [](const std::string& name) {
    return parse_script_error(
               "installed a package post-installation script subprocess was killed by signal (" +
               name + ")")
        .signal;
  };
  for (const int signal : {SIGHUP,  SIGINT,    SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE,
                           SIGKILL, SIGUSR1,   SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGXCPU,
                           SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS}) {
    EXPECT_EQ(killed(strsignal(signal)), signal);
  }
  EXPECT_EQ(killed("Real-time signal 3"), -1);
  EXPECT_EQ(killed(""), -1);
}

TEST(ScriptErrors, PackagesAndFilesWithTheSameNames) {
  EXPECT_EQ(verdict("new post-installation package pre-installation script subprocess returned "
                    "error exit status 4"),
            "preinst exit 4");
  EXPECT_EQ(verdict("installed pre-removal-tools package post-removal script subprocess returned "
                    "error exit status 5"),
            "postrm exit 5");
  EXPECT_EQ(verdict("installed 42 package post-installation script subprocess was killed by signal "
                    "(Killed)"),
            "postinst signal 9");
  EXPECT_EQ(verdict("trying to overwrite '/usr/share/pre-removal', which is also in package x 1"),
            "none");
  EXPECT_EQ(verdict("trying to overwrite '/a post-installation b', which is also in package x (1)"),
            "none");
  EXPECT_EQ(verdict("mypost-installation 5"), "none");
  EXPECT_EQ(verdict(""), "none");
}

// Thai puts the package behind the word, and between spaces.
TEST(ScriptErrors, AnInterruptionOfAPackageThatIsANumber) {
  EXPECT_EQ(verdict("โพรเซสย่อย สคริปต์ post-installation ของแพกเกจ 999 ที่ติดตั้งไว้ ถูกขัดจังหวะ"),
            "postinst signal -1");
}

// What is printed, but not sent, when the new package has no script to stand in.
TEST(ScriptErrors, TheWarningBeforeAMissingScript) {
  EXPECT_EQ(verdict("dpkg: warning: old tst package pre-removal script subprocess returned error "
                    "exit status 4"),
            "prerm exit 4");
}

TEST(OwnersIn, ALineOfDpkgQuery) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(owners_in("foo: /usr/bin/foo"), Names{"foo"});
  EXPECT_EQ(owners_in("foo, bar:i386: /usr/share/a: b"), (Names{"foo", "bar:i386"}));
  EXPECT_EQ(owners_in("diversion by dash from: /bin/sh"), Names{});
  EXPECT_EQ(owners_in("diversion by dash to: /bin/sh.distrib"), Names{});
  EXPECT_EQ(owners_in("local diversion from: /bin/sh"), Names{});
  EXPECT_EQ(owners_in("dpkg-query: no path found matching pattern /x"), Names{});
  EXPECT_EQ(owners_in(""), Names{});
}

}  // namespace
}  // namespace aptkeep
