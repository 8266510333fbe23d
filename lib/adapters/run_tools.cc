#include "adapters/run_tools.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "adapters/backup.h"
#include "adapters/guard_command.h"
#include "adapters/interrupt.h"
#include "adapters/proc.h"
#include "adapters/run_guardian.h"
#include "adapters/run_settings.h"
#include "adapters/selections.h"
#include "adapters/snapshot_fs.h"
#include "core/config.h"
#include "core/dpkg_call.h"
#include "policy/holds.h"
#include "policy/triggers.h"

namespace aptkeep {
namespace {

RunOptions options_of(const OpenPlan* plan) {
  RunOptions options;
  if (has_service_manager()) options.first_in_path = paths::kShims;
  if (plan == nullptr) return options;
  options.hang_after = plan->flags.hang_after;
  options.unattended = plan->flags.unattended;
  // Databases above all: what may not go back must not be ended in the middle of a conversion.
  for (const Step& step : plan->plan.steps) {
    if (!step.never_back.empty()) options.never_end.push_back(step.package);
  }
  return options;
}

// dpkg's configuration files have its options, without the dashes.
std::vector<std::string> configured_options() {
  std::vector<std::filesystem::path> files{"/etc/dpkg/dpkg.cfg"};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/etc/dpkg/dpkg.cfg.d", error)) {
    files.push_back(entry.path());
  }
  std::vector<std::string> options;
  for (const auto& file : files) {
    std::ifstream text(file);
    for (std::string word; text >> word; std::getline(text, word)) {
      options.push_back(word.starts_with("--") ? word : "--" + word);
    }
  }
  return options;
}

constexpr const char* kOrigin = "origin";
constexpr const char* kForward = "forward";

// A number and a path, each on a line of its own.
std::optional<Origin> read_origin(const std::string& folder) {
  std::ifstream file(folder + "/" + kOrigin);
  Origin origin;
  std::string end;
  if (!(file >> origin.since >> origin.folder >> end) || end != "end") return std::nullopt;
  return origin;
}

// Of runs that kept something: enough for a person to come back to after a few days.
constexpr std::size_t kRunsAfterFailures = 3;
constexpr std::uint64_t kMostBytes = std::uint64_t{4} << 30;

void drop(const OpenPlan& open, bool well, const RunTools::Say& say) {
  const std::string base = paths::kSnapshots;
  forget_origin(open.run, open.id);
  const auto kept = static_cast<std::size_t>(std::max<std::int64_t>(open.flags.keep_runs, 0));
  const Status removed =
      well && kept == 0 ? remove_snapshots(snapshot_folder(open.run, open.id)) : success();
  if (!removed) say(removed.error().message);
  ::rmdir((base + "/" + std::to_string(open.run)).c_str());  // where nothing is left in it
  const Status pruned = prune_snapshots(base, std::max(kept, kRunsAfterFailures), kMostBytes);
  if (!pruned) say(pruned.error().message);
}

std::function<Result<std::vector<std::string>>(const std::string&, const std::vector<std::string>&)>
backups_of(std::int64_t run) {
  return [run](const std::string& package, const std::vector<std::string>& commands) {
    return make_backup({paths::kBackups, run, package}, commands);
  };
}

}  // namespace

void reload_units() {
  if (!has_service_manager()) return;
  RunOptions options;
  options.program = "/usr/bin/systemctl";
  options.status_fd = false;
  (void)run_process({"daemon-reload"}, options);
}

std::string snapshot_folder(std::int64_t run, std::int64_t plan) {
  return std::string(paths::kSnapshots) + "/" + std::to_string(run) + "/" + std::to_string(plan);
}

Status note_origin(std::int64_t run, std::int64_t plan, const Origin& origin) {
  const std::string path = snapshot_folder(run, plan);
  auto folder = snapshot::open_folder(path, true);
  if (!folder) return folder.error();
  return snapshot::write_file(folder->get(), kOrigin,
                              std::to_string(origin.since) + "\n" + origin.folder + "\nend\n",
                              snapshot::Sync::Now);
}

void forget_origin(std::int64_t run, std::int64_t plan) {
  const std::string folder = snapshot_folder(run, plan);
  (void)remove_snapshots(folder + "/" + kForward);
  ::unlink((folder + "/" + kOrigin).c_str());
  ::rmdir(folder.c_str());
  ::rmdir((std::string(paths::kSnapshots) + "/" + std::to_string(run)).c_str());
}

RunTools::RunTools(Store& store, Say say, const OpenPlan* plan)
    : store_(store), say_(std::move(say)), dpkg_(options_of(plan)) {
  if (plan == nullptr) return;
  frontend_ = plan->frontend;
  run_ = plan->run;
  holds_ = RunHolds(frontend_);
  plan_has_guardian_ = plan->flags.quiet_exit && guardian_at_work(frontend_);
  // After a reboot what is enabled starts by itself, and nothing is to be started before that.
  rebooted_ = plan->frontend.boot != boot_id();
  if (!rebooted_) units_ = units_here();
  const auto copy_limit = static_cast<std::uint64_t>(plan->flags.copy_limit);
  SnapshotOptions options;
  options.folder = snapshot_folder(plan->run, plan->id);
  if (const auto origin = read_origin(options.folder)) {
    SnapshotOptions forward;
    forward.folder = options.folder + "/" + kForward;
    forward.copy_limit = copy_limit;
    forward_.emplace(std::move(forward));
    options.folder = origin->folder;
    options.since = origin->since;
  }
  options.copy_limit = copy_limit;
  for (const Step& step : plan->plan.steps) {
    if (!step.save.empty()) options.extra[step.package] = step.save;
  }
  options.say = say_;
  options.overwrites = [] { return forces_overwrite(configured_options()); };
  snapshots_.emplace(std::move(options));
}

CallPorts RunTools::call_ports(Progress& progress, const std::vector<std::string>& options) {
  if (snapshots_ && forces_overwrite(options)) snapshots_->expect_overwrites();
  CallPorts ports{dpkg_, db_, progress, store_, say_, dpkg_disk_full};
  ports.snapshots = snapshots();
  ports.forward = forward_ ? &*forward_ : nullptr;
  ports.reload_units = reload_units;
  if (units_ != nullptr && has_service_manager()) {
    ports.units = units_.get();
    ports.holds = &holds_;
  } else {
    ports.units = &no_units_;
    ports.holds = &no_holds_;
  }
  ports.rebooted = rebooted_;
  ports.own_unit = own_unit();
  ports.failure_of = failure_of;
  ports.failure_or_stop_of = failure_or_stop_of;
  ports.interrupted = interrupted;
  ports.back_up = backups_of(run_);
  return ports;
}

void RunTools::save_forward(const OpenPlan& open) {
  if (!forward_) return;
  std::vector<std::string> packages;
  for (const Step& step : open.plan.steps) {
    if (!step.new_version.empty()) packages.push_back(step.package);
  }
  for (const auto& [package, why] : forward_->take(packages)) {
    say_("unable to have the new " + display_name(package, open.flags.native_arch) +
         " again if another cannot go back: " + why);
  }
}

FinishPorts RunTools::finish_ports() {
  FinishPorts ports{
      db_,  store_,         &dpkg_,
      say_, dpkg_disk_full, [](const std::string& mark) {
                      return dpkg_log_since(mark); }};
  ports.snapshots = snapshots();
  ports.forward = forward_ ? &*forward_ : nullptr;
  ports.reload_units = reload_units;
  ports.is_file = [](const std::string& path) { return ::access(path.c_str(), R_OK) == 0; };
  ports.set_wants = set_wants;
  ports.units = units_.get();
  if (has_service_manager()) ports.holds = &holds_;
  ports.no_units = &no_units_;
  ports.no_holds = &no_holds_;
  ports.rebooted = rebooted_;
  ports.failure_of = failure_of;
  ports.back_up = backups_of(run_);
  ports.let_all_go = [] { policy::let_all_go(paths::kRunDir); };
  ports.units_of = units_of_packages;
  // Of a process with many plans they are made when it has ended.
  if (!plan_has_guardian_) {
    ports.put_off = [frontend = frontend_] { return read_put_off(frontend); };
    ports.forget_put_off = [frontend = frontend_] { forget_put_off(frontend); };
  }
  ports.own_unit = own_unit();
  ports.complaint_of = complaint_of;
  ports.ends_well = ends_well;
  ports.release_upgrade = in_release_upgrade();
  if (const auto settings = read_run_settings(frontend_)) ports.settle = settings->settle * 1000;
  ports.end_triggers = [](bool start) { policy::end_triggers(paths::kRunDir, start); };
  // Where it cannot be written, the next `apt update` does what it would ask for.
  ports.note_pins_due = [] {
    const int fd = ::open(paths::kPinsDue, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0) ::close(fd);
  };
  ports.driver_was_killed = [] { return ::unlink(paths::kDriverDied) == 0; };
  ports.drop_snapshots = [say = say_](const OpenPlan& open, bool well) { drop(open, well, say); };
  return ports;
}

}  // namespace aptkeep
