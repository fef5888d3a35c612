// Command build compiles the GPU kernels and says how to build with them.
//
//	go run github.com/percept-go/percept/cuda/build        kernels into the user's cache
//	go run ./cuda/build -o cuda/bin                        kernels to embed, in a checkout
//	eval "$(go run ./cuda/build -env)"                     what cgo needs
//
// It takes nvcc from $NVCC, the PATH or /usr/local/cuda; where there is none it
// fetches that of CUDA 13.0, in a few seconds and without root, from five pinned
// Python wheels into the user's cache.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/percept-go/percept/cuda"
)

func main() {
	out := flag.String("o", "", "folder for kernels.fatbin; default: the user's cache, where cuda.Open looks")
	env := flag.Bool("env", false, "print, as shell commands, the variables that go build -tags cuda needs")
	arch := flag.String("arch", "75 80 86 89 90 100 120", "compute capabilities to make machine code for, as far as nvcc can")
	flag.Parse()
	if err := run(*out, *env, strings.Fields(*arch)); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(out string, env bool, arch []string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	cache = filepath.Join(cache, "percept", "cuda")
	nvcc, err := findNVCC(cache)
	if err != nil {
		return err
	}
	if env {
		return printEnv(nvcc, cache)
	}
	file, err := cuda.CacheFile()
	if err != nil {
		return err
	}
	if out != "" {
		file = filepath.Join(out, "kernels.fatbin")
	}
	if err := compile(nvcc, file, arch); err != nil {
		return err
	}
	i, err := os.Stat(file)
	if err == nil {
		fmt.Printf("%s: %d bytes\n", file, i.Size())
	}
	return err
}

// wheels are the parts of the toolkit that compiling needs.
var wheels = []string{"nvidia-cuda-nvcc==13.0.88", "nvidia-nvvm==13.0.88", "nvidia-cuda-crt==13.0.88", "nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cccl==13.0.85"}

// findNVCC returns the path of nvcc, fetching it if there is none.
func findNVCC(cache string) (string, error) {
	if p := os.Getenv("NVCC"); p != "" {
		return exec.LookPath(p)
	}
	fetched := filepath.Join(cache, "nvcc-13.0")
	mine := filepath.Join(fetched, "nvidia", "cu13", "bin", "nvcc")
	for _, p := range []string{"nvcc", "/usr/local/cuda/bin/nvcc", mine} {
		if p, err := exec.LookPath(p); err == nil {
			return filepath.EvalSymlinks(p)
		}
	}
	fmt.Fprintln(os.Stderr, "no nvcc here: fetching that of CUDA 13.0 (270 MB unpacked) into", fetched)
	args := append([]string{"-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", fetched}, wheels...)
	cmd := exec.Command("python3", args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("fetching nvcc with python3 -m pip: %w; install the CUDA toolkit, or name its nvcc by NVCC=…", err)
	}
	return mine, nil
}

// compile makes machine code for the capabilities that nvcc knows, and PTX for the
// newest of them, which later GPUs and their drivers translate.
func compile(nvcc, file string, want []string) error {
	dir, err := os.MkdirTemp("", "percept-cuda")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	unit, err := writeSources(dir)
	if err != nil {
		return err
	}
	can, err := exec.Command(nvcc, "--list-gpu-code").Output()
	if err != nil {
		return fmt.Errorf("%s --list-gpu-code: %w", nvcc, err)
	}
	// The host's compiler only preprocesses, so a newer one than nvcc knows will do.
	args := []string{"-std=c++17", "-O3", "--fatbin", "-x", "cu", "-allow-unsupported-compiler", "-Xfatbin", "-compress-all", "--threads", fmt.Sprint(runtime.NumCPU()), "-I", dir}
	top := ""
	for _, a := range want {
		if slices.Contains(strings.Fields(string(can)), "sm_"+a) {
			args, top = append(args, "-gencode", fmt.Sprintf("arch=compute_%s,code=sm_%s", a, a)), a
		}
	}
	if top == "" {
		return fmt.Errorf("%s makes code for none of %v", nvcc, want)
	}
	tmp := file + ".tmp"
	args = append(args, "-gencode", fmt.Sprintf("arch=compute_%s,code=compute_%s", top, top), "-o", tmp, unit)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	cmd := exec.Command(nvcc, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nvcc: %w", err)
	}
	return os.Rename(tmp, file)
}

// writeSources writes the kernels into dir and returns the unit that includes all
// of them, each in a namespace of its own.
func writeSources(dir string) (string, error) {
	unit := "#include \"common.cuh\"\n#include \"zz_scalars.cuh\"\n"
	names, err := fs.Glob(cuda.Sources, "*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		b, err := fs.ReadFile(cuda.Sources, name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
		if stem, ok := strings.CutSuffix(name, ".cu"); ok {
			unit += fmt.Sprintf("namespace %s_cu {\n#include %q\n}\n", stem, name)
		}
	}
	file := filepath.Join(dir, "all.gen")
	return file, os.WriteFile(file, []byte(unit), 0o644)
}

// printEnv prints what cgo needs, and makes it: the folder of cuda.h, before it
// that of the header that makes gorgonia.org/cu compile with CUDA 13, and a
// libcuda.so to link against where there is no driver.
func printEnv(nvcc, cache string) error {
	include := filepath.Join(filepath.Dir(filepath.Dir(nvcc)), "include")
	if _, err := os.Stat(filepath.Join(include, "cuda.h")); err != nil {
		return fmt.Errorf("there is no cuda.h beside %s: %w", nvcc, err)
	}
	compat, stub := filepath.Join(cache, "compat"), filepath.Join(cache, "stub")
	if err := errors.Join(os.MkdirAll(compat, 0o755), os.MkdirAll(stub, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(compat, "cuda.h"), cuda.Compat, 0o644); err != nil {
		return err
	}
	source := filepath.Join(stub, "stub.c")
	if err := os.WriteFile(source, []byte("int percept_stub;\n"), 0o644); err != nil {
		return err
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	link := exec.Command(cc, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", filepath.Join(stub, "libcuda.so"), source)
	if b, err := link.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", link, err, b)
	}
	fmt.Printf("export CGO_ENABLED=1 CGO_CFLAGS='-O2 -I%s -I%s' CGO_LDFLAGS='-L%s -Wl,--as-needed'\n", compat, include, stub)
	return nil
}
