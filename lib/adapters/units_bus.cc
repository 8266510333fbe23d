#include "adapters/units_bus.h"

#include <systemd/sd-bus.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "adapters/drop_ins.h"

namespace aptkeep {
namespace {

constexpr const char* kSocket = "unix:path=/run/systemd/private";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kRoot = "/org/freedesktop/systemd1";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kSocketUnit = "org.freedesktop.systemd1.Socket";
constexpr const char* kService = "org.freedesktop.systemd1.Service";
constexpr std::uint64_t kPatience = 10'000'000;  // microseconds, for one answer

struct Unref {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Unref>;
using Message = std::unique_ptr<sd_bus_message, Unref>;

// systemd's own end, without a bus between: it has no names, so nothing is said of a destination.
Bus connect() {
  sd_bus* raw = nullptr;
  if (sd_bus_new(&raw) < 0) return nullptr;
  Bus bus(raw);
  if (sd_bus_set_address(raw, kSocket) < 0 || sd_bus_start(raw) < 0) return nullptr;
  return bus;
}

bool read_list(sd_bus_message* message, std::vector<UnitFacts>& units) {
  if (sd_bus_message_enter_container(message, 'a', "(ssssssouso)") < 0) return false;
  const char *name = nullptr, *description = nullptr, *load = nullptr, *active = nullptr,
             *sub = nullptr, *following = nullptr, *path = nullptr, *job = nullptr,
             *job_path = nullptr;
  std::uint32_t id = 0;
  int read = 0;
  while ((read = sd_bus_message_read(message, "(ssssssouso)", &name, &description, &load, &active,
                                     &sub, &following, &path, &id, &job, &job_path)) > 0) {
    UnitFacts unit;
    unit.name = name;
    unit.load_state = load;
    unit.active_state = active;
    unit.sub_state = sub;
    units.push_back(std::move(unit));
  }
  return read == 0;
}

bool list(sd_bus* bus, std::vector<UnitFacts>& units) {
  sd_bus_message* raw = nullptr;
  const int called =
      sd_bus_call_method(bus, nullptr, kRoot, kManager, "ListUnits", nullptr, &raw, nullptr);
  const Message answer(raw);
  return called >= 0 && read_list(raw, units);
}

// What a socket listens on: pairs of type and address.
void read_listeners(sd_bus_message* message, std::string& value) {
  const char* type = nullptr;
  const char* address = nullptr;
  while (sd_bus_message_read(message, "(ss)", &type, &address) > 0)
    value += std::string(address) + " (" + type + ")\n";
}

// A property's value in the words that systemctl(1) has for it.
bool read_value(sd_bus_message* message, std::string_view property, std::string& value) {
  char type = 0;
  const char* contents = nullptr;
  if (sd_bus_message_peek_type(message, &type, &contents) <= 0 || type != 'v') return false;
  const std::string_view signature = contents;
  if (sd_bus_message_enter_container(message, 'v', contents) < 0) return false;
  if (signature == "s") {
    const char* text = nullptr;
    if (sd_bus_message_read(message, "s", &text) < 0) return false;
    value = text;
  } else if (signature == "b") {
    int flag = 0;
    if (sd_bus_message_read(message, "b", &flag) < 0) return false;
    value = flag != 0 ? "yes" : "no";
  } else if (signature == "t") {
    std::uint64_t microseconds = 0;
    if (sd_bus_message_read(message, "t", &microseconds) < 0) return false;
    if (property.ends_with("Monotonic")) {
      value = std::to_string(microseconds);
    } else if (microseconds != 0) {
      value = "@" + std::to_string(microseconds / 1'000'000);
    }
  } else if (signature == "u") {
    std::uint32_t number = 0;
    if (sd_bus_message_read(message, "u", &number) < 0) return false;
    value = std::to_string(number);
  } else if (signature == "as") {
    if (sd_bus_message_enter_container(message, 'a', "s") < 0) return false;
    const char* text = nullptr;
    while (sd_bus_message_read(message, "s", &text) > 0) {
      if (!value.empty()) value += ' ';
      value += text;
    }
  } else if (signature == "a(ss)") {
    if (sd_bus_message_enter_container(message, 'a', "(ss)") < 0) return false;
    read_listeners(message, value);
  } else {
    return false;
  }
  return true;
}

// All questions go out before the first answer is waited for.
struct Asking {
  std::size_t open = 0;
  bool failed = false;
};

struct Question {
  UnitFacts* facts = nullptr;
  std::string property;
  Asking* asking = nullptr;
};

int take_answer(sd_bus_message* message, void* data, sd_bus_error*) noexcept try {
  auto* question = static_cast<Question*>(data);
  Asking& asking = *question->asking;
  --asking.open;
  std::string value;
  if (sd_bus_message_is_method_error(message, nullptr) == 0 &&
      read_value(message, question->property, value)) {
    set_property(*question->facts, question->property, value);
  } else {
    asking.failed = true;
  }
  return 0;
} catch (...) {
  return -1;
}

bool ask_for(sd_bus* bus, const std::string& unit, const char* interface, Question& question) {
  char* path = nullptr;
  if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) < 0) return false;
  const int sent = sd_bus_call_method_async(bus, nullptr, nullptr, path,
                                            "org.freedesktop.DBus.Properties", "Get", take_answer,
                                            &question, "ss", interface, question.property.c_str());
  std::free(path);
  if (sent < 0) return false;
  ++question.asking->open;
  return true;
}

bool wait_for(sd_bus* bus, const Asking& asking) {
  while (asking.open > 0 && !asking.failed) {
    const int done = sd_bus_process(bus, nullptr);
    if (done < 0) return false;
    if (done == 0 && sd_bus_wait(bus, kPatience) <= 0) return false;
  }
  return !asking.failed;
}

std::vector<std::string> properties() {
  std::vector<std::string> names;
  for (std::string_view rest = kUnitProperties; !rest.empty();) {
    const auto end = std::min(rest.find(','), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

// The interface that has a property; none where units of that name have no such property.
const char* interface_of(const std::string& property, const std::string& unit) {
  if (property == "Type" || property == "RemainAfterExit" || property == "NRestarts")
    return unit.ends_with(".service") ? kService : nullptr;
  if (property == "Listen" || property == "Accept")
    return unit.ends_with(".socket") ? kSocketUnit : nullptr;
  return kUnit;
}

bool ask_all(sd_bus* bus, std::map<std::string, UnitFacts>& units) {
  const auto names = properties();
  std::vector<std::unique_ptr<Question>> questions;
  Asking asking;
  for (auto& [name, facts] : units) {
    for (const std::string& property : names) {
      const char* const interface = interface_of(property, name);
      if (interface == nullptr) continue;
      questions.push_back(std::make_unique<Question>(Question{&facts, property, &asking}));
      if (!ask_for(bus, name, interface, *questions.back())) return false;
    }
  }
  return wait_for(bus, asking);
}

}  // namespace

Result<std::vector<UnitFacts>> BusUnits::loaded() {
  const Bus bus = connect();
  std::vector<UnitFacts> units;
  if (!bus || !list(bus.get(), units)) return SystemctlUnits::loaded();
  return units;
}

Result<std::map<std::string, UnitFacts>> BusUnits::ask(const std::vector<std::string>& names) {
  std::map<std::string, UnitFacts> units;
  if (names.empty()) return units;
  const Bus bus = connect();
  std::vector<UnitFacts> all;
  if (!bus || !list(bus.get(), all)) return SystemctlUnits::ask(names);
  std::set<std::string> loaded;
  for (const UnitFacts& unit : all) loaded.insert(unit.name);
  // systemd would read their files for each question anew, and forget them again.
  std::vector<std::string> others;
  for (const std::string& name : names) {
    if (loaded.contains(name)) {
      units[name];
    } else {
      others.push_back(name);
    }
  }
  if (!ask_all(bus.get(), units)) return SystemctlUnits::ask(names);
  judge_drop_ins(units);
  auto rest = SystemctlUnits::ask(others);
  if (!rest) return rest;
  units.merge(*rest);
  return units;
}

}  // namespace aptkeep
