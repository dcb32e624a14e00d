// A batch of rows being decoded.
#ifndef HARNESS_TORCH_BATCH_H
#define HARNESS_TORCH_BATCH_H
#include "model.h"

namespace harness {

struct Batch {
  Batch(Model &m, const SampleRule &r);
  void prompts(const Pack &p);
  void add(int64_t prompt, uint64_t seed);
  void close_prompt(int64_t prompt);
  void step(int64_t *tokens, double *logp);
  void keep(const std::vector<int64_t> &rows);
  int64_t size() const { return int64_t(rows.size()); }
  Pack pack(const ht_pack &p) const { return model.take(p); }

 private:
  struct Row {
    int64_t prompt, position, token;  // token is the last one drawn, -1 before the first
    uint64_t seed, drawn;
  };
  struct Prompt {
    int64_t len;
    Tensor logits;  // of its last token, on the processor
    bool closed = false;
  };
  void forget();  // logits of closed prompts that no row waits for
  Model &model;
  SampleRule rule;
  std::unique_ptr<Cache> cache;
  std::vector<Prompt> known;
  std::vector<Row> rows;
};

}  // namespace harness

struct ht_batch : harness::Batch {
  using harness::Batch::Batch;
};
#endif
