// engine/ports.h Progress on the memfd that the launcher made (progress_layout.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/progress_layout.h"
#include "core/result.h"
#include "engine/ports.h"

namespace aptkeep {

class MemfdProgress final : public Progress {
 public:
  // `fd`: from the launcher. It is closed with the object and is not handed on to dpkg.
  static Result<std::unique_ptr<MemfdProgress>> open(int fd);
  ~MemfdProgress() override;
  MemfdProgress(const MemfdProgress&) = delete;
  MemfdProgress& operator=(const MemfdProgress&) = delete;

  using Progress::calling;
  void calling(const std::vector<std::string>& in_call, const std::vector<std::string>& after,
               std::size_t left_out) override;
  void finished() override;
  void owe_failure() override;

 private:
  MemfdProgress(int fd, ProgressHeader* header) : fd_(fd), header_(header) {}
  bool write_slot(std::uint64_t slot, const std::vector<std::string>& in_call,
                  const std::vector<std::string>& after, std::size_t left_out);

  int fd_;
  ProgressHeader* header_;  // the file's own, mapped: what is set in it is set, whatever fails
};

}  // namespace aptkeep
