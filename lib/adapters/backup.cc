#include "adapters/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "adapters/guard_command.h"
#include "adapters/wiring.h"
#include "core/backup.h"
#include "core/guard_arguments.h"

namespace aptkeep {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLeastRoom = std::uint64_t{16} << 20;

Error unable(const std::string& what, const std::string& path, int number) {
  return Error{"unable to " + what + " " + path + ": " + std::strerror(number)};
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return success();
  return unable("make", path, errno);
}

Status sync_path(const std::string& path, int follow = O_NOFOLLOW) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | follow));
  if (!file.ok() || ::fsync(file.get()) != 0) return unable("write", path, errno);
  return success();
}

std::string run_folder(const BackupPlace& place) {
  return place.base + "/" + std::to_string(place.run);
}

// The place of all backups may be root's own link to a larger disk.
Status check_base(const std::string& base) {
  struct stat facts {};
  if (::lstat(base.c_str(), &facts) != 0) return unable("look at", base, errno);
  const bool trusted = facts.st_uid == 0 || facts.st_uid == ::geteuid();
  if (!S_ISLNK(facts.st_mode) || trusted) return success();
  return Error{"unable to use " + base + ": it is a link that is not root's"};
}

// No package's name begins so. What has it is not whole.
constexpr const char* kPartial = ".partial-";

// New, for as long as it is not whole: nobody takes what a killed run has left for a backup.
Result<std::string> new_folder(const BackupPlace& place) {
  if (const Status made = make_folder(place.base); !made) return made.error();
  if (const Status checked = check_base(place.base); !checked) return checked.error();
  if (const Status made = make_folder(run_folder(place)); !made) return made.error();
  const std::string path = run_folder(place) + "/" + kPartial + place.package;
  std::error_code ignored;  // mkdir(2) tells
  fs::remove_all(path, ignored);
  if (::mkdir(path.c_str(), 0700) == 0) return path;
  return unable("make", path, errno);
}

// By its own name; where that is.
Result<std::string> name_folder(const std::string& partial, const BackupPlace& place) {
  const std::string name = run_folder(place) + "/" + place.package;
  for (int number = 1; number < 1000; ++number) {
    const std::string path = name + (number == 1 ? "" : "-" + std::to_string(number));
    struct stat facts {};
    if (::lstat(path.c_str(), &facts) == 0) continue;
    if (::rename(partial.c_str(), path.c_str()) == 0) return path;
    return unable("make", path, errno);
  }
  return Error{"unable to make " + name + ": there are too many"};
}

std::string part_of(int file, off_t from) {
  char buffer[4096];
  const ssize_t size = ::pread(file, buffer, sizeof buffer, from);
  return {buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::string fault_of(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat facts {};
  if (!file.ok() || ::fstat(file.get(), &facts) != 0) return std::strerror(errno);
  if (!S_ISREG(facts.st_mode)) return {};
  const std::string head = part_of(file.get(), 0);
  return dump_fault(head, part_of(file.get(), std::max<off_t>(facts.st_size - 4096, 0)));
}

// A backup may be a symlink to where a command has put it, but not one to nothing.
bool is_something(const fs::directory_entry& entry) {
  std::error_code error;
  if (!entry.is_symlink()) return entry.is_regular_file(error);
  struct stat facts {};
  if (::stat(entry.path().c_str(), &facts) != 0) return false;
  if (S_ISDIR(facts.st_mode)) return !fs::is_empty(entry.path(), error) && !error;
  return S_ISREG(facts.st_mode) && facts.st_size > 0;
}

class Backup {
 public:
  explicit Backup(std::string folder) : folder_(std::move(folder)) {}

  Status run(const std::vector<std::string>& commands) {
    for (const std::string& command : commands) {
      const std::string why = run_one(command);
      if (!why.empty()) return Error{command + ": " + why};
    }
    return success();
  }

  // What is there, looked at and on the disk.
  Result<std::vector<std::string>> files() const {
    std::vector<std::string> top;
    bool any = false;
    std::error_code error;
    fs::recursive_directory_iterator entry(folder_, error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      const std::string path = entry->path().string();
      if (entry.depth() == 0) top.push_back(path);
      any = any || is_something(*entry);
      if (entry->is_symlink() || !(entry->is_regular_file() || entry->is_directory())) continue;
      if (const std::string why = fault_of(path); !why.empty()) return Error{path + ": " + why};
      if (const Status synced = sync_path(path); !synced) return synced.error();
    }
    if (error) return unable("read", folder_, error.value());
    if (!any) return Error{"nothing was saved"};
    std::sort(top.begin(), top.end());
    return top;
  }

 private:
  std::string run_one(const std::string& text) {
    RuleCommand command;
    if (const std::string fault = read_rule_command(text, command); !fault.empty()) return fault;
    const std::string program = command.shell || command.argv.empty() ? "" : command.argv[0];
    const std::string path = folder_ + "/" + backup_name(++number_, program);
    Fd output(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!output.ok()) return unable("write", path, errno).message;
    Fd input;
    if (!last_.empty()) input = Fd(::open(last_.c_str(), O_RDONLY | O_CLOEXEC));
    const CommandWiring wiring{input.get(), output.get(), true, {"APTKEEP_BACKUP=" + folder_}};
    const auto end = run_rule_command(command, wiring);
    if (!end) return end.error().message;
    if (!end->well()) return told(*end);
    struct stat facts {};
    if (::fstat(output.get(), &facts) != 0) return unable("read", path, errno).message;
    // One that looks at a backup, or writes its file itself, need not say anything.
    if (facts.st_size == 0) {
      ::unlink(path.c_str());
    } else {
      last_ = path;
    }
    return {};
  }

  std::string folder_;
  std::string last_;
  int number_ = 0;
};

std::uint64_t size_of(const fs::path& folder) {
  std::uint64_t size = 0;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code none;
    const auto its = entry->is_regular_file(none) ? entry->file_size(none) : 0;
    if (!none) size += its;
  }
  return size;
}

bool is_number(const std::string& name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
}

// Fills it, and names it when all of it is well and on the disk.
Result<std::vector<std::string>> finish(const std::string& folder, const BackupPlace& place,
                                        const std::vector<std::string>& commands) {
  Backup backup(folder);
  if (const Status ran = backup.run(commands); !ran) return ran.error();
  auto files = backup.files();
  if (!files) return files;
  if (const Status synced = sync_path(folder); !synced) return synced.error();
  const auto named = name_folder(folder, place);
  if (!named) return named.error();
  Status synced = sync_path(run_folder(place));
  if (synced) synced = sync_path(place.base, 0);
  if (!synced) {
    std::error_code ignored;
    fs::remove_all(*named, ignored);
    return synced.error();
  }
  for (std::string& path : *files) path = *named + path.substr(folder.size());
  return files;
}

}  // namespace

Result<std::vector<std::string>> make_backup(const BackupPlace& place,
                                             const std::vector<std::string>& commands) {
  const auto folder = new_folder(place);
  if (!folder) return folder.error();
  auto files = finish(*folder, place, commands);
  if (files) return files;
  std::error_code ignored;
  fs::remove_all(*folder, ignored);
  ::rmdir(run_folder(place).c_str());  // where nothing else is in it
  return files;
}

std::uint64_t room_for_backup(const std::string& base, const std::string& package) {
  std::int64_t newest = -1;
  std::error_code error;
  for (fs::directory_iterator run(base, error); !error && run != fs::directory_iterator();
       run.increment(error)) {
    const std::string name = run->path().filename().string();
    std::error_code none;
    if (is_number(name) && name.size() < 18 && fs::is_directory(run->path() / package, none))
      newest = std::max(newest, std::int64_t{std::stoll(name)});
  }
  if (newest < 0) return kLeastRoom;
  const auto last = size_of(fs::path(base) / std::to_string(newest) / package);
  return std::max(kLeastRoom, last + last / 2);
}

std::uint64_t RoomForBackups::with(const std::string& package) {
  all_ += room_for_backup(base_, package);
  return all_;
}

Status drop_partial_backups(const std::string& base) {
  Status all = success();
  std::error_code error;
  for (fs::directory_iterator run(base, error); !error && run != fs::directory_iterator();
       run.increment(error)) {
    std::error_code none;
    if (!is_number(run->path().filename().string()) || run->is_symlink(none)) continue;
    std::vector<fs::path> partial;
    for (const auto& entry : fs::directory_iterator(run->path(), none)) {
      if (entry.path().filename().string().starts_with(kPartial)) partial.push_back(entry.path());
    }
    for (const fs::path& path : partial) {
      std::error_code failed;
      fs::remove_all(path, failed);
      if (failed) all = Error{"unable to remove " + path.string() + ": " + failed.message()};
    }
    if (!partial.empty()) ::rmdir(run->path().c_str());  // where nothing else is in it
  }
  return all;
}

Status prune_backups(const std::string& base, std::int64_t since) {
  Status all = success();
  std::error_code error;
  for (fs::directory_iterator run(base, error); !error && run != fs::directory_iterator();
       run.increment(error)) {
    const std::string path = run->path().string();
    struct stat facts {};
    if (!is_number(run->path().filename().string()) || ::lstat(path.c_str(), &facts) != 0) continue;
    if (!S_ISDIR(facts.st_mode) || facts.st_mtim.tv_sec >= since) continue;
    std::error_code failed;
    fs::remove_all(path, failed);
    if (failed) all = Error{"unable to remove " + path + ": " + failed.message()};
  }
  return all;
}

}  // namespace aptkeep
