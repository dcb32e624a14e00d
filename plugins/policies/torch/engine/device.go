package engine

// #include <stdlib.h>
// #include "api.h"
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/sugarme/gotch"
)

// Device is where a model is computed.
type Device string

// The devices: the processor, and the first CUDA device.
const (
	CPU  Device = "cpu"
	CUDA Device = "cuda"
)

func (d Device) gotch() gotch.Device {
	if d == CUDA {
		return gotch.CudaBuilder(0)
	}
	return gotch.CPU
}

// FindDevice resolves "cpu", "cuda" or "auto", which is cuda where there is one.
func FindDevice(name string) (Device, error) {
	switch name {
	case string(CPU):
		return CPU, nil
	case string(CUDA), "auto":
	default:
		return "", fmt.Errorf("engine: device %q; known: auto, cpu, cuda", name)
	}
	why := C.ht_load_cuda()
	if why == nil && gotch.CUDA.IsAvailable() {
		return CUDA, nil
	}
	reason := "libtorch reports no CUDA device"
	if why != nil {
		reason = C.GoString(why)
		C.free(unsafe.Pointer(why))
	}
	if name == "auto" {
		return CPU, nil
	}
	return "", fmt.Errorf("engine: no CUDA device can be used: %s; install an NVIDIA driver and libtorch's CUDA part (harness assets fetch libtorch-cuda), or use --device cpu", reason)
}

// Description names the device's hardware as libtorch knows it, or is empty.
func (d Device) Description() string {
	if d != CUDA {
		return ""
	}
	s := C.ht_cuda_description()
	defer C.free(unsafe.Pointer(s))
	return strings.TrimSpace(C.GoString(s))
}

// SetThreads sets the number of compute threads; call it on the engine's thread.
func SetThreads(n int) { C.ht_set_threads(C.int(n)) }

// Threads is the number of compute threads.
func Threads() int { return int(C.ht_threads()) }

// Version is libtorch's.
func Version() string { return C.GoString(C.ht_version()) }

// Kernels names the instruction set that the loops between matrix products use.
func Kernels() string { return C.GoString(C.ht_kernels()) }

// UseKernels chooses another instruction set for engines opened from now on, and says whether this processor can run it: "avx512",
// "avx2" or "portable". Results differ in their last digits.
func UseKernels(name string) bool {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.ht_use_kernels(s) != 0
}

// KeepMemory tells the process's allocator to keep what is freed. Without it every step faults its activations' pages in anew.
func KeepMemory() { C.ht_keep_memory() }
