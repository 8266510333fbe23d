// One apt run against the dpkg in fake_world.h: what the tests of whole runs share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "engine/call.h"
#include "engine/finish.h"
#include "engine/undo.h"
#include "fake_world.h"

namespace aptkeep {

using fake::Archive;
using fake::World;

struct RecordedProgress final : Progress {
  std::vector<std::vector<std::string>> in_calls, afters;
  std::vector<std::size_t> left_out;
  using Progress::calling;
  void calling(const std::vector<std::string>& in_call, const std::vector<std::string>& after,
               std::size_t out) override {
    left_out.push_back(out);
    in_calls.push_back(in_call);
    afters.push_back(after);
  }
  void finished() override {}
  void owe_failure() override { owed = true; }
  bool owed = false;
};

// One apt run: unpack everything, then configure what is pending.
class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("aptkeep-engine-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    open_store(folder_ / "state.db");
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open_store(const std::filesystem::path& path) {
    store_.reset();
    auto store = Store::open(path.string(), Store::Mode::ReadWrite);
    ASSERT_TRUE(store) << store.error().message;
    store_.emplace(std::move(*store));
  }

  // An upgrade 1.0 -> 2.0, or a new installation.
  std::uint32_t upgrade(const Archive& archive, bool fresh = false) {
    Step step;
    step.package = archive.package + ":amd64";
    step.action = fresh ? Action::Install : Action::Upgrade;
    step.old_version = fresh ? "" : "1.0";
    step.new_version = archive.version;
    step.archive = "/archives/" + archive.package + ".deb";
    if (!fresh) world_.install(archive.package, "1.0");
    world_.archives[step.archive] = archive;
    plan_.steps.push_back(step);
    return static_cast<std::uint32_t>(plan_.steps.size() - 1);
  }
  std::uint32_t removal(const std::string& name) {
    Step step;
    step.package = name + ":amd64";
    step.action = Action::Remove;
    step.old_version = "1.0";
    world_.install(name, "1.0");
    plan_.steps.push_back(step);
    return static_cast<std::uint32_t>(plan_.steps.size() - 1);
  }
  void needs(std::uint32_t owner, Side side, std::uint32_t target, Side target_side,
             ClauseKind kind = ClauseKind::Depends) {
    Clause clause;
    clause.owner_step = static_cast<std::int32_t>(owner);
    clause.owner_side = side;
    clause.kind = kind;
    clause.owner = plan_.steps[owner].package;
    clause.relation = plan_.steps[target].package;
    clause.any_of = {{target, target_side}};
    plan_.clauses.push_back(clause);
  }

  // In a plan that was begun: a person wants it back.
  void ask_back(std::uint32_t step) {
    open_.states[step] = StepState::FailedNew;
    open_.failures.push_back(failure_on_request(plan_.steps[step], step));
  }

  void begin(PlanFlags flags = {}) {
    flags.native_arch = "amd64";
    Frontend frontend;
    frontend.pid = pid_;
    frontend.start_time = 1;
    ASSERT_TRUE(store_->begin_plan(frontend, flags, plan_, 1000));
    auto open = store_->open_plan(frontend);
    ASSERT_TRUE(open);
    ASSERT_TRUE(*open);
    open_ = **open;
  }
  CallEnd call(DpkgCall::Verb verb, const std::vector<std::string>& operands, bool pending,
               bool no_triggers) {
    DpkgCall call;
    call.verb = verb;
    call.options = {"--status-fd", "9"};
    call.pending = pending;
    call.no_triggers = no_triggers;
    call.operands = operands;
    CallPorts ports{
        world_,
        world_,
        progress_,
        *store_,
        [this](const std::string& line) { said_.push_back(line); },
        [this](const std::string& file) { return disk_full_ || (!file.empty() && no_room_again_); },
        [this] { return record_holds_; }};
    if (with_snapshots_) ports.snapshots = &memory_;
    ports.reload_units = [this] { ++reloads_; };
    ports.look_at_guards = [this](const std::string& package, const std::vector<GuardCall>& calls) {
      std::vector<GuardResult> results;
      for (const auto& guard : calls) {
        const bool unmet = unmet_.contains(to_string(guard));
        results.push_back({unmet ? GuardState::Unmet : GuardState::Met, unmet ? "so it is" : ""});
        looked_.push_back(package + ": " + to_string(guard));
      }
      return results;
    };
    adapt(ports);
    return run_call(call, verb == DpkgCall::Verb::Unpack ? operands : std::vector<std::string>{},
                    open_, ports);
  }
  virtual void adapt(CallPorts&) {}
  FinishPorts finish_ports(Snapshots& snapshots) {
    FinishPorts ports{world_,
                      *store_,
                      &world_,
                      [this](const std::string& line) { said_.push_back(line); },
                      [](const std::string&) { return false; },
                      [](const std::string&) { return std::string(); }};
    ports.snapshots = &snapshots;
    return ports;
  }
  CallEnd unpack_all() {
    std::vector<std::string> archives;
    for (const auto& step : plan_.steps) {
      if (!step.archive.empty()) archives.push_back(step.archive);
    }
    return call(DpkgCall::Verb::Unpack, archives, false, true);
  }
  CallEnd configure_pending() { return call(DpkgCall::Verb::Configure, {}, true, false); }
  int count_calls(const std::string& verb) const {
    return static_cast<int>(std::count_if(
        world_.calls.begin(), world_.calls.end(),
        [&](const auto& args) { return std::find(args.begin(), args.end(), verb) != args.end(); }));
  }

  std::filesystem::path folder_;
  std::int64_t pid_ = 4711;  // of the frontend: another one has another run
  World world_;
  Plan plan_;
  OpenPlan open_;
  RecordedProgress progress_;
  std::optional<Store> store_;
  std::vector<std::string> said_;
  bool disk_full_ = false;
  bool no_room_again_ = false;  // there is room, but not for what dpkg wrote
  bool record_holds_ = true;
  fake::Memory memory_{world_};
  bool with_snapshots_ = false;
  int reloads_ = 0;
  std::set<std::string> unmet_;  // guards
  std::vector<std::string> looked_;
};

}  // namespace aptkeep
