#include "record.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "adapters/progress_layout.h"

namespace aptkeep::launcher {
namespace {

bool read_at(int fd, void* data, std::size_t size, std::uint64_t at) {
  char* next = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = pread(fd, next, size, static_cast<off_t>(at));
    if (got <= 0) return false;
    next += got;
    at += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

// `count` strings from `at` on, none beyond `end`; nullptr if there are not so many.
const char* split(const char* at, const char* end, std::uint64_t count, Words& words) {
  for (; count > 0; --count) {
    const auto room = static_cast<std::size_t>(end - at);
    const void* nul = room > 0 ? std::memchr(at, '\0', room) : nullptr;
    if (nul == nullptr || !words.add(at)) return nullptr;
    at = static_cast<const char*>(nul) + 1;
  }
  return at;
}

bool read_slot(int fd, std::uint64_t published, Record& record) {
  const std::uint64_t at = progress_slot_at(published);
  ProgressSlot slot{};
  if (!read_at(fd, &slot, sizeof slot, at)) return false;
  if (slot.bytes > kProgressSlotSize) return false;
  record.left_out = slot.left_out;
  record.strings = static_cast<char*>(std::malloc(slot.bytes + 1));
  if (record.strings == nullptr || !read_at(fd, record.strings, slot.bytes, at + sizeof slot))
    return false;
  const char* end = record.strings + slot.bytes;
  const char* next = split(record.strings, end, slot.in_call, record.in_call);
  return next != nullptr && split(next, end, slot.after, record.after) != nullptr;
}

}  // namespace

Record::~Record() {
  std::free(strings);
}

int make_record() {
  const int made = memfd_create("aptkeep-progress", MFD_CLOEXEC);
  if (made < 0) return -1;
  // Its number is handed on in argv: not one of 0, 1, 2 even if those are closed.
  const int fd = fcntl(made, F_DUPFD_CLOEXEC, 3);
  close(made);
  ProgressHeader header{};
  std::memcpy(header.magic, kProgressMagic, sizeof header.magic);
  if (fd >= 0 && pwrite(fd, &header, sizeof header, 0) == sizeof header) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

void read_record(int fd, Record& record) {
  ProgressHeader header{};
  if (!read_at(fd, &header, sizeof header, 0)) return;
  record.readable = std::memcmp(header.magic, kProgressMagic, sizeof header.magic) == 0;
  record.finished = header.finished == 1;
  record.called = header.published > 0;
  record.owed = header.owed == 1;
  record.lost = header.lost != 0 || (record.called && !read_slot(fd, header.published, record));
}

}  // namespace aptkeep::launcher
