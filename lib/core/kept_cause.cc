// Causes: where they end, and as sentences.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/kept_set.h"

namespace aptkeep {
namespace {

std::string_view verb_of(ClauseKind kind) {
  switch (kind) {
    case ClauseKind::Breaks:
      return "breaks";
    case ClauseKind::Conflicts:
      return "conflicts with";
    default:
      return "needs";
  }
}

// Who states the relation: nobody to name where it is the kept package's own new version.
std::string subject_of(const Clause& clause, const KeptMember& member, std::string_view native) {
  if (clause.owner_step == static_cast<std::int32_t>(member.step) &&
      clause.owner_side == Side::New) {
    return {};
  }
  const std::string name = display_name(clause.owner, native);
  if (clause.owner_step == Clause::kOutside) return name + " " + clause.owner_version + " ";
  return std::string(to_string(clause.owner_side)) + " " + name + " (" + clause.owner_version +
         ") ";
}

std::string sibling_of(const Plan& plan, const KeptSet& kept, const KeptMember& member,
                       const Clause& clause) {
  if (clause.owner_step != static_cast<std::int32_t>(member.step)) return clause.owner;
  if (member.because < 0) return clause.relation;
  return plan.steps[kept.members[static_cast<std::size_t>(member.because)].step].package;
}

std::string sentence(const Plan& plan, const KeptSet& kept, const KeptMember& member,
                     std::string_view native) {
  const std::string name = display_name(plan.steps[member.step].package, native);
  if (member.failed) return name + " failed";
  const Clause& clause = plan.clauses[member.clause];
  if (clause.kind == ClauseKind::Lockstep) {
    return name + " kept: must have the same version as " +
           display_name(sibling_of(plan, kept, member, clause), native);
  }
  return name + " kept: " + subject_of(clause, member, native) + std::string(verb_of(clause.kind)) +
         " " + clause.relation;
}

}  // namespace

const KeptMember& root_of(const KeptSet& kept, const KeptMember& member) {
  const KeptMember* root = &member;
  // A cause stands before what it causes, so this ends.
  while (!root->failed && root->because >= 0) {
    root = &kept.members[static_cast<std::size_t>(root->because)];
  }
  return *root;
}

const KeptMember* root_of(const KeptSet& kept, std::uint32_t step) {
  const auto member = std::find_if(kept.members.begin(), kept.members.end(),
                                   [&](const KeptMember& other) { return other.step == step; });
  return member == kept.members.end() ? nullptr : &root_of(kept, *member);
}

std::vector<std::string> cause_chain(const Plan& plan, const KeptSet& kept, std::uint32_t step,
                                     std::string_view native_arch) {
  std::vector<std::string> chain;
  std::int32_t next = -1;
  for (std::size_t i = 0; i < kept.members.size(); ++i) {
    if (kept.members[i].step == step) next = static_cast<std::int32_t>(i);
  }
  while (next >= 0) {
    const KeptMember& member = kept.members[static_cast<std::size_t>(next)];
    chain.push_back(sentence(plan, kept, member, native_arch));
    // A cause stands before what it causes, so this ends.
    next = member.failed ? -1 : member.because;
  }
  return chain;
}

}  // namespace aptkeep
