#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#define KERNELS kernels_portable
#define KERNELS_NAME "portable"
#define VECTOR_BYTES 16
#define TILE_VECTORS 2
#include "kernels.inc"

#include <atomic>

namespace harness {
namespace {

// Best first.
const Kernels *available(int i) {
#if defined(__x86_64__)
  const Kernels *all[] = {
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") ? &kernels_avx512 : nullptr,
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernels_avx2 : nullptr,
      &kernels_portable,
  };
#else
  const Kernels *all[] = {&kernels_portable};
#endif
  int n = 0;
  for (const Kernels *k : all)
    if (k && n++ == i) return k;
  return nullptr;
}

std::atomic<const Kernels *> chosen{nullptr};

}  // namespace

const Kernels &kernels() {
  static const Kernels *best = available(0);
  const Kernels *k = chosen.load();
  return k ? *k : *best;
}

bool use_kernels(const char *name) {
  for (int i = 0; const Kernels *k = available(i); i++)
    if (std::strcmp(k->name, name) == 0) {
      chosen = k;
      return true;
    }
  return false;
}

}  // namespace harness
