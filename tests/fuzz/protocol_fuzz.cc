// One function for libFuzzer and for fuzz_test.cc: hands a text to each reader of foreign text, and
// checks what must hold of whatever comes out. A violation aborts.
#include "protocol_fuzz.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/dpkg_call.h"
#include "core/dpkg_status.h"
#include "core/names.h"
#include "core/protocol.h"
#include "require.h"

namespace aptkeep {
namespace {

bool is_one_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

void check_step(const Step& step) {
  require(is_package_reference(step.package), "a step's package is a name");
  require(step.package.find(':') != std::string::npos, "a step's package has an architecture");
  require(!step.package.ends_with(":all"), "it is never \"all\"");
  require(step.old_version.empty() || is_version(step.old_version), "old versions are versions");
  require(step.new_version.empty() || is_version(step.new_version), "new versions are versions");
  const bool archive = step.action == Action::Install || step.action == Action::Upgrade ||
                       step.action == Action::Downgrade || step.action == Action::Reinstall;
  require(archive == !step.archive.empty(), "who is unpacked has an archive");
  require(!archive || step.archive[0] == '/', "an archive's path is absolute");
  require(step.archive.find('\n') == std::string::npos, "an archive's path is one line");
  require(!archive || !step.new_version.empty(), "who is unpacked has a new version");
  require((step.action == Action::Install) == (archive && step.old_version.empty()),
          "an install has no old version");
  require(
      (step.action == Action::Remove || step.action == Action::Purge) == step.new_version.empty(),
      "a removal has no new version");
}

void check_protocol(const std::string& text) {
  std::istringstream in(text);
  const auto conversation = read_conversation(in, {.line = 4096, .lines = 1000, .total = 65536});
  require(in.rdbuf()->sgetc() == std::char_traits<char>::eof(), "the stream is read to its end");
  if (!conversation) {
    require(is_one_line(conversation.error().message), "an error is one clean line");
    return;
  }
  if (conversation->find("APT::Architecture") == "all") return;  // no machine is
  auto steps = steps_of(*conversation);
  require(steps.size() <= conversation->lines.size(), "no more steps than lines");
  std::for_each(steps.begin(), steps.end(), check_step);
  std::sort(steps.begin(), steps.end(),
            [](const Step& a, const Step& b) { return a.package < b.package; });
  require(std::adjacent_find(steps.begin(), steps.end(),
                             [](const Step& a, const Step& b) { return a.package == b.package; }) ==
              steps.end(),
          "one step a package");
  conversation->find_bool("DPkg::ConfigurePending", true);
}

void check_status(const std::string& text) {
  const auto events = parse_status_log(text);
  require(events.size() <= static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')),
          "no more events than lines");
  for (const auto& event : events) {
    require(!event.subject.empty(), "an event has a subject");
    require(event.subject.find('\n') == std::string::npos, "a subject is one line");
    if (event.kind == StatusEvent::Kind::State || event.kind == StatusEvent::Kind::Processing) {
      require(is_package_reference(event.subject), "states are those of packages");
    }
  }
}

void check_script_error(const std::string& text) {
  const ScriptError error = parse_script_error(text);
  require(error.exit_code >= -1 && error.exit_code <= 255 && error.exit_code != 0,
          "an exit status is one of a failure");
  require(error.signal >= -1 && error.signal < 65, "a signal is a signal");
  require(error.exit_code == -1 || error.signal == 0, "an exit or a signal");
  if (error.script.empty())
    require(error.exit_code == -1 && error.signal == 0, "no script, no end");
}

const char* verb_of(DpkgCall::Verb verb) {
  switch (verb) {
    case DpkgCall::Verb::Unpack:
      return "--unpack";
    case DpkgCall::Verb::Configure:
      return "--configure";
    case DpkgCall::Verb::Remove:
      return "--remove";
    case DpkgCall::Verb::Purge:
      return "--purge";
    case DpkgCall::Verb::TriggersOnly:
      return "--triggers-only";
  }
  return "";
}

void check_dpkg_call(const std::string& text) {
  std::vector<std::string> args;
  std::istringstream in(text);
  for (std::string arg; args.size() < 1000 && std::getline(in, arg);) args.push_back(arg);
  const auto call = parse_dpkg_call(args);
  if (!call) {
    require(is_one_line(call.error().message), "an error is one clean line");
    return;
  }
  // Put together again it is the same call: so it is to dpkg, too.
  std::vector<std::string> again = call->options;
  again.emplace_back(verb_of(call->verb));
  if (call->pending) again.emplace_back("--pending");
  if (call->recursive) again.emplace_back("--recursive");
  again.insert(again.end(), call->operands.begin(), call->operands.end());
  const auto second = parse_dpkg_call(again);
  require(second.ok(), "a call that was put together again is a call");
  require(second->verb == call->verb && second->options == call->options &&
              second->operands == call->operands && second->pending == call->pending &&
              second->recursive == call->recursive && second->no_triggers == call->no_triggers &&
              second->auto_deconfigure == call->auto_deconfigure,
          "it is the same call");
}

}  // namespace

void check_readers(const std::string& text) {
  check_protocol(text);
  check_status(text);
  check_script_error(text);
  check_dpkg_call(text);
}

}  // namespace aptkeep

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  aptkeep::check_readers({data, data + size});
  return 0;
}
