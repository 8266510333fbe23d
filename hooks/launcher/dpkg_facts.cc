#include "dpkg_facts.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "paths.h"

namespace aptkeep::launcher {
namespace {

constexpr const char* kPackageFormat =
    "${Package} ${Architecture} ${Version} ${db:Status-Abbrev}\n";
constexpr const char* kArchiveFormat = "${Package} ${Architecture} ${Version}\n";

// The longest prefix of `line` that ends before its `count`-th blank.
std::size_t length_of_words(const char* line, int count) {
  std::size_t length = 0;
  while (line[length] != '\0' && line[length] != '\n') {
    if (line[length] == ' ' && --count == 0) break;
    ++length;
  }
  return length;
}

const char* next_line(const char* line) {
  const char* end = std::strchr(line, '\n');
  return end == nullptr ? nullptr : end + 1;
}

// The second of the letters that dpkg -l shows, at the end of a database line; ' ' if there is
// none.
char state_of(const char* line) {
  const std::size_t before = length_of_words(line, 3);
  return line[before] == ' ' && line[before + 1] != '\0' ? line[before + 2] : ' ';
}

// Whether a database line is for `name` or `name:arch`.
bool line_is_for(const char* line, const char* name) {
  const std::size_t length = std::strcspn(name, ":");
  if (std::strncmp(line, name, length) != 0 || line[length] != ' ') return false;
  if (name[length] == '\0') return true;
  const char* wanted = name + length + 1;
  const char* arch = line + length + 1;
  const std::size_t arch_length = std::strcspn(arch, " \n");
  return (std::strlen(wanted) == arch_length && std::memcmp(arch, wanted, arch_length) == 0) ||
         (arch_length == 3 && std::memcmp(arch, "all", 3) == 0);
}

[[noreturn]] void become(const char* const* argv, int output) {
  const int null = open("/dev/null", O_RDWR);
  dup2(output, 1);
  if (null >= 0) {
    dup2(null, 0);
    dup2(null, 2);
  }
  execv(argv[0], const_cast<char* const*>(argv));
  _exit(127);
}

// Reads to the end; nullptr without memory.
char* read_whole(int fd) {
  std::size_t room = 65536;
  std::size_t size = 0;
  char* text = static_cast<char*>(std::malloc(room));
  while (text != nullptr) {
    if (size + 1 == room) {
      void* grown = std::realloc(text, room *= 2);
      if (grown == nullptr) break;
      text = static_cast<char*>(grown);
    }
    const ssize_t got = read(fd, text + size, room - size - 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (got == 0) {
      text[size] = '\0';
      return text;
    }
    size += static_cast<std::size_t>(got);
  }
  std::free(text);
  return nullptr;
}

}  // namespace

char* output_of(const char* const* argv) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return nullptr;
  const pid_t pid = fork();
  if (pid == 0) become(argv, ends[1]);
  close(ends[1]);
  char* text = pid > 0 ? read_whole(ends[0]) : nullptr;
  close(ends[0]);
  int status = -1;
  if (pid > 0)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (text != nullptr && status != 0) {
    std::free(text);
    text = nullptr;
  }
  return text;
}

DpkgFacts::~DpkgFacts() {
  std::free(database_);
}

const char* DpkgFacts::database() {
  if (!asked_) {
    const char* const argv[] = {kDpkgQuery, "-W", "-f", kPackageFormat, nullptr};
    database_ = output_of(argv);
    asked_ = true;
  }
  return database_ == nullptr ? "" : database_;
}

bool DpkgFacts::unpacked(const char* archive) {
  const char* const argv[] = {kDpkgDeb, "-W", "--showformat", kArchiveFormat, archive, nullptr};
  char* what = output_of(argv);
  if (what == nullptr) return false;
  const std::size_t length = length_of_words(what, 3);
  bool found = false;
  for (const char* line = database(); line != nullptr && !found; line = next_line(line)) {
    if (std::strncmp(line, what, length) != 0 || line[length] != ' ') continue;
    found = std::strchr("UFWt", state_of(line)) != nullptr;
  }
  std::free(what);
  return found;
}

bool DpkgFacts::configured(const char* package) {
  bool found = false;
  for (const char* line = database(); line != nullptr; line = next_line(line)) {
    if (!line_is_for(line, package)) continue;
    if (state_of(line) != 'i') return false;
    found = true;
  }
  return found;
}

bool DpkgFacts::gone(const char* package, bool purge) {
  if (database()[0] == '\0') return false;
  for (const char* line = database(); line != nullptr; line = next_line(line)) {
    if (!line_is_for(line, package)) continue;
    const char state = state_of(line);
    if (state != 'n' && (purge || state != 'c')) return false;
  }
  return true;
}

}  // namespace aptkeep::launcher
