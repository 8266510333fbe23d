// Alternatives, put right after the old version's own scripts have run: what is left is what the
// failed ones did.
#include <unistd.h>

#include <algorithm>

#include "adapters/snapshot_back.h"
#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
namespace {

constexpr const char* kTool = "update-alternatives";

class Alternatives {
 public:
  // `others`: paths of its files that are others' now.
  Alternatives(Package& package, const System& now, std::unordered_set<std::string> others)
      : package_(package), now_(now), others_(std::move(others)) {}

  void undo(const std::string& name, const Alternative& before, const Alternative& now);
  std::vector<std::string> sentences;

 private:
  void run(const std::string& name, const std::vector<std::string>& args);
  bool ours(const std::string& path) const {
    return is_own(path, package_.brought(path)) || is_named(path);
  }
  bool is_own(const std::string& path, bool brought) const {
    return (package_.lists(path) || brought) && !others_.contains(path) &&
           (by_hand() || !package_.only_others_name(path, kTool));
  }
  bool is_named(const std::string& path) const {
    return !by_hand() && package_.has_named(path, kTool) && !package_.others_name(path, kTool);
  }
  // With --remove-all, others' choices too.
  bool is_swept(const std::string& name, const Alternative& before, const Alternative& now) const {
    const auto stays = [&](const auto& choice) { return now.choices.contains(choice.first); };
    return !by_hand() && std::ranges::none_of(before.choices, stays) &&
           package_.treats_group(name, "--remove-all");
  }
  // In a rollback by hand, where `before` is how it was with the new version.
  bool lost(const std::string& path) const { return by_hand() && !package_.lists(path); }
  bool by_hand() const { return package_.options.since != 0; }
  void remove_added(const std::string& name, const Alternative& before, const Alternative& now);
  void install_gone(const std::string& name, const Alternative& before, const Alternative& now);
  void choose(const std::string& name, const Alternative& before, const Alternative& now);

  Package& package_;
  const System& now_;
  std::unordered_set<std::string> others_;
};

void Alternatives::run(const std::string& name, const std::vector<std::string>& args) {
  auto done = run_tool(args);
  if (!done) sentences.push_back("the alternative " + name + ": " + done.error().message);
}

void Alternatives::remove_added(const std::string& name, const Alternative& before,
                                const Alternative& now) {
  for (const auto& [path, choice] : now.choices) {
    if ((before.choices.count(path) != 0 && !lost(path)) || !ours(path)) continue;
    run(name, {kTool, "--remove", name, path});
  }
}

// Name -> link and path of those that a choice has.
std::map<std::string, std::pair<std::string, std::string>> slaves_of(const Alternative& alternative,
                                                                     const Choice& choice) {
  std::map<std::string, std::pair<std::string, std::string>> slaves;
  for (std::size_t i = 0; i < alternative.slaves.size(); ++i) {
    const auto& [name, link] = alternative.slaves[i];
    if (!choice.slaves[i].empty()) slaves[name] = {link, choice.slaves[i]};
  }
  return slaves;
}

void Alternatives::install_gone(const std::string& name, const Alternative& before,
                                const Alternative& now) {
  const bool swept = is_swept(name, before, now);
  for (const auto& [path, choice] : before.choices) {
    const auto there = now.choices.find(path);
    const bool as_before = there != now.choices.end() && before.link == now.link &&
                           there->second.priority == choice.priority &&
                           slaves_of(before, choice) == slaves_of(now, there->second);
    if (as_before || (by_hand() && there != now.choices.end())) continue;
    if (!is_own(path, false) && !is_named(path) && !swept) continue;
    if (access(path.c_str(), F_OK) != 0) continue;  // of a package that is gone, too
    std::vector<std::string> args = {kTool, "--install", before.link,
                                     name,  path,        std::to_string(choice.priority)};
    for (std::size_t i = 0; i < before.slaves.size(); ++i) {
      if (choice.slaves[i].empty()) continue;
      args.insert(args.end(),
                  {"--slave", before.slaves[i].second, before.slaves[i].first, choice.slaves[i]});
    }
    run(name, args);
  }
}

// A choice that an admin made by hand, and that was lost while its path was gone.
void Alternatives::choose(const std::string& name, const Alternative& before,
                          const Alternative& now) {
  const auto target = [&](const System& system) {
    const auto link = system.links.find(name);
    return link == system.links.end() ? std::string() : link->second;
  };
  const std::string chosen = target(package_.before);
  if (before.manual) {
    const bool freed = !by_hand() && !now.manual && package_.treats_group(name, "--auto");
    // Another's, where the failed scripts have set theirs in its place.
    const bool displaced =
        is_swept(name, before, now) ||
        (!by_hand() && now.choices.contains(chosen) && (freed || ours(target(now_))));
    if ((ours(chosen) || displaced) && !lost(chosen) && (!now.manual || target(now_) != chosen)) {
      run(name, {kTool, "--set", name, chosen});
    }
  } else if (now.manual && ours(target(now_))) {
    run(name, {kTool, "--auto", name});
  }
}

void Alternatives::undo(const std::string& name, const Alternative& before,
                        const Alternative& now) {
  remove_added(name, before, now);
  if (before.link.empty()) return;
  install_gone(name, before, now);
  choose(name, before, now);
}

struct Changed {
  std::string name;
  Alternative before;
  Alternative now;
};

std::vector<Changed> changed_alternatives(const Package& package, const System& now) {
  std::map<std::string, std::pair<const std::string*, const std::string*>> names;
  for (const auto& [name, text] : package.before.alternatives) names[name].first = &text;
  for (const auto& [name, text] : now.alternatives) names[name].second = &text;
  const auto linked = [](const System& system, const std::string& name) {
    const auto found = system.links.find(name);
    return found == system.links.end() ? std::string() : found->second;
  };
  std::vector<Changed> changed;
  for (const auto& [name, texts] : names) {
    const bool same = package.options.since == 0 && texts.first != nullptr &&
                      texts.second != nullptr && *texts.first == *texts.second &&
                      linked(package.before, name) == linked(now, name);
    if (same) continue;
    changed.push_back({name,
                       texts.first == nullptr ? Alternative{} : parse_alternative(*texts.first),
                       texts.second == nullptr ? Alternative{} : parse_alternative(*texts.second)});
  }
  return changed;
}

std::unordered_set<std::string> taken_by_others(const Package& package,
                                                const std::vector<Changed>& changed) {
  std::vector<std::string> paths;
  for (const Changed& one : changed) {
    for (const auto* alternative : {&one.before, &one.now}) {
      for (const auto& [path, choice] : alternative->choices) {
        if (package.lists(path) || package.brought(path)) paths.push_back(path);
      }
    }
  }
  std::unordered_set<std::string> others;
  for (const auto& [path, owner] : owners_of(package, paths)) {
    if (owner == Owner::Others) others.insert(path);
  }
  return others;
}

}  // namespace

std::vector<std::string> undo_alternatives(Package& package) {
  const auto now = read_system(package.options);
  if (!now) return {now.error().message};
  const auto changed = changed_alternatives(package, *now);
  Alternatives work(package, *now, taken_by_others(package, changed));
  for (const Changed& one : changed) work.undo(one.name, one.before, one.now);
  return work.sentences;
}

}  // namespace aptkeep::snapshot
