package sandbox

import (
	"context"
	"errors"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// Ends of a call that the meter decides.
var (
	errFuel = errors.New("out of fuel")
	errWall = errors.New("the wall clock's safety limit passed")
)

// slice is how much fuel the module gets at a time. It bounds how late a deadline or a cancelled context is seen, and how long the
// Go scheduler may have to wait for a running guest: a quarter of a million steps are about half a millisecond.
const slice = 1 << 18

// meter hands out fuel. The module counts its global down and calls refill below zero; the total is exact whatever the slices are.
type meter struct {
	global   api.MutableGlobal
	total    int64
	left     int64 // not yet handed out
	deadline time.Time
	done     <-chan struct{}
}

type meterKey struct{}

func withMeter(ctx context.Context, m *meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

func meterOf(ctx context.Context) *meter { return ctx.Value(meterKey{}).(*meter) }

// start begins a call that may use total units.
func (m *meter) start(total int64, deadline time.Time, done <-chan struct{}) {
	m.total, m.deadline, m.done = total, deadline, done
	n := min(total, slice)
	m.left = total - n
	m.global.Set(uint64(n))
}

func (m *meter) refill() {
	if m.global == nil { // making a snapshot: no limits
		return
	}
	if m.left <= 0 {
		panic(errFuel)
	}
	if m.deadline != never && time.Now().After(m.deadline) {
		panic(errWall)
	}
	select {
	case <-m.done:
		panic(context.Canceled)
	default:
	}
	now := int64(m.global.Get())
	n := min(m.left, slice-now)
	m.left -= n
	m.global.Set(uint64(now + n))
}

// charge takes units for work of the host; the module's next check sees a shortage.
func (m *meter) charge(units int64) {
	if m.global != nil {
		m.global.Set(m.global.Get() - uint64(units))
	}
}

// used is the fuel spent since start, at most total.
func (m *meter) used() int64 { return min(m.total-m.left-int64(m.global.Get()), m.total) }

func (m *meter) work() uint64 {
	if m.global == nil {
		return 0
	}
	return uint64(max(0, m.used()))
}
