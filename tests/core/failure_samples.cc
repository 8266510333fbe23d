#include "failure_samples.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/dpkg_status.h"
#include "test_data.h"

namespace aptkeep::test {
namespace {

Phase phase_of(const std::string& name) {
  for (const Phase phase :
       {Phase::Unpack, Phase::Configure, Phase::Remove, Phase::Purge, Phase::Trigger}) {
    if (name == to_string(phase)) return phase;
  }
  throw std::runtime_error("unknown phase " + name);
}

}  // namespace

FailureSample parse_failure_sample(const std::string& name, const std::string& text) {
  const auto gap = text.find("\n\n");
  if (gap == std::string::npos) throw std::runtime_error(name + " has no empty line");
  std::map<std::string, std::string> fields;
  for (std::size_t at = 0; at < gap;) {
    const auto end = std::min(text.find('\n', at), gap);
    const auto colon = text.find(": ", at);
    if (colon >= end) throw std::runtime_error(name + " has a line without a value");
    fields[text.substr(at, colon - at)] = text.substr(colon + 2, end - colon - 2);
    at = end + 1;
  }
  FailureSample sample;
  sample.name = name;
  sample.wanted = fields.at("class");
  sample.facts.phase = phase_of(fields.at("phase"));
  sample.facts.message = fields["message"];
  sample.facts.output = text.substr(gap + 2);
  const ScriptError error = parse_script_error(sample.facts.message);
  sample.facts.script = error.script;
  sample.facts.exit_code = error.exit_code;
  sample.facts.signal = error.signal;
  if (error.script.empty()) sample.facts.exit_code = std::stoi(fields.at("dpkg-exit"));
  return sample;
}

std::vector<FailureSample> failure_samples() {
  std::vector<FailureSample> samples;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir() / "failures")) {
    samples.push_back(parse_failure_sample(entry.path().stem().string(), read_file(entry.path())));
  }
  std::sort(samples.begin(), samples.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return samples;
}

}  // namespace aptkeep::test
