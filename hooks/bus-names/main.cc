// /usr/lib/aptkeep/bus-names UNIT=NAME...: answers on the system bus in the place of services that
// are held. systemd starts what the bus asks it for, finds that the unit's condition does not hold,
// and tells the bus nothing: each caller would wait for 25 seconds (dbus-daemon's
// service_start_timeout). So the names are owned here until their units are let go, and whoever
// calls one is told at once that it is away.
//
// Ends when it has the names and goes on as a daemon of its own, which ends with the last hold.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/config.h"
#include "policy/holds.h"

namespace aptkeep {
namespace {

struct Held {
  std::string unit;
  std::vector<std::string> names;
};

int refuse(sd_bus_message* message, void*, sd_bus_error*) noexcept {
  std::uint8_t type = 0;
  if (sd_bus_message_get_type(message, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL) return 0;
  const char* const sender = sd_bus_message_get_sender(message);
  if (sender == nullptr || std::strcmp(sender, "org.freedesktop.DBus") == 0) return 0;
  (void)sd_bus_reply_method_errorf(message, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                   "Its package is being upgraded; it is back in a moment");
  return 1;
}

std::string mark_of(const std::string& unit) {
  return std::string(paths::kRunDir) + "/" + policy::kNamesDir + "/" + unit;
}

// Those that the bus lets us have.
void take_names(sd_bus* bus, std::vector<Held>& all) {
  for (Held& held : all) {
    std::erase_if(held.names, [&](const std::string& name) {
      // The service has it yet: it is ours at the moment in which that ends.
      return sd_bus_request_name(bus, name.c_str(),
                                 SD_BUS_NAME_ALLOW_REPLACEMENT | SD_BUS_NAME_QUEUE) < 0;
    });
    if (held.names.empty()) continue;
    const int mark =
        ::open(mark_of(held.unit).c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (mark >= 0) ::close(mark);
  }
  std::erase_if(all, [](const Held& held) { return held.names.empty(); });
}

void give_back(sd_bus* bus, std::vector<Held>& all) {
  std::erase_if(all, [&](const Held& held) {
    if (policy::hold_of(paths::kRunDir, held.unit.c_str()).there) return false;
    for (const std::string& name : held.names) (void)sd_bus_release_name(bus, name.c_str());
    ::unlink(mark_of(held.unit).c_str());
    return true;
  });
}

std::vector<Held> read_arguments(int argc, char** argv) {
  std::vector<Held> all;
  for (int i = 1; i < argc; ++i) {
    const char* const equals = std::strchr(argv[i], '=');
    if (equals == nullptr) continue;
    const std::string unit(argv[i], static_cast<std::size_t>(equals - argv[i]));
    auto held =
        std::find_if(all.begin(), all.end(), [&](const Held& one) { return one.unit == unit; });
    if (held == all.end()) held = all.insert(all.end(), {unit, {}});
    held->names.emplace_back(equals + 1);
  }
  return all;
}

// In the background from here on, with nothing of the caller's open. False: this is the parent.
bool become_daemon() {
  const pid_t pid = ::fork();
  if (pid != 0) return false;
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  return true;
}

void answer(sd_bus* bus, std::vector<Held>& all) {
  const std::string folder = std::string(paths::kRunDir) + "/" + policy::kHoldsDir;
  const int changes = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  (void)::inotify_add_watch(changes, folder.c_str(), IN_DELETE | IN_DELETE_SELF);
  for (;;) {
    give_back(bus, all);
    if (all.empty()) break;
    int done = 0;
    while ((done = sd_bus_process(bus, nullptr)) > 0) {
    }
    if (done < 0) break;
    pollfd wait[] = {{sd_bus_get_fd(bus), static_cast<short>(sd_bus_get_events(bus)), 0},
                     {changes, POLLIN, 0}};
    (void)::poll(wait, 2, 1000);
    char events[4096];
    while (::read(changes, events, sizeof events) > 0) {
    }
  }
  // The bus has gone: nobody waits for names any more.
  for (const Held& held : all) ::unlink(mark_of(held.unit).c_str());
}

}  // namespace
}  // namespace aptkeep

int main(int argc, char** argv) {
  using namespace aptkeep;
  // Whose end somebody may wait for: dpkg's status goes to a pipe.
  (void)::close_range(3, ~0u, 0);
  std::vector<Held> all = read_arguments(argc, argv);
  // Before the connection, which is its opener's alone.
  int ready[2];
  if (all.empty() || ::pipe2(ready, O_CLOEXEC) != 0) return 0;
  if (!become_daemon()) {
    ::close(ready[1]);
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    return 0;
  }
  ::close(ready[0]);
  sd_bus* bus = nullptr;
  if (sd_bus_open_system(&bus) < 0) return 0;
  ::mkdir((std::string(paths::kRunDir) + "/" + policy::kNamesDir).c_str(), 0755);
  (void)sd_bus_add_filter(bus, nullptr, refuse, nullptr);
  take_names(bus, all);
  ::close(ready[1]);
  answer(bus, all);
  sd_bus_flush_close_unref(bus);
  return 0;
}
