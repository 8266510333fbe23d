// A file in memory: what a program reads or prints, without a place on a disk and without a pipe
// that can fill up.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace aptkeep {

class MemoryFile {
 public:
  // `flags`: MFD_CLOEXEC, or 0 for one that a program is to open by its number.
  explicit MemoryFile(unsigned flags = MFD_CLOEXEC) : fd_(::memfd_create("aptkeep", flags)) {}
  MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MemoryFile& operator=(MemoryFile&&) = delete;
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }  // -1: it could not be made, errno says why
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

  // False: errno says why.
  bool write(std::string_view text) {
    while (!text.empty()) {
      const auto size = ::write(fd_, text.data(), text.size());
      if (size < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }

  std::string content() const {
    std::string text;
    std::array<char, 65536> buffer{};
    ssize_t size = 0;
    while ((size = ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(text.size()))) >
           0) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  int fd_;
};

}  // namespace aptkeep
