// read_scripts() on excerpts in the forms that debhelper writes, and on what packages write by
// hand.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/service_class.h"

namespace aptkeep {
namespace {

const std::string kShell = "#!/bin/sh\nset -e\n";
constexpr const char* kConfigure =
    "if [ \"$1\" = \"configure\" ] || [ \"$1\" = \"abort-upgrade\" ] || "
    "[ \"$1\" = \"abort-deconfigure\" ] || [ \"$1\" = \"abort-remove\" ] ; then\n";

// dh_installsystemd, compat 13.
std::string restart_after_upgrade(const std::string& units) {
  return kShell + kConfigure +
         "\tif [ -z \"$DPKG_ROOT\" ] && [ -d /run/systemd/system ]; then\n"
         "\t\tsystemctl --system daemon-reload >/dev/null || true\n"
         "\t\tif [ -n \"$2\" ]; then\n\t\t\t_dh_action=restart\n\t\telse\n"
         "\t\t\t_dh_action=start\n\t\tfi\n"
         "\t\tdeb-systemd-invoke $_dh_action " +
         units + " >/dev/null || true\n\tfi\nfi\n";
}

std::string start_only(const std::string& units) {
  return kShell + kConfigure +
         "\tif [ -z \"${DPKG_ROOT:-}\" ] && [ -d /run/systemd/system ]; then\n"
         "\t\tdeb-systemd-invoke start " +
         units + " >/dev/null || true\n\tfi\nfi\n";
}

std::string stop_when(const std::string& argument, const std::string& units) {
  return kShell + "if [ -z \"${DPKG_ROOT:-}\" ] && [ \"$1\" = " + argument +
         " ] && [ -d /run/systemd/system ] ; then\n\tdeb-systemd-invoke stop " + units +
         " >/dev/null || true\nfi\n";
}

// "x.service: stops restarts [where]; y.socket: ..."
std::string said(const MaintainerScripts& scripts) {
  std::string text;
  for (const auto& [unit, actions] : read_scripts(scripts)) {
    text += (text.empty() ? "" : "; ") + unit + ":";
    if (actions.stops) text += " stops";
    if (actions.restarts) text += " restarts";
    if (actions.starts) text += " starts";
    text += " [" + actions.where + "]";
  }
  return text;
}

std::string of_preinst(const std::string& body) {
  return said({.preinst = kShell + body});
}
std::string of_prerm(const std::string& body) {
  return said({.prerm = kShell + body});
}
std::string of_postinst(const std::string& body) {
  return said({.postinst = kShell + body});
}

const std::string kStops = "x.service: stops [preinst: invoke-rc.d x stop]";
const std::string kRestarts = "x.service: restarts [postinst: invoke-rc.d x restart]";

TEST(ServiceScripts, DebhelpersDefaultRestarts) {
  EXPECT_EQ(said({.postinst = restart_after_upgrade("'x.service' 'x.socket'"),
                  .prerm = stop_when("remove", "'x.service' 'x.socket'")}),
            "x.service: restarts [postinst: deb-systemd-invoke restart x.service]; "
            "x.socket: restarts [postinst: deb-systemd-invoke restart x.socket]");
}

TEST(ServiceScripts, NoRestartAfterUpgradeStopsBeforeAndStartsAfter) {
  EXPECT_EQ(said({.preinst = stop_when("upgrade", "'x.service'"),
                  .postinst = start_only("'x.service'"),
                  .prerm = stop_when("remove", "'x.service'")}),
            "x.service: stops starts [preinst: deb-systemd-invoke stop x.service]");
}

TEST(ServiceScripts, NoStopOnUpgradeOnlyStarts) {
  EXPECT_EQ(
      said({.postinst = start_only("'x.service'"), .prerm = stop_when("remove", "'x.service'")}),
      "x.service: starts [postinst: deb-systemd-invoke start x.service]");
}

TEST(ServiceScripts, AnInitScriptOfItsOwn) {
  const std::string begin = std::string(kConfigure) +
                            "\tif [ -x \"/etc/init.d/x\" ]; then\n"
                            "\t\tupdate-rc.d x defaults >/dev/null\n"
                            "\t\tif [ -n \"$2\" ]; then\n\t\t\t_dh_action=restart\n\t\telse\n"
                            "\t\t\t_dh_action=start\n\t\tfi\n";
  EXPECT_EQ(of_postinst(begin + "\t\tinvoke-rc.d x $_dh_action || exit 1\n\tfi\nfi\n"), kRestarts);
  EXPECT_EQ(of_postinst(begin + "\t\tinvoke-rc.d --skip-systemd-native x $_dh_action || exit 1\n"
                                "\tfi\nfi\n"),
            "/etc/init.d/x: restarts [postinst: invoke-rc.d x restart]");
}

TEST(ServiceScripts, EachPackageCallsForATriggerToo) {
  const std::string triggered =
      "case \"$1\" in\n  triggered)\n    if [ -d /run/systemd/system ]; then\n"
      "      deb-systemd-invoke restart 'x.service' || true\n    fi\n    exit 0\n    ;;\n"
      "  configure)\n    ;;\nesac\ndpkg-trigger --no-await /usr/lib/x\n";
  EXPECT_EQ(of_postinst(triggered),
            "x.service: restarts [postinst for a trigger: deb-systemd-invoke restart x.service]");
}

struct Case {
  const char* what;
  const char* body;
  bool counts;
};

TEST(ServiceScripts, WhatAnUpgradeDoesInThePreinst) {
  const std::vector<Case> cases = {
      {"at the top", "invoke-rc.d x stop || true", true},
      {"an argument", "[ \"$1\" = upgrade ] && invoke-rc.d x stop", true},
      {"another one", "[ \"$1\" = install ] && invoke-rc.d x stop", false},
      {"or", "[ \"$1\" = install ] || invoke-rc.d x stop", true},
      {"test", "if test \"$1\" = install; then invoke-rc.d x stop; fi", false},
      {"else", "if [ \"$1\" = install ]; then :; else invoke-rc.d x stop; fi", true},
      {"elif", "if [ \"$1\" = a ]; then :; elif [ $1 = upgrade ]; then invoke-rc.d x stop; fi",
       true},
      {"case", "case \"$1\" in install|upgrade) invoke-rc.d x stop;; esac", true},
      {"case, other", "case \"$1\" in install) invoke-rc.d x stop;; esac", false},
      {"case, rest", "case \"$1\" in install) ;; *) invoke-rc.d x stop;; esac", true},
      {"case, done before", "case $1 in upgrade) ;; *) invoke-rc.d x stop;; esac", false},
      {"case, pattern", "case \"$1\" in (up*) invoke-rc.d x stop;; esac", true},
      {"case, joined", "case \"$1:${2:+y}\" in install:*) ;; *) invoke-rc.d x stop;; esac", true},
      {"exit before", "[ \"$1\" = install ] || exit 0\ninvoke-rc.d x stop", false},
      {"exit perhaps", "[ -x /usr/sbin/x ] || exit 0\ninvoke-rc.d x stop", true},
      {"not", "if ! [ \"$1\" = upgrade ]; then exit 0; fi\ninvoke-rc.d x stop", true},
      {"-a", "if [ \"$1\" = upgrade -a -n \"$2\" ]; then invoke-rc.d x stop; fi", true},
      {"-a, other", "if [ \"$1\" = install -a -n \"$2\" ]; then invoke-rc.d x stop; fi", false},
      {"[[", "if [[ \"$1\" == up* && -n $2 ]]; then invoke-rc.d x stop; fi", true},
      {"[[, other", "if [[ $1 == install || -z $2 ]]; then invoke-rc.d x stop; fi", false},
      {"a new one", "if [ -z \"$2\" ]; then invoke-rc.d x stop; fi", false},
      {"no systemd", "if [ ! -d /run/systemd/system ]; then invoke-rc.d x stop; fi", false},
      {"variable", "MODE=\"$1\"\nif [ \"$MODE\" = upgrade ]; then invoke-rc.d x stop; fi", true},
      {"variable, other", "MODE=$1\nif [ \"$MODE\" = remove ]; then invoke-rc.d x stop; fi", false},
      {"old versions", "if dpkg --compare-versions \"$2\" lt 1.2; then invoke-rc.d x stop; fi",
       false},
      {"newer versions", "if dpkg --compare-versions \"$2\" ge 1.2; then invoke-rc.d x stop; fi",
       true},
      {"swapped", "if dpkg --compare-versions 1.2 gt \"$2\"; then invoke-rc.d x stop; fi", false},
      {"process", "if pidof x >/dev/null; then invoke-rc.d x stop; fi", true},
      {"substitution", "if [ \"$(cat /x)\" = \"a b\" ]; then invoke-rc.d x stop; fi", true},
      {"backticks", "if [ `id -u` = 0 ]; then invoke-rc.d x stop; fi", true},
      {"function", "halt() {\n  invoke-rc.d x stop\n}\nif [ \"$1\" = upgrade ]; then halt; fi",
       true},
      {"function, not called", "halt() { invoke-rc.d x stop; }", false},
      {"function, returns", "halt() { [ \"$1\" ] || return 0; invoke-rc.d $1 stop; }\nhalt x",
       true},
      {"function, returns before",
       "halt() { [ -n \"$1\" ] || return 0; invoke-rc.d x stop; }\nhalt", false},
      {"its status",
       "V=$2\nold() { dpkg --compare-versions \"$V\" lt-nl \"$1\"; }\n"
       "old 1.2 && invoke-rc.d x stop",
       false},
      {"loop", "for s in x; do invoke-rc.d $s stop; done", true},
      {"list in a variable", "ALL=\"x\"\nfor s in $ALL; do invoke-rc.d \"$s\" stop; done", true},
      {"while", "while pidof x; do invoke-rc.d x stop; sleep 1; done", true},
      {"subshell", "(cd / && invoke-rc.d x stop) >/dev/null 2>&1", true},
      {"braces", "{ invoke-rc.d x stop; } || :", true},
      {"continued", "invoke-rc.d \\\n  x \\\n  stop", true},
      {"pipe", "invoke-rc.d x stop 2>&1 | logger", true},
      {"background", "invoke-rc.d x stop &", true},
      {"comment", "# invoke-rc.d x stop\n: # invoke-rc.d x stop", false},
      {"echo", "echo \"to stop it: invoke-rc.d x stop\"\necho 'invoke-rc.d x stop'", false},
      {"document", "cat <<EOF\ninvoke-rc.d x stop\nEOF", false},
      {"document, tabs", "cat <<-'EOF' >/x\n\tinvoke-rc.d x stop\n\tEOF\n:", false},
      {"after a document", "cat <<EOF\nit's\nEOF\ninvoke-rc.d x stop", true},
      {"unknown", "invoke-rc.d $SERVICE stop", false},
      {"unknown verb", "invoke-rc.d x \"$ACTION\"", false},
      {"status", "invoke-rc.d x status", false},
      {"apostrophe", "Y=\"${Z:-it's}\"\ninvoke-rc.d x stop", true},
      {"arithmetic", "i=$((i + (1)))\ninvoke-rc.d x stop", true},
      {"escaped quote", "echo \"a \\\" b\"\ninvoke-rc.d x stop", true},
  };
  for (const Case& one : cases)
    EXPECT_EQ(of_preinst(one.body), one.counts ? kStops : "") << one.what << "\n" << one.body;
}

TEST(ServiceScripts, HowACommandIsWritten) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"deb-systemd-invoke stop 'a.service' 'b.socket' >/dev/null || true",
       "a.service: stops [prerm: deb-systemd-invoke stop a.service]; "
       "b.socket: stops [prerm: deb-systemd-invoke stop b.socket]"},
      {"deb-systemd-invoke --no-dbus stop a",
       "a.service: stops [prerm: deb-systemd-invoke stop "
       "a.service]"},
      {"deb-systemd-invoke --user stop 'a.service'", ""},
      {"systemctl --system -q stop a.timer", "a.timer: stops [prerm: systemctl stop a.timer]"},
      {"systemctl stop --signal KILL -- a", "a.service: stops [prerm: systemctl stop a.service]"},
      {"/bin/systemctl stop a@b", "a@b.service: stops [prerm: systemctl stop a@b.service]"},
      {"service a stop", "a.service: stops [prerm: service a stop]"},
      {"/usr/sbin/service a stop >/dev/null", "a.service: stops [prerm: service a stop]"},
      {"/etc/init.d/a stop", "a.service: stops [prerm: /etc/init.d/a stop]"},
      {"timeout -k 5 30 invoke-rc.d a stop", "a.service: stops [prerm: invoke-rc.d a stop]"},
      {"LC_ALL=C invoke-rc.d --quiet a stop", "a.service: stops [prerm: invoke-rc.d a stop]"},
      {"deb-systemd-invoke stop \"db@15-*\"",
       "db@15-*: stops [prerm: deb-systemd-invoke stop "
       "db@15-*]"},
      {"invoke-rc.d a", ""},
      {"systemctl stop", ""},
      {"systemctl restart a", ""},  // a prerm that restarts says nothing of the upgrade
      {"deb-systemd-helper stop a.service", ""},
  };
  for (const auto& [body, expected] : cases) EXPECT_EQ(of_prerm(body), expected) << body;
}

TEST(ServiceScripts, StopAndStartInThePostinstIsARestart) {
  EXPECT_EQ(of_postinst("invoke-rc.d x stop\nprepare\ninvoke-rc.d x start"),
            "x.service: restarts starts [postinst: invoke-rc.d x start]");
  EXPECT_EQ(of_postinst("invoke-rc.d x stop"), "");
}

TEST(ServiceScripts, OneOfTwoVerbs) {
  EXPECT_EQ(of_postinst("if some_question; then a=restart; else a=start; fi\ninvoke-rc.d x $a"),
            "x.service: restarts starts [postinst: invoke-rc.d x restart]");
  EXPECT_EQ(of_postinst("invoke-rc.d x reload || invoke-rc.d x restart"), kRestarts);
  EXPECT_EQ(of_postinst("systemctl() { command systemctl \"$@\"; }\nsystemctl try-restart x"), "");
}

TEST(ServiceScripts, VersionsThatAreKnownAreCompared) {
  const std::string preinst = kShell +
                              "if [ \"$1\" = upgrade ] && dpkg --compare-versions \"$2\" "
                              "lt-nl 5; then invoke-rc.d x stop; fi\n";
  const auto compare = [](std::string_view a, std::string_view b) { return a.compare(b); };
  for (const auto& [version, expected] :
       {std::pair("4", kStops), std::pair("5", std::string()), std::pair("6", std::string())}) {
    EXPECT_EQ(
        said({.preinst = preinst, .old_version = version, .new_version = "7", .compare = compare}),
        expected)
        << version;
  }
}

TEST(ServiceScripts, WhatIsNoShellSaysNothing) {
  const std::string body = "invoke-rc.d x stop\n";
  for (const char* first :
       {"#!/bin/sh\n", "#! /bin/sh -e\n", "#!/bin/bash\n", "#!/usr/bin/env bash\n"})
    EXPECT_EQ(said({.preinst = first + body}), kStops) << first;
  for (const char* first : {"", "#!/usr/bin/perl\n", "#!/usr/bin/python3\n",
                            "\x7f"
                            "ELF"})
    EXPECT_EQ(said({.preinst = first + body}), "") << first;
}

TEST(ServiceScripts, WhatCannotBeMadeOutSaysNothing) {
  for (const char* rest : {"if true; then :", "case $1 in", "echo 'a", "echo \"a", "fi", "f() {",
                           "echo $(a", "(", ")", "x=${y"})
    EXPECT_EQ(of_preinst(std::string("invoke-rc.d x stop\n") + rest), "") << rest;
  EXPECT_EQ(of_preinst("invoke-rc.d x stop\n" + std::string(600'000, '#')), "");
  EXPECT_EQ(of_preinst("f() { f; }\nf\ninvoke-rc.d x stop"), "");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "( ";
  EXPECT_EQ(of_preinst("invoke-rc.d x stop\n" + deep), "");
}

}  // namespace
}  // namespace aptkeep
