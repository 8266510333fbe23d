// Which files there are, and whether only root could have written them: who writes a rule decides
// what is done as root.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "adapters/apt_rules_impl.h"

namespace aptkeep::apt_rules_impl {
namespace {

constexpr std::string_view kSuffix = ".rules";
constexpr std::size_t kMostBytes = 1U << 20U;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::optional<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (text.size() <= kMostBytes) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::string distrust(const struct stat& file) {
  if (file.st_uid != 0) {
    return "it is owned by user " + std::to_string(file.st_uid) + ", not by root";
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than its owner may write to it";
  return {};
}

// The folders above, where somebody else could put another file in a trusted one's place. From a
// sticky one like /tmp nobody can move away what is root's.
std::string distrust_above(const std::filesystem::path& path) {
  for (auto folder = path.parent_path();; folder = folder.parent_path()) {
    struct stat facts = {};
    if (::stat(folder.c_str(), &facts) != 0) return folder.string() + ": " + std::strerror(errno);
    if ((facts.st_mode & S_ISVTX) != 0) facts.st_mode &= ~mode_t{S_IWGRP | S_IWOTH};
    if (const auto why = distrust(facts); !why.empty()) {
      return "it lies in " + folder.string() + ": " + why;
    }
    if (folder == folder.parent_path()) return {};
  }
}

// What the links on the way lead to counts.
std::string distrust_way_to(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? error.message() : distrust_above(real);
}

std::string distrust_folder(const std::string& folder) {
  struct stat facts = {};
  if (::stat(folder.c_str(), &facts) != 0) return std::strerror(errno);
  auto why = distrust(facts);
  return why.empty() ? distrust_way_to(folder) : why;
}

}  // namespace

Result<std::string> content_of(const std::string& path, Trust trust) {
  // Not to hang on a fifo.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts = {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return Error{std::strerror(errno)};
  if (S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3)) return std::string();
  if (!S_ISREG(facts.st_mode)) return Error{"it is no regular file"};
  if (trust == Trust::OnlyRoot) {
    auto why = distrust(facts);
    if (why.empty()) why = distrust_way_to(path);
    if (!why.empty()) return Error{std::move(why)};
  }
  auto text = read_all(file.get());
  if (!text) return Error{std::strerror(errno)};
  if (text->size() > kMostBytes) return Error{"it is larger than 1 MB"};
  if (text->find('\0') != std::string::npos) return Error{"it is no text"};
  return std::move(*text);
}

Status list_files(const std::string& folder, Files& files, std::vector<std::string>& distrust) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  const auto why = error ? std::string() : distrust_folder(folder);
  if (!why.empty()) distrust.push_back("unable to use the rules in " + folder + ": " + why);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().filename().string();
    // What editors and dpkg leave behind is no rule file, nor is a hidden one.
    if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;
    auto& paths = files[name];
    if (why.empty()) paths.insert(paths.begin(), folder + "/" + name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error{"unable to read " + folder + ": " + error.message()};
  }
  return success();
}

}  // namespace aptkeep::apt_rules_impl
