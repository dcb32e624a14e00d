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
	before   int64 // used by earlier calls since the last reset: the guest's clock goes on
	deadline time.Time
	done     <-chan struct{}
	answer   func(request []byte) ([]byte, error) // nil where the call may ask for nothing
}

type meterKey struct{}

func withMeter(ctx context.Context, m *meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

func meterOf(ctx context.Context) *meter { return ctx.Value(meterKey{}).(*meter) }

// start begins a call that may use total units.
func (m *meter) start(total int64, deadline time.Time, done <-chan struct{}) {
	m.total, m.deadline, m.done, m.answer = total, deadline, done, nil
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

// unanswered ends a call whose request had no answer.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

// ask puts the answer to the request of n bytes at p in its place and returns its length, 0 where there is none that fits.
func (m *meter) ask(memory api.Memory, p, n, capacity uint32) uint32 {
	request, inside := memory.Read(p, n)
	if m.answer == nil || !inside {
		return 0
	}
	reply, err := m.answer(request)
	if err != nil {
		panic(unanswered{err})
	}
	if uint64(len(reply)) > uint64(capacity) || !memory.Write(p, reply) {
		return 0
	}
	return uint32(len(reply))
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
	return uint64(m.before + max(0, m.used()))
}
