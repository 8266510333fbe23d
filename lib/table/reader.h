// Reads /run/aptkeep/table (core/table_layout.h). For the small programs that run below maintainer
// scripts: libc only, no C++ library, no memory of its own. A table that cannot be trusted whole is
// no table, and its reader does what stock would.
#pragma once

#include "core/table_layout.h"

namespace aptkeep::table {

enum class Finding {
  NoTable,
  FrontendGone,  // a whole one, but its run has been cut off: it counts for nothing but resume
  Counts,
};

class Reader {
 public:
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  // Maps `folder`/table. Folder and file must be root's, and nobody else's to write.
  Finding open(const char* folder);
  // The same with bytes that are in memory, which must stay there. False: they are no table.
  bool read(const void* bytes, std::size_t size);

  // What follows is for an open table only.

  const Header& header() const { return *header_; }
  const char* string(std::uint32_t offset) const { return strings_ + offset; }

  // nullptr: rules say nothing about the package's services. `arch` is DPKG_MAINTSCRIPT_ARCH, so
  // "all" as well.
  const Package* find_package(const char* name, const char* arch) const;
  // What counts for a unit ("x.service", with its suffix) in a script of the package: an entry of
  // its own before a pattern (of several the first), that before one for every unit. nullptr: none.
  const Unit* find(const char* name, const char* arch, const char* unit) const;
  const Unit* find(const Package& package, const char* unit) const;

  // Whether the unit ran, or was to run, when the run began; false also where nobody looked.
  bool ran(const char* name, const char* arch, const char* unit) const;

  // Whether it was there and down then, for no package's sake.
  bool rested(const char* name, const char* arch, const char* unit) const;

  // The package whose it is, where it ran so; nullptr: it did not, or is of no package of the run.
  const Package* with_unit_that_ran(const char* unit) const;

  // i < header().packages; i < package.units; i < package.together
  const Package& package(std::uint32_t i) const { return packages_[i]; }
  const Unit& unit(const Package& package, std::uint32_t i) const {
    return units_[package.first_unit + i];
  }
  const char* together(const Package& package, std::uint32_t i) const {
    return string(together_[package.first_together + i]);
  }
  // The packages that name this unit, or a pattern for it, in Together, one after the other:
  // the first for nullptr, nullptr after the last.
  const Package* next_with(const char* unit, const Package* after) const;

 private:
  bool has(const char* name, const char* arch, Kind kind, const char* unit) const;
  bool is_whole() const;
  bool is_in_order(const Package& package) const;

  const Header* header_ = nullptr;
  const Package* packages_ = nullptr;
  const Unit* units_ = nullptr;
  const std::uint32_t* together_ = nullptr;
  const char* strings_ = nullptr;
  void* map_ = nullptr;
  std::size_t map_size_ = 0;
};

// Whether the process that the header names is still there; one that has ended and that nobody has
// waited for is not.
bool is_there(const Header& header);

}  // namespace aptkeep::table
