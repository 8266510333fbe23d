#include "fallback.h"

#include <cstring>

namespace aptkeep::launcher {
namespace {

// The options as they came, less those that say where the operands come from.
bool copy_options(int argc, const char* const* argv, const CommandLine& line, Words& words) {
  if (!words.add("dpkg")) return false;
  for (int at = 1; at < line.operands;) {
    const Option option = read_option(argc, argv, at);
    const bool dropped = option_is(option, "recursive") || option_is(option, "pending") ||
                         std::strcmp(argv[at], "-R") == 0 || std::strcmp(argv[at], "-a") == 0;
    for (int i = 0; i < option.length && !dropped; ++i)
      if (!words.add(argv[at + i])) return false;
    at += option.length;
  }
  return true;
}

bool left(Verb verb, const char* operand, Facts& facts) {
  switch (verb) {
    case Verb::Unpack:
      return !facts.unpacked(operand);
    case Verb::Configure:
      return !facts.configured(operand);
    case Verb::Remove:
      return !facts.gone(operand, false);
    case Verb::Purge:
      return !facts.gone(operand, true);
    default:
      return true;
  }
}

}  // namespace

Rest what_is_left(int argc, const char* const* argv, const CommandLine& line, const Record& record,
                  Facts& facts, Words& words) {
  if (!record.readable || !record.called || record.lost) return Rest::Original;
  // The driver records no names when it configures: apt's own say what is left, less what is
  // configured already. With --pending dpkg finds that out by itself.
  const bool from_record =
      line.verb != Verb::Configure && record.in_call.size() + record.after.size() > 0;
  if (!from_record && (line.pending || line.verb == Verb::TriggersOnly)) return Rest::Original;
  if (!copy_options(argc, argv, line, words)) return Rest::Original;

  const std::size_t options = words.size();
  if (from_record) {
    for (std::size_t i = 0; i < record.in_call.size(); ++i)
      if (left(line.verb, record.in_call[i], facts) && !words.add(record.in_call[i]))
        return Rest::Original;
    for (std::size_t i = 0; i < record.after.size(); ++i)
      if (!words.add(record.after[i])) return Rest::Original;
  } else if (line.verb == Verb::Unpack) {
    return Rest::Nothing;  // the last call had no archives, and none is to come
  } else {
    for (int at = line.operands; at < argc; ++at)
      if (left(line.verb, argv[at], facts) && !words.add(argv[at])) return Rest::Original;
  }
  return words.size() > options ? Rest::Words : Rest::Nothing;
}

}  // namespace aptkeep::launcher
