#include "ops.h"

namespace harness {
namespace {

using at::indexing::Slice;

struct Libtorch : Ops {
  Tensor rms_norm(const Tensor &x, const Tensor &w, double eps) override {
    return x * at::rsqrt(x.square().mean({-1}, true) + eps) * w;
  }

  Tensor rms_norm_back(const Tensor &dy, const Tensor &x, const Tensor &w, const Tensor &add, double eps) override {
    Tensor scale = at::rsqrt(x.square().mean({-1}, true) + eps), g = dy * w, u = x * scale;
    Tensor dx = (g - u * (g * u).mean({-1}, true)) * scale;
    return add.defined() ? dx + add : dx;
  }

  void rope(Tensor &x, int64_t heads, int64_t head_dim, const Tensor &cos, const Tensor &sin, const Tensor &pos, double sign) override {
    Tensor y = x.narrow(1, 0, heads * head_dim).view({x.size(0), heads, 2, head_dim / 2});
    Tensor c = cos.index_select(0, pos).unsqueeze(1), s = sin.index_select(0, pos).unsqueeze(1) * sign;
    Tensor a = y.select(2, 0), b = y.select(2, 1), u = a * c - b * s, v = b * c + a * s;
    a.copy_(u);
    b.copy_(v);
  }

  void add_product(Tensor y, const Tensor &a, const Tensor &b) override { y.addmm_(a, b); }

  Tensor swiglu(const Tensor &gu) override {
    int64_t n = gu.size(1) / 2;
    return at::silu(gu.narrow(1, 0, n)) * gu.narrow(1, n, n);
  }

  Tensor swiglu_back(const Tensor &dact, const Tensor &gu, Tensor &act) override {
    int64_t n = gu.size(1) / 2;
    Tensor g = gu.narrow(1, 0, n), u = gu.narrow(1, n, n), s = at::sigmoid(g), silu = g * s;
    act = silu * u;
    return at::cat({dact * u * (s + silu * (1 - s)), dact * silu}, 1);
  }

  // heads x length x head_dim views of one segment: queries, and keys and values with the parent's in front.
  struct Heads {
    Tensor q, k, v, mask;
  };

  static Tensor part(const HeadShape &h, const Tensor &m, int64_t first, int64_t heads, int64_t start, int64_t len) {
    return m.narrow(0, start, len).narrow(1, first * h.head_dim, heads * h.head_dim).view({len, heads, h.head_dim}).transpose(0, 1);
  }

  static Heads take(const HeadShape &h, const Tensor &qkv, const std::vector<Segment> &segs, size_t s) {
    const Segment &y = segs[s];
    Heads r;
    r.q = part(h, qkv, 0, h.heads, y.start, y.len);
    r.k = part(h, qkv, h.heads, h.kv_heads, y.start, y.len);
    r.v = part(h, qkv, h.heads + h.kv_heads, h.kv_heads, y.start, y.len);
    int64_t before = 0;
    if (y.parent >= 0) {
      const Segment &p = segs[y.parent];
      before = p.len;
      r.k = at::cat({part(h, qkv, h.heads, h.kv_heads, p.start, p.len), r.k}, 1);
      r.v = at::cat({part(h, qkv, h.heads + h.kv_heads, h.kv_heads, p.start, p.len), r.v}, 1);
    }
    r.k = r.k.repeat_interleave(h.group(), 0);
    r.v = r.v.repeat_interleave(h.group(), 0);
    r.mask = at::ones({y.len, before + y.len}, qkv.options().dtype(at::kBool)).tril(before);
    return r;
  }

  Tensor attend(const HeadShape &h, const Tensor &qkv, const std::vector<Segment> &segs, Tensor &lse) override {
    Tensor o = at::empty({qkv.size(0), h.heads * h.head_dim}, qkv.options());
    lse = at::empty({h.heads, qkv.size(0)}, qkv.options());
    for (size_t s = 0; s < segs.size(); s++) {
      Heads y = take(h, qkv, segs, s);
      Tensor a = (at::matmul(y.q, y.k.transpose(1, 2)) / std::sqrt(double(h.head_dim))).masked_fill(y.mask.logical_not(), -INFINITY);
      Tensor z = at::logsumexp(a, {-1}, true);
      lse.narrow(1, segs[s].start, segs[s].len).copy_(z.squeeze(-1));
      part({h.heads, 0, h.head_dim}, o, 0, h.heads, segs[s].start, segs[s].len).copy_(at::matmul(at::exp(a - z), y.v));
    }
    return o;
  }

  Tensor attend_back(const HeadShape &h, const Tensor &qkv, const Tensor &out, const Tensor &lse, const Tensor &dout,
                     const std::vector<Segment> &segs) override {
    Tensor dqkv = at::zeros_like(qkv);
    HeadShape one{h.heads, 0, h.head_dim};
    double scale = 1 / std::sqrt(double(h.head_dim));
    for (size_t s = 0; s < segs.size(); s++) {
      const Segment &y = segs[s];
      Heads t = take(h, qkv, segs, s);
      Tensor a = (at::matmul(t.q, t.k.transpose(1, 2)) * scale).masked_fill(t.mask.logical_not(), -INFINITY);
      Tensor p = at::exp(a - lse.narrow(1, y.start, y.len).unsqueeze(-1));
      Tensor g = part(one, dout, 0, h.heads, y.start, y.len), o = part(one, out, 0, h.heads, y.start, y.len);
      Tensor ds = p * (at::matmul(g, t.v.transpose(1, 2)) - (g * o).sum(-1, true)) * scale;
      part(h, dqkv, 0, h.heads, y.start, y.len).copy_(at::matmul(ds, t.k));
      auto fold = [&](const Tensor &x) { return x.view({h.kv_heads, h.group(), x.size(1), h.head_dim}).sum(1); };
      Tensor dk = fold(at::matmul(ds.transpose(1, 2), t.q)), dv = fold(at::matmul(p.transpose(1, 2), g));
      int64_t before = dk.size(1) - y.len;
      auto add = [&](int64_t first, const Tensor &d) {
        if (before) part(h, dqkv, first, h.kv_heads, segs[y.parent].start, before).add_(d.narrow(1, 0, before));
        part(h, dqkv, first, h.kv_heads, y.start, y.len).add_(d.narrow(1, before, y.len));
      };
      add(h.heads, dk);
      add(h.heads + h.kv_heads, dv);
    }
    return dqkv;
  }

  static Tensor ids(const std::vector<int64_t> &v, const Tensor &like) { return at::tensor(v, at::kLong).to(like.device()); }

  static void read(const Tensor &t, double *to) {
    Tensor c = t.to(at::kCPU, at::kDouble).contiguous();
    std::copy_n(c.const_data_ptr<double>(), c.numel(), to);
  }

  void log_probs(const Tensor &logits, double inv_t, const Targets &t, double *logp, double *lse, double *entropy) override {
    Tensor y = logits * inv_t, z = at::logsumexp(y, {1}, true);
    read(z.squeeze(1), lse);
    read((z.squeeze(1) - (at::exp(y - z) * y).sum(1)), entropy);
    Tensor rows = ids(t.row, logits), tokens = ids(t.token, logits);
    read(y.index({rows, tokens}) - z.squeeze(1).index({rows}), logp);
  }

  void log_probs_back(Tensor &logits, double inv_t, const Targets &t, const double *weight, const double *lse) override {
    std::vector<double> total(logits.size(0), 0);
    for (size_t i = 0; i < t.row.size(); i++) total[t.row[i]] += weight[i];
    auto column = [&](const double *p, int64_t n) {
      return at::from_blob(const_cast<double *>(p), {n}, at::kDouble).to(at::kFloat).to(logits.device());
    };
    int64_t n = logits.size(0);
    Tensor d = at::exp(logits * inv_t - column(lse, n).unsqueeze(1)) * (column(total.data(), n).unsqueeze(1) * -inv_t);
    d.index_put_({ids(t.row, logits), ids(t.token, logits)}, column(weight, int64_t(t.row.size())) * inv_t, true);
    logits.copy_(d);
  }

  double sum_squares(const Tensor &x) override { return x.to(at::kDouble).square().sum().item<double>(); }

  void adamw(Tensor &p, const Tensor &g, Tensor &m, Tensor &v, const AdamWRule &r) override {
    Tensor d = g * r.clip;
    m.add_(d - m, 1 - r.beta1);
    v.mul_(r.beta2).addcmul_(d, d, 1 - r.beta2);
    p.mul_(1 - r.lr * r.weight_decay).addcdiv_(m, (v.sqrt() / std::sqrt(r.bias2)).add_(r.eps), -r.lr / r.bias1);
  }
};

// One padded tensor of keys and one of values per layer: rows x kv_heads x positions x head_dim. A row holds its prompt's too.
struct Padded : Cache {
  struct Prompt {
    std::vector<Tensor> k, v;
    int64_t len = 0;
  };
  HeadShape h;
  int64_t layers;
  at::TensorOptions o;
  std::vector<Prompt> prompts;
  std::vector<Tensor> k, v;
  std::vector<int64_t> len;  // of each row, the position being added included
  int64_t active = 0, room = 0;
  Tensor last, mask;

  Padded(const HeadShape &h_, int64_t layers_, const at::TensorOptions &o_) : h(h_), layers(layers_), o(o_) {
    for (int64_t i = 0; i < layers; i++) {
      k.push_back(at::zeros({0, h.kv_heads, 0, h.head_dim}, o));
      v.push_back(k.back());
    }
  }

  int64_t add_prompt(int64_t n) override {
    prompts.emplace_back();
    prompts.back().len = n;
    prompts.back().k.resize(layers);
    prompts.back().v.resize(layers);
    return int64_t(prompts.size()) - 1;
  }

  void fill(int64_t prompt, int64_t layer, const Tensor &qkv) override {
    Prompt &p = prompts[prompt];
    p.k[layer] = Libtorch::part(h, qkv, h.heads, h.kv_heads, 0, p.len).clone();
    p.v[layer] = Libtorch::part(h, qkv, h.heads + h.kv_heads, h.kv_heads, 0, p.len).clone();
  }

  void widen(int64_t positions) {
    if (positions <= room) return;
    int64_t more = (positions + 63) / 64 * 64 + 64 - room;
    for (auto *side : {&k, &v})
      for (Tensor &t : *side) t = at::cat({t, at::zeros({t.size(0), h.kv_heads, more, h.head_dim}, o)}, 2);
    room += more;
  }

  void add_row(int64_t prompt) override {
    const Prompt &p = prompts[prompt];
    widen(p.len);
    for (int64_t i = 0; i < layers; i++) {
      auto row = [&](const Tensor &t) {
        Tensor y = at::zeros({1, h.kv_heads, room, h.head_dim}, o);
        y.narrow(2, 0, p.len).copy_(t.unsqueeze(0));
        return y;
      };
      k[i] = at::cat({k[i], row(p.k[i])}, 0);
      v[i] = at::cat({v[i], row(p.v[i])}, 0);
    }
    len.push_back(p.len);
  }

  void close_prompt(int64_t prompt) override {
    prompts[prompt].k.clear();
    prompts[prompt].v.clear();
  }

  void keep(const std::vector<int64_t> &rows) override {
    Tensor i = at::tensor(rows, at::kLong).to(o.device());
    for (auto *side : {&k, &v})
      for (Tensor &t : *side) t = t.index_select(0, i);
    std::vector<int64_t> left;
    for (int64_t r : rows) left.push_back(len[r]);
    len = left;
  }

  void extend(int64_t n) override {
    active = n;
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) most = std::max(most, ++len[i]);
    widen(most);
    std::vector<int64_t> at_;
    for (int64_t i = 0; i < n; i++) at_.push_back(len[i] - 1);
    last = at::tensor(at_, at::kLong).to(o.device());
    mask = at::arange(most, last.options()).unsqueeze(0) > last.unsqueeze(1);
  }

  Tensor attend(int64_t layer, const Tensor &qkv) override {
    auto part = [&](int64_t first, int64_t n) { return qkv.narrow(1, first * h.head_dim, n * h.head_dim).view({active, n, h.head_dim}); };
    Tensor rows = at::arange(active, last.options());
    k[layer].index_put_({rows, Slice(), last}, part(h.heads, h.kv_heads));
    v[layer].index_put_({rows, Slice(), last}, part(h.heads + h.kv_heads, h.kv_heads));
    int64_t most = mask.size(1);
    Tensor q = part(0, h.heads).view({active, h.kv_heads, h.group(), h.head_dim});
    Tensor a = at::matmul(q, k[layer].narrow(0, 0, active).narrow(2, 0, most).transpose(2, 3)) / std::sqrt(double(h.head_dim));
    a = a.masked_fill(mask.view({active, 1, 1, most}), -INFINITY).softmax(-1);
    return at::matmul(a, v[layer].narrow(0, 0, active).narrow(2, 0, most)).reshape({active, h.heads * h.head_dim});
  }
};

}  // namespace

std::unique_ptr<Ops> libtorch_ops() { return std::make_unique<Libtorch>(); }
std::unique_ptr<Cache> libtorch_cache(const HeadShape &h, int64_t layers, const at::TensorOptions &o) { return std::make_unique<Padded>(h, layers, o); }

}  // namespace harness
