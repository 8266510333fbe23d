// SQLite, thinly: RAII handles, and errors that stick until somebody asks for them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace aptkeep::state {

// One connection. The first error sticks: every Query after it does nothing, so that a chain of
// them needs one check, at the end. begin() forgets an earlier one.
class Database {
 public:
  enum class Access { ReadOnly, ReadWrite };

  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  bool open(const std::string& path, Access access);
  void close();
  bool run(const char* sql);  // one or more statements without parameters

  bool begin(bool write);
  // Ends a transaction: commits if all went well, otherwise rolls back and says
  // "unable to <what>: <why>".
  Status finish(const std::string& what);

  bool ok() const { return failure_.empty(); }
  void fail(const std::string& why);  // what SQLite does not see: a row that makes no sense
  void forget() { failure_.clear(); }
  const std::string& failure() const { return failure_; }
  std::int64_t last_id() const;
  int changes() const;

 private:
  friend class Query;
  void fail_sqlite();

  sqlite3* handle_ = nullptr;
  std::string path_;
  std::string failure_;
};

// One prepared statement. Parameters are bound in order, columns read by number.
class Query {
 public:
  Query(Database& db, std::string_view sql);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  Query& bind(std::int64_t value);
  Query& bind(std::string_view value);
  Query& skip() {  // leaves a parameter NULL
    ++next_;
    return *this;
  }
  template <typename... Values>
  Query& bind_all(const Values&... values) {
    (bind(values), ...);
    return *this;
  }

  bool row();  // true: a row is there to be read
  bool run();  // for statements without rows; leaves it ready to be bound again
  // Back to the beginning with nothing bound.
  void reset();

  std::int64_t integer(int column) const;
  std::string text(int column) const;
  int count() const;  // columns

 private:
  Database& db_;
  sqlite3_stmt* statement_ = nullptr;
  int next_ = 1;
};

// Ends the transaction on every path out of a method that did not end it itself.
class Transaction {
 public:
  Transaction(Database& db, bool write) : db_(db) { open_ = db_.begin(write); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  Status finish(const std::string& what);

 private:
  Database& db_;
  bool open_ = false;
  bool ended_ = false;
};

}  // namespace aptkeep::state
