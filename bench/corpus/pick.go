package corpus

import (
	"math/bits"
	"math/rand/v2"
)

// Picker chooses numbers from 0 to n-1. It belongs to one goroutine.
type Picker func() uint64

// Uniform chooses every number equally often. n must not be 0.
func Uniform(seed, n uint64) Picker {
	r := rand.New(rand.NewPCG(seed, n))
	return func() uint64 { return r.Uint64N(n) }
}

// Zipf chooses few numbers often and most seldom: the k-th favourite in proportion to k^-s, where s
// is over 1. The favourites lie scattered over the numbers, so that no cache gains from their being
// neighbours. n must not be 0.
func Zipf(seed, n uint64, s float64) Picker {
	z := rand.NewZipf(rand.New(rand.NewPCG(seed, n)), s, 1, n-1)
	step := uint64(float64(n)*0.6180339887) | 1
	for gcd(step, n) != 1 {
		step += 2
	}
	return func() uint64 {
		hi, lo := bits.Mul64(z.Uint64(), step)
		return bits.Rem64(hi, lo, n)
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
