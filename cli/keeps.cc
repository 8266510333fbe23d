#include "keeps.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "command.h"
#include "core/config.h"
#include "core/dpkg_status.h"
#include "text.h"

namespace aptkeep::cli {

namespace {

std::map<std::string, Now> as_recorded(const std::vector<aptkeep_keep>& keeps) {
  std::map<std::string, Now> packages;
  for (const aptkeep_keep& keep : keeps) {
    const std::string state = keep.db_state;
    if (!state.empty()) {
      const bool whole = state.size() == 2 && state[1] == 'i';
      packages[keep.package] = {state, whole ? keep.old_version : keep.version, keep.package};
    }
  }
  return packages;
}

// Without the lines in which dpkg says below a script's output that the script has failed, so that
// the few last lines are the script's.
std::string_view script_output(const aptkeep_keep& keep) {
  const std::string_view output(keep.output, keep.output_size);
  const auto message = output.rfind(std::string("\n ") + keep.message);
  if (*keep.script == '\0' || *keep.message == '\0' || message == std::string_view::npos) {
    return output;
  }
  // Above the message: "dpkg: error processing ...:".
  const auto above = output.rfind('\n', message == 0 ? 0 : message - 1);
  return output.substr(0, above == std::string_view::npos ? 0 : above + 1);
}

// What has changed since the record was made, for the end of a line.
std::string meanwhile(const Now* now, const std::string& old_version) {
  if (now == nullptr || now->state.size() < 2 || now->state[1] == 'c' || now->state[1] == 'n') {
    return old_version.empty() ? "" : " (not installed any more)";
  }
  return now->version == old_version ? "" : " (now at " + now->version + ")";
}

// What is done about it by itself, by the kinds of failure of the C interface.
std::string meaning_of(const std::string& failure_class) {
  static const std::map<std::string, std::string> kMeanings = {
      {"refusal", "it refuses on purpose, and waits for a newer version or a person"},
      {"crash", "a program crashed"},
      {"transient", "what it needed was not there at that moment"},
      {"missing unit", "systemd did not know a unit"},
      {"follow-up", "it waits for another package that failed"},
      {"disk full", "the disk was full"},
      {"out of memory", "there was not enough memory"},
      {"dpkg itself", "dpkg itself failed"},
      {"hang", "it did nothing any more, and was ended"},
      {"guard", "what has to hold before did not"},
      {"backup", "what was to be saved before could not be"},
      {"preparation",
       "what was to be done before failed: a newer version is tried, or a person retries"},
      {"waiting", "what it needs was left unconfigured"}};
  const auto found = kMeanings.find(failure_class);
  return found == kMeanings.end() ? std::string() : ": " + found->second;
}

// Of a sentence of a cause; without the name that it begins with.
std::string why_not_back(std::string_view sentence) {
  const auto at = sentence.find(" not put back, because ");
  return at == std::string_view::npos ? std::string() : harmless(sentence.substr(at + 1));
}

// By the words of engine/obstacles.h.
bool return_failed(const aptkeep_keep& keep) {
  for (std::size_t i = 0; i < keep.cause_count; ++i) {
    if (why_not_back(keep.cause[i]).starts_with("not put back, because putting it back failed")) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::string Kept::name(const aptkeep_keep& keep) const {
  return name_of(keep.package, native_arch);
}

const Now* Kept::find_now(const aptkeep_keep& keep) const {
  const auto found = now.find(keep.package);
  return found == now.end() ? nullptr : &found->second;
}

bool Kept::unfinished(const aptkeep_keep& keep) const {
  const Now* found = find_now(keep);
  return found != nullptr && found->state.size() == 2 &&
         (found->state[1] == 'F' || found->state[1] == 'U');
}

aptkeep_step Kept::step(const aptkeep_keep& keep) const {
  aptkeep_step found{};
  const auto report = reports.find(keep.run);
  if (report == reports.end()) {
    return found;
  }
  for (const aptkeep_step& step : steps(report->second)) {
    // The last one: a run may have several plans.
    if (std::string_view(step.package) == keep.package &&
        std::string_view(step.new_version) == keep.version) {
      found = step;
    }
  }
  return found;
}

bool Kept::put_back(const aptkeep_keep& keep) const {
  const Now* found = find_now(keep);
  const bool there = found != nullptr && found->state.size() == 2 && found->state[1] == 'i';
  const bool gone = found == nullptr || (found->state.size() > 1 && found->state[1] == 'c');
  const bool as_before = *keep.old_version == '\0' ? gone : there;
  return as_before && step(keep).rolled_back != 0;
}

std::vector<aptkeep_keep> Kept::waiting_for(const aptkeep_keep& failed) const {
  std::vector<aptkeep_keep> waiting;
  for (const aptkeep_keep& keep : keeps) {
    if (keep.failed == 0 && std::string(keep.root) == failed.package) {
      waiting.push_back(keep);
    }
  }
  return waiting;
}

std::vector<aptkeep_keep> Kept::named(const std::string& name) const {
  std::vector<aptkeep_keep> found;
  for (const aptkeep_keep& keep : keeps) {
    if (means(name, keep.package)) {
      found.push_back(keep);
    }
  }
  return found;
}

Kept read_kept(const std::string& path, int mode) {
  Kept kept;
  kept.state = open_record(path, mode);
  if (!kept.state) {
    return kept;
  }
  kept.handle = read_keeps(kept.state);
  kept.keeps = all(kept.handle);
  kept.native_arch = aptkeep_keeps_native_arch(kept.handle.get());
  if (!kept.keeps.empty() && path.empty()) {
    kept.now = packages_now(kept.native_arch);
  }
  if (kept.now.empty()) {
    kept.now = as_recorded(kept.keeps);
  }
  for (const aptkeep_keep& keep : kept.keeps) {
    if (!kept.reports.contains(keep.run)) {
      kept.reports.emplace(keep.run, read_report(kept.state, keep.run));
    }
  }
  std::stable_sort(kept.keeps.begin(), kept.keeps.end(),
                   [](const aptkeep_keep& a, const aptkeep_keep& b) {
                     return std::pair(a.security, a.failed) > std::pair(b.security, b.failed);
                   });
  return kept;
}

std::string headline(const Kept& kept, const aptkeep_keep& keep) {
  const std::string name = kept.name(keep);
  const std::string version = keep.version;
  const std::string old_version = keep.old_version;
  const Now* now = kept.find_now(keep);
  if (version.empty()) {
    return name + " " + old_version +
           (keep.phase == APTKEEP_PHASE_PURGE ? ": its purge failed"
            : keep.failed == 0                ? ": its removal waits"
            : keep.on_request != 0            ? ": its removal was taken back"
                                              : ": its removal failed") +
           (keep.on_request == 0 && kept.put_back(keep) ? ", put back" : "");
  }
  if (kept.unfinished(keep)) {
    return name + " " + now->version + ": unpacked, but not configured (" + now->state + ")";
  }
  if (now != nullptr && now->state.size() > 2) {
    return name + " " + now->version + ": half installed (" + now->state + ")";
  }
  if (is_reinstallation(keep)) {
    return name + " " + version + ": its reinstallation " + (keep.failed != 0 ? "failed" : "waits");
  }
  const bool back = kept.put_back(keep);
  const std::string tried = ", " + version +
                            (keep.on_request != 0 ? " is not wanted"
                             : keep.failed != 0   ? " failed"
                                                  : " waits");
  const std::string where = old_version.empty()
                                ? (back ? "removed again" : "not installed")
                                : (back ? "put back to " : "stays at ") + old_version;
  return name + ": " + where + tried + meanwhile(now, old_version);
}

bool is_reinstallation(const aptkeep_keep& keep) {
  return *keep.version != '\0' && std::string(keep.version) == keep.old_version;
}

bool is_downgrade(const aptkeep_keep& keep) {
  return *keep.version != '\0' && *keep.old_version != '\0' && !is_reinstallation(keep) &&
         run({"/usr/bin/dpkg", "--compare-versions", keep.version, "lt", keep.old_version}) == 0;
}

std::string story(const aptkeep_keep& keep, std::size_t lines) {
  if (keep.on_request != 0) {
    return (is_half_done(keep.db_state) ? "  to be put back by a person, which failed, on "
                                        : "  put back by a person on ") +
           when(keep.since) + "\n";
  }
  if (is_untried(keep.failure_class)) {
    return "  not touched: " + harmless(keep.message) + "\n";
  }
  std::string text = "  " + ending_of(keep.script, keep.phase, keep.exit_code, keep.signal) + "\n";
  if (keep.attempts > 1) {
    text += "  tried " + std::to_string(keep.attempts) + " times since " + when(keep.since) +
            ", the last time " + when(keep.tried) + "\n";
  }
  const bool whole = lines >= kAllLines;
  if (whole) {
    text += "  kind of failure: " + harmless(keep.failure_class) + meaning_of(keep.failure_class) +
            "\n";
  }
  const std::string output =
      quoted(whole ? std::string_view(keep.output, keep.output_size) : script_output(keep), lines);
  return text + (output.empty() ? quoted(keep.message, lines) : output);
}

std::vector<std::string> reasons(const aptkeep_keep& keep) {
  std::vector<std::string> sentences;
  for (std::size_t i = 0; i < keep.cause_count; ++i) {
    if (why_not_back(keep.cause[i]).empty()) {
      sentences.push_back(harmless(keep.cause[i]));
    }
  }
  return sentences;
}

std::string shortcomings(const Kept& kept, const aptkeep_keep& keep, const std::string& indent) {
  std::string text;
  for (std::size_t i = 0; i < keep.cause_count; ++i) {
    const std::string why = why_not_back(keep.cause[i]);
    text += why.empty() ? "" : indent + why + "\n";
  }
  const aptkeep_step step = kept.step(keep);
  for (std::size_t i = 0; i < step.remains_count; ++i) {
    text += indent + "not as it was: " + harmless(step.remains[i]) + "\n";
  }
  if (step.size != 0 && *step.repair != '\0') {
    text += indent + "to do: " + harmless(step.repair) + "\n";
  }
  return text;
}

std::string advice(const Kept& kept, const aptkeep_keep& failed) {
  const std::string name = kept.name(failed);
  if (failed.on_request != 0 && *failed.version == '\0') {
    return "  next: " + as_root() + "aptkeep retry " + name + ", to have it removed after all\n";
  }
  if (failed.on_request != 0 && !kept.unfinished(failed)) {
    return "  next: do nothing: a version newer than " + std::string(failed.version) +
           " is tried by itself\n        or " + as_root() + "aptkeep retry " + name +
           ", to have that version after all\n";
  }
  const std::string force = "        or " + as_root() + "aptkeep release " + name +
                            " and apt-get -o Aptkeep::Force::=" + name + " ..., to go past ";
  if (is_guard(failed.failure_class)) {
    const std::string then = *failed.version == '\0'
                                 ? "then remove it again, and at the latest after the next apt-get "
                                   "update it counts as kept no more"
                                 : "after the next apt-get update it is tried again";
    return "  next: see to that; " + then + "\n" + force + "its guards once\n";
  }
  if (std::string_view(failed.failure_class) == "waiting")
    return "  next: see to that one first; each run tries this again\n";
  std::string text = "  next: remove the cause, then " + as_root() + "aptkeep retry " + name + "\n";
  if (is_backup(failed.failure_class)) text += force + "that once\n";
  if (kept.unfinished(failed) && *failed.old_version != '\0' && return_failed(failed)) {
    text += "        or what was in the way of going back, then " + as_root() +
            "aptkeep rollback " + name + "\n";
  }
  const bool newer = *failed.version != '\0' && !is_downgrade(failed);
  if (newer || failed.tries_again != 0) {
    text += std::string("        or do nothing: ") +
            (failed.tries_again != 0 ? "it is tried again by itself after a while" : "") +
            (newer && failed.tries_again != 0 ? ", and " : "") +
            (newer ? std::string("a version newer than ") + failed.version +
                         (failed.tries_again != 0 ? " at once" : " is tried by itself")
                   : "") +
            "\n";
  }
  return text;
}

const aptkeep_keep* root_of(const Kept& kept, const aptkeep_keep& keep) {
  const std::string root = keep.failed != 0 ? keep.package : keep.root;
  const auto found = std::find_if(
      kept.keeps.begin(), kept.keeps.end(),
      [&](const aptkeep_keep& other) { return other.failed != 0 && root == other.package; });
  return found == kept.keeps.end() ? nullptr : &*found;
}

bool means(const std::string& name, const std::string& package) {
  return package == name ||
         (name.find(':') == std::string::npos && package.compare(0, package.rfind(':'), name) == 0);
}

void write_pins(const Kept& kept) {
  if (aptkeep_state_write_pins(kept.state.get(), nullptr) < 0) {
    throw Failed(aptkeep_error());
  }
  if (::access(paths::kAptHook, X_OK) != 0) {
    return;
  }
  try {
    static_cast<void>(run({paths::kAptHook, "blockers"}));
  } catch (const Failed& problem) {
    std::cerr << "aptkeep: " << problem.what() << "\n";
  }
}

void need_root(const std::string& what) {
  if (::geteuid() != 0) {
    throw Failed("unable to " + what + ": only root may do that (try sudo)");
  }
}

}  // namespace aptkeep::cli
