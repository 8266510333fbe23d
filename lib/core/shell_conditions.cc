#include "core/shell_conditions.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "core/package_pattern.h"

namespace aptkeep::shell {
namespace {

constexpr std::size_t kDeepest = 50;
constexpr std::size_t kLongestFit = 500;  // bytes that are compared with a pattern
constexpr std::string_view kUnknown = "\x01\x02";

bool is_known(std::string_view text) {
  return text.find_first_of(kUnknown) == std::string_view::npos;
}

bool is_one_of(std::string_view text, const std::vector<std::string>& texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Over all that both may be.
template <typename Judge>
Truth over_all(const Argument& left, const Argument& right, Judge judge) {
  bool yes = false;
  bool no = false;
  for (const std::string& a : left) {
    for (const std::string& b : right) {
      const Truth truth = judge(a, b);
      yes = yes || truth != Truth::No;
      no = no || truth != Truth::Yes;
    }
  }
  return yes && no ? Truth::Maybe : yes ? Truth::Yes : Truth::No;
}

Truth of(bool truth) {
  return truth ? Truth::Yes : Truth::No;
}

Truth is_something(std::string_view text) {
  if (text.find_first_not_of(kAny) != std::string_view::npos) return Truth::Yes;
  return text.empty() ? Truth::No : Truth::Maybe;
}

// A text of which something is not known is at least not empty where a part of it is not.
Truth is_same(std::string_view a, std::string_view b) {
  if (is_known(a) && is_known(b)) return of(a == b);
  const bool never =
      (a.empty() && is_something(b) == Truth::Yes) || (b.empty() && is_something(a) == Truth::Yes);
  return never ? Truth::No : Truth::Maybe;
}

Truth fits_one(std::string_view text, std::string_view pattern) {
  if (pattern == "*") return Truth::Yes;
  if (text.size() + pattern.size() > kLongestFit) return Truth::Maybe;
  if (!is_known(text) || !is_known(pattern)) {
    return pattern.find_first_of("*?[") == std::string_view::npos ? is_same(text, pattern)
                                                                  : Truth::Maybe;
  }
  return of(glob_matches(pattern, text));
}

// dpkg(1)'s words for how two versions are to be.
struct Sign {
  bool older;
  bool same;
  bool newer;

  bool holds(int difference) const {
    return difference < 0 ? older : difference > 0 ? newer : same;
  }
};
const std::map<std::string_view, Sign> kSigns = {
    {"lt", {true, false, false}}, {"lt-nl", {true, false, false}}, {"<<", {true, false, false}},
    {"le", {true, true, false}},  {"le-nl", {true, true, false}},  {"<=", {true, true, false}},
    {"<", {true, true, false}},   {"eq", {false, true, false}},    {"=", {false, true, false}},
    {"ge", {false, true, true}},  {"ge-nl", {false, true, true}},  {">=", {false, true, true}},
    {">", {false, true, true}},   {"gt", {false, false, true}},    {"gt-nl", {false, false, true}},
    {">>", {false, false, true}}, {"ne", {true, false, true}},
};

Truth is_there(const Argument& path, const Circumstances& circumstances) {
  static const Argument kOnce = {""};
  return over_all(path, kOnce, [&](std::string_view one, std::string_view) {
    if (is_one_of(one, circumstances.present)) return Truth::Yes;
    return is_one_of(one, circumstances.absent) ? Truth::No : Truth::Maybe;
  });
}

bool is(const Argument& word, std::string_view text) {
  return word.size() == 1 && word[0] == text;
}

class Testing {
 public:
  Testing(const std::vector<Argument>& words, const Circumstances& circumstances)
      : words_(words), circumstances_(circumstances) {}

  Truth judge(std::size_t begin, std::size_t end, std::size_t depth = 0) const {
    if (depth > kDeepest) return Truth::Maybe;
    if (begin >= end) return Truth::No;
    for (const auto& [first, second] : {std::pair("-o", "||"), std::pair("-a", "&&")}) {
      for (std::size_t i = begin + 1; i + 1 < end; ++i) {
        if (!is(words_[i], first) && !is(words_[i], second)) continue;
        const Truth left = judge(begin, i, depth + 1);
        const Truth right = judge(i + 1, end, depth + 1);
        return is(words_[i], "-o") || is(words_[i], "||") ? either(left, right) : both(left, right);
      }
    }
    if (is(words_[begin], "!") && end - begin > 1)
      return opposite(judge(begin + 1, end, depth + 1));
    if (is(words_[begin], "(") && is(words_[end - 1], ")") && end - begin > 2)
      return judge(begin + 1, end - 1, depth + 1);
    return primary(begin, end);
  }

 private:
  Truth primary(std::size_t begin, std::size_t end) const {
    static const Argument kOnce = {""};
    const auto filled = [](std::string_view text, std::string_view) { return is_something(text); };
    const Argument& first = words_[begin];
    if (end - begin == 1) return over_all(first, kOnce, filled);
    const Argument& second = words_[begin + 1];
    if (end - begin == 2) {
      if (is(first, "-n")) return over_all(second, kOnce, filled);
      if (is(first, "-z")) return opposite(over_all(second, kOnce, filled));
      for (const std::string_view flag : {"-d", "-e", "-f", "-x", "-r", "-s"}) {
        if (is(first, flag)) return is_there(second, circumstances_);
      }
    }
    if (end - begin != 3) return Truth::Maybe;
    const Argument& third = words_[begin + 2];
    if (is(second, "=") || is(second, "-eq")) return over_all(first, third, is_same);
    if (is(second, "==")) return fits(first, third);
    if (is(second, "!=") || is(second, "-ne")) return opposite(fits(first, third));
    return Truth::Maybe;
  }

  const std::vector<Argument>& words_;
  const Circumstances& circumstances_;
};

}  // namespace

Truth opposite(Truth truth) {
  return truth == Truth::Yes ? Truth::No : truth == Truth::No ? Truth::Yes : Truth::Maybe;
}

Truth both(Truth a, Truth b) {
  return std::min(a, b);
}

Truth either(Truth a, Truth b) {
  return std::max(a, b);
}

Truth fits(const Argument& subject, const Argument& pattern) {
  return over_all(subject, pattern, fits_one);
}

Truth test(const std::vector<Argument>& words, const Circumstances& circumstances) {
  // What splits at each of thousands of words would be looked at for ever.
  if (words.size() > 200) return Truth::Maybe;
  return Testing(words, circumstances).judge(0, words.size());
}

Truth compare_versions(const std::vector<Argument>& words, const Circumstances& circumstances) {
  std::size_t begin = 0;
  if (!words.empty() && is(words[0], "--")) ++begin;
  if (words.size() != begin + 3 || words[begin + 1].size() != 1) return Truth::Maybe;
  const auto signs = kSigns.find(words[begin + 1][0]);
  if (signs == kSigns.end()) return Truth::Maybe;
  return over_all(words[begin], words[begin + 2], [&](std::string_view a, std::string_view b) {
    const bool left = is_known(a);
    if (left && is_known(b) && circumstances.compare && !a.empty() && !b.empty())
      return of(signs->second.holds(circumstances.compare(a, b)));
    if (left == is_known(b)) return Truth::Maybe;
    return of(signs->second.holds(left ? -1 : 1));
  });
}

}  // namespace aptkeep::shell
