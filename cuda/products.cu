// Statistics of a texture's bands, and the marginal moments of maps, in one read.
//
// band_products: a block takes a chunk of an image's pixels, tile by
//   tile: its threads leave the features of a pixel each (moduli, real parts and
//   parents of doubled phase; or powers) in shared memory, then sum the products of
//   two features that the results ask for, several threads to a result if there are
//   few. Sums are in double precision and leave parts, which an image's last block
//   adds and makes the results of. Features are taken less a guess of their means, so
//   that variances do not drown in these. Reads the bands once.
// band_products_adjoint: a thread per pixel. Its features and the cotangents lie in
//   shared memory. Reads the bands and the moduli's cotangent and writes bands, once.
//
// Shared memory: features · (tile+1) numbers, and one for each result.
#include "common.cuh"

enum { BANDS, CENTRAL, RAW }; // what the features and the results are

struct Pair { short a, b, mean_a, mean_b; }; // a result: of features a and b (−1: of a alone), less the product of the results mean_a and mean_b (−1: less nothing)

struct Products {
  int first, blocks;
  int kind, channels, bands, parents; // parents: as many more bands as there are, or 0
  int pixels, width, features, results;
  int tile, chunk, chunks, slices;    // pixels of a tile and of a chunk; threads to a result
  View x;                             // of (N, C, bands, h, w), or (N, C, h, w) with 0 for the bands
  u64 y, pair, part, counter;         // pair: Pair[results]; part: double[images][chunks][results]
  u64 means, g, moduli, dx;           // of the adjoint: the result, its cotangent, that of moduli (N, C, bands, h, w) or 0; dx contiguous
};

template <class T> __device__ static inline Complex<T> doubled(Complex<T> z) { return z * unit(z); }

// The offset of pixel i of an image.
__device__ static inline i64 pixel_offset(const Products &p, int i) {
  const int row = i / p.width;
  return row * p.x.stride[3] + (i64)(i - row * p.width) * p.x.stride[4];
}
__device__ static inline i64 image_offset(const Products &p, int image) {
  return image / p.channels * p.x.stride[0] + image % p.channels * p.x.stride[1];
}

// Leaves the features of the pixel at x: f[k·pitch]; shift: what is taken off.
template <class T> __device__ static inline void features_at(const Products &p, i64 x, const T *shift, T *f, int pitch) {
  if (p.kind != BANDS) {
    const T v = ((const T *)p.x.at)[x] - shift[0];
    f[0] = v; f[pitch] = v * v;
    return;
  }
  const Complex<T> *z = (const Complex<T> *)p.x.at + x;
  const int k = p.bands;
  for (int i = 0; i < k; i++) {
    const Complex<T> own = z[i * p.x.stride[2]];
    f[i * pitch] = fabs(own) - shift[i];
    if (p.parents == 0) continue;
    const Complex<T> q = z[(k + i) * p.x.stride[2]], d = doubled(q);
    f[(k + i) * pitch] = fabs(q) - shift[k + i];
    f[(2 * k + i) * pitch] = own.re; f[(3 * k + i) * pitch] = d.re; f[(4 * k + i) * pitch] = d.im;
  }
}

// The shifts: moduli at an image's first pixel, or the mean of 64 pixels all over it.
template <class T> __device__ static inline void take_shifts(const Products &p, i64 x, T *shift) {
  if (p.kind == BANDS) {
    for (int i = threadIdx.x; i < p.bands + p.parents; i += blockDim.x) shift[i] = fabs(((const Complex<T> *)p.x.at)[x + i * p.x.stride[2]]);
  } else if (threadIdx.x == 0) {
    double sum = 0;
    if (p.kind == CENTRAL) for (int i = 0; i < 64; i++) sum += (double)((const T *)p.x.at)[x + pixel_offset(p, (int)((i64)i * p.pixels / 64))];
    shift[0] = (T)(sum / 64);
  }
}

// Result r of the mean products e.
template <class T> __device__ static inline double result_of(const Products &p, int r, const T *shift, const double *e) {
  const double a = e[0], b = e[1];
  if (p.kind == CENTRAL) switch (r) { // Σ(x−s)ᵏ to moments about the mean
  case 0: return shift[0] + a;
  case 1: return b - a * a;
  case 2: return e[2] - 3 * a * b + 2 * a * a * a;
  default: return e[3] - 4 * a * e[2] + 6 * a * a * b - 3 * a * a * a * a;
  }
  if (p.kind == RAW) return e[2 + r];
  const Pair q = ((const Pair *)p.pair)[r];
  if (q.b < 0) return shift[q.a] + e[r];
  return q.mean_a < 0 ? e[r] : e[r] - e[q.mean_a] * e[q.mean_b];
}

template <class T> __device__ static NOINLINE void products(const Products &p, int block) {
  DYN_SHARED(double, sums); // then the shifts, then the features
  const int image = block / p.chunks, chunk = block % p.chunks, n = p.results, all = n * p.slices, pitch = p.tile + 1;
  T *shift = (T *)(sums + all), *f = shift + p.bands + p.parents;
  const Pair *pair = (const Pair *)p.pair;
  const i64 x = image_offset(p, image);
  take_shifts<T>(p, x, shift);
  for (int j = threadIdx.x; j < all; j += blockDim.x) sums[j] = 0;
  __syncthreads(); // barrier: the shifts are there
  const int from = chunk * p.chunk, to = p.pixels < from + p.chunk ? p.pixels : from + p.chunk;
  for (int at = from; at < to; at += p.tile) {
    const int count = to - at < p.tile ? to - at : p.tile;
    if ((int)threadIdx.x < count) features_at<T>(p, x + pixel_offset(p, at + threadIdx.x), shift, f + threadIdx.x, pitch);
    __syncthreads(); // barrier: the tile's features are there
    for (int j = threadIdx.x; j < all; j += blockDim.x) {
      const Pair q = pair[j % n];
      const int slice = j / n, lo = slice * count / p.slices, hi = (slice + 1) * count / p.slices;
      const T *a = f + q.a * pitch, *b = f + (q.b < 0 ? q.a : q.b) * pitch;
      double sum = 0;
      if (q.b < 0) for (int i = lo; i < hi; i++) sum += (double)a[i];
      else for (int i = lo; i < hi; i++) sum += (double)a[i] * (double)b[i];
      sums[j] += sum;
    }
    __syncthreads(); // barrier: the tile's features are used
  }
  for (int r = threadIdx.x; r < n; r += blockDim.x) {
    double sum = 0;
    for (int s = 0; s < p.slices; s++) sum += sums[s * n + r];
    ((volatile double *)p.part)[(i64)block * n + r] = sum;
  }
  if (!last_block(p.counter + 4 * image, p.chunks)) return;
  for (int r = threadIdx.x; r < n; r += blockDim.x) {
    double sum = 0;
    for (int k = 0; k < p.chunks; k++) sum += ((const volatile double *)p.part)[((i64)image * p.chunks + k) * n + r];
    sums[r] = sum / p.pixels;
  }
  __syncthreads(); // barrier: the image's mean products are there
  const int results = p.kind == RAW ? 2 : n;
  for (int r = threadIdx.x; r < results; r += blockDim.x) ((T *)p.y)[(i64)image * results + r] = (T)result_of<T>(p, r, shift, sums);
}

// Where opProducts leaves what.
struct Layout {
  int k, mean, gram, parent_mean, cross, square, real, real_square, doubles;
  __device__ Layout(int k) : k(k), mean(0), gram(k), parent_mean(k + k * k), cross(parent_mean + k), square(cross + k * k), real(square + k), real_square(real + 2 * k * k), doubles(real_square + k) {}
};

// Σ c[i·step]·f[i·pitch]
template <class T> __device__ static inline T dot(const T *c, int step, const T *f, int pitch, int k) {
  T sum = 0;
  for (int i = 0; i < k; i++) sum += c[i * step] * f[i * pitch];
  return sum;
}

template <class T> __device__ static inline void adjoint_of_bands(const Products &p, const Layout &l, const T *g, const T *f, int pitch, const Complex<T> *z, const T *moduli, Complex<T> *dx) {
  const int k = p.bands;
  for (int i = 0; i < k; i++) {
    const Complex<T> own = z[i * p.x.stride[2]];
    T dm = g[l.mean + i] + dot(g + l.gram + i * k, 1, f, pitch, k) + dot(g + l.gram + i, k, f, pitch, k), dre = 0;
    if (p.parents) {
      dm += dot(g + l.cross + i * k, 1, f + k * pitch, pitch, k);
      dre = dot(g + l.real + i * k, 1, f + 3 * k * pitch, pitch, k) + dot(g + l.real + k * k + i * k, 1, f + 4 * k * pitch, pitch, k) + 2 * own.re * g[l.real_square + i];
    }
    dm += moduli[(i64)i * p.pixels];
    Complex<T> d = unit(own) * dm;
    d.re += dre;
    dx[(i64)i * p.pixels] = d;
  }
  for (int j = 0; j < p.parents; j++) {
    const Complex<T> u = unit(z[(k + j) * p.x.stride[2]]);
    const T dq = g[l.parent_mean + j] + dot(g + l.cross + j, k, f, pitch, k) + 2 * f[(k + j) * pitch] * g[l.square + j];
    const T dr = dot(g + l.real + j, k, f + 2 * k * pitch, pitch, k) + 2 * f[(3 * k + j) * pitch] * g[l.doubles + j];
    const T di = dot(g + l.real + k * k + j, k, f + 2 * k * pitch, pitch, k) + 2 * f[(4 * k + j) * pitch] * g[l.doubles + k + j];
    Complex<T> w = make(dr, di) * conj(u * u); // in the frame of the doubled phase the tangential part counts twice
    w.re += dq; w.im *= 2;
    dx[(i64)(k + j) * p.pixels] = u * w;
  }
}

template <class T> __device__ static NOINLINE void products_adjoint(const Products &p, int block) {
  DYN_SHARED(T, g); // then the means, then the features
  const int image = block / p.chunks, n = p.results, bands = p.bands + p.parents, pitch = p.tile + 1;
  const int at = block % p.chunks * p.tile + threadIdx.x;
  T *mean = g + n, *f = mean + bands + threadIdx.x;
  const T *y = (const T *)p.means + (i64)image * n, *dy = (const T *)p.g + (i64)image * n;
  const Layout l(p.bands);
  for (int r = threadIdx.x; r < n; r += blockDim.x) g[r] = dy[r] / p.pixels;
  for (int i = threadIdx.x; i < bands; i += blockDim.x) mean[i] = i < p.bands ? y[l.mean + i] : y[l.parent_mean + i - p.bands];
  __syncthreads(); // barrier: cotangents and means are there
  if ((int)threadIdx.x >= p.tile || at >= p.pixels) return;
  const i64 x = image_offset(p, image) + pixel_offset(p, at);
  features_at<T>(p, x, mean, f, pitch);
  adjoint_of_bands<T>(p, l, g, f, pitch, (const Complex<T> *)p.x.at + x, (const T *)p.moduli + (i64)image * p.bands * p.pixels + at,
                      (Complex<T> *)p.dx + (i64)image * bands * p.pixels + at);
}

#define TEXTURE(suffix, T) \
ENTRY(band_products_##suffix, Products, products<T>) \
ENTRY(band_products_adjoint_##suffix, Products, products_adjoint<T>)
TEXTURE(f32, float)
TEXTURE(f64, double)
