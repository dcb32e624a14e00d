package main

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// checkKernel looks for what makes sandboxes fast.
func checkKernel() []finding { return []finding{checkMemfd(), checkPagemapScan()} }

// checkMemfd is how the sandbox shares one snapshot among copies.
func checkMemfd() finding {
	fd, err := unix.MemfdCreate("harness-doctor", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return finding{"memfd", "missing", "memfd_create: " + err.Error(), "allow the system call memfd_create (Linux 3.17 and newer; container profiles may forbid it)"}
	}
	unix.Close(fd)
	return finding{"memfd", "ok", "sandboxes share their snapshot", ""}
}

// checkPagemapScan tells kernels that can list the pages a sandbox has changed.
func checkPagemapScan() finding {
	slow := finding{"pagemap-scan", "note", "", "use Linux 6.7 or newer: sandboxes are reset faster"}
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		slow.Found = err.Error()
		return slow
	}
	defer f.Close()
	// PAGEMAP_SCAN of linux/fs.h, asked about nothing: a kernel that has it answers 0.
	const request = 0xc0606610
	args := [12]uint64{0: 96}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&args))); e != 0 {
		slow.Found = "the kernel does not have it (" + e.Error() + ")"
		return slow
	}
	return finding{"pagemap-scan", "ok", "sandboxes are reset by the pages they changed", ""}
}
