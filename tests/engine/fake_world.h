// A dpkg and its database in memory: enough of dpkg's behaviour (facts measured on dpkg 1.21: order
// of the status lines, states after each kind of failure, --abort-after, follow-up errors) that the
// engine can be driven through whole runs without root.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/call.h"
#include "engine/ports.h"

namespace aptkeep::fake {

struct Archive {
  std::string package{};  // "foo"
  std::string version{};
  std::vector<std::string> depends{};  // names that must be configured first
  std::string overwrites{};            // file of this package's old version is in the way
  bool preinst_fails = false;          // and everything is put back
  bool abort_upgrade_fails = false;    // with preinst_fails: left half-installed
  std::string arch = "amd64";
  bool preinst_interrupted = false;  // Ctrl-C
  bool postinst_fails = false;
  bool postinst_interrupted = false;
  int preinst_killed_times = 0;    // and everything is put back
  bool no_room = false;            // for its files, and dpkg takes them back
  bool conffile_question = false;  // without anybody to answer
  bool trigger = false;            // its own, activated while it is configured
  bool trigger_fails = false;      // the same, and fails
  int postinst_fails_times = 0;    // and goes well afterwards
  std::string says = "post-installation script subprocess returned error exit status 1";
  std::string prints = "what the script printed";
};

class World final : public DpkgRunner, public DpkgDatabase {
 public:
  DbSnapshot db;
  std::map<std::string, Archive> archives;                  // by path
  std::set<std::string> prerm_fails;                        // package names
  std::map<std::string, std::vector<std::string>> depends;  // of what is unpacked or installed
  std::vector<std::vector<std::string>> calls;
  std::vector<std::string> scripts;  // "preinst foo 2.0", in the order in which they ran
  int fail_call_with = 0;            // dpkg itself ends with this exit code
  bool oom_kill = false;             // the kernel kills some process meanwhile
  std::string killed_at;             // dpkg is, when it replaces this package's files
  int kills = 1;                     // so many times
  std::function<void(const std::vector<std::string>&)> before_call = {};
  std::function<void()> after_call = {};
  std::string killed_configuring;  // dpkg is, once, when it configures this package

  void install(const std::string& name, const std::string& version,
               const std::vector<std::string>& needs = {});
  // "ii 1.0", "iF 2.0"; empty for an absent one.
  std::string state(const std::string& name) const;

  Result<DpkgResult> run(const std::vector<std::string>& args) override;
  Result<DbSnapshot> read() override { return db; }

 private:
  struct Call {
    std::string log;
    int errors = 0;
    bool stop = false;
    bool killed = false;
  };
  void error(Call& call, const std::string& subject, const std::string& message);
  void unpack(Call& call, const std::string& path);
  void configure(Call& call, std::vector<std::string> names);
  void configure_one(Call& call, const std::string& name);
  void process_triggers(Call& call, const std::vector<std::string>& only);
  void remove(Call& call, const std::string& name);
  bool needs_met(const std::string& name) const;

  std::map<std::string, Archive> unpacked_;  // by package
  std::string printed_ = "what the script printed";
};

// Snapshots in memory, of the packages in a World; complete() finds what a test has put into
// `remains`.
class Memory final : public Snapshots {
 public:
  explicit Memory(World& world) : world_(world) {}

  std::map<std::string, std::string> refuse;  // package -> why take() cannot
  std::set<std::string> old_postinst_fails;   // packages whose way back fails
  std::set<std::string> old_preinst_fails;    // before they are touched
  std::set<std::string> old_abort_fails;      // and then that
  std::set<std::string> archive_fails;
  std::set<std::string> in_the_way;  // new packages with files of old ones
  std::set<std::string> lacking;     // lack files once they are unpacked, the first time
  std::set<std::string> old_postinst_killed_once;
  std::map<std::string, int> old_preinst_killed;  // package -> how often on the way back
  std::map<std::string, std::vector<std::string>> remains;
  std::vector<std::string> log;  // "take foo:amd64", "settle ...", in order

  std::map<std::string, std::string> take(const std::vector<std::string>& packages) override;
  std::map<std::string, std::string> renew(const std::vector<std::string>& packages) override;
  bool has(const std::string& package) override { return saved_.contains(package); }
  Result<std::string> archive(const std::string& package) override;
  Status remove_strays(const std::string& package, const std::string& archive) override;
  Status clear_way(const std::vector<std::string>& packages) override;
  Status settle(const std::vector<std::string>& packages) override;
  bool lacks_files(const std::string& package) override;
  Status unsettle(const std::string& package) override;
  Result<std::vector<std::string>> complete(const std::vector<std::string>& packages) override;
  Status note_new(const std::vector<std::string>& packages) override;
  std::vector<std::string> undo_new(const std::string& package) override;
  void clear_new(const std::string& package) override { log.push_back("clear-new " + package); }
  std::vector<std::string> undo_scripts(const std::string& package, const std::string& archive,
                                        bool once) override;
  bool shares_files(const std::string& newcomer, const std::vector<std::string>&) override {
    return in_the_way.contains(newcomer);
  }

 private:
  World& world_;
  std::map<std::string, Archive> saved_;
};

}  // namespace aptkeep::fake
