#include "core/simulation.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "core/names.h"

namespace aptkeep {
namespace {

constexpr std::string_view kKeptBack = "The following packages have been kept back:";
constexpr std::string_view kPhased = "The following upgrades have been deferred due to phasing:";

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Takes "TEXT" off the front of `rest` if that has it between these two; its own brackets count.
std::optional<std::string_view> take_between(std::string_view& rest, char open, char close) {
  const auto begin = rest.find_first_not_of(' ');
  if (begin == std::string_view::npos || rest[begin] != open) return std::nullopt;
  int depth = 0;
  for (std::size_t i = begin; i < rest.size(); ++i) {
    if (rest[i] == open) ++depth;
    if (rest[i] == close && --depth == 0) {
      const auto found = rest.substr(begin + 1, i - begin - 1);
      rest.remove_prefix(i + 1);
      return found;
    }
  }
  return std::nullopt;
}

// "2.0 Debian:12/stable, Security:12/x [amd64]"
struct Candidate {
  std::string version, origin, arch;
};

std::optional<Candidate> read_candidate(std::string_view text) {
  const auto blank = text.find(' ');
  const auto bracket = text.rfind('[');
  if (blank == std::string_view::npos || bracket == std::string_view::npos || bracket < blank ||
      !text.ends_with(']')) {
    return std::nullopt;
  }
  Candidate candidate;
  candidate.version = text.substr(0, blank);
  candidate.arch = text.substr(bracket + 1, text.size() - bracket - 2);
  auto origin = text.substr(blank, bracket - blank);
  origin.remove_prefix(std::min(origin.find_first_not_of(' '), origin.size()));
  candidate.origin = origin.substr(0, origin.find_last_not_of(' ') + 1);
  if (!is_version(candidate.version) || !is_architecture(candidate.arch)) return std::nullopt;
  return candidate;
}

// apt leaves the native architecture out of names.
std::string full_name(std::string_view name, const std::string& native_arch) {
  std::string full(name);
  if (name.find(':') == std::string_view::npos) return full + ":" + native_arch;
  return full.ends_with(":all") ? full.substr(0, full.size() - 3) + native_arch : full;
}

class Reader {
 public:
  Reader(std::string native_arch, const CompareVersions& compare)
      : native_arch_(std::move(native_arch)), compare_(compare) {}

  // False: the line is of a kind that means a change, and is not understood.
  bool read(std::string_view line) {
    if (line.starts_with("Inst ")) return inst(line.substr(5));
    if (line.starts_with("Conf ")) return conf(line.substr(5));
    if (line.starts_with("Remv ")) return remv(line.substr(5), Action::Remove);
    if (line.starts_with("Purg ")) return remv(line.substr(5), Action::Purge);
    if (line == kKeptBack || line == kPhased) {
      in_list_ = true;
      phased_ = line == kPhased;
      return true;
    }
    in_list_ = in_list_ && line.starts_with("  ");
    if (in_list_) kept_back(line);
    return true;
  }

  Simulation take() { return std::move(simulation_); }

 private:
  std::optional<std::string> name(std::string_view& rest) {
    const auto word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    if (!is_package_reference(word)) return std::nullopt;
    return full_name(word, native_arch_);
  }

  SimulatedStep& add(std::string package) {
    const auto [at, added] = known_.emplace(package, simulation_.steps.size());
    if (added) {
      simulation_.steps.emplace_back();
      simulation_.steps.back().step.package = std::move(package);
    }
    return simulation_.steps[at->second];
  }

  Action action_of(const std::string& old_version, const std::string& new_version) const {
    if (old_version.empty()) return Action::Install;
    const int order = compare_(old_version, new_version);
    return order < 0 ? Action::Upgrade : order > 0 ? Action::Downgrade : Action::Reinstall;
  }

  bool inst(std::string_view rest) {
    auto package = name(rest);
    const auto old_version = take_between(rest, '[', ']');
    const auto text = take_between(rest, '(', ')');
    const auto candidate = text ? read_candidate(*text) : std::nullopt;
    if (!package || !candidate || (old_version && !is_version(*old_version))) return false;
    if (std::exchange(configured_, false)) ++call_;
    name_configured();
    auto& planned = add(*std::move(package));
    planned.step.old_version = old_version.value_or("");
    planned.step.new_version = candidate->version;
    planned.step.action = action_of(planned.step.old_version, candidate->version);
    planned.origin = candidate->origin;
    planned.call = call_;
    return true;
  }

  // Of a package that is not unpacked in this run: it was unpacked before.
  bool conf(std::string_view rest) {
    auto package = name(rest);
    const auto text = take_between(rest, '(', ')');
    const auto candidate = text ? read_candidate(*text) : std::nullopt;
    const bool none = !text && rest.find_first_not_of(' ') == std::string_view::npos;
    if (!package || !(candidate || none)) return false;
    configured_ = true;
    if (known_.contains(*package)) return true;
    auto& planned = add(*std::move(package));
    planned.step.action = Action::Configure;
    unnamed_ = true;
    if (!candidate) return true;
    planned.step.old_version = candidate->version;
    planned.step.new_version = candidate->version;
    planned.origin = candidate->origin;
    return true;
  }

  void name_configured() {
    if (!std::exchange(unnamed_, false)) return;
    for (SimulatedStep& planned : simulation_.steps)
      planned.by_name = planned.step.action == Action::Configure;
  }

  bool remv(std::string_view rest, Action action) {
    auto package = name(rest);
    const auto old_version = take_between(rest, '[', ']');
    if (!package || (old_version && !is_version(*old_version))) return false;
    name_configured();
    auto& step = add(*std::move(package)).step;
    step.action = action;
    if (old_version) step.old_version = *old_version;
    return true;
  }

  // "   foo (1.0 => 2.0)"
  void kept_back(std::string_view line) {
    auto rest = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    auto package = name(rest);
    if (!package) return;
    KeptBack kept{*std::move(package), {}, {}, phased_};
    const auto versions = take_between(rest, '(', ')');
    const auto arrow = versions ? versions->find(" => ") : std::string_view::npos;
    if (arrow != std::string_view::npos) {
      kept.old_version = versions->substr(0, arrow);
      kept.new_version = versions->substr(arrow + 4);
    }
    simulation_.kept_back.push_back(std::move(kept));
  }

  std::string native_arch_;
  const CompareVersions& compare_;
  Simulation simulation_;
  std::map<std::string, std::size_t> known_;
  int call_ = 0;
  bool configured_ = false;  // since the last archive was unpacked
  bool unnamed_ = false;     // something that was unpacked before is configured since then
  bool in_list_ = false;
  bool phased_ = false;
};

}  // namespace

Result<Simulation> read_simulation(std::string_view output, const std::string& native_arch,
                                   const CompareVersions& compare) {
  Reader reader(native_arch, compare);
  while (!output.empty()) {
    const auto line = take_line(output);
    if (!reader.read(line)) {
      return Error{"unable to understand apt-get's \"" + std::string(line.substr(0, 200)) + "\""};
    }
  }
  return reader.take();
}

}  // namespace aptkeep
