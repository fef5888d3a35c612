// Launches of several kinds of work at once. On small problems a launch costs more
// than what it does, so what may run at the same time shares one.
//
// stage: a block finds its job by its number and does what the kernel of that name
//   would. If the first job says so, one block does the jobs in turn, each after the
//   one before is done: the ends of losses, their gradients and the bookkeeping of
//   optimizers, a few numbers at a time.
//
// zz_jobs.cuh lists the kinds of work. Those that are never large, or need as many
// registers as this kernel, have no kernel of their own.
#include "common.cuh"
#include "zz_jobs.cuh"

struct Job { int first, blocks, kind, in_turn; u64 problem; };

#define CASE(kind, P, ...) case kind: __VA_ARGS__(*(const P *)job.problem, block); break;
__device__ static NOINLINE void work(const Job &job, int block) {
  switch (job.kind) { JOBS(CASE) }
}

extern "C" __global__ void __launch_bounds__(THREADS) stage(const Job *table, int count, Mark mark) {
  ENTER(mark);
  int block = 0, k = 0;
  if (!table[0].in_turn) k = (int)(&problem_of(table, count, block) - table);
  for (;;) {
    work(table[k], block);
    if (!table[0].in_turn) return;
    if (++block == table[k].blocks) block = 0, k++;
    if (k == count) return;
    __syncthreads(); // barrier: what came before is done, and shared memory is free
  }
}
