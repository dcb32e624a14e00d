// Work sharing on the OpenMP pool that libtorch itself uses.
#ifndef HARNESS_TORCH_PARALLEL_H
#define HARNESS_TORCH_PARALLEL_H
#include <cstdint>
#include <functional>

namespace harness {

// Sets the number of compute threads of libtorch and of the functions below.
void set_threads(int n);
int threads();

// Calls f(begin, end) on disjoint ranges that cover [0, n); each range but the last has at least grain entries.
// The ranges depend on n, grain and the number of threads alone.
void split(int64_t n, int64_t grain, const std::function<void(int64_t, int64_t)> &f);

// Calls f(i) once for every i in [0, n), in order of demand. Calls must not write to a common place.
void tasks(int64_t n, const std::function<void(int64_t)> &f);

}  // namespace harness
#endif
