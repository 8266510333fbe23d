#include "adapters/dpkg_archive.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <string_view>
#include <system_error>
#include <utility>

#include "adapters/dpkg_impl.h"

extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
#include <dpkg/tarfn.h>
#pragma GCC diagnostic pop
}

namespace aptkeep {
namespace {

constexpr const char* kDpkgDeb = "/usr/bin/dpkg-deb";

struct Reading {
  int from = -1;
  int result = 0;
  struct tar_archive tar {};
  std::vector<ArchiveFile> files;
  // Of control files: the wanted ones, and what was read of them.
  std::vector<std::string> names = {};
  std::size_t most = 0;  // bytes
  std::map<std::string, std::string> contents = {};
};

Reading& reading_of(struct tar_archive* tar) {
  return *static_cast<Reading*>(tar->ctx);
}

int read_some(struct tar_archive* tar, char* buffer, int length) {
  int done = 0;
  while (done < length) {
    const ssize_t got =
        ::read(reading_of(tar).from, buffer + done, static_cast<std::size_t>(length - done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<int>(got);
  }
  return done;
}

FileType type_of(enum tar_filetype type) {
  switch (type) {
    case TAR_FILETYPE_SYMLINK:
      return FileType::Symlink;
    case TAR_FILETYPE_CHARDEV:
      return FileType::CharDevice;
    case TAR_FILETYPE_BLOCKDEV:
      return FileType::BlockDevice;
    case TAR_FILETYPE_DIR:
      return FileType::Directory;
    case TAR_FILETYPE_FIFO:
      return FileType::Fifo;
    default:
      return FileType::Regular;
  }
}

// No exception may pass through libdpkg.
int note(struct tar_archive* tar, struct tar_entry* entry) noexcept try {
  std::string path = entry->name;
  if (path.starts_with('.')) path.erase(0, 1);
  while (path.ends_with('/')) path.pop_back();
  if (path.empty()) return 0;
  if (!path.starts_with('/')) path.insert(0, "/");
  ArchiveFile file;
  file.path = std::move(path);
  file.type = type_of(entry->type);
  file.hard_link = entry->type == TAR_FILETYPE_HARDLINK;
  if (file.type == FileType::Regular) file.size = static_cast<std::uint64_t>(entry->size);
  file.mtime = entry->mtime;
  if (file.type == FileType::Symlink) file.target = entry->linkname;
  reading_of(tar).files.push_back(std::move(file));
  return 0;
} catch (const std::exception&) {
  errno = ENOMEM;
  return -1;
}

// The reader leaves a file's content, and what fills up its last block, to whom it calls.
int note_content(struct tar_archive* tar, struct tar_entry* entry) noexcept {
  if (note(tar, entry) != 0) return -1;
  std::array<char, std::size_t{64} * 1024> block{};
  const std::uint64_t size = static_cast<std::uint64_t>(entry->size);
  for (std::uint64_t left = (size + TARBLKSZ - 1) / TARBLKSZ * TARBLKSZ; left > 0;) {
    const int wanted = static_cast<int>(std::min<std::uint64_t>(left, block.size()));
    if (read_some(tar, block.data(), wanted) != wanted) return -1;
    left -= static_cast<std::uint64_t>(wanted);
  }
  return 0;
}

// One that is not wanted, or too long, is read and dropped.
int keep_content(struct tar_archive* tar, struct tar_entry* entry) noexcept try {
  Reading& reading = reading_of(tar);
  std::string_view name = entry->name;
  if (name.starts_with("./")) name.remove_prefix(2);
  const std::uint64_t size = static_cast<std::uint64_t>(entry->size);
  const bool wanted = size <= reading.most && std::find(reading.names.begin(), reading.names.end(),
                                                        name) != reading.names.end();
  std::string content;
  std::array<char, std::size_t{64} * 1024> block{};
  for (std::uint64_t left = (size + TARBLKSZ - 1) / TARBLKSZ * TARBLKSZ; left > 0;) {
    const int length = static_cast<int>(std::min<std::uint64_t>(left, block.size()));
    if (read_some(tar, block.data(), length) != length) return -1;
    if (wanted) content.append(block.data(), static_cast<std::size_t>(length));
    left -= static_cast<std::uint64_t>(length);
  }
  content.resize(wanted ? size : 0);
  if (wanted) reading.contents.insert_or_assign(std::string(name), std::move(content));
  return 0;
} catch (const std::exception&) {
  errno = ENOMEM;
  return -1;
}

int pass_over(struct tar_archive*, struct tar_entry*) noexcept {
  return 0;
}

constexpr struct tar_operations kControlOperations = {
    .read = read_some,
    .extract_file = keep_content,
    .link = pass_over,
    .symlink = pass_over,
    .mkdir = pass_over,
    .mknod = pass_over,
};

constexpr struct tar_operations kOperations = {
    .read = read_some,
    .extract_file = note_content,
    .link = note,
    .symlink = note,
    .mkdir = note,
    .mknod = note,
};

void extract(void* data) {
  auto* reading = static_cast<Reading*>(data);
  reading->result = tar_extractor(&reading->tar);
}

// What dpkg-deb writes; -1: it could not be started.
pid_t start(std::string verb, const std::string& archive, int output) {
  std::string program = kDpkgDeb;
  std::string path = archive;
  char* argv[] = {program.data(), verb.data(), path.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, kDpkgDeb, &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  errno = failed;
  return failed == 0 ? pid : -1;
}

Error unable(const std::string& archive, const std::string& why) {
  return Error{"unable to read " + archive + ": " + why};
}

// All of what dpkg-deb writes for `verb`.
Status read_tar(const std::string& archive, const std::string& verb, Reading& reading) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return unable(archive, std::generic_category().message(errno));
  }
  const pid_t pid = start(verb, archive, ends[1]);
  const int why = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return unable(archive, std::generic_category().message(why));
  }
  reading.from = ends[0];
  reading.tar.ctx = &reading;
  const Status read = dpkg_impl::guarded("read " + archive, extract, &reading);
  close(ends[0]);  // ends a dpkg-deb that still writes
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!read) return read.error();
  // Padding after the last entry is not read, so that dpkg-deb may die of SIGPIPE.
  const bool ended = WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGPIPE;
  if (reading.result != 0 || !ended) return unable(archive, "it is damaged or not there");
  return success();
}

}  // namespace

Result<std::vector<ArchiveFile>> read_archive_files(const std::string& archive) {
  Reading reading;
  reading.tar.ops = &kOperations;
  const Status read = read_tar(archive, "--fsys-tarfile", reading);
  if (!read) return read.error();
  return std::move(reading.files);
}

Result<std::map<std::string, std::string>> read_control_files(const std::string& archive,
                                                              const std::vector<std::string>& names,
                                                              std::size_t most) {
  Reading reading;
  reading.tar.ops = &kControlOperations;
  reading.names = names;
  reading.most = most;
  const Status read = read_tar(archive, "--ctrl-tarfile", reading);
  if (!read) return read.error();
  return std::move(reading.contents);
}

}  // namespace aptkeep
