// Random changes to texts that are good, or nearly so.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace aptkeep {

inline unsigned long mutation_seed() {
  const char* given = std::getenv("APTKEEP_SEED");
  const unsigned long seed =
      given != nullptr ? std::strtoul(given, nullptr, 10) : std::random_device{}();
  std::cout << "APTKEEP_SEED=" << seed << std::endl;
  return seed;
}

class Mutator {
 public:
  Mutator(std::vector<std::string> texts, unsigned long seed)
      : texts_(std::move(texts)), random_(seed) {}

  std::string next() {
    std::string text = any();
    const std::size_t rounds = 1 + below(6);
    for (std::size_t i = 0; i < rounds; ++i) mutate(text);
    return text;
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  const std::string& any() { return texts_[below(texts_.size())]; }
  std::size_t place(const std::string& text) { return below(text.size() + 1); }

  void mutate(std::string& text) {
    static const std::string kTelling = std::string("\n\0 :/%=<>*-\x7f\xc3", 14) + "09aA()'\".";
    const std::size_t at = place(text);
    switch (below(8)) {
      case 0:  // cut off
        text.resize(at);
        break;
      case 1:
        text.insert(at, 1, kTelling[below(kTelling.size())]);
        break;
      case 2:
        if (at < text.size()) text[at] = kTelling[below(kTelling.size())];
        break;
      case 3:
        text.erase(at, below(20));
        break;
      case 4:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 5: {  // a piece of another text
        const std::string& other = any();
        const std::size_t from = place(other);
        text.insert(at, other, from, below(80));
        break;
      }
      case 6: {  // a piece of its own, doubled
        const std::string piece = text.substr(at, below(200));
        text.insert(at, piece);
        break;
      }
      default:
        text.insert(at, below(5000), 'x');
        break;
    }
  }

  std::vector<std::string> texts_;
  std::mt19937_64 random_;
};

}  // namespace aptkeep
