#include "words.h"

#include <cstdlib>

namespace aptkeep::launcher {

Words::~Words() {
  std::free(words_);
}

bool Words::add(const char* word) {
  if (size_ + 1 >= room_) {
    const std::size_t room = room_ == 0 ? 64 : 2 * room_;
    void* grown = std::realloc(words_, room * sizeof *words_);
    if (grown == nullptr) return false;
    words_ = static_cast<const char**>(grown);
    room_ = room;
  }
  words_[size_++] = word;
  words_[size_] = nullptr;
  return true;
}

char* const* Words::argv() const {
  return const_cast<char* const*>(words_);
}

}  // namespace aptkeep::launcher
