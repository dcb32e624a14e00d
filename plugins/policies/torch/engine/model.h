// The model's weights, its adapter and its passes. Adapters: LoRA (Hu et al., arXiv 2106.09685), y = x W^T + s (x A^T) B^T.
#ifndef HARNESS_TORCH_MODEL_H
#define HARNESS_TORCH_MODEL_H
#include <functional>
#include <utility>

#include "api.h"
#include "ops.h"

namespace harness {

// One matrix product of a layer, of one or more projections with a common input, and the adapter on it.
struct Site {
  struct Part {
    int64_t first, size;  // columns of the result
    int64_t index;        // among the parts with an adapter
    Tensor b, db;         // size x rank
  };
  int64_t in = 0, out = 0;
  Tensor weight;      // out x in; bfloat16 on processors has only the next two
  Tensor fast;        // on processors: in oneDNN's layout; float32: with the adapter merged in, bfloat16: without
  Tensor fast_back;   // the transpose, for the way back: in oneDNN's layout in bfloat16, elsewhere a view of weight
  Tensor bias;        // out, or undefined
  std::vector<Part> parts;
  Tensor a, da;       // (parts * rank) x in
  Tensor blocks;      // (parts * rank) x out: the parts' transposed B on a block diagonal
};

struct Layer {
  Tensor norm1, norm2, q_norm, k_norm;
  Site qkv, o, gate_up, down;
};

// A pack in tensors.
struct Pack {
  Tensor tokens, positions, logit_rows;
  std::vector<Segment> segments;
  Targets targets;
  int64_t rows = 0;
};

// What a layer's backward pass needs; the rest is computed anew from it.
struct LayerTape {
  Tensor x, raw, qkv, attended, lse, middle, gate_up;
};

struct Tape {
  Pack pack;
  double inv_t = 1;
  std::vector<LayerTape> layers;
  Tensor last;               // logit rows x hidden, before the final norm
  std::vector<Tensor> logits; // by chunk of them, or empty: then they are computed again
  std::vector<double> lse;   // per logit row
};

// What a forward pass keeps for its backward pass.
enum class Keep { nothing, activations, activations_and_logits };

struct Model {
  explicit Model(const ht_config &c);
  void set_weight(int kind, int64_t layer, const Tensor &t);
  void set_adapter(const Tensor &p, const Tensor &g, const Tensor &m, const Tensor &v, const int64_t *offsets);
  void ready();
  // Makes fast weights and block diagonals follow the adapter's parameters, where they changed.
  void refresh();

  Pack take(const ht_pack &p) const;
  // Hidden states before the final norm. tape, and seen(layer, qkv), may be null.
  Tensor run(const Pack &p, bool adapter, Tape *tape, const std::function<void(int64_t, const Tensor &)> *seen = nullptr);
  std::unique_ptr<Tape> forward(Pack p, double temperature, bool adapter, Keep keep, double *logp, double *entropy);
  void backward(Tape &t, const double *weight);
  double step(AdamWRule r, double max_norm, int64_t step);

  // rows x vocab of hidden states before the final norm.
  Tensor logits(const Tensor &hidden);
  Tensor embed(const Tensor &tokens);
  // One layer on rows; attend maps the rotated qkv to attention's result.
  Tensor layer(Layer &l, const Tensor &x, const Tensor &positions, bool adapter, LayerTape *tape,
               const std::function<Tensor(const Tensor &, Tensor &)> &attend);

  ht_config c;
  HeadShape heads;
  at::TensorOptions f32;  // float32 on the model's device
  at::ScalarType store;   // of base weights
  bool merges;            // the adapter is folded into the fast weights
  std::unique_ptr<Ops> ops;
  std::vector<Layer> layers;
  Tensor embedding, final_norm, head, fast_head, head_back, cos, sin;
  Tensor params, grads, moment1, moment2;
  bool dirty = true;

 private:
  Tensor apply(const Site &s, const Tensor &x, bool adapter);
  Tensor back(const Site &s, const Tensor &dy, Tensor &g, bool want);
  void collect(Site &s, const Tensor &dy, const Tensor &g, const Tensor &x);
  Tensor layer_back(Layer &l, const LayerTape &t, const Pack &p, const Tensor &dy, bool want);
  void head_norms(const Layer &l, Tensor &qkv);
  std::vector<std::pair<int64_t, int64_t>> chunks(int64_t rows) const;
  static void for_targets(const Targets &t, int64_t begin, int64_t end, Targets &part, size_t &from);
};

}  // namespace harness
#endif
