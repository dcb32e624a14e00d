package eval

import "math"

// PassAtK estimates without bias the probability that at least one of k samples of a task passes, from n samples of which
// c passed, for 1 ≤ k ≤ n:
//
//	1 - C(n-c, k) / C(n, k)    (Chen et al. 2021, arXiv 2107.03374, equation 1)
//
// as 1 - ∏ (1 - k/i) over i in n-c+1 … n, summed as logarithms so that small values keep their digits.
func PassAtK(n, c, k int) float64 {
	if n-c < k {
		return 1
	}
	sum := 0.0
	for i := n - c + 1; i <= n; i++ {
		sum += math.Log1p(-float64(k) / float64(i))
	}
	return -math.Expm1(sum)
}
