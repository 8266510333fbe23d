// /usr/lib/aptkeep/policy-rc.d: what /usr/sbin/policy-rc.d is through update-alternatives(1).
#include "core/config.h"
#include "policy/caller.h"
#include "policy/consider.h"
#include "policy/notes.h"
#include "policy/question.h"

int main(int argc, char** argv) {
  using namespace aptkeep;
  const policy::Question question = policy::read_question(argc, argv);
  policy::Caller caller;
  policy::find_caller(caller);
  const policy::Surroundings around = policy::look_around(question, caller.of_users);
  policy::Answer said = policy::answer(question, around);
  policy::Units& units = caller.units;
  // deb-systemd-invoke would have started nothing, if it had been let.
  if (said.later && units.count > 0) said.later = around.ran || policy::is_enabled(question.unit);
  if (units.count == 0 && question.understood) units.name[units.count++] = question.unit;
  if (caller.of_users && policy::below_script() && !around.off)
    (void)policy::leave_to_end(policy::kUsers, units);
  if (policy::put_off(said.wait, units)) return policy::kDoNot;
  return policy::carry_out(question, said, units);
}
