#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>

#include "adapters/guard_command.h"
#include "adapters/guard_probes.h"

namespace aptkeep {
namespace {

// The files are read with libc's own readers, and all else is asked from a program: in a static
// program getpwnam() would load the machine's NSS modules, made for a libc that may be another.
struct Close {
  void operator()(FILE* file) const { static_cast<void>(fclose(file)); }
};
using File = std::unique_ptr<FILE, Close>;

File open_text(const char* path) {
  return File(fopen(path, "re"));
}

// The fields of the line that `getent DATABASE NAME` prints; none: there is no such name.
Result<std::vector<std::string>> ask_getent(const char* database, const std::string& name) {
  const auto end = run_program({"getent", database, name}, nullptr, std::chrono::seconds(10));
  if (!end) return end.error();
  std::vector<std::string> fields;
  constexpr int kNotFound = 2;  // getent(1)
  if (end->exit_code == kNotFound) return fields;
  if (!end->well()) return Error{"unable to ask getent for " + name + ": " + told(*end)};
  const std::string line = end->output.substr(0, end->output.find('\n'));
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t next = std::min(line.find(':', at), line.size());
    fields.push_back(line.substr(at, next - at));
    at = next + 1;
  }
  return fields;
}

// `at`: which field has the number.
Result<std::optional<unsigned>> number_in(const std::vector<std::string>& fields, std::size_t at) {
  if (fields.empty()) return std::optional<unsigned>();
  unsigned number = 0;
  const char* const begin = at < fields.size() ? fields[at].data() : "";
  const char* const end = begin + (at < fields.size() ? fields[at].size() : 0);
  if (begin == end || std::from_chars(begin, end, number).ptr != end) {
    return Error{"unable to read what getent says of " + fields[0]};
  }
  return std::optional(number);
}

Result<std::optional<Account>> account_from_getent(const std::string& name) {
  const auto fields = ask_getent("passwd", name);
  if (!fields) return fields.error();
  const auto uid = number_in(*fields, 2);
  const auto gid = number_in(*fields, 3);
  if (!uid) return uid.error();
  if (!gid) return gid.error();
  if (!*uid || !*gid) return std::optional<Account>();
  return std::optional(Account{name, fields->size() > 5 ? (*fields)[5] : "/", **uid, **gid, {}});
}

void add_groups(Account& account) {
  account.groups = {account.gid};
  const File file = open_text("/etc/group");
  if (!file) return;
  while (const group* entry = fgetgrent(file.get())) {
    for (char** member = entry->gr_mem; *member != nullptr; ++member) {
      if (account.name == *member && entry->gr_gid != account.gid) {
        account.groups.push_back(entry->gr_gid);
        break;
      }
    }
  }
}

}  // namespace

Result<std::optional<Account>> find_account(const std::string& name) {
  std::optional<Account> found;
  if (const File file = open_text("/etc/passwd")) {
    while (const passwd* entry = fgetpwent(file.get())) {
      if (name != entry->pw_name) continue;
      found = Account{name, entry->pw_dir, entry->pw_uid, entry->pw_gid, {}};
      break;
    }
  }
  if (!found) {
    auto asked = account_from_getent(name);
    if (!asked) return asked;
    found = std::move(*asked);
  }
  if (found) add_groups(*found);
  return found;
}

Result<std::optional<gid_t>> find_group(const std::string& name) {
  if (const File file = open_text("/etc/group")) {
    while (const group* entry = fgetgrent(file.get())) {
      if (name == entry->gr_name) return std::optional(entry->gr_gid);
    }
  }
  const auto fields = ask_getent("group", name);
  if (!fields) return fields.error();
  return number_in(*fields, 2);
}

namespace probe {
namespace {

Result<std::optional<unsigned>> id_of(const std::string& argument) {
  if (argument.starts_with(':')) return find_group(argument.substr(1));
  const auto account = find_account(argument);
  if (!account) return account.error();
  return *account ? std::optional<unsigned>((*account)->uid) : std::nullopt;
}

GuardResult same_id(const Context& context, const std::string& argument) {
  const std::string what =
      argument.starts_with(':') ? "group " + argument.substr(1) : "user " + argument;
  const std::string key = "same-ids " + argument;
  const auto id = id_of(argument);
  if (!id) return unknown(id.error().message);
  if (*id) return compare(context, key, std::to_string(**id), what);
  const auto old = context.before.find(key);
  if (old == context.before.end()) return unknown("there is no " + what);
  return unmet("there is no " + what + " any more, it was " + old->second);
}

}  // namespace

GuardResult same_ids(const Context& context) {
  GuardResult all = met("");
  for (const auto& argument : context.arguments) {
    // All of them, also behind one that differs: each is to be remembered.
    const GuardResult result = same_id(context, argument);
    if (!all.met()) continue;
    all.why += (all.why.empty() ? "" : ", ") + result.why;
    if (!result.met()) all = result;
  }
  return all;
}

}  // namespace probe
}  // namespace aptkeep
