package wasi

import (
	"context"
	"encoding/binary"
)

const (
	// epoch is where the virtual clock starts: 2023-11-14 22:13:20 UTC.
	epoch = 1_700_000_000_000_000_000
	// tick is how far a look at the clock moves it, in nanoseconds.
	tick = 1000
	// nanosecondsPerFuel makes the virtual clock run roughly as fast as a real one.
	nanosecondsPerFuel = 2
)

// now is the virtual time in nanoseconds. It moves with the work done, with each look and with sleep, and is therefore the same in
// every run.
func (h *Host) now() uint64 { return epoch + h.slept + h.ticks*tick + h.work()*nanosecondsPerFuel }

// sleep moves the clock by d nanoseconds or ends the guest.
func (h *Host) sleep(d uint64) {
	if d > h.limits.Sleep || h.slept > h.limits.Sleep-d {
		h.slept = h.limits.Sleep
		panic(ErrBlocked)
	}
	h.slept += d
}

func clockResolution(_ *Host, m memory, a []uint64) errno { return done(m.putU64(a[1], tick)) }

func clockTime(h *Host, m memory, a []uint64) errno {
	h.ticks++
	return done(m.putU64(a[2], h.now()))
}

// Sizes and offsets of poll_oneoff's structures.
const (
	subscriptionSize = 48
	eventSize        = 32
	eventClock       = 0
	eventRead        = 1
)

// poll answers at once: streams are always ready, and where only clocks are waited for the earliest one is slept for. A poll of
// nothing never returns.
func poll(h *Host, m memory, a []uint64) errno {
	n := a[2]
	if n == 0 {
		panic(ErrBlocked)
	}
	if n > maxVectors {
		return errInval
	}
	subs, inside := m.view(a[0], n*subscriptionSize)
	events, inside2 := m.view(a[1], n*eventSize)
	if !inside || !inside2 {
		return errFault
	}
	earliest, streams := ^uint64(0), false
	until := func(s []byte) uint64 {
		t := binary.LittleEndian.Uint64(s[24:])
		if binary.LittleEndian.Uint16(s[40:])&1 == 0 { // relative
			return t
		}
		if at := h.now(); t > at {
			return t - at
		}
		return 0
	}
	for i := range n {
		s := subs[i*subscriptionSize:]
		if s[8] == eventClock {
			earliest = min(earliest, until(s))
		} else {
			streams = true
		}
	}
	if !streams {
		h.sleep(earliest)
	}
	var count uint32
	for i := range n {
		s := subs[i*subscriptionSize:]
		if s[8] == eventClock && (streams || until(s) > earliest) {
			continue
		}
		e := events[int(count)*eventSize : int(count+1)*eventSize]
		clear(e)
		copy(e, s[:8])
		e[10] = s[8]
		if s[8] == eventRead {
			e[16] = 1
		}
		count++
	}
	return done(m.putU32(a[3], count))
}

// randomBytes is xorshift64 (Marsaglia 2003) from a fixed seed: entropy would make verdicts differ between runs.
func randomBytes(h *Host, m memory, a []uint64) errno {
	b, inside := m.view(a[0], a[1])
	if !inside {
		return errFault
	}
	h.charge(int64(len(b) / entropyPerFuel))
	for i := range b {
		h.randomAt ^= h.randomAt << 13
		h.randomAt ^= h.randomAt >> 7
		h.randomAt ^= h.randomAt << 17
		b[i] = byte(h.randomAt >> 24)
	}
	return success
}

// Sleep moves the clock of ctx's host by d nanoseconds, as sleeping does, or ends the guest.
func Sleep(ctx context.Context, d uint64) { ctx.Value(hostKey{}).(*Host).sleep(d) }
