#include "state/sqlite.h"

#include <sqlite3.h>

#include <utility>

#include "state/reserve.h"

namespace aptkeep::state {
namespace {

// A script's kept output is some kilobytes; a damaged length must not ask for gigabytes.
constexpr int kMaxValue = 64 * 1024 * 1024;
constexpr int kBusyMilliseconds = 10'000;

class Fnv {
 public:
  void add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) {
      value_ = (value_ ^ bytes[i]) * 0x100000001b3U;
    }
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

// row_sum(a, b, ...): FNV-1a over types, lengths and contents, so that moving a byte from one
// column to the next changes it too.
void row_sum(sqlite3_context* context, int count, sqlite3_value** values) {
  Fnv sum;
  for (int i = 0; i < count; ++i) {
    sqlite3_value* value = values[i];
    const int type = sqlite3_value_type(value);
    sum.add(&type, sizeof type);
    if (type == SQLITE_INTEGER) {
      const std::int64_t integer = sqlite3_value_int64(value);
      sum.add(&integer, sizeof integer);
    } else if (type == SQLITE_TEXT) {
      const unsigned char* text = sqlite3_value_text(value);
      const int size = sqlite3_value_bytes(value);
      sum.add(&size, sizeof size);
      if (text != nullptr) {
        sum.add(text, static_cast<std::size_t>(size));
      }
    }
  }
  sqlite3_result_int64(context, static_cast<sqlite3_int64>(sum.value()));
}

std::string explain(sqlite3* handle) {
  switch (sqlite3_errcode(handle) & 0xff) {
    case SQLITE_NOTADB:
      return "it is not a database";
    case SQLITE_CORRUPT:
      return "it is damaged";
    case SQLITE_BUSY:
      return "another program is writing to it";
    case SQLITE_FULL:
      return "the disk is full";
    case SQLITE_READONLY:
      return "it may not be written to";
    case SQLITE_CANTOPEN:
      return "it cannot be opened";
    default:
      return sqlite3_errmsg(handle);
  }
}

// A path as the path part of a file: URI (https://www.sqlite.org/uri.html).
std::string as_uri(const std::string& path) {
  static constexpr char kHex[] = "0123456789abcdef";
  // With an authority (an empty one), so that a path with two slashes in front has none either.
  std::string uri = path.starts_with('/') ? "file://" : "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      const auto byte = static_cast<unsigned char>(c);
      uri += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    } else {
      uri += c;
    }
  }
  return uri;
}

}  // namespace

Database::~Database() {
  close();
}

void Database::close() {
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

bool Database::open(const std::string& path, Access access) {
  close();
  forget();
  path_ = path;
  // Neither way creates the file: the store does, with the right mode.
  const int flags = SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI |
                    (access == Access::ReadWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  if (sqlite3_open_v2(as_uri(path).c_str(), &handle_, flags, nullptr) != SQLITE_OK) {
    fail_sqlite();
    return false;
  }
  sqlite3_busy_timeout(handle_, kBusyMilliseconds);
  sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, kMaxValue);
  // What stands in a damaged or foreign schema is not to be executed.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // The log and its index stay after the last writer has gone: so the index keeps its mode (see
  // store.cc), and a read-only file system does not lack it
  // (https://www.sqlite.org/wal.html#read_only_databases).
  int persist = 1;
  sqlite3_file_control(handle_, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  if (sqlite3_create_function_v2(handle_, "row_sum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, row_sum, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail_sqlite();
  }
  return ok();
}

bool Database::run(const char* sql) {
  if (ok() && sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail_sqlite();
  }
  return ok();
}

bool Database::begin(bool write) {
  forget();
  if (write) {
    use_reserve_if_needed(path_ + kReserveSuffix);
  }
  return run(write ? "BEGIN IMMEDIATE" : "BEGIN");
}

Status Database::finish(const std::string& what) {
  if (ok() && run("COMMIT")) {
    return success();
  }
  if (sqlite3_get_autocommit(handle_) == 0) {
    sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  return Error{"unable to " + what + ": " + failure_};
}

void Database::fail(const std::string& why) {
  if (failure_.empty()) {
    failure_ = why;
  }
}

void Database::fail_sqlite() {
  fail(handle_ == nullptr ? "out of memory" : explain(handle_));
}

std::int64_t Database::last_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

int Database::changes() const {
  return sqlite3_changes(handle_);
}

Query::Query(Database& db, std::string_view sql) : db_(db) {
  if (db_.ok() && sqlite3_prepare_v2(db_.handle_, sql.data(), static_cast<int>(sql.size()),
                                     &statement_, nullptr) != SQLITE_OK) {
    db_.fail_sqlite();
  }
}

Query::~Query() {
  sqlite3_finalize(statement_);
}

Query& Query::bind(std::int64_t value) {
  if (db_.ok() && sqlite3_bind_int64(statement_, next_++, value) != SQLITE_OK) {
    db_.fail_sqlite();
  }
  return *this;
}

Query& Query::bind(std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  if (db_.ok() && sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_TRANSIENT,
                                      SQLITE_UTF8) != SQLITE_OK) {
    db_.fail_sqlite();
  }
  return *this;
}

bool Query::row() {
  if (!db_.ok()) {
    return false;
  }
  const int result = sqlite3_step(statement_);
  if (result != SQLITE_ROW && result != SQLITE_DONE) {
    db_.fail_sqlite();
  }
  return result == SQLITE_ROW;
}

bool Query::run() {
  while (row()) {
  }
  reset();
  return db_.ok();
}

void Query::reset() {
  next_ = 1;
  if (statement_ == nullptr) {
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

std::int64_t Query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Query::text(int column) const {
  const unsigned char* data = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) {
    return {};
  }
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

int Query::count() const {
  return sqlite3_column_count(statement_);
}

Transaction::~Transaction() {
  if (open_ && !ended_) {
    db_.fail("given up");
    static_cast<void>(db_.finish("end a transaction"));
  }
}

Status Transaction::finish(const std::string& what) {
  ended_ = true;
  return db_.finish(what);
}

}  // namespace aptkeep::state
