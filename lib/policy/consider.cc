#include "policy/consider.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "core/config.h"
#include "policy/call.h"
#include "policy/holds.h"
#include "policy/notes.h"
#include "policy/off_word.h"
#include "policy/triggers.h"
#include "table/reader.h"

namespace aptkeep::policy {
namespace {

const char* variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// The first is what release upgraders export, the second what Ubuntu's specification calls it.
bool in_release_upgrade() {
  return *variable("RELEASE_UPGRADE_IN_PROGRESS") != '\0' ||
         *variable("RELEASE_UPGRADE_IN_PROCESS") != '\0';
}

// `foreign`: a script of another package asks.
Wait wait_of(table::Class service_class, bool release_upgrade, bool needed, bool foreign) {
  switch (service_class) {
    case table::Class::Never:
      return Wait::Reboot;
    case table::Class::Early:
    case table::Class::Stock:
      return Wait::No;
    case table::Class::None:
    case table::Class::End:
    case table::Class::Stop:
      break;
  }
  if (release_upgrade) return Wait::Reboot;
  const bool postinst = std::strcmp(variable("DPKG_MAINTSCRIPT_NAME"), "postinst") == 0;
  // What is down while it is replaced is started anew then, whoever else has asked for it.
  const bool stops = service_class == table::Class::Stop && !foreign;
  return postinst && !needed && !stops ? Wait::End : Wait::No;
}

// Whether this very run would end with the service's processes: apt is one of them.
bool ends_this_run(const char* unit) {
  char text[4096];
  const int file = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  read_all(file, text, sizeof text);
  close(file);
  const char* line = std::strncmp(text, "0::/", 4) == 0 ? text : std::strstr(text, "\n0::/");
  if (line == nullptr) return false;
  char name[256];
  const char* const end = std::strchr(line + 1, '\n');
  const std::size_t length =
      end != nullptr ? static_cast<std::size_t>(end - line) : std::strlen(line);
  const void* const slash = memrchr(line, '/', length);
  const char* const last = static_cast<const char*>(slash) + 1;
  std::snprintf(name, sizeof name, "%.*s", static_cast<int>(line + length - last), last);
  if (std::strcmp(name, unit) != 0) return false;
  char mode[64];
  const char* const words[] = {"show", "--property=KillMode", "--value", "--", unit};
  return !systemctl(words, 5, mode, sizeof mode) || std::strcmp(mode, "process\n") != 0;
}

bool is_active(const char* unit) {
  Units one{};
  one.name[one.count++] = unit;
  keep_active(one);
  return one.count > 0;
}

// Then it is always down between.
bool ends_by_itself(const char* unit) {
  char text[128];
  const char* const words[] = {"show", "--property=Type,RemainAfterExit", "--", unit};
  return systemctl(words, 4, text, sizeof text) && std::strstr(text, "Type=oneshot\n") != nullptr &&
         std::strstr(text, "RemainAfterExit=no\n") != nullptr;
}

// Of a package's script, in a run: what the table says of it and its unit.
void look_up(const char* package, const char* arch, const Question& question,
             Surroundings& around) {
  table::Reader reader;
  if (reader.open(paths::kRunDir) != table::Finding::Counts) return;
  around.release_upgrade = in_release_upgrade();
  const table::Package* const asking = reader.find_package(package, arch);
  const table::Package* const owner = reader.with_unit_that_ran(question.unit);
  around.ran = asking != nullptr && reader.ran(package, arch, question.unit);
  around.rested = around.systemd && is_start(question.action) &&
                  reader.rested(package, arch, question.unit) && !is_active(question.unit) &&
                  !ends_by_itself(question.unit);
  // A rule about the unit's own package comes first.
  const table::Unit* unit = owner != nullptr ? reader.find(*owner, question.unit) : nullptr;
  if (unit == nullptr && asking != nullptr) unit = reader.find(*asking, question.unit);
  table::Class service_class = table::Class::None;
  if (unit != nullptr) {
    // What is to be parked is so by now, where that can be; else nothing is to start it meanwhile.
    around.sockets_stay =
        unit->sockets == table::Sockets::Leave || unit->service_class == table::Class::Stock;
    service_class = unit->service_class;
  }
  // Another package's, which is whole, must not wait until this one is.
  around.foreign = owner != nullptr && owner != asking;
  const bool needed = owner != nullptr && (owner->flags & table::kNeeded) != 0;
  around.early = service_class == table::Class::Early || (needed && !around.foreign);
  // A service of a package that this run does not know may have been started for a script's sake.
  const bool many_plans = (reader.header().flags & table::kManyPlans) != 0;
  if (owner == nullptr && !many_plans) return;
  around.wait = wait_of(service_class, around.release_upgrade, needed, around.foreign);
  const bool checks = owner != nullptr && (owner->flags & table::kChecks) != 0;
  // What a rule wants stopped must not go on as it is.
  if (around.wait == Wait::No && checks && service_class != table::Class::Stop)
    around.wait = Wait::IfRefused;
}

bool is_script(const char* name) {
  return std::strcmp(variable("DPKG_MAINTSCRIPT_NAME"), name) == 0;
}

// The run's end sees to what is on its record. Not on it are services of packages that are not in
// the run: dovecot-lmtpd's prerm stops dovecot-core's, which that starts again by a trigger, while
// it is held.
bool is_on_record(const char* unit) {
  table::Reader reader;
  return reader.open(paths::kRunDir) == table::Finding::Counts &&
         reader.with_unit_that_ran(unit) != nullptr;
}

// Who holds the unit, and whether this script may let it go.
void look_at_hold(const char* package, const char* arch, const Question& question,
                  Surroundings& around) {
  around.replaces = (is_script("preinst") || is_script("prerm")) && !around.foreign;
  const Hold hold = hold_of(paths::kRunDir, question.unit);
  around.held = hold.there;
  around.parked = hold.parked;
  around.let_go = is_script("postinst") && !hold.waits && is_held_by(hold, package, arch);
  around.comes_up = std::strcmp(question.action, "reload") == 0 &&
                    (around.held || is_on_record(question.unit)) && !is_active(question.unit);
  around.fresh = is_start(question.action) && is_fresh(paths::kRunDir, question.unit) &&
                 is_active(question.unit);
}

bool is_loaded(const char* unit) {
  char state[64];
  const char* const words[] = {"show", "--property=LoadState", "--value", "--", unit};
  return systemctl(words, 5, state, sizeof state) && std::strcmp(state, "loaded\n") == 0;
}

// Whether dpkg's list of the files of the script's package has the unit, or its template.
bool is_own(const char* unit) {
  char path[512];
  FILE* list = nullptr;
  const char* const arches[] = {"", variable("DPKG_MAINTSCRIPT_ARCH")};
  for (const char* const arch : arches) {
    std::snprintf(path, sizeof path, "/var/lib/dpkg/info/%s%s%s.list",
                  variable("DPKG_MAINTSCRIPT_PACKAGE"), *arch != '\0' ? ":" : "", arch);
    if (list == nullptr) list = std::fopen(path, "re");
  }
  if (list == nullptr) return false;
  char name[256];
  if (!template_of(unit, name, sizeof name)) std::snprintf(name, sizeof name, "%s", unit);
  bool own = false;
  char* line = nullptr;
  std::size_t room = 0;
  while (!own && getline(&line, &room, list) > 0) {
    line[std::strcspn(line, "\n")] = '\0';
    const char* const slash = std::strrchr(line, '/');
    own = slash != nullptr && std::strcmp(slash + 1, name) == 0;
  }
  std::free(line);
  std::fclose(list);
  return own;
}

// By the run that it is in, if a person has not switched that off.
bool is_looked_after(const char* unit) {
  return *variable("DPKG_FRONTEND_LOCKED") != '\0' && (is_on_record(unit) || is_own(unit));
}

void hold_one(const char* unit, bool active) {
  Hold said;
  said.ran = active && (is_trigger(unit) || !is_looked_after(unit));
  std::snprintf(said.package, sizeof said.package, "%s:%s", variable("DPKG_MAINTSCRIPT_PACKAGE"),
                variable("DPKG_MAINTSCRIPT_ARCH"));
  hold(paths::kRunDir, unit, said);
}

// What triggers the unit is stopped before that is held: it would try again and again to start what
// it cannot, until systemd gives it up.
void hold_and_stop_triggers(const char* unit) {
  const bool holds = std::strpbrk(unit, "*?[") == nullptr && is_loaded(unit);
  Units triggers;
  if (holds) triggers_of(unit, triggers);
  Units active = triggers;  // whose names still lie in the first
  keep_active(active);
  for (std::size_t i = 0; i < triggers.count; ++i) {
    bool ran = false;
    for (std::size_t j = 0; j < active.count; ++j)
      ran = ran || std::strcmp(active.name[j], triggers.name[i]) == 0;
    hold_one(triggers.name[i], ran);
  }
  stop_triggers(paths::kRunDir, unit);
  if (holds) hold_one(unit, is_active(unit));
}

// deb-systemd-invoke acts on all units of its call, or on none: where all are held it is spared
// them, since a socket does not come back whose service is started in the same call.
bool holds_all(const Units& whole_call) {
  for (std::size_t i = 0; i < whole_call.count; ++i) {
    const Hold hold = hold_of(paths::kRunDir, whole_call.name[i]);
    if (!is_held_by(hold, variable("DPKG_MAINTSCRIPT_PACKAGE"), variable("DPKG_MAINTSCRIPT_ARCH")))
      return false;
  }
  return whole_call.count > 1;
}

// Of what is down, and has had its sockets, paths or timers opened: clients start it at any moment,
// and the caller's restart would then be its second. To start what runs does nothing. True: it is
// up; where it is not, the caller's own attempt shows why.
bool starts_at_once(const Question& question) {
  if (std::strcmp(question.action, "try-restart") != 0) {
    Units one{};
    one.name[one.count++] = question.unit;
    act("start", one);
  }
  return is_active(question.unit);
}

}  // namespace

bool is_off() {
  return switches_off(variable("APTKEEP")) || access(paths::kOff, F_OK) == 0;
}

bool is_enabled(const char* unit) {
  char text[64];
  const char* const words[] = {"is-enabled", "--", unit};
  return systemctl(words, 3, text, sizeof text) && std::strstr(text, "enabled") != nullptr;
}

bool has_systemd() {
  struct stat info {};
  return lstat("/run/systemd/system", &info) == 0 && S_ISDIR(info.st_mode);
}

bool below_script() {
  return *variable("DPKG_MAINTSCRIPT_PACKAGE") != '\0' && *variable("DPKG_ROOT") == '\0' &&
         geteuid() == 0;
}

bool in_run() {
  table::Reader reader;
  return reader.open(paths::kRunDir) == table::Finding::Counts;
}

Surroundings look_around(const Question& question, bool of_users) {
  Surroundings around;
  around.init = access("/sbin/init", F_OK) == 0;
  around.systemd = has_systemd();
  around.off = is_off();
  around.script = below_script() && !of_users;
  const char* const arch = std::getenv("DPKG_MAINTSCRIPT_ARCH");
  if (around.script && arch != nullptr && !around.off) {
    look_up(variable("DPKG_MAINTSCRIPT_PACKAGE"), arch, question, around);
    look_at_hold(variable("DPKG_MAINTSCRIPT_PACKAGE"), arch, question, around);
  }
  const bool at_once = around.wait == Wait::No || around.wait == Wait::IfRefused;
  if (around.script && !around.off && at_once && in_run() && ends_this_run(question.unit))
    around.wait = Wait::End;
  if (*variable(kAllowActivation) != '\0') around.sockets_stay = true;
  if (*variable(kNow) != '\0') around.wait = Wait::No;
  return around;
}

bool leave_to_end(const char* kind, const Units& units) {
  table::Reader reader;
  if (reader.open(paths::kRunDir) != table::Finding::Counts) return false;
  const NotesName name(reader.header().pid, reader.header().start_time);
  // As packages are named everywhere else: by the architecture in whose place dpkg has it.
  const char* arch = variable("DPKG_MAINTSCRIPT_ARCH");
  if (std::strcmp(arch, "all") == 0) arch = reader.string(reader.header().native_arch);
  return note(paths::kRunDir, name, kind, units, variable("DPKG_MAINTSCRIPT_PACKAGE"), arch);
}

bool is_refused(const char* unit) {
  const pid_t pid = fork();
  if (pid == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(2, 1);
    execl(paths::kDriver, paths::kDriver, "config-refused", unit, nullptr);
    _exit(127);
  }
  int status = -1;
  while (pid > 0 && waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == table::kConfigRefused;
}

bool put_off(Wait wait, Units& units) {
  if (wait == Wait::No || units.count == 0) return false;
  Units active = units;  // whose names still lie in the first
  keep_active(active);
  if (active.count != units.count) return false;
  bool refused = wait != Wait::IfRefused;
  for (std::size_t i = 0; i < active.count; ++i) refused = refused || is_refused(active.name[i]);
  return refused && leave_to_end(wait == Wait::Reboot ? kReboot : kRestart, units);
}

int carry_out(const Question& question, const Answer& said, const Units& whole_call) {
  if (said.later) {
    Units one{};
    one.name[one.count++] = question.unit;
    leave_to_end(kFailed, one);
  }
  if (said.let_go) {
    const bool services = holds_all(whole_call);
    bool opened = let_package_go(paths::kRunDir, variable("DPKG_MAINTSCRIPT_PACKAGE"),
                                 variable("DPKG_MAINTSCRIPT_ARCH"), services);
    opened = start_triggers(paths::kRunDir, question.unit) || opened;
    if (services || (opened ? starts_at_once(question) : is_active(question.unit))) return kDoNot;
  }
  if (said.hold) {
    hold_and_stop_triggers(question.unit);
  } else if (said.triggers == Triggers::Stop) {
    stop_triggers(paths::kRunDir, question.unit);
  }
  if (said.triggers == Triggers::Start) {
    const bool down = are_noted(paths::kRunDir, question.unit) && !is_active(question.unit);
    if (start_triggers(paths::kRunDir, question.unit) && down && starts_at_once(question))
      return kDoNot;
  }
  return said.code;
}

}  // namespace aptkeep::policy
