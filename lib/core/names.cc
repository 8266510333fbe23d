#include "core/names.h"

#include <algorithm>

namespace aptkeep {
namespace {

// Not std::isalnum: its answer depends on the locale.
bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word_of(std::string_view text, std::string_view also) {
  return !text.empty() && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(), [also](char c) {
           return is_alnum(c) || also.find(c) != std::string_view::npos;
         });
}

}  // namespace

bool is_package_name(std::string_view text) {
  return is_word_of(text, "-+._");
}

bool is_version(std::string_view text) {
  return is_word_of(text, ".+-~:");
}

bool is_architecture(std::string_view text) {
  return is_word_of(text, "-");
}

bool is_package_reference(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return is_package_name(text);
  return is_package_name(text.substr(0, colon)) && is_architecture(text.substr(colon + 1));
}

}  // namespace aptkeep
