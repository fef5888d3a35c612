#!/usr/bin/env python3
"""Times percept and its peers side by side on this machine and writes a table.

Both sides take turns, round by round, so that a busy machine slows both; the
ratio is that of each round, and its median and quartiles are printed, and beside
them the ratio of each side's best round, which a busy machine disturbs least.

  make bench-peers                                       all rows, into bench/RESULTS.md
  python3 bench/compare.py --only '^(ps|pyramid)-256$'   some rows, on the screen
  python3 bench/compare.py ps-128x4 --threads 1          a case that has no row
  python3 bench/compare.py --scaling                     how time grows with size, batch and threads; 5 minutes
  python3 bench/compare.py --fft-lengths                 every length of a transform up to 1024; 25 minutes
  python3 bench/compare.py --metamer --seeds 5           to plenoptic's loss from white noise; takes an hour

Makes bench/.venv with plenoptic on first use, or uses that of the environment
variable PERCEPT_BENCH_VENV. One-thread rows hold both sides to one thread; numpy
and OpenBLAS are told by threadpoolctl, scipy by its workers.
"""
import argparse, json, os, platform, re, shlex, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
VENV = os.environ.get("PERCEPT_BENCH_VENV", os.path.join(HERE, ".venv"))
ENV = {**os.environ, "CGO_ENABLED": "0"}

# The cases that the project is measured by, and how many times faster than the
# first peer they should be, in float32 and float64.
ROWS = {
    "ps-256": (15, 12), "ps-512": (12, 12), "ps-256x8": (15, 12), "pyramid-256": (4, 4),
    "ssim-256": (25, 25), "ms-ssim-256": (25, 25), "nlpd-256": (8, 8),
    "rfft2-256": (1.2, 1.2), "rfft2-512": (1.2, 1.2), "fft2-256": (1.1, 1.1), "matmul-512": (.95, .95),
    "exp-256": (1.3, 1.3), "exp-1024": (1, 1),
}
SCALING = [f"ps-{n}" for n in (64, 128, 256, 512, 1024, 2048)] + [f"ps-64x{n}" for n in (2, 4, 8, 16, 32, 64)]
SHORTEST = 4e-3  # seconds of a stretch of runs at least


def ensure_venv():
    os.environ["TQDM_DISABLE"] = "1"
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        subprocess.check_call([sys.executable, "-m", "venv", VENV])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "plenoptic==2.1.1", "threadpoolctl"])
    if os.path.abspath(sys.prefix) != os.path.abspath(VENV):
        os.execv(python, [python] + sys.argv)


def build(package, name):
    out = os.path.join(ROOT, "bin", name)
    subprocess.check_call(["go", "build", "-o", out, package], cwd=ROOT, env=ENV)
    return out


def quartiles(v):
    v = sorted(v)
    return v[len(v) // 4], v[len(v) // 2], v[(3 * len(v)) // 4]


try:
    from threadpoolctl import threadpool_limits
except ImportError:
    threadpool_limits = None


class Percept:
    """percept's side: a program that times a case when it is told."""

    def __init__(self):
        self.p = subprocess.Popen([build("./bench/peer", "bench-peer")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, case, dtype, threads, stretches, clock="wall"):
        self.p.stdin.write(f"{case} {dtype} {threads} {stretches} {clock}\n")
        self.p.stdin.flush()
        a = json.loads(self.p.stdout.readline())
        if "error" in a:
            raise SystemExit(f"percept, {case}: {a['error']}")
        return min(a["ms"])


def timed(run, stretches, now=time.perf_counter):
    """The milliseconds of one run in the best of some stretches of runs."""
    n, best = 1, float("inf")
    while True:
        s = now()
        for _ in range(n):
            run()
        d = now() - s
        if d >= SHORTEST or n >= 1 << 16:
            break
        n = max(2 * n, int(1.2 * n * SHORTEST / max(d, 1e-9)))
    for _ in range(stretches):
        s = now()
        for _ in range(n):
            run()
        best = min(best, (now() - s) / n)
    return 1e3 * best


def limited(threads):
    """Holds the libraries of this process to a number of threads."""
    import torch, scipy.fft
    torch.set_num_threads(threads)
    if threadpool_limits:
        threadpool_limits(threads)
    return scipy.fft.set_workers(threads)


def parse(case):
    kind, size = case.rsplit("-", 1)
    side, _, batch = size.partition("x")
    return kind, int(side), int(batch or 1)


REST = .2  # seconds between turns of several threads: those of some libraries keep a core busy for that long after their work


def measure(percept, case, dtype, threads, rounds, stretches=3, every_peer=True, clock="wall"):
    """Times both sides in turn: {name: [ms of each round]}, percept first; clock may be processor."""
    from peers import PEERS
    kind, side, batch = parse(case)
    now = {"wall": time.perf_counter, "processor": time.process_time}[clock]
    makers = PEERS[kind] if every_peer else dict(list(PEERS[kind].items())[:1])
    peers = {n: f for n, f in ((n, m(side, batch, dtype)) for n, m in makers.items()) if f}
    ms = {n: [] for n in ["percept", *peers]}
    rest = REST if threads > 1 else 0
    with limited(threads):
        for f in peers.values():
            f()
        percept.time(case, dtype, threads, 1, clock)
        for _ in range(rounds):
            for n, f in peers.items():
                time.sleep(rest)
                ms[n].append(timed(f, stretches, now))
            time.sleep(rest)
            ms["percept"].append(percept.time(case, dtype, threads, stretches, clock))
    return ms


def number(v):
    return f"{v:.3g}" if v < 100 else f"{v:.0f}"


def machine():
    import torch, numpy, plenoptic
    model = platform.processor()
    try:
        model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read()).group(1)
    except (OSError, AttributeError):
        pass
    out = subprocess.check_output(["git", "describe", "--always"], cwd=ROOT, text=True).strip()
    if subprocess.call(["git", "diff", "--quiet", "HEAD", "--", ".", ":!bench/RESULTS.md"], cwd=ROOT):
        out += "-dirty"
    level = json.loads(subprocess.check_output([build("./cmd/percept", "percept"), "version", "--json"]))["cpu_level"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (f"{model}, {os.cpu_count()} logical cores, {platform.system()}; percept {out} ({level}), plenoptic {plenoptic.__version__}, "
            f"PyTorch {torch.__version__}, numpy {numpy.__version__}, Python {platform.python_version()}; {time.strftime('%Y-%m-%d %H:%M')}, load {load:.1f} at the start.")


class Table:
    """A table that is printed as it grows and kept for a file."""

    def __init__(self, title, head):
        self.lines = ["", f"## {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
        print("\n".join(self.lines), flush=True)

    def add(self, *cells):
        line = "| " + " | ".join(str(c) for c in cells) + " |"
        self.lines.append(line)
        print(line, flush=True)


def table(percept, args, cases):
    t = Table("Milliseconds of one run, side by side", ["case", "type", "threads", "peer", "percept", "times faster", "quartiles", "by the best rounds", "goal", "others"])
    rows = []
    for case in cases:
        for dtype in args.dtype:
            for threads in args.threads:
                ms = measure(percept, case, dtype, threads, args.rounds)
                peer = next(n for n in ms if n != "percept")
                low, mid, high = quartiles([a / b for a, b in zip(ms[peer], ms["percept"])])
                goal = ROWS.get(case, (None, None))[dtype == "float64"]
                others = ", ".join(f"{n} {number(quartiles(v)[1])}" for n, v in ms.items() if n not in (peer, "percept"))
                verdict = "" if goal is None else f"{goal}" + ("" if mid >= goal else " ✗")
                t.add(case, dtype, threads, f"{peer} {number(quartiles(ms[peer])[1])}", number(quartiles(ms["percept"])[1]),
                      f"**{mid:.2f}**" if mid < 3 else f"**{mid:.1f}**", f"{low:.2f} – {high:.2f}",
                      f"{min(ms[peer]) / min(ms['percept']):.2f}", verdict, others)
                rows.append(dict(case=case, dtype=dtype, threads=threads, peer=peer, ms=ms, ratio=[low, mid, high], goal=goal))
    return t.lines, rows


def scaling(percept, args):
    t = Table(f"How time grows: Portilla–Simoncelli, loss and gradient, milliseconds; plenoptic up to {args.peer_limit} thousand pixels", ["case", "type", "threads", "plenoptic", "percept", "times faster", "percept, µs per thousand pixels"])
    for case in (c for c in SCALING if re.search(args.only, c)):
        _, side, batch = parse(case)
        for dtype in args.dtype:
            for threads in args.threads:
                if side * side * batch <= args.peer_limit * 1024:
                    ms = measure(percept, case, dtype, threads, max(1, args.rounds // 2), 2)
                    theirs, ours = (quartiles(ms[n])[1] for n in ("plenoptic", "percept"))
                    cells = number(theirs), number(ours), f"{theirs / ours:.1f}"
                else:
                    ours = percept.time(case, dtype, threads, 2)
                    cells = "", number(ours), ""
                t.add(case, dtype, threads, *cells, number(1e6 * ours / (side * side * batch)))
    return t.lines


POWER_ROUNDS = 3  # times as many rounds at powers of two: either side is slow in some, whole rounds of it


def fft_lines(n):
    """How many lines of length n are transformed: so many that a call does not count."""
    return max(64, min(1024, (1 << 16) // n))


def fft_lengths(percept, args):
    """Rows or columns of every length, beside pocketfft on one thread; beside MKL at powers of two."""
    lengths = [n for n in range(2, args.longest + 1) if re.fullmatch(args.only or ".*", str(n))]
    t = Table(f"Transforms of {args.along}, every length from {lengths[0]} to {lengths[-1]}, one thread: times faster than pocketfft (scipy) by the best rounds, in processor time",
              ["transform", "type", "lengths", "not slower", "slower", "median", "the ten least: length (times faster)"])
    all_ms = {}
    for kind in args.transforms:
        for dtype in args.dtype:
            ratio = {}
            for n in lengths:
                power = n & (n - 1) == 0
                ms = measure(percept, f"{kind}-{args.along}-{n}x{fft_lines(n)}", dtype, 1, args.rounds * (POWER_ROUNDS if power else 1), 1, power, "processor")
                ratio[n] = min(ms["scipy"]) / min(ms["percept"])
                all_ms[f"{kind}-{n} {dtype} 1"] = ms
            worst = ", ".join(f"{n} ({ratio[n]:.2f})" for n in sorted(ratio, key=ratio.get)[:10])
            slower = sum(r < 1 for r in ratio.values())
            t.add(kind, dtype, len(ratio), len(ratio) - slower, slower, f"{quartiles(ratio.values())[1]:.2f}", worst)
    powers = [n for n in lengths if n & (n - 1) == 0]
    p = Table("The same at powers of two: times faster than MKL (PyTorch); two threads by the time of day", ["transform", "type", "threads", *map(str, powers)])
    for kind in args.transforms:
        for dtype in args.dtype:
            for threads in (1, 2):
                cells = []
                for n in powers:
                    key = f"{kind}-{n} {dtype} {threads}"
                    if key not in all_ms:
                        all_ms[key] = measure(percept, f"{kind}-{args.along}-{n}x{fft_lines(n)}", dtype, threads, args.rounds * POWER_ROUNDS, 2)
                    cells.append(f"{min(all_ms[key]['torch']) / min(all_ms[key]['percept']):.2f}")
                p.add(kind, dtype, threads, *cells)
    return t.lines + p.lines, all_ms


def metamer(args):
    """From white noise, the recommended L-BFGS: both to plenoptic's median loss."""
    import numpy as np, torch, plenoptic as po
    percept = build("./cmd/percept", "percept")
    threads, lines = args.threads[0], []
    t = Table(f"A metamer of {args.image} at {args.size}×{args.size}, float64, {threads} thread{'s' * (threads > 1)}, judged by plenoptic's loss",
              ["seed", "plenoptic: iterations", "s", "loss", "percept: iterations", "s", "loss"])
    theirs, ours, ratios = [], [], []
    with limited(threads), tempfile.TemporaryDirectory() as tmp:
        if args.image == "reptile_skin":
            img = po.data.reptile_skin().to(torch.float64)
            img = img[..., :args.size, :args.size]
        else:
            pixels = os.path.join(tmp, "pixels.npz")
            subprocess.check_call([percept, "represent", args.image, "--size", f"{args.size}x{args.size}", "--model", "identity", "-o", pixels], stdout=subprocess.DEVNULL)
            img = torch.as_tensor(np.load(pixels)["representation"].reshape(1, 1, args.size, args.size))
        target = os.path.join(tmp, "target.npy")
        np.save(target, img.numpy()[0, 0])
        model = po.models.PortillaSimoncelli(img.shape[-2:], spatial_corr_width=9).to(torch.float64)
        model.eval()
        loss = po.loss.portilla_simoncelli_loss_factory(model, img)
        rep = model(img)
        for seed in range(args.seeds):
            noise = np.random.default_rng(seed).random((args.size, args.size))
            start = os.path.join(tmp, f"start{seed}.npy")
            np.save(start, (noise - noise.min()) / (noise.max() - noise.min()))
            s = time.perf_counter()
            met = po.Metamer(img, model, loss_function=loss)
            met.setup(torch.as_tensor(np.load(start))[None, None], optimizer=torch.optim.LBFGS,
                      optimizer_kwargs=dict(lr=1, max_iter=10, max_eval=10, history_size=100, line_search_fn="strong_wolfe"))
            met.synthesize(max_iter=args.iterations, stop_criterion=1e-300)
            theirs.append((time.perf_counter() - s, float(loss(model(met.metamer.detach()), rep))))
        goal = quartiles([l for _, l in theirs])[1]
        for seed in range(args.seeds):
            out = os.path.join(tmp, f"run{seed}")
            s = time.perf_counter()
            subprocess.run([percept, "metamer", target, "--init", os.path.join(tmp, f"start{seed}.npy"), "--iterations", str(args.our_iterations or 2 * args.iterations),
                            "--tolerance", "0", "--threads", str(threads), "--model", "portilla-simoncelli:correlation-width=9", "--save-every", "1",
                            "-o", out, "--progress", "none"], stdout=subprocess.DEVNULL)
            whole = time.perf_counter() - s
            # The first stored image whose loss, by plenoptic, is as small; its time is that of the history.
            frames = np.load(os.path.join(out, "frames.npy"), mmap_mode="r")
            history = np.genfromtxt(os.path.join(out, "history.csv"), delimiter=",", names=True)
            reached = None
            with torch.no_grad():
                for i in range(len(frames)):
                    l = float(loss(model(torch.as_tensor(np.array(frames[i])).reshape(img.shape)), rep))
                    if l <= goal:
                        reached = i
                        break
            i = reached if reached is not None else len(history) - 1
            seconds = float(history["seconds"][min(i, len(history) - 1)]) + whole - float(history["seconds"][-1])
            ours.append((seconds, l, i))
            ratios.append(theirs[seed][0] / seconds if reached is not None else 0)
            t.add(seed, args.iterations, f"{theirs[seed][0]:.1f}", f"{theirs[seed][1]:.5f}", i, f"{seconds:.1f}", f"{l:.5f}")
    low, mid, high = quartiles(ratios)
    lines = t.lines + ["", f"Time to the median of plenoptic's losses, {goal:.5f}: **{mid:.1f}** times faster, quartiles {low:.1f} – {high:.1f} (0 where it was not reached; goal 15)."]
    print("\n".join(lines[-2:]))
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("cases", nargs="*", help="cases such as ps-128x4; all rows where none is given")
    p.add_argument("--only", default="", help="rows that match this regular expression")
    p.add_argument("--dtype", nargs="+", default=["float32", "float64"])
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--rounds", type=int, default=7, help="turns of each side")
    p.add_argument("--scaling", action="store_true", help="the scaling table instead")
    p.add_argument("--peer-limit", type=int, default=1024, help="in the scaling table, time plenoptic up to so many thousand pixels")
    p.add_argument("--fft-lengths", action="store_true", help="the transforms of all lengths instead; --only picks lengths")
    p.add_argument("--transforms", nargs="+", default=["fft", "rfft", "irfft"], help="of all lengths")
    p.add_argument("--along", choices=("rows", "columns"), default="rows", help="the last axis or the first, of all lengths")
    p.add_argument("--longest", type=int, default=1024, help="of these lengths")
    p.add_argument("--metamer", action="store_true", help="the metamer row instead")
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--size", type=int, default=256, help="of the metamer")
    p.add_argument("--image", default="reptile_skin", help="of the metamer: a file, an example:NAME, or plenoptic's reptile_skin, which it downloads")
    p.add_argument("--iterations", type=int, default=100, help="of the metamer")
    p.add_argument("--our-iterations", type=int, default=0, help="the most for percept, by default twice as many; time counts to the loss")
    p.add_argument("-o", "--output", help="write the tables to this file too")
    p.add_argument("--json", help="write all times to this file")
    p.add_argument("--append", action="store_true", help="keep what the output has")
    args = p.parse_args()
    ensure_venv()
    sys.path.insert(0, HERE)
    head = machine()
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > .3 * (os.cpu_count() or 1):
        head += " **Other programs were running: rows with two threads mean little.**"
    if not threadpool_limits:
        head += " threadpoolctl is not there: numpy and OpenBLAS use as many threads as they like."
    print(head)
    if args.metamer:
        lines = metamer(args)
    elif args.fft_lengths:
        lines, rows = fft_lengths(Percept(), args)
        if args.json:
            json.dump(dict(machine=head, ms=rows), open(args.json, "w"))
    elif args.scaling:
        lines = scaling(Percept(), args)
    else:
        cases = args.cases or [c for c in ROWS if re.search(args.only, c)]
        lines, rows = table(Percept(), args, cases)
        if args.json:
            json.dump(dict(machine=head, rows=rows), open(args.json, "w"), indent=1)
    if args.output:
        text = "" if args.append else "# percept and its peers\n\nMade by `make bench-peers`; see `bench/compare.py --help`. Medians of rounds in which the sides take turns.\n"
        with open(args.output, "a" if args.append else "w") as f:
            f.write(text + "\n" + head + " Command: `" + shlex.join(["python3", "bench/compare.py", *sys.argv[1:]]) + "`\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
