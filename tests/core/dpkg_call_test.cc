#include "core/dpkg_call.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "test_data.h"

namespace aptkeep {
namespace {

using Args = std::vector<std::string>;
using Verb = DpkgCall::Verb;

std::string error_of(const Args& args) {
  const auto call = parse_dpkg_call(args);
  if (call) return "no error";
  const std::string prefix = "unable to take part in this dpkg call: ";
  EXPECT_TRUE(call.error().message.starts_with(prefix)) << call.error().message;
  return call.error().message.substr(prefix.size());
}

// The first calls are apt's own, as a recording dpkg in front of the real one got them from apt 2.6
// and 3.0.
TEST(DpkgCall, AptUnpacksAFolder) {
  const auto call =
      parse_dpkg_call({"--status-fd", "13", "--no-triggers", "--unpack", "--auto-deconfigure",
                       "--recursive", "/tmp/apt-dpkg-install-x"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->verb, Verb::Unpack);
  EXPECT_EQ(call->options, (Args{"--status-fd", "13", "--no-triggers", "--auto-deconfigure"}));
  EXPECT_TRUE(call->recursive && call->no_triggers && call->auto_deconfigure);
  EXPECT_FALSE(call->pending);
  EXPECT_EQ(call->operands, (Args{"/tmp/apt-dpkg-install-x"}));
  EXPECT_FALSE(call->ends_apt_run());
}

TEST(DpkgCall, AptUnpacksArchives) {
  const auto call = parse_dpkg_call({"--force-confold", "--status-fd", "13", "--no-triggers",
                                     "--unpack", "--auto-deconfigure", "/a b.deb", "/c.deb"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->options,
            (Args{"--force-confold", "--status-fd", "13", "--no-triggers", "--auto-deconfigure"}));
  EXPECT_FALSE(call->recursive);
  EXPECT_EQ(call->operands, (Args{"/a b.deb", "/c.deb"}));
}

TEST(DpkgCall, AptRemoves) {
  const auto call = parse_dpkg_call({"--status-fd", "16", "--no-triggers", "--force-depends",
                                     "--abort-after=1", "--force-remove-essential", "--remove",
                                     "python3-apt:amd64", "distro-info-data:all", "hello:i386"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->verb, Verb::Remove);
  EXPECT_EQ(call->operands, (Args{"python3-apt:amd64", "distro-info-data:all", "hello:i386"}));
  EXPECT_EQ(call->options, (Args{"--status-fd", "16", "--no-triggers", "--force-depends",
                                 "--abort-after=1", "--force-remove-essential"}));
}

TEST(DpkgCall, AptPurgesWhatItSelectedBefore) {
  const auto call = parse_dpkg_call(
      {"--force-confold", "-D0", "--status-fd", "16", "--no-triggers", "--purge", "--pending"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->verb, Verb::Purge);
  EXPECT_TRUE(call->pending && call->operands.empty());
  EXPECT_EQ(call->options, (Args{"--force-confold", "-D0", "--status-fd", "16", "--no-triggers"}));
}

TEST(DpkgCall, TakesEveryRecordedCall) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::data_dir() / "calls")) {
    std::istringstream in(test::read_file(entry.path()));
    Args args;
    for (std::string arg; std::getline(in, arg);) args.push_back(arg);
    EXPECT_EQ(error_of(args), "no error") << entry.path();
    ++count;
  }
  EXPECT_EQ(count, 15);
}

TEST(DpkgCall, OnlyTheLastCallEndsTheRun) {
  const auto ends = [](const Args& args) {
    const auto call = parse_dpkg_call(args);
    return call.ok() && call->ends_apt_run();
  };
  EXPECT_TRUE(ends({"--status-fd", "13", "--configure", "--pending"}));
  EXPECT_TRUE(ends({"--status-fd", "13", "--configure", "-a"}));
  EXPECT_TRUE(ends({"--status-fd", "13", "--no-triggers", "--triggers", "--configure", "-a"}));
  EXPECT_FALSE(ends({"--status-fd", "13", "--no-triggers", "--configure", "--pending"}));
  EXPECT_FALSE(ends({"--status-fd", "13", "--configure", "a"}));
  EXPECT_FALSE(ends({"--status-fd", "13", "--no-triggers", "--purge", "--pending"}));
  EXPECT_FALSE(ends({"--status-fd", "13", "--triggers-only", "--pending"}));
}

TEST(DpkgCall, ValuesAreNotOperandsAndOperandsAreNotValues) {
  const Args options{"--log",
                     "/l",
                     "--path-exclude",
                     "/x",
                     "--path-include=/y",
                     "--debug",
                     "1",
                     "-D",
                     "2",
                     "-D3",
                     "-D=4",
                     "--force",
                     "confold",
                     "--refuse-downgrade",
                     "--no-force",
                     "bad-path",
                     "--ignore-depends",
                     "a,b",
                     "--pre-invoke",
                     "echo --remove",
                     "-BE",
                     "-O",
                     "-G",
                     "--abort-after",
                     "5",
                     "--robot",
                     "--status-fd=7"};
  Args args = options;
  args.insert(args.end(), {"--unpack", "x.deb", "--log", "-R"});
  EXPECT_EQ(error_of(args), "an operand that is no name");  // dpkg takes no options behind one
  args.resize(options.size() + 2);
  const auto call = parse_dpkg_call(args);
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->options, options);
  EXPECT_EQ(call->operands, (Args{"x.deb"}));
  EXPECT_FALSE(call->recursive);
}

TEST(DpkgCall, AValueMayLookLikeAVerb) {
  const auto call = parse_dpkg_call({"--status-fd", "3", "--log", "--remove", "--configure", "a"});
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->verb, Verb::Configure);
  EXPECT_EQ(call->options, (Args{"--status-fd", "3", "--log", "--remove"}));
}

TEST(DpkgCall, ShortVerbsAndTheEndOfOptions) {
  const auto purge = parse_dpkg_call({"--status-fd", "3", "-P", "--", "a"});
  ASSERT_TRUE(purge) << purge.error().message;
  EXPECT_EQ(purge->verb, Verb::Purge);
  EXPECT_EQ(purge->operands, (Args{"a"}));
  const auto remove = parse_dpkg_call({"--status-fd", "3", "-r", "a"});
  ASSERT_TRUE(remove);
  EXPECT_EQ(remove->verb, Verb::Remove);
  EXPECT_EQ(remove->options, (Args{"--status-fd", "3"}));
}

TEST(DpkgCall, WhatAptDoesNotSendGoesToTheRealDpkg) {
  const Args s{"--status-fd", "3"};
  const auto with = [&s](const Args& more) {
    Args args = s;
    args.insert(args.end(), more.begin(), more.end());
    return error_of(args);
  };
  for (const Args& args : std::vector<Args>{{"--root", "/x", "--unpack", "a.deb"},
                                            {"--root=/x", "--unpack", "a.deb"},
                                            {"--admindir=/x", "--configure", "-a"},
                                            {"--instdir", "/x", "--unpack", "a.deb"},
                                            {"--no-act", "--unpack", "a.deb"},
                                            {"--dry-run", "--unpack", "a.deb"},
                                            {"--simulate", "--unpack", "a.deb"},
                                            {"--install", "a.deb"},
                                            {"-i", "a.deb"},
                                            {"-iE", "a.deb"},
                                            {"--set-selections"},
                                            {"--assert-multi-arch"},
                                            {"--print-foreign-architectures"},
                                            {"--compare-versions", "1", "lt", "2"},
                                            {"-l"},
                                            {"--audit"},
                                            {"--configur", "-a"},
                                            {"--configured", "-a"},
                                            {"--force=confold", "--configure", "a"},
                                            {"-aR", "--configure"},
                                            {"-Z", "--configure", "a"},
                                            {"--x\n", "--configure", "a"}}) {
    EXPECT_EQ(with(args), "apt does not send it") << args[0];
  }
  EXPECT_EQ(with({"--configure", "--configure", "a"}), "it has two actions");
  EXPECT_EQ(with({"--remove", "--purge", "a"}), "it has two actions");
  EXPECT_EQ(with({}), "it has no action of apt's");
  EXPECT_EQ(with({"a.deb"}), "it has no action of apt's");
  EXPECT_EQ(with({"--configure=a"}), "--configure does not take a value");
  EXPECT_EQ(with({"--configure", "--log"}), "--log takes a value");
  EXPECT_EQ(with({"--configure", "-D"}), "--debug takes a value");
  EXPECT_EQ(with({"--force-help", "--configure", "a"}), "it asks for help");
  EXPECT_EQ(with({"-Dhelp", "--configure", "a"}), "it asks for help");
  EXPECT_EQ(with({"--debug=h", "--configure", "a"}), "it asks for help");
  EXPECT_EQ(with({"--configure"}), "it names no package");
  EXPECT_EQ(with({"--configure", "--pending", "a"}), "--pending with package names");
  EXPECT_EQ(with({"--unpack"}), "it names no archive");
  EXPECT_EQ(with({"--unpack", "--pending", "a.deb"}), "--pending with --unpack");
  EXPECT_EQ(with({"--unpack", "a.deb", "--purge"}), "an operand that is no name");
  EXPECT_EQ(with({"--unpack", "--", "-x.deb"}), "an operand that is no name");
  EXPECT_EQ(with({"--unpack", "-"}), "an operand that is no name");
  EXPECT_EQ(with({"--unpack", ""}), "an operand that is no name");
  EXPECT_EQ(with({"--configure", "a/b"}), "an operand that is no package name");
  EXPECT_EQ(with({"--configure", "a:b:c"}), "an operand that is no package name");
  EXPECT_EQ(error_of({"--configure", "--pending"}), "it has no --status-fd");
  EXPECT_EQ(error_of({"--status-fd"}), "--status-fd takes a value");
  EXPECT_EQ(error_of({}), "it has no action of apt's");
}

TEST(DpkgCall, ShortOptionsOnTheirOwn) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(with_single_options({"dpkg", "-iRE", "-a", "-D2000", "-BD1i", "--log=x", "a-b.deb"}),
            (Words{"dpkg", "-i", "-R", "-E", "-a", "-D2000", "-B", "-D1i", "--log=x", "a-b.deb"}));
  EXPECT_EQ(with_single_options({"dpkg", "-i", "--", "-ab"}), (Words{"dpkg", "-i", "--", "-ab"}));
  EXPECT_EQ(with_single_options({}), Words{});
}

TEST(DpkgCall, ForcesOverwrite) {
  EXPECT_TRUE(forces_overwrite({"--status-fd", "3", "--force-overwrite"}));
  EXPECT_TRUE(forces_overwrite({"--force-depends,overwrite"}));
  EXPECT_TRUE(forces_overwrite({"--force-all"}));
  EXPECT_FALSE(forces_overwrite({"--force-overwrite-dir", "--no-force-overwrite"}));
  EXPECT_FALSE(forces_overwrite({}));
}

}  // namespace
}  // namespace aptkeep
