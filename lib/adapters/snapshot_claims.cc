#include "adapters/snapshot_claims.h"

#include <algorithm>
#include <string_view>

#include "adapters/snapshot_tool.h"

namespace aptkeep::snapshot {
namespace {

// " /path hash [obsolete] [remove-on-upgrade]"; a path may have spaces.
void add_claim(const std::string& line, Claim claim, Claims& claims) {
  std::size_t last = line.find_last_not_of(' ');
  for (const char* flag : {" remove-on-upgrade", " obsolete"}) {
    const std::size_t found = line.rfind(flag);
    if (found != std::string::npos && found + std::char_traits<char>::length(flag) == last + 1) {
      last = found - 1;
      claim.obsolete = claim.obsolete || std::string_view(flag) == " obsolete";
    }
  }
  const std::size_t space = line.rfind(' ', last);
  if (space == std::string::npos || space <= 1) return;
  claim.hash = line.substr(space + 1, last - space);
  claims[line.substr(1, space - 1)].push_back(std::move(claim));
}

}  // namespace

Claims read_claims() {
  Claims claims;
  auto text = run_tool({"dpkg-query", "-W", "-f",
                        "${Package}:${Architecture} ${db:Status-Abbrev}\n${Conffiles}\n\n"});
  if (!text) return claims;
  Claim claim;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    at = end + 1;
    if (line.empty()) continue;
    if (line[0] == ' ') {
      add_claim(line, claim, claims);
      continue;
    }
    const std::size_t space = line.find(' ');
    claim.package = line.substr(0, space);
    claim.state = space == std::string::npos ? "" : line.substr(space + 1, 2);
  }
  return claims;
}

}  // namespace aptkeep::snapshot
