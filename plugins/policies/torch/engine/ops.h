// The steps between matrix products, on tensors. Two implementations: loops of our own for processors (kernels.h), and plain
// libtorch operations, which run on any device and are what the loops are tested against.
#ifndef HARNESS_TORCH_OPS_H
#define HARNESS_TORCH_OPS_H
#include <ATen/ATen.h>

#include <memory>
#include <vector>

#include "kernels.h"

namespace harness {

using at::Tensor;

// Log-probabilities wanted from one chunk of logits: for target i the token token[i] of row row[i], rows ascending from 0.
struct Targets {
  std::vector<int64_t> row, token;
};

// All tensors are float32 on one device unless said otherwise; rows come first.
struct Ops {
  virtual ~Ops() = default;

  virtual Tensor rms_norm(const Tensor &x, const Tensor &w, double eps) = 0;
  // The gradient by x, plus add where it is defined.
  virtual Tensor rms_norm_back(const Tensor &dy, const Tensor &x, const Tensor &w, const Tensor &add, double eps) = 0;
  // In place on the first `heads` heads of each row of x. cos and sin: positions x head_dim/2; pos: int32, one per row.
  virtual void rope(Tensor &x, int64_t heads, int64_t head_dim, const Tensor &cos, const Tensor &sin, const Tensor &pos, double sign) = 0;
  // y += a b; y and b may be strided between rows.
  virtual void add_product(Tensor y, const Tensor &a, const Tensor &b) = 0;
  virtual Tensor swiglu(const Tensor &gate_up) = 0;
  // The gradient by gate | up, and into act what swiglu gives.
  virtual Tensor swiglu_back(const Tensor &dact, const Tensor &gate_up, Tensor &act) = 0;
  // rows x heads*head_dim; lse (heads x rows) is what attend_back needs.
  virtual Tensor attend(const HeadShape &h, const Tensor &qkv, const std::vector<Segment> &segs, Tensor &lse) = 0;
  virtual Tensor attend_back(const HeadShape &h, const Tensor &qkv, const Tensor &out, const Tensor &lse, const Tensor &dout,
                             const std::vector<Segment> &segs) = 0;
  // logp: one per target; lse and entropy: one per row of logits. Nats, of softmax(inv_t * logits).
  virtual void log_probs(const Tensor &logits, double inv_t, const Targets &t, double *logp, double *lse, double *entropy) = 0;
  // The gradient by the logits of sum_i weight[i] logp[i]; logits are overwritten with it.
  virtual void log_probs_back(Tensor &logits, double inv_t, const Targets &t, const double *weight, const double *lse) = 0;
  virtual double sum_squares(const Tensor &x) = 0;
  virtual void adamw(Tensor &p, const Tensor &g, Tensor &m, Tensor &v, const AdamWRule &r) = 0;
};

// Keys and values of a decoding batch. Prompts are numbered from 0 in order of add_prompt, rows by their place in the batch.
struct Cache {
  virtual ~Cache() = default;
  virtual int64_t add_prompt(int64_t len) = 0;
  // Takes keys and values of one layer from the prompt's rows of a pack's qkv.
  virtual void fill(int64_t prompt, int64_t layer, const Tensor &qkv) = 0;
  virtual void add_row(int64_t prompt) = 0;
  // No row will be added for the prompt any more: it is freed with its last row.
  virtual void close_prompt(int64_t prompt) = 0;
  // Leaves only the rows listed, ascending.
  virtual void keep(const std::vector<int64_t> &rows) = 0;
  // Makes room for one more position in the first n rows.
  virtual void extend(int64_t n) = 0;
  // Appends the rows' keys and values of one layer, and returns attention's result. qkv has one row per batch row below n.
  virtual Tensor attend(int64_t layer, const Tensor &qkv) = 0;
};

std::unique_ptr<Ops> processor_ops();
std::unique_ptr<Ops> libtorch_ops();
std::unique_ptr<Cache> processor_cache(const HeadShape &h, int64_t layers);
std::unique_ptr<Cache> libtorch_cache(const HeadShape &h, int64_t layers, const at::TensorOptions &o);

}  // namespace harness
#endif
