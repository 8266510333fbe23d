// Which texts may stand for a package, a version or an architecture. Whatever comes from outside is
// checked with these before it is used, written or printed: none of them lets through a space, a
// slash, a control character or a byte that is not ASCII.
#pragma once

#include <string_view>

namespace aptkeep {

// dpkg takes upper case and '_' beside what Debian policy 5.6.1 allows, and other people's packages
// use it (dpkg 1.21, lib/dpkg/parsehelp.c: pkg_name_is_illegal).
bool is_package_name(std::string_view text);

// Debian policy 5.6.12: digits, letters and . + - ~, and : after an epoch. That a version starts
// with a digit is not asked for: --force-bad-version lets others in.
bool is_version(std::string_view text);

// dpkg 1.21, lib/dpkg/arch.c: dpkg_arch_name_is_illegal.
bool is_architecture(std::string_view text);

// "foo" or "foo:amd64".
bool is_package_reference(std::string_view text);

}  // namespace aptkeep
