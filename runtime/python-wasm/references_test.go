package pythonwasm

import (
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/rlvr-harness/harness/core"
)

// TestReferences grades the reference solutions of public benchmarks: each passes, and none of its tests is weak.
func TestReferences(t *testing.T) {
	if testing.Short() {
		t.Skip("one reference solution runs for several seconds; run without -short")
	}
	for _, c := range []struct {
		name  string
		tasks func(testing.TB) []core.Task
		count int
	}{
		{"mbpp", mbpp, 974},
		{"sanitized", sanitized, 427},
	} {
		t.Run(c.name, func(t *testing.T) {
			tasks := c.tasks(t)
			if len(tasks) != c.count {
				t.Fatalf("%d tasks, want %d", len(tasks), c.count)
			}
			p := pool(t)
			var g errgroup.Group
			g.SetLimit(p.config.Workers)
			for _, task := range tasks {
				g.Go(func() error {
					v, err := p.Reference(t.Context(), task)
					switch {
					case err != nil:
						t.Errorf("task %s: %v", task.ID, err)
					case v.Class != core.Passed:
						t.Errorf("task %s: %s: %s: %s", task.ID, v.Class, v.Exception, v.Message)
					case v.Weak:
						t.Errorf("task %s is weak", task.ID)
					}
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
