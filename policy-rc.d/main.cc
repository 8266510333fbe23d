// /usr/lib/aptkeep/policy-rc.d: what /usr/sbin/policy-rc.d is through update-alternatives(1).
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "core/config.h"
#include "policy/caller.h"
#include "policy/notes.h"
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

// Of a package's script, in a run: what the table says of it and its unit.
void look_up(const char* package, const char* arch, const policy::Question& question,
             policy::Surroundings& around) {
  table::Reader reader;
  if (reader.open(paths::kRunDir) != table::Finding::Counts) return;
  const table::Package* const found = reader.find_package(package, arch);
  if (found == nullptr) return;
  const char* const script = std::getenv("DPKG_MAINTSCRIPT_NAME");
  around.ran = reader.ran(package, arch, question.unit);
  around.may_wait = script != nullptr && std::strcmp(script, "postinst") == 0 &&
                    (found->flags & table::kNeeded) == 0;
  if (const table::Unit* const unit = reader.find(*found, question.unit)) {
    around.sockets_stay = unit->sockets == table::Sockets::Leave ||
                          unit->sockets == table::Sockets::Park ||
                          unit->service_class == table::Class::Stock;
    if (unit->service_class != table::Class::None && unit->service_class != table::Class::End)
      around.may_wait = false;
  }
}

policy::Surroundings look_around(const policy::Question& question, const policy::Caller& caller) {
  policy::Surroundings around;
  around.init = access("/sbin/init", F_OK) == 0;
  around.systemd = is_folder("/run/systemd/system");
  around.off = is_off();
  const char* const package = std::getenv("DPKG_MAINTSCRIPT_PACKAGE");
  const char* const arch = std::getenv("DPKG_MAINTSCRIPT_ARCH");
  const char* const root = std::getenv("DPKG_ROOT");
  around.script = package != nullptr && (root == nullptr || *root == '\0') && geteuid() == 0 &&
                  !caller.of_users;
  if (around.script && arch != nullptr && !around.off) look_up(package, arch, question, around);
  return around;
}

// Where all that the call is for runs: what does not is to be started now.
bool put_off(const policy::Question& question, policy::Caller& caller) {
  policy::Units& units = caller.units;
  if (units.count == 0) units.name[units.count++] = question.unit;
  policy::Units active = units;  // whose names still lie in the first
  policy::keep_active(active);
  return active.count == units.count &&
         policy::note_restarts(paths::kRunDir, units, std::getenv("DPKG_MAINTSCRIPT_PACKAGE"),
                               std::getenv("DPKG_MAINTSCRIPT_ARCH"));
}

}  // namespace

int main(int argc, char** argv) {
  const policy::Question question = policy::read_question(argc, argv);
  policy::Caller caller;
  policy::find_caller(caller);
  const policy::Answer said = policy::answer(question, look_around(question, caller));
  if (said.may_wait && put_off(question, caller)) return policy::kDoNot;
  if (said.triggers == policy::Triggers::Stop) policy::stop_triggers(paths::kRunDir, question.unit);
  if (said.triggers == policy::Triggers::Start) {
    policy::start_triggers(paths::kRunDir, question.unit);
  }
  return said.code;
}
