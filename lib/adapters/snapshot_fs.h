// Files for the snapshots: every path is walked folder by folder, so that no symlink somebody
// planted on the way is followed. Part of adapters/snapshot.h.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/snapshot.h"

namespace aptkeep::snapshot {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// "unable to <what>: <errno's text>".
Error failure(const std::string& what);
Error failure(const std::string& what, int number);

// The folder that a path's last part is in, open, and that part. folder < 0: a folder on the way is
// missing. Good until the next call of the Walk that made it.
struct Place {
  int folder = -1;
  std::string name;

  bool found() const { return folder >= 0; }
};

// Goes to the folders of paths one after the other, and keeps open what they have in common.
class Walk {
 public:
  // A symlink on the way is followed where it is root's (/lib, or what an admin laid elsewhere);
  // one of anybody else is an Error.
  Result<Place> to(const std::string& path);

 private:
  struct Step {
    std::string name;
    Fd fd;
  };
  Result<bool> enter(const std::string& name);

  Fd root_;
  std::vector<Step> steps_;
};

// lstat(2) of a place; false with errno where there is nothing.
bool look(const Place& place, struct stat& stab);
// A name for calls that take paths only: through /proc, so that it means this very place.
std::string name_of(const Place& place, const std::string& path);
FileType type_of(const struct stat& stab);
const char* noun_of(FileType type);  // "a folder", "a symlink"

Result<std::string> read_link(const Place& place);
std::map<std::string, std::string> read_xattrs(const std::string& name);

// Opens the regular file at a place to read it; no symlink, no waiting at a fifo.
Result<Fd> open_file(const Place& place, const std::string& path);
Result<std::string> read_fd(int fd, const std::string& path, std::size_t most);
// Whether both hold the same bytes from their beginnings on.
Result<bool> same_content(int one, int other, const std::string& path);

struct Copied {
  std::string md5;          // where it was asked for
  std::uint64_t bytes = 0;  // that take room of their own: none if the file system could clone it
};
// `most`: stops with an Error (errno EFBIG) beyond it, where it cannot be cloned.
Result<Copied> copy_content(int from, int to, const std::string& path, bool hash,
                            std::uint64_t most = UINT64_MAX);
// Of what open_file() opened; its offset is at the end then.
Result<std::string> md5_of(int fd, const std::string& path);

// Writes the file as a whole: beside it and renamed over it. `Sync::Now`: it is on disk when this
// returns, and a power cut leaves the file before or this one, never an empty one.
enum class Sync { Now, Later };
Status write_file(int folder, const std::string& name, const std::string& content, Sync sync,
                  mode_t mode = 0600);

// Opens a folder of snapshots, makes it and its parent (PLAN and RUN) if `make`. Each must be a
// real folder of ours that no other can write to.
Result<Fd> open_folder(const std::string& path, bool make);
Result<Fd> open_below(int folder, const std::string& name, const std::string& path, bool make);
// Removes what is at the name, with all below it; nothing there is a success.
Status remove_tree(int folder, const std::string& name, const std::string& path);

}  // namespace aptkeep::snapshot
