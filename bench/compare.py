#!/usr/bin/env python3
"""Compares percept with plenoptic 2.1.1, side by side on this machine.

Run: python3 bench/compare.py [evaluation] [metamer]

Makes bench/.venv with plenoptic on first use. Both programs alternate, so that
a busy machine slows both; medians and the spread of the ratio are printed.
plenoptic judges both metamers with its own model and loss.
"""
import argparse, json, os, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
VENV = os.environ.get("PERCEPT_BENCH_VENV", os.path.join(HERE, ".venv"))


def ensure_venv():
    os.environ["TQDM_DISABLE"] = "1"
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python):
        subprocess.check_call([sys.executable, "-m", "venv", VENV])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "plenoptic==2.1.1"])
    if os.path.abspath(sys.prefix) != os.path.abspath(VENV):
        os.execv(python, [python] + sys.argv)


def build(package, name):
    out = os.path.join(ROOT, "bin", name)
    subprocess.check_call(["go", "build", "-o", out, package], cwd=ROOT, env={**os.environ, "CGO_ENABLED": "0"})
    return out


def quartiles(v):
    v = sorted(v)
    return v[len(v) // 4], v[len(v) // 2], v[(3 * len(v)) // 4]


def peer(size, batch, width, dtype):
    """Returns a function that runs plenoptic's loss and gradient once."""
    import torch, plenoptic as po
    dt = getattr(torch, dtype)
    torch.manual_seed(1)
    target = torch.rand(batch, 1, size, size, dtype=dt)
    model = po.models.PortillaSimoncelli((size, size), spatial_corr_width=width).to(dt)
    model.eval()
    rep = model(target)
    x = torch.rand(batch, 1, size, size, dtype=dt, requires_grad=True)

    def run():
        x.grad = None
        loss = po.loss.l2_norm(model(x), rep)
        loss.backward()
        return loss.item()
    return run


def evaluation(args):
    import torch
    ours = build("./bench/psbench", "psbench")
    print(f"Portilla-Simoncelli, 4 scales, 4 orientations, width {args.width}: loss and gradient, ms")
    print(f"{'size':>6} {'batch':>5} {'dtype':>8} {'threads':>7} {'plenoptic':>10} {'percept':>9} {'ratio':>7}  quartiles of the ratio")
    for threads in args.threads:
        torch.set_num_threads(threads)
        for dtype in args.dtype:
            for size in args.size:
                run = peer(size, args.batch, args.width, dtype)
                run()
                theirs, mine, ratio = [], [], []
                for _ in range(args.rounds):
                    t = []
                    for _ in range(3):
                        s = time.perf_counter(); run(); t.append(1e3 * (time.perf_counter() - s))
                    a = min(t)
                    out = subprocess.check_output([ours, "-size", str(size), "-batch", str(args.batch), "-width", str(args.width),
                                                   "-dtype", dtype, "-threads", str(threads), "-runs", "10"])
                    b = min(json.loads(out)["ms"])
                    theirs.append(a); mine.append(b); ratio.append(a / b)
                lo, mid, hi = quartiles(ratio)
                print(f"{size:6d} {args.batch:5d} {dtype:>8} {threads:7d} {quartiles(theirs)[1]:10.1f} {quartiles(mine)[1]:9.2f} {mid:7.1f}  {lo:.1f} to {hi:.1f}")


def metamer(args):
    import numpy as np, torch, plenoptic as po
    percept = build("./cmd/percept", "percept")
    threads = args.threads[0]
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as tmp:
        target, start, out = (os.path.join(tmp, n) for n in ("target.npy", "start.npy", "run"))
        size = args.size[0]
        source = [args.image, "--crop", f"0,0,{size},{size}"] if args.image else ["example:pebbles", "--size", f"{size}x{size}"]
        pixels = os.path.join(tmp, "pixels.npz")
        subprocess.check_call([percept, "represent", *source, "--model", "identity", "-o", pixels], stdout=subprocess.DEVNULL)
        rep = np.load(pixels)["representation"].reshape(size, size)
        np.save(target, rep)
        rng = np.random.default_rng(0).random(rep.shape)
        np.save(start, (rng - rng.min()) / (rng.max() - rng.min()))
        img = torch.as_tensor(rep, dtype=torch.float64)[None, None]
        model = po.models.PortillaSimoncelli(rep.shape, spatial_corr_width=args.width).to(torch.float64)
        model.eval()
        loss = po.loss.portilla_simoncelli_loss_factory(model, img)
        n = args.iterations
        s = time.perf_counter()
        met = po.Metamer(img, model, loss_function=loss)
        met.setup(torch.as_tensor(np.load(start))[None, None], optimizer=torch.optim.LBFGS,
                  optimizer_kwargs=dict(lr=1, max_iter=10, max_eval=10, history_size=100, line_search_fn="strong_wolfe"))
        met.synthesize(max_iter=n, stop_criterion=1e-300)
        theirs = time.perf_counter() - s
        s = time.perf_counter()
        subprocess.run([percept, "metamer", target, "--init", start, "--iterations", str(n), "--tolerance", "0", "--threads", str(threads),
                        "--model", f"portilla-simoncelli:correlation-width={args.width}", "-o", out, "--progress", "none"], stdout=subprocess.DEVNULL)
        mine = time.perf_counter() - s
        ours = torch.as_tensor(np.load(os.path.join(out, "result.npy")))
        with torch.no_grad():
            zt = model(img)
            judge = lambda x: float(loss(model(x), zt))
            a, b = judge(met.metamer.detach()), judge(ours)
        print(f"metamer, {n} outer L-BFGS iterations, {args.size[0]}x{args.size[0]} float64, {threads} threads")
        print(f"  plenoptic {theirs:8.1f} s   plenoptic's loss of its result  {a:.5f}")
        print(f"  percept   {mine:8.1f} s   plenoptic's loss of our result  {b:.5f}   {theirs / mine:.1f} times faster")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="*", default=["evaluation", "metamer"])
    p.add_argument("--size", type=int, nargs="+", default=[256])
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--width", type=int, default=9)
    p.add_argument("--dtype", nargs="+", default=["float64", "float32"])
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--iterations", type=int, default=20)
    p.add_argument("--image", help="the target; an example texture if not given")
    args = p.parse_args()
    ensure_venv()
    for w in args.what:
        {"evaluation": evaluation, "metamer": metamer}[w](args)


if __name__ == "__main__":
    main()
