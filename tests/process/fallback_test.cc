#include "fallback.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <vector>

#include "adapters/progress.h"

namespace aptkeep::launcher {
namespace {

using List = std::vector<std::string>;

struct KnownFacts final : Facts {
  std::set<std::string> done;
  bool unpacked(const char* archive) override { return done.contains(archive); }
  bool configured(const char* package) override { return done.contains(package); }
  bool gone(const char* package, bool purge) override {
    return done.contains(package) && !(purge && std::string(package).starts_with("conf"));
  }
};

struct Left {
  Rest rest = Rest::Original;
  List words;
};

// What is left of `words` if the driver died with this record.
Left left(const List& words, bool called, const List& in_call, const List& after,
          const std::set<std::string>& done) {
  std::vector<const char*> argv{"dpkg"};
  for (const auto& word : words) argv.push_back(word.c_str());
  const int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  const int fd = make_record();
  auto progress = MemfdProgress::open(dup(fd));
  if (called) (*progress)->calling(in_call, after);
  Record record;
  read_record(fd, record);
  close(fd);
  KnownFacts facts;
  facts.done = done;
  Words list;
  Left result;
  result.rest =
      what_is_left(argc, argv.data(), read_command_line(argc, argv.data()), record, facts, list);
  for (std::size_t i = 0; result.rest == Rest::Words && i < list.size(); ++i)
    result.words.push_back(list[i]);
  return result;
}

const List kUnpack{"--status-fd",        "9",           "--no-triggers", "--unpack",
                   "--auto-deconfigure", "--recursive", "/tmp/links"};

TEST(WhatIsLeft, NothingWasCalled) {
  EXPECT_EQ(left(kUnpack, false, {}, {}, {}).rest, Rest::Original);
}

TEST(WhatIsLeft, ArchivesOfTheCallThatAreNotUnpackedAndThoseToCome) {
  const Left rest = left(kUnpack, true, {"/a.deb", "/b.deb"}, {"/c.deb"}, {"/a.deb"});
  EXPECT_EQ(rest.rest, Rest::Words);
  EXPECT_EQ(rest.words, (List{"dpkg", "--status-fd", "9", "--no-triggers", "--unpack",
                              "--auto-deconfigure", "/b.deb", "/c.deb"}));
}

TEST(WhatIsLeft, AllWasUnpacked) {
  EXPECT_EQ(left(kUnpack, true, {"/a.deb"}, {}, {"/a.deb"}).rest, Rest::Nothing);
}

TEST(WhatIsLeft, ShortRecursive) {
  const Left rest = left({"--status-fd", "9", "--unpack", "-R", "/t"}, true, {"/a.deb"}, {}, {});
  EXPECT_EQ(rest.words, (List{"dpkg", "--status-fd", "9", "--unpack", "/a.deb"}));
}

TEST(WhatIsLeft, PendingConfigurationIsDpkgsOwnToFindOut) {
  EXPECT_EQ(left({"--status-fd", "9", "--configure", "--pending"}, true, {}, {}, {}).rest,
            Rest::Original);
  EXPECT_EQ(left({"--status-fd", "9", "--configure", "-a"}, true, {"a"}, {}, {}).rest,
            Rest::Original);
  EXPECT_EQ(left({"--status-fd", "9", "--triggers-only", "--pending"}, true, {}, {}, {}).rest,
            Rest::Original);
}

TEST(WhatIsLeft, NamesThatAreNotConfigured) {
  const List call{"--status-fd", "9", "--configure", "a", "b:i386", "c"};
  const Left rest = left(call, true, {}, {}, {"a", "c"});
  EXPECT_EQ(rest.words, (List{"dpkg", "--status-fd", "9", "--configure", "b:i386"}));
  EXPECT_EQ(left(call, true, {}, {}, {"a", "b:i386", "c"}).rest, Rest::Nothing);
}

TEST(WhatIsLeft, RemovalsThatTheDriverLeftIn) {
  const List call{"--status-fd", "9", "--abort-after=1", "--remove", "a", "b", "kept"};
  const Left rest = left(call, true, {"a", "b"}, {}, {"a"});
  EXPECT_EQ(rest.words, (List{"dpkg", "--status-fd", "9", "--abort-after=1", "--remove", "b"}));
  EXPECT_EQ(left(call, true, {"a", "b"}, {}, {"a", "b"}).rest, Rest::Nothing);
}

TEST(WhatIsLeft, PendingRemovalsBecomeNamesOnceTheDriverChose) {
  const List call{"--status-fd", "9", "--remove", "--pending"};
  EXPECT_EQ(left(call, true, {}, {}, {}).rest, Rest::Original);
  EXPECT_EQ(left(call, true, {"a"}, {"b"}, {}).words,
            (List{"dpkg", "--status-fd", "9", "--remove", "a", "b"}));
}

TEST(WhatIsLeft, PurgeGoesOnWhileConffilesAreLeft) {
  const List call{"--status-fd", "9", "--purge", "conf", "gone"};
  EXPECT_EQ(left(call, true, {"conf", "gone"}, {}, {"conf", "gone"}).words,
            (List{"dpkg", "--status-fd", "9", "--purge", "conf"}));
}

TEST(WhatIsLeft, OptionsAndTheirValuesStay) {
  const List call{"--force-confold", "--log", "-R", "--status-fd", "9", "--unpack", "--", "-x.deb"};
  EXPECT_EQ(left(call, true, {"-x.deb"}, {}, {}).words,
            (List{"dpkg", "--force-confold", "--log", "-R", "--status-fd", "9", "--unpack", "--",
                  "-x.deb"}));
}

}  // namespace
}  // namespace aptkeep::launcher
