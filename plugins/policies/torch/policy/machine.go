package policy

import (
	"bufio"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// cores counts the physical cores that this process may use: two threads of one core share the units that matrix products
// keep busy, and more compute threads than free cores make every product wait.
func cores() int {
	n := runtime.GOMAXPROCS(0)
	lists, err := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
	if err != nil || len(lists) == 0 {
		return n
	}
	seen := map[string]bool{}
	for _, path := range lists {
		if b, err := os.ReadFile(path); err == nil {
			seen[strings.TrimSpace(string(b))] = true
		}
	}
	if len(seen) > 0 && len(seen) < n {
		return len(seen)
	}
	return n
}

// totalMemory is the machine's memory, or what the control group allows, in bytes.
func totalMemory() int64 {
	total := int64(4 << 30) // where the system does not say
	if f, err := os.Open("/proc/meminfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if fields := strings.Fields(s.Text()); len(fields) > 1 && fields[0] == "MemTotal:" {
				if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					total = kib << 10
				}
				break
			}
		}
	}
	if b, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && limit < total {
			total = limit
		}
	}
	return total
}
