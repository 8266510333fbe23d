// write_conffiles(): what the real dpkg says and does afterwards.
#include <algorithm>
#include <filesystem>

#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

class WriteConffilesTest : public DpkgRoot {};

TEST_F(WriteConffilesTest, ReplacesTheListAndNothingElse) {
  ASSERT_EQ(install({.name = "other",
                     .fields = "Multi-Arch: foreign\nDepends: foo (>= 1) | bar\nX-A: b\n c\n",
                     .files = {{"/etc/o", "1"}},
                     .conffiles = {"/etc/o"}}),
            1);  // its dependency is missing: stays unpacked
  ASSERT_EQ(install({.name = "foo",
                     .files = {{"/etc/a", "1"}, {"/etc/b", "1"}, {"/usr/f", ""}},
                     .conffiles = {"/etc/a", "/etc/b"}}),
            0);
  ASSERT_EQ(sh("echo foo hold | dpkg --root=" + root() + " --set-selections"), 0);
  const Strings status = lines(read(admin("status")));
  const std::vector<ConffileRecord> wanted = {record("/etc/b", kHashOf2),
                                              record("/etc/a b", kHashOf1, true),
                                              record("/etc/\xe9", "newconffile")};
  const Status done = write_conffiles(slot("foo"), wanted);
  ASSERT_TRUE(done.ok()) << done.error().message;
  Strings expected;
  for (const auto& line : status) {
    if (line.find(" /etc/a ") == 0) {
      for (const auto& one : conffile_lines(wanted)) expected.push_back(one);
    } else if (line.find(" /etc/b ") != 0) {
      expected.push_back(line);
    }
  }
  EXPECT_EQ(lines(read(admin("status"))), expected);
  EXPECT_EQ(files_of(slot("foo")).state, "hi");
  EXPECT_EQ(dpkg("--configure other"), 0) << output();
  expect_conffiles("foo", wanted);
}

TEST_F(WriteConffilesTest, EmptyListTakesTheFieldAway) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  ASSERT_TRUE(write_conffiles(slot("foo"), {}).ok());
  expect_conffiles("foo", {});
  EXPECT_EQ(read(admin("status")).find("Conffiles"), std::string::npos);
}

// The next version has other content: dpkg asks for the edited one, silently replaces the other.
TEST_F(WriteConffilesTest, NextUpgradeAsksForWhatTheListCallsEdited) {
  const auto version = [](const std::string& number, const std::string& content) {
    return build({.name = "foo",
                  .version = number,
                  .files = {{"/etc/edited", content}, {"/etc/plain", content}},
                  .conffiles = {"/etc/edited", "/etc/plain"}});
  };
  ASSERT_EQ(dpkg("-i " + version("1.0", "1")), 0);
  const PackageFiles recorded = files_of(slot("foo"));
  write(on_disk("/etc/edited"), "edited");
  ASSERT_EQ(dpkg("--force-confold -i " + version("2.0", "2")), 0) << output();
  // Back: only what is unedited is shipped; the edited one becomes an obsolete entry with 2.0's
  // hash.
  ASSERT_EQ(dpkg("-i " + build({.name = "foo",
                                .version = "1.0",
                                .files = {{"/etc/plain", "1"}},
                                .conffiles = {"/etc/plain"}})),
            0)
      << output();
  EXPECT_EQ(read(on_disk("/etc/edited")), "edited");
  fs::remove(on_disk("/etc/edited.dpkg-dist"));
  ASSERT_TRUE(write_conffiles(slot("foo"), recorded.conffiles).ok());
  expect_conffiles("foo", recorded.conffiles);

  ASSERT_EQ(dpkg("--unpack " + version("1.1", "1")), 0);
  EXPECT_EQ(dpkg("--configure foo"), 0) << output();  // as shipped before: no question
  EXPECT_EQ(read(on_disk("/etc/edited")), "edited");
  ASSERT_EQ(dpkg("--unpack " + version("2.1", "2")), 0);
  EXPECT_NE(dpkg("--configure foo"), 0);  // a question, and nobody to answer it
  EXPECT_NE(output().find("/etc/edited"), std::string::npos) << output();
  EXPECT_EQ(read(on_disk("/etc/edited")), "edited");
  EXPECT_EQ(dpkg("--force-confold --configure foo"), 0) << output();
  EXPECT_EQ(read(on_disk("/etc/plain")), "2");
}

TEST_F(WriteConffilesTest, DeletedByTheAdminStaysDeleted) {
  const auto version = [](const std::string& number, const std::string& content) {
    return build({.name = "foo",
                  .version = number,
                  .files = {{"/etc/a", content}, {"/etc/b", content}},
                  .conffiles = {"/etc/a", "/etc/b"}});
  };
  ASSERT_EQ(dpkg("-i " + version("1.0", "1")), 0);
  const PackageFiles recorded = files_of(slot("foo"));
  fs::remove(on_disk("/etc/a"));
  ASSERT_EQ(dpkg("--force-confold -i " + version("2.0", "2")), 0) << output();
  ASSERT_EQ(dpkg("-i " + build({.name = "foo",
                                .version = "1.0",
                                .files = {{"/etc/b", "1"}},
                                .conffiles = {"/etc/b"}})),
            0);
  // Neither on disk nor in the archive: dpkg has forgotten it, its list too.
  EXPECT_EQ(files_of(slot("foo")).conffiles.size(), 1U);
  ASSERT_TRUE(write_conffiles(slot("foo"), recorded.conffiles).ok());
  expect_conffiles("foo", recorded.conffiles);
  ASSERT_EQ(dpkg("-i " + version("1.1", "1")), 0) << output();
  EXPECT_FALSE(fs::exists(on_disk("/etc/a")));
}

TEST_F(WriteConffilesTest, EditedAndNoLongerShippedIsAskedForWhereItComesBack) {
  const auto version = [](const std::string& number, const std::string& content) {
    return build({.name = "foo",
                  .version = number,
                  .files = {{"/etc/a", content}},
                  .conffiles = {"/etc/a"}});
  };
  ASSERT_EQ(dpkg("-i " + version("1.0", "1")), 0);
  const PackageFiles recorded = files_of(slot("foo"));
  write(on_disk("/etc/a"), "edited");
  ASSERT_EQ(install({.name = "foo", .version = "2.0"}), 0);
  ASSERT_TRUE(files_of(slot("foo")).conffiles.at(0).obsolete);
  ASSERT_EQ(install({.name = "foo", .version = "1.0"}), 0);
  ASSERT_TRUE(write_conffiles(slot("foo"), recorded.conffiles).ok());
  expect_conffiles("foo", recorded.conffiles);
  EXPECT_EQ(dpkg("-i " + version("1.1", "1")), 0) << output();
  EXPECT_NE(dpkg("-i " + version("1.2", "2")), 0);
  EXPECT_NE(output().find("/etc/a"), std::string::npos) << output();
  EXPECT_EQ(read(on_disk("/etc/a")), "edited");
}

// Another package took it over, and was removed again.
TEST_F(WriteConffilesTest, TakenOverAndBack) {
  const auto version = [](const std::string& number, const std::string& content) {
    return build({.name = "foo",
                  .version = number,
                  .files = {{"/etc/a", content}, {"/usr/f", ""}},
                  .conffiles = {"/etc/a"}});
  };
  ASSERT_EQ(dpkg("-i " + version("1.0", "1")), 0);
  const PackageFiles recorded = files_of(slot("foo"));
  write(on_disk("/etc/a"), "edited");
  const Deb without{.name = "foo", .version = "2.0", .files = {{"/usr/f", ""}}};
  const Deb taker{.name = "taker",
                  .fields = "Replaces: foo (<< 2.0)\nBreaks: foo (<< 2.0)\n",
                  .files = {{"/etc/a", "1"}},
                  .conffiles = {"/etc/a"}};
  ASSERT_EQ(dpkg("-i " + build(without) + " " + build(taker)), 0) << output();
  EXPECT_EQ(read(on_disk("/etc/a")), "edited");
  ASSERT_EQ(dpkg("-P taker"), 0);
  ASSERT_FALSE(fs::exists(on_disk("/etc/a")));
  ASSERT_EQ(install({.name = "foo", .files = {{"/usr/f", ""}}}), 0);
  write(on_disk("/etc/a"), "edited");
  ASSERT_TRUE(write_conffiles(slot("foo"), recorded.conffiles).ok());
  expect_conffiles("foo", recorded.conffiles);
  EXPECT_EQ(dpkg("-i " + version("1.1", "1")), 0) << output();
  EXPECT_NE(dpkg("-i " + version("1.2", "2")), 0);
  EXPECT_EQ(read(on_disk("/etc/a")), "edited");
}

TEST_F(WriteConffilesTest, NameOfAForgottenConffileIsFree) {
  ASSERT_EQ(install({.name = "foo",
                     .version = "2.0",
                     .files = {{"/etc/a", "1"}, {"/etc/new", "2"}},
                     .conffiles = {"/etc/a", "/etc/new"}}),
            0);
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  ASSERT_EQ(files_of(slot("foo")).conffiles.size(), 2U);  // one obsolete
  fs::remove(on_disk("/etc/new"));
  ASSERT_TRUE(write_conffiles(slot("foo"), {record("/etc/a", kHashOf1)}).ok());
  EXPECT_EQ(files_of(slot("foo")).paths, (Strings{"/etc", "/etc/a"}));
  EXPECT_EQ(install({.name = "bar", .files = {{"/etc/new", "x"}}, .conffiles = {"/etc/new"}}), 0)
      << output();
}

// A file that is a conffile only in the failed version stays the package's file.
TEST_F(WriteConffilesTest, OrdinaryFilesStayListed) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  ASSERT_TRUE(write_conffiles(slot("foo"), {}).ok());
  EXPECT_EQ(files_of(slot("foo")).paths, (Strings{"/etc", "/etc/a"}));
}

TEST_F(WriteConffilesTest, OneOfTwoSiblings) {
  const std::string foreign = native() == "i386" ? "amd64" : "i386";
  ASSERT_EQ(dpkg("--add-architecture " + foreign), 0);
  for (const auto& arch : {native(), foreign}) {
    ASSERT_EQ(install({.name = "libfoo",
                       .arch = arch,
                       .fields = "Multi-Arch: same\n",
                       .files = {{"/etc/foo", "1"}},
                       .conffiles = {"/etc/foo"}}),
              0);
  }
  const std::vector<ConffileRecord> wanted = {record("/etc/foo", kHashOf2),
                                              record("/etc/more", kHashOf1, true)};
  ASSERT_TRUE(write_conffiles("libfoo:" + foreign, wanted).ok());
  EXPECT_EQ(conffile_lines(files_of("libfoo:" + foreign).conffiles), conffile_lines(wanted));
  EXPECT_EQ(conffile_lines(files_of(slot("libfoo")).conffiles),
            conffile_lines({record("/etc/foo", kHashOf1)}));
  EXPECT_EQ(files_of("libfoo:" + foreign).paths, (Strings{"/etc", "/etc/foo", "/etc/more"}));
  EXPECT_EQ(files_of(slot("libfoo")).paths, (Strings{"/etc", "/etc/foo"}));
}

TEST_F(WriteConffilesTest, RemovedPackage) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  ASSERT_EQ(dpkg("-r foo"), 0);
  write(on_disk("/etc/b"), "b");
  const std::vector<ConffileRecord> wanted = {record("/etc/a", kHashOf2),
                                              record("/etc/b", kHashOf1)};
  ASSERT_TRUE(write_conffiles(slot("foo"), wanted).ok());
  EXPECT_EQ(files_of(slot("foo")).state, "rc");
  expect_conffiles("foo", wanted);
  ASSERT_EQ(dpkg("-P foo"), 0) << output();
  EXPECT_FALSE(fs::exists(on_disk("/etc/b")));
  EXPECT_TRUE(read_dpkg_files({slot("foo")})->packages.empty());
}

TEST_F(WriteConffilesTest, NothingIsWrittenWhereNothingChanges) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  const auto status = fs::last_write_time(admin("status"));
  const auto list = fs::last_write_time(info("foo.list"));
  ASSERT_TRUE(write_conffiles(slot("foo"), {record("/etc/a", kHashOf1)}).ok());
  EXPECT_EQ(fs::last_write_time(admin("status")), status);
  EXPECT_EQ(fs::last_write_time(info("foo.list")), list);
}

TEST_F(WriteConffilesTest, RefusesWhatTheStatusFileCannotHold) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  const std::string status = read(admin("status"));
  for (const auto& bad :
       {record("etc/a", kHashOf1), record("", kHashOf1), record("/", kHashOf1),
        record("//etc/a", kHashOf1), record("/etc/a\nStatus: x", kHashOf1), record("/etc/a", ""),
        record("/etc/a", "a b"), record("/etc/a", "a\nb"), record("/etc/a", "obsolete")})
    EXPECT_FALSE(write_conffiles(slot("foo"), {bad}).ok()) << bad.path << " " << bad.hash;
  for (const std::string& name : {slot("bar"), std::string("foo"), std::string("foo:s390x"),
                                  std::string(), slot("Foo"), slot("../foo")})
    EXPECT_FALSE(write_conffiles(name, {record("/etc/a", kHashOf2)}).ok()) << name;
  EXPECT_EQ(read(admin("status")), status);
}

}  // namespace
}  // namespace aptkeep::test
