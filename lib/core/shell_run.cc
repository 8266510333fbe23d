#include "core/shell_run.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <utility>

#include "core/shell_conditions.h"

namespace aptkeep::shell {
namespace {

constexpr std::size_t kMostCommands = 20'000;
constexpr std::size_t kMostWork = std::size_t{32} << 20;  // bytes of words that are expanded
constexpr std::size_t kMostValues = 40;                   // that one word may have
constexpr std::size_t kLongestValue = 4096;               // bytes
constexpr std::size_t kMostWords = 500;
constexpr std::size_t kDeepestCall = 12;

std::vector<std::string> fields_of(const std::string& text) {
  std::vector<std::string> fields;
  std::string field;
  for (const char c : text + " ") {
    if (c != ' ' && c != '\t' && c != '\n') {
      field += c;
    } else if (!field.empty()) {
      fields.push_back(std::exchange(field, {}));
    }
  }
  return fields;
}

void add_value(Argument& argument, std::string value) {
  if (value.size() > kLongestValue) value = kAny;
  if (std::find(argument.begin(), argument.end(), value) == argument.end())
    argument.push_back(std::move(value));
  if (argument.size() > kMostValues) argument = {std::string(1, kAny)};
}

// "NAME=": how long; 0: it is no assignment.
std::size_t assignment(const Word& word) {
  if (word.empty() || word[0].variable || word[0].quoted) return 0;
  const std::string& text = word[0].text;
  const auto end = text.find('=');
  if (end == std::string::npos || end == 0 || (text[0] >= '0' && text[0] <= '9')) return 0;
  const bool name = std::all_of(
      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end),
      [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
  return name ? end + 1 : 0;
}

bool is(const Argument& word, std::string_view text) {
  return word.size() == 1 && word[0] == text;
}

struct Sureness {
  Truth how;
  Truth within;
};

class Interpreter {
 public:
  Interpreter(const Circumstances& circumstances,
              const std::function<Truth(const std::vector<Argument>&)>& command)
      : circumstances_(circumstances), command_(command) {
    for (const std::string& one : circumstances.arguments) arguments_.push_back({one});
    for (const auto& [name, value] : circumstances.variables) variables_[name] = {value};
  }

  bool run_script(const List& script) {
    (void)run(script);
    return !overrun_;
  }

 private:
  Truth run(const List& list);
  // In a branch that is taken as `how` says.
  Truth run_if(Truth how, const List& list);
  Truth run_one(const Command& command);
  Truth run_simple(const Command& command);
  Truth run_branches(const Command& command);
  Truth run_case(const Command& command);
  Truth run_for(const Command& command);
  Truth run_subshell(const Command& command);
  Truth call(const Command& function, const std::vector<Argument>& words);
  Truth leave(const std::vector<Argument>& words);
  Truth built_in(const std::vector<Argument>& words, bool& known);

  bool stopped() const { return exited_ || returned_ || overrun_; }
  void assign(const Word& word, std::size_t sign);
  Argument expand(const Word& word);
  Argument value_of(const Piece& piece) const;
  std::vector<Argument> expand_all(const std::vector<Word>& words, std::size_t from);

  const Circumstances& circumstances_;
  const std::function<Truth(const std::vector<Argument>&)>& command_;
  std::vector<Argument> arguments_;
  std::map<std::string, Argument> variables_;
  std::map<std::string, const Command*> functions_;
  Truth how_ = Truth::Yes;
  Truth within_ = Truth::Yes;    // as how_, once the function that runs has been called
  Truth answer_ = Truth::Maybe;  // of the function that was returned from
  bool exited_ = false;
  bool returned_ = false;
  bool overrun_ = false;
  std::size_t commands_ = 0;
  std::size_t work_ = 0;
  std::size_t calls_ = 0;
};

Argument Interpreter::value_of(const Piece& piece) const {
  if (!piece.variable) return {piece.text};
  const char first = piece.text[0];
  if (first >= '1' && first <= '9' && piece.text.size() == 1) {
    const std::size_t index = static_cast<std::size_t>(first - '1');
    return index < arguments_.size() ? arguments_[index] : Argument{piece.otherwise};
  }
  const auto found = variables_.find(piece.text);
  if (found == variables_.end()) return {std::string(1, kAny)};
  Argument values;
  for (const std::string& value : found->second)
    add_value(values, value.empty() ? piece.otherwise : value);
  return values;
}

Argument Interpreter::expand(const Word& word) {
  Argument values = {""};
  for (const Piece& piece : word) {
    Argument longer;
    const Argument parts = value_of(piece);
    for (const std::string& value : values) {
      for (const std::string& part : parts) {
        work_ += value.size() + part.size() + 16;
        add_value(longer, value + part);
      }
    }
    if (work_ > kMostWork) overrun_ = true;
    if (overrun_) return {std::string(1, kAny)};
    values = std::move(longer);
  }
  return values;
}

std::vector<Argument> Interpreter::expand_all(const std::vector<Word>& words, std::size_t from) {
  std::vector<Argument> expanded;
  for (std::size_t i = from; i < words.size() && expanded.size() < kMostWords; ++i) {
    const Word& word = words[i];
    if (word.size() == 1 && word[0].variable && (word[0].text == "@" || word[0].text == "*")) {
      expanded.insert(expanded.end(), arguments_.begin(), arguments_.end());
      continue;
    }
    Argument values = expand(word);
    const bool split = std::any_of(word.begin(), word.end(), [](const Piece& piece) {
      return piece.variable && !piece.quoted;
    });
    if (!split || values.size() != 1) {
      expanded.push_back(std::move(values));
    } else {
      for (std::string& field : fields_of(values[0])) expanded.push_back({std::move(field)});
    }
  }
  return expanded;
}

void Interpreter::assign(const Word& word, std::size_t sign) {
  const std::string name = word[0].text.substr(0, sign - 1);
  Word rest = word;
  rest[0].text.erase(0, sign);
  Argument values = expand(rest);
  if (how_ != Truth::Yes) {
    const auto found = variables_.find(name);
    const Argument before = found == variables_.end() ? Argument{""} : found->second;
    for (const std::string& value : before) add_value(values, value);
  }
  variables_[name] = std::move(values);
}

Truth Interpreter::run(const List& list) {
  Truth status = Truth::Yes;
  for (const Command& command : list) {
    if (stopped()) break;
    if (command.join == Join::And) {
      if (status == Truth::No) continue;
    } else if (command.join == Join::Or) {
      if (status == Truth::Yes) continue;
    }
    const bool unsure =
        status == Truth::Maybe && (command.join == Join::And || command.join == Join::Or);
    const Sureness before{how_, within_};
    if (unsure) how_ = within_ = Truth::Maybe;
    const Truth its = run_one(command);
    how_ = before.how;
    within_ = before.within;
    status = !unsure                     ? its
             : command.join == Join::And ? both(Truth::Maybe, its)
                                         : either(Truth::Maybe, its);
  }
  return status;
}

Truth Interpreter::run_if(Truth how, const List& list) {
  const Sureness before{how_, within_};
  how_ = both(how_, how);
  within_ = both(within_, how);
  const Truth status = run(list);
  how_ = before.how;
  within_ = before.within;
  return status;
}

Truth Interpreter::run_one(const Command& command) {
  if (++commands_ > kMostCommands) overrun_ = true;
  if (stopped()) return Truth::Maybe;
  Truth status = Truth::Yes;
  switch (command.kind) {
    case Kind::Simple:
      status = run_simple(command);
      break;
    case Kind::If:
    case Kind::Loop:
      status = run_branches(command);
      break;
    case Kind::Case:
      status = run_case(command);
      break;
    case Kind::For:
      status = run_for(command);
      break;
    case Kind::Group:
      status = run(command.branches[0].body);
      break;
    case Kind::Subshell:
      status = run_subshell(command);
      break;
    case Kind::Function:
      functions_[command.name] = &command;
      break;
  }
  return command.negated ? opposite(status) : status;
}

// What a loop does it does perhaps not at all.
Truth Interpreter::run_branches(const Command& command) {
  Truth left = command.kind == Kind::Loop ? Truth::Maybe : Truth::Yes;
  Truth status = Truth::Maybe;
  bool first = true;
  for (const Branch& branch : command.branches) {
    const Truth condition = branch.condition.empty() ? Truth::Yes : run_if(left, branch.condition);
    if (stopped()) return Truth::Maybe;
    const Truth taken = both(left, condition);
    if (taken != Truth::No) {
      const Truth its = run_if(taken, branch.body);
      status = taken == Truth::Yes && first ? its : Truth::Maybe;
    }
    first = first && taken == Truth::No;
    left = both(left, opposite(condition));
    if (left == Truth::No) return status;
  }
  return first && left == Truth::Yes ? Truth::Yes : Truth::Maybe;
}

Truth Interpreter::run_case(const Command& command) {
  const Argument subject = expand(command.words[0]);
  Truth left = Truth::Yes;
  for (const Branch& branch : command.branches) {
    Truth fitting = Truth::No;
    for (const Word& pattern : branch.patterns)
      fitting = either(fitting, fits(subject, expand(pattern)));
    const Truth taken = both(left, fitting);
    if (taken == Truth::No) continue;
    const Truth status = run_if(taken, branch.body);
    if (taken == Truth::Yes || stopped()) return status;
    left = both(left, opposite(fitting));
  }
  return left == Truth::Yes ? Truth::Yes : Truth::Maybe;
}

Truth Interpreter::run_for(const Command& command) {
  Argument values;
  for (const Argument& word : expand_all(command.words, 0)) {
    for (const std::string& value : word) add_value(values, value);
  }
  if (values.empty()) return Truth::Yes;
  variables_[command.name] = std::move(values);
  return run(command.branches[0].body);
}

Truth Interpreter::run_subshell(const Command& command) {
  const auto variables = variables_;
  const auto arguments = arguments_;
  const Truth status = run(command.branches[0].body);
  variables_ = variables;
  arguments_ = arguments;
  const bool left = exited_ || returned_;
  exited_ = returned_ = false;
  return left ? Truth::Maybe : status;
}

Truth Interpreter::call(const Command& function, const std::vector<Argument>& words) {
  if (calls_ >= kDeepestCall) {
    overrun_ = true;
    return Truth::Maybe;
  }
  ++calls_;
  std::vector<Argument> arguments(words.begin() + 1, words.end());
  arguments.swap(arguments_);
  answer_ = Truth::Maybe;
  const Truth before = within_;
  within_ = Truth::Yes;
  Truth status = run(function.branches[0].body);
  if (returned_) status = answer_;
  returned_ = false;
  within_ = before;
  arguments_ = std::move(arguments);
  --calls_;
  return status;
}

// exit and return: where it is not sure that they are reached, it goes on as well.
Truth Interpreter::leave(const std::vector<Argument>& words) {
  if (is(words[0], "exit")) {
    exited_ = how_ == Truth::Yes;
  } else if (within_ == Truth::Yes) {
    returned_ = true;
    const bool said = words.size() > 1 && words[1].size() == 1;
    answer_ = !said ? Truth::Maybe : words[1][0] == "0" ? Truth::Yes : Truth::No;
    if (said && words[1][0].find_first_not_of("0123456789") != std::string::npos)
      answer_ = Truth::Maybe;
  }
  return Truth::Maybe;
}

Truth Interpreter::built_in(const std::vector<Argument>& words, bool& known) {
  known = true;
  const Argument& name = words[0];
  if (is(name, ":") || is(name, "true") || is(name, "set") || is(name, "echo")) return Truth::Yes;
  if (is(name, "false")) return Truth::No;
  if (is(name, "exit") || is(name, "return")) return leave(words);
  if (is(name, "shift")) {
    if (!arguments_.empty()) arguments_.erase(arguments_.begin());
    return Truth::Yes;
  }
  const bool bracket = is(name, "[") || is(name, "[[");
  if (bracket || is(name, "test")) {
    const std::ptrdiff_t closing = bracket && words.size() > 1 ? 1 : 0;
    return test({words.begin() + 1, words.end() - closing}, circumstances_);
  }
  if (is(name, "dpkg") && words.size() > 1 && is(words[1], "--compare-versions"))
    return compare_versions({words.begin() + 2, words.end()}, circumstances_);
  known = false;
  return Truth::Maybe;
}

Truth Interpreter::run_simple(const Command& command) {
  std::size_t at = 0;
  while (at < command.words.size() && assignment(command.words[at]) > 0) ++at;
  if (at == command.words.size()) {
    for (const Word& word : command.words) assign(word, assignment(word));
    return Truth::Maybe;
  }
  const Argument name = expand(command.words[at]);
  if (is(name, "export") || is(name, "local") || is(name, "readonly")) {
    for (const Word& word : command.words) {
      if (const std::size_t sign = assignment(word); sign > 0) assign(word, sign);
    }
    return Truth::Yes;
  }
  const std::vector<Argument> words = expand_all(command.words, at);
  if (overrun_) return Truth::Maybe;
  if (words.empty() || words[0].size() != 1) return Truth::Maybe;
  if (const auto found = functions_.find(words[0][0]); found != functions_.end())
    return call(*found->second, words);
  bool known = false;
  const Truth status = built_in(words, known);
  return known ? status : command_(words);
}

}  // namespace

bool run(const List& script, const Circumstances& circumstances,
         const std::function<Truth(const std::vector<Argument>& words)>& command) {
  return Interpreter(circumstances, command).run_script(script);
}

}  // namespace aptkeep::shell
