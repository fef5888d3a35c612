"""PyTorch on the same GPU: cuFFT, eager kernels, and plenoptic's texture step.

use: torch_compare.py OUT.json [-quick]     -quick: small sizes, to try it, on the CPU too
"""
import json
import sys
import time

import torch

QUICK = "-quick" in sys.argv[2:]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def wait():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def micros(f, runs=7, inner=20):
    """The shortest of several averages, in microseconds."""
    f()
    if QUICK:
        runs = inner = 1
    best = float("inf")
    for _ in range(runs):
        wait()
        begin = time.perf_counter()
        for _ in range(inner):
            f()
        wait()
        best = min(best, (time.perf_counter() - begin) / inner)
    return best * 1e6


def main(out):
    r = {"torch": torch.__version__, "device": torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu", "quick": QUICK, "kernels": [], "fft": [], "plenoptic": []}
    for dtype in (torch.float32, torch.float64):
        side = 64 if QUICK else 4096
        x = torch.rand(side, side, dtype=dtype, device=DEVICE)
        y = torch.empty_like(x)
        for what, f in {"copy": lambda: y.copy_(x), "x*exp(-x*x)+x": lambda: x * torch.exp(-x * x) + x, "sum": lambda: x.sum(),
                        "sum over rows": lambda: x.sum(1), "transpose": lambda: y.copy_(x.T)}.items():
            r["kernels"].append({"what": what, "dtype": str(dtype), "microseconds": micros(f)})
    for dtype in (torch.complex64, torch.complex128):
        for n in (32,) if QUICK else (64, 128, 256, 512, 1024):
            for batch in (1, 16):
                x = torch.rand(batch, n, n, dtype=dtype, device=DEVICE)
                r["fft"].append({"dtype": str(dtype), "size": n, "batch": batch, "microseconds": micros(lambda: torch.fft.fft2(x))})
    try:
        import plenoptic as po
        for dtype in (torch.float32, torch.float64):
            for n in (128,) if QUICK else (256, 512, 1024):
                for batch in (1,) if QUICK else (1, 8):
                    m = po.models.PortillaSimoncelli((n, n)).to(DEVICE).to(dtype)
                    with torch.no_grad():
                        want = m(torch.rand(1, 1, n, n, dtype=dtype, device=DEVICE))
                    x = torch.rand(batch, 1, n, n, dtype=dtype, device=DEVICE, requires_grad=True)

                    def step():
                        x.grad = None
                        (m(x) - want).square().sum().backward()

                    r["plenoptic"].append({"dtype": str(dtype), "size": n, "batch": batch, "microseconds": micros(step, 5, 5)})
    except Exception as e:  # the rest is worth having without it
        r["plenoptic_error"] = repr(e)
    with open(out, "w") as f:
        json.dump(r, f, indent=1)
    print(json.dumps(r["plenoptic"] or r.get("plenoptic_error"), indent=1))


main(sys.argv[1])
