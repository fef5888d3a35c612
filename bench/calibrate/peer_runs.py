#!/usr/bin/env python3
"""Has percept check judge runs of plenoptic, from files, and prints the table of
hits and misses as Markdown.

  make calibrate-plenoptic

It runs plenoptic for each case, writes what percept check reads of a run, and
says how good the result is by plenoptic alone:

* a metamer is good if plenoptic's model finds at most 1 % of the whole error at
  the start and 2 % of every group's;
* a MAD image is good if plenoptic's reference metric is at its level to 1e-6 and
  no more than 1e-3 of the optimized metric's gradient is left along it;
* eigendistortions are good if they are those of the exact decomposition: each
  eigenvalue within 1e-6 of the largest one, and each vector but 1e-3 of it in
  the eigenspace.

Makes bench/.venv with plenoptic on first use, or uses that of the environment
variable PERCEPT_BENCH_VENV."""
import csv, json, os, subprocess, sys, tempfile, warnings, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from compare import ROOT, build, ensure_venv

if __name__ == "__main__":
    ensure_venv()
import numpy as np
import torch
import plenoptic as po

warnings.simplefilter("ignore")
torch.set_num_threads(1)  # images are small
PERCEPT = build("./cmd/percept", "percept")
RECOMMENDED = dict(optimizer=torch.optim.LBFGS, optimizer_kwargs=dict(lr=1, max_iter=10, max_eval=10, history_size=100, line_search_fn="strong_wolfe"))
REFERENCE, OPTIMIZED = po.metric.mse, lambda x, y: 1 - po.metric.ssim(x, y)


def example(name, side, scratch):
    path = os.path.join(scratch, f"{name}-{side}.npz")
    subprocess.check_call([PERCEPT, "represent", f"example:{name}", "--size", f"{side}x{side}", "--model", "identity", "-o", path], stdout=subprocess.DEVNULL)
    return torch.as_tensor(np.load(path)["representation"].reshape(1, 1, side, side))


def write(folder, record, history, **arrays):
    """A run folder as percept check reads it."""
    os.makedirs(folder)
    with open(os.path.join(folder, "run.json"), "w") as f:
        json.dump(record, f)
    with open(os.path.join(folder, "history.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["iteration", *history])
        w.writerows([i, *row] for i, row in enumerate(zip(*history.values())))
    for name, x in arrays.items():
        np.save(os.path.join(folder, name + ".npy"), x.detach().numpy())


def record(method, texture, iterations, **more):
    return {"format": 1, "method": method, "outcome": "unknown", "stopped_by": "iterations", "iterations": iterations, "dtype": "float64",
            "input": {"path": f"example:{texture}"}, **more}


def metamer(folder, texture, scratch, iterations, **setup):
    image = example(texture, 64, scratch)
    model = po.models.PortillaSimoncelli((64, 64), n_scales=2, spatial_corr_width=7).to(torch.float64).eval()
    met = po.Metamer(image, model, loss_function=po.loss.portilla_simoncelli_loss_factory(model, image))
    met.setup(**setup)
    start = met.metamer.detach().clone()
    met.synthesize(max_iter=iterations, stop_criterion=1e-300)
    write(folder, record("metamer", texture, iterations, settings={"model": "portilla-simoncelli:scales=2,correlation-width=7"}),
          {"loss": met.losses.tolist()}, target=image, start=start, result=met.metamer)
    want, first, last = (model.convert_to_dict(model(x.detach())) for x in (image, start, met.metamer))

    def error(rep, groups):
        return float(sum(torch.nansum((rep[g] - want[g]).abs() ** 2) for g in groups)) ** .5
    # The loss gives the smallest and the largest pixel no weight, by default.
    for rep in (want, first, last):
        rep["pixel_statistics"] = rep["pixel_statistics"][..., :4]
    remains = {g: error(last, [g]) / error(first, [g]) for g in want}
    return max(remains.values()) <= .02 and error(last, want) / error(first, want) <= .01, f"{max(remains.values()):.2%} of {max(remains, key=remains.get)}"


def mad(folder, texture, scratch, iterations, target, tradeoff=None, **setup):
    image = example(texture, 32, scratch)
    m = po.MADCompetition(image, OPTIMIZED, REFERENCE, target, metric_tradeoff_lambda=tradeoff)
    m.setup(**setup)
    m.synthesize(max_iter=iterations, stop_criterion=1e-300)
    x = m.mad_image.detach().clone().requires_grad_()
    held, driven = REFERENCE(image, x), OPTIMIZED(image, x)
    dh, dd = (torch.autograd.grad(v, x, retain_graph=True)[0].flatten() for v in (held, driven))
    level = float(REFERENCE(image, m.initial_image))
    settings = {"target": target, "tradeoff": str(m.metric_tradeoff_lambda), "reference-metric": "mse", "optimized-metric": "dssim"}
    write(folder, record("mad", texture, iterations, settings=settings, tradeoff_weight=m.metric_tradeoff_lambda,
                         reference_metric={"level": level, "value": float(held)}, optimized_metric={"value": float(driven)}),
          {"loss": m.losses.tolist(), "optimized_metric": m.optimized_metric_loss.tolist()}, target=image, start=m.initial_image, result=m.mad_image)
    drift = abs(float(held) / level - 1)
    left = float((dd - dh * (dd @ dh) / (dh @ dh)).norm() / dd.norm())
    return drift <= 1e-6 and left <= 1e-3, f"drift {drift:.2g}, {left:.2g} of the gradient left"


def eigendistortion(folder, texture, scratch, model, name, method, iterations, stop=1e-7):
    image = example(texture, 16, scratch)
    model = model(31, pretrained=True, cache_filt=True).to(torch.float64).eval()
    po.remove_grad(model)
    torch.manual_seed(0)
    e = po.Eigendistortion(image, model)
    e.synthesize(method=method, max_iter=iterations, stop_criterion=stop)
    n = image.numel()
    ends = [0, n - 1] if method == "exact" else [0, 1]
    vectors, values = e.eigendistortions[ends], e.eigenvalues[ends]
    write(folder, record("eigendistortion", texture, iterations, settings={"model": name, "method": method, "amplitude": 5},
                         eigenvalues=values.tolist(), eigenindex=[0, n - 1]), {}, target=image, result=vectors)
    jacobian = torch.autograd.functional.jacobian(model, image).reshape(-1, n)
    exact, basis = torch.linalg.eigh(jacobian.T @ jacobian)
    good, worst = True, 0.
    for value, v, true in zip(values, vectors.reshape(2, n), (exact[-1], exact[0])):
        space = basis[:, (exact - true).abs() <= 1e-6 * exact[-1]]
        outside = float((v - space @ (space.T @ v)).norm() / v.norm())
        good = good and abs(float(value - true)) <= 1e-6 * float(exact[-1]) and outside <= 1e-3
        worst = max(worst, outside)
    return good, f"{worst:.2g} of a vector outside the eigenspace"


def cases(scratch):
    """(what, how to make it)"""
    textures = ("pebbles", "bark")
    for n in (5, 100):
        for t in textures:
            yield f"metamer, texture model, recommended L-BFGS, {n} iterations", t, lambda d, t=t, n=n: metamer(d, t, scratch, n, **RECOMMENDED)
    for t in textures:
        yield "metamer, texture model, L-BFGS with the rate that is filled in, 20 iterations", t, lambda d, t=t: metamer(d, t, scratch, 20, optimizer=torch.optim.LBFGS)
    for t in textures:
        yield "metamer, texture model, Adam as it is by default, 100 iterations", t, lambda d, t=t: metamer(d, t, scratch, 100)
    for target in ("min", "max"):
        for t in textures:
            yield "MAD, weight as it is chosen, Adam, 300 iterations", f"{t}, {target}", lambda d, t=t, g=target: mad(d, t, scratch, 300, g)
        for t in textures:
            yield "MAD, weight 1e4, L-BFGS, 50 iterations", f"{t}, {target}", lambda d, t=t, g=target: mad(d, t, scratch, 50, g, 1e4, **RECOMMENDED)
    models = ((po.models.OnOff, "on-off"), (po.models.LuminanceGainControl, "luminance-gain-control"))
    for method, n, stop in (("power", 3, 0), ("power", 1000, 1e-7), ("power", 3000, 0), ("exact", 0, 0)):
        for make, name in models[:1] if n == 3000 else models:
            for t in textures:
                what = f"eigendistortions, {method}" + (f", at most {n} iterations" if n else "") + (", default stop" if stop else "")
                yield what, f"{t}, {name}", lambda d, t=t, make=make, name=name, method=method, n=n, stop=stop: eigendistortion(d, t, scratch, make, name, method, n, stop)


def main():
    rows, misses = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        for what, which, make in cases(scratch):
            if len(sys.argv) > 1 and sys.argv[1] not in what:
                continue
            seed = zlib.crc32(f"{what}, {which}".encode())
            torch.manual_seed(seed)
            folder = os.path.join(scratch, f"run-{seed}")
            with open(os.devnull, "w") as quiet:
                stdout, sys.stdout = sys.stdout, quiet
                try:
                    good, why = make(folder)
                finally:
                    sys.stdout = stdout
            p = subprocess.run([PERCEPT, "check", folder, "--json"], capture_output=True, text=True)
            if p.returncode not in (0, 3):
                sys.exit(f"{what}, {which}: {p.stderr}")
            verdict = json.loads(p.stdout)
            hit = verdict["good"] == good
            print(f"{'hit ' if hit else 'MISS'} {what}, {which}: {'good' if good else 'bad'} ({why}). {verdict['sentence']}", file=sys.stderr, flush=True)
            row = rows.setdefault(what, [0, 0, 0])
            row[0 if good else 1] += 1
            row[2] += hit
            if not hit:
                misses.append(f"{what}, {which} ({'good' if good else 'bad'}: {why}): {verdict['sentence']}")
    good, bad, hits = (sum(r[i] for r in rows.values()) for i in range(3))
    print(f"""## Runs of plenoptic

`make calibrate-plenoptic` makes runs with plenoptic {po.__version__}, writes their arrays as run folders, has `percept check` judge them, and
rewrites this part. Whether a run is good is said by plenoptic alone, with its own model and metrics, and of eigendistortions
by a decomposition of the Jacobian matrix (bench/calibrate/peer_runs.py).

| runs | good ones | bad ones | right verdicts |
| --- | --- | --- | --- |""")
    for what, (g, b, h) in rows.items():
        print(f"| {what} | {g} | {b} | {h} of {g + b} |")
    print(f"| **all** | {good} | {bad} | **{hits} of {good + bad}: {100 * hits / (good + bad):.1f} %** |")
    if misses:
        print("\nThe misses:\n\n* " + "\n* ".join(misses))


if __name__ == "__main__":
    main()
