// Command harness-policy-torch is the policy on libtorch as a plugin of harness: a language model of the Llama family from a Hugging
// Face folder or a GGUF file, with a LoRA adapter. See package policy.
package main

import (
	"context"
	"log/slog"

	"github.com/rlvr-harness/harness/core"
	"github.com/rlvr-harness/harness/plugins"
	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
	"github.com/rlvr-harness/harness/plugins/policies/torch/policy"
)

func main() {
	if err := engine.SleepWhileWaiting(); err != nil {
		slog.Warn("compute threads will spin while they wait", "error", err)
	}
	plugins.ServePolicy(plugins.Info{
		Name:    "torch",
		Version: "0.1.0",
		Doc:     "Models of the Llama and Qwen families on libtorch, trained by LoRA.",
	}, policy.Defaults(), func(ctx context.Context, s policy.Settings) (core.Policy, error) {
		return policy.Open(ctx, s)
	})
}
