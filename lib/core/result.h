// Errors are values: what can fail returns Result<T>, and exceptions stop at the edge of the
// adapter that called the library which throws them.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace aptkeep {

// One clear line for a person, without the program's name and without a final full stop:
// "unable to open /var/lib/aptkeep/state.db: disk I/O error".
struct Error {
  std::string message;
};

// Either a value or the reason why there is none. Owns what it holds.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  explicit operator bool() const { return ok(); }

  // Only when ok(); otherwise std::bad_variant_access, which is a bug of the caller.
  T& operator*() { return std::get<T>(value_); }
  const T& operator*() const { return std::get<T>(value_); }
  T* operator->() { return &std::get<T>(value_); }
  const T* operator->() const { return &std::get<T>(value_); }

  // Only when !ok().
  const Error& error() const { return std::get<Error>(value_); }

 private:
  std::variant<T, Error> value_;
};

struct Nothing {};
using Status = Result<Nothing>;

inline Status success() {
  return Nothing{};
}

}  // namespace aptkeep
