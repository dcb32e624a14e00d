#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#define KERNELS kernels_portable
#define KERNELS_NAME "portable"
#define VECTOR_BYTES 16
#define TILE_VECTORS 2
#include "kernels.inc"

namespace harness {

const Kernels &kernels() {
#if defined(__x86_64__)
  static const Kernels &best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? kernels_avx512
                               : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")       ? kernels_avx2
                                                                                                       : kernels_portable;
  return best;
#else
  return kernels_portable;
#endif
}

}  // namespace harness
