// Fused groups of elementwise operations.
//
// ew_{f32,f64}_{4,1}: an interpreter. Each thread runs the group's instructions
// on 4 (or 1) elements, threads apart from each other, so that decoding is paid
// once for several elements and loads of all of them are in flight together.
// Intermediate values live in slots of shared memory of which every thread owns a
// column: no barrier is needed, and no bank is asked for twice by a warp.
//
// Launch: blockDim × E elements per block; slots × blockDim × E × sizeof(T)
// bytes of shared memory. Moves every operand once.
//
// zz_groups.cuh has kernels that were made ahead for the groups of the shipped
// models; they take the same tables and keep intermediates in registers.
#include "zz_scalars.cuh"

// How an operand's elements are found.
enum { FLAT, ONE, STRIDED };

struct Operand { u64 at; i64 stride[MAX_RANK]; int complex_, how; };

struct Instr { short code, dst, a, b, c, pad[3]; double s, t; };

struct Elementwise {
  int first, blocks;
  int rank, ninstr;
  i64 n;
  int dim[MAX_RANK];
  u64 in, out;  // Operand[]
  u64 code;     // Instr[]
};

// Which elements a thread works on: threads apart, so that a warp moves whole
// segments.
struct Where {
  i64 first, n;
  __device__ i64 at(int e) const { return first + (i64)e * blockDim.x; }
  __device__ bool on(int e) const { return at(e) < n; }
};

template <int E> __device__ static inline Where elements_of(const Elementwise &p, int block) {
  Where w;
  w.first = (i64)block * E * blockDim.x + threadIdx.x; w.n = p.n;
  return w;
}

// Not inlined: 64-bit divisions are long, and most operands need none.
__device__ static NOINLINE i64 strided_offset(const Elementwise *p, const Operand *o, i64 i) { return offset_of(o->stride, p->dim, p->rank, i); }
__device__ static inline i64 operand_offset(const Elementwise &p, const Operand &o, i64 i) {
  return o.how == FLAT ? i : o.how == ONE ? 0 : strided_offset(&p, &o, i);
}

// ---- the interpreter

template <class T, int E> struct Slots {
  T *column;
  __device__ T &word(int slot, int e) const { return column[((i64)slot * E + e) * blockDim.x]; }
  __device__ T get_r(int slot, int e) const { return word(slot, e); }
  __device__ Complex<T> get_c(int slot, int e) const { return make(word(slot, e), word(slot + 1, e)); }
  __device__ void put_r(int slot, int e, T v) const { word(slot, e) = v; }
  __device__ void put_c(int slot, int e, Complex<T> v) const { word(slot, e) = v.re; word(slot + 1, e) = v.im; }
};

template <class T, int E> __device__ static inline void load(const Elementwise &p, const Instr &c, const Slots<T, E> &s, const Where &w) {
  const Operand &o = ((const Operand *)p.in)[c.a];
#pragma unroll
  for (int e = 0; e < E; e++) {
    if (!w.on(e)) continue;
    i64 off = operand_offset(p, o, w.at(e));
    if (o.complex_) s.put_c(c.dst, e, ((const Complex<T> *)o.at)[off]);
    else s.put_r(c.dst, e, ((const T *)o.at)[off]);
  }
}

template <class T, int E> __device__ static inline void store(const Elementwise &p, const Instr &c, const Slots<T, E> &s, const Where &w) {
  const Operand &o = ((const Operand *)p.out)[c.dst];
#pragma unroll
  for (int e = 0; e < E; e++) {
    if (!w.on(e)) continue;
    i64 off = operand_offset(p, o, w.at(e));
    if (o.complex_) ((Complex<T> *)o.at)[off] = s.get_c(c.a, e);
    else ((T *)o.at)[off] = s.get_r(c.a, e);
  }
}

// Not unrolled: some functions are long, and the values are in shared memory anyway.
#define EACH _Pragma("unroll 1") for (int e = 0; e < E; e++)
#define CASE1(code, f, r, x) case code: EACH { k.put_##r(c.dst, e, f<T>(k.get_##x(c.a, e), s, t)); } break;
#define CASE2(code, f, r, x, y) case code: EACH { k.put_##r(c.dst, e, f<T>(k.get_##x(c.a, e), k.get_##y(c.b, e), s, t)); } break;
#define CASE3(code, f, r, x, y, z) case code: EACH { k.put_##r(c.dst, e, f<T>(k.get_##x(c.a, e), k.get_##y(c.b, e), k.get_##z(c.c, e), s, t)); } break;

template <class T, int E> __device__ static NOINLINE void interpret(const Elementwise &p, int block) {
  DYN_SHARED(T, slots);
  const Where w = elements_of<E>(p, block);
  const Slots<T, E> k = {slots + threadIdx.x};
  const Instr *code = (const Instr *)p.code;
  for (int i = 0; i < p.ninstr; i++) {
    const Instr c = code[i];
    const T s = (T)c.s, t = (T)c.t;
    switch (c.code) {
    case 0: load<T, E>(p, c, k, w); break;
    case 1: store<T, E>(p, c, k, w); break;
    case 2: EACH { k.put_r(c.dst, e, s); } break;
    SCALARS(CASE1, CASE2, CASE3)
    }
  }
}

ENTRY(ew_f32_4, Elementwise, interpret<float, 4>)
ENTRY(ew_f64_4, Elementwise, interpret<double, 4>)

// ---- groups made ahead: AT(k) is where element e of operand k lies

#define GROUP_BEGIN(name) \
template <class T> __device__ static inline void name(const Elementwise &p, int block) { \
  const Operand *in = (const Operand *)p.in, *out = (const Operand *)p.out; const Instr *code = (const Instr *)p.code; \
  const Where w = elements_of<4>(p, block); (void)in; (void)out; (void)code; \
  _Pragma("unroll") for (int e = 0; e < 4; e++) { if (!w.on(e)) continue; const i64 i = w.at(e);
#define GROUP_END(name) } } \
ENTRY(name##_f32, Elementwise, name<float>) \
ENTRY(name##_f64, Elementwise, name<double>)
#define IN_r(v, k) const T v = ((const T *)in[k].at)[operand_offset(p, in[k], i)];
#define IN_c(v, k) const Complex<T> v = ((const Complex<T> *)in[k].at)[operand_offset(p, in[k], i)];
#define OUT_r(v, k) ((T *)out[k].at)[operand_offset(p, out[k], i)] = v;
#define OUT_c(v, k) ((Complex<T> *)out[k].at)[operand_offset(p, out[k], i)] = v;
#define S(k) (T)code[k].s, (T)code[k].t
#include "zz_groups.cuh"

// ---- conversion between precisions: n elements, C order of the result

struct Convert {
  int first, blocks;
  int rank, words; // 2 for complex elements
  i64 n;
  int dim[MAX_RANK];
  View in;
  u64 out; // contiguous
};

template <class From, class To> __device__ static NOINLINE void convert(const Convert &p, int block) {
  const i64 i = (i64)block * blockDim.x + threadIdx.x;
  if (i >= p.n) return;
  const i64 off = offset_of(p.in.stride, p.dim, p.rank, i);
  for (int k = 0; k < p.words; k++) ((To *)p.out)[i * p.words + k] = (To)((const From *)p.in.at)[off * p.words + k];
}
ENTRY(cast_f32_f64, Convert, convert<float, double>)
ENTRY(cast_f64_f32, Convert, convert<double, float>)
