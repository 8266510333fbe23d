// A growing list of words for exec, with malloc alone. The words themselves belong to others.
#pragma once

#include <cstddef>

namespace aptkeep::launcher {

class Words {
 public:
  Words() = default;
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  ~Words();

  // False: no memory; the list stays as it was.
  bool add(const char* word);
  std::size_t size() const { return size_; }
  const char* operator[](std::size_t i) const { return words_[i]; }
  // Ends with a null pointer, as exec wants it; nullptr if nothing was ever added.
  char* const* argv() const;

 private:
  const char** words_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace aptkeep::launcher
