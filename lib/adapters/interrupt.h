// A person's Ctrl-C while no dpkg runs: a terminal sends it to all who wait there.
#pragma once

namespace aptkeep {

// From now on SIGINT and SIGQUIT are noted instead of ending this process, and SIGHUP is let pass,
// as apt and dpkg do. What was ignored stays so; programs that are started find all as it was.
void note_interrupts();

// Whether one has come since.
bool interrupted();

}  // namespace aptkeep
