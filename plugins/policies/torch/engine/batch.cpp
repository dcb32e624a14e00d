#include "batch.h"

#include "parallel.h"

namespace harness {
namespace {

// The nth uniform number in [0, 1) of a seed: SplitMix64's finaliser (Steele, Lea and Flood, 2014) over a counter. A
// completion's draws depend on its seed and on how many came before, not on the batch around it.
double uniform(uint64_t seed, uint64_t n) {
  auto mix = [](uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  return double(mix(mix(seed + 0x9e3779b97f4a7c15u) + (n + 1) * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
}

}  // namespace

Batch::Batch(Model &m, const SampleRule &r) : model(m), rule(r) {
  TORCH_CHECK(r.temperature >= 0 && r.top_p > 0 && r.top_p <= 1 && r.top_k >= 0, "sampling with temperature ", r.temperature, ", top-p ", r.top_p,
              ", top-k ", r.top_k);
  TORCH_CHECK(m.c.vocab <= kMaxVocab, "a vocabulary of ", m.c.vocab, "; at most ", kMaxVocab, " can be sampled from");
  bool loops = !m.c.cuda && !m.c.plain_ops && m.c.head_dim % kernels().lanes == 0;
  cache = loops ? processor_cache(m.heads, m.c.layers) : libtorch_cache(m.heads, m.c.layers, m.f32);
}

void Batch::prompts(const Pack &p) {
  std::vector<int64_t> number, last;
  for (const Segment &s : p.segments) {
    TORCH_CHECK(s.parent < 0, "a pack of prompts holds a completion");
    number.push_back(cache->add_prompt(s.len));
    last.push_back(s.start + s.len - 1);
  }
  std::function<void(int64_t, const Tensor &)> seen = [&](int64_t layer, const Tensor &qkv) {
    for (size_t i = 0; i < number.size(); i++) cache->fill(number[i], layer, qkv.narrow(0, p.segments[i].start, p.segments[i].len));
  };
  Tensor x = model.run(p, true, nullptr, &seen);
  Tensor l = model.logits(x.index_select(0, at::tensor(last, at::kLong).to(x.device()))).to(at::kCPU);
  for (size_t i = 0; i < number.size(); i++) known.push_back({p.segments[i].len, l.select(0, int64_t(i)).clone(), false});
}

void Batch::add(int64_t prompt, uint64_t seed) {
  TORCH_CHECK(prompt >= 0 && prompt < int64_t(known.size()) && !known[prompt].closed, "no open prompt ", prompt);
  cache->add_row(prompt);
  rows.push_back({prompt, known[prompt].len, -1, seed, 0});
}

void Batch::close_prompt(int64_t prompt) {
  TORCH_CHECK(prompt >= 0 && prompt < int64_t(known.size()), "no prompt ", prompt);
  cache->close_prompt(prompt);
  known[prompt].closed = true;
  forget();
}

void Batch::forget() {
  std::vector<bool> awaited(known.size());
  for (const Row &r : rows)
    if (r.token < 0) awaited[r.prompt] = true;
  for (size_t i = 0; i < known.size(); i++)
    if (known[i].closed && !awaited[i]) known[i].logits = Tensor();
}

void Batch::step(int64_t *tokens, double *logp) {
  int64_t running = 0, n = size();
  while (running < n && rows[running].token >= 0) running++;
  Tensor l;
  if (running) {
    Tensor ids = at::empty({running}, at::kLong), pos = at::empty({running}, at::kInt);
    for (int64_t i = 0; i < running; i++) {
      TORCH_CHECK(rows[i].position < model.c.positions, "position ", rows[i].position, " of ", model.c.positions);
      ids.data_ptr<int64_t>()[i] = rows[i].token;
      pos.data_ptr<int32_t>()[i] = int32_t(rows[i].position++);
    }
    ids = ids.to(model.f32.device());
    pos = pos.to(model.f32.device());
    model.refresh();
    cache->extend(running);
    Tensor x = model.embed(ids);
    for (int64_t i = 0; i < model.c.layers; i++)
      x = model.layer(model.layers[i], x, pos, true, nullptr, [&](const Tensor &qkv, Tensor &) { return cache->attend(i, qkv); });
    l = model.logits(x).to(at::kCPU);
  }
  const Kernels &k = kernels();
  int64_t vocab = model.c.vocab;
  split(n, 1, [&](int64_t b, int64_t e) {
    std::vector<float> scratch(vocab);
    for (int64_t i = b; i < e; i++) {
      const float *from = i < running ? l.const_data_ptr<float>() + i * vocab : known[rows[i].prompt].logits.const_data_ptr<float>();
      tokens[i] = k.sample(from, vocab, rule, uniform(rows[i].seed, rows[i].drawn), scratch.data(), &logp[i]);
    }
  });
  for (int64_t i = 0; i < n; i++) {
    TORCH_CHECK(tokens[i] >= 0, "the model's logits are not finite");
    rows[i].token = tokens[i];
    rows[i].drawn++;
  }
  if (running < n) forget();
}

void Batch::keep(const std::vector<int64_t> &which) {
  std::vector<Row> left;
  for (size_t i = 0; i < which.size(); i++) {
    TORCH_CHECK(which[i] >= 0 && which[i] < size() && (i == 0 || which[i] > which[i - 1]), "row ", which[i], " of ", size());
    left.push_back(rows[which[i]]);
  }
  cache->keep(which);
  rows = std::move(left);
}

}  // namespace harness
