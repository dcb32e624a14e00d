package rollout

import (
	"fmt"
	"math"

	"github.com/rlvr-harness/harness/core"
)

// finite reports a value or component that is NaN or infinite in a score that does not abstain.
func finite(s core.Score) error {
	if s.Abstain {
		return nil
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
		return fmt.Errorf("the value is %v; abstain instead", s.Value)
	}
	for _, c := range s.Components {
		for _, x := range []float64{c.Value, c.Weight, c.Weighted} {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("component %q is %v, with the weight %v %v", c.Name, c.Value, c.Weight, c.Weighted)
			}
		}
	}
	return nil
}
