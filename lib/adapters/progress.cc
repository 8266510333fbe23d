#include "adapters/progress.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "adapters/progress_layout.h"

namespace aptkeep {
namespace {

// write(2), not mmap: when memory is short it fails instead of raising SIGBUS.
bool write_all(int fd, const void* data, std::size_t size, std::uint64_t at) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = pwrite(fd, next, size, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    next += written;
    at += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool set_field(int fd, std::size_t at, std::uint64_t value) {
  return write_all(fd, &value, sizeof value, at);
}

}  // namespace

Result<std::unique_ptr<MemfdProgress>> MemfdProgress::open(int fd) {
  ProgressHeader header{};
  errno = 0;
  const ssize_t size = pread(fd, &header, sizeof header, 0);
  if (size < 0)
    return Error{std::string("unable to read the launcher's record: ") + std::strerror(errno)};
  if (size != sizeof header || std::memcmp(header.magic, kProgressMagic, sizeof header.magic) != 0)
    return Error{"unable to read the launcher's record: it is of another kind"};
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return Error{std::string("unable to keep the launcher's record: ") + std::strerror(errno)};
  auto progress = std::unique_ptr<MemfdProgress>(new MemfdProgress(fd));
  progress->published_ = header.published;
  return progress;
}

MemfdProgress::~MemfdProgress() {
  close(fd_);
}

bool MemfdProgress::write_slot(std::uint64_t slot, const std::vector<std::string>& in_call,
                               const std::vector<std::string>& after) {
  std::string strings;
  for (const auto* list : {&in_call, &after})
    for (const std::string& operand : *list) strings.append(operand.c_str(), operand.size() + 1);
  const ProgressSlot head{in_call.size(), after.size(), strings.size()};
  if (sizeof head + strings.size() > kProgressSlotSize) return false;
  const std::uint64_t at = progress_slot_at(slot);
  return write_all(fd_, strings.data(), strings.size(), at + sizeof head) &&
         write_all(fd_, &head, sizeof head, at);
}

void MemfdProgress::calling(const std::vector<std::string>& in_call,
                            const std::vector<std::string>& after) {
  // The header's page exists already, so that these small writes need no memory.
  if (!write_slot(published_ + 1, in_call, after)) {
    set_field(fd_, offsetof(ProgressHeader, lost), 1);
  }
  set_field(fd_, offsetof(ProgressHeader, published), ++published_);
}

void MemfdProgress::finished() {
  set_field(fd_, offsetof(ProgressHeader, finished), 1);
}

void MemfdProgress::owe_failure() {
  set_field(fd_, offsetof(ProgressHeader, owed), 1);
}

}  // namespace aptkeep
