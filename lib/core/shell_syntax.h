// The shell language as far as maintainer scripts need it (dash(1)): words, lists, if, case, loops,
// functions, here-documents. Pure; nothing is run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aptkeep::shell {

// Stand in a text for what is not known: any text, and any text but the empty one.
inline constexpr char kAny = '\x01';
inline constexpr char kSome = '\x02';

// A part of a word. Variable: `text` is its name ("1", "@", "_dh_action"), `otherwise` what stands
// for it where it is unset or empty (${x:-y}).
struct Piece {
  bool variable = false;
  bool quoted = false;
  std::string text;
  std::string otherwise = {};
};
using Word = std::vector<Piece>;

struct Command;
using List = std::vector<Command>;

// A part of an if (`condition` empty: its else), a loop, a case (`patterns`).
struct Branch {
  std::vector<Word> patterns;
  List condition;
  List body;
};

enum class Kind { Simple, If, Case, Loop, For, Group, Subshell, Function };
// How a command is joined to the one before it.
enum class Join { Then, And, Or, Pipe };

struct Command {
  Kind kind = Kind::Simple;
  Join join = Join::Then;
  bool negated = false;
  std::string name;              // of a function, and of the variable of a For
  std::vector<Word> words;       // of a Simple (without redirections), a For, a Case (its subject)
  std::vector<Branch> branches;  // one with just a body: of a For, Group, Subshell, Function
};

// None where the text is too long, is nested too deeply, or cannot be made out.
std::optional<List> parse(std::string_view text);

inline constexpr std::size_t kLongest = std::size_t{512} * 1024;  // bytes

}  // namespace aptkeep::shell
