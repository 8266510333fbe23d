// What apt-get prints in a simulation, recorded from apt 2.6 and 3.0, and which arguments it gets.
#include "core/simulation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/names.h"

namespace aptkeep {
namespace {

int compare(std::string_view a, std::string_view b) {
  return a.compare(b);
}

Simulation simulation_from(std::string_view output) {
  auto simulation = read_simulation(output, "amd64", compare);
  EXPECT_TRUE(simulation.ok());
  return simulation ? *simulation : Simulation{};
}

TEST(SimulationRead, TellsEachKindOfStepWithItsVersionsAndOrigin) {
  const auto found = simulation_from(
      "Reading package lists...\n"
      "Remv gone [1.0] [keeps:amd64 ]\n"
      "Purg swept:i386 [1.0]\n"
      "Inst foo [1.0] (2.0 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) []\n"
      "Inst all (1.0 localhost [all])\n"
      "Inst down [3.0] (2.0 Debian:12.5/stable [amd64])\n"
      "Inst same:i386 [2.0] (2.0 Some Label:1/x [i386])\n"
      "Conf foo (2.0 Debian:12.5/stable [amd64])\n"
      "Conf left (4.0 Debian:12.5/stable [amd64])\n");
  ASSERT_EQ(found.steps.size(), 7U);
  const auto is = [&](std::size_t i, const char* package, Action action, const char* from,
                      const char* to, const char* origin) {
    const auto& step = found.steps[i].step;
    EXPECT_EQ(step.package, package);
    EXPECT_EQ(step.action, action) << package;
    EXPECT_EQ(step.old_version, from) << package;
    EXPECT_EQ(step.new_version, to) << package;
    EXPECT_EQ(found.steps[i].origin, origin) << package;
  };
  is(0, "gone:amd64", Action::Remove, "1.0", "", "");
  is(1, "swept:i386", Action::Purge, "1.0", "", "");
  is(2, "foo:amd64", Action::Upgrade, "1.0", "2.0",
     "Debian:12.5/stable, Debian-Security:12/stable-security");
  is(3, "all:amd64", Action::Install, "", "1.0", "localhost");
  is(4, "down:amd64", Action::Downgrade, "3.0", "2.0", "Debian:12.5/stable");
  is(5, "same:i386", Action::Reinstall, "2.0", "2.0", "Some Label:1/x");
  is(6, "left:amd64", Action::Configure, "4.0", "4.0", "Debian:12.5/stable");
}

TEST(SimulationRead, TellsAptsCallsApart) {
  const auto found = simulation_from(
      "Remv gone [1]\nInst a [1] (2 x [amd64])\nInst b [1] (2 x [amd64])\nConf a (2 x [amd64])\n"
      "Conf b (2 x [amd64])\nInst c [1] (2 x [amd64])\nConf c (2 x [amd64])\n");
  std::vector<int> calls;
  for (const auto& step : found.steps) calls.push_back(step.call);
  EXPECT_EQ(calls, (std::vector{-1, 0, 0, 1}));
}

// What is last is configured with all that dpkg wants to be configured.
TEST(SimulationRead, TellsWhatIsConfiguredByItsName) {
  const auto read = read_simulation(
      "Conf early (2.0 Debian:12/stable [amd64])\nInst foo (2.0 Debian:12/stable [amd64])\n"
      "Conf late (2.0 Debian:12/stable [amd64])\nConf foo (2.0 Debian:12/stable [amd64])\n",
      "amd64", compare);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->steps.size(), 3U);
  EXPECT_TRUE(read->steps[0].by_name);
  EXPECT_FALSE(read->steps[1].by_name);
  EXPECT_FALSE(read->steps[2].by_name);
}

// apt has no version to install: a pin speaks against the only one.
TEST(SimulationRead, AConfiguredPackageNeedNotHaveAVersion) {
  const auto read = read_simulation("Conf foo\n", "amd64", compare);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->steps.size(), 1U);
  EXPECT_EQ(read->steps[0].step.action, Action::Configure);
  EXPECT_EQ(read->steps[0].step.new_version, "");
  EXPECT_FALSE(read_simulation("Conf foo broken\n", "amd64", compare));
}

TEST(SimulationRead, APurgeAfterARemovalIsOnePurge) {
  const auto found = simulation_from("Remv gone [1.0]\nPurg gone [1.0]\n");
  ASSERT_EQ(found.steps.size(), 1U);
  EXPECT_EQ(found.steps[0].step.action, Action::Purge);
  EXPECT_EQ(found.steps[0].step.old_version, "1.0");
}

TEST(SimulationRead, TellsWhatAptKeepsBack) {
  const auto found = simulation_from(
      "The following packages have been kept back:\n"
      "   dep (1.0 => 2.0)\n"
      "   other:i386 (1.0 => 2.0)\n"
      "The following upgrades have been deferred due to phasing:\n"
      "   slow (1.0 => 1.1)\n"
      "The following packages will be upgraded:\n"
      "   foo (1.0 => 2.0)\n"
      "1 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n");
  ASSERT_EQ(found.kept_back.size(), 3U);
  EXPECT_EQ(found.kept_back[0].package, "dep:amd64");
  EXPECT_EQ(found.kept_back[0].old_version, "1.0");
  EXPECT_EQ(found.kept_back[0].new_version, "2.0");
  EXPECT_FALSE(found.kept_back[0].phased);
  EXPECT_EQ(found.kept_back[1].package, "other:i386");
  EXPECT_EQ(found.kept_back[2].package, "slow:amd64");
  EXPECT_TRUE(found.kept_back[2].phased);
}

TEST(SimulationRead, NothingToDo) {
  EXPECT_TRUE(simulation_from("").steps.empty());
  EXPECT_TRUE(simulation_from("0 upgraded, 0 newly installed\n").steps.empty());
}

// A step that is not understood would be missing from the plan.
TEST(SimulationRead, RefusesAChangeThatItDoesNotUnderstand) {
  for (const char* line :
       {"Inst foo", "Inst foo [1.0]", "Inst foo (2.0)", "Inst foo (2.0 Debian amd64)",
        "Inst fo;o (2.0 x [amd64])", "Inst foo [1 0] (2.0 x [amd64])", "Inst  (2.0 x [amd64])",
        "Conf foo broken", "Remv fo/o [1.0]", "Purg foo [1.0/../x]", "Inst foo (2.0 x [am/d64])"}) {
    const auto found = read_simulation(line, "amd64", compare);
    ASSERT_FALSE(found.ok()) << line;
    EXPECT_NE(found.error().message.find(line), std::string::npos);
  }
}

// Whatever stands there, all that gets through can be named in a plan.
TEST(SimulationRead, LetsNothingThroughThatIsNoPackage) {
  const std::string good =
      "Inst foo [1.0] (2.0 Debian:12.5/stable, X:1/y [amd64]) []\nRemv bar:i386 [1:1.0~a+b-1]\n"
      "The following packages have been kept back:\n   dep (1.0 => 2.0)\nConf l (4 x [all])\n";
  std::uint32_t random = 1;
  const auto next = [&random](std::size_t below) {
    random = random * 1'664'525 + 1'013'904'223;
    return (random >> 8) % below;
  };
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::size_t change = 0; change <= next(4); ++change) {
      const auto at = next(text.size());
      if (next(3) == 0) text.erase(at, next(9));
      if (text.empty()) text = "I";
      text[std::min(at, text.size() - 1)] = " []()/;\n\x1b\x80:aI"[next(13)];
    }
    const auto found = read_simulation(text, "amd64", compare);
    if (!found) continue;
    for (const auto& one : found->steps) {
      EXPECT_TRUE(is_package_reference(one.step.package)) << text;
      for (const auto& version : {one.step.old_version, one.step.new_version}) {
        EXPECT_TRUE(version.empty() || is_version(version)) << text;
      }
    }
    for (const auto& one : found->kept_back) EXPECT_TRUE(is_package_reference(one.package));
  }
}

AptArguments sorted(const std::vector<std::string>& arguments) {
  auto found = read_apt_arguments(arguments);
  EXPECT_TRUE(found.ok()) << (found ? "" : found.error().message);
  return found ? *found : AptArguments{};
}

TEST(AptArguments, AreAFullUpgradeWhereNoCommandIsGiven) {
  EXPECT_EQ(sorted({}).command, "full-upgrade");
  EXPECT_EQ(sorted({"-t", "stable"}).command, "full-upgrade");
}

TEST(AptArguments, KeepTheirMeaningWhateverTheirOrder) {
  const std::vector<std::string> options{"--target-release=backports",
                                         "--option=APT::Get::Purge=true", "--yes",
                                         "--no-install-recommends"};
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-t", "backports", "-o", "APT::Get::Purge=true", "-y",
                                 "--no-install-recommends", "install", "foo", "bar-"},
        std::vector<std::string>{"-tbackports", "install", "-oAPT::Get::Purge=true", "foo", "-qqyV",
                                 "--no-install-recommends", "bar-"},
        std::vector<std::string>{"--target-release=backports", "--option", "APT::Get::Purge=true",
                                 "-y", "--no-install-recommends", "--", "install", "foo",
                                 "bar-"}}) {
    const auto found = sorted(arguments);
    EXPECT_EQ(found.command, "install");
    EXPECT_EQ(found.packages, (std::vector<std::string>{"foo", "bar-"}));
    EXPECT_EQ(found.options, options);
    EXPECT_EQ(found.settings, (std::vector<std::string>{"APT::Get::Purge=true"}));
  }
}

TEST(AptArguments, NothingEndsTheSimulation) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--no-simulate"},
                                                    {"--simulate=false"},
                                                    {"--no-act=no"},
                                                    {"--no-dry-run"},
                                                    {"--just-print=0"},
                                                    {"-s=false"},
                                                    {"-c", "/tmp/x"},
                                                    {"--config-file=/tmp/x"},
                                                    {"-d"},
                                                    {"--download-only"},
                                                    {"--print-uris"},
                                                    {"--no-such"},
                                                    {"-z"},
                                                    {"update"},
                                                    {"clean"},
                                                    {"source", "foo"},
                                                    {"download", "foo"},
                                                    {"moo"},
                                                    {"-o"},
                                                    {"-o", "novalue"},
                                                    {"-t"},
                                                    {"install", "--", "-s"},
                                                    {"install", "--", "--no-simulate"},
                                                    {""},
                                                    {"--no-target-release=x"},
                                                    {"--with-new-pkgs=x"},
                                                    {"-o", "A::B=c\n#clear APT::Get::Simulate;"},
                                                    {"-yz"}}) {
    const auto found = read_apt_arguments(arguments);
    ASSERT_FALSE(found.ok()) << arguments.back();
    EXPECT_TRUE(found.error().message.starts_with("unable to plan with ")) << arguments.back();
  }
}

// Whatever -o says, ours is read later.
TEST(AptArguments, OurSettingsAreTheLastWord) {
  const auto command =
      simulation_command(sorted({"install", "-o", "APT::Get::Simulate=false", "foo"}), "/x");
  EXPECT_EQ(command.front(), "install");
  EXPECT_EQ(command.back(), "--config-file=/x");
  const auto given = std::find(command.begin(), command.end(), "--option=APT::Get::Simulate=false");
  EXPECT_LT(given - command.begin(), static_cast<long>(command.size()) - 2);
  const auto settings = simulation_settings();
  for (const char* line : {"APT::Get::Simulate \"true\";\n", "Debug::NoLocking \"true\";\n",
                           "#clear APT::Install;\n", "#clear AptCli::Hooks;\n"}) {
    EXPECT_NE(settings.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace aptkeep
