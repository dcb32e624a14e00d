#include "api.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/GradMode.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/version.h>

#include <cstring>

#include "batch.h"
#include "parallel.h"

struct ht_engine : harness::Model {
  using harness::Model::Model;
};

namespace {

using at::Tensor;

template <class F> auto guarded(char **err, F f) -> decltype(f()) {
  *err = nullptr;
  try {
    c10::NoGradGuard no_grad;  // gradients are computed by hand; for the length of the call, as grad mode belongs to the thread
    return f();
  } catch (const c10::Error &e) {
    *err = strdup(e.what_without_backtrace());
  } catch (const std::exception &e) {
    *err = strdup(e.what());
  } catch (...) {
    *err = strdup("unknown C++ exception");
  }
  return decltype(f())();
}

const Tensor &tensor(void *t) { return *static_cast<Tensor *>(t); }

}  // namespace

extern "C" {

void ht_copy(void *to, void *from, char **err) {
  guarded(err, [&] { static_cast<Tensor *>(to)->copy_(tensor(from)); });
}

ht_engine *ht_open(const ht_config *c, char **err) {
  return guarded(err, [&] {
    if (c->cuda) {
      // float32 means float32: no shortened products behind its back
      at::globalContext().setAllowTF32CuBLAS(false);
      at::globalContext().setDeterministicAlgorithms(true, true);
    }
    return new ht_engine(*c);
  });
}

void ht_close(ht_engine *e) { delete e; }

void ht_set_weight(ht_engine *e, int kind, int64_t layer, void *t, char **err) {
  guarded(err, [&] { e->set_weight(kind, layer, tensor(t)); });
}

void ht_set_adapter(ht_engine *e, void *p, void *g, void *m, void *v, const int64_t *offsets, char **err) {
  guarded(err, [&] { e->set_adapter(tensor(p), tensor(g), tensor(m), tensor(v), offsets); });
}

void ht_ready(ht_engine *e, char **err) {
  guarded(err, [&] { e->ready(); });
}

void ht_adapter_changed(ht_engine *e) { e->dirty = true; }

ht_tape *ht_forward(ht_engine *e, const ht_pack *p, double temperature, int adapter, int keep, double *logp, double *entropy, char **err) {
  return guarded(err, [&] { return reinterpret_cast<ht_tape *>(e->forward(e->take(*p), temperature, adapter, harness::Keep(keep), logp, entropy).release()); });
}

void ht_backward(ht_engine *e, ht_tape *t, const double *weight, char **err) {
  guarded(err, [&] { e->backward(*reinterpret_cast<harness::Tape *>(t), weight); });
}

void ht_tape_free(ht_tape *t) { delete reinterpret_cast<harness::Tape *>(t); }

void ht_logits(ht_engine *e, const ht_pack *p, int adapter, float *out, char **err) {
  guarded(err, [&] {
    harness::Pack k = e->take(*p);
    Tensor l = e->logits(e->run(k, adapter, nullptr).index_select(0, k.logit_rows)).to(at::kCPU).contiguous();
    std::memcpy(out, l.const_data_ptr<float>(), l.nbytes());
  });
}

void ht_step(ht_engine *e, double lr, double beta1, double beta2, double eps, double weight_decay, double max_norm, int64_t step, double *norm,
             char **err) {
  guarded(err, [&] { *norm = e->step({lr, beta1, beta2, eps, weight_decay, 1, 1, 1}, max_norm, step); });
}

ht_batch *ht_batch_new(ht_engine *e, double temperature, double top_p, int64_t top_k, char **err) {
  return guarded(err, [&] { return new ht_batch(*e, harness::SampleRule{temperature, top_p, top_k}); });
}

void ht_batch_free(ht_batch *b) { delete b; }

void ht_batch_prompts(ht_batch *b, const ht_pack *p, char **err) {
  guarded(err, [&] { b->prompts(b->pack(*p)); });
}

void ht_batch_add(ht_batch *b, int64_t prompt, uint64_t seed, char **err) {
  guarded(err, [&] { b->add(prompt, seed); });
}

void ht_batch_close_prompt(ht_batch *b, int64_t prompt, char **err) {
  guarded(err, [&] { b->close_prompt(prompt); });
}

void ht_batch_step(ht_batch *b, int64_t *tokens, double *logp, int64_t n, char **err) {
  guarded(err, [&] {
    TORCH_CHECK(n == b->size(), "room for ", n, " tokens, ", b->size(), " rows");
    b->step(tokens, logp);
  });
}

void ht_batch_keep(ht_batch *b, const int64_t *rows, int64_t n, char **err) {
  guarded(err, [&] { b->keep(std::vector<int64_t>(rows, rows + n)); });
}

void ht_set_threads(int n) { harness::set_threads(n); }
int ht_threads(void) { return harness::threads(); }

char *ht_load_cuda(void) {
  if (at::hasCUDA()) return nullptr;
  Dl_info here;
  if (!dladdr(reinterpret_cast<void *>(&at::get_num_threads), &here)) return strdup("libtorch_cpu.so was not found among the loaded libraries");
  std::string path = here.dli_fname;
  path = path.substr(0, path.rfind('/') + 1) + "libtorch_cuda.so";
  // its initialisers announce it to libtorch, which answers for CUDA from then on
  if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) return strdup(dlerror());
  if (!at::hasCUDA()) return strdup("libtorch_cuda.so was loaded, and finds no driver or device");
  return nullptr;
}

char *ht_cuda_description(void) {
  try {
    return strdup(at::detail::getCUDAHooks().showConfig().c_str());
  } catch (const std::exception &) {
    return strdup("");
  }
}

const char *ht_kernels(void) { return harness::kernels().name; }
int ht_use_kernels(const char *name) { return harness::use_kernels(name); }
const char *ht_version(void) { return TORCH_VERSION; }

void ht_keep_memory(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
}

}  // extern "C"
