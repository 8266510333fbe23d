// Between the reader's parts: a file's text (apt_rules_files.cc), its stanzas and fields
// (apt_rules_stanzas.cc), what they mean (apt_rules_fields.cc, apt_rules_values.cc,
// apt_rules_tests.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/apt_rules.h"
#include "core/result.h"
#include "core/rule.h"

namespace aptkeep::apt_rules_impl {

// What is wrong, and in which line; line 0: with the file as a whole.
struct Fault {
  std::size_t line = 0;
  std::string why;
};
using Faults = std::vector<Fault>;

// A piece of a field's value, without the blanks around it.
struct Piece {
  std::string text;
  std::size_t line = 0;
};

struct Field {
  std::string name;
  std::size_t line = 0;
  std::vector<Piece> lines;  // of its value; those with nothing in them left out
};

struct Stanza {
  std::size_t line = 0;
  std::vector<Field> fields;
  bool has_lost = false;  // a line, which was told and may be a field that is missed now

  const Field* find(std::string_view name) const;
};

// Files.
using Files = std::map<std::string, std::vector<std::string>>;  // name -> paths, the last one first
enum class Trust : std::uint8_t {
  Any,
  OnlyRoot,
  AlsoOwn,  // root's, and that of the user who asks
};
// Adds the rule files of the folder; where others than those we trust could put files into it,
// their names only, and a line to `distrust`.
Status list_files(const std::string& folder, Trust trust, Files& files,
                  std::vector<std::string>& distrust);
// The text, empty for a file that only masks another; or why no use is made of what is there.
struct Content {
  std::string text;
  std::string fault;
};
// Fails where it is not there, or may not be read.
Result<Content> content_of(const std::string& path, Trust trust);

// Stanzas. What cannot be read is told in `faults`, and the rest read on.
std::vector<Stanza> stanzas_of(std::string_view text, Faults& faults);

// Whatever the file's name, fit for a terminal.
std::string name_of(const std::string& path);
// "FILE:LINE", so too.
std::string place(const std::string& path, std::size_t line);
// What stands in a file, for a person's terminal.
std::string as_shown(std::string_view text);
std::string folded(const Field& field);            // its value in one line
std::vector<Piece> words_of(const Field& field);   // split at blanks
std::vector<Piece> commas_of(const Field& field);  // split at commas and ends of lines

// All of a file's text. `path`: for Rule::where and RuleTest::where.
RuleFile parse(std::string_view text, const std::string& path, Faults& faults);

// Fields. Each adds a line to `faults` where the field's value is not what it must be.
Rule rule_of(const Stanza& stanza, const std::string& path, Faults& faults);
// The fields that say something; false: the field is none of them.
bool read_saying_field(const Field& field, Rule& rule, Faults& faults);
void read_packages(const Field& field, std::vector<std::string>& packages, Faults& faults);
void read_architectures(const Field& field, Rule& rule, Faults& faults);
void read_conditions(const Field& field, Rule& rule, Faults& faults);
void read_relations(const Field& field, std::vector<Relation>& relations, Faults& faults);
void read_units(const Field& field, RuleList<std::string>& units, Faults& faults);
void read_paths(const Field& field, RuleList<std::string>& paths, Faults& faults);
void read_guards(const Field& field, RuleList<GuardCall>& guards, Faults& faults);
void read_commands(const Field& field, RuleList<RuleCommand>& commands, Faults& faults);
bool is_full_version(std::string_view text);
bool is_unit(std::string_view text);  // or a pattern of some

// Test: stanzas.
bool is_test(const Stanza& stanza);
RuleTest test_of(const Stanza& stanza, const std::string& path, Faults& faults);

}  // namespace aptkeep::apt_rules_impl
