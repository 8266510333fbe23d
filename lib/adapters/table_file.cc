#include "adapters/table_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/table_layout.h"

namespace aptkeep {
namespace {

constexpr const char* kTemporary = ".table";

std::string reason() {
  return std::generic_category().message(errno);
}

// Empty: done.
std::string write_to(int folder, std::string_view bytes) {
  struct stat info {};
  if (::fstat(folder, &info) != 0) return reason();
  if (info.st_uid != 0 || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "its folder can be changed by others than root";
  }
  ::unlinkat(folder, kTemporary, 0);  // of one that was killed
  const int file =
      ::openat(folder, kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return reason();
  std::string why;
  while (!bytes.empty() && why.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
    if (written < 0 && errno != EINTR) why = reason();
  }
  if (why.empty() && ::fchmod(file, 0644) != 0) why = reason();
  ::close(file);
  if (why.empty() && ::renameat(folder, kTemporary, folder, table::kFileName) != 0) why = reason();
  if (!why.empty()) ::unlinkat(folder, kTemporary, 0);
  return why;
}

}  // namespace

Status write_table(const std::string& folder, std::string_view bytes) {
  const std::string cannot = "unable to write " + folder + "/" + table::kFileName + ": ";
  if (bytes.size() > table::kMostBytes) return Error{cannot + "it is too large"};
  const bool made = ::mkdir(folder.c_str(), 0755) == 0;
  if (!made && errno != EEXIST) return Error{cannot + reason()};
  const int place = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (place < 0) return Error{cannot + reason()};
  std::string why;
  if (made && ::fchmod(place, 0755) != 0) why = reason();  // whatever the umask is
  if (why.empty()) why = write_to(place, bytes);
  ::close(place);
  return why.empty() ? success() : Status(Error{cannot + why});
}

Status remove_table(const std::string& folder) {
  const std::string path = folder + "/" + table::kFileName;
  if (::unlink(path.c_str()) == 0) return success();
  const std::string why = reason();
  // Where nothing can be written, the kernel says so first even if there is nothing to remove.
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || S_ISDIR(info.st_mode)) return success();
  return Error{"unable to remove " + path + ": " + why};
}

}  // namespace aptkeep
