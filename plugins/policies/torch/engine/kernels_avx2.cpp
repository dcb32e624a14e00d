#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx2,fma")
#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#define VECTOR_BYTES 32
#define TILE_VECTORS 2
#include "kernels.inc"
#endif
