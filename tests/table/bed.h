// Tables for tests: made from values, kept where a reader wants them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/service_table.h"
#include "core/table_layout.h"

namespace aptkeep::test {

// Bytes at an address that mmap could have given.
class Aligned {
 public:
  explicit Aligned(std::string_view bytes) : words_((bytes.size() + 7) / 8), size_(bytes.size()) {
    if (size_ != 0) std::memcpy(words_.data(), bytes.data(), size_);
  }
  const void* data() const { return words_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

// As a writer with other intentions would leave it: the sum is right.
inline void seal(std::string& bytes) {
  const std::uint64_t sum =
      table::checksum_of(bytes.data() + table::kSummedFrom, bytes.size() - table::kSummedFrom);
  std::memcpy(bytes.data() + offsetof(table::Header, checksum), &sum, sizeof sum);
}

inline ServiceTable mail_table() {
  return {{4711, 815, "6f1c2a5e-0000-4000-8000-123456789abc"},
          "amd64",
          {{"postfix:amd64",
            {{"postfix@*.service", ServiceClass::Stop, {}},
             {"postfix.service", ServiceClass::Stop, SocketMode::Quiesce},
             {"postfix@-.service", ServiceClass::Early, {}}},
            {}},
           {"mailman:amd64", {}, {"postfix.service", "exim4@*.service"}},
           {"mailman3:i386", {{"mailman3.service", {}, {}}}, {"postfix.service"}},
           {"dbus:amd64", {{"", ServiceClass::Never, SocketMode::Leave}}, {}}}};
}

}  // namespace aptkeep::test
