// The loops between the matrix products, for processors. Each is compiled for several instruction sets; kernels() picks one.
// All matrices are float32 and row-major; [begin, end) are rows, so that callers can share rows out among threads.
#ifndef HARNESS_TORCH_KERNELS_H
#define HARNESS_TORCH_KERNELS_H
#include <cstdint>

namespace harness {

// A run of consecutive rows of a pack: a prompt (parent < 0) or a completion of the prompt segment `parent`, whose
// keys and values its rows see too. Rows see earlier rows of their own segment.
struct Segment {
  int64_t start, len, parent;
};

// Where one layer's rows of queries, keys and values lie: width = (heads + 2 kv_heads) head_dim, in this order.
struct HeadShape {
  int64_t heads, kv_heads, head_dim;
  int64_t width() const { return (heads + 2 * kv_heads) * head_dim; }
  int64_t group() const { return heads / kv_heads; }
};

// Positions per block of the decoder's key/value cache.
constexpr int64_t kBlock = 32;

// One row of a decoding batch as an attention task sees it. A block holds head_dim x kBlock keys (transposed), then
// kBlock x head_dim values.
struct CacheRow {
  const float *const *prompt_blocks;
  int64_t prompt_len;
  const float *const *own_blocks;
  int64_t own_len;
};

// The largest vocabulary that can be sampled from.
constexpr int64_t kMaxVocab = int64_t(1) << 21;

struct SampleRule {
  double temperature;  // 0: the most probable token
  double top_p;        // in (0, 1]; 1 keeps all
  int64_t top_k;       // 0 keeps all
};

struct AdamWRule {
  double lr, beta1, beta2, eps, weight_decay;
  double clip;         // factor on the gradient
  double bias1, bias2; // 1 - beta^t
};

struct Kernels {
  const char *name;
  int64_t lanes;  // head_dim must be a multiple of this

  // y = x / sqrt(mean(x^2) + eps) * w
  void (*rms_norm)(const float *x, const float *w, float *y, int64_t begin, int64_t end, int64_t n, float eps);
  // dx = add + d(rms_norm)/dx applied to dy; add may be null, and may be dx.
  void (*rms_norm_back)(const float *dy, const float *x, const float *w, const float *add, float *dx, int64_t begin, int64_t end,
                        int64_t n, float eps);
  // Rotates the two halves of each of the first `heads` heads of a row by its position's angles, sign +1 or -1.
  void (*rope)(float *x, int64_t begin, int64_t end, int64_t stride, int64_t heads, int64_t head_dim, const float *cos,
               const float *sin, const int32_t *pos, float sign);
  // y += a b for rows of y (stride ldy, n columns, a multiple of lanes), a (stride lda, k columns) and all of b (stride ldb).
  void (*add_product)(float *y, int64_t ldy, const float *a, int64_t lda, const float *b, int64_t ldb, int64_t begin, int64_t end, int64_t n, int64_t k);
  // gu has gate | up, 2n columns. act = silu(gate) * up
  void (*swiglu)(const float *gu, float *act, int64_t begin, int64_t end, int64_t n);
  // Also gives act again, which the gradient of the matrix after it needs.
  void (*swiglu_back)(const float *dact, const float *gu, float *dgu, float *act, int64_t begin, int64_t end, int64_t n);

  // Attention of segment s by key/value head j: out (rows x heads*head_dim) and lse (heads x rows).
  void (*attend)(const HeadShape &h, const float *qkv, const Segment *segs, int64_t s, int64_t j, int64_t rows, float *out, float *lse);
  // Writes the segment's own dq, dk, dv; what goes to the parent's keys and values is written to to_parent
  // (2 x parent length x head_dim), which is null for a prompt.
  void (*attend_back)(const HeadShape &h, const float *qkv, const float *out, const float *lse, const float *dout, const Segment *segs,
                      int64_t s, int64_t j, int64_t rows, float *dqkv, float *to_parent);
  // Attention of n rows that share a prompt, one query each, by key/value head j. q and out are rows of qkv and of the result.
  void (*attend_cached)(const HeadShape &h, const CacheRow *rows, int64_t n, int64_t block_offset, const float *const *q, float *const *out, int64_t j);

  // Per row of logits scaled by inv_t: log of the sum of exponentials, and the entropy in nats.
  void (*log_sum_exp)(const float *logits, int64_t begin, int64_t end, int64_t vocab, double inv_t, double *lse, double *entropy);
  // In place: logits become inv_t * (onehots - total * softmax), for one row; the row's onehots are the (token, weight) pairs, total their sum.
  void (*log_prob_back)(float *logits, int64_t vocab, double inv_t, double lse, const int64_t *token, const double *weight, int64_t pairs);
  // Draws a token with the uniform number u in [0, 1); logp is its log-probability in the truncated, renormalised distribution.
  // scratch holds vocab floats; vocab is at most kMaxVocab. Logits that are not finite give -1.
  int64_t (*sample)(const float *logits, int64_t vocab, const SampleRule &r, double u, float *scratch, double *logp);

  double (*sum_squares)(const float *x, int64_t n);
  void (*adamw)(float *p, const float *g, float *m, float *v, int64_t begin, int64_t end, const AdamWRule &r);
};

extern const Kernels kernels_portable, kernels_avx2, kernels_avx512;

// The set in use: the best that this processor can run, unless use_kernels chose another.
const Kernels &kernels();

// Chooses a set by name; false if there is none of that name that this processor can run.
bool use_kernels(const char *name);

}  // namespace harness
#endif
