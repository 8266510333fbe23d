// Plans, keeps and stores to test with, and equality of what is stored.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "state/store.h"

namespace aptkeep {

bool operator==(const FailureRule& a, const FailureRule& b);
bool operator==(const Step& a, const Step& b);
bool operator==(const Clause& a, const Clause& b);
bool operator==(const Failure& a, const Failure& b);
bool operator==(const Keep& a, const Keep& b);
bool operator==(const StepOutcome& a, const StepOutcome& b);
bool operator==(const RunSummary& a, const RunSummary& b);
bool operator==(const Pin& a, const Pin& b);

namespace sample {

// A folder that is gone at the end of the test.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Mounts a file system of 3 MiB there, in namespaces of this process; an ordinary user may do so as
// well.
bool mount_small(const std::string& path);

Frontend frontend(std::int64_t pid, std::uint64_t start = 77);
// Every enumerator and every odd character once.
Plan plan();
Failure failure(const std::string& package, std::int32_t step);
Keep keep(const std::string& package, const std::string& version, bool failed);
// One outcome a step, states going round.
std::vector<StepOutcome> outcomes(const Plan& plan, StepState state);
// A store with two runs, three plans, failures, keeps and blocked versions.
void fill(Store& store);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);

}  // namespace sample
}  // namespace aptkeep
