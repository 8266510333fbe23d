// /usr/lib/aptkeep/policy-rc.d: what /usr/sbin/policy-rc.d is through update-alternatives(1).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/config.h"
#include "policy/question.h"
#include "policy/triggers.h"
#include "table/reader.h"

namespace {

using namespace aptkeep;

bool is_folder(const char* path) {
  struct stat info {};
  return lstat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_off() {
  const char* const said = std::getenv("APTKEEP");
  return (said != nullptr && std::strcmp(said, "off") == 0) || access(paths::kOff, F_OK) == 0;
}

// deb-systemd-invoke asks of a user's units as of the system's.
bool is_of_users() {
  char path[64];
  char words[4096];
  std::snprintf(path, sizeof path, "/proc/%d/cmdline", static_cast<int>(getppid()));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t size = read(fd, words, sizeof words - 1);
  close(fd);
  if (size <= 0) return false;
  words[size] = '\0';
  for (const char* word = words; word < words + size; word += std::strlen(word) + 1) {
    if (std::strcmp(word, "--user") == 0) return true;
  }
  return false;
}

policy::Surroundings look_around(const policy::Question& question) {
  policy::Surroundings around;
  around.init = access("/sbin/init", F_OK) == 0;
  around.systemd = is_folder("/run/systemd/system");
  around.off = is_off();
  const char* const package = std::getenv("DPKG_MAINTSCRIPT_PACKAGE");
  const char* const arch = std::getenv("DPKG_MAINTSCRIPT_ARCH");
  const char* const root = std::getenv("DPKG_ROOT");
  around.script =
      package != nullptr && (root == nullptr || *root == '\0') && geteuid() == 0 && !is_of_users();
  if (!around.script || arch == nullptr || around.off) return around;
  table::Reader reader;
  if (reader.open(paths::kRunDir) != table::Finding::Counts) return around;
  around.ran = reader.ran(package, arch, question.unit);
  if (const table::Unit* const unit = reader.find(package, arch, question.unit)) {
    around.sockets_stay = unit->sockets == table::Sockets::Leave ||
                          unit->sockets == table::Sockets::Park ||
                          unit->service_class == table::Class::Stock;
  }
  return around;
}

}  // namespace

int main(int argc, char** argv) {
  const policy::Question question = policy::read_question(argc, argv);
  const policy::Answer said = policy::answer(question, look_around(question));
  if (said.triggers == policy::Triggers::Stop) policy::stop_triggers(paths::kRunDir, question.unit);
  if (said.triggers == policy::Triggers::Start) {
    policy::start_triggers(paths::kRunDir, question.unit);
  }
  return said.code;
}
