#include "adapters/snapshot_record.h"

#include <fcntl.h>
#include <md5.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "adapters/snapshot_fs.h"

namespace aptkeep::snapshot {
namespace {

using nlohmann::json;

constexpr const char* kMagic = "aptkeep snapshot 1 ";
constexpr std::size_t kMagicSize = 19;
constexpr std::size_t kHeaderSize = kMagicSize + 33;        // with the checksum and a newline
constexpr std::size_t kMostBytes = std::size_t{512} << 20;  // a million paths take 200 MB

std::string checksum(const char* data, std::size_t size) {
  char text[MD5_DIGEST_STRING_LENGTH];
  return MD5Data(reinterpret_cast<const std::uint8_t*>(data), size, text);
}

// Paths, targets and descriptions need not be UTF-8: byte strings throughout.
json bytes(const std::string& text) {
  return json::binary(std::vector<std::uint8_t>(text.begin(), text.end()));
}

std::string text(const json& value) {
  const auto& binary = value.get_binary();
  return std::string(binary.begin(), binary.end());
}

template <typename T>
json list(const std::vector<T>& items, json (*one)(const T&)) {
  json all = json::array();
  for (const T& item : items) all.push_back(one(item));
  return all;
}

template <typename T>
std::vector<T> unlist(const json& all, T (*one)(const json&)) {
  if (!all.is_array()) throw std::runtime_error("not a list");
  std::vector<T> items;
  items.reserve(all.size());
  for (const json& item : all) items.push_back(one(item));
  return items;
}

json map(const std::map<std::string, std::string>& pairs) {
  json all = json::array();
  for (const auto& [key, value] : pairs) {
    all.push_back(bytes(key));
    all.push_back(bytes(value));
  }
  return all;
}

std::map<std::string, std::string> unmap(const json& all) {
  if (!all.is_array() || all.size() % 2 != 0) throw std::runtime_error("not pairs");
  std::map<std::string, std::string> pairs;
  for (std::size_t i = 0; i < all.size(); i += 2) pairs.emplace(text(all[i]), text(all[i + 1]));
  return pairs;
}

json put_file(const FileRecord& file) {
  return json::array({bytes(file.path),
                      bytes(file.true_path == file.path ? std::string() : file.true_path),
                      static_cast<unsigned>(file.type), file.mode, file.uid, file.gid, file.device,
                      file.inode, file.rdev, file.size, file.mtime, bytes(file.target),
                      map(file.xattrs), bytes(file.stored), bytes(file.unsaved)});
}

bool whole_path(const std::string& path) {
  return !path.empty() && path[0] == '/' && path.find('\0') == std::string::npos;
}

FileRecord get_file(const json& value) {
  FileRecord file;
  file.path = text(value.at(0));
  file.true_path = text(value.at(1));
  if (file.true_path.empty()) file.true_path = file.path;
  const auto type = value.at(2).get<unsigned>();
  if (type > static_cast<unsigned>(FileType::Socket)) throw std::runtime_error("no such type");
  file.type = static_cast<FileType>(type);
  file.mode = value.at(3).get<std::uint32_t>();
  file.uid = value.at(4).get<std::uint32_t>();
  file.gid = value.at(5).get<std::uint32_t>();
  file.device = value.at(6).get<std::uint64_t>();
  file.inode = value.at(7).get<std::uint64_t>();
  file.rdev = value.at(8).get<std::uint64_t>();
  file.size = value.at(9).get<std::uint64_t>();
  file.mtime = value.at(10).get<std::int64_t>();
  file.target = text(value.at(11));
  file.xattrs = unmap(value.at(12));
  file.stored = text(value.at(13));
  file.unsaved = text(value.at(14));
  if (!whole_path(file.path) || !whole_path(file.true_path) || file.mode > 07777 ||
      file.stored.find_first_not_of("0123456789") != std::string::npos) {
    throw std::runtime_error("not a file's record");
  }
  return file;
}

json put_conffile(const ConffileRecord& conffile) {
  return json::array({bytes(conffile.path), bytes(conffile.hash), conffile.obsolete,
                      conffile.remove_on_upgrade, conffile.edited});
}

ConffileRecord get_conffile(const json& value) {
  ConffileRecord conffile{text(value.at(0)), text(value.at(1)), value.at(2).get<bool>(),
                          value.at(3).get<bool>(), value.at(4).get<bool>()};
  if (!whole_path(conffile.path)) throw std::runtime_error("not a whole path");
  return conffile;
}

json put_ucf(const UcfRecord& ucf) {
  return json::array({bytes(ucf.path), bytes(ucf.hash)});
}

UcfRecord get_ucf(const json& value) {
  UcfRecord ucf{text(value.at(0)), text(value.at(1))};
  if (!whole_path(ucf.path)) throw std::runtime_error("not a whole path");
  return ucf;
}

json put_taken(const Taken& taken) {
  return json::array({bytes(taken.path), bytes(taken.owner)});
}

json put_move(const Move& move) {
  return json::array({bytes(move.path), bytes(move.aside), move.made});
}

Move get_move(const json& value) {
  return Move{text(value.at(0)), text(value.at(1)), value.at(2).get<bool>()};
}

std::string plain_name(const json& value) {
  std::string name = text(value);
  if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
    throw std::runtime_error("not a file's name");
  }
  return name;
}

Record get_record(const json& value) {
  Record record;
  Snapshot& snapshot = record.snapshot;
  snapshot.package = text(value.at(0));
  snapshot.arch = text(value.at(1));
  snapshot.version = text(value.at(2));
  snapshot.state = text(value.at(3));
  snapshot.control = text(value.at(4));
  snapshot.files = unlist(value.at(5), get_file);
  snapshot.conffiles = unlist(value.at(6), get_conffile);
  snapshot.ucf = unlist(value.at(7), get_ucf);
  snapshot.scripts = unlist(value.at(8), plain_name);
  record.listed = value.at(9).get<std::size_t>();
  record.beside = unlist(value.at(10), get_file);
  record.taken = value.at(11).get<std::int64_t>();
  if (record.listed > snapshot.files.size()) throw std::runtime_error("too few files");
  return record;
}

Taken get_taken(const json& value) {
  return Taken{text(value.at(0)), text(value.at(1))};
}

Failed get_failed(const json& value) {
  return Failed{text(value.at(0)), unlist(value.at(1), text), unlist(value.at(2), get_conffile),
                text(value.at(3)), unlist(value.at(4), get_taken)};
}

System get_system(const json& value) {
  return System{text(value.at(0)), text(value.at(1)), unmap(value.at(2)), unmap(value.at(3))};
}

std::vector<Move> get_moves(const json& value) {
  return unlist(value, get_move);
}

Status write(int folder, const std::string& name, const json& value, Sync sync) {
  std::string content(kHeaderSize, '\n');
  json::to_cbor(value, content);
  content.replace(
      0, kHeaderSize,
      kMagic + checksum(content.data() + kHeaderSize, content.size() - kHeaderSize) + "\n");
  return write_file(folder, name, content, sync);
}

Result<std::string> read_whole(int folder, const std::string& name) {
  auto fd = open_file(Place{folder, name}, name);
  if (!fd) return fd.error();
  auto content = read_fd(fd->get(), name, kMostBytes);
  if (!content) return content;
  if (content->size() < kHeaderSize || content->compare(0, kMagicSize, kMagic) != 0 ||
      (*content)[kHeaderSize - 1] != '\n' ||
      content->compare(kMagicSize, 32,
                       checksum(content->data() + kHeaderSize, content->size() - kHeaderSize)) !=
          0) {
    return Error{"unable to read " + name + ": it is damaged"};
  }
  return content;
}

template <typename T>
Result<T> read(int folder, const std::string& name, T (*get)(const json&)) {
  auto content = read_whole(folder, name);
  if (!content) return content.error();
  try {
    return get(json::from_cbor(content->begin() + kHeaderSize, content->end()));
  } catch (const std::exception&) {
    return Error{"unable to read " + name + ": it is damaged"};
  }
}

}  // namespace

Status save(int folder, const std::string& name, const Record& record) {
  const Snapshot& snapshot = record.snapshot;
  return write(folder, name,
               json::array({bytes(snapshot.package), bytes(snapshot.arch), bytes(snapshot.version),
                            bytes(snapshot.state), bytes(snapshot.control),
                            list(snapshot.files, put_file), list(snapshot.conffiles, put_conffile),
                            list(snapshot.ucf, put_ucf), list(snapshot.scripts, bytes),
                            record.listed, list(record.beside, put_file), record.taken}),
               Sync::Later);
}

Status save(int folder, const std::string& name, const Failed& failed) {
  return write(folder, name,
               json::array({bytes(failed.version), list(failed.paths, bytes),
                            list(failed.conffiles, put_conffile), bytes(failed.state),
                            list(failed.taken, put_taken)}),
               Sync::Now);
}

Status save(int folder, const std::string& name, const std::vector<Move>& moves) {
  return write(folder, name, list(moves, put_move), Sync::Now);
}

Status save(int folder, const std::string& name, const System& system) {
  return write(folder, name,
               json::array({bytes(system.diversions), bytes(system.statoverride),
                            map(system.alternatives), map(system.links)}),
               Sync::Later);
}

Result<Record> load_record(int folder, const std::string& name) {
  return read(folder, name, get_record);
}

Result<Failed> load_failed(int folder, const std::string& name) {
  return read(folder, name, get_failed);
}

Result<System> load_system(int folder, const std::string& name) {
  return read(folder, name, get_system);
}

Result<std::vector<Move>> load_moves(int folder, const std::string& name) {
  struct stat stab {};
  if (!look(Place{folder, name}, stab) && errno == ENOENT) return std::vector<Move>{};
  return read(folder, name, get_moves);
}

bool is_whole(int folder, const std::string& name) {
  return read_whole(folder, name).ok();
}

}  // namespace aptkeep::snapshot
