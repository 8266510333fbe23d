#include "adapters/proc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "adapters/process_stat.h"
#include "core/dpkg_call.h"

namespace aptkeep {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Field 22 counted from the last ')', because the name in field 2 may hold anything (proc(5)).
std::optional<std::uint64_t> start_time_of(const std::string& stat) {
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(end_of_name + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) {
    if (!(fields >> field)) return std::nullopt;
  }
  return std::strtoull(field.c_str(), nullptr, 10);
}

}  // namespace

std::optional<Frontend> process_info(std::int64_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto start = start_time_of(read_file(folder + "/stat"));
  if (!start) return std::nullopt;
  Frontend frontend;
  frontend.pid = pid;
  frontend.start_time = *start;
  frontend.boot = boot_id();
  for (const char c : read_file(folder + "/cmdline")) frontend.command += c == '\0' ? ' ' : c;
  while (!frontend.command.empty() && frontend.command.back() == ' ') frontend.command.pop_back();
  return frontend;
}

std::optional<std::int64_t> parent_of(std::int64_t pid) {
  const std::int64_t parent = stat_of_process(pid).parent;
  return parent > 0 ? std::optional(parent) : std::nullopt;
}

bool is_alive(const Frontend& process) {
  const auto now = process_info(process.pid);
  return now && now->same_process(process) && !stat_of_process(process.pid).has_ended();
}

std::vector<Frontend> ancestors() {
  std::vector<Frontend> found;
  for (auto pid = parent_of(::getpid()); pid; pid = parent_of(*pid)) {
    auto info = process_info(*pid);
    if (!info) break;
    found.push_back(std::move(*info));
  }
  return found;
}

std::optional<Frontend> own_frontend() {
  const auto above = ancestors();
  const auto holder = lock_holder();
  if (!holder) return above.size() > 1 ? std::optional(above[1]) : std::nullopt;
  const bool ours = std::any_of(above.begin(), above.end(), [&](const Frontend& ancestor) {
    return ancestor.same_process(*holder);
  });
  return ours ? holder : std::nullopt;
}

Result<std::optional<OpenPlan>> own_plan(Store& store) {
  // Whoever begins a plan ends all others, so there is one at most.
  auto plan = store.unended_plan();
  if (!plan || !*plan) return plan;
  const auto above = ancestors();
  const bool ours = std::any_of(above.begin(), above.end(), [&](const Frontend& ancestor) {
    return ancestor.same_process((*plan)->frontend);
  });
  return ours ? std::move(plan) : std::optional<OpenPlan>();
}

std::optional<Frontend> lock_holder(const std::string& lock_file) {
  const int fd = ::open(lock_file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const int answer = ::fcntl(fd, F_GETLK, &lock);
  ::close(fd);
  // l_pid is 0 for a holder in another pid namespace and -1 for an open-file-description lock.
  if (answer != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 0) return std::nullopt;
  return process_info(lock.l_pid);
}

std::string boot_id() {
  std::string id = read_file("/proc/sys/kernel/random/boot_id");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::optional<DpkgAncestor> dpkg_ancestor() {
  std::int64_t pid = ::getppid();
  for (int depth = 0; depth < 8 && pid > 1; ++depth) {
    std::array<char, 4096> target{};
    const std::string link = "/proc/" + std::to_string(pid) + "/exe";
    const ssize_t length = ::readlink(link.c_str(), target.data(), target.size() - 1);
    const std::string exe(target.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    if (exe == "/usr/bin/dpkg" || exe == "/bin/dpkg") {
      const auto info = process_info(pid);
      if (!info) return std::nullopt;
      DpkgAncestor found{*info, {}};
      std::istringstream words(read_file("/proc/" + std::to_string(pid) + "/cmdline"));
      for (std::string word; std::getline(words, word, '\0');) found.arguments.push_back(word);
      found.arguments = with_single_options(found.arguments);
      return found;
    }
    const auto parent = parent_of(pid);
    if (!parent) return std::nullopt;
    pid = *parent;
  }
  return std::nullopt;
}

std::string dpkg_log_mark(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return std::to_string(info.st_ino) + ":" + std::to_string(info.st_size);
}

std::string dpkg_log_since(const std::string& mark, const std::string& path) {
  constexpr std::streamoff kMost = 4 * 1024 * 1024;
  std::ifstream in(path, std::ios::binary);
  struct stat info {};
  if (!in || ::stat(path.c_str(), &info) != 0) return {};
  std::streamoff from = 0;
  const auto colon = mark.find(':');
  if (colon != std::string::npos && mark.substr(0, colon) == std::to_string(info.st_ino)) {
    from = std::strtoll(mark.c_str() + colon + 1, nullptr, 10);
  }
  const auto size = static_cast<std::streamoff>(info.st_size);
  if (from > size) return {};
  in.seekg(std::max(from, size - kMost));
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

namespace {

// Of the nearest folder that there is, as dpkg takes away again what it made.
std::optional<dev_t> device_of(std::filesystem::path path) {
  struct stat info {};
  while (::stat(path.c_str(), &info) != 0) {
    if (!path.has_relative_path()) return std::nullopt;
    path = path.parent_path();
  }
  return info.st_dev;
}

}  // namespace

bool dpkg_disk_full(const std::string& file) {
  constexpr unsigned long long kNeeded = 1024 * 1024;
  constexpr unsigned long long kNeededFiles = 16;
  const auto device = file.empty() ? std::nullopt : device_of(file);
  for (const char* path : {"/", "/usr", "/var/lib/dpkg"}) {
    if (device && device == device_of(path)) return true;
    struct statvfs info {};
    if (::statvfs(path, &info) != 0) continue;
    // f_bfree, not f_bavail: dpkg runs as root and may use the reserve. Pseudo file systems that
    // count nothing report zero blocks; some have no number of files that there may be.
    if (info.f_blocks != 0 && info.f_bfree * info.f_frsize < kNeeded) return true;
    if (info.f_files != 0 && info.f_ffree < kNeededFiles) return true;
  }
  return false;
}

}  // namespace aptkeep
