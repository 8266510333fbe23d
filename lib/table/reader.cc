#include "table/reader.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/process_stat.h"

namespace aptkeep::table {
namespace {

// As systemctl(1) takes patterns; a backslash is a character of escaped unit names.
bool fits(const char* pattern, const char* unit) {
  return std::strcmp(pattern, unit) == 0 || fnmatch(pattern, unit, FNM_NOESCAPE) == 0;
}

bool is_roots_alone(const struct stat& info, mode_t type) {
  return (info.st_mode & S_IFMT) == type && info.st_uid == 0 &&
         (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int open_table(const char* folder) {
  const int place = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return -1;
  struct stat info {};
  int fd = -1;
  if (fstat(place, &info) == 0 && is_roots_alone(info, S_IFDIR))
    fd = openat(place, kFileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  close(place);
  return fd;
}

// Compares "name:arch" in the table with the two parts.
int compare(const char* entry, const char* name, std::size_t length, const char* arch) {
  const int order = std::strncmp(entry, name, length);
  if (order != 0) return order;
  if (entry[length] != ':') return static_cast<unsigned char>(entry[length]) - ':';
  return std::strcmp(entry + length + 1, arch);
}

}  // namespace

Reader::~Reader() {
  if (map_ != nullptr) munmap(map_, map_size_);
}

Finding Reader::open(const char* folder) {
  if (map_ != nullptr) return Finding::NoTable;
  const int fd = open_table(folder);
  if (fd < 0) return Finding::NoTable;
  struct stat info {};
  void* map = MAP_FAILED;
  if (fstat(fd, &info) == 0 && is_roots_alone(info, S_IFREG) &&
      info.st_size >= static_cast<off_t>(sizeof(Header)) &&
      info.st_size <= static_cast<off_t>(kMostBytes)) {
    map_size_ = static_cast<std::size_t>(info.st_size);
    // The writer only ever renames a new file over it, so that what is mapped stays as it is.
    map = mmap(nullptr, map_size_, PROT_READ, MAP_PRIVATE, fd, 0);
  }
  close(fd);
  if (map == MAP_FAILED) return Finding::NoTable;
  map_ = map;
  if (!read(map_, map_size_)) return Finding::NoTable;
  return is_there(*header_) ? Finding::Counts : Finding::FrontendGone;
}

bool Reader::read(const void* bytes, std::size_t size) {
  if (size < sizeof(Header) || size > kMostBytes || size % 8 != 0) return false;
  if (reinterpret_cast<std::uintptr_t>(bytes) % alignof(Header) != 0) return false;
  const char* const start = static_cast<const char*>(bytes);
  header_ = static_cast<const Header*>(bytes);
  if (std::memcmp(header_->magic, kMagic, sizeof kMagic) != 0 || header_->version != kVersion ||
      header_->bytes != size ||
      header_->checksum != checksum_of(start + kSummedFrom, size - kSummedFrom))
    return false;
  // Each count is below 2^32, so that nothing of this can overflow.
  const std::uint64_t units_at =
      sizeof(Header) + header_->packages * std::uint64_t{sizeof(Package)};
  const std::uint64_t together_at = units_at + header_->units * std::uint64_t{sizeof(Unit)};
  const std::uint64_t strings_at =
      together_at + header_->together * std::uint64_t{sizeof(std::uint32_t)};
  const std::uint64_t end = strings_at + header_->string_bytes;
  if (end > size || size - end >= 8) return false;
  const void* const packages = start + sizeof(Header);
  const void* const units = start + units_at;
  const void* const together = start + together_at;
  packages_ = static_cast<const Package*>(packages);
  units_ = static_cast<const Unit*>(units);
  together_ = static_cast<const std::uint32_t*>(together);
  strings_ = start + strings_at;
  return is_whole();
}

// Looked at once, so that nothing has to be looked at again with each question.
bool Reader::is_whole() const {
  const std::uint32_t strings = header_->string_bytes;
  if (strings == 0 || strings_[strings - 1] != '\0' || header_->native_arch >= strings)
    return false;
  if (header_->boot[sizeof header_->boot - 1] != '\0' || header_->flags > kManyPlans) return false;
  for (const std::uint32_t word : header_->more)
    if (word != 0) return false;
  for (std::uint32_t i = 0; i < header_->together; ++i)
    if (together_[i] >= strings) return false;
  for (std::uint32_t i = 0; i < header_->units; ++i) {
    const Unit& unit = units_[i];
    if (unit.pattern >= strings || unit.kind > Kind::Rested || unit.service_class > Class::Stock ||
        unit.sockets > Sockets::Leave || unit.reserved != 0)
      return false;
    for (const std::uint32_t word : unit.more)
      if (word != 0) return false;
  }
  for (std::uint32_t i = 0; i < header_->packages; ++i) {
    if (!is_in_order(packages_[i])) return false;
    if (i > 0 && std::strcmp(string(packages_[i - 1].name), string(packages_[i].name)) >= 0)
      return false;
  }
  return true;
}

bool Reader::is_in_order(const Package& package) const {
  const std::uint64_t units = std::uint64_t{package.first_unit} + package.units;
  const std::uint64_t together = std::uint64_t{package.first_together} + package.together;
  if (package.name >= header_->string_bytes || units > header_->units ||
      together > header_->together)
    return false;
  if (package.flags > (kNeeded | kChecks)) return false;
  for (const std::uint32_t word : package.reserved)
    if (word != 0) return false;
  for (std::uint32_t i = 1; i < package.units; ++i)
    if (unit(package, i - 1).kind > unit(package, i).kind) return false;
  return true;
}

const Package* Reader::find_package(const char* name, const char* arch) const {
  // An Architecture: all package fills the native one's slot (core/plan.h).
  if (std::strcmp(arch, "all") == 0) arch = string(header_->native_arch);
  const std::size_t length = std::strlen(name);
  std::uint32_t from = 0;
  std::uint32_t to = header_->packages;
  while (from < to) {
    const std::uint32_t middle = from + (to - from) / 2;
    const int order = compare(string(packages_[middle].name), name, length, arch);
    if (order == 0) return &packages_[middle];
    if (order < 0) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return nullptr;
}

const Unit* Reader::find(const char* name, const char* arch, const char* unit) const {
  const Package* package = find_package(name, arch);
  return package == nullptr ? nullptr : find(*package, unit);
}

const Unit* Reader::find(const Package& package, const char* name) const {
  for (std::uint32_t i = 0; i < package.units; ++i) {
    const Unit& entry = unit(package, i);
    const char* pattern = string(entry.pattern);
    if (entry.kind >= Kind::Ran) break;  // the last kinds
    if (entry.kind == Kind::Every ||
        (entry.kind == Kind::Exact ? std::strcmp(pattern, name) == 0 : fits(pattern, name)))
      return &entry;
  }
  return nullptr;
}

bool Reader::has(const char* name, const char* arch, Kind kind, const char* unit_name) const {
  const Package* package = find_package(name, arch);
  for (std::uint32_t i = 0; package != nullptr && i < package->units; ++i) {
    const Unit& entry = unit(*package, i);
    if (entry.kind == kind && std::strcmp(string(entry.pattern), unit_name) == 0) return true;
  }
  return false;
}

bool Reader::ran(const char* name, const char* arch, const char* unit_name) const {
  return has(name, arch, Kind::Ran, unit_name);
}

bool Reader::rested(const char* name, const char* arch, const char* unit_name) const {
  return has(name, arch, Kind::Rested, unit_name);
}

const Package* Reader::with_unit_that_ran(const char* unit_name) const {
  for (std::uint32_t i = 0; i < header_->packages; ++i) {
    for (std::uint32_t j = 0; j < packages_[i].units; ++j) {
      const Unit& entry = unit(packages_[i], j);
      if (entry.kind == Kind::Ran && std::strcmp(string(entry.pattern), unit_name) == 0)
        return &packages_[i];
    }
  }
  return nullptr;
}

const Package* Reader::next_with(const char* unit, const Package* after) const {
  const Package* const end = packages_ + header_->packages;
  for (const Package* at = after == nullptr ? packages_ : after + 1; at < end; ++at)
    for (std::uint32_t i = 0; i < at->together; ++i)
      if (fits(together(*at, i), unit)) return at;
  return nullptr;
}

bool is_there(const Header& header) {
  const ProcessStat process = stat_of_process(header.pid);
  if (process.has_ended()) return false;
  if (process.start_time == 0 || process.start_time != header.start_time) return false;
  char boot[sizeof header.boot] = {};
  const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = read(fd, boot, sizeof boot - 1);
  close(fd);
  if (size <= 1 || boot[size - 1] != '\n') return false;
  boot[size - 1] = '\0';
  return std::strcmp(boot, header.boot) == 0;
}

}  // namespace aptkeep::table
