#include "core/kept_minimal.h"

#include <algorithm>
#include <utility>

#include "core/kept_growth.h"
#include "core/kept_search.h"

namespace aptkeep::kept {
namespace {

// Looks for any way to settle what is open, within the steps that are not barred.
class AnyWay {
 public:
  enum class Answer : std::uint8_t { Found, None, Unknown };

  AnyWay(Growth& growth, std::uint64_t max_nodes) : growth_(growth), max_nodes_(max_nodes) {}

  // `place`: where to look on in the list of opened clauses; what was settled stays so on the way
  // down. Found: the growth is left as the solution. Otherwise for the caller to undo.
  Answer find(std::size_t place) {
    std::uint32_t clause = 0;
    if (!growth_.find_open(place, clause)) return Answer::Found;
    for (const std::uint32_t step : growth_.options(clause)) {
      if (++nodes_ > max_nodes_) return Answer::Unknown;
      const auto before = growth_.point();
      if (growth_.keep(step)) {
        const Answer answer = find(place);
        if (answer != Answer::None) return answer;
      }
      growth_.undo(before);
      if (!growth_.bar(step)) break;
    }
    return Answer::None;
  }

 private:
  Growth& growth_;
  std::uint64_t max_nodes_;
  std::uint64_t nodes_ = 0;
};

}  // namespace

bool shrink_to_minimal(const ClauseIndex& index, const std::vector<std::uint32_t>& failed,
                       std::vector<bool>& kept, std::uint64_t max_nodes) {
  Growth growth(index);
  const auto ranks = ranks_by_name(index.plan());
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t step = 0; step < kept.size(); ++step) {
    if (kept[step]) {
      candidates.push_back(step);
    } else {
      growth.bar(step);
    }
  }
  // The most trusted are tried first: they should go through rather than others.
  std::ranges::sort(candidates, {}, [&](std::uint32_t step) {
    return std::pair(-std::int64_t{index.plan().steps[step].trust}, ranks[step]);
  });
  growth.start();
  for (const std::uint32_t step : failed) growth.keep(step);

  AnyWay any_way(growth, max_nodes);
  bool proven = true;
  for (const std::uint32_t step : candidates) {
    if (growth.mark(step) != Growth::Mark::Free) continue;
    const auto before = growth.point();
    auto answer = AnyWay::Answer::None;
    if (growth.bar(step)) answer = any_way.find(0);
    std::vector<std::uint32_t> left_out;
    if (answer == AnyWay::Answer::Found) {
      for (const std::uint32_t other : candidates) {
        if (growth.mark(other) != Growth::Mark::Kept) left_out.push_back(other);
      }
    }
    proven = proven && answer != AnyWay::Answer::Unknown;
    growth.undo(before);
    // Whatever is a solution without the step: go on within it. Otherwise the step is in all.
    for (const std::uint32_t other : left_out) growth.bar(other);
    if (left_out.empty()) growth.keep(step);
  }
  for (std::uint32_t step = 0; step < kept.size(); ++step) kept[step] = growth.is_kept(step);
  return proven;
}

}  // namespace aptkeep::kept
