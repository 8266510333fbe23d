#include "core/service_table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <type_traits>

#include "core/table_layout.h"

namespace aptkeep {
namespace {

table::Class class_of(const std::optional<ServiceClass>& said) {
  if (!said) return table::Class::None;
  switch (*said) {
    case ServiceClass::Stop:
      return table::Class::Stop;
    case ServiceClass::Early:
      return table::Class::Early;
    case ServiceClass::End:
      return table::Class::End;
    case ServiceClass::Never:
      return table::Class::Never;
    case ServiceClass::Stock:
      return table::Class::Stock;
  }
  return table::Class::None;
}

table::Sockets sockets_of(const std::optional<SocketMode>& said) {
  if (!said) return table::Sockets::None;
  switch (*said) {
    case SocketMode::Quiesce:
      return table::Sockets::Quiesce;
    case SocketMode::Park:
      return table::Sockets::Park;
    case SocketMode::Leave:
      return table::Sockets::Leave;
  }
  return table::Sockets::None;
}

table::Kind kind_of(const std::string& pattern) {
  if (pattern.empty()) return table::Kind::Every;
  const bool glob = pattern.find_first_of("*?[") != std::string::npos;
  return glob ? table::Kind::Glob : table::Kind::Exact;
}

class Strings {
 public:
  std::uint32_t offset_of(const std::string& text) {
    const auto [place, is_new] = known_.try_emplace(text, static_cast<std::uint32_t>(all_.size()));
    if (is_new) all_.append(text.c_str(), text.size() + 1);
    return place->second;
  }
  const std::string& all() const { return all_; }

 private:
  std::map<std::string, std::uint32_t> known_;
  std::string all_;
};

struct Parts {
  std::vector<table::Package> packages;
  std::vector<table::Unit> units;
  std::vector<std::uint32_t> together;
  Strings strings;
};

void add_units(std::vector<TableUnit> units, Parts& parts) {
  std::stable_sort(units.begin(), units.end(), [](const auto& a, const auto& b) {
    return kind_of(a.pattern) < kind_of(b.pattern);
  });
  for (const auto& unit : units) {
    table::Unit made{};
    made.pattern = parts.strings.offset_of(unit.pattern);
    made.kind = kind_of(unit.pattern);
    made.service_class = class_of(unit.service_class);
    made.sockets = sockets_of(unit.sockets);
    parts.units.push_back(made);
  }
}

void add_units_of_kind(const std::vector<std::string>& units, table::Kind kind, Parts& parts) {
  for (const std::string& unit : units) {
    table::Unit made{};
    made.pattern = parts.strings.offset_of(unit);
    made.kind = kind;
    parts.units.push_back(made);
  }
}

void add_package(const TablePackage& package, Parts& parts) {
  table::Package made{};
  made.name = parts.strings.offset_of(package.package);
  made.flags = (package.needed ? table::kNeeded : 0) | (package.checks ? table::kChecks : 0);
  made.first_unit = static_cast<std::uint32_t>(parts.units.size());
  made.units =
      static_cast<std::uint32_t>(package.units.size() + package.ran.size() + package.rested.size());
  made.first_together = static_cast<std::uint32_t>(parts.together.size());
  made.together = static_cast<std::uint32_t>(package.together.size());
  add_units(package.units, parts);
  add_units_of_kind(package.ran, table::Kind::Ran, parts);
  add_units_of_kind(package.rested, table::Kind::Rested, parts);
  for (const auto& unit : package.together) {
    parts.together.push_back(parts.strings.offset_of(unit));
  }
  parts.packages.push_back(made);
}

template <typename T>
void append(std::string& bytes, const T* values, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (count == 0) return;
  const std::size_t at = bytes.size();
  bytes.resize(at + count * sizeof(T));
  std::memcpy(bytes.data() + at, values, count * sizeof(T));
}

template <typename T>
void append(std::string& bytes, const std::vector<T>& values) {
  append(bytes, values.data(), values.size());
}

table::Header header_of(const TableOwner& owner, const Parts& parts) {
  table::Header header{};
  std::memcpy(header.magic, table::kMagic, sizeof header.magic);
  header.version = table::kVersion;
  header.pid = owner.pid;
  header.start_time = owner.start_time;
  // A longer one, which no kernel has, is cut and so never that of this boot.
  std::memcpy(header.boot, owner.boot.data(), std::min(owner.boot.size(), sizeof header.boot - 1));
  header.packages = static_cast<std::uint32_t>(parts.packages.size());
  header.units = static_cast<std::uint32_t>(parts.units.size());
  header.together = static_cast<std::uint32_t>(parts.together.size());
  return header;
}

}  // namespace

std::vector<TablePackage> table_packages(const std::vector<Step>& steps,
                                         const std::vector<StepDecisions>& decisions,
                                         const std::vector<std::uint32_t>& kept) {
  std::vector<TablePackage> packages;
  for (std::uint32_t i = 0; i < steps.size(); ++i) {
    const StepDecisions& said = decisions[i];
    const bool decided = said.service_class || said.sockets;
    if (said.services.entries.empty() && said.together.entries.empty() && !decided) continue;
    if (std::find(kept.begin(), kept.end(), i) != kept.end()) continue;
    TableUnit unit;
    if (said.service_class) unit.service_class = said.service_class->value;
    if (said.sockets) unit.sockets = said.sockets->value;
    TablePackage package{steps[i].package, {}, {}};
    for (const auto& entry : said.services.entries) {
      unit.pattern = entry.value;
      package.units.push_back(unit);
    }
    if (package.units.empty() && decided) package.units.push_back(unit);
    for (const auto& entry : said.together.entries) package.together.push_back(entry.value);
    packages.push_back(std::move(package));
  }
  return packages;
}

void add_units_that_ran(const std::vector<UnitRecord>& units, const std::set<std::string>& needed,
                        const std::set<std::string>& whole, std::vector<TablePackage>& packages) {
  for (const UnitRecord& unit : units) {
    const bool rested = !unit.wanted && whole.contains(unit.package);
    if (unit.package.empty() || (!unit.wanted && !rested)) continue;
    auto package = std::find_if(packages.begin(), packages.end(), [&](const TablePackage& one) {
      return one.package == unit.package;
    });
    if (package == packages.end()) {
      packages.push_back({unit.package, {}, {}});
      package = packages.end() - 1;
    }
    (rested ? package->rested : package->ran).push_back(unit.name);
    package->needed = needed.contains(unit.package);
    package->checks = package->checks || !unit.checks.empty();
  }
}

std::string table_bytes(const ServiceTable& table) {
  std::map<std::string, const TablePackage*> sorted;
  for (const auto& package : table.packages) sorted.try_emplace(package.package, &package);
  Parts parts;
  const std::uint32_t native_arch = parts.strings.offset_of(table.native_arch);
  for (const auto& [name, package] : sorted) add_package(*package, parts);
  table::Header header = header_of(table.owner, parts);
  header.flags = table.many_plans ? table::kManyPlans : 0;
  header.native_arch = native_arch;
  header.string_bytes = static_cast<std::uint32_t>(parts.strings.all().size());
  std::string bytes(sizeof header, '\0');
  append(bytes, parts.packages);
  append(bytes, parts.units);
  append(bytes, parts.together);
  bytes += parts.strings.all();
  bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
  header.bytes = bytes.size();
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum =
      table::checksum_of(bytes.data() + table::kSummedFrom, bytes.size() - table::kSummedFrom);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace aptkeep
