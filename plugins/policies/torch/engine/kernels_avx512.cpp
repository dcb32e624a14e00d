#if defined(__x86_64__)
#pragma GCC optimize("O3", "no-math-errno", "no-trapping-math")
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma,prefer-vector-width=512")
#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#define VECTOR_BYTES 64
#define TILE_VECTORS 4
#include "kernels.inc"
#endif
