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

// AlsoOwn: a person who is not root tries rules out, and gains nothing that way.
std::string distrust_owner(const struct stat& file, Trust trust) {
  const bool own = trust == Trust::AlsoOwn && file.st_uid == ::geteuid();
  if (file.st_uid == 0 || own) return {};
  return "it is owned by user " + std::to_string(file.st_uid) + ", not by root" +
         (trust == Trust::AlsoOwn && ::geteuid() != 0 ? " or you" : "");
}

std::string distrust(const struct stat& file, Trust trust) {
  auto why = distrust_owner(file, trust);
  if (!why.empty()) return why;
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than its owner may write to it";
  return {};
}

// All that decides where a path leads, as the kernel goes it: each folder in which a name is looked
// up, and each link. Who may change one of them could put something else in a trusted file's place.
class Way {
 public:
  explicit Way(Trust trust) : trust_(trust) {}

  std::string distrust_to(const std::string& path) {
    std::error_code error;
    go_on_with(std::filesystem::absolute(path, error));
    if (error) return error.message();
    std::string why;
    while (why.empty() && !ahead_.empty()) {
      const auto name = std::move(ahead_.back());
      ahead_.pop_back();
      if (name == "..") {
        at_ = at_.parent_path();
      } else {
        why = step(name);
      }
    }
    return why;
  }

 private:
  static constexpr int kMostLinks = 40;  // path_resolution(7)

  void go_on_with(const std::filesystem::path& path) {
    if (path.is_absolute()) at_ = "/";
    std::vector<std::string> names;
    for (const auto& part : path.relative_path()) {
      if (!part.empty() && part != ".") names.push_back(part.string());
    }
    ahead_.insert(ahead_.end(), names.rbegin(), names.rend());
  }

  std::string step(const std::string& name) {
    if (auto why = distrust_here(); !why.empty()) return why;
    const auto next = at_ / name;
    struct stat facts = {};
    if (::lstat(next.c_str(), &facts) != 0) return next.string() + ": " + std::strerror(errno);
    if (!S_ISLNK(facts.st_mode)) {
      at_ = next;
      return {};
    }
    const auto why = distrust_owner(facts, trust_);
    if (!why.empty()) return over(next, why);
    if (++links_ > kMostLinks) return std::strerror(ELOOP);
    std::error_code error;
    go_on_with(std::filesystem::read_symlink(next, error));
    return error ? next.string() + ": " + error.message() : "";
  }

  // From a sticky folder like /tmp nobody can move away what is another's.
  std::string distrust_here() const {
    struct stat facts = {};
    if (::stat(at_.c_str(), &facts) != 0) return at_.string() + ": " + std::strerror(errno);
    if ((facts.st_mode & S_ISVTX) != 0) facts.st_mode &= ~mode_t{S_IWGRP | S_IWOTH};
    const auto why = distrust(facts, trust_);
    return why.empty() ? "" : over(at_, why);
  }

  static std::string over(const std::filesystem::path& place, const std::string& why) {
    return "it is reached over " + place.string() + ": " + why;
  }

  Trust trust_;
  std::filesystem::path at_ = "/";  // no link
  std::vector<std::string> ahead_;  // the next name last
  int links_ = 0;
};

std::string distrust_folder(const std::string& folder, Trust trust) {
  struct stat facts = {};
  if (::stat(folder.c_str(), &facts) != 0) return std::strerror(errno);
  auto why = distrust(facts, trust);
  return why.empty() ? Way(trust).distrust_to(folder) : why;
}

// It is there, and yet nothing that could ever be read.
bool is_unreadable_by_nature(const std::string& path, int error) {
  struct stat facts = {};
  return (error == ENOENT || error == ELOOP || error == ENXIO) &&
         ::lstat(path.c_str(), &facts) == 0;
}

}  // namespace

Result<Content> content_of(const std::string& path, Trust trust) {
  // Not to hang on a fifo.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (const int error = errno; file.get() < 0) {
    if (is_unreadable_by_nature(path, error)) return Content{{}, std::strerror(error)};
    return Error{std::strerror(error)};
  }
  struct stat facts = {};
  if (::fstat(file.get(), &facts) != 0) return Error{std::strerror(errno)};
  const bool masks = S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3);
  if (!masks && !S_ISREG(facts.st_mode)) return Content{{}, "it is no regular file"};
  if (trust != Trust::Any) {
    // Everybody may write to /dev/null; who leads there is what counts.
    auto why = masks ? std::string() : distrust(facts, trust);
    if (why.empty()) why = Way(trust).distrust_to(path);
    if (!why.empty()) return Content{{}, std::move(why)};
  }
  if (masks) return Content{};
  auto text = read_all(file.get());
  if (!text) return Error{std::strerror(errno)};
  if (text->size() > kMostBytes) return Content{{}, "it is larger than 1 MB"};
  if (text->find('\0') != std::string::npos) return Content{{}, "it is no text"};
  return Content{std::move(*text), {}};
}

Status list_files(const std::string& folder, Trust trust, Files& files,
                  std::vector<std::string>& distrust) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  const auto why = error ? std::string() : distrust_folder(folder, trust);
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
