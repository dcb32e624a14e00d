#include "model.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <cmath>

namespace harness {
namespace {

// libtorch multiplies float32 matrices with MKL, which holds back on other makers' processors; oneDNN, in the same library, does not.
// This operator was made for compiled graphs, and can be called by name. w may be strided, or packed by pack().
Tensor onednn(const Tensor &x, const Tensor &w) {
  using F = Tensor(const Tensor &, const Tensor &, const c10::optional<Tensor> &, c10::string_view, c10::List<c10::optional<at::Scalar>>,
                   c10::optional<c10::string_view>);
  static auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<F>();
  return op.call(x, w, c10::nullopt, "none", c10::List<c10::optional<at::Scalar>>(), "");
}

// A copy of w in oneDNN's own layout: decoding reads each weight once for a few rows, and this layout streams best.
Tensor pack(const Tensor &w) {
  using F = Tensor(const Tensor &, c10::optional<int64_t>);
  static auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<F>();
  return op.call(w, c10::nullopt);
}

// x w^T
Tensor product(const Tensor &x, const Tensor &w) {
  if (x.device().is_cpu()) return onednn(x.contiguous(), w);
  return at::matmul(x, w.t());
}

// x w^T with w in the base weights' type, x and the result in float32.
Tensor base_product(const Tensor &x, const Tensor &w) {
  if (w.scalar_type() == at::kFloat) return product(x, w);
  return product(x.to(w.scalar_type()), w).to(at::kFloat);
}

constexpr int64_t kLogitBytes = int64_t(96) << 20;  // of one chunk of logits

}  // namespace

Model::Model(const ht_config &c_) : c(c_) {
  TORCH_CHECK(c.layers > 0 && c.hidden > 0 && c.ffn > 0 && c.vocab > 0 && c.head_dim > 0 && c.head_dim % 2 == 0 && c.kv_heads > 0 &&
                  c.heads % c.kv_heads == 0 && c.positions > 0,
              "a model of impossible shape");
  heads = {c.heads, c.kv_heads, c.head_dim};
  at::Device device = c.cuda ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  f32 = at::TensorOptions().dtype(at::kFloat).device(device);
  store = c.bfloat16 ? at::kBFloat16 : at::kFloat;
  merges = !c.cuda && !c.bfloat16;
  ops = c.cuda || c.plain_ops || c.head_dim % kernels().lanes ? libtorch_ops() : processor_ops();

  Tensor angles = at::empty({c.positions, c.head_dim / 2}, at::kDouble);
  double *a = angles.data_ptr<double>();
  for (int64_t p = 0; p < c.positions; p++)
    for (int64_t i = 0; i < c.head_dim / 2; i++) *a++ = double(float(c.inv_freq[i]) * float(p));  // float32, as every other implementation
  c.inv_freq = nullptr;
  cos = angles.cos().to(f32);
  sin = angles.sin().to(f32);

  auto o = f32.dtype(store);
  int64_t qw = c.heads * c.head_dim, kw = c.kv_heads * c.head_dim;
  layers.resize(c.layers);
  for (Layer &l : layers) {
    l.norm1 = at::empty({c.hidden}, f32);
    l.norm2 = at::empty({c.hidden}, f32);
    if (c.qk_norm) {
      l.q_norm = at::empty({c.head_dim}, f32);
      l.k_norm = at::empty({c.head_dim}, f32);
    }
    auto site = [&](Site &s, int64_t in, int64_t out) {
      s.in = in;
      s.out = out;
      s.weight = at::empty({out, in}, o);
    };
    site(l.qkv, c.hidden, qw + 2 * kw);
    site(l.o, qw, c.hidden);
    site(l.gate_up, c.hidden, 2 * c.ffn);
    site(l.down, c.ffn, c.hidden);
    if (c.bias) l.qkv.bias = at::empty({qw + 2 * kw}, f32);
  }
  embedding = at::empty({c.vocab, c.hidden}, o);
  final_norm = at::empty({c.hidden}, f32);
  head = c.tied ? embedding : at::empty({c.vocab, c.hidden}, o);
}

void Model::set_weight(int kind, int64_t i, const Tensor &t) {
  int64_t qw = c.heads * c.head_dim, kw = c.kv_heads * c.head_dim;
  TORCH_CHECK(kind >= HT_EMBED || (i >= 0 && i < c.layers), "layer ", i, " of ", c.layers);
  auto &l = layers[kind >= HT_EMBED ? 0 : i];
  Tensor to;
  switch (kind) {
    case HT_NORM1: to = l.norm1; break;
    case HT_NORM2: to = l.norm2; break;
    case HT_Q: to = l.qkv.weight.narrow(0, 0, qw); break;
    case HT_K: to = l.qkv.weight.narrow(0, qw, kw); break;
    case HT_V: to = l.qkv.weight.narrow(0, qw + kw, kw); break;
    case HT_O: to = l.o.weight; break;
    case HT_GATE: to = l.gate_up.weight.narrow(0, 0, c.ffn); break;
    case HT_UP: to = l.gate_up.weight.narrow(0, c.ffn, c.ffn); break;
    case HT_DOWN: to = l.down.weight; break;
    case HT_Q_BIAS: to = l.qkv.bias.defined() ? l.qkv.bias.narrow(0, 0, qw) : to; break;
    case HT_K_BIAS: to = l.qkv.bias.defined() ? l.qkv.bias.narrow(0, qw, kw) : to; break;
    case HT_V_BIAS: to = l.qkv.bias.defined() ? l.qkv.bias.narrow(0, qw + kw, kw) : to; break;
    case HT_Q_NORM: to = l.q_norm; break;
    case HT_K_NORM: to = l.k_norm; break;
    case HT_EMBED: to = embedding; break;
    case HT_FINAL_NORM: to = final_norm; break;
    case HT_HEAD: to = head; break;
  }
  TORCH_CHECK(!head_back.defined(), "weights are set after the model was made ready");
  TORCH_CHECK(to.defined(), "this model has no weight of kind ", kind);
  TORCH_CHECK(to.sizes() == t.sizes(), "a weight of shape ", t.sizes(), " where ", to.sizes(), " is needed");
  to.copy_(t);
}

void Model::set_adapter(const Tensor &p, const Tensor &g, const Tensor &m, const Tensor &v, const int64_t *offsets) {
  for (const Tensor *t : {&p, &g, &m, &v})
    TORCH_CHECK(t->dim() == 1 && t->numel() == p.numel() && t->scalar_type() == at::kFloat && t->device() == f32.device() && t->is_contiguous(),
                "adapter tensors must be flat, float32, of one length and on the model's device");
  params = p;
  grads = g;
  moment1 = m;
  moment2 = v;
  auto bind = [&](Site &s, const int64_t *at_, std::vector<int64_t> sizes) {
    s.parts.clear();
    int64_t first = 0, begin = -1;
    for (size_t i = 0; i < sizes.size(); i++, first += sizes[i - 1]) {
      int64_t a = at_[2 * i], b = at_[2 * i + 1], n = int64_t(s.parts.size());
      if (a < 0) continue;
      if (begin < 0) begin = a;
      TORCH_CHECK(a == begin + n * c.rank * s.in, "the adapter's matrices of one product are not adjacent");
      auto view = [&](const Tensor &t) { return t.narrow(0, b, sizes[i] * c.rank).view({sizes[i], c.rank}); };
      s.parts.push_back({first, sizes[i], n, view(params), view(grads)});
    }
    if (s.parts.empty()) return;
    int64_t wide = int64_t(s.parts.size()) * c.rank;
    s.a = params.narrow(0, begin, wide * s.in).view({wide, s.in});
    s.da = grads.narrow(0, begin, wide * s.in).view({wide, s.in});
    s.blocks = at::zeros({wide, s.out}, f32);
  };
  int64_t qw = c.heads * c.head_dim, kw = c.kv_heads * c.head_dim;
  for (int64_t i = 0; i < c.layers; i++) {
    const int64_t *at_ = offsets + i * 14;
    bind(layers[i].qkv, at_, {qw, kw, kw});
    bind(layers[i].o, at_ + 6, {c.hidden});
    bind(layers[i].gate_up, at_ + 8, {c.ffn, c.ffn});
    bind(layers[i].down, at_ + 12, {c.hidden});
  }
  dirty = true;
}

void Model::ready() {
  // In float32 oneDNN multiplies by a strided transpose as fast as by its own layout; in bfloat16 it would rearrange it at every call.
  bool rearrange = !c.cuda && c.bfloat16;
  fast_head = c.cuda ? head : pack(head);
  head_back = rearrange ? pack(head.t().contiguous()) : head.t();
  for (Layer &l : layers)
    for (Site *s : {&l.qkv, &l.o, &l.gate_up, &l.down}) {
      s->fast_back = s->weight.t();
      if (!rearrange) continue;
      s->fast = pack(s->weight);
      s->fast_back = pack(s->fast_back.contiguous());
      s->weight = Tensor();
    }
  dirty = true;
}

void Model::refresh() {
  if (!dirty) return;
  for (Layer &l : layers)
    for (Site *s : {&l.qkv, &l.o, &l.gate_up, &l.down}) {
      for (auto &p : s->parts) s->blocks.narrow(0, p.index * c.rank, c.rank).narrow(1, p.first, p.size).copy_(p.b.t());
      if (!merges) continue;
      // always from the float32 base: updates do not pile up rounding errors
      s->fast = pack(s->parts.empty() ? s->weight : at::addmm(s->weight, s->blocks.t(), s->a, 1, c.scale));
    }
  dirty = false;
}

Pack Model::take(const ht_pack &p) const {
  Pack k;
  auto longs = [](const int64_t *v, int64_t n) {
    Tensor t = at::empty({n}, at::kLong);
    std::copy_n(v, n, t.data_ptr<int64_t>());
    return t;
  };
  TORCH_CHECK(p.rows > 0 && p.segments > 0, "an empty pack");
  for (int64_t i = 0; i < p.rows; i++) {
    TORCH_CHECK(p.tokens[i] >= 0 && p.tokens[i] < c.vocab, "token ", p.tokens[i], " in a vocabulary of ", c.vocab);
    TORCH_CHECK(p.positions[i] >= 0 && p.positions[i] < c.positions, "position ", p.positions[i], " of ", c.positions);
  }
  int64_t next = 0;
  for (int64_t i = 0; i < p.segments; i++) {
    Segment s{p.segment[3 * i], p.segment[3 * i + 1], p.segment[3 * i + 2]};
    TORCH_CHECK(s.start == next && s.len > 0 && s.parent < i && (s.parent < 0 || k.segments[s.parent].parent < 0), "segment ", i, " is out of place");
    next += s.len;
    k.segments.push_back(s);
  }
  TORCH_CHECK(next == p.rows, "segments of ", next, " rows, ", p.rows, " tokens");
  for (int64_t i = 0; i < p.logit_rows; i++) TORCH_CHECK(p.logit_row[i] >= 0 && p.logit_row[i] < p.rows, "logits of row ", p.logit_row[i], " of ", p.rows);
  for (int64_t i = 0; i < p.targets; i++) {
    TORCH_CHECK(p.target_row[i] >= (i ? p.target_row[i - 1] : 0) && p.target_row[i] < p.logit_rows, "target ", i, " is out of place");
    TORCH_CHECK(p.target_token[i] >= 0 && p.target_token[i] < c.vocab, "token ", p.target_token[i], " in a vocabulary of ", c.vocab);
  }
  k.rows = p.rows;
  k.tokens = longs(p.tokens, p.rows).to(f32.device());
  k.positions = at::empty({p.rows}, at::kInt);
  std::copy_n(p.positions, p.rows, k.positions.data_ptr<int32_t>());
  k.positions = k.positions.to(f32.device());
  k.logit_rows = longs(p.logit_row, p.logit_rows).to(f32.device());
  k.targets.row.assign(p.target_row, p.target_row + p.targets);
  k.targets.token.assign(p.target_token, p.target_token + p.targets);
  return k;
}

Tensor Model::apply(const Site &s, const Tensor &x, bool adapter) {
  bool low_rank = adapter && !s.parts.empty();
  Tensor y;
  if (merges)
    y = product(x, low_rank ? s.fast : s.weight);
  else
    y = base_product(x, s.fast.defined() ? s.fast : s.weight);
  if (low_rank && !merges) {
    Tensor h = product(x, s.a).mul_(c.scale);
    for (auto &p : s.parts) {
      int64_t first = p.index * c.rank;
      ops->add_product(y.narrow(1, p.first, p.size), h.narrow(1, first, c.rank), s.blocks.narrow(0, first, c.rank).narrow(1, p.first, p.size));
    }
  }
  if (s.bias.defined()) y.add_(s.bias);
  return y;
}

// The gradient by the site's input, if wanted, and g = s dy B, which collect() needs too.
Tensor Model::back(const Site &s, const Tensor &dy, Tensor &g, bool want) {
  if (!s.parts.empty()) g = product(dy, s.blocks).mul_(c.scale);
  if (!want) return {};
  Tensor dx = base_product(dy, s.fast_back);
  if (g.defined()) ops->add_product(dx, g, s.a);
  return dx;
}

// dA += g^T x and dB += s dy^T (x A^T), for all parts of the site in two products.
void Model::collect(Site &s, const Tensor &dy, const Tensor &g, const Tensor &x) {
  if (s.parts.empty()) return;
  s.da.add_(product(g.t().contiguous(), x.t()));
  Tensor d = product(product(x, s.a).t().contiguous(), dy.t());
  for (auto &p : s.parts) p.db.add_(d.narrow(0, p.index * c.rank, c.rank).narrow(1, p.first, p.size).t(), c.scale);
}

void Model::head_norms(const Layer &l, Tensor &qkv) {
  auto norm = [&](int64_t first, int64_t n, const Tensor &w) {
    Tensor part = qkv.narrow(1, first * c.head_dim, n * c.head_dim);
    part.copy_(ops->rms_norm(part.contiguous().view({-1, c.head_dim}), w, c.eps).view(part.sizes()));
  };
  norm(0, c.heads, l.q_norm);
  norm(c.heads, c.kv_heads, l.k_norm);
}

Tensor Model::layer(Layer &l, const Tensor &x, const Tensor &positions, bool adapter, LayerTape *tape,
                    const std::function<Tensor(const Tensor &, Tensor &)> &attend) {
  Tensor qkv = apply(l.qkv, ops->rms_norm(x, l.norm1, c.eps), adapter), raw, lse;
  if (c.qk_norm) {
    if (tape) raw = qkv.narrow(1, 0, (c.heads + c.kv_heads) * c.head_dim).clone();
    head_norms(l, qkv);
  }
  ops->rope(qkv, c.heads + c.kv_heads, c.head_dim, cos, sin, positions, 1);
  Tensor attended = attend(qkv, lse);
  Tensor middle = apply(l.o, attended, adapter).add_(x);
  Tensor gate_up = apply(l.gate_up, ops->rms_norm(middle, l.norm2, c.eps), adapter);
  Tensor y = apply(l.down, ops->swiglu(gate_up), adapter).add_(middle);
  if (tape) *tape = {x, raw, qkv, attended, lse, middle, gate_up};
  return y;
}

Tensor Model::layer_back(Layer &l, const LayerTape &t, const Pack &p, const Tensor &dy, bool want) {
  Tensor g, act;
  Tensor dact = back(l.down, dy, g, true);
  Tensor dgu = ops->swiglu_back(dact, t.gate_up, act);
  collect(l.down, dy, g, act);
  act = dact = g = Tensor();

  Tensor dn = back(l.gate_up, dgu, g, true);
  collect(l.gate_up, dgu, g, ops->rms_norm(t.middle, l.norm2, c.eps));
  dgu = g = Tensor();
  Tensor dmiddle = ops->rms_norm_back(dn, t.middle, l.norm2, dy, c.eps);

  Tensor da = back(l.o, dmiddle, g, true);
  collect(l.o, dmiddle, g, t.attended);
  g = Tensor();

  Tensor dqkv = ops->attend_back(heads, t.qkv, t.attended, t.lse, da, p.segments);
  ops->rope(dqkv, c.heads + c.kv_heads, c.head_dim, cos, sin, p.positions, -1);
  if (c.qk_norm) {
    auto norm = [&](int64_t first, int64_t n, const Tensor &w) {
      Tensor part = dqkv.narrow(1, first * c.head_dim, n * c.head_dim);
      auto rows = [&](const Tensor &m) { return m.narrow(1, first * c.head_dim, n * c.head_dim).contiguous().view({-1, c.head_dim}); };
      part.copy_(ops->rms_norm_back(rows(dqkv), rows(t.raw), w, {}, c.eps).view(part.sizes()));
    };
    norm(0, c.heads, l.q_norm);
    norm(c.heads, c.kv_heads, l.k_norm);
  }
  dn = back(l.qkv, dqkv, g, want);
  collect(l.qkv, dqkv, g, ops->rms_norm(t.x, l.norm1, c.eps));
  return want ? ops->rms_norm_back(dn, t.x, l.norm1, dmiddle, c.eps) : Tensor();
}

Tensor Model::embed(const Tensor &tokens) { return embedding.index_select(0, tokens).to(at::kFloat); }

Tensor Model::logits(const Tensor &hidden) {
  return base_product(ops->rms_norm(hidden, final_norm, c.eps), fast_head);
}

Tensor Model::run(const Pack &p, bool adapter, Tape *tape, const std::function<void(int64_t, const Tensor &)> *seen) {
  refresh();
  Tensor x = embed(p.tokens);
  if (tape) tape->layers.resize(c.layers);
  for (int64_t i = 0; i < c.layers; i++)
    x = layer(layers[i], x, p.positions, adapter, tape ? &tape->layers[i] : nullptr, [&](const Tensor &qkv, Tensor &lse) {
      if (seen) (*seen)(i, qkv);
      return ops->attend(heads, qkv, p.segments, lse);
    });
  return x;
}

std::vector<std::pair<int64_t, int64_t>> Model::chunks(int64_t rows) const {
  int64_t unit = std::max<int64_t>(1, kLogitBytes / (c.vocab * 4));
  std::vector<std::pair<int64_t, int64_t>> v;
  for (int64_t b = 0; b < rows; b += unit) v.emplace_back(b, std::min(rows, b + unit));
  return v;
}

// The targets of logit rows [begin, end), counted from begin; from is the first of them, and moves on.
void Model::for_targets(const Targets &t, int64_t begin, int64_t end, Targets &part, size_t &from) {
  part.row.clear();
  part.token.clear();
  for (; from < t.row.size() && t.row[from] < end; from++) {
    part.row.push_back(t.row[from] - begin);
    part.token.push_back(t.token[from]);
  }
}

std::unique_ptr<Tape> Model::forward(Pack p, double temperature, bool adapter, Keep keep, double *logp, double *entropy) {
  TORCH_CHECK(temperature > 0, "a temperature of ", temperature);
  auto tape = std::make_unique<Tape>();
  tape->inv_t = 1 / temperature;
  Tensor x = run(p, adapter, keep == Keep::nothing ? nullptr : tape.get()).index_select(0, p.logit_rows);
  int64_t rows = x.size(0);
  tape->lse.resize(rows);
  std::vector<double> h(rows);
  Targets part;
  size_t at_ = 0;
  for (auto [b, e] : chunks(rows)) {
    size_t first = at_;
    for_targets(p.targets, b, e, part, at_);
    Tensor l = logits(x.narrow(0, b, e - b));
    ops->log_probs(l, tape->inv_t, part, logp + first, tape->lse.data() + b, h.data() + b);
    if (keep == Keep::activations_and_logits) tape->logits.push_back(l);
  }
  for (size_t i = 0; i < p.targets.row.size(); i++) entropy[i] = h[p.targets.row[i]];
  if (keep == Keep::nothing) return nullptr;
  tape->last = x;
  tape->pack = std::move(p);
  return tape;
}

void Model::backward(Tape &t, const double *weight) {
  TORCH_CHECK(params.defined(), "the model has no adapter to train");
  Tensor dx = at::zeros({t.pack.rows, c.hidden}, f32), dlast = at::empty_like(t.last);
  Targets part;
  size_t at_ = 0, chunk = 0;
  for (auto [b, e] : chunks(t.last.size(0))) {
    size_t first = at_;
    for_targets(t.pack.targets, b, e, part, at_);
    Tensor x = t.last.narrow(0, b, e - b), d;
    if (t.logits.empty()) {
      d = logits(x);
    } else {
      d = std::move(t.logits[chunk]);
      t.logits[chunk++] = Tensor();
    }
    ops->log_probs_back(d, t.inv_t, part, weight + first, t.lse.data() + b);
    dlast.narrow(0, b, e - b).copy_(ops->rms_norm_back(base_product(d, head_back), x, final_norm, {}, c.eps));
  }
  dx.index_copy_(0, t.pack.logit_rows, dlast);
  for (int64_t i = c.layers - 1; i >= 0; i--) {
    dx = layer_back(layers[i], t.layers[i], t.pack, dx, i > 0);
    t.layers[i] = {};
  }
}

double Model::step(AdamWRule r, double max_norm, int64_t n) {
  TORCH_CHECK(params.defined(), "the model has no adapter to train");
  double norm = std::sqrt(ops->sum_squares(grads));
  if (std::isfinite(norm)) {
    r.clip = max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1;
    r.bias1 = 1 - std::pow(r.beta1, double(n));
    r.bias2 = 1 - std::pow(r.beta2, double(n));
    ops->adamw(params, grads, moment1, moment2, r);
    dirty = true;
  }
  grads.zero_();
  return norm;
}

}  // namespace harness
