// engine/ports.h Progress on the memfd that the launcher made (progress_layout.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

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

  void calling(const std::vector<std::string>& in_call,
               const std::vector<std::string>& after) override;
  void finished() override;
  void owe_failure() override;

 private:
  explicit MemfdProgress(int fd) : fd_(fd) {}
  bool write_slot(std::uint64_t slot, const std::vector<std::string>& in_call,
                  const std::vector<std::string>& after);

  int fd_;
  std::uint64_t published_ = 0;
};

}  // namespace aptkeep
