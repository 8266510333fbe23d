// aptkeep: says what was kept back and why, and lets it be tried again.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "command.h"
#include "record.h"
#include "text.h"

namespace {

using namespace aptkeep::cli;

int fail(const std::string& why) {
  std::string line = harmless(why);
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::cout.flush();
  std::cerr << "aptkeep: " << line << "\n";
  return kError;
}

struct Arguments {
  std::string state;
  std::string package;
  std::vector<std::string> packages;
  std::vector<std::string> rules;
  std::int64_t run = 0;
  unsigned most = 20;
  bool json = false;
  bool yes = false;
  std::string target;
  QueueRequest queue;
};

// Empty: it is one.
std::string run_number(const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  return digits && text.size() < 19 && text != "0" ? "" : text + " is not the number of a run";
}

CLI::App* reading(CLI::App& app, Arguments& given, const char* name, const char* help) {
  CLI::App* command = app.add_subcommand(name, help);
  // For reading only: nothing that root runs writes where an option says.
  command->add_option("--state", given.state, "Read this file instead of the system's record")
      ->type_name("FILE");
  return command;
}

void use_rules(CLI::App* command, Arguments& given) {
  command->add_option("--rules", given.rules, "Use the rules in this folder, not the system's")
      ->type_name("FOLDER")
      ->allow_extra_args(false);
}

void set_up_rules(CLI::App& app, Arguments& given, int& result) {
  CLI::App* plan_command =
      reading(app, given, "plan", "Say what an upgrade would do now, and change nothing");
  plan_command->add_option("ARGUMENT", given.packages,
                           "apt-get's arguments, behind --; without: full-upgrade");
  plan_command->add_flag("--json", given.json, "Print JSON");
  use_rules(plan_command, given);
  plan_command->callback([&] {
    result = plan({given.state, given.rules, given.packages, given.json});
  });

  CLI::App* rules_command = app.add_subcommand("rules", "Check or test files of rules");
  rules_command->require_subcommand(1);
  CLI::App* check = rules_command->add_subcommand("check", "Tell every mistake in rules");
  check->add_option("FILE", given.packages, "Without: all files that the system has");
  use_rules(check, given);
  check->callback([&] { result = check_rule_files(given.packages, given.rules); });
  CLI::App* test = rules_command->add_subcommand("test", "Try the Test: stanzas of a file");
  test->add_option("FILE", given.package, "Where it has no rules: of the system's")->required();
  use_rules(test, given);
  test->callback([&] { result = test_rule_file(given.package, given.rules); });
}

void set_up_root(CLI::App& app, Arguments& given, int& result) {
  CLI::App* retry_command = app.add_subcommand("retry", "Try what is kept back again, now (root)");
  retry_command->add_option("PACKAGE", given.packages, "foo or foo:arch; without: all");
  retry_command->add_flag("-y,--yes", given.yes, "Answer yes to apt-get's questions");
  retry_command->callback([&] { result = retry(given.packages, given.yes); });

  CLI::App* rollback_command = app.add_subcommand(
      "rollback", "Put packages, or all that a run changed, back to what was before (root)");
  rollback_command->add_option("PACKAGE", given.packages, "foo or foo:arch");
  rollback_command->add_option("--run", given.run, "All that this run changed")
      ->type_name("RUN")
      ->check(CLI::Validator(run_number, ""));
  rollback_command->add_flag("-y,--yes", given.yes, "Do not ask");
  rollback_command->footer(
      "Shows what will be done, and asks. It needs the snapshots that the run took: how many are\n"
      "kept is a setting, Aptkeep::Snapshots::Keep-Runs, see aptkeep(8).");
  rollback_command->callback([&] { result = rollback(given.packages, given.run, given.yes); });

  CLI::App* resume_command =
      app.add_subcommand("resume", "Finish or undo a run that was cut off (root)");
  resume_command->footer("The next run, and the next boot, do so by themselves.");
  resume_command->callback([&] { result = resume(); });

  CLI::App* release_command =
      app.add_subcommand("release", "Forget that packages are kept back (root)");
  release_command->add_option("PACKAGE", given.packages, "foo or foo:arch")->required();
  release_command->callback([&] { result = release(given.packages); });
}

void set_up_queue(CLI::App& app, Arguments& given, int& result) {
  CLI::App* queue_command = app.add_subcommand("queue", "Check, mend or move a qmail queue (root)");
  queue_command->require_subcommand(1);
  CLI::App* check = queue_command->add_subcommand(
      "check", "Tell which files of a qmail queue are not where qmail looks for them");
  check->add_option("DIR", given.queue.folder, "/var/qmail/queue")->required();
  check->add_flag("--fix", given.queue.fix,
                  "Mend it, by nothing but renaming; qmail has to be down");
  check
      ->add_option("--split", given.queue.split, "qmail's conf-split; without: that of the folders")
      ->type_name("N|FILE");
  check
      ->add_option("--users", given.queue.users,
                   "Instead of the users qmailq, qmails, qmailr and the group qmail")
      ->type_name("Q,S,R,GROUP");
  check->add_flag("--json", given.queue.json, "Print JSON");
  check->callback([&] { result = check_queue(given.queue); });

  CLI::App* move = queue_command->add_subcommand(
      "move", "Rename a queue within its file system, or refuse and touch nothing");
  move->add_option("OLD", given.queue.folder, "The queue")->required();
  move->add_option("NEW", given.target, "Where nothing is yet")->required();
  move->callback([&] { result = move_queue(given.queue.folder, given.target); });
}

void set_up(CLI::App& app, Arguments& given, int& result) {
  app.set_version_flag("--version", std::string("aptkeep ") + aptkeep_version());

  CLI::App* status_command =
      reading(app, given, "status", "Say which packages are kept back, and why");
  status_command->add_flag("--json", given.json, "Print JSON");
  status_command->callback([&] { result = status(given.state, given.json); });

  CLI::App* explain_command =
      reading(app, given, "explain", "Tell the whole story of one package, or of a service");
  explain_command->add_option("PACKAGE", given.package, "foo, foo:arch or foo.service")->required();
  use_rules(explain_command, given);
  explain_command->callback([&] { result = explain(given.state, given.rules, given.package); });

  set_up_rules(app, given, result);

  CLI::App* report_command = reading(app, given, "report", "Say what a run did");
  report_command->add_option("RUN", given.run, "Its number; without: the newest")
      ->check(CLI::Validator(run_number, ""));
  report_command->add_flag("--json", given.json, "Print JSON");
  report_command->callback([&] { result = report(given.state, given.run, given.json); });

  CLI::App* runs_command = reading(app, given, "runs", "List the runs on record");
  runs_command->add_option("-n,--number", given.most, "How many at most (20)")->type_name("N");
  runs_command->add_flag("--json", given.json, "Print JSON");
  runs_command->callback([&] { result = runs(given.state, given.most, given.json); });

  CLI::App* services_command = reading(
      app, given, "services", "Say which services are not as they should be since the last run");
  services_command->callback([&, services_command] {
    if (services_command->get_subcommands().empty()) result = services(given.state);
  });
  services_command->add_subcommand("restart", "Try to start it again, now (root)")->callback([&] {
    result = restart_services();
  });

  set_up_root(app, given, result);
  set_up_queue(app, given, result);
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("aptkeep keeps upgrades going past packages that fail.", "aptkeep");
  Arguments given;
  int result = kAllWell;
  set_up(app, given, result);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) {
      return fail("unable to go on: no command was given (see aptkeep --help)");
    }
  } catch (const CLI::CallForHelp& call) {
    app.exit(call);
  } catch (const CLI::CallForVersion& call) {
    app.exit(call);
  } catch (const CLI::ParseError& error) {
    return fail("unable to understand the command: " + std::string(error.what()) +
                " (see aptkeep --help)");
  }
  std::cout.flush();
  return std::cout ? result : fail("unable to write to standard output");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return parse_and_run(argc, argv);
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}
