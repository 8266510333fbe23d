// What is known of a package before it is unpacked over or removed, as values: enough to put it
// back as it was. The adapter (adapters/snapshot.h) takes them and keeps them on disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace aptkeep {

enum class FileType : std::uint8_t {
  Absent,  // listed by dpkg, and not there: deleted by the admin
  Regular,
  Directory,
  Symlink,
  Fifo,
  CharDevice,
  BlockDevice,
  Socket
};

// One path, as lstat(2) saw it beforehand. Owner, mode and attributes are those from before: dpkg
// takes a setuid file's mode away before it unlinks it, and a hard link shares its inode (dpkg,
// lib/dpkg/path-remove.c).
struct FileRecord {
  std::string path;       // as dpkg lists it
  std::string true_path;  // where it lies: the target of a diversion of it, else the same
  FileType type = FileType::Absent;
  std::uint32_t mode = 0;  // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t device = 0;  // st_dev and st_ino: which listed files are one
  std::uint64_t inode = 0;
  std::uint64_t rdev = 0;                     // of a device node
  std::uint64_t size = 0;                     // bytes, of a regular file
  std::int64_t mtime = 0;                     // seconds since the epoch
  std::string target;                         // of a symlink
  std::map<std::string, std::string> xattrs;  // name -> value, security.capability too
  // Name of the link or copy in the snapshot's folder; empty: nothing was to be stored, or could
  // be (`unsaved` says why).
  std::string stored;
  std::string unsaved;
};

// A conffile, as dpkg's database has it, and as it was on disk.
struct ConffileRecord {
  std::string path;
  std::string hash;  // dpkg's: md5 of the version that was shipped last; or "newconffile"
  bool obsolete = false;
  bool remove_on_upgrade = false;
  bool edited = false;  // the content was not the shipped one (or it was deleted)
};

// A configuration file that its package made by itself with ucf(1).
struct UcfRecord {
  std::string path;
  std::string hash;  // md5 in ucf's hashfile; empty: none there
};

struct Snapshot {
  std::string package;  // "name:arch", arch never "all"
  std::string arch;     // of its control data; "all" possible
  std::string version;
  std::string state;    // dpkg -l's letters: "ii"
  std::string control;  // the stanza for DEBIAN/control: no Status, Conffiles, Config-Version
  std::vector<FileRecord> files;  // all that dpkg lists, conffiles too, then ucf's
  std::vector<ConffileRecord> conffiles;
  std::vector<UcfRecord> ucf;
  std::vector<std::string> scripts;  // control files saved: "postinst", "md5sums", "triggers" ...
};

// A path that is not as it was before, found after a rollback.
struct Difference {
  std::string path;
  std::string what;  // "mode 0755 instead of 4755", "is a folder, was a symlink", "is missing"
};

}  // namespace aptkeep
