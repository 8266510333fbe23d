#include "fake_world.h"

#include <algorithm>

namespace aptkeep::fake {
namespace {

std::string slot(const std::string& name) {
  return name.find(':') == std::string::npos ? name + ":amd64" : name;
}

std::string bare(const std::string& slot_name) {
  return slot_name.substr(0, slot_name.find(':'));
}

}  // namespace

void World::install(const std::string& name, const std::string& version,
                    const std::vector<std::string>& needs) {
  db[slot(name)] = DbPackage{version, "amd64", "ii", false};
  depends[name] = needs;
}

std::string World::state(const std::string& name) const {
  const auto entry = db.find(slot(name));
  return entry == db.end() ? std::string() : entry->second.state + " " + entry->second.version;
}

void World::error(Call& call, const std::string& subject, const std::string& message) {
  call.log += "status: " + subject + " : error : " + message + "\n";
  ++call.errors;
  call.stop = true;  // the engine always asks for --abort-after=1
}

void World::unpack(Call& call, const std::string& path) {
  const Archive archive = archives.at(path);
  const std::string key = slot(archive.package);
  const bool upgrade = db.contains(key);
  call.log += std::string("processing: ") + (upgrade ? "upgrade" : "install") + ": " +
              archive.package + "\n";
  if (!archive.overwrites.empty() && db.contains(slot(archive.overwrites)) &&
      db.at(slot(archive.overwrites)).version == "1.0") {
    error(call, path,
          "trying to overwrite '/usr/bin/x', which is also in package " + archive.overwrites +
              " 1.0");
    return;
  }
  scripts.push_back("preinst " + archive.package + " " + archive.version);
  if (archive.preinst_interrupted) {
    error(call, path,
          "new " + archive.package + " package pre-installation script subprocess was interrupted");
    return;
  }
  if (archive.preinst_fails) {
    if (archive.abort_upgrade_fails) {
      const std::string old = upgrade ? db.at(key).version : archive.version;
      db[key] = DbPackage{old, "amd64", "iHR", false};
    }
    error(call, path,
          "new " + archive.package +
              " package pre-installation script subprocess returned error exit status 3");
    return;
  }
  if (archive.preinst_killed_times > 0) {
    --archives.at(path).preinst_killed_times;
    error(call, path,
          "new " + archive.package +
              " package pre-installation script subprocess was killed by signal (Killed)");
    return;
  }
  if (archive.no_room) {
    error(call, path,
          "unable to create '/usr/big.dpkg-new' (while processing './usr/big'): "
          "No space left on device");
    return;
  }
  if (archive.package == killed_at) {
    if (--kills == 0) killed_at.clear();
    db[key] = DbPackage{upgrade ? db.at(key).version : archive.version, archive.arch, "iHR", false};
    call.stop = call.killed = true;
    return;
  }
  db[key] = DbPackage{archive.version, archive.arch, "iU", false};
  depends[archive.package] = archive.depends;
  unpacked_[archive.package] = archive;
  call.log += "status: " + archive.package + ": unpacked\n";
}

bool World::needs_met(const std::string& name) const {
  const auto needs = depends.find(name);
  if (needs == depends.end()) return true;
  return std::all_of(needs->second.begin(), needs->second.end(), [&](const std::string& need) {
    const auto entry = db.find(slot(need));
    return entry != db.end() && entry->second.configured();
  });
}

void World::configure_one(Call& call, const std::string& name) {
  DbPackage& entry = db.at(slot(name));
  call.log += "processing: configure: " + name + "\n";
  if (unpacked_[name].conffile_question) {
    call.log += "status: /etc/" + name + " : conffile-prompt : '/etc/x' '/etc/x.new' 1 1 \n";
    error(call, name, "end of file on stdin at conffile prompt");
    return;
  }
  scripts.push_back("postinst " + name + " " + entry.version);
  if (unpacked_[name].postinst_interrupted) {
    entry.state = "iF";
    error(call, name,
          "installed " + name + " package post-installation script subprocess was interrupted");
    return;
  }
  if (name == killed_configuring) {
    killed_configuring.clear();
    entry.state = "iF";
    call.stop = call.killed = true;
    return;
  }
  Archive& archive = unpacked_[name];
  if (archive.postinst_fails || archive.postinst_fails_times > 0) {
    if (archive.postinst_fails_times > 0) --archive.postinst_fails_times;
    entry.state = "iF";
    printed_ = archive.prints;
    error(call, name, "installed " + name + " package " + archive.says);
    return;
  }
  entry.state = archive.trigger || archive.trigger_fails ? "it" : "ii";
  call.log += "status: " + name + ": installed\n";
}

void World::process_triggers(Call& call, const std::vector<std::string>& only) {
  for (auto& [key, entry] : db) {
    if (entry.state != "it" || call.stop) continue;
    const std::string name = bare(key);
    if (!only.empty() && std::count(only.begin(), only.end(), key) == 0) continue;
    call.log += "processing: trigproc: " + name + "\n";
    scripts.push_back("triggered " + name + " " + entry.version);
    if (!unpacked_[name].trigger_fails) {
      entry.state = "ii";
      continue;
    }
    entry.state = "iF";
    error(call, name,
          "installed " + name +
              " package post-installation script subprocess returned error exit status 1");
  }
}

void World::configure(Call& call, std::vector<std::string> names) {
  for (bool moved = true; moved && !call.stop;) {
    moved = false;
    for (auto name = names.begin(); name != names.end() && !call.stop;) {
      if (!needs_met(*name)) {
        ++name;
        continue;
      }
      configure_one(call, *name);
      name = names.erase(name);
      moved = true;
    }
  }
  for (const auto& name : names) {
    if (call.stop) return;
    error(call, name, "dependency problems - leaving unconfigured");
  }
}

void World::remove(Call& call, const std::string& name) {
  const auto entry = db.find(slot(name));
  if (entry == db.end()) return;
  call.log += "processing: remove: " + name + "\n";
  entry->second.state[0] = 'r';
  if (prerm_fails.contains(name)) {
    error(call, name,
          "installed " + name +
              " package pre-removal script subprocess returned error exit status 7");
    return;
  }
  db.erase(entry);
}

Result<DpkgResult> World::run(const std::vector<std::string>& args) {
  calls.push_back(args);
  if (before_call) before_call(args);
  DpkgResult result;
  if (fail_call_with != 0) {
    result.exit_code = fail_call_with;
    return result;
  }
  const auto verb = std::find_if(args.begin(), args.end(), [](const std::string& arg) {
    return arg == "--unpack" || arg == "--configure" || arg == "--remove" || arg == "--purge" ||
           arg == "--triggers-only";
  });
  std::vector<std::string> operands(std::min(verb + 1, args.end()), args.end());
  const bool pending = std::erase(operands, "--pending") > 0;
  Call call;
  if (*verb != "--unpack") {
    for (const auto& operand : operands) {
      // As dpkg does: an Architecture: all package has no name with the native architecture.
      const auto entry = db.find(slot(bare(operand)));
      const bool qualified = operand.find(':') != std::string::npos;
      if (entry == db.end() || !qualified) continue;
      if (operand != bare(operand) + ":" + entry->second.arch) {
        error(call, operand, "package is not installed");
      }
    }
  }
  if (*verb == "--unpack") {
    const auto gone = [&](const std::string& path) { return !archives.contains(path); };
    if (std::any_of(operands.begin(), operands.end(), gone)) {
      result.exit_code = 2;  // "cannot access archive", before anything is done
      return result;
    }
    for (const auto& path : operands) {
      if (!call.stop) unpack(call, path);
    }
  } else if (*verb == "--configure") {
    std::vector<std::string> names;
    for (const auto& operand : operands) names.push_back(bare(operand));
    for (const auto& [key, entry] : db) {
      const bool waits = entry.state == "iU" || entry.state == "iF";
      if (pending && waits) names.push_back(bare(key));
    }
    configure(call, names);
    if (pending && std::count(args.begin(), args.end(), "--no-triggers") == 0)
      process_triggers(call, {});
  } else if (*verb == "--triggers-only") {
    process_triggers(call, operands);
  } else if (*verb == "--remove") {
    for (const auto& name : operands) {
      if (!call.stop) remove(call, bare(name));
    }
  }
  result.exit_code = call.killed ? -1 : call.errors > 0 ? 1 : 0;
  result.signal = call.killed ? 9 : 0;
  result.status_log = call.log;
  result.tail = call.errors > 0 ? printed_ : "";
  result.oom_kill = oom_kill;
  if (after_call) after_call();
  return result;
}

std::map<std::string, std::string> Memory::take(const std::vector<std::string>& packages) {
  std::map<std::string, std::string> refused;
  for (const auto& package : packages) {
    if (!saved_.contains(package)) log.push_back("take " + package);
    if (refuse.contains(package)) {
      refused[package] = refuse.at(package);
      continue;
    }
    const auto entry = world_.db.find(package);
    if (entry == world_.db.end() || saved_.contains(package)) continue;
    Archive old;
    old.package = bare(package);
    old.version = entry->second.version;
    old.arch = entry->second.arch;
    old.depends = world_.depends[old.package];
    old.postinst_fails = old_postinst_fails.contains(package);
    old.preinst_fails = old_preinst_fails.contains(package);
    old.abort_upgrade_fails = old_abort_fails.contains(package);
    old.preinst_killed_times = old_preinst_killed[package];
    if (old_postinst_killed_once.contains(package)) {
      old.postinst_fails_times = 1;
      old.says = "post-installation script subprocess was killed by signal (Killed)";
    }
    saved_[package] = old;
  }
  return refused;
}

std::map<std::string, std::string> Memory::renew(const std::vector<std::string>& packages) {
  for (const auto& package : packages) log.push_back("renew " + package);
  return {};
}

Status Memory::note_new(const std::vector<std::string>& packages) {
  for (const auto& package : packages) log.push_back("note " + package);
  return success();
}

std::vector<std::string> Memory::undo_new(const std::string& package) {
  log.push_back("undo " + package);
  return remains[package];
}

std::vector<std::string> Memory::undo_scripts(const std::string& package,
                                              const std::string& archive, bool once) {
  log.push_back("undo-scripts " + package + " " + archive + (once ? " once" : ""));
  return remains[package];
}

Result<std::string> Memory::archive(const std::string& package) {
  if (archive_fails.contains(package)) return Error{"unable to make an archive of " + package};
  const std::string path = "/snapshots/" + package;
  world_.archives[path] = saved_.at(package);
  if (saved_.at(package).preinst_killed_times > 0) --saved_.at(package).preinst_killed_times;
  return path;
}

Status Memory::remove_strays(const std::string& package, const std::string& archive) {
  log.push_back("strays " + package + " " + archive);
  return success();
}

Status Memory::clear_way(const std::vector<std::string>& packages) {
  for (const auto& package : packages) log.push_back("clear " + package);
  return success();
}

Status Memory::unsettle(const std::string& package) {
  log.push_back("unsettle " + package);
  return success();
}

bool Memory::lacks_files(const std::string& package) {
  const bool lacks = lacking.erase(package) > 0;
  if (lacks) log.push_back("lacks " + package);
  return lacks;
}

Status Memory::settle(const std::vector<std::string>& packages) {
  for (const auto& package : packages) log.push_back("settle " + package);
  return success();
}

Result<std::vector<std::string>> Memory::complete(const std::vector<std::string>& packages) {
  std::vector<std::string> found;
  for (const auto& package : packages) {
    log.push_back("complete " + package);
    const auto left = remains.find(package);
    if (left != remains.end()) found = left->second;
  }
  return found;
}

}  // namespace aptkeep::fake
