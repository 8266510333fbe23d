// Inside of the libapt-pkg adapter: what apt_*.cc share. Nothing else includes this.
#pragma once

#include <apt-pkg/cachefile.h>
#include <apt-pkg/pkgcache.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/apt_cache.h"
#include "core/plan.h"
#include "core/result.h"

namespace aptkeep {

struct AptCache::Impl {
  std::vector<std::string> archives;
  // Policy and DepCache are built only where they are needed: both cost more than the cache.
  std::unique_ptr<pkgCacheFile> file;

  Status reopen();
};

namespace apt_impl {

// A step as libapt-pkg sees it. An end() iterator: absent on that side.
struct StepVersions {
  pkgCache::PkgIterator package;
  pkgCache::VerIterator old_version;
  pkgCache::VerIterator new_version;
};

// Two end() iterators are the same. Not their operator==: to C++20 it is ambiguous, because it
// takes the derived class on one side only.
template <typename Iterator>
bool same(const Iterator& a, const Iterator& b) {
  return a.Index() == b.Index();
}

// All clauses that a step can change. `steps` and `plan.steps` have the same order.
void add_clauses(pkgCache& cache, const std::vector<StepVersions>& steps, Plan& plan);

// libapt-pkg's pending errors as one line, and its stack emptied.
std::string take_errors();
// Its warnings are apt's own to show.
void discard_errors();

Status init_library();

// "libc6:amd64" -> {"libc6", "amd64"}
std::pair<std::string, std::string> split_name(std::string_view package);
std::string full_name(const pkgCache::PkgIterator& package);
pkgCache::PkgIterator find_package(pkgCache& cache, const std::string& package);

// The first in apt's order with this text; end(): there is none.
pkgCache::VerIterator find_version(const pkgCache::PkgIterator& package, const std::string& text);

struct Origin {
  int trust = 0;
  bool security = false;
};
Origin origin_of(const pkgCache::VerIterator& version);

}  // namespace apt_impl
}  // namespace aptkeep
