// write_conffiles(): what the real dpkg says and does afterwards.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>

#include "adapters/dpkg_db.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

constexpr const char* kHashOf1 = "c4ca4238a0b923820dcc509a6f75849b";
constexpr const char* kHashOf2 = "c81e728d9d4c2f636f067f89cc14862c";

ConffileRecord record(const std::string& path, const std::string& hash, bool obsolete = false) {
  ConffileRecord one;
  one.path = path;
  one.hash = hash;
  one.obsolete = obsolete;
  return one;
}

class WriteConffilesTest : public DpkgRoot {
 protected:
  void expect_conffiles(const std::string& package, const std::vector<ConffileRecord>& expected) {
    EXPECT_EQ(lines(query("${Conffiles}\\n", package)), conffile_lines(expected));
    EXPECT_EQ(conffile_lines(files_of(slot(package)).conffiles), conffile_lines(expected));
    EXPECT_EQ(dpkg("-L " + package), 0);
    const Strings listed = lines(output());
    for (const auto& one : expected)
      EXPECT_EQ(std::count(listed.begin(), listed.end(), one.path), 1) << one.path;
    EXPECT_EQ(dpkg("--audit"), 0);
    EXPECT_EQ(output(), "");
  }

  static std::size_t open_files() {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
  }

  // Holds a lock as another dpkg or apt does, while `act` runs.
  static void while_locked(const std::string& file, const std::function<void()>& act) {
    int ready[2];
    int done[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(done), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(done[1]);
      const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0640);
      struct flock lock = {};
      lock.l_type = F_WRLCK;
      lock.l_whence = SEEK_SET;
      char byte = ::fcntl(fd, F_SETLK, &lock) == 0 ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) != 1 || ::read(done[0], &byte, 1) < 0) ::_exit(1);
      ::_exit(0);
    }
    char byte = 'n';
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'y');
    act();
    for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
  }
};

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

TEST_F(WriteConffilesTest, UpdatesGoIntoTheStatusFileFirst) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  std::string stanza = read(admin("status"));
  stanza.replace(stanza.find("install ok installed"), 20, "hold ok installed");
  write(admin("updates/0000"), stanza);
  write(admin("updates/0001"), stanza.replace(stanza.find("Version: 1.0"), 12, "Version: 1.5"));
  write(admin("updates/tmp.i"), "#padding\n");
  ASSERT_TRUE(write_conffiles(slot("foo"), {record("/etc/a", kHashOf2)}).ok());
  EXPECT_FALSE(fs::exists(admin("updates/0000")));
  EXPECT_FALSE(fs::exists(admin("updates/0001")));
  EXPECT_EQ(files_of(slot("foo")).version, "1.5");
  EXPECT_EQ(files_of(slot("foo")).state, "hi");
  expect_conffiles("foo", {record("/etc/a", kHashOf2)});
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

TEST_F(WriteConffilesTest, TakesTheLocksAsDpkgDoes) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  const std::size_t open = open_files();
  const auto attempt = [] { return write_conffiles(slot("foo"), {record("/etc/a", kHashOf2)}); };
  while_locked(admin("lock"), [&] {
    ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
    const Status refused = attempt();
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("lock"), std::string::npos);
    EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
    EXPECT_EQ(refused.error().message.find("Note"), std::string::npos) << refused.error().message;
  });
  while_locked(admin("lock-frontend"), [&] {
    ::unsetenv("DPKG_FRONTEND_LOCKED");
    EXPECT_FALSE(attempt().ok());
    ::setenv("DPKG_FRONTEND_LOCKED", "true", 1);
    EXPECT_TRUE(attempt().ok());
    EXPECT_EQ(dpkg("--configure -a"), 0) << output();  // the inner lock is free again
    ::unsetenv("DPKG_FRONTEND_LOCKED");
  });
  EXPECT_TRUE(attempt().ok());
  EXPECT_EQ(dpkg("--configure -a"), 0) << output();
  EXPECT_EQ(open_files(), open);
}

// What dpkg-trigger noted belongs to the next dpkg, also where the database was read before.
TEST_F(WriteConffilesTest, DeferredTriggersStay) {
  ASSERT_EQ(install({.name = "foo",
                     .files = {{"/etc/a", "1"}},
                     .conffiles = {"/etc/a"},
                     .control = {{"triggers", "interest-noawait /usr/share/foo\n"},
                                 {"postinst", "echo \"$1 $2\" >>" + on_disk("/ran\n")}}}),
            0);
  RealDatabase database;
  ASSERT_TRUE(database.read().ok());
  ASSERT_EQ(sh("dpkg-trigger --admindir=" + admin("") + " --by-package=foo /usr/share/foo"), 0)
      << output();
  const std::string deferred = read(admin("triggers/Unincorp"));
  ASSERT_NE(deferred, "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(database.read().ok());
    EXPECT_EQ(files_of(slot("foo")).state.size(), 2U);
  }
  ASSERT_TRUE(write_conffiles(slot("foo"), {record("/etc/a", kHashOf2)}).ok());
  EXPECT_EQ(read(admin("triggers/Unincorp")), deferred);
  ASSERT_EQ(dpkg("--triggers-only --pending"), 0) << output();
  EXPECT_NE(read(on_disk("/ran")).find("triggered /usr/share/foo"), std::string::npos);
}

}  // namespace
}  // namespace aptkeep::test
