#include "adapters/apt_rules.h"

#include <apt-pkg/tagfile.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace aptkeep {
namespace {

constexpr std::string_view kSuffix = ".rules";
constexpr std::size_t kMostBytes = 1U << 20U;
constexpr std::array<std::string_view, 4> kFields = {"Package", "Rollback", "Reason", "Source"};

// What is wrong, and in which line; line 0: with the file as a whole.
struct Fault {
  std::size_t line = 0;
  std::string why;
};

// A stanza as libapt-pkg wants it, without comments, and where each of its lines stood.
struct Stanza {
  std::string text;
  std::vector<std::size_t> lines;
};

struct Field {
  std::string name;
  std::size_t line = 0;
};

// What stands in a file is shown to a person's terminal.
std::string as_shown(std::string_view text) {
  std::string line = "\"";
  for (const char c : text.substr(0, 60)) line += c >= ' ' && c <= '~' ? c : '?';
  return line + "\"";
}

std::string folded(std::string_view text) {
  std::string line;
  bool blank = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n') {
      blank = !line.empty();
      continue;
    }
    if (blank) line += ' ';
    blank = false;
    line += c;
  }
  return line;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  const auto line = folded(text);
  for (std::string_view rest = line; !rest.empty();) {
    const auto space = rest.find(' ');
    words.emplace_back(rest.substr(0, space));
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  return words;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::optional<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 16384> buffer{};
  while (text.size() <= kMostBytes) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// Who may write a rule decides what is done as root.
std::string distrust(const struct stat& file) {
  if (file.st_uid != 0 && file.st_uid != ::geteuid()) {
    return "it is owned by user " + std::to_string(file.st_uid) + ", not by root";
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than its owner may write to it";
  return {};
}

// Empty text for a file that only masks another.
Result<std::string> content_of(const std::string& path) {
  // Not to hang on a fifo.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts = {};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return Error{std::strerror(errno)};
  if (S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3)) return std::string();
  if (!S_ISREG(facts.st_mode)) return Error{"it is no regular file"};
  if (auto why = distrust(facts); !why.empty()) return Error{std::move(why)};
  auto text = read_all(file.get());
  if (!text) return Error{std::strerror(errno)};
  if (text->size() > kMostBytes) return Error{"it is larger than 1 MB"};
  if (text->find('\0') != std::string::npos) return Error{"it is no text"};
  return std::move(*text);
}

// A field's first line, or one that goes on with it.
bool is_well_formed(std::string_view line, bool first) {
  if (line.front() == ' ' || line.front() == '\t') return !first;
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         line.substr(0, colon).find_first_of(" \t") == std::string_view::npos;
}

// Comments are dropped: pkgTagSection knows none, and pkgTagFile, which does, tells no lines.
std::optional<Fault> split(std::string_view text, std::vector<Stanza>& stanzas) {
  Stanza stanza;
  const auto finish = [&stanzas, &stanza] {
    if (!stanza.lines.empty()) stanzas.push_back(std::exchange(stanza, {}));
  };
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with('#')) continue;
    if (line.find_first_not_of(" \t") == std::string_view::npos) {
      finish();
      continue;
    }
    const auto* control = std::find_if(line.begin(), line.end(),
                                       [](char c) { return c >= 0 && c < ' ' && c != '\t'; });
    if (control != line.end()) return Fault{number, "a control character"};
    if (!is_well_formed(line, stanza.lines.empty())) {
      return Fault{number, as_shown(line) + " is no field"};
    }
    stanza.text.append(line).append("\n");
    stanza.lines.push_back(number);
  }
  finish();
  return std::nullopt;
}

std::vector<Field> fields_of(const pkgTagSection& section, const Stanza& stanza) {
  std::vector<Field> fields;
  for (unsigned int i = 0; i < section.Count(); ++i) {
    const char* start = nullptr;
    const char* stop = nullptr;
    section.Get(start, stop, i);
    const char* colon = std::find(start, stop, ':');
    const auto before = std::count(stanza.text.data(), start, '\n');
    fields.push_back({{start, colon}, stanza.lines[static_cast<std::size_t>(before)]});
  }
  return fields;
}

std::optional<Fault> check_fields(const std::vector<Field>& fields, std::size_t first_line) {
  std::set<std::string_view> seen;
  for (const auto& field : fields) {
    const auto* known = std::find_if(kFields.begin(), kFields.end(),
                                     [&field](auto name) { return same_word(name, field.name); });
    if (known == kFields.end()) return Fault{field.line, "unknown field " + as_shown(field.name)};
    if (!seen.insert(*known).second) {
      return Fault{field.line, "field " + std::string(*known) + " is there twice"};
    }
  }
  for (const auto name : kFields) {
    if (!seen.contains(name)) return Fault{first_line, "no field " + std::string(name)};
  }
  return std::nullopt;
}

std::string fault_in(const NeverBack& rule, const std::string& rollback) {
  if (rule.names.empty()) return "Package names none";
  for (const auto& name : rule.names) {
    if (!is_package_pattern(name)) return "Package: " + as_shown(name) + " is no package name";
  }
  if (!same_word(rollback, "never") && !same_word(rollback, "allowed")) {
    return "Rollback: " + as_shown(rollback) + " is neither never nor allowed";
  }
  if (rule.reason.empty()) return "Reason is empty";
  if (rule.source.find("://") == std::string::npos && rule.source.find(": ") == std::string::npos) {
    return "Source is neither a link nor \"PACKAGE SCRIPT: what it does\"";
  }
  return {};
}

std::optional<Fault> read_stanza(const std::string& path, Stanza& stanza,
                                 std::vector<NeverBack>& rules) {
  stanza.text += '\n';  // ends it, for libapt-pkg
  const auto line = stanza.lines.front();
  pkgTagSection section;
  if (!section.Scan(stanza.text.data(), stanza.text.size())) return Fault{line, "it is no stanza"};
  const auto fields = fields_of(section, stanza);
  if (auto fault = check_fields(fields, line)) return fault;
  NeverBack rule;
  rule.names = words_of(section.FindS("Package"));
  const auto rollback = folded(section.FindS("Rollback"));
  rule.never = same_word(rollback, "never");
  rule.reason = folded(section.FindS("Reason"));
  rule.source = folded(section.FindS("Source"));
  rule.where = path + ":" + std::to_string(line);
  if (auto why = fault_in(rule, rollback); !why.empty()) {
    const auto wrong = std::find_if(fields.begin(), fields.end(), [&why](const Field& field) {
      return same_word(field.name, std::string_view(why).substr(0, why.find_first_of(": ")));
    });
    return Fault{wrong == fields.end() ? line : wrong->line, std::move(why)};
  }
  rules.push_back(std::move(rule));
  return std::nullopt;
}

std::optional<Fault> read_file(const std::string& path, std::vector<NeverBack>& rules) {
  const auto text = content_of(path);
  if (!text) return Fault{0, text.error().message};
  std::vector<Stanza> stanzas;
  if (auto fault = split(*text, stanzas)) return fault;
  for (auto& stanza : stanzas) {
    if (auto fault = read_stanza(path, stanza, rules)) return fault;
  }
  return std::nullopt;
}

using Files = std::map<std::string, std::vector<std::string>>;  // name -> paths, the last one first

Status list_files(const std::string& folder, Files& files) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().filename().string();
    // What editors and dpkg leave behind is no rule file, nor is a hidden one.
    if (!name.ends_with(kSuffix) || name.starts_with('.')) continue;
    auto& paths = files[name];
    paths.insert(paths.begin(), folder + "/" + name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error{"unable to read " + folder + ": " + error.message()};
  }
  return success();
}

std::string complaint(const std::string& path, const Fault& fault) {
  const auto line = fault.line == 0 ? "" : ", line " + std::to_string(fault.line);
  return "unable to use " + path + line + ": " + fault.why;
}

}  // namespace

std::vector<std::string> rule_folders() {
  return {"/usr/share/aptkeep/rules.d", "/etc/aptkeep/rules.d"};
}

Result<Rules> read_rules(const std::vector<std::string>& folders) {
  Files files;
  for (const auto& folder : folders) {
    if (const auto listed = list_files(folder, files); !listed) return listed.error();
  }
  Rules rules;
  for (const auto& [name, paths] : files) {
    // One that is broken overrides nothing: a slip must not take a protection away.
    for (const auto& path : paths) {
      std::vector<NeverBack> found;
      const auto fault = read_file(path, found);
      if (fault) {
        rules.complaints.push_back(complaint(path, *fault));
        continue;
      }
      std::move(found.begin(), found.end(), std::back_inserter(rules.never_back));
      break;
    }
  }
  return rules;
}

}  // namespace aptkeep
