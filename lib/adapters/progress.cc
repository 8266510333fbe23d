#include "adapters/progress.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
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

// The launcher reads it when this process is gone, and then in the order in which it was set.
void set_field(std::uint64_t& field, std::uint64_t value) {
  std::atomic_ref<std::uint64_t>(field).store(value, std::memory_order_release);
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
  // Its page exists since the launcher wrote it, so that it can be mapped without a risk. A call's
  // end that could not be told would be taken for a driver that died, and its exit code be lost.
  void* const mapped = mmap(nullptr, sizeof header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED)
    return Error{std::string("unable to map the launcher's record: ") + std::strerror(errno)};
  return std::unique_ptr<MemfdProgress>(
      new MemfdProgress(fd, static_cast<ProgressHeader*>(mapped)));
}

MemfdProgress::~MemfdProgress() {
  munmap(header_, sizeof *header_);
  close(fd_);
}

bool MemfdProgress::write_slot(std::uint64_t slot, const std::vector<std::string>& in_call,
                               const std::vector<std::string>& after, std::size_t left_out) {
  std::string strings;
  for (const auto* list : {&in_call, &after})
    for (const std::string& operand : *list) strings.append(operand.c_str(), operand.size() + 1);
  const ProgressSlot head{in_call.size(), after.size(), strings.size(), left_out};
  if (sizeof head + strings.size() > kProgressSlotSize) return false;
  const std::uint64_t at = progress_slot_at(slot);
  return write_all(fd_, strings.data(), strings.size(), at + sizeof head) &&
         write_all(fd_, &head, sizeof head, at);
}

void MemfdProgress::calling(const std::vector<std::string>& in_call,
                            const std::vector<std::string>& after, std::size_t left_out) {
  const std::uint64_t next = header_->published + 1;
  if (!write_slot(next, in_call, after, left_out)) set_field(header_->lost, 1);
  set_field(header_->published, next);
}

void MemfdProgress::finished() {
  set_field(header_->finished, 1);
}

void MemfdProgress::owe_failure() {
  set_field(header_->owed, 1);
}

}  // namespace aptkeep
