// aptkeep queue check|move: qmail queues, by core/qmail_queue.h.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "adapters/qmail_queue.h"
#include "command.h"
#include "keeps.h"
#include "now.h"
#include "text.h"

namespace aptkeep::cli {
namespace {

constexpr unsigned kMostSplit = 100000;
constexpr const char* kQmailUsers = "qmailq,qmails,qmailr,qmail";

struct Looked {
  qmail::Plan plan;
  unsigned split = 0;
  std::string complaint;  // why something was not looked at
};

[[noreturn]] void fail(const QueueRequest& request, const std::string& why) {
  throw Failed(std::string("unable to ") + (request.fix ? "mend " : "check ") +
               escaped(request.folder) + ": " + escaped(why));
}

// What a person gave as --split.
unsigned given_split(const QueueRequest& request) {
  std::string text = *request.split;
  if (text.find_first_not_of("0123456789") != std::string::npos) {
    std::ifstream file(text);
    if (!file || !std::getline(file, text)) {
      fail(request, "--split is no number, and no file that can be read");
    }
  }
  unsigned value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value == 0 || value > kMostSplit) {
    fail(request, "\"" + text + "\" is no conf-split");
  }
  return value;
}

Looked look(const QueueRequest& request, qmail::Queue& queue) {
  Looked looked;
  const auto tree = queue.read();
  if (!tree) fail(request, tree.error().message);
  if (!request.split) {
    const auto split = qmail::split_of(*tree);
    if (!split) fail(request, split.error().message + ": say which it is with --split");
    looked.split = *split;
  } else {
    looked.split = given_split(request);
  }
  const auto ids = qmail::find_ids(request.users.empty() ? kQmailUsers : request.users);
  if (!ids && !request.users.empty()) fail(request, ids.error().message);
  if (!ids) looked.complaint = "owners are not looked at: " + ids.error().message;
  looked.plan = qmail::plan(
      *tree, {looked.split, ids ? std::optional<qmail::Ids>(*ids) : std::optional<qmail::Ids>()});
  return looked;
}

void tell(const std::vector<qmail::Finding>& findings) {
  for (const qmail::Finding& finding : findings) {
    std::cout << "  " << escaped(finding.path.empty() ? "." : finding.path) << " "
              << escaped(finding.text) << (finding.is_note() ? " (no fault)" : "") << "\n";
  }
}

void tell(const QueueRequest& request, const Looked& looked) {
  const qmail::Plan& plan = looked.plan;
  std::cout << escaped(request.folder) << ": " << counted(plan.messages, "message") << ", split "
            << looked.split << "\n";
  if (!looked.complaint.empty()) std::cout << escaped(looked.complaint) << "\n";
  tell(plan.findings);
  if (plan.other_split != 0) {
    std::cout << counted(plan.of_other_split, "message") << " lie where a split of "
              << plan.other_split << " puts them: if that is qmail's conf-split, give it with "
              << "--split\n";
  }
  for (const qmail::Renumbered& one : plan.renumbered) {
    std::cout << "message " << one.before << (request.fix ? " is " : " would be ") << one.now
              << " from now on\n";
  }
}

// docs/report.schema.json, kind "queue": all but how it ends, which end_json() adds.
void begin_json(const QueueRequest& request, const Looked& looked) {
  using Json = nlohmann::ordered_json;
  Json findings = Json::array();
  const qmail::Plan& plan = looked.plan;
  for (const qmail::Finding& finding : plan.findings) {
    findings.push_back({{"what", to_string(finding.what)},
                        {"path", finding.path},
                        {"text", finding.text},
                        {"fault", !finding.is_note()},
                        {"mendable", finding.mended}});
  }
  Json renumbered = Json::array();
  for (const qmail::Renumbered& one : plan.renumbered) {
    renumbered.push_back({{"old", one.before}, {"new", one.now}});
  }
  const Json all = {{"format", 1},
                    {"kind", "queue"},
                    {"aptkeep", aptkeep_version()},
                    {"folder", request.folder},
                    {"split", looked.split},
                    {"messages", plan.messages},
                    {"findings", findings},
                    {"renumbered", renumbered}};
  const std::string text = all.dump(2, ' ', false, Json::error_handler_t::replace);
  std::cout << text.substr(0, text.rfind("\n}"));
}

void end_json(bool fixed, bool all_well) {
  std::cout << ",\n  \"fixed\": " << (fixed ? "true" : "false")
            << ",\n  \"all_well\": " << (all_well ? "true" : "false") << "\n}\n";
}

// Numbers are told before anything is renamed, so that they are known however this ends.
Looked mend(const QueueRequest& request, qmail::Queue& queue, const Looked& first) {
  if (request.json) {
    begin_json(request, first);
  } else {
    tell(request, first);
  }
  if (!std::cout.flush()) fail(request, "unable to write to standard output");
  if (Status done = queue.carry_out(first.plan.actions); !done) {
    if (request.json) end_json(false, false);
    std::cout.flush();
    fail(request, done.error().message + " (what was done stays; it can be run again)");
  }
  Looked left = look(request, queue);
  if (request.json) {
    end_json(true, left.plan.all_well());
  } else if (left.plan.all_well()) {
    std::cout << (first.plan.all_well() ? "There is no fault.\n" : "All of it is mended.\n");
  } else {
    std::cout << "What is left:\n";
    tell(left.plan.findings);
  }
  return left;
}

// Whether the folders' split is not the one by which the messages lie: folders in which no message
// was may be missing after a restore.
bool is_contradicted(const QueueRequest& request, const qmail::Plan& plan) {
  return !request.split && (plan.other_split != 0 || plan.misplaced * 2 > plan.named);
}

void refuse_contradicted(const QueueRequest& request, const Looked& looked) {
  if (!is_contradicted(request, looked.plan)) return;
  const qmail::Plan& plan = looked.plan;
  std::string why = counted(plan.misplaced, "message") + " of " + std::to_string(plan.named) +
                    " lie where a split of " + std::to_string(looked.split) +
                    ", which is that of its folders, does not put them";
  if (plan.other_split != 0) {
    why += " (but one of " + std::to_string(plan.other_split) + " does)";
  }
  fail(request, why + ": say qmail's conf-split with --split N");
}

// By itself it has to say what a guard that asks this command is to tell.
std::string closing_line(const QueueRequest& request, const qmail::Plan& plan) {
  const auto faults = std::count_if(plan.findings.begin(), plan.findings.end(),
                                    [](const qmail::Finding& one) { return !one.is_note(); });
  if (faults == 0) return "There is no fault.";
  std::string split = request.split ? "--split " + shell_word(*request.split) + " " : "";
  if (is_contradicted(request, plan)) split = "--split N ";
  return counted(static_cast<std::size_t>(faults), "fault") +
         ": to mend that, stop qmail, then aptkeep queue check --fix " + split +
         (request.users.empty() ? "" : "--users " + shell_word(request.users) + " ") +
         shell_word(request.folder);
}

// While qmail works, a message may get or lose its envelope between two looks at its files.
bool may_have_moved(const qmail::Plan& plan) {
  return std::any_of(plan.findings.begin(), plan.findings.end(), [](const qmail::Finding& one) {
    return one.what == qmail::What::LostEnvelope;
  });
}

int fix_queue(const QueueRequest& request, qmail::Queue& queue) {
  refuse_contradicted(request, look(request, queue));
  if (const auto locked = queue.lock(); !locked) fail(request, locked.error().message);
  // Once more, now that nothing moves.
  const Looked first = look(request, queue);
  refuse_contradicted(request, first);
  return mend(request, queue, first).plan.all_well() ? kAllWell : kKept;
}

}  // namespace

int check_queue(const QueueRequest& request) {
  need_root("read a queue");
  auto queue = qmail::Queue::open(request.folder, true);
  if (!queue) fail(request, queue.error().message);
  if (request.fix) return fix_queue(request, *queue);
  Looked looked = look(request, *queue);
  for (int more = 2; more > 0 && may_have_moved(looked.plan); --more) {
    looked = look(request, *queue);
  }
  const bool well = looked.plan.all_well();
  if (request.json) {
    begin_json(request, looked);
    end_json(false, well);
  } else {
    tell(request, looked);
    const std::string who = queue->at_work();
    if (!who.empty()) {
      std::cout << escaped(who) << ": at work, and what moves may look like a fault\n";
    }
    std::cout << closing_line(request, looked.plan) << "\n";
  }
  return well ? kAllWell : kKept;
}

int move_queue(const std::string& from, const std::string& to) {
  need_root("move a queue");
  const auto moved = qmail::move_queue(from, to);
  if (!moved) throw Failed(escaped(moved.error().message));
  if (*moved) {
    std::cout << "Moved to " << escaped(to) << "\n";
  } else {
    // A misspelt name looks the same.
    std::cout << "Nothing to move: there is no " << escaped(from) << ", and the queue "
              << escaped(to) << " is there already\n";
  }
  return kAllWell;
}

}  // namespace aptkeep::cli
