package policy

import (
	"fmt"
	"os"
	"testing"

	"github.com/rlvr-harness/harness/plugins/policies/torch/engine"
)

func TestMain(m *testing.M) {
	if err := engine.SleepWhileWaiting(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
