#include "core/order_graph.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <queue>
#include <unordered_map>

namespace aptkeep {
namespace {

// Tarjan's algorithm. Recursion as deep as the longest path: some thousand packages at most.
class Components {
 public:
  explicit Components(const std::vector<std::vector<std::uint32_t>>& successors)
      : successors_(successors),
        component_(successors.size(), kNone),
        seen_at_(successors.size(), kNone),
        low_(successors.size(), 0) {}

  std::vector<std::uint32_t> find() {
    for (std::uint32_t node = 0; node < successors_.size(); ++node) {
      if (seen_at_[node] == kNone) visit(node);
    }
    return component_;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  void visit(std::uint32_t node) {
    seen_at_[node] = low_[node] = next_++;
    stack_.push_back(node);
    for (const std::uint32_t to : successors_[node]) {
      if (seen_at_[to] == kNone) {
        visit(to);
        low_[node] = std::min(low_[node], low_[to]);
      } else if (component_[to] == kNone) {
        low_[node] = std::min(low_[node], seen_at_[to]);
      }
    }
    if (low_[node] != seen_at_[node]) return;
    std::uint32_t member = kNone;
    do {
      member = stack_.back();
      stack_.pop_back();
      component_[member] = count_;
    } while (member != node);
    ++count_;
  }

  const std::vector<std::vector<std::uint32_t>>& successors_;
  std::vector<std::uint32_t> component_, seen_at_, low_, stack_;
  std::uint32_t next_ = 0;
  std::uint32_t count_ = 0;
};

// Of the components that nothing holds back, the one with the smallest node comes next.
std::vector<std::uint32_t> component_order(
    const std::vector<std::vector<std::uint32_t>>& successors,
    const std::vector<std::uint32_t>& component, const std::vector<std::uint32_t>& smallest) {
  std::vector<std::uint32_t> held_by(smallest.size(), 0);
  std::vector<std::vector<std::uint32_t>> next(smallest.size());
  for (std::uint32_t unit = 0; unit < successors.size(); ++unit) {
    for (const std::uint32_t to : successors[unit]) {
      if (component[to] == component[unit]) continue;
      next[component[unit]].push_back(component[to]);
      ++held_by[component[to]];
    }
  }
  using Entry = std::pair<std::uint32_t, std::uint32_t>;  // smallest node, component
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::uint32_t c = 0; c < smallest.size(); ++c) {
    if (held_by[c] == 0) ready.emplace(smallest[c], c);
  }
  std::vector<std::uint32_t> order;
  while (!ready.empty()) {
    const std::uint32_t c = ready.top().second;
    ready.pop();
    order.push_back(c);
    for (const std::uint32_t to : next[c]) {
      if (--held_by[to] == 0) ready.emplace(smallest[to], to);
    }
  }
  return order;
}

}  // namespace

std::vector<std::uint32_t> strong_components(
    const std::vector<std::vector<std::uint32_t>>& successors) {
  return Components(successors).find();
}

OrderGraph::OrderGraph(std::size_t nodes) : edges_(nodes), sibling_(nodes), unit_(nodes, -1) {
  std::iota(sibling_.begin(), sibling_.end(), 0U);
}

void OrderGraph::add_before(std::uint32_t first, std::uint32_t second, Tier tier) {
  if (first != second) edges_[first].push_back({second, tier});
}

std::uint32_t OrderGraph::find_sibling_root(std::uint32_t node) {
  while (sibling_[node] != node) node = sibling_[node] = sibling_[sibling_[node]];
  return node;
}

void OrderGraph::add_siblings(std::uint32_t a, std::uint32_t b) {
  sibling_[find_sibling_root(a)] = find_sibling_root(b);
}

std::vector<std::uint32_t> OrderGraph::order() {
  Nodes all(edges_.size());
  std::iota(all.begin(), all.end(), 0U);
  Nodes out;
  out.reserve(all.size());
  arrange(all, 0, out);
  return out;
}

// Numbers the units of `nodes` in unit_ and gives each unit's successors.
OrderGraph::Successors OrderGraph::unit_graph(const Nodes& nodes, const Stage& stage) {
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  for (const std::uint32_t node : nodes) {
    const auto root = stage.siblings_together ? find_sibling_root(node) : node;
    const auto next = static_cast<std::uint32_t>(numbers.size());
    unit_[node] = numbers.try_emplace(root, next).first->second;
  }
  Successors successors(numbers.size());
  for (const std::uint32_t node : nodes) {
    for (const Edge& edge : edges_[node]) {
      const auto to = unit_[edge.to];
      if (edge.tier > stage.least_binding || to < 0 || to == unit_[node]) continue;
      successors[static_cast<std::size_t>(unit_[node])].push_back(static_cast<std::uint32_t>(to));
    }
  }
  return successors;
}

// `nodes` in rising order.
void OrderGraph::arrange(const Nodes& nodes, std::size_t stage, Nodes& out) {
  static constexpr std::array<Stage, 4> kStages = {Stage{kWish, true}, Stage{kShould, true},
                                                   Stage{kShould, false}, Stage{kMust, false}};
  static constexpr std::size_t kFirstStageApart = 2;
  if (nodes.size() < 2 || stage == kStages.size()) {
    out.insert(out.end(), nodes.begin(), nodes.end());
    return;
  }
  const auto successors = unit_graph(nodes, kStages[stage]);
  const auto component = strong_components(successors);
  std::vector<Nodes> members(1 + *std::ranges::max_element(component));
  std::vector<std::uint32_t> units_in(members.size(), 0);
  for (const std::uint32_t c : component) ++units_in[c];
  for (const std::uint32_t node : nodes) {
    members[component[static_cast<std::size_t>(unit_[node])]].push_back(node);
    unit_[node] = -1;
  }
  std::vector<std::uint32_t> smallest;
  for (const Nodes& some : members) smallest.push_back(some.front());
  for (const std::uint32_t c : component_order(successors, component, smallest)) {
    const std::size_t next = units_in[c] == 1 ? std::max(stage + 1, kFirstStageApart) : stage + 1;
    arrange(members[c], next, out);
  }
}

}  // namespace aptkeep
