// Cuts a shell script into words and operators. Part of core/shell_syntax.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/shell_syntax.h"

namespace aptkeep::shell {

struct Token {
  enum class Type { End, Newline, Operator, Text, Broken };
  Type type = Type::End;
  std::string text;  // of an operator; of a word that is nothing but plain unquoted text
  Word word;
};

class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  // Redirections, comments and here-documents are left out. `raw`: as within [[ ]], where < > ( )
  // are words.
  Token next(bool raw = false);

 private:
  struct Document {
    std::string end;
    bool tabs = false;  // leading ones do not count (<<-)
  };

  bool at_end() const { return at_ >= text_.size(); }
  char here() const { return at_end() ? '\0' : text_[at_]; }
  char ahead(std::size_t by = 1) const { return at_ + by < text_.size() ? text_[at_ + by] : '\0'; }
  void skip_blanks();
  void skip_documents();
  bool skip_redirection();
  bool skip_nested(char open, char close, bool quotes);
  bool read_word(Word& word, bool raw);
  bool read_single(Word& word);
  bool read_double(Word& word);
  bool read_dollar(Word& word, bool quoted);
  bool read_braces(Word& word, bool quoted);
  bool skip_backticks(Word& word, bool quoted);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t nested_ = 0;
  std::vector<Document> documents_;
};

}  // namespace aptkeep::shell
