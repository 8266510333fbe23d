#include "keeps.h"

#include <unistd.h>

#include <algorithm>

#include "command.h"
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
           (keep.phase == APTKEEP_PHASE_PURGE ? ": its purge failed" : ": its removal failed");
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
  const std::string tried = ", " + version + (keep.failed != 0 ? " failed" : " waits");
  return name + ": " + (old_version.empty() ? "not installed" : "stays at " + old_version) + tried +
         meanwhile(now, old_version);
}

bool is_reinstallation(const aptkeep_keep& keep) {
  return *keep.version != '\0' && std::string(keep.version) == keep.old_version;
}

bool is_downgrade(const aptkeep_keep& keep) {
  return *keep.version != '\0' && *keep.old_version != '\0' && !is_reinstallation(keep) &&
         run({"/usr/bin/dpkg", "--compare-versions", keep.version, "lt", keep.old_version}) == 0;
}

std::string story(const aptkeep_keep& keep, std::size_t lines) {
  std::string text = "  " + ending_of(keep.script, keep.phase, keep.exit_code, keep.signal) + "\n";
  if (keep.attempts > 1) {
    text += "  tried " + std::to_string(keep.attempts) + " times since " + when(keep.since) + "\n";
  }
  const bool whole = lines >= kAllLines;
  const std::string output =
      quoted(whole ? std::string_view(keep.output, keep.output_size) : script_output(keep), lines);
  return text + (output.empty() ? quoted(keep.message, lines) : output);
}

std::string advice(const Kept& kept, const aptkeep_keep& failed) {
  const std::string name = kept.name(failed);
  std::string text = "  next: remove the cause, then " + as_root() + "aptkeep retry " + name + "\n";
  if (*failed.version != '\0' && !is_downgrade(failed)) {
    text += std::string("        or do nothing: a version newer than ") + failed.version +
            " is tried by itself\n";
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

void need_root(const std::string& what) {
  if (::geteuid() != 0) {
    throw Failed("unable to " + what + ": only root may do that (try sudo)");
  }
}

}  // namespace aptkeep::cli
