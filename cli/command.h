// The subcommands. Each is one file, prints to stdout, and returns an exit status.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace aptkeep::cli {

enum Exit : int { kAllWell = 0, kKept = 1, kError = 2 };

// Ends the command with one line on stderr, "aptkeep: unable to ...", and exit status 2. Caught in
// main and nowhere else.
class Failed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct PlanRequest {
  std::string state;
  std::vector<std::string> rules;      // folders; empty: the system's
  std::vector<std::string> arguments;  // apt-get's
  bool json = false;
};

struct QueueRequest {
  std::string folder;
  // A number, or a file whose first line it is; none: the folders'.
  std::optional<std::string> split = std::nullopt;
  std::string users;  // see qmail::find_ids(); empty: qmail's
  bool fix = false;
  bool json = false;
};

int status(const std::string& state, bool json);
int explain(const std::string& state, const std::vector<std::string>& folders,
            const std::string& about);
int plan(const PlanRequest& request);
int check_rule_files(const std::vector<std::string>& files,
                     const std::vector<std::string>& folders);
int test_rule_file(const std::string& file, const std::vector<std::string>& folders);
int report(const std::string& state, std::int64_t run, bool json);
int runs(const std::string& state, unsigned most, bool json);
int services(const std::string& state);
int restart_services();
int rollback(const std::vector<std::string>& packages, std::int64_t run_id, bool yes);
int resume();
int release(const std::vector<std::string>& packages);
int check_queue(const QueueRequest& request);
int move_queue(const std::string& from, const std::string& to);
int retry(const std::vector<std::string>& packages, bool yes);

}  // namespace aptkeep::cli
