// write_conffiles() beside other programs: locks, what dpkg has not finished, a sudden end.
#include <fcntl.h>
#include <signal.h>
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

class WriteConffilesAmidTest : public DpkgRoot {
 protected:
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

TEST_F(WriteConffilesAmidTest, UpdatesGoIntoTheStatusFileFirst) {
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

TEST_F(WriteConffilesAmidTest, TakesTheLocksAsDpkgDoes) {
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
TEST_F(WriteConffilesAmidTest, DeferredTriggersStay) {
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

// The old list or the new one, with all of it in the list of files; and what dpkg had noted
// besides is never lost.
TEST_F(WriteConffilesAmidTest, KilledAtAnyMoment) {
  ASSERT_EQ(install({.name = "foo", .files = {{"/etc/a", "1"}}, .conffiles = {"/etc/a"}}), 0);
  std::string held = read(admin("status"));
  held.replace(held.find("install ok installed"), 20, "hold ok installed");
  const std::vector<ConffileRecord> a = {record("/etc/a", kHashOf1)};
  const std::vector<ConffileRecord> b = {record("/etc/a", kHashOf2),
                                         record("/etc/b", kHashOf1, true)};
  int killed = 0;
  for (useconds_t round = 0; round < 60; ++round) {
    write(admin("status"), held);
    write(info("foo.list"), "/etc\n/etc/a\n");
    write(admin("updates/0000"), held);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(write_conffiles(slot("foo"), b).ok() ? 0 : 1);
    ::usleep(round * 100);
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    killed += WIFSIGNALED(status) ? 1 : 0;
    const PackageFiles files = files_of(slot("foo"));
    EXPECT_EQ(files.state, "hi");
    const std::vector<std::string> lines = conffile_lines(files.conffiles);
    EXPECT_TRUE(lines == conffile_lines(a) || lines == conffile_lines(b));
    for (const auto& one : files.conffiles)
      EXPECT_EQ(std::count(files.paths.begin(), files.paths.end(), one.path), 1);
    ASSERT_TRUE(write_conffiles(slot("foo"), b).ok());
    EXPECT_EQ(conffile_lines(files_of(slot("foo")).conffiles), conffile_lines(b));
  }
  EXPECT_GT(killed, 0);
  expect_conffiles("foo", b);
}

}  // namespace
}  // namespace aptkeep::test
