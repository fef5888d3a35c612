// Fourier transforms of lines: mixed radix 2, 3, 4, 5, 7, 8 and 16 in registers,
// Stockham's order (natural in and out), one exchange through shared memory
// between two passes. The first pass reads global memory and the last writes it
// where the ends are plain; else loops move the line to and from shared memory. A
// transform along one axis moves its data once.
//
// fft: a block of 128 threads does `lines` lines of n points at once. Along the
//   contiguous axis threads run along the line; across it, neighbouring threads
//   take neighbouring lines (column = 1), so that both ways whole segments move.
// fft_chirp: n points as a convolution of m ≥ 2n−1 points, a product of radices
//   (Bluestein 1970, IEEE Trans. Audio Electroacoust. 18:451), inside one block.
//
// On load: real or half-spectrum (Hermitian) lines, moduli, zeros beyond `limit`, a
// real mask, a table `pre`. On store: a table `post`, the twiddle of a line of n1·n2
// points that is done in two steps (`twist`), the scale, the terms up to
// `keep`, the real part alone, the modulus into `magnitude`. Sums of what is stored
// are not taken here: what reads a texture's bands needs 88 of them, products of two
// bands mostly, and takes all in the one read that it needs anyway (products.cu).
//
// Shared memory: 2 · lines · (n + n/16) complex numbers.
#include "common.cuh"

enum { COMPLEX, REAL, HALF, MODULUS };

struct FFT {
  int first, blocks;
  int n, lines, column, passes;    // points of a transform; lines of a block
  int radix[12];
  int conj_in, conj_first, conj_out; // an inverse transform is that of the conjugate, conjugated
  int in_kind, real_out, rank;
  i64 total;                       // lines
  int dim[MAX_RANK];               // of the lines
  i64 in_stride[MAX_RANK], out_stride[MAX_RANK], mask_stride[MAX_RANK];
  i64 in_step, out_step, mask_step; // from one point of a line to the next
  i64 pos_step, pos_line;          // of the whole line, at load: point j of line l is point j·pos_step + l·pos_line, l counted on the last axis of dim
  i64 out_pos_step, out_pos_line;  // the same at store
  int limit, points, keep, twist;  // points given and of the whole line; terms kept; n1·n2, or 0
  int m;                           // points of the convolution
  int plain_in, plain_out;         // the ends are light ones, done by the butterflies; at least two passes
  int unused;
  double scale;
  u64 in, out, mask, magnitude;
  u64 tw;                          // e^{−2πik/n}, k < n
  u64 pre, post, twist_tw;         // by the point of the whole line; e^{−2πik/twist}
  u64 chirp, filter, chirp_tw;     // e^{−πik²/n}, k < n; its transform over m points, divided by m; e^{−2πik/m}
};

// ---- butterflies: v[0], v[1] … become their transform

template <int R, class T> struct Dft;
template <class T> __device__ static inline Complex<T> times_minus_i(Complex<T> a) { return make(a.im, -a.re); }

template <class T> struct Dft<1, T> { __device__ static void run(Complex<T> *) {} };
template <class T> struct Dft<2, T> { __device__ static void run(Complex<T> *v) {
  Complex<T> a = v[0], b = v[1]; v[0] = a + b; v[1] = a - b; } };
template <class T> struct Dft<3, T> { __device__ static void run(Complex<T> *v) {
  const T h = (T)0.86602540378443864676;
  Complex<T> s = v[1] + v[2], d = times_minus_i(v[1] - v[2]) * h, m = v[0] - s * (T).5;
  v[0] = v[0] + s; v[1] = m + d; v[2] = m - d; } };
template <class T> struct Dft<4, T> { __device__ static void run(Complex<T> *v) {
  Complex<T> a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = times_minus_i(v[1] - v[3]);
  v[0] = a + c; v[1] = b + d; v[2] = a - c; v[3] = b - d; } };
template <class T> struct Dft<5, T> { __device__ static void run(Complex<T> *v) {
  const T c1 = (T)0.30901699437494742410, c2 = (T)-0.80901699437494742410, s1 = (T)0.95105651629515357212, s2 = (T)0.58778525229247312917;
  Complex<T> a = v[1] + v[4], b = v[2] + v[3], c = v[1] - v[4], d = v[2] - v[3];
  Complex<T> p = v[0] + a * c1 + b * c2, q = v[0] + a * c2 + b * c1;
  Complex<T> r = times_minus_i(c * s1 + d * s2), s = times_minus_i(c * s2 - d * s1);
  v[0] = v[0] + a + b; v[1] = p + r; v[2] = q + s; v[3] = q - s; v[4] = p - r; } };
template <class T> struct Dft<7, T> { __device__ static void run(Complex<T> *v) {
  const T c1 = (T)0.62348980185873353053, c2 = (T)-0.22252093395631440429, c3 = (T)-0.90096886790241912624;
  const T s1 = (T)0.78183148246802980871, s2 = (T)0.97492791218182360702, s3 = (T)0.43388373911755812048;
  Complex<T> a = v[1] + v[6], b = v[2] + v[5], c = v[3] + v[4], d = v[1] - v[6], e = v[2] - v[5], f = v[3] - v[4];
  Complex<T> p = v[0] + a * c1 + b * c2 + c * c3, q = v[0] + a * c2 + b * c3 + c * c1, r = v[0] + a * c3 + b * c1 + c * c2;
  Complex<T> x = times_minus_i(d * s1 + e * s2 + f * s3), y = times_minus_i(d * s2 - e * s3 - f * s1), z = times_minus_i(d * s3 - e * s1 + f * s2);
  v[0] = v[0] + a + b + c; v[1] = p + x; v[2] = q + y; v[3] = r + z; v[4] = r - z; v[5] = q - y; v[6] = p - x; } };
template <class T> struct Dft<8, T> { __device__ static void run(Complex<T> *v) {
  const T h = (T)0.70710678118654752440;
  Complex<T> e[4] = {v[0], v[2], v[4], v[6]}, o[4] = {v[1], v[3], v[5], v[7]};
  Dft<4, T>::run(e); Dft<4, T>::run(o);
  o[1] = make(h * (o[1].re + o[1].im), h * (o[1].im - o[1].re));
  o[2] = times_minus_i(o[2]);
  o[3] = make(h * (o[3].im - o[3].re), -h * (o[3].re + o[3].im));
#pragma unroll
  for (int i = 0; i < 4; i++) { v[i] = e[i] + o[i]; v[i + 4] = e[i] - o[i]; } } };
template <class T> struct Dft<16, T> { __device__ static void run(Complex<T> *v) {
  const T c[8] = {1, (T)0.92387953251128675613, (T)0.70710678118654752440, (T)0.38268343236508977173, 0, (T)-0.38268343236508977173, (T)-0.70710678118654752440, (T)-0.92387953251128675613};
  Complex<T> e[8], o[8];
#pragma unroll
  for (int i = 0; i < 8; i++) { e[i] = v[2 * i]; o[i] = v[2 * i + 1]; }
  Dft<8, T>::run(e); Dft<8, T>::run(o);
#pragma unroll
  for (int i = 0; i < 8; i++) {
    Complex<T> w = o[i] * make(c[i], -c[i < 4 ? 4 - i : i - 4]); // sin(πi/8) = cos(π(4−i)/8)
    v[i] = e[i] + w; v[i + 8] = e[i] - w;
  } } };

// ---- one pass: length L of the transforms that are done, radix R

template <class T, int R, class Load, class Store>
__device__ static inline void butterflies(int n, int L, const Complex<T> *__restrict__ tw, int t, int threads, const Load &load, const Store &store) {
  const int q = n / R;
  for (int u = t; u < q; u += threads) {
    Complex<T> v[R];
    const int j = u % L, step = j * (q / L);
#pragma unroll
    for (int r = 0; r < R; r++) v[r] = load(u + r * q);
    if (L > 1) {
#pragma unroll
      for (int r = 1; r < R; r++) v[r] = v[r] * tw[r * step];
    }
    Dft<R, T>::run(v);
    const int o = (u - j) * R + j;
#pragma unroll
    for (int r = 0; r < R; r++) store(o + r * L, v[r]);
  }
}

template <class T, class Load, class Store>
__device__ static inline void pass(int radix, int n, int L, const Complex<T> *tw, int t, int threads, const Load &load, const Store &store) {
  switch (radix) {
  case 1: butterflies<T, 1>(n, L, tw, t, threads, load, store); break;
  case 2: butterflies<T, 2>(n, L, tw, t, threads, load, store); break;
  case 3: butterflies<T, 3>(n, L, tw, t, threads, load, store); break;
  case 4: butterflies<T, 4>(n, L, tw, t, threads, load, store); break;
  case 5: butterflies<T, 5>(n, L, tw, t, threads, load, store); break;
  case 7: butterflies<T, 7>(n, L, tw, t, threads, load, store); break;
  case 8: butterflies<T, 8>(n, L, tw, t, threads, load, store); break;
  case 16: butterflies<T, 16>(n, L, tw, t, threads, load, store); break;
  }
}

// A line in shared memory. Lines that lie side by side are padded, so that the
// strides of a pass do not meet in one bank.
template <class T> struct Shared {
  Complex<T> *at; int pitch, line, pad;
  __device__ int index(int k) const { return pitch == 1 ? line + k + (pad ? k >> 4 : 0) : k * pitch + line; }
  __device__ Complex<T> operator()(int k) const { return at[index(k)]; }
  __device__ void operator()(int k, Complex<T> v) const { at[index(k)] = v; }
};

// All passes but the ends: of n points in a, by way of b; returns where they are.
// Whoever reads them must wait for the other threads first.
template <class T>
__device__ static inline Shared<T> middle(const FFT &p, int from, int to, int n, int L, const Complex<T> *tw, int t, int threads, Shared<T> a, Shared<T> b) {
  for (int k = from; k < to; k++) {
    __syncthreads(); // barrier: what this pass reads is written
    pass<T>(p.radix[k], n, L, tw, t, threads, a, b);
    L *= p.radix[k];
    Shared<T> c = a; a = b; b = c;
  }
  return a;
}

// ---- the ends of a line in global memory

// Any line: called for one point at a time by loops outside the butterflies.
template <class T> struct Line {
  const FFT &p; i64 in, out, mask, line, pos; bool on;
  __device__ Complex<T> load(int j) const {
    if (!on) return make((T)0, (T)0);
    const i64 at = j * p.pos_step + pos;
    Complex<T> v;
    if (p.in_kind == HALF) {
      if (at >= p.points) return make((T)0, (T)0);
      // point `points − at` is the conjugate of point `at`
      const bool mirror = at >= p.limit;
      const i64 k = mirror ? p.points - at : at;
      v = ((const Complex<T> *)p.in)[in + j * p.in_step + (k - at) * (p.in_step / p.pos_step)];
      if (p.mask) v = v * ((const T *)p.mask)[mask + j * p.mask_step + (k - at) * (p.mask_step / p.pos_step)];
      if (mirror) v.im = -v.im;
      if (at == 0 || 2 * at == p.points) v.im = 0;
    } else {
      if (at >= p.limit) return make((T)0, (T)0);
      v = p.in_kind == REAL ? make(((const T *)p.in)[in + j * p.in_step], (T)0) : ((const Complex<T> *)p.in)[in + j * p.in_step];
      if (p.in_kind == MODULUS) v = make(fabs(v), (T)0);
    }
    if (p.mask && p.in_kind != HALF) v = v * ((const T *)p.mask)[mask + j * p.mask_step];
    if (p.conj_in) v = conj(v);
    return p.pre ? v * ((const Complex<T> *)p.pre)[at] : v;
  }
  __device__ void store(int k, Complex<T> v) const {
    if (!on) return;
    const i64 at = k * p.out_pos_step + line * p.out_pos_line;
    if (at >= p.keep) return;
    if (p.twist) v = v * ((const Complex<T> *)p.twist_tw)[line * k];
    if (p.conj_first) v = conj(v);
    if (p.post) v = v * ((const Complex<T> *)p.post)[at];
    if (p.conj_out) v = conj(v);
    v = v * (T)p.scale;
    const i64 o = out + k * p.out_step;
    if (p.out) { if (p.real_out) ((T *)p.out)[o] = v.re; else ((Complex<T> *)p.out)[o] = v; }
    if (p.magnitude) ((T *)p.magnitude)[o] = hypot(v.re, v.im);
  }
};

// The usual lines, light enough to be inlined into the butterflies: a real or
// complex line and a mask; a scale, the first `keep` terms, the modulus.
template <class T> struct PlainLoad {
  const T *re; const Complex<T> *z; const T *mask; i64 step, mask_step; T sign; bool on, modulus;
  __device__ Complex<T> operator()(int j) const {
    Complex<T> v = make((T)0, (T)0);
    if (!on) return v;
    if (re) v.re = re[j * step]; else v = z[j * step];
    if (modulus) v = make(fabs(v), (T)0);
    if (mask) v = v * mask[j * mask_step];
    v.im *= sign;
    return v;
  }
};
template <class T> struct PlainStore {
  T *re; Complex<T> *z; T *magnitude; i64 step; T scale, sign; int keep;
  __device__ void operator()(int k, Complex<T> v) const {
    if (k >= keep) return;
    v = make(v.re * scale, v.im * sign);
    if (re) re[k * step] = v.re; else if (z) z[k * step] = v;
    if (magnitude) magnitude[k * step] = hypot(v.re, v.im);
  }
};
template <class T> __device__ static inline PlainLoad<T> plain_load(const Line<T> &l) {
  const FFT &p = l.p;
  return {p.in_kind == REAL ? (const T *)p.in + l.in : 0, (const Complex<T> *)p.in + l.in, p.mask ? (const T *)p.mask + l.mask : 0,
          p.in_step, p.mask_step, p.conj_in ? (T)-1 : (T)1, l.on, p.in_kind == MODULUS};
}
template <class T> __device__ static inline PlainStore<T> plain_store(const Line<T> &l) {
  const FFT &p = l.p;
  return {p.real_out ? (T *)p.out + l.out : 0, p.out ? (Complex<T> *)p.out + l.out : 0, p.magnitude ? (T *)p.magnitude + l.out : 0,
          p.out_step, (T)p.scale, p.conj_out ? -(T)p.scale : (T)p.scale, l.on ? p.keep : 0};
}

// Which line this thread works on, and its number among the line's threads.
template <class T> struct Lane { int t, threads, slot; i64 id; };
template <class T> __device__ static inline Lane<T> lane_of(const FFT &p, int block) {
  Lane<T> l;
  l.threads = blockDim.x / p.lines;
  l.t = p.column ? threadIdx.x / p.lines : threadIdx.x % l.threads;
  l.slot = p.column ? threadIdx.x % p.lines : threadIdx.x / l.threads;
  l.id = (i64)block * p.lines + l.slot;
  return l;
}

template <class T> __device__ static inline Line<T> line_of(const FFT &p, i64 id) {
  const i64 last = p.rank > 0 ? id % p.dim[p.rank - 1] : 0;
  const bool on = id < p.total;
  if (!on) id = 0;
  return {p, offset_of(p.in_stride, p.dim, p.rank, id), offset_of(p.out_stride, p.dim, p.rank, id),
          p.mask ? offset_of(p.mask_stride, p.dim, p.rank, id) : 0, last, last * p.pos_line, on};
}

template <class T> __device__ static inline Shared<T> shared_line(Complex<T> *at, const FFT &p, int n, int slot) {
  Shared<T> s;
  s.at = at; s.pad = n < 2048; s.pitch = p.column ? p.lines : 1;
  s.line = p.column ? slot : slot * (n + (s.pad ? n / 16 : 0) + 1);
  return s;
}
__device__ static inline int shared_points(const FFT &p, int n) { return p.lines * (n + (n < 2048 ? n / 16 : 0) + 1); }

template <class T> __device__ static NOINLINE void fft(const FFT &p, int block) {
  DYN_SHARED(Complex<T>, sm);
  const Lane<T> l = lane_of<T>(p, block);
  const Line<T> line = line_of<T>(p, l.id);
  const Complex<T> *tw = (const Complex<T> *)p.tw;
  Shared<T> a = shared_line<T>(sm, p, p.n, l.slot), b = shared_line<T>(sm + shared_points(p, p.n), p, p.n, l.slot);
  int first = 0, last = p.passes, L = 1;
  if (p.plain_in) { pass<T>(p.radix[0], p.n, 1, tw, l.t, l.threads, plain_load<T>(line), a); first = 1; L = p.radix[0]; }
  else for (int j = l.t; j < p.n; j += l.threads) a(j, line.load(j));
  if (p.plain_out) last--;
  a = middle<T>(p, first, last, p.n, L, tw, l.t, l.threads, a, b);
  __syncthreads(); // barrier: what the end reads is written
  if (p.plain_out) pass<T>(p.radix[last], p.n, p.n / p.radix[last], tw, l.t, l.threads, a, plain_store<T>(line));
  else for (int k = l.t; k < p.n; k += l.threads) line.store(k, a(k));
}

// Bluestein: X_k = c_k Σ (x_j c_j) c̄_{k−j} with c_k = e^{−πik²/n}.
template <class T> __device__ static NOINLINE void fft_chirp(const FFT &p, int block) {
  DYN_SHARED(Complex<T>, sm);
  const Lane<T> l = lane_of<T>(p, block);
  const Line<T> line = line_of<T>(p, l.id);
  const Complex<T> *tw = (const Complex<T> *)p.chirp_tw, *chirp = (const Complex<T> *)p.chirp, *filter = (const Complex<T> *)p.filter;
  Shared<T> a = shared_line<T>(sm, p, p.m, l.slot), b = shared_line<T>(sm + shared_points(p, p.m), p, p.m, l.slot), c = a;
  for (int j = l.t; j < p.m; j += l.threads) a(j, j < p.n ? line.load(j) * chirp[j] : make((T)0, (T)0));
  for (int round = 0; round < 2; round++) {
    Shared<T> d = middle<T>(p, 0, p.passes, p.m, 1, tw, l.t, l.threads, c, c.at == a.at ? b : a);
    __syncthreads(); // barrier: the transform is written
    // The product with the filter's transform, conjugated: the second transform is
    // then the inverse.
    if (round == 0) for (int k = l.t; k < p.m; k += l.threads) d(k, conj(d(k) * filter[k]));
    c = d;
  }
  for (int k = l.t; k < p.n; k += l.threads) line.store(k, conj(c(k)) * chirp[k]);
}

ENTRY(fft_f32, FFT, fft<float>)
ENTRY(fft_f64, FFT, fft<double>)
