#include "ops.h"
#include "parallel.h"

namespace harness {
namespace {

const float *in(const Tensor &t) { return t.const_data_ptr<float>(); }
float *out(Tensor &t) { return t.data_ptr<float>(); }

struct Processor : Ops {
  const Kernels &k = kernels();

  // Rows that are worth a thread of their own, for rows of n columns.
  static int64_t grain(int64_t n) { return std::max<int64_t>(1, 8192 / n); }

  Tensor rms_norm(const Tensor &x, const Tensor &w, double eps) override {
    Tensor y = at::empty_like(x);
    int64_t n = x.size(-1), rows = x.numel() / n;
    split(rows, grain(n), [&](int64_t b, int64_t e) { k.rms_norm(in(x), in(w), out(y), b, e, n, float(eps)); });
    return y;
  }

  Tensor rms_norm_back(const Tensor &dy, const Tensor &x, const Tensor &w, const Tensor &add, double eps) override {
    Tensor dx = at::empty_like(x);
    int64_t n = x.size(-1), rows = x.numel() / n;
    split(rows, grain(n), [&](int64_t b, int64_t e) {
      k.rms_norm_back(in(dy), in(x), in(w), add.defined() ? in(add) : nullptr, out(dx), b, e, n, float(eps));
    });
    return dx;
  }

  void rope(Tensor &x, int64_t heads, int64_t head_dim, const Tensor &cos, const Tensor &sin, const Tensor &pos, double sign) override {
    const int32_t *p = pos.const_data_ptr<int32_t>();
    split(x.size(0), grain(heads * head_dim), [&](int64_t b, int64_t e) {
      k.rope(out(x), b, e, x.stride(0), heads, head_dim, in(cos), in(sin), p, float(sign));
    });
  }

  void add_product(Tensor y, const Tensor &a, const Tensor &b) override {
    int64_t n = b.size(1), width = a.size(1);
    if (n % k.lanes || y.stride(1) != 1 || a.stride(1) != 1 || b.stride(1) != 1) {
      y.addmm_(a, b);
      return;
    }
    split(y.size(0), grain(n * width / 16 + 1), [&](int64_t s, int64_t e) {
      k.add_product(out(y), y.stride(0), in(a), a.stride(0), in(b), b.stride(0), s, e, n, width);
    });
  }

  Tensor swiglu(const Tensor &gu) override {
    int64_t n = gu.size(1) / 2;
    Tensor act = at::empty({gu.size(0), n}, gu.options());
    split(gu.size(0), grain(n), [&](int64_t b, int64_t e) { k.swiglu(in(gu), out(act), b, e, n); });
    return act;
  }

  Tensor swiglu_back(const Tensor &dact, const Tensor &gu, Tensor &act) override {
    int64_t n = gu.size(1) / 2;
    Tensor dgu = at::empty_like(gu);
    act = at::empty({gu.size(0), n}, gu.options());
    split(gu.size(0), grain(n), [&](int64_t b, int64_t e) { k.swiglu_back(in(dact), in(gu), out(dgu), out(act), b, e, n); });
    return dgu;
  }

  Tensor attend(const HeadShape &h, const Tensor &qkv, const std::vector<Segment> &segs, Tensor &lse) override {
    int64_t rows = qkv.size(0);
    Tensor o = at::empty({rows, h.heads * h.head_dim}, qkv.options());
    lse = at::empty({h.heads, rows}, qkv.options());
    tasks(int64_t(segs.size()) * h.kv_heads, [&](int64_t i) {
      k.attend(h, in(qkv), segs.data(), i / h.kv_heads, i % h.kv_heads, rows, out(o), out(lse));
    });
    return o;
  }

  Tensor attend_back(const HeadShape &h, const Tensor &qkv, const Tensor &o, const Tensor &lse, const Tensor &dout,
                     const std::vector<Segment> &segs) override {
    int64_t rows = qkv.size(0), d = h.head_dim, n = int64_t(segs.size());
    Tensor dqkv = at::empty_like(qkv);
    // What completions give to their prompt's keys and values is kept apart and added in order: sums do not depend on scheduling.
    std::vector<int64_t> at_(n * h.kv_heads + 1, 0);
    for (int64_t i = 0; i < n * h.kv_heads; i++) {
      int64_t p = segs[i / h.kv_heads].parent;
      at_[i + 1] = at_[i] + (p < 0 ? 0 : 2 * segs[p].len * d);
    }
    Tensor shares = at::empty({at_.back()}, qkv.options());
    tasks(n * h.kv_heads, [&](int64_t i) {
      float *to = segs[i / h.kv_heads].parent < 0 ? nullptr : out(shares) + at_[i];
      k.attend_back(h, in(qkv), in(o), in(lse), in(dout), segs.data(), i / h.kv_heads, i % h.kv_heads, rows, out(dqkv), to);
    });
    int64_t w = h.width();
    tasks(h.kv_heads, [&](int64_t j) {
      for (int64_t s = 0; s < n; s++) {
        if (segs[s].parent < 0) continue;
        const Segment &p = segs[segs[s].parent];
        const float *from = in(shares) + at_[s * h.kv_heads + j];
        for (int64_t part = 0; part < 2; part++)
          for (int64_t r = 0; r < p.len; r++) {
            float *to = out(dqkv) + (p.start + r) * w + (h.heads + part * h.kv_heads + j) * d;
            for (int64_t e = 0; e < d; e++) to[e] += from[(part * p.len + r) * d + e];
          }
      }
    });
    return dqkv;
  }

  void log_probs(const Tensor &logits, double inv_t, const Targets &t, double *logp, double *lse, double *entropy) override {
    int64_t vocab = logits.size(1);
    split(logits.size(0), 1, [&](int64_t b, int64_t e) { k.log_sum_exp(in(logits), b, e, vocab, inv_t, lse, entropy); });
    for (size_t i = 0; i < t.row.size(); i++) logp[i] = double(in(logits)[t.row[i] * vocab + t.token[i]]) * inv_t - lse[t.row[i]];
  }

  void log_probs_back(Tensor &logits, double inv_t, const Targets &t, const double *weight, const double *lse) override {
    int64_t rows = logits.size(0), vocab = logits.size(1);
    std::vector<int64_t> first(rows + 1, 0);
    for (int64_t r : t.row) first[r + 1]++;
    for (int64_t r = 0; r < rows; r++) first[r + 1] += first[r];
    split(rows, 1, [&](int64_t b, int64_t e) {
      for (int64_t r = b; r < e; r++)
        k.log_prob_back(out(logits) + r * vocab, vocab, inv_t, lse[r], t.token.data() + first[r], weight + first[r], first[r + 1] - first[r]);
    });
  }

  double sum_squares(const Tensor &x) override {
    const int64_t unit = 1 << 14, n = x.numel(), parts = (n + unit - 1) / unit;
    std::vector<double> s(parts);
    split(parts, 8, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; i++) s[i] = k.sum_squares(in(x) + i * unit, std::min(unit, n - i * unit));
    });
    double total = 0;
    for (double v : s) total += v;
    return total;
  }

  void adamw(Tensor &p, const Tensor &g, Tensor &m, Tensor &v, const AdamWRule &r) override {
    split(p.numel(), 1 << 14, [&](int64_t b, int64_t e) { k.adamw(out(p), in(g), out(m), out(v), b, e, r); });
  }
};

// Pages of kBlock positions for all layers and key/value heads. A prompt's pages are shared by its rows.
struct Paged : Cache {
  struct Prompt {
    std::vector<Tensor> pages;
    std::vector<const float *> at;
    int64_t len = 0, rows = 0;
    bool closed = false;
  };
  struct Row {
    int64_t prompt, len = 0;
    std::vector<Tensor> pages;
    std::vector<const float *> at;
  };
  HeadShape h;
  int64_t layers, per_layer;
  std::vector<Prompt> prompts;
  std::vector<Row> rows;
  std::vector<Tensor> spare;
  int64_t active = 0;

  Paged(const HeadShape &h_, int64_t layers_) : h(h_), layers(layers_), per_layer(h_.kv_heads * 2 * h_.head_dim * kBlock) {}

  Tensor page() {
    if (spare.empty()) return at::zeros({layers * per_layer}, at::kFloat);  // zeros: no NaN from memory's past behind the last position
    Tensor t = spare.back();
    spare.pop_back();
    return t;
  }

  template <class T> void add_page(T &x) {
    x.pages.push_back(page());
    x.at.push_back(x.pages.back().template const_data_ptr<float>());
  }

  template <class T> void free_pages(T &x) {
    for (auto &t : x.pages) spare.push_back(t);
    x.pages.clear();
    x.at.clear();
  }

  void put(Tensor &page, int64_t layer, int64_t slot, const float *row) {
    int64_t d = h.head_dim;
    for (int64_t j = 0; j < h.kv_heads; j++) {
      float *kt = page.data_ptr<float>() + layer * per_layer + j * 2 * d * kBlock, *v = kt + d * kBlock + slot * d;
      const float *from = row + (h.heads + j) * d, *value = from + h.kv_heads * d;
      for (int64_t e = 0; e < d; e++) kt[e * kBlock + slot] = from[e];
      std::memcpy(v, value, d * sizeof *v);
    }
  }

  int64_t add_prompt(int64_t len) override {
    prompts.emplace_back();
    prompts.back().len = len;
    for (int64_t i = 0; i < len; i += kBlock) add_page(prompts.back());
    return int64_t(prompts.size()) - 1;
  }

  void fill(int64_t prompt, int64_t layer, const Tensor &qkv) override {
    Prompt &p = prompts[prompt];
    TORCH_CHECK(qkv.size(0) == p.len, "prompt of ", p.len, " positions, keys of ", qkv.size(0));
    for (int64_t i = 0; i < p.len; i++) put(p.pages[i / kBlock], layer, i % kBlock, in(qkv) + i * qkv.stride(0));
  }

  void add_row(int64_t prompt) override {
    prompts[prompt].rows++;
    rows.emplace_back();
    rows.back().prompt = prompt;
  }

  void settle(Prompt &p) {
    if (p.closed && p.rows == 0) free_pages(p);
  }

  void close_prompt(int64_t prompt) override {
    prompts[prompt].closed = true;
    settle(prompts[prompt]);
  }

  void keep(const std::vector<int64_t> &which) override {
    std::vector<Row> left;
    size_t w = 0;
    for (size_t i = 0; i < rows.size(); i++) {
      if (w < which.size() && which[w] == int64_t(i)) {
        left.push_back(std::move(rows[i]));
        w++;
        continue;
      }
      free_pages(rows[i]);
      Prompt &p = prompts[rows[i].prompt];
      p.rows--;
      settle(p);
    }
    rows = std::move(left);
  }

  void extend(int64_t n) override {
    active = n;
    for (int64_t i = 0; i < n; i++) {
      Row &r = rows[i];
      if (r.len % kBlock == 0) add_page(r);
      r.len++;
    }
  }

  Tensor attend(int64_t layer, const Tensor &qkv) override {
    const Kernels &k = kernels();
    TORCH_CHECK(qkv.size(0) == active, active, " rows in the batch, ", qkv.size(0), " given");
    Tensor o = at::empty({active, h.heads * h.head_dim}, qkv.options());
    split(active, 4, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; i++) put(rows[i].pages[(rows[i].len - 1) / kBlock], layer, (rows[i].len - 1) % kBlock, in(qkv) + i * qkv.stride(0));
    });
    // rows of one prompt, up to 8 together: their queries meet the prompt's keys in one product
    struct Work { int64_t prompt; std::vector<int64_t> rows; };
    std::vector<Work> work;
    std::vector<int64_t> open(prompts.size(), -1);
    for (int64_t i = 0; i < active; i++) {
      int64_t &w = open[rows[i].prompt];
      if (w < 0 || work[w].rows.size() == 8) {
        w = int64_t(work.size());
        work.push_back({rows[i].prompt, {}});
      }
      work[w].rows.push_back(i);
    }
    tasks(int64_t(work.size()) * h.kv_heads, [&](int64_t t) {
      const Work &w = work[t / h.kv_heads];
      const Prompt &p = prompts[w.prompt];
      CacheRow c[8];
      const float *q[8];
      float *to[8];
      for (size_t i = 0; i < w.rows.size(); i++) {
        const Row &r = rows[w.rows[i]];
        c[i] = {p.at.data(), p.len, r.at.data(), r.len};
        q[i] = in(qkv) + w.rows[i] * qkv.stride(0);
        to[i] = out(o) + w.rows[i] * o.stride(0);
      }
      k.attend_cached(h, c, int64_t(w.rows.size()), layer * per_layer, q, to, t % h.kv_heads);
    });
    return o;
  }
};

}  // namespace

std::unique_ptr<Ops> processor_ops() { return std::make_unique<Processor>(); }
std::unique_ptr<Cache> processor_cache(const HeadShape &h, int64_t layers) { return std::make_unique<Paged>(h, layers); }

}  // namespace harness
