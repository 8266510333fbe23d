// The holds in /run as the engine's port.
#pragma once

#include <string>

#include "engine/ports.h"
#include "state/store.h"

namespace aptkeep {

class RunHolds final : public Holds {
 public:
  // `frontend`: whose scripts' notes forget_restarts() is about.
  explicit RunHolds(Frontend frontend = {}) : frontend_(std::move(frontend)) {}

  Status put(const std::vector<HeldUnit>& units) override;
  std::vector<HeldUnit> all() override;
  void let_go(const std::vector<std::string>& units) override;
  Status park(const HeldUnit& service, const std::vector<std::string>& sockets) override;
  void unpark(const std::string& service, bool close) override;
  Status enforce(const std::vector<std::string>& units) override;
  void answer_on_bus(const std::vector<std::string>& units) override;
  void forget_restarts(const std::vector<std::string>& units) override;

 private:
  Frontend frontend_;
};

}  // namespace aptkeep
