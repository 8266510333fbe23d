// write_half_configured(): what the real dpkg says and does afterwards.
#include "adapters/dpkg_db.h"
#include "dpkg_root.h"

namespace aptkeep::test {
namespace {

class WriteStateTest : public DpkgRoot {
 protected:
  static std::string postinst_saw() { return read(on_disk("/saw")); }
  Deb noting(const std::string& version) {
    return {.name = "foo",
            .version = version,
            .control = {{"postinst", "echo \"$*\" >>$DPKG_ROOT/saw"}}};
  }
};

TEST_F(WriteStateTest, IsConfiguredAnewFromTheVersionThatWas) {
  ASSERT_EQ(install(noting("2.0")), 0) << output();
  write(on_disk("/saw"), "");
  const std::string before = read(admin("status"));
  ASSERT_TRUE(write_half_configured(slot("foo"), "1:1.0-1").ok());
  EXPECT_EQ(files_of(slot("foo")).state, "iF");
  EXPECT_EQ(query("${Config-Version}", "foo"), "1:1.0-1");
  EXPECT_EQ(RealDatabase().read()->at(slot("foo")).config_version, "1:1.0-1");
  ASSERT_EQ(dpkg("--configure --pending"), 0) << output();
  EXPECT_EQ(postinst_saw(), "configure 1:1.0-1\n");
  EXPECT_EQ(read(admin("status")), before);
  EXPECT_EQ(RealDatabase().read()->at(slot("foo")).config_version, "");
}

TEST_F(WriteStateTest, IsConfiguredAsNewWhereNoVersionWas) {
  ASSERT_EQ(install(noting("2.0")), 0) << output();
  write(on_disk("/saw"), "");
  ASSERT_TRUE(write_half_configured(slot("foo"), "").ok());
  ASSERT_EQ(dpkg("--configure --pending"), 0) << output();
  EXPECT_EQ(postinst_saw(), "configure \n");
}

TEST_F(WriteStateTest, OnlyOfWhatIsInstalled) {
  ASSERT_EQ(dpkg("--unpack " + build(noting("1.0"))), 0);
  const std::string before = read(admin("status"));
  EXPECT_FALSE(write_half_configured(slot("foo"), "1.0").ok());
  EXPECT_FALSE(write_half_configured(slot("bar"), "1.0").ok());
  EXPECT_EQ(read(admin("status")), before);
  ASSERT_EQ(dpkg("--configure foo"), 0);
  EXPECT_FALSE(write_half_configured(slot("foo"), "not a version").ok());
  EXPECT_EQ(files_of(slot("foo")).state, "ii");
}

}  // namespace
}  // namespace aptkeep::test
