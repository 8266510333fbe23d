#include "adapters/drop_ins.h"

#include <fstream>
#include <iterator>

#include "core/drop_ins.h"

namespace aptkeep {

void judge_drop_ins(std::map<std::string, UnitFacts>& units) {
  std::map<std::string, std::string> texts;  // most units have the same one
  for (auto& [name, facts] : units) {
    if (!is_service_or_trigger(facts.name) || facts.load_state != "loaded") continue;
    std::vector<DropIn> read;
    for (const std::string& path : facts.drop_ins) {
      const auto [text, is_new] = texts.try_emplace(path);
      if (is_new) {
        std::ifstream file(path, std::ios::binary);
        text->second.assign(std::istreambuf_iterator<char>(file), {});
      }
      read.push_back({path, text->second});
    }
    facts.unheld_by = unheld_by(read);
  }
}

}  // namespace aptkeep
