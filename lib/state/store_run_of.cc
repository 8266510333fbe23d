#include "state/store_impl.h"

namespace aptkeep {

Result<std::int64_t> Store::run_of_process(const Frontend& frontend) {
  state::Database& db = impl_->db;
  state::Transaction transaction(db, false);
  std::int64_t run = 0;
  {
    state::Query row(db,
                     "SELECT id FROM runs WHERE pid=? AND start_time=? AND boot=?"
                     " ORDER BY id DESC LIMIT 1");
    row.bind(frontend.pid).bind(static_cast<std::int64_t>(frontend.start_time)).bind(frontend.boot);
    if (row.row()) run = row.integer(0);
  }
  const Status done = transaction.finish("find a process's run in " + impl_->path);
  if (!done) return done.error();
  return run;
}

}  // namespace aptkeep
