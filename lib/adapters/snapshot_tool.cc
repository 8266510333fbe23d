#include "adapters/snapshot_tool.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "adapters/path_list.h"
#include "adapters/snapshot_fs.h"
#include "core/config.h"

namespace aptkeep::snapshot {
namespace {

// dpkg's, less what is of a maintainer script that we may be below of, or would change archives.
std::vector<std::string> environment(const std::string& tmp) {
  std::vector<std::string> entries;
  std::string path = kDefaultPath;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.rfind("PATH=", 0) == 0) {
      path.assign(text.size(), '\0');
      path_without(text.c_str() + 5, paths::kBinDir, path.data());
      path.resize(std::strlen(path.c_str()));
    } else if (text.rfind("DPKG_MAINTSCRIPT_", 0) != 0 && text.rfind("LC_", 0) != 0 &&
               text.rfind("LANG", 0) != 0 && text.rfind("SOURCE_DATE_EPOCH=", 0) != 0 &&
               text.rfind("DPKG_DEB_", 0) != 0 && (tmp.empty() || text.rfind("TMPDIR=", 0) != 0)) {
      entries.push_back(text);
    }
  }
  entries.push_back("PATH=" + path);
  entries.emplace_back("LC_ALL=C");
  if (!tmp.empty()) entries.push_back("TMPDIR=" + tmp);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Its last two lines: what came of it is said last, and the cause of that before.
std::string last_words(const std::string& text) {
  const std::string words = text.substr(0, text.find_last_not_of('\n') + 1);
  if (words.empty()) return "it said nothing";
  const std::size_t last = words.rfind('\n');
  if (last == std::string::npos || last == 0) return words;
  const std::size_t before = words.rfind('\n', last - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return words.substr(begin, last - begin) + "; " + words.substr(last + 1);
}

// Signals as a program expects to find them, whatever we ignore or block.
void default_signals(posix_spawnattr_t& attributes) {
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

// What the tool is found as: posix_spawnp() would look in our own PATH.
std::string find(const std::string& name, const std::vector<std::string>& env) {
  if (name.starts_with('/')) return name;
  for (const std::string& entry : env) {
    if (entry.rfind("PATH=", 0) != 0) continue;
    for (std::size_t at = 5; at <= entry.size();) {
      const std::size_t end = std::min(entry.find(':', at), entry.size());
      const std::string path = entry.substr(at, end - at) + "/" + name;
      if (path[0] == '/' && access(path.c_str(), X_OK) == 0) return path;
      at = end + 1;
    }
  }
  return "/usr/bin/" + name;
}

}  // namespace

Result<std::string> run_tool(const std::vector<std::string>& args, const std::string& tmp) {
  auto env = environment(tmp);
  auto argv = args;
  const std::string program = find(args[0], env);
  const Fd output(memfd_create("output", MFD_CLOEXEC));
  if (!output.open()) return failure("run " + args[0]);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, output.get(), 2);
  default_signals(attributes);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                 pointers(argv).data(), pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return failure("run " + args[0], failed);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return failure("wait for " + args[0]);
  }
  lseek(output.get(), 0, SEEK_SET);
  auto text = read_fd(output.get(), args[0], std::size_t{16} << 20);
  if (!text) return text;
  if (WIFSIGNALED(status)) {
    return Error{"unable to run " + args[0] + ": signal " + std::to_string(WTERMSIG(status))};
  }
  if (WEXITSTATUS(status) != 0) return Error{"unable to run " + args[0] + ": " + last_words(*text)};
  return text;
}

}  // namespace aptkeep::snapshot
