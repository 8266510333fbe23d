// Contents of files: opening, copying, comparing, hashing. Part of adapters/snapshot.h.
#include <fcntl.h>
#include <linux/fs.h>
#include <md5.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "adapters/snapshot_fs.h"

namespace aptkeep::snapshot {
namespace {

constexpr std::size_t kBlock = 65536;

ssize_t read_some(int fd, char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = read(fd, buffer, size);
    if (got >= 0 || errno != EINTR) return got;
  }
}

// Fills the buffer as far as the file goes.
ssize_t read_full(int fd, char* buffer, std::size_t size) {
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = read_some(fd, buffer + have, size - have);
    if (got < 0) return got;
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(have);
}

bool write_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t put = write(fd, data, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    data += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

std::string hex(MD5_CTX& state) {
  char text[MD5_DIGEST_STRING_LENGTH];
  return MD5End(&state, text);
}

}  // namespace

Result<Fd> open_file(const Place& place, const std::string& path) {
  if (!place.found()) return failure("open " + path, ENOENT);
  Fd fd(openat(place.folder, place.name.c_str(),
               O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat stab {};
  if (!fd.open() || fstat(fd.get(), &stab) != 0) return failure("open " + path);
  if (!S_ISREG(stab.st_mode)) return Error{"unable to open " + path + ": not a file"};
  return fd;
}

Result<std::string> read_fd(int fd, const std::string& path, std::size_t most) {
  std::string text;
  for (;;) {
    const std::size_t have = text.size();
    text.resize(have + kBlock);
    const ssize_t got = read_some(fd, text.data() + have, kBlock);
    if (got < 0) return failure("read " + path);
    text.resize(have + static_cast<std::size_t>(got));
    if (got == 0) return text;
    if (text.size() > most) return failure("read " + path, EFBIG);
  }
}

Result<bool> same_content(int one, int other, const std::string& path) {
  struct stat a {};
  struct stat b {};
  if (fstat(one, &a) != 0 || fstat(other, &b) != 0) return failure("look at " + path);
  if (a.st_dev == b.st_dev && a.st_ino == b.st_ino) return true;
  if (a.st_size != b.st_size) return false;
  const auto left = std::make_unique<char[]>(kBlock);
  const auto right = std::make_unique<char[]>(kBlock);
  for (;;) {
    const ssize_t got = read_full(one, left.get(), kBlock);
    const ssize_t want = read_full(other, right.get(), kBlock);
    if (got < 0 || want < 0) return failure("read " + path);
    if (got != want || !std::equal(left.get(), left.get() + got, right.get())) return false;
    if (got == 0) return true;
  }
}

Result<Copied> copy_content(int from, int to, const std::string& path, bool hash,
                            std::uint64_t most) {
  Copied copied;
  if (!hash && ioctl(to, FICLONE, from) == 0) return copied;
  MD5_CTX state;
  MD5Init(&state);
  const auto buffer = std::make_unique<char[]>(kBlock);
  for (;;) {
    const ssize_t got = read_some(from, buffer.get(), kBlock);
    if (got < 0) return failure("read " + path);
    if (got == 0) break;
    const auto size = static_cast<std::size_t>(got);
    if (size > most - copied.bytes) return failure("copy " + path, EFBIG);
    if (hash) MD5Update(&state, reinterpret_cast<const std::uint8_t*>(buffer.get()), size);
    if (!write_all(to, buffer.get(), size)) return failure("copy " + path);
    copied.bytes += size;
  }
  if (hash) copied.md5 = hex(state);
  return copied;
}

Result<std::string> md5_of(int fd, const std::string& path) {
  MD5_CTX state;
  MD5Init(&state);
  const auto buffer = std::make_unique<char[]>(kBlock);
  for (;;) {
    const ssize_t got = read_some(fd, buffer.get(), kBlock);
    if (got < 0) return failure("read " + path);
    if (got == 0) return hex(state);
    MD5Update(&state, reinterpret_cast<const std::uint8_t*>(buffer.get()),
              static_cast<std::size_t>(got));
  }
}

Status write_file(int folder, const std::string& name, const std::string& content, Sync sync,
                  mode_t mode) {
  const std::string fresh = name + ".new";
  unlinkat(folder, fresh.c_str(), 0);
  Fd fd(openat(folder, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.open()) return failure("write " + name);
  if (!write_all(fd.get(), content.data(), content.size()) || fchmod(fd.get(), mode) != 0 ||
      (sync == Sync::Now && fsync(fd.get()) != 0) ||
      renameat(folder, fresh.c_str(), folder, name.c_str()) != 0) {
    const Error error = failure("write " + name);
    unlinkat(folder, fresh.c_str(), 0);
    return error;
  }
  if (sync == Sync::Later) return success();
  // `folder` may be open as a path only.
  const Fd names(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!names.open() || fsync(names.get()) != 0) return failure("write " + name);
  return success();
}

}  // namespace aptkeep::snapshot
