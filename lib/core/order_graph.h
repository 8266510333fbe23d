// A stable topological order for wishes of unequal weight. Private to the core.
#pragma once

#include <cstdint>
#include <vector>

namespace aptkeep {

// Nodes 0..n-1, whose numbers are the order that stands where nothing else is asked for. "Before"
// edges come in tiers; where edges contradict each other, in a cycle, those of the least binding
// tier in that cycle's component give way first.
class OrderGraph {
 public:
  enum Tier : std::uint8_t { kMust, kShould, kWish };

  explicit OrderGraph(std::size_t nodes);

  void add_before(std::uint32_t first, std::uint32_t second, Tier tier);
  // They end up side by side, unless kMust or kShould edges forbid it.
  void add_siblings(std::uint32_t a, std::uint32_t b);

  std::vector<std::uint32_t> order();

 private:
  using Nodes = std::vector<std::uint32_t>;
  using Successors = std::vector<std::vector<std::uint32_t>>;
  struct Edge {
    std::uint32_t to;
    Tier tier;
  };
  // What is asked for at one stage of giving way.
  struct Stage {
    Tier least_binding;
    bool siblings_together;
  };

  Successors unit_graph(const Nodes& nodes, const Stage& stage);
  std::uint32_t find_sibling_root(std::uint32_t node);
  void arrange(const Nodes& nodes, std::size_t stage, Nodes& out);

  std::vector<std::vector<Edge>> edges_;
  std::vector<std::uint32_t> sibling_;  // union-find
  std::vector<std::int64_t> unit_;      // of each node, in the arrange() that runs; -1: not in it
};

// Strongly connected components of a graph given by its successors, numbered so that an edge
// between components goes from the higher number to the lower.
std::vector<std::uint32_t> strong_components(
    const std::vector<std::vector<std::uint32_t>>& successors);

}  // namespace aptkeep
