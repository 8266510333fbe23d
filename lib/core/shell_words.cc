#include "core/shell_words.h"

#include <algorithm>
#include <utility>

namespace aptkeep::shell {
namespace {

constexpr std::size_t kNested = 50;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

bool ends_word(char c, bool raw) {
  if (is_blank(c) || c == '\n') return true;
  return raw ? c == ';'
             : c == ';' || c == '&' || c == '|' || c == '<' || c == '>' || c == '(' || c == ')';
}

void add(Word& word, std::string_view text, bool quoted) {
  if (!word.empty() && !word.back().variable && word.back().quoted == quoted) {
    word.back().text += text;
  } else {
    word.push_back({false, quoted, std::string(text), {}});
  }
}

std::string plain_text(const Word& word) {
  return word.size() == 1 && !word[0].variable && !word[0].quoted ? word[0].text : "";
}

std::string all_text(const Word& word) {
  std::string text;
  for (const Piece& piece : word) text += piece.text;
  return text;
}

}  // namespace

void Words::skip_blanks() {
  for (;;) {
    if (is_blank(here()) && !at_end()) {
      ++at_;
    } else if (here() == '\\' && ahead() == '\n') {
      at_ += 2;
    } else if (here() == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else {
      return;
    }
  }
}

void Words::skip_documents() {
  for (const Document& document : documents_) {
    while (!at_end()) {
      const auto end = std::min(text_.find('\n', at_), text_.size());
      std::string_view line = text_.substr(at_, end - at_);
      at_ = std::min(end + 1, text_.size());
      while (document.tabs && line.starts_with('\t')) line.remove_prefix(1);
      if (line == document.end) break;
    }
  }
  documents_.clear();
}

// To behind `close`. `quotes`: an apostrophe between begins a quoted text (it does not in "${x}").
// A case within $( ) is not made out.
bool Words::skip_nested(char open, char close, bool quotes) {
  if (++nested_ > kNested) return false;
  std::size_t depth = 1;
  bool whole = true;
  Word ignored;
  while (whole && !at_end() && depth > 0) {
    const char c = here();
    if (c == '\\') {
      at_ += 2;
    } else if (quotes && c == '\'') {
      whole = read_single(ignored);
    } else if (quotes && c == '"') {
      whole = read_double(ignored);
    } else {
      ++at_;
      if (c == open) ++depth;
      if (c == close) --depth;
    }
  }
  --nested_;
  at_ = std::min(at_, text_.size());
  return whole && depth == 0;
}

bool Words::read_single(Word& word) {
  const auto end = text_.find('\'', at_ + 1);
  if (end == std::string_view::npos) return false;
  add(word, text_.substr(at_ + 1, end - at_ - 1), true);
  at_ = end + 1;
  return true;
}

bool Words::skip_backticks(Word& word, bool quoted) {
  ++at_;
  while (!at_end() && here() != '`') at_ += here() == '\\' ? 2U : 1U;
  if (at_ >= text_.size()) return false;
  ++at_;
  add(word, std::string(1, kAny), quoted);
  return true;
}

// ${name}, ${name:-text}; of any other form nothing is known.
bool Words::read_braces(Word& word, bool quoted) {
  at_ += 2;
  const std::size_t begin = at_;
  if (!skip_nested('{', '}', !quoted)) return false;
  const std::string_view inside = text_.substr(begin, at_ - begin - 1);
  std::size_t end = 0;
  while (end < inside.size() && is_name(inside[end])) ++end;
  if (end == 0 && (inside == "@" || inside == "*")) end = 1;
  const std::string_view rest = inside.substr(end);
  Piece piece{true, quoted, std::string(inside.substr(0, end)), {}};
  const std::size_t sign = rest.starts_with(":-") ? 2 : rest.starts_with('-') ? 1 : 0;
  const bool plain = rest.substr(sign).find_first_of("$`'\"\\") == std::string_view::npos;
  if (end > 0 && (rest.empty() || (sign > 0 && plain))) {
    piece.otherwise = rest.substr(sign);
    word.push_back(std::move(piece));
  } else {
    add(word, std::string(1, kAny), quoted);
  }
  return true;
}

bool Words::read_dollar(Word& word, bool quoted) {
  const char c = ahead();
  if (c == '{') return read_braces(word, quoted);
  if (c == '(') {
    at_ += 2;
    add(word, std::string(1, kAny), quoted);
    return skip_nested('(', ')', true);
  }
  if (is_digit(c) || c == '@' || c == '*') {
    word.push_back({true, quoted, std::string(1, c), {}});
    at_ += 2;
  } else if (is_name(c)) {
    const std::size_t begin = ++at_;
    while (!at_end() && is_name(here())) ++at_;
    word.push_back({true, quoted, std::string(text_.substr(begin, at_ - begin)), {}});
  } else if (c == '?' || c == '#' || c == '$' || c == '!' || c == '-') {
    add(word, std::string(1, kSome), quoted);
    at_ += 2;
  } else {
    add(word, "$", quoted);
    ++at_;
  }
  return true;
}

bool Words::read_double(Word& word) {
  ++at_;
  add(word, "", true);
  while (!at_end()) {
    const char c = here();
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '$') {
      if (!read_dollar(word, true)) return false;
    } else if (c == '`') {
      if (!skip_backticks(word, true)) return false;
    } else if (c == '\\' && at_ + 1 < text_.size()) {
      if (ahead() != '\n') add(word, text_.substr(at_ + 1, 1), true);
      at_ += 2;
    } else {
      add(word, text_.substr(at_, 1), true);
      ++at_;
    }
  }
  return false;
}

bool Words::read_word(Word& word, bool raw) {
  while (!at_end() && !ends_word(here(), raw)) {
    const char c = here();
    if (c == '\'') {
      if (!read_single(word)) return false;
    } else if (c == '"') {
      if (!read_double(word)) return false;
    } else if (c == '$') {
      if (!read_dollar(word, false)) return false;
    } else if (c == '`') {
      if (!skip_backticks(word, false)) return false;
    } else if (c == '\\') {
      if (ahead() != '\n' && at_ + 1 < text_.size()) add(word, text_.substr(at_ + 1, 1), true);
      at_ = std::min(at_ + 2, text_.size());
    } else {
      add(word, text_.substr(at_, 1), false);
      ++at_;
    }
  }
  return true;
}

// With the file or the descriptor that it names.
bool Words::skip_redirection() {
  const bool document = here() == '<' && ahead() == '<' && ahead(2) != '<';
  bool tabs = false;
  if (document) {
    at_ += 2;
    tabs = here() == '-';
    if (tabs) ++at_;
  } else {
    while (here() == '<' || here() == '>') ++at_;
    if (here() == '&' || here() == '|') ++at_;
  }
  skip_blanks();
  Word target;
  if (here() == '(') {  // <(...)
    ++at_;
    if (!skip_nested('(', ')', true)) return false;
  } else if (!read_word(target, false)) {
    return false;
  }
  if (document) documents_.push_back({all_text(target), tabs});
  return true;
}

Token Words::next(bool raw) {
  Token token;
  for (;;) {
    skip_blanks();
    if (at_end()) return token;
    std::size_t digits = 0;
    while (is_digit(ahead(digits))) ++digits;
    const char sign = ahead(digits);
    if (raw || (sign != '<' && sign != '>')) break;
    at_ += digits;
    if (!skip_redirection()) return {Token::Type::Broken, {}, {}};
  }
  const char c = here();
  if (c == '\n') {
    ++at_;
    skip_documents();
    token.type = Token::Type::Newline;
  } else if (ends_word(c, raw)) {
    token.type = Token::Type::Operator;
    token.text = c;
    ++at_;
    if ((c == ';' || c == '&' || c == '|') && here() == c) token.text += text_[at_++];
    if (c == '&' && token.text == "&" && here() == '>') {  // &>file, &>>file
      return skip_redirection() ? next(raw) : Token{Token::Type::Broken, {}, {}};
    }
  } else {
    token.type = read_word(token.word, raw) ? Token::Type::Text : Token::Type::Broken;
    token.text = plain_text(token.word);
  }
  return token;
}

}  // namespace aptkeep::shell
