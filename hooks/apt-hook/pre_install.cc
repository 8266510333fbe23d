// DPkg::Pre-Install-Pkgs: what the frontend is about to do becomes a plan in the state.
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "adapters/apt_cache.h"
#include "adapters/proc.h"
#include "core/config.h"
#include "core/protocol.h"
#include "hook.h"

namespace aptkeep::hook {
namespace {

bool is_prefix_nocase(std::string_view prefix, const std::string& text) {
  return text.size() >= prefix.size() &&
         ::strncasecmp(prefix.data(), text.data(), prefix.size()) == 0;
}

// Whether a person hands dpkg an option that begins so, in each of its calls.
bool has_dpkg_option(const Conversation& conversation, std::string_view option) {
  return std::any_of(
      conversation.configuration.begin(), conversation.configuration.end(), [&](const auto& entry) {
        return is_prefix_nocase("DPkg::Options::", entry.first) && entry.second.starts_with(option);
      });
}

// apt can work on another system from outside; our state and dpkg's database are those of this one.
// With --no-act nothing happens on any.
bool is_for_this_system(const Conversation& conversation) {
  for (const char* key : {"RootDir", "Dir", "DPkg::Chroot-Directory"}) {
    if (conversation.find(key, "/") != "/") return false;
  }
  for (const char* option :
       {"--root", "--instdir", "--admindir", "--no-act", "--dry-run", "--simulate"}) {
    if (has_dpkg_option(conversation, option)) return false;
  }
  return true;
}

// True unless apt will find our launcher when it looks "dpkg" up (debian/aptkeep.apt.conf).
bool bypasses_launcher(const Conversation& conversation) {
  const auto dpkg = conversation.find("Dir::Bin::dpkg");
  const std::string ours = paths::kBinDir;
  if (dpkg == ours + "/dpkg") return false;
  if (dpkg.empty() || dpkg.find('/') != std::string::npos) return true;
  std::string_view path;
  const auto folders = conversation.find("DPkg::Path");
  for (path = folders; !path.empty();) {
    const auto colon = path.find(':');
    const std::string folder(path.substr(0, colon));
    const auto program = std::filesystem::path(folder) / dpkg;
    if (::access(program.c_str(), X_OK) == 0) return folder != ours;
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
  }
  return true;
}

// The wrapper of unattended-upgrades names itself, so that a variable which leaked elsewhere does
// not hide another frontend's exit code.
bool is_wrapped(const Frontend& frontend) {
  const char* pid = std::getenv("APTKEEP_WRAPPED");
  return pid != nullptr && std::to_string(frontend.pid) == pid;
}

PlanFlags flags_of(const Conversation& conversation, const Frontend& frontend) {
  PlanFlags flags;
  flags.bypassed = bypasses_launcher(conversation);
  flags.configure_pending = conversation.find_bool("DPkg::ConfigurePending", true);
  // Where every call has --no-triggers, the last one cannot be told by its lack.
  flags.no_triggers = conversation.find_bool("DPkg::NoTriggers", true) &&
                      !has_dpkg_option(conversation, "--no-triggers");
  flags.quiet_exit = is_wrapped(frontend);
  flags.native_arch = conversation.find("APT::Architecture");
  if (flags.bypassed) flags.log_mark = dpkg_log_mark();
  return flags;
}

Result<Plan> plan_of(std::vector<Step> steps) {
  auto cache = AptCache::open();
  if (!cache) return cache.error();
  return cache->make_plan(std::move(steps));
}

}  // namespace

void pre_install() {
  std::cin.sync_with_stdio(false);
  const auto conversation = read_conversation(std::cin);
  if (!conversation) return complain(conversation.error().message);
  if (!is_for_this_system(*conversation)) return;
  if (!conversation->find_bool("Aptkeep::Keep-Going", true)) return;
  auto steps = steps_of(*conversation);
  if (steps.empty()) return;
  const auto frontend = own_frontend();
  if (!frontend) return;
  auto store = Store::open(paths::kStateDb, Store::Mode::ReadWrite);
  if (!store) return complain_once(*frontend, store.error().message);
  const auto plan = plan_of(std::move(steps));
  if (!plan) return complain(plan.error().message);
  const auto begun = store->begin_plan(*frontend, flags_of(*conversation, *frontend), *plan, now());
  if (!begun) complain_once(*frontend, begun.error().message);
}

}  // namespace aptkeep::hook
