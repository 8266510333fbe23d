#include "core/shell_syntax.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/shell_words.h"

namespace aptkeep::shell {
namespace {

constexpr std::size_t kDeepest = 50;

constexpr std::array<std::string_view, 7> kClosers = {"then", "elif", "else", "fi",
                                                      "do",   "done", "esac"};

class Parser {
 public:
  explicit Parser(std::string_view text) : words_(text) { advance(); }

  std::optional<List> script() {
    List list = read_list();
    const bool whole = !broken_ && token_.type == Token::Type::End;
    return whole ? std::optional<List>(std::move(list)) : std::nullopt;
  }

 private:
  void advance(bool raw = false) {
    token_ = words_.next(raw);
    if (token_.type == Token::Type::Broken) broken_ = true;
  }
  bool is_operator(std::string_view text) const {
    return token_.type == Token::Type::Operator && token_.text == text;
  }
  bool is_word(std::string_view text) const {
    return token_.type == Token::Type::Text && token_.text == text;
  }
  void expect(bool found) {
    if (found) {
      advance();
    } else {
      broken_ = true;
    }
  }
  void skip_newlines() {
    while (token_.type == Token::Type::Newline && !broken_) advance();
  }
  void skip_separators() {
    while (!broken_ &&
           (token_.type == Token::Type::Newline || is_operator(";") || is_operator("&")))
      advance();
  }
  bool ends_list() const {
    if (broken_ || token_.type == Token::Type::End) return true;
    if (is_operator(")") || is_operator(";;") || is_word("}")) return true;
    return token_.type == Token::Type::Text &&
           std::find(kClosers.begin(), kClosers.end(), token_.text) != kClosers.end();
  }

  List read_list();
  Command read_command();
  void read_simple(Command& command);
  void read_brackets(Command& command);
  void read_if(Command& command);
  void read_case(Command& command);
  void read_case_branch(Command& command);
  void read_loop(Command& command);
  void read_for(Command& command);
  void read_group(Command& command);
  void read_function(Command& command, std::string name);

  Words words_;
  Token token_;
  bool broken_ = false;
  std::size_t depth_ = 0;
};

List Parser::read_list() {
  List list;
  if (++depth_ > kDeepest) broken_ = true;
  Join join = Join::Then;
  skip_separators();
  while (!ends_list()) {
    Command command = read_command();
    command.join = join;
    list.push_back(std::move(command));
    join = is_operator("&&")   ? Join::And
           : is_operator("||") ? Join::Or
           : is_operator("|")  ? Join::Pipe
                               : Join::Then;
    if (join == Join::Then) {
      // Two commands with nothing between them: this is no shell.
      const bool separated = token_.type == Token::Type::Newline || is_operator(";") ||
                             is_operator("&") || ends_list();
      if (!separated) broken_ = true;
      skip_separators();
    } else {
      advance();
      if (is_operator("&")) advance();  // |&
      skip_newlines();
    }
  }
  --depth_;
  return list;
}

Command Parser::read_command() {
  Command command;
  while (is_word("!")) {
    command.negated = !command.negated;
    advance();
  }
  if (is_word("if")) {
    read_if(command);
  } else if (is_word("case")) {
    read_case(command);
  } else if (is_word("while") || is_word("until")) {
    read_loop(command);
  } else if (is_word("for")) {
    read_for(command);
  } else if (is_word("{") || is_operator("(")) {
    read_group(command);
  } else if (is_word("[[")) {
    read_brackets(command);
  } else if (is_word("function")) {
    advance();
    std::string name = token_.text;
    expect(token_.type == Token::Type::Text);
    if (is_operator("(")) {
      advance();
      expect(is_operator(")"));
    }
    read_function(command, std::move(name));
  } else {
    read_simple(command);
  }
  return command;
}

void Parser::read_simple(Command& command) {
  while (!broken_ && token_.type == Token::Type::Text) {
    command.words.push_back(std::move(token_.word));
    std::string name = std::move(token_.text);
    advance();
    if (command.words.size() == 1 && !name.empty() && is_operator("(")) {
      advance();
      expect(is_operator(")"));
      return read_function(command, std::move(name));
    }
  }
}

void Parser::read_brackets(Command& command) {
  while (!broken_ && !is_word("]]") && token_.type != Token::Type::End) {
    if (token_.type == Token::Type::Text) command.words.push_back(std::move(token_.word));
    advance(true);
  }
  command.words.push_back({{false, false, "]]", {}}});
  expect(is_word("]]"));
}

void Parser::read_if(Command& command) {
  command.kind = Kind::If;
  do {
    advance();
    Branch branch;
    branch.condition = read_list();
    expect(is_word("then"));
    branch.body = read_list();
    command.branches.push_back(std::move(branch));
  } while (!broken_ && is_word("elif"));
  if (is_word("else")) {
    advance();
    Branch branch;
    branch.body = read_list();
    command.branches.push_back(std::move(branch));
  }
  expect(is_word("fi"));
}

void Parser::read_case(Command& command) {
  command.kind = Kind::Case;
  advance();
  command.words.push_back(std::move(token_.word));
  expect(token_.type == Token::Type::Text);
  skip_newlines();
  expect(is_word("in"));
  skip_newlines();
  while (!broken_ && !is_word("esac")) {
    read_case_branch(command);
    skip_newlines();
  }
  expect(is_word("esac"));
}

void Parser::read_case_branch(Command& command) {
  Branch branch;
  if (is_operator("(")) advance();
  for (;;) {
    branch.patterns.push_back(std::move(token_.word));
    expect(token_.type == Token::Type::Text);
    if (broken_ || !is_operator("|")) break;
    advance();
  }
  expect(is_operator(")"));
  branch.body = read_list();
  command.branches.push_back(std::move(branch));
  if (is_operator(";;")) {
    advance();
    if (is_operator("&")) advance();  // ;;&
  } else if (!is_word("esac")) {
    broken_ = true;
  }
}

void Parser::read_loop(Command& command) {
  command.kind = Kind::Loop;
  advance();
  Branch branch;
  branch.condition = read_list();
  expect(is_word("do"));
  branch.body = read_list();
  expect(is_word("done"));
  command.branches.push_back(std::move(branch));
}

void Parser::read_for(Command& command) {
  command.kind = Kind::For;
  advance();
  command.name = token_.text;
  expect(token_.type == Token::Type::Text);
  skip_newlines();
  if (is_word("in")) {
    advance();
    while (!broken_ && token_.type == Token::Type::Text) {
      command.words.push_back(std::move(token_.word));
      advance();
    }
  } else {
    command.words.push_back({{true, true, "@", {}}});
  }
  skip_separators();
  expect(is_word("do"));
  Branch branch;
  branch.body = read_list();
  command.branches.push_back(std::move(branch));
  expect(is_word("done"));
}

void Parser::read_group(Command& command) {
  const bool braces = is_word("{");
  command.kind = braces ? Kind::Group : Kind::Subshell;
  advance();
  Branch branch;
  branch.body = read_list();
  command.branches.push_back(std::move(branch));
  expect(braces ? is_word("}") : is_operator(")"));
}

void Parser::read_function(Command& command, std::string name) {
  skip_newlines();
  if (!is_word("{") && !is_operator("(")) {
    broken_ = true;
    return;
  }
  command.words.clear();
  read_group(command);
  command.kind = Kind::Function;
  command.name = std::move(name);
}

}  // namespace

std::optional<List> parse(std::string_view text) {
  if (text.size() > kLongest) return std::nullopt;
  return Parser(text).script();
}

}  // namespace aptkeep::shell
