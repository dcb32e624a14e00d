package assets

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// libtorch 2.1.2 is what gotch v0.9.1 binds. The wheels are read for their native libraries and headers only.
//
// libtorch_cpu.so needs libcupti and libcudart when it is loaded, GPU or not, and finds them through its own search
// path $ORIGIN/../../nvidia/*/lib: the folders of the wheels must stay where they are relative to one another.

// libtorch lists the CPU libraries, the CUDA libraries and the wheels of NVIDIA that they need. The CUDA libraries are
// those that torch 2.1.2 requires on Linux, and nvjitlink, which two of them require.
func libtorch() []Artefact {
	const licence = "BSD-3-Clause"
	torch := Artefact{
		Name: "libtorch", Version: "2.1.2", Licence: licence, Purpose: "tensors, autograd and optimizers on the CPU",
		Size: 670210421, SHA256: "a6ebbe517097ef289cc7952783588c72de071d4b15ce0f8b285093f0916b1162", Room: 560e6,
		Sources: []Source{PyPI{Project: "torch", Version: "2.1.2", Python: "3.11", ABI: "cp311", Platform: "manylinux1_x86_64"}},
		Needs:   []string{"nvidia-cuda-cupti", "nvidia-cuda-runtime"},
		Key:     "libraries, headers and stubs 1",
		Build:   layOutTorch(torchLibraries),
	}
	cuda := torch
	cuda.Name, cuda.Purpose, cuda.Optional = "libtorch-cuda", "libtorch for NVIDIA GPUs", true
	cuda.Room, cuda.Needs, cuda.Build = 1400e6, nil, layOutTorch(torchCUDALibraries)

	list := []Artefact{torch}
	for _, w := range nvidiaWheels {
		list = append(list, Artefact{
			Name: "nvidia-" + w.name, Version: w.version, Licence: "NVIDIA proprietary, free to redistribute with an application", Purpose: w.purpose,
			Size: w.size, SHA256: w.sha256, Room: 3 * w.size,
			Sources:  []Source{PyPI{Project: "nvidia-" + w.name + "-cu12", Version: w.version, Python: "3.11", ABI: "none", Platform: "manylinux1_x86_64"}},
			Optional: !slices.Contains(torch.Needs, "nvidia-"+w.name),
			Key:      "libraries and licence 1",
			Build:    unpackWheel(nvidiaLibraries),
		})
		cuda.Needs = append(cuda.Needs, "nvidia-"+w.name)
	}
	return append(list, cuda)
}

var nvidiaWheels = []struct {
	name, version, purpose string
	size                   int64
	sha256                 string
}{
	{"cuda-cupti", "12.1.105", "library that libtorch names when it is loaded", 14109015, "e54fde3983165c624cb79254ae9818a456eb6e87a7fd4d56a2352c24ee542d7e"},
	{"cuda-runtime", "12.1.105", "library that libtorch names when it is loaded", 823596, "6e258468ddf5796e25f1dc591a31029fa317d97a0a94ed93468fc86301d61e40"},
	{"cuda-nvrtc", "12.1.105", "compiler of CUDA kernels", 23671734, "339b385f50c309763ca65456ec75e17bbefcbbf2893f462cb8b90584cd27a1c2"},
	{"cudnn", "8.9.2.26", "neural network kernels", 731725872, "5ccb288774fdfb07a7e7025ffec286971c06d8d7b4fb162525334616d7629ff9"},
	{"cublas", "12.1.3.1", "matrix products", 410594774, "ee53ccca76a6fc08fb9701aa95b6ceb242cdaab118c3bb152af4e579af792728"},
	{"cufft", "11.0.2.54", "Fourier transforms", 121635161, "794e3948a1aa71fd817c3775866943936774d1c14e7628c74f6f7417224cdf56"},
	{"curand", "10.3.2.106", "random numbers", 56467784, "9d264c5036dde4e64f1de8c50ae753237c12e0b1348738169cd0f8a536c0e1e0"},
	{"cusolver", "11.4.5.107", "linear systems", 124161928, "8a7ec542f0412294b15072fa7dab71d31334014a69f953004ea7a118206fe0dd"},
	{"cusparse", "12.1.0.106", "sparse matrices", 195958278, "f3b50f42cf363f86ab21f720998517a659a48131e8d538dc02f8768237bd884c"},
	{"nccl", "2.18.1", "communication between GPUs", 209797524, "1a6c4acefcbebfa6de320f412bf7866de856e786e0462326ba1bac40de0b5e71"},
	{"nvtx", "12.1.105", "marks for profilers", 99138, "dc21cf308ca5691e7c04d962e213f8a4aa9bbfa23d95412f452254c2caeb09e5"},
	{"nvjitlink", "12.1.105", "linker of CUDA kernels", 19760890, "015fed699b390ce3b8a8578d822d501a4194d0a341d3859554067c1ab291cb85"},
}

// linkerStubs are the libraries that gotch names to the linker whatever the machine has. An empty linker script of
// that name satisfies it and leaves no trace in the binary. libtorch.so is one as well: the real one holds no code and
// needs libtorch_cuda.so.
var linkerStubs = []string{"torch", "cuda", "cudart", "cublas", "cudnn", "caffe2_nvrtc", "nvrtc-builtins", "nvrtc", "nvToolsExt", "c10_cuda", "torch_cuda"}

// torchLibraries are the files of the torch wheel that CPU work needs.
func torchLibraries(name string) string {
	switch {
	case strings.HasPrefix(name, "torch/include/"),
		name == "torch/lib/libtorch_cpu.so", name == "torch/lib/libc10.so", strings.HasPrefix(name, "torch/lib/libgomp-"),
		name == "torch-2.1.2.dist-info/LICENSE", name == "torch-2.1.2.dist-info/NOTICE":
		return name
	}
	return ""
}

// torchCUDALibraries adds those that run on a GPU. torch's own loader of them, libtorch.so, stays out: a program that
// was linked without CUDA gets it by opening libtorch_cuda.so, which registers itself.
func torchCUDALibraries(name string) string {
	switch name {
	case "torch/lib/libtorch_cuda.so", "torch/lib/libc10_cuda.so", "torch/lib/libtorch_cuda_linalg.so", "torch/lib/libcaffe2_nvrtc.so":
		return name
	}
	return torchLibraries(name)
}

// nvidiaLibraries takes the licence and the shared libraries of a wheel of NVIDIA. Of cupti only what libtorch names:
// the rest is for profilers.
func nvidiaLibraries(name string) string {
	dir, file := path.Split(name)
	switch {
	case strings.HasSuffix(dir, ".dist-info/") && strings.HasPrefix(file, "License"):
		return "licences/" + strings.TrimSuffix(path.Base(dir), ".dist-info") + ".txt"
	case !strings.HasPrefix(name, "nvidia/") || !strings.Contains(file, ".so"):
		return ""
	case dir == "nvidia/cuda_cupti/lib/" && file != "libcupti.so.12":
		return ""
	}
	return name
}

// layOutTorch lays the wheels out as they lie in a site-packages folder, with stubs for the linker beside.
func layOutTorch(pick Pick) func(context.Context, *Build) error {
	return func(ctx context.Context, b *Build) error {
		b.Stage("unpack")
		if err := Unzip(ctx, b.Fetched, b.Out, pick); err != nil {
			return err
		}
		for name, dir := range b.Inputs {
			if err := linkTree(dir, b.Out); err != nil {
				return fmt.Errorf("add %s: %w", name, err)
			}
		}
		if err := os.Mkdir(filepath.Join(b.Out, "stubs"), 0o755); err != nil {
			return err
		}
		for _, lib := range linkerStubs {
			if err := os.WriteFile(filepath.Join(b.Out, "stubs", "lib"+lib+".so"), []byte("/* nothing */\n"), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
}

// linkTree makes the files below src appear below dst as hard links: the libraries of NVIDIA have gigabytes.
func linkTree(src, dst string) error {
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dst, rel), 0o755)
		}
		return os.Link(p, filepath.Join(dst, rel))
	})
}

// unpackWheel is the recipe of a wheel that is only unpacked.
func unpackWheel(pick Pick) func(context.Context, *Build) error {
	return func(ctx context.Context, b *Build) error {
		b.Stage("unpack")
		return Unzip(ctx, b.Fetched, b.Out, pick)
	}
}
