// Lets g++/clang++ compile the project's .cu files as plain C++ and run a grid on the CPU.
// A block is executed by one OS thread; its CUDA threads are fibers that are switched only at barriers and warp
// operations, so a kernel without barriers is a plain loop. C++17, x86-64 (other CPUs: see emu_switch in emu.cpp).
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <algorithm>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define DYN_SHARED(T, name) T *name = reinterpret_cast<T *>(emu::dyn_shared())

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; constexpr dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {} };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }

namespace emu {
struct Thread { uint3 tid; unsigned lane, warp, idx; };
extern thread_local Thread *cur;
extern thread_local uint3 bIdx;
extern thread_local dim3 bDim, gDim;
void *dyn_shared();
void block_barrier(const char *file, int line);
void stall();                        // after an atomic operation: see emu.cpp
// every lane named in mask deposits v; returns the warp's 32 deposited words once all have arrived
const uint64_t *warp_exchange(unsigned mask, uint64_t v, const char *file, int line, unsigned *arrived);

template <class T> uint64_t bits(T v) { static_assert(sizeof(T) <= 8, ""); uint64_t r = 0; memcpy(&r, &v, sizeof v); return r; }
template <class T> T unbits(uint64_t r) { T v; memcpy(&v, &r, sizeof v); return v; }
template <class T> T shfl(unsigned mask, T v, int kind, int arg, int width, const char *f, int l) {
  unsigned arr; const uint64_t *s = warp_exchange(mask, bits(v), f, l, &arr);
  int lane = cur->lane, seg = lane & ~(width - 1), src = lane;
  switch (kind) {
  case 0: src = seg + (arg & (width - 1)); break;
  case 1: src = lane - arg; if (src < seg) src = lane; break;                 // up
  case 2: src = lane + arg; if (src >= seg + width) src = lane; break;        // down
  case 3: src = lane ^ arg; if (src >= seg + width) src = lane; break;        // xor
  }
  return unbits<T>(s[src]);   // reading a lane that did not take part is undefined in CUDA: its word is poisoned
}

// --- kernel registry -------------------------------------------------------------------------------------------
struct Kernel {
  const char *name; unsigned nparams; const size_t *sizes; size_t packed;
  void (*pack)(void **params, void *dst);          // copies the arguments at launch, as the driver does
  void (*call)(const void *packed);                // one CUDA thread
  Kernel *next;
};
extern Kernel *registry;
template <auto F> struct Reg;
template <class... A, void (*F)(A...)> struct Reg<F> {
  using Tup = std::tuple<std::decay_t<A>...>;
  template <size_t... I> static void pk(void **p, Tup *d, std::index_sequence<I...>) { ((std::get<I>(*d) = *static_cast<std::decay_t<A> *>(p[I])), ...); }
  static void pack(void **p, void *d) { pk(p, new (d) Tup, std::index_sequence_for<A...>{}); }
  static void call(const void *d) { std::apply(F, *static_cast<const Tup *>(d)); }
  static inline const size_t sizes[sizeof...(A) + 1] = {sizeof(std::decay_t<A>)..., 0};
  Kernel k;
  explicit Reg(const char *n) : k{n, sizeof...(A), sizes, sizeof(Tup), pack, call, registry} { registry = &k; }
};
#define EMU_REGISTER(space, fn) static emu::Reg<&space::fn> emu_reg_##fn(#fn);

// returns 0, or a CUresult (700 illegal address, 719 launch failure); text in last_error()
int run_grid(const Kernel &k, const void *packed, dim3 grid, dim3 block, size_t smem);
const char *last_error();
}  // namespace emu

#define threadIdx (emu::cur->tid)
#define blockIdx (emu::bIdx)
#define blockDim (emu::bDim)
#define gridDim (emu::gDim)
static const int warpSize = 32;
#define __syncthreads() emu::block_barrier(__FILE__, __LINE__)
#define EMU_SHFL(kind, m, v, a, ...) emu::shfl(m, v, kind, a, emu_width(__VA_ARGS__), __FILE__, __LINE__)
static inline constexpr int emu_width(int w = 32) { return w; }
#define __shfl_sync(m, v, ...) EMU_SHFL(0, m, v, __VA_ARGS__)
#define __shfl_up_sync(m, v, ...) EMU_SHFL(1, m, v, __VA_ARGS__)
#define __shfl_down_sync(m, v, ...) EMU_SHFL(2, m, v, __VA_ARGS__)
#define __shfl_xor_sync(m, v, ...) EMU_SHFL(3, m, v, __VA_ARGS__)
static inline unsigned emu_ballot(unsigned m, bool p, const char *f, int l) {
  unsigned arr; const uint64_t *s = emu::warp_exchange(m, p, f, l, &arr); unsigned r = 0;
  for (int i = 0; i < 32; i++) if (arr >> i & 1 && s[i] == 1) r |= 1u << i;
  return r;
}
#define __ballot_sync(m, p) emu_ballot(m, (p), __FILE__, __LINE__)
#define __any_sync(m, p) (emu_ballot(m, (p), __FILE__, __LINE__) != 0)
#define __syncwarp(...) ((void)emu_ballot(0xffffffffu, true, __FILE__, __LINE__))
static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_block() {}
template <class T> T emu_atomic(T *p, T v, T (*op)(T, T)) {
  T o, n; __atomic_load(p, &o, __ATOMIC_RELAXED);
  do n = op(o, v); while (!__atomic_compare_exchange(p, &o, &n, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  emu::stall();
  return o;
}
template <class T> T atomicAdd(T *p, T v) { return emu_atomic<T>(p, v, [](T a, T b) -> T { return a + b; }); }
template <class T> T atomicMax(T *p, T v) { return emu_atomic<T>(p, v, [](T a, T b) -> T { return a > b ? a : b; }); }
template <class T> T atomicMin(T *p, T v) { return emu_atomic<T>(p, v, [](T a, T b) -> T { return a < b ? a : b; }); }
template <class T> T atomicExch(T *p, T v) { return emu_atomic<T>(p, v, [](T, T b) -> T { return b; }); }
template <class T> T atomicCAS(T *p, T c, T v) { __atomic_compare_exchange(p, &c, &v, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED); emu::stall(); return c; }
template <class T> static inline T __ldg(const T *p) { return *p; }
static inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
// macros, not functions: glibc owns __expf, __logf, __sinf, ...
#define __expf(x) expf(x)
#define __logf(x) logf(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
static inline float __fdividef(float a, float b) { return a / b; }
static inline void sincospif(float x, float *s, float *c) { *s = (float)sin(M_PI * x); *c = (float)cos(M_PI * x); }
using std::max; using std::min;
// nvcc has these for float and double
using std::abs; using std::fabs; using std::sqrt; using std::exp; using std::expm1; using std::log; using std::log1p;
using std::sin; using std::cos; using std::tanh; using std::erf; using std::pow; using std::atan2; using std::hypot;
