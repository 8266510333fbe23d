#include "core/dpkg_call.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "core/names.h"

namespace aptkeep {
namespace {

enum class Value { None, Taken, Joined };  // "--x", "--x=V" or "--x V", "--x-V" or "--x V"
enum class Effect {
  Keep,
  Verb,
  Pending,
  Recursive,
  Triggers,
  NoTriggers,
  AutoDeconfigure,
  StatusFd,
  Force,
  Debug
};

struct Option {
  std::string_view name;  // empty: short only
  char letter;            // 0: long only
  Value value;
  Effect effect;
  DpkgCall::Verb verb = DpkgCall::Verb::Unpack;
};

// dpkg 1.21 and 1.22, src/main/main.c: cmdinfos. What is not here is an Error: other verbs, another
// root or database (--root, --instdir, --admindir), and --no-act, where nothing happens.
constexpr std::array<Option, 31> kOptions{{
    {"unpack", 0, Value::None, Effect::Verb, DpkgCall::Verb::Unpack},
    {"configure", 0, Value::None, Effect::Verb, DpkgCall::Verb::Configure},
    {"remove", 'r', Value::None, Effect::Verb, DpkgCall::Verb::Remove},
    {"purge", 'P', Value::None, Effect::Verb, DpkgCall::Verb::Purge},
    {"triggers-only", 0, Value::None, Effect::Verb, DpkgCall::Verb::TriggersOnly},
    {"pre-invoke", 0, Value::Taken, Effect::Keep},
    {"post-invoke", 0, Value::Taken, Effect::Keep},
    {"path-exclude", 0, Value::Taken, Effect::Keep},
    {"path-include", 0, Value::Taken, Effect::Keep},
    {"verify-format", 0, Value::Taken, Effect::Keep},
    {"status-logger", 0, Value::Taken, Effect::Keep},
    {"status-fd", 0, Value::Taken, Effect::StatusFd},
    {"log", 0, Value::Taken, Effect::Keep},
    {"pending", 'a', Value::None, Effect::Pending},
    {"recursive", 'R', Value::None, Effect::Recursive},
    {"no-pager", 0, Value::None, Effect::Keep},
    {"no-debsig", 0, Value::None, Effect::Keep},
    {"", 'G', Value::None, Effect::Keep},
    {"selected-only", 'O', Value::None, Effect::Keep},
    {"triggers", 0, Value::None, Effect::Triggers},
    {"no-triggers", 0, Value::None, Effect::NoTriggers},
    {"no-also-select", 'N', Value::None, Effect::Keep},
    {"skip-same-version", 'E', Value::None, Effect::Keep},
    {"auto-deconfigure", 'B', Value::None, Effect::AutoDeconfigure},
    {"robot", 0, Value::None, Effect::Keep},
    {"abort-after", 0, Value::Taken, Effect::Keep},
    {"ignore-depends", 0, Value::Taken, Effect::Keep},
    {"force", 0, Value::Joined, Effect::Force},
    {"refuse", 0, Value::Joined, Effect::Force},
    {"no-force", 0, Value::Joined, Effect::Force},
    {"debug", 'D', Value::Taken, Effect::Debug},
}};

// Walks over the arguments exactly as dpkg does (lib/dpkg/options.c: dpkg_options_parse), so that
// what is an operand to dpkg is one here.
class Parser {
 public:
  explicit Parser(const std::vector<std::string>& args) : args_(args) {}

  Result<DpkgCall> parse() {
    while (why_.empty() && next_ < args_.size() && is_option(args_[next_])) {
      const std::string& arg = args_[next_++];
      if (arg == "--") break;
      if (arg[1] == '-') {
        long_option(arg);
      } else {
        short_options(arg);
      }
    }
    for (; next_ < args_.size(); ++next_) call_.operands.push_back(args_[next_]);
    if (why_.empty()) check();
    if (!why_.empty()) return Error{"unable to take part in this dpkg call: " + why_};
    return call_;
  }

 private:
  static bool is_option(const std::string& arg) { return arg.size() > 1 && arg[0] == '-'; }

  void long_option(const std::string& arg) {
    const std::string_view text = std::string_view(arg).substr(2);
    for (const auto& option : kOptions) {
      if (option.name.empty() || !text.starts_with(option.name)) continue;
      const char separator = option.value == Value::Joined ? '-' : '=';
      const bool exact = text.size() == option.name.size();
      if (!exact && text[option.name.size()] != separator) continue;
      std::optional<std::string> value;
      if (!exact) value = text.substr(option.name.size() + 1);
      const std::size_t first = next_ - 1;
      if (take_value(option, value)) note(option, value.value_or(""));
      if (is_kept(option)) keep(first);
      return;
    }
    why_ = "apt does not send it";
  }

  // -D2000, -D=2000, -D 2000, or a cluster such as -BE. Letters that are left out of `options` must
  // stand alone, since a cluster is kept or left out as one argument.
  void short_options(const std::string& arg) {
    const std::size_t first = next_ - 1;
    bool kept = true;
    for (std::size_t i = 1; i < arg.size() && why_.empty(); ++i) {
      const auto* option = std::find_if(kOptions.begin(), kOptions.end(),
                                        [&](const Option& o) { return o.letter == arg[i]; });
      if (option == kOptions.end() || (arg.size() > 2 && !is_kept(*option))) {
        why_ = "apt does not send it";
        return;
      }
      std::optional<std::string> value;
      if (option->value != Value::None) {
        if (i + 1 < arg.size()) value = arg.substr(arg[i + 1] == '=' ? i + 2 : i + 1);
        i = arg.size();
      }
      if (take_value(*option, value)) note(*option, value.value_or(""));
      kept = is_kept(*option);
    }
    if (kept) keep(first);
  }

  bool take_value(const Option& option, std::optional<std::string>& value) {
    if (option.value == Value::None) {
      if (value) why_ = "--" + std::string(option.name) + " does not take a value";
    } else if (!value) {
      if (next_ < args_.size()) {
        value = args_[next_++];
      } else {
        why_ = "--" + std::string(option.name) + " takes a value";
      }
    }
    return why_.empty();
  }

  static bool is_kept(const Option& option) {
    return option.effect != Effect::Verb && option.effect != Effect::Pending &&
           option.effect != Effect::Recursive;
  }

  void keep(std::size_t first) {
    for (std::size_t i = first; i < next_; ++i) call_.options.push_back(args_[i]);
  }

  void note(const Option& option, const std::string& value) {
    switch (option.effect) {
      case Effect::Verb:
        if (verb_) why_ = "it has two actions";
        verb_ = option.verb;
        break;
      case Effect::Pending:
        call_.pending = true;
        break;
      case Effect::Recursive:
        call_.recursive = true;
        break;
      case Effect::Triggers:
        call_.no_triggers = false;
        break;
      case Effect::NoTriggers:
        call_.no_triggers = true;
        break;
      case Effect::AutoDeconfigure:
        call_.auto_deconfigure = true;
        break;
      case Effect::StatusFd:
        status_fd_ = true;
        break;
      case Effect::Force:
        if (value == "help") why_ = "it asks for help";
        break;
      case Effect::Debug:
        if (value.starts_with('h')) why_ = "it asks for help";
        break;
      case Effect::Keep:
        break;
    }
  }

  void check() {
    if (!verb_) {
      why_ = "it has no action of apt's";
      return;
    }
    call_.verb = *verb_;
    // apt always sends it (apt-pkg/deb/dpkgpm.cc: pkgDPkgPM::Go); who does not is not apt.
    if (!status_fd_) {
      why_ = "it has no --status-fd";
    } else if (call_.verb == DpkgCall::Verb::Unpack) {
      if (call_.pending) why_ = "--pending with --unpack";
      if (call_.operands.empty()) why_ = "it names no archive";
    } else if (call_.pending == !call_.operands.empty()) {
      why_ = call_.pending ? "--pending with package names" : "it names no package";
    }
    for (const auto& operand : call_.operands) {
      // Behind the first operand this is one more operand, but in another order it is an option.
      if (operand.empty() || operand[0] == '-') why_ = "an operand that is no name";
      if (call_.verb != DpkgCall::Verb::Unpack && !is_package_reference(operand)) {
        why_ = "an operand that is no package name";
      }
    }
  }

  const std::vector<std::string>& args_;
  std::size_t next_ = 0;
  DpkgCall call_;
  std::optional<DpkgCall::Verb> verb_;
  bool status_fd_ = false;
  std::string why_;
};

}  // namespace

Result<DpkgCall> parse_dpkg_call(const std::vector<std::string>& args) {
  return Parser(args).parse();
}

std::vector<std::string> with_single_options(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  bool options = true;
  for (const std::string& argument : arguments) {
    options = options && argument != "--";
    const bool cluster = options && !words.empty() && argument.size() > 2 && argument[0] == '-' &&
                         argument[1] != '-';
    if (!cluster) {
      words.push_back(argument);
      continue;
    }
    for (std::size_t i = 1; i < argument.size(); ++i) {
      if (argument[i] == 'D') {  // what follows is its value
        words.push_back("-" + argument.substr(i));
        break;
      }
      words.push_back(std::string("-") + argument[i]);
    }
  }
  return words;
}

bool forces_overwrite(const std::vector<std::string>& options) {
  constexpr std::string_view kForce = "--force-";
  return std::any_of(options.begin(), options.end(), [&](const std::string& option) {
    if (!option.starts_with(kForce)) return false;
    const std::string things = "," + option.substr(kForce.size()) + ",";
    return things.find(",overwrite,") != std::string::npos ||
           things.find(",all,") != std::string::npos;
  });
}

}  // namespace aptkeep
