#include "fixture.h"

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aptkeep::test {

GuardCall call(std::string_view text) {
  std::vector<std::string> words;
  EXPECT_TRUE(split_words(text, words)) << text;
  EXPECT_FALSE(words.empty());
  GuardCall found;
  if (words.empty()) return found;
  found.name = words.front();
  found.arguments.assign(words.begin() + 1, words.end());
  return found;
}

GuardReport probe(std::string_view text, const Remembered& before, const GuardOptions& options) {
  const auto reports = probe_guards({call(text)}, before, options);
  EXPECT_EQ(reports.size(), 1u);
  return reports.at(0);
}

std::string told(const GuardReport& report) {
  const char* state = report.result.met()                        ? "met: "
                      : report.result.state == GuardState::Unmet ? "unmet: "
                                                                 : "unknown: ";
  return state + report.result.why;
}

std::string elsewhere(const std::function<std::string()>& work) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = work();
    _exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return text;
}

std::string as_nobody(const std::function<std::string()>& work) {
  constexpr unsigned kNobody = 65534;
  return elsewhere([&work]() -> std::string {
    if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0 ||
        setresuid(kNobody, kNobody, kNobody) != 0) {
      return "these tests need root";
    }
    return work();
  });
}

std::string with_file(const std::string& path, const std::string& text,
                      const std::function<std::string()>& work) {
  char name[] = "/tmp/aptkeep-guards-file-XXXXXX";
  const int fd = mkstemp(name);
  EXPECT_GE(fd, 0);
  EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(fchmod(fd, 0644), 0);
  close(fd);
  const std::string answer = elsewhere([&]() -> std::string {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(name, path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      return "these tests need root";
    }
    return work();
  });
  unlink(name);
  return answer;
}

void GuardTest::SetUp() {
  // In memory where that can be had: one test makes many files.
  folder_ = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  folder_ += "/aptkeep-guards-XXXXXX";
  ASSERT_NE(mkdtemp(folder_.data()), nullptr);
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
}

void GuardTest::TearDown() {
  std::filesystem::remove_all(folder_);
}

void GuardTest::write(const std::string& name, const std::string& text, unsigned mode) const {
  std::ofstream(path(name), std::ios::binary) << text;
  ASSERT_EQ(chmod(path(name).c_str(), mode), 0);
}

void GuardTest::make_folder(const std::string& name) const {
  std::filesystem::create_directories(path(name));
}

std::string GuardTest::tell(std::string text, const Remembered& before) const {
  for (std::size_t at = 0; (at = text.find('@', at)) != std::string::npos;) {
    text.replace(at, 1, folder_);
    at += folder_.size();
  }
  return bare(told(probe(text, before)));
}

std::string GuardTest::bare(std::string text) const {
  for (std::size_t at = 0; (at = text.find(folder_, at)) != std::string::npos;) {
    text.replace(at, folder_.size(), "@");
  }
  return text;
}

}  // namespace aptkeep::test
