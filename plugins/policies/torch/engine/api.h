// The engine's C interface: what the Go side of this package calls. Every function that takes err sets *err to a malloc'ed
// message when it fails, and to null otherwise. Tensors cross as at::Tensor*, which is also what gotch's handles are.
// All calls on one engine must come from one thread.
#ifndef HARNESS_TORCH_API_H
#define HARNESS_TORCH_API_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t layers, hidden, ffn, heads, kv_heads, head_dim, vocab, positions;
  double eps;
  int qk_norm, bias, tied;
  const double *inv_freq;  // head_dim / 2
  int cuda;                // device 0 of CUDA instead of the processor
  int bfloat16;            // base weights and their products
  int plain_ops;           // libtorch's operations between products also on the processor
  int64_t rank;            // of the adapter; 0: none
  double scale;            // alpha / rank
} ht_config;

typedef struct ht_engine ht_engine;
typedef struct ht_tape ht_tape;
typedef struct ht_batch ht_batch;

// Weights by place. Layers count from 0; those from HT_EMBED on ignore the layer.
enum { HT_NORM1, HT_Q, HT_K, HT_V, HT_O, HT_NORM2, HT_GATE, HT_UP, HT_DOWN, HT_Q_BIAS, HT_K_BIAS, HT_V_BIAS, HT_Q_NORM, HT_K_NORM, HT_EMBED, HT_FINAL_NORM, HT_HEAD };

// A pack: several prompts with their completions laid end to end, each token once.
typedef struct {
  int64_t rows;            // tokens
  const int64_t *tokens;
  const int32_t *positions;
  int64_t segments;        // 3 numbers each: first row, rows, the prompt's segment or -1
  const int64_t *segment;
  int64_t logit_rows;      // rows whose logits are wanted, ascending
  const int64_t *logit_row;
  int64_t targets;         // index into logit_row, ascending, and token
  const int64_t *target_row, *target_token;
} ht_pack;

// Copies values between tensors of one shape, on any devices.
void ht_copy(void *to, void *from, char **err);

ht_engine *ht_open(const ht_config *c, char **err);
void ht_close(ht_engine *e);
void ht_set_weight(ht_engine *e, int kind, int64_t layer, void *tensor, char **err);
// offsets: layers x 7 x 2 (A, B of q k v o gate up down) positions in the flat tensors, -1 where absent. The A of q, k, v present
// must be adjacent, as must those of gate and up.
void ht_set_adapter(ht_engine *e, void *params, void *grads, void *moment1, void *moment2, const int64_t *offsets, char **err);
// Call when all weights are set.
void ht_ready(ht_engine *e, char **err);
// Call after the adapter's parameters were written from outside.
void ht_adapter_changed(ht_engine *e);

// logp: one per target; entropy: one per target. keep: 0 nothing, 1 activations, 2 logits too; unless it is 0 the tape for ht_backward
// is returned. adapter 0 switches it off.
ht_tape *ht_forward(ht_engine *e, const ht_pack *p, double temperature, int adapter, int keep, double *logp, double *entropy, char **err);
// Adds the gradient of sum_i weight[i] logp[i] to the adapter's.
void ht_backward(ht_engine *e, ht_tape *t, const double *weight, char **err);
void ht_tape_free(ht_tape *t);
// Logits of the pack's logit rows into out (logit_rows x vocab).
void ht_logits(ht_engine *e, const ht_pack *p, int adapter, float *out, char **err);

// Applies the gradient and clears it. norm is its L2 norm before clipping; where that is not finite nothing is applied.
// step counts from 1.
void ht_step(ht_engine *e, double lr, double beta1, double beta2, double eps, double weight_decay, double max_norm, int64_t step, double *norm, char **err);

// Decoding. Prompts of the pack (all its segments) are computed and numbered on from the batch's last one.
ht_batch *ht_batch_new(ht_engine *e, double temperature, double top_p, int64_t top_k, char **err);
void ht_batch_free(ht_batch *b);
void ht_batch_prompts(ht_batch *b, const ht_pack *p, char **err);
void ht_batch_add(ht_batch *b, int64_t prompt, uint64_t seed, char **err);
void ht_batch_close_prompt(ht_batch *b, int64_t prompt, char **err);
// Draws the next token of every row: n entries each.
void ht_batch_step(ht_batch *b, int64_t *tokens, double *logp, int64_t n, char **err);
void ht_batch_keep(ht_batch *b, const int64_t *rows, int64_t n, char **err);

void ht_set_threads(int n);
int ht_threads(void);
// Loads libtorch's CUDA library where it lies beside the processor's; without it CUDA is absent. Null, or why not.
char *ht_load_cuda(void);
// What libtorch says of the CUDA device and its libraries; to be freed.
char *ht_cuda_description(void);
const char *ht_kernels(void);
// 0 if this processor cannot run the set.
int ht_use_kernels(const char *name);
const char *ht_version(void);
// Keeps freed memory in the process, so that activations do not fault in their pages anew at every step.
void ht_keep_memory(void);

#ifdef __cplusplus
}
#endif
#endif
