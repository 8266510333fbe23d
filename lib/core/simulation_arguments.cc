#include <algorithm>
#include <array>

#include "core/simulation.h"

namespace aptkeep {
namespace {

// What apt-get can simulate (apt 2.6, apt-private/private-cmndline.cc: addArgumentsAPTGet).
// `apt-get --simulate update` is not among them: it downloads.
constexpr std::array kCommands{"upgrade",    "full-upgrade",    "dist-upgrade", "install",
                               "reinstall",  "remove",          "purge",        "autoremove",
                               "autopurge",  "dselect-upgrade", "build-dep",    "satisfy",
                               "auto-remove"};

struct Option {
  char letter;  // 0: none
  const char* name;
  enum class Takes { Nothing, Value, YesOrNo } takes;
};

// Of those that change what is planned. A "--no-" before a YesOrNo one is apt's own way.
constexpr std::array kOptions{
    Option{'t', "target-release", Option::Takes::Value},
    Option{0, "default-release", Option::Takes::Value},
    Option{'o', "option", Option::Takes::Value},
    Option{0, "with-source", Option::Takes::Value},
    Option{0, "solver", Option::Takes::Value},
    Option{'a', "host-architecture", Option::Takes::Value},
    Option{'P', "build-profiles", Option::Takes::Value},
    Option{'f', "fix-broken", Option::Takes::YesOrNo},
    Option{'m', "ignore-missing", Option::Takes::YesOrNo},
    Option{0, "fix-missing", Option::Takes::YesOrNo},
    Option{'y', "yes", Option::Takes::YesOrNo},
    Option{0, "assume-yes", Option::Takes::YesOrNo},
    Option{0, "purge", Option::Takes::YesOrNo},
    Option{0, "autoremove", Option::Takes::YesOrNo},
    Option{0, "auto-remove", Option::Takes::YesOrNo},
    Option{0, "reinstall", Option::Takes::YesOrNo},
    Option{0, "new-pkgs", Option::Takes::YesOrNo},
    Option{0, "with-new-pkgs", Option::Takes::Nothing},
    Option{0, "without-new-pkgs", Option::Takes::Nothing},
    Option{0, "ignore-hold", Option::Takes::YesOrNo},
    Option{0, "upgrade", Option::Takes::YesOrNo},
    Option{0, "only-upgrade", Option::Takes::YesOrNo},
    Option{0, "allow-change-held-packages", Option::Takes::YesOrNo},
    Option{0, "allow-remove-essential", Option::Takes::YesOrNo},
    Option{0, "allow-downgrades", Option::Takes::YesOrNo},
    Option{0, "allow-unauthenticated", Option::Takes::YesOrNo},
    Option{0, "remove", Option::Takes::YesOrNo},
    Option{0, "install-recommends", Option::Takes::YesOrNo},
    Option{0, "install-suggests", Option::Takes::YesOrNo},
    Option{0, "fix-policy", Option::Takes::YesOrNo},
    Option{0, "arch-only", Option::Takes::YesOrNo},
    Option{0, "indep-only", Option::Takes::YesOrNo},
};

Error refused(const std::string& argument, const std::string& why) {
  return Error{"unable to plan with " + argument + ": " + why};
}

const Option* find_option(std::string_view name, bool negated) {
  const auto* found = std::find_if(kOptions.begin(), kOptions.end(), [&](const Option& option) {
    return name == option.name && (!negated || option.takes == Option::Takes::YesOrNo);
  });
  return found == kOptions.end() ? nullptr : found;
}

const Option* find_option(char letter) {
  const auto* found =
      std::find_if(kOptions.begin(), kOptions.end(),
                   [letter](const Option& option) { return option.letter == letter; });
  return found == kOptions.end() ? nullptr : found;
}

class Sorting {
 public:
  explicit Sorting(const std::vector<std::string>& arguments) : arguments_(arguments) {}

  Result<AptArguments> run() {
    for (; at_ < arguments_.size(); ++at_) {
      const auto& argument = arguments_[at_];
      if (argument.find('\0') != std::string::npos || argument.empty()) {
        return refused("an empty argument", "apt-get takes none");
      }
      const bool option = argument.size() > 1 && argument[0] == '-' && !ended_;
      const auto taken = argument == "--" && !ended_    ? end_options()
                         : option && argument[1] == '-' ? long_option(argument)
                         : option                       ? short_options(argument)
                                                        : operand(argument);
      if (!taken) return taken.error();
    }
    if (sorted_.command.empty()) sorted_.command = "full-upgrade";
    return std::move(sorted_);
  }

 private:
  Status end_options() {
    ended_ = true;
    return success();
  }

  // The value in the same word, or the next word.
  Result<std::string> value_of(const std::string& name, const std::string* given) {
    if (given != nullptr) return *given;
    if (at_ + 1 >= arguments_.size()) return refused(name, "a value is missing");
    return arguments_[++at_];
  }

  Status add(const Option& option, const std::string& text, const std::string* given) {
    if (option.takes != Option::Takes::Value) {
      if (given != nullptr && option.takes == Option::Takes::Nothing) {
        return refused(text, "it takes no value");
      }
      sorted_.options.push_back("--" + text + (given != nullptr ? "=" + *given : ""));
      return success();
    }
    const auto value = value_of("--" + text, given);
    if (!value) return value.error();
    if (value->find_first_of("\n\r") != std::string::npos) {
      return refused("--" + text, "a line end is in its value");
    }
    if (std::string_view(option.name) == "option") {
      if (value->find('=') == std::string::npos) return refused(*value, "it is no KEY=VALUE");
      sorted_.settings.push_back(*value);
    }
    sorted_.options.push_back("--" + text + "=" + *value);
    return success();
  }

  Status long_option(const std::string& argument) {
    const auto equals = argument.find('=');
    const std::string text = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const std::string given = equals == std::string::npos ? "" : argument.substr(equals + 1);
    const bool negated = text.starts_with("no-");
    const auto* option = find_option(negated ? text.substr(3) : text, negated);
    if (option == nullptr) return refused("--" + text, "it is not an option that can be planned");
    return add(*option, text, equals == std::string::npos ? nullptr : &given);
  }

  // "-yt stable", "-tstable", "-t=stable"
  Status short_options(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const char letter = argument[i];
      // How much apt-get says is not for the person to choose here.
      if (letter == 'q' || letter == 'V' || letter == 'u' || letter == 's') continue;
      const auto* option = find_option(letter);
      if (option == nullptr) {
        return refused(std::string("-") + letter, "it is not an option that can be planned");
      }
      if (option->takes != Option::Takes::Value) {
        if (const auto added = add(*option, option->name, nullptr); !added) return added;
        continue;
      }
      auto rest = argument.substr(i + 1);
      if (rest.starts_with('=')) rest.erase(0, 1);
      return add(*option, option->name, rest.empty() ? nullptr : &rest);
    }
    return success();
  }

  Status operand(const std::string& argument) {
    if (!sorted_.command.empty()) {
      if (argument[0] == '-') return refused(argument, "it is no package");
      sorted_.packages.push_back(argument);
      return success();
    }
    if (std::find(kCommands.begin(), kCommands.end(), argument) == kCommands.end()) {
      return refused(argument, "it is not a command of apt-get that can be planned");
    }
    sorted_.command = argument;
    return success();
  }

  const std::vector<std::string>& arguments_;
  AptArguments sorted_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<AptArguments> read_apt_arguments(const std::vector<std::string>& arguments) {
  return Sorting(arguments).run();
}

std::vector<std::string> simulation_command(const AptArguments& arguments,
                                            const std::string& settings) {
  std::vector<std::string> command{arguments.command};
  command.insert(command.end(), arguments.options.begin(), arguments.options.end());
  command.insert(command.end(), arguments.packages.begin(), arguments.packages.end());
  command.push_back("--simulate");
  command.push_back("--config-file=" + settings);
  return command;
}

std::string simulation_settings() {
  // Hooks of these two kinds are run in a simulation too (apt 2.6, apt-private/private-install.cc:
  // InstallPackages).
  return "#clear APT::Install;\n"
         "#clear AptCli::Hooks;\n"
         "APT::Get::Simulate \"true\";\n"
         "APT::Get::Print-URIs \"false\";\n"
         "APT::Get::Show-User-Simulation-Note \"false\";\n"
         "APT::Get::Show-Versions \"true\";\n"
         "APT::Output-Version \"0\";\n"
         // Where root's plans and questions would be written down.
         "Dir::Log::Planner \"/dev/null\";\n"
         "Dir::Log::Solver \"/dev/null\";\n"
         "Debug::NoLocking \"true\";\n"
         "quiet \"1\";\n";
}

}  // namespace aptkeep
