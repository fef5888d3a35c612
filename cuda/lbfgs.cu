// The ops of L-BFGS (package optim): everything between the gradient of a trial
// and the next trial, for every image by itself. Images that ask for no new
// direction cost a look at their row of the search.
//
// Sums over the elements of an image: a block per image (and row of the history)
// and chunk of elements, a block of the history's, in double precision; the last
// block of a sum adds the parts.
//
// Bytes per tick and image, S the bytes of a row of P elements: measure 2S; keep
// 2S; secant 3S; curvature 2S; products (count+1)S; descend (count+2)S; overlaps
// (count+1)S; direction (count+2)S.
#include "common.cuh"

#define SLOTS 4

// A view of up to four axes of single or double precision.
struct Array { u64 at; i64 s[4]; int f64_, unused; };
__device__ static inline double get(const Array &v, i64 off) { return v.f64_ ? ((const double *)v.at)[off] : (double)((const float *)v.at)[off]; }
__device__ static inline void set(const Array &v, i64 off, double x) { if (v.f64_) ((double *)v.at)[off] = x; else ((float *)v.at)[off] = (float)x; }

struct LBFGS {
  int first, blocks;
  int images, size, rows, chunks, width, unused;
  Array arg[8], out;
  u64 part, counter; // counter: unsigned for each row of each image
  double limit[6]; // of wolfe: iterations, evaluations, gradient, change, no line search, keep the history
};

// ---- rows of numbers, as package optim lays them out

struct Point { double T, F, Slope, Slot; };
struct Facts { double Penalty, Aside1, Aside2, Norm1, Max, Square; };
struct Record { double Loss, Penalty, Gradient, Aside1, Aside2; };
struct Search {
  double Phase, T, Slot, Written, At, Origin, Before, Active, Move, Taken, Known, F, F0, Tries, Low, Slow;
  Point Bracket[2];
  Facts Slots[SLOTS];
  double Last, Total, Inner, InnerEvs, Evs, Done, DoneEvs, Began;
  Record Begin, Now;
  double Ended;
  Record End;
  double LastGradient;
};
struct Evaluated { double F, Penalty, Aside1, Aside2, Go, Slope0, Rate, Next, Stage, Slope, Norm1, Max, Square, Width; };
#define GIVEN 9    // numbers of Evaluated up to and with Stage
#define MEASURED 5 // and those of lbfgs_measure
struct Ring { double Slot, Count, Gamma, Pair, Tau, Curvature; };

__device__ static inline void load_row(double *to, int n, const Array &a, int image) {
  for (int i = 0; i < n; i++) to[i] = get(a, image * a.s[0] + i * a.s[1]);
}
__device__ static inline Ring ring_of(const Array &a, int image) { Ring r; load_row((double *)&r, sizeof(Ring) / 8, a, image); return r; }
// One number of a search: its place in the row is that in the struct.
#define FIELD(a, image, name) get(a, (image) * (a).s[0] + (i64)(offsetof(Search, name) / 8) * (a).s[1])
__device__ static inline int slot_number(double slot) { return (int)slot & (SLOTS - 1); }
__device__ static inline int row_of(const Ring &r, int age, int rows) { return (((int)r.Slot - 1 - age) % rows + rows) % rows; }
__device__ static inline int count_of(const Ring &r, int rows) { int c = (int)r.Count; return c < 0 ? 0 : c > rows - 1 ? rows - 1 : c; }

// A vector of an image: its elements lie step apart, in blocks of width, jump apart.
struct Vector { const Array *a; i64 off, step, jump; int width; };
__device__ static inline i64 place(const Vector &v, int i) { return v.off + i / v.width * v.jump + i % v.width * v.step; }
__device__ static inline double at(const Vector &v, int i) { return get(*v.a, place(v, i)); }
__device__ static inline Vector image_of(const Array &a, int image) { return {&a, image * a.s[0], a.s[1], 0, 1 << 30}; }
// The gradient in a slot.
__device__ static inline Vector gradient_of(const Array &slots, double slot, int image) {
  return {&slots, image * slots.s[0] + slot_number(slot) * slots.s[1], slots.s[2], 0, 1 << 30};
}
// A row of a history, which lies in blocks of p.width elements, and that in work.
__device__ static inline Vector row_vector(const LBFGS &p, const Array &h, int image, int row) { return {&h, image * h.s[0] + row * h.s[2], h.s[3], h.s[1], p.width}; }
__device__ static inline Vector in_work_of(const LBFGS &p, const Array &h, const Ring &r, int image) { return row_vector(p, h, image, row_of(r, -1, p.rows)); }
__device__ static inline void pair_of(const Array &pairs, const Ring &r, int image, int row, double &tau, double &ys) {
  if (row == r.Pair) { tau = r.Tau; ys = r.Curvature; return; }
  const i64 off = image * pairs.s[0] + row * pairs.s[1];
  tau = get(pairs, off); ys = get(pairs, off + pairs.s[2]);
}

// ---- wolfe: the transition of one image, a thread each (see optim/wolfe.go)

enum { START, BRACKET, ZOOM, PLAIN, IDLE };
#define ARMIJO 1e-4
#define CURVATURE .9
#define MOST_TRIES 25

struct Wolfe {
  Search s; Evaluated e;
  double max_iterations, max_evaluations, tolerance_grad, tolerance_change; bool no_line_search, keep_history;

  __device__ Facts &fact(double slot) { return s.Slots[slot_number(slot)]; }
  __device__ Record record(double slot) { Facts &f = fact(slot); return {s.F, f.Penalty, sqrt(f.Square), f.Aside1, f.Aside2}; }
  __device__ void counted() { s.InnerEvs++; s.Evs++; s.Last = s.Slot; }
  __device__ double free_slot() {
    for (int i = 0; i < SLOTS; i++) if (i != s.At && i != s.Origin && i != s.Bracket[0].Slot && i != s.Bracket[1].Slot) return i;
    return SLOTS - 1;
  }
  __device__ NOINLINE void direct(double rate) {
    s.Active = 1; s.Total++; s.Inner++;
    s.Before = s.Origin; s.Origin = s.At; s.F0 = s.F;
    s.T = rate;
    if (s.Total == 1) { double q = 1 / fact(s.At).Norm1; s.T *= q != q ? q : q < 1 ? q : 1; }
    s.Tries = 0;
    s.Bracket[0] = {0, s.F, 0, s.At}; s.Bracket[1] = {0, s.F, 0, s.At};
    s.Phase = no_line_search ? PLAIN : BRACKET;
    s.Slot = free_slot();
  }
  __device__ NOINLINE void begin(double rate) {
    s.Began = 1; s.Begin = record(s.At);
    s.Inner = 0; s.InnerEvs = 1; s.Evs++; s.Last = s.At;
    if (fact(s.At).Max <= tolerance_grad) { s.Phase = IDLE; s.T = 0; s.Slot = free_slot(); return; }
    direct(rate);
  }
  __device__ NOINLINE void end() {
    s.Ended = 1; s.End = s.Begin; s.LastGradient = record(s.Last).Gradient; s.Done++; s.DoneEvs = s.Evs;
    if (s.Done != e.Stage) { begin(e.Next); return; }
    s.Phase = START; s.T = 0; s.Known = 0;
    s.Slot = free_slot();
    if (!keep_history) s.Total = 0;
  }
  __device__ void attempt(double t) { s.T = t; s.Slot = free_slot(); }
  __device__ NOINLINE void accept(Point p) {
    s.Move = p.T; s.Taken = p.T; s.F = p.F; s.At = p.Slot;
    s.Bracket[0].Slot = p.Slot; s.Bracket[1].Slot = p.Slot;
    if (s.Inner == max_iterations || s.InnerEvs >= max_evaluations || fact(p.Slot).Max <= tolerance_grad ||
        fabs(p.T) * e.Width <= tolerance_change || fabs(p.F - s.F0) < tolerance_change) { end(); return; }
    direct(e.Rate);
  }
  __device__ void sort() { s.Low = s.Bracket[0].F <= s.Bracket[1].F ? 0 : 1; }
  __device__ static double lesser(double a, double b) { return a != a ? a : b != b ? b : a < b ? a : b; }
  __device__ static double greater(double a, double b) { return a != a ? a : b != b ? b : a > b ? a : b; }
  __device__ NOINLINE static double cubic_minimum(Point a, Point b, double lo, double hi) {
    const double d1 = a.Slope + b.Slope - 3 * (a.F - b.F) / (a.T - b.T), square = d1 * d1 - a.Slope * b.Slope;
    if (!(square >= 0)) return (lo + hi) / 2;
    const double d2 = sqrt(square);
    const double t = a.T <= b.T ? b.T - (b.T - a.T) * ((b.Slope + d2 - d1) / (b.Slope - a.Slope + 2 * d2))
                                : a.T - (a.T - b.T) * ((a.Slope + d2 - d1) / (a.Slope - b.Slope + 2 * d2));
    return lesser(greater(t, lo), hi);
  }
  __device__ NOINLINE void shrink() {
    const Point a = s.Bracket[0], b = s.Bracket[1];
    if (s.Tries >= MOST_TRIES || fabs(b.T - a.T) * e.Width < tolerance_change) { accept(s.Bracket[(int)s.Low & 1]); return; }
    const double lo = lesser(a.T, b.T), hi = greater(a.T, b.T), margin = .1 * (hi - lo);
    double t = cubic_minimum(a, b, lo, hi);
    if (!(lesser(hi - t, t - lo) < margin)) s.Slow = 0;
    else if (s.Slow != 0 || t >= hi || t <= lo) { t = fabs(t - hi) < fabs(t - lo) ? hi - margin : lo + margin; s.Slow = 0; }
    else s.Slow = 1;
    attempt(t);
  }
  __device__ void close(Point trial) { s.Bracket[1] = trial; s.Phase = ZOOM; s.Slow = 0; sort(); shrink(); }
  __device__ void bracket(Point trial) {
    if (s.Tries == 0) s.Bracket[0].Slope = e.Slope0;
    const Point last = s.Bracket[0];
    if (s.Tries >= MOST_TRIES) { s.Bracket[0] = {0, s.F0, e.Slope0, s.At}; close(trial); }
    else if (trial.F > s.F0 + ARMIJO * trial.T * e.Slope0 || (s.Tries > 1 && trial.F >= last.F)) close(trial);
    else if (fabs(trial.Slope) <= -CURVATURE * e.Slope0) accept(trial);
    else if (trial.Slope >= 0) close(trial);
    else { s.Bracket[0] = trial; s.Tries++; attempt(cubic_minimum(last, trial, trial.T + .01 * (trial.T - last.T), 10 * trial.T)); }
  }
  __device__ void zoom(Point trial) {
    s.Tries++;
    const int i = (int)s.Low & 1;
    Point &low = s.Bracket[i], &high = s.Bracket[1 - i];
    if (trial.F > s.F0 + ARMIJO * trial.T * e.Slope0 || trial.F >= low.F) { high = trial; sort(); shrink(); return; }
    const bool done = fabs(trial.Slope) <= -CURVATURE * e.Slope0;
    if (!done && trial.Slope * (high.T - low.T) >= 0) high = low;
    low = trial;
    if (done) accept(trial); else shrink();
  }
  __device__ void tick() {
    s.Active = s.Move = s.Began = s.Ended = 0; s.Written = -1;
    if (e.Go == 0) return;
    s.Written = s.Slot;
    fact(s.Slot) = {e.Penalty, e.Aside1, e.Aside2, e.Norm1, e.Max, e.Square};
    const Point trial = {s.T, e.F, e.Slope, s.Slot};
    if (s.Phase == START) { s.F = e.F; s.At = s.Slot; s.Known = 1; begin(e.Rate); }
    else if (s.Phase == IDLE || e.Slope0 > -tolerance_change) end();
    else if (s.Phase == PLAIN) { if (s.Inner < max_iterations) counted(); accept(trial); }
    else if (s.Phase == BRACKET) { counted(); bracket(trial); }
    else { counted(); zoom(trial); }
    s.Now = record(s.At);
  }
};

__device__ static NOINLINE void transition(const LBFGS &p, int block) {
  const int n = block * blockDim.x + threadIdx.x;
  if (n >= p.images) return;
  Wolfe w;
  load_row((double *)&w.s, sizeof(Search) / 8, p.arg[0], n);
  load_row((double *)&w.e, GIVEN, p.arg[1], n);
  load_row((double *)&w.e + GIVEN, MEASURED, p.arg[2], n);
  w.max_iterations = p.limit[0]; w.max_evaluations = p.limit[1]; w.tolerance_grad = p.limit[2]; w.tolerance_change = p.limit[3]; w.no_line_search = p.limit[4] != 0; w.keep_history = p.limit[5] != 0;
  w.tick();
  double *out = (double *)p.out.at + (i64)n * (sizeof(Search) / 8);
  for (int i = 0; i < (int)(sizeof(Search) / 8); i++) out[i] = ((double *)&w.s)[i];
}

// ---- sums over elements: which image and elements a block has

struct Part { int image, row, chunk, from, to; };
__device__ static inline Part part_of(const LBFGS &p, int block, int rows) {
  Part b;
  b.chunk = block % p.chunks; b.row = block / p.chunks % rows; b.image = block / p.chunks / rows;
  b.from = b.chunk * p.width; b.to = p.size < b.from + p.width ? p.size : b.from + p.width;
  return b;
}
__device__ static inline double block_max(double v, double *part) {
  for (int d = 16; d > 0; d >>= 1) { double w = __shfl_down_sync(0xffffffffu, v, d); v = v != v ? v : w != w || w > v ? w : v; }
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads(); // barrier: the warps' maxima are there
  double top = part[0];
  for (unsigned w = 1; w < blockDim.x / 32; w++) top = top != top ? top : part[w] != part[w] || part[w] > top ? part[w] : top;
  __syncthreads(); // barrier: they are read
  return top;
}

__device__ static NOINLINE void measure(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Part b = part_of(p, block, 1);
  double m[5] = {0, 0, 0, 0, 0};
  for (i64 i = b.from + threadIdx.x; i < b.to; i += blockDim.x) {
    const double x = get(p.arg[0], b.image * p.arg[0].s[0] + i * p.arg[0].s[1]), y = get(p.arg[1], b.image * p.arg[1].s[0] + i * p.arg[1].s[1]);
    const double ax = fabs(x), ay = fabs(y);
    m[0] += x * y; m[1] += ax; m[3] += x * x;
    m[2] = m[2] != m[2] ? m[2] : ax != ax || ax > m[2] ? ax : m[2];
    m[4] = m[4] != m[4] ? m[4] : ay != ay || ay > m[4] ? ay : m[4];
  }
  volatile double *parts = (double *)p.part + (i64)b.image * p.chunks * 5;
  for (int k = 0; k < 5; k++) {
    const double v = k == 2 || k == 4 ? block_max(m[k], part) : block_sum(m[k], part);
    if (threadIdx.x == 0) parts[b.chunk * 5 + k] = v;
  }
  if (!last_block(p.counter + 4 * b.image, p.chunks)) return;
  for (int k = 0; k < 5; k++) {
    double all = 0; // of numbers that are not negative, where it is a maximum
    for (int c = threadIdx.x; c < p.chunks; c += blockDim.x) {
      const double v = parts[c * 5 + k];
      all = k != 2 && k != 4 ? all + v : all != all ? all : v != v || v > all ? v : all;
    }
    all = k == 2 || k == 4 ? block_max(all, part) : block_sum(all, part);
    if (threadIdx.x == 0) ((double *)p.out.at)[b.image * 5 + k] = all;
  }
}

// The element of an image that a thread has; none if it is beyond the last.
struct Element { int image, i; };
__device__ static inline Element element_of(const LBFGS &p, int block) {
  const int per = (p.size + blockDim.x - 1) / blockDim.x;
  return {block / per, (int)(block % per * blockDim.x + threadIdx.x)};
}

__device__ static NOINLINE void in_work(const LBFGS &p, int block) {
  const Element e = element_of(p, block);
  if (e.i < p.size) set(p.out, (i64)e.image * p.size + e.i, at(in_work_of(p, p.arg[0], ring_of(p.arg[1], e.image), e.image), e.i));
}

__device__ static NOINLINE void keep(const LBFGS &p, int block) {
  const Element e = element_of(p, block);
  const double slot = FIELD(p.arg[2], e.image, Written);
  if (e.i < p.size && slot >= 0) set(p.out, place(gradient_of(p.out, slot, e.image), e.i), at(image_of(p.arg[1], e.image), e.i));
}

__device__ static NOINLINE void secant(const LBFGS &p, int block) {
  const Array &slots = p.arg[1], &search = p.arg[3];
  const Element e = element_of(p, block);
  if (e.i >= p.size || FIELD(search, e.image, Active) == 0) return;
  const Vector now = gradient_of(slots, FIELD(search, e.image, At), e.image), before = gradient_of(slots, FIELD(search, e.image, Before), e.image);
  set(p.out, place(in_work_of(p, p.out, ring_of(p.arg[2], e.image), e.image), e.i), at(now, e.i) - at(before, e.i));
}

// The blocks of sums leave K numbers for each chunk; sum counts those of images or
// rows. The last block of a sum adds its parts up and is told so.
template <int K> __device__ static inline bool join_sum(const LBFGS &p, const Part &b, i64 sum_number, double *sum, double *part) {
  volatile double *parts = (double *)p.part + sum_number * p.chunks * K;
  for (int k = 0; k < K; k++) {
    const double s = block_sum(sum[k], part);
    if (threadIdx.x == 0) parts[b.chunk * K + k] = s;
  }
  if (!last_block(p.counter + 4 * sum_number, p.chunks)) return false;
  for (int k = 0; k < K; k++) {
    double all = 0;
    for (int c = threadIdx.x; c < p.chunks; c += blockDim.x) all += parts[c * K + k];
    sum[k] = block_sum(all, part);
  }
  return true;
}
__device__ static inline double dot_part(const Vector &u, const Vector &v, const Part &b) {
  double sum = 0;
  for (int i = b.from + threadIdx.x; i < b.to; i += blockDim.x) sum += at(u, i) * at(v, i);
  return sum;
}

__device__ static NOINLINE void curvature(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Part b = part_of(p, block, 1);
  if (FIELD(p.arg[3], b.image, Active) == 0) return;
  const Ring r = ring_of(p.arg[2], b.image);
  const Vector y = in_work_of(p, p.arg[0], r, b.image), d = in_work_of(p, p.arg[1], r, b.image);
  double sum[2] = {dot_part(y, d, b), dot_part(y, y, b)};
  if (join_sum<2>(p, b, b.image, sum, part) && threadIdx.x == 0)
    for (int k = 0; k < 2; k++) ((double *)p.out.at)[b.image * 2 + k] = sum[k];
}

__device__ static NOINLINE void ring(const LBFGS &p, int block) {
  const int n = block * blockDim.x + threadIdx.x;
  if (n >= p.images) return;
  const Array &m = p.arg[1], &search = p.arg[2];
  Ring r = ring_of(p.arg[0], n);
  r.Pair = -1;
  if (FIELD(search, n, Active) != 0) {
    const double taken = FIELD(search, n, Taken);
    if (FIELD(search, n, Total) == 1) { r.Count = 0; r.Gamma = 1; }
    else {
      r.Tau = taken; r.Curvature = taken * get(m, n * m.s[0]);
      if (r.Curvature > 1e-10) {
        r.Pair = r.Slot; r.Gamma = r.Curvature / get(m, n * m.s[0] + m.s[1]);
        r.Slot = ((int)r.Slot + 1) % p.rows;
        r.Count = r.Count + 1 < p.rows - 1 ? r.Count + 1 : p.rows - 1;
      }
    }
  }
  for (int i = 0; i < 6; i++) ((double *)p.out.at)[n * 6 + i] = ((double *)&r)[i];
}

// The age of a row of the ring, or -1 if it holds no pair.
__device__ static inline int age_of(const Ring &r, int row, int rows) {
  const int age = (((int)r.Slot - 1 - row) % rows + rows) % rows;
  return age < count_of(r, rows) ? age : -1;
}

__device__ static inline i64 row_number(const LBFGS &p, const Part &b) { return (i64)b.image * p.rows + b.row; }

__device__ static NOINLINE void products(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Array &search = p.arg[1], &old = p.arg[4];
  const Part b = part_of(p, block, p.rows);
  if (FIELD(search, b.image, Active) == 0) return;
  const Ring r = ring_of(p.arg[3], b.image);
  double *out = (double *)p.out.at + row_number(p, b) * 2;
  if (age_of(r, b.row, p.rows) < 0) {
    if (b.chunk == 0 && threadIdx.x < 2) out[threadIdx.x] = 0;
    return;
  }
  double sum[1] = {dot_part(row_vector(p, p.arg[2], b.image, b.row), gradient_of(p.arg[0], FIELD(search, b.image, At), b.image), b)};
  if (!join_sum<1>(p, b, row_number(p, b), sum, part) || threadIdx.x != 0) return;
  // The product with the newest y, from those with g before and now; its own is known.
  out[0] = b.row == r.Pair ? r.Curvature / r.Tau : sum[0] - get(old, b.image * old.s[0] + b.row * old.s[1]);
  out[1] = sum[0];
}

// The recursions on coefficients: a block per image, a thread per pair; they
// advance one pair per barrier, and what is known is taken out of all that follow.
struct Recursion {
  const Array &products, &gram, &pairs; const Ring r; const int n, rows, kept;
  __device__ int row(int age) const { return row_of(r, age, rows); }
  __device__ double product(int age, int k) const { return get(products, n * products.s[0] + row(age) * products.s[1] + k * products.s[2]); }
  // dᵢᵀyⱼ for pairs of age i ≥ j
  __device__ double inner(int i, int j) const {
    if (row(j) == r.Pair) return product(i, 0);
    return get(gram, n * gram.s[0] + row(j) * gram.s[1] + row(i) * gram.s[2]);
  }
  __device__ void pair(int age, double &tau, double &ys) const { pair_of(pairs, r, n, row(age), tau, ys); }
  // Every thread writes the numbers of its rows: those of the ages, 0 for the rest.
  __device__ void store(const LBFGS &p, const double *of) const {
    for (int i = threadIdx.x; i < rows; i += blockDim.x) {
      const int age = age_of(r, i, rows);
      ((double *)p.out.at)[(i64)n * rows + i] = age < 0 ? 0 : of[age];
    }
  }
};

__device__ static NOINLINE void alphas(const LBFGS &p, int block) {
  DYN_SHARED(double, alpha);
  if (FIELD(p.arg[4], block, Active) == 0) return;
  const Ring r = ring_of(p.arg[3], block);
  const Recursion c = {p.arg[0], p.arg[1], p.arg[2], r, block, p.rows, count_of(r, p.rows)};
  double *left = alpha + p.rows; // what the sums of each pair come to so far
  for (int i = threadIdx.x; i < c.kept; i += blockDim.x) left[i] = -c.product(i, 1);
  for (int j = 0; j < c.kept; j++) {
    if (j % (int)blockDim.x == (int)threadIdx.x) {
      double tau, ys;
      c.pair(j, tau, ys);
      alpha[j] = tau * left[j] / ys;
    }
    __syncthreads(); // barrier: alpha is there
    for (int i = threadIdx.x; i < c.kept; i += blockDim.x) if (i > j) left[i] -= alpha[j] * c.inner(i, j);
  }
  c.store(p, alpha);
}

// The sum of the elements i of pairs, times what c says of each row.
__device__ static inline double combined(const LBFGS &p, const Array &h, const Array &c, const Ring &r, int image, int i) {
  const i64 off = place(row_vector(p, h, image, 0), i);
  const int kept = count_of(r, p.rows);
  double sum = 0;
  for (int age = 0; age < kept; age++) {
    const int row = row_of(r, age, p.rows);
    sum += get(c, image * c.s[0] + row * c.s[1]) * get(h, off + row * h.s[2]);
  }
  return sum;
}

__device__ static NOINLINE void descend(const LBFGS &p, int block) {
  const Array &search = p.arg[1];
  const Element e = element_of(p, block);
  if (e.i >= p.size || FIELD(search, e.image, Active) == 0) return;
  const Ring r = ring_of(p.arg[3], e.image);
  const double sum = -at(gradient_of(p.arg[0], FIELD(search, e.image, At), e.image), e.i) - combined(p, p.arg[2], p.arg[4], r, e.image, e.i);
  set(p.out, (i64)e.image * p.size + e.i, at(image_of(p.arg[5], e.image), e.i) * sum);
}

__device__ static NOINLINE void overlaps(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Part b = part_of(p, block, p.rows);
  if (FIELD(p.arg[1], b.image, Active) == 0) return;
  double *out = (double *)p.out.at + row_number(p, b);
  if (age_of(ring_of(p.arg[3], b.image), b.row, p.rows) < 0) {
    if (b.chunk == 0 && threadIdx.x == 0) *out = 0;
    return;
  }
  double sum[1] = {dot_part(row_vector(p, p.arg[2], b.image, b.row), image_of(p.arg[0], b.image), b)};
  if (join_sum<1>(p, b, row_number(p, b), sum, part) && threadIdx.x == 0) *out = sum[0];
}

__device__ static NOINLINE void shares(const LBFGS &p, int block) {
  DYN_SHARED(double, share);
  const Array &alphas = p.arg[0], &overlaps = p.arg[1];
  if (FIELD(p.arg[6], block, Active) == 0) return;
  const Ring r = ring_of(p.arg[5], block);
  const Recursion c = {p.arg[2], p.arg[3], p.arg[4], r, block, p.rows, count_of(r, p.rows)};
  double *left = share + p.rows;
  for (int i = threadIdx.x; i < c.kept; i += blockDim.x) left[i] = get(overlaps, c.n * overlaps.s[0] + c.row(i) * overlaps.s[1]);
  for (int j = c.kept - 1; j >= 0; j--) {
    if (j % (int)blockDim.x == (int)threadIdx.x) {
      double tau, ys;
      c.pair(j, tau, ys);
      share[j] = (get(alphas, c.n * alphas.s[0] + c.row(j) * alphas.s[1]) - left[j] / ys) * tau;
    }
    __syncthreads(); // barrier: the share is there
    for (int i = threadIdx.x; i < j; i += blockDim.x) left[i] += share[j] * c.inner(j, i);
  }
  c.store(p, share);
}

__device__ static NOINLINE void direction(const LBFGS &p, int block) {
  const Element e = element_of(p, block);
  if (e.i >= p.size || FIELD(p.arg[2], e.image, Active) == 0) return;
  const Ring r = ring_of(p.arg[3], e.image);
  const double sum = at(image_of(p.arg[1], e.image), e.i) + combined(p, p.arg[0], p.arg[4], r, e.image, e.i);
  set(p.out, place(in_work_of(p, p.out, r, e.image), e.i), sum);
}

// A block per image: the reference's recursion, which waits for every pair.
__device__ static inline void two_loop(const LBFGS &p, int block) {
  DYN_SHARED(double, alpha);
  __shared__ double part[32];
  const int n = block;
  const Array &search = p.arg[2], &pairs = p.arg[5];
  if (FIELD(search, n, Active) == 0) return;
  const Ring r = ring_of(p.arg[4], n);
  const int pairs_kept = count_of(r, p.rows);
  double *q = (double *)p.part + (i64)n * p.size; // every thread has elements of its own
  const Vector g = gradient_of(p.arg[1], FIELD(search, n, At), n), to = in_work_of(p, p.out, r, n);
  for (int i = threadIdx.x; i < p.size; i += blockDim.x) q[i] = -at(g, i);
  for (int age = 0; age < pairs_kept; age++) {
    const int row = row_of(r, age, p.rows);
    const Vector d = row_vector(p, p.arg[0], n, row), y = row_vector(p, p.arg[3], n, row);
    double tau, ys, dot = 0;
    pair_of(pairs, r, n, row, tau, ys);
    for (int i = threadIdx.x; i < p.size; i += blockDim.x) dot += at(d, i) * q[i];
    const double a = tau * block_sum(dot, part) / ys;
    if (threadIdx.x == 0) alpha[age] = a;
    for (int i = threadIdx.x; i < p.size; i += blockDim.x) q[i] -= a * at(y, i);
  }
  for (int i = threadIdx.x; i < p.size; i += blockDim.x) q[i] *= r.Gamma;
  for (int age = pairs_kept - 1; age >= 0; age--) {
    const int row = row_of(r, age, p.rows);
    const Vector d = row_vector(p, p.arg[0], n, row), y = row_vector(p, p.arg[3], n, row);
    double tau, ys, dot = 0;
    pair_of(pairs, r, n, row, tau, ys);
    for (int i = threadIdx.x; i < p.size; i += blockDim.x) dot += at(y, i) * q[i];
    const double all = block_sum(dot, part), c = (alpha[age] - all / ys) * tau; // alpha, of another thread, is there by then
    for (int i = threadIdx.x; i < p.size; i += blockDim.x) q[i] += c * at(d, i);
  }
  for (int i = threadIdx.x; i < p.size; i += blockDim.x) set(p.out, place(to, i), q[i]);
}

__device__ static NOINLINE void slope(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Array &search = p.arg[1];
  const Part b = part_of(p, block, 1);
  if (FIELD(search, b.image, Active) == 0) return;
  double sum[1] = {dot_part(gradient_of(p.arg[0], FIELD(search, b.image, At), b.image), in_work_of(p, p.arg[2], ring_of(p.arg[3], b.image), b.image), b)};
  if (join_sum<1>(p, b, b.image, sum, part) && threadIdx.x == 0) ((double *)p.out.at)[b.image] = sum[0];
}

__device__ static NOINLINE void moved(const LBFGS &p, int block) {
  const Element e = element_of(p, block);
  if (e.i >= p.size) return;
  const double had = FIELD(p.arg[2], e.image, Began) != 0 ? 0 : at(image_of(p.arg[0], e.image), e.i);
  set(p.out, (i64)e.image * p.size + e.i, had + FIELD(p.arg[3], e.image, Move) * at(image_of(p.arg[1], e.image), e.i));
}

__device__ static NOINLINE void change(const LBFGS &p, int block) {
  __shared__ double part[32];
  const Part b = part_of(p, block, 1);
  double *out = (double *)p.out.at + b.image;
  if (FIELD(p.arg[1], b.image, Ended) == 0) {
    if (b.chunk == 0 && threadIdx.x == 0) *out = 0;
    return;
  }
  const Vector v = image_of(p.arg[0], b.image);
  double sum[1] = {dot_part(v, v, b)};
  if (join_sum<1>(p, b, b.image, sum, part) && threadIdx.x == 0) *out = sqrt(sum[0]);
}

ENTRY(lbfgs_in_work, LBFGS, in_work)
ENTRY(lbfgs_keep, LBFGS, keep)
ENTRY(lbfgs_curvature, LBFGS, curvature)
ENTRY(lbfgs_moved, LBFGS, moved)
ENTRY(lbfgs_measure, LBFGS, measure)
ENTRY(lbfgs_secant, LBFGS, secant)
ENTRY(lbfgs_products, LBFGS, products)
ENTRY(lbfgs_descend, LBFGS, descend)
ENTRY(lbfgs_overlaps, LBFGS, overlaps)
ENTRY(lbfgs_direction, LBFGS, direction)
ENTRY(lbfgs_slope, LBFGS, slope)
ENTRY(lbfgs_change, LBFGS, change)
extern "C" __global__ void __launch_bounds__(1024) lbfgs_two_loop(const LBFGS *table, int count, Mark mark) {
  ENTER(mark); int block; const LBFGS &p = problem_of(table, count, block); two_loop(p, block);
}
