package main

import "testing"

// Two measurements are comparable where their protocols agree, so whatever decides a verdict must be in one.
func TestProtocolHasTheLimits(t *testing.T) {
	usual, small := evalConfig{}, evalConfig{Judge: judgeConfig{Fuel: 5, MemoryMiB: 64}}
	if p := usual.protocol("auto/1"); p["fuel"] != int64(0) || p["memory_mib"] != nil {
		t.Errorf("without limits: %v", p)
	}
	if p := small.protocol("auto/1"); p["fuel"] != int64(5) || p["memory_mib"] != 64 {
		t.Errorf("with limits: %v", p)
	}
}
