#include "core/backup.h"

#include <array>

namespace aptkeep {
namespace {

struct TextDump {
  std::string_view begins;  // somewhere in its head
  std::string_view ends;    // somewhere in its tail
};

// As pg_dump(1), pg_dumpall(1), mysqldump(1) and mariadb-dump(1) write them; .dump of sqlite3(1).
constexpr std::array<TextDump, 5> kTextDumps = {{
    {"\n-- PostgreSQL database dump\n", "\n-- PostgreSQL database dump complete\n"},
    {"\n-- PostgreSQL database cluster dump\n", "\n-- PostgreSQL database cluster dump complete\n"},
    {"-- MySQL dump ", "\n-- Dump completed"},
    {"-- MariaDB dump ", "\n-- Dump completed"},
    {"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "\nCOMMIT;\n"},
}};

}  // namespace

std::string dump_fault(std::string_view head, std::string_view tail) {
  if (head.empty()) return "it is empty";
  // pg_dumpall's has those of single databases in it, with their ends: what begins first counts.
  const TextDump* first = nullptr;
  std::size_t at = std::string_view::npos;
  for (const TextDump& dump : kTextDumps) {
    const auto found = head.find(dump.begins);
    if (found >= at) continue;
    at = found;
    first = &dump;
  }
  const bool cut = first != nullptr && tail.find(first->ends) == std::string_view::npos;
  return cut ? "its end is missing" : "";
}

std::string backup_name(int number, std::string_view program) {
  const auto slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  std::string name = std::to_string(number);
  if (!program.empty()) name += "-" + std::string(program);
  return name;
}

}  // namespace aptkeep
