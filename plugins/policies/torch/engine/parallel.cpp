#include "parallel.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

namespace harness {
namespace {

// libtorch's wheel brings an OpenMP runtime under a name of its own. Compiling with -fopenmp would link a second one, whose
// idle workers would spin against the first's; so the one that is loaded is asked for its entry point.
using Run = void (*)(void (*)(void *), void *, unsigned, unsigned);
using Self = int (*)();

struct OpenMP {
  Run run = reinterpret_cast<Run>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  Self self = reinterpret_cast<Self>(dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
};

struct Job {
  const std::function<void(int)> *f;
  int (*self)();
  std::mutex lock;
  std::exception_ptr failed;
};

void work(void *p) {
  auto job = static_cast<Job *>(p);
  try {
    (*job->f)(job->self());
  } catch (...) {
    std::lock_guard<std::mutex> hold(job->lock);
    job->failed = std::current_exception();
  }
}

// Runs f(0) … f(n-1), each on a thread of its own where there is an OpenMP runtime.
void team(int n, const std::function<void(int)> &f) {
  static const OpenMP omp;
  if (n <= 1 || !omp.run || !omp.self) {
    for (int i = 0; i < n; i++) f(i);
    return;
  }
  Job job{&f, omp.self, {}, nullptr};
  omp.run(work, &job, unsigned(n), 0);
  if (job.failed) std::rethrow_exception(job.failed);
}

}  // namespace

void set_threads(int n) { at::set_num_threads(n); }
int threads() { return at::get_num_threads(); }

void split(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &f) {
  if (n <= 0) return;
  int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads(), n / std::max<int64_t>(1, grain)));
  if (parts == 1) return f(0, n);
  team(int(parts), [&](int i) { f(n * i / parts, n * (i + 1) / parts); });
}

void tasks(int64_t n, const std::function<void(int64_t)> &f) {
  std::atomic<int64_t> next{0};
  team(int(std::min<int64_t>(threads(), n)), [&](int) {
    for (int64_t i; (i = next.fetch_add(1)) < n;) f(i);
  });
}

}  // namespace harness
