// What holds for every probe: its own process, which is given up in time.
#include "adapters/guards.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "adapters/guard_command.h"
#include "fixture.h"

namespace aptkeep::test {
namespace {

class GuardsTest : public GuardTest {
 protected:
  // `work` with a folder "hung" whose file system never answers: FUSE, and nobody who serves it.
  std::string with_hung(const std::function<std::string()>& work) const {
    make_folder("hung");
    return bare(with_file("/etc/hostname", "", [&]() -> std::string {
      const int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
      const std::string options =
          "fd=" + std::to_string(fuse) + ",rootmode=40000,user_id=0,group_id=0";
      if (mount("hung", path("hung").c_str(), "fuse", 0, options.c_str()) != 0) {
        return "these tests need root and FUSE";
      }
      return work();
    }));
  }
};

TEST_F(GuardsTest, EachHasItsAnswerInOrder) {
  write("x", "a\n");
  const auto reports = probe_guards(
      {call("file-contains " + path("x") + " a"), call("file-lacks " + path("x") + " a"),
       call("no-such-guard"), call("queue-empty relative"), call("file-contains /etc/passwd root")},
      {});
  ASSERT_EQ(reports.size(), 5u);
  EXPECT_EQ(bare(told(reports[0])), "met: @/x has it");
  EXPECT_EQ(bare(told(reports[1])), "unmet: @/x has it");
  EXPECT_EQ(told(reports[2]), "unknown: there is no guard no-such-guard");
  EXPECT_EQ(told(reports[3]), "unknown: queue-empty: relative is no absolute path");
  EXPECT_EQ(told(reports[4]), "met: /etc/passwd has it");
  EXPECT_TRUE(probe_guards({}, {}).empty());
}

TEST_F(GuardsTest, OneGuardOfSeveralPackagesIsEvaluatedOnce) {
  const GuardCall counts = call("command 'sh: echo x >>" + path("count") + "' expects 0");
  const Remembered none, old{{"same-ids root", "1"}};
  const auto reports = probe_all({{counts, &none},
                                  {call("same-ids root"), &none},
                                  {counts, &old},
                                  {call("same-ids root"), &old},
                                  {counts, nullptr}});
  ASSERT_EQ(reports.size(), 5u);
  for (const std::size_t at : {0u, 2u, 4u}) EXPECT_TRUE(reports[at].result.met());
  EXPECT_EQ(std::filesystem::file_size(path("count")), 2u);
  EXPECT_TRUE(reports[1].result.met());
  EXPECT_EQ(told(reports[3]), "unmet: user root is 0, it was 1") << "each with its own memory";
}

TEST_F(GuardsTest, EveryKindHasAProbe) {
  for (const auto& kind : guard_kinds()) {
    const GuardCall call{kind.name, {}};
    EXPECT_EQ(told(probe_guards({call}, {}).at(0)), "unknown: " + guard_fault(call));
  }
  const std::string file = path("missing");
  for (const std::string& guard : std::vector<std::string>{
           "queue-empty " + file, "file-contains " + file + " x", "file-lacks " + file + " x",
           "same-file-value " + file + " x", "same-ids nobody-knows", "same-filesystem / " + file,
           "free-space " + file + " 0", "service-active nobody-knows", "not-running " + file,
           "command " + file + " expects 0", "fresh-backup " + file + " 1d"}) {
    EXPECT_EQ(told(probe(guard)).find("no probe"), std::string::npos) << guard;
  }
}

TEST_F(GuardsTest, APathThatNeverAnswersIsGivenUpAndTheNextOnesGoOn) {
  write("x", "a\n");
  const std::string hung = path("hung");
  const auto answer = with_hung([&] {
    GuardOptions options;
    options.limit = std::chrono::seconds(1);
    std::string text;
    for (const auto& report :
         probe_guards({call("queue-empty " + hung), call("file-contains " + path("x") + " a"),
                       call("free-space " + hung + " 1"), call("same-filesystem / " + hung + "/x"),
                       call("not-running " + hung + "/x"), call("file-lacks " + path("x") + " a")},
                      {}, options)) {
      text += told(report) + "\n";
    }
    return text;
  });
  EXPECT_EQ(answer,
            "unknown: no answer after 1 s\nmet: @/x has it\n"
            "unknown: no answer after 1 s\nunknown: no answer after 1 s\n"
            "unknown: no answer after 1 s\nunmet: @/x has it\n");
}

TEST_F(GuardsTest, AProgramThatCannotEvenBeStartedInTimeIsGivenUp) {
  EXPECT_EQ(with_hung([this] {
              return told(probe("command 'timeout=1 " + path("hung/x") + "' expects 0"));
            }),
            "unknown: @/hung/x was ended after 1 s");
}

TEST_F(GuardsTest, AProbeThatIsKilledIsUnknownAndTheNextOnesGoOn) {
  const auto reports = probe_guards({call("command 'sh: kill -9 $PPID; exec sleep 1000' expects 0"),
                                     call("command /bin/true expects 0")},
                                    {});
  EXPECT_EQ(told(reports.at(0)), "unknown: its probe ended without an answer, signal 9");
  EXPECT_EQ(told(reports.at(1)), "met: /bin/true: exit status 0");
}

TEST_F(GuardsTest, WithoutProcessesOrDescriptorsAllAreUnknown) {
  const auto with_limit = [](__rlimit_resource_t what) {
    return as_nobody([what] {
      const rlim_t most = what == RLIMIT_NOFILE ? 3 : 1;
      const rlimit limit{most, most};
      if (setrlimit(what, &limit) != 0) return std::string("no limit");
      std::string text;
      for (const auto& report :
           probe_guards({call("free-space / 0"), call("free-space / 0")}, {})) {
        text += told(report) + "\n";
      }
      return text;
    });
  };
  const std::string no_file = "unknown: unable to start a process: Too many open files\n";
  EXPECT_EQ(with_limit(RLIMIT_NOFILE), no_file + no_file);
  const std::string no_process =
      "unknown: unable to start a process: Resource temporarily unavailable\n";
  EXPECT_EQ(with_limit(RLIMIT_NPROC), no_process + no_process);
}

TEST_F(GuardsTest, NobodyNeedWaitForChildren) {
  EXPECT_EQ(elsewhere([] {
              signal(SIGCHLD, SIG_IGN);
              const auto direct = run_rule_command({{"/bin/false"}, false, 60, ""});
              return std::to_string(direct ? direct->exit_code : -2) + "; " +
                     told(probe("command /bin/true expects 0")) + "; " +
                     told(probe("command 'sh: kill -9 $PPID' expects 0"));
            }),
            "1; met: /bin/true: exit status 0; unknown: its probe ended without an answer");
}

TEST_F(GuardsTest, HasNoneOfOurDescriptorsAndWorksWithoutTheFirstThree) {
  EXPECT_EQ(elsewhere([] {
              dup2(1, 77);
              for (int fd = 0; fd < 3; ++fd) close(fd);
              return told(
                  probe("command 'sh: test ! -e /proc/$PPID/fd/77 && test -e "
                        "/proc/$PPID/fd/3 && test ! -e /proc/self/fd/77' expects 0"));
            }),
            "met: test ! -e /proc/$PPID/fd/77 && test -e /proc/$PPID/fd/3 && test ! -e "
            "/proc/self/fd/77: exit status 0");
}

TEST_F(GuardsTest, ACommandAloneHasNoneOfThemEither) {
  EXPECT_EQ(elsewhere([] {
              dup2(1, 77);
              const auto end = run_rule_command({{"test ! -e /proc/self/fd/77"}, true, 60, ""});
              return end ? std::to_string(end->exit_code) : end.error().message;
            }),
            "0");
}

TEST_F(GuardsTest, TellsNoMoreThanOneShortHarmlessLine) {
  const std::string name(250, 'x');
  const auto report = probe("queue-empty " + path(name) + "/" + name);
  EXPECT_LT(report.result.why.size(), 310u);
  EXPECT_EQ(told(probe("command 'sh: printf \"a\\nb\\033[2J\" >&2; exit 3' expects 0")),
            "unmet: printf \"a\\nb\\033[2J\" >&2; exit 3: exit status 3: b\\x1b[2J");
}

}  // namespace
}  // namespace aptkeep::test
