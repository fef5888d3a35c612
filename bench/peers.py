"""What plenoptic, PyTorch, numpy, scipy, FFTW and OpenBLAS do for the cases of
package bench. Each function takes (side, batch, dtype) and returns a function
that runs once, or None where the library is not there."""
import ctypes, ctypes.util
import numpy as np


def images(side, batch, dtype, seed=0):
    import torch
    g = torch.Generator().manual_seed(seed)
    return torch.rand(batch, 1, side, side, dtype=getattr(torch, dtype), generator=g)


def with_gradient(x, loss):
    x.requires_grad_()

    def run():
        x.grad = None
        loss(x).sum().backward()
    return run


def ps(side, batch, dtype):
    import torch, plenoptic as po
    model = po.models.PortillaSimoncelli((side, side), spatial_corr_width=min(9, side // 16)).to(getattr(torch, dtype))
    model.eval()
    target = model(images(side, batch, dtype, 1)).detach()
    return with_gradient(images(side, batch, dtype), lambda x: po.loss.l2_norm(model(x), target))


def pyramid(side, batch, dtype):
    import torch, plenoptic as po
    pyr = po.process.SteerablePyramidFreq((side, side), height=4, order=3, is_complex=True).to(getattr(torch, dtype))
    return with_gradient(images(side, batch, dtype), lambda x: sum((c.abs() ** 2).sum() for c in pyr(x).values()))


def metric(name):
    def make(side, batch, dtype):
        import plenoptic as po
        f, reference = getattr(po.metric, name), images(side, batch, dtype, 1)
        return with_gradient(images(side, batch, dtype), lambda x: f(reference, x))
    return make


def torch_op(op):
    def make(side, batch, dtype):
        import torch
        x, y = images(side, batch, dtype)[:, 0], images(side, batch, dtype, 1)[:, 0]
        if batch == 1:
            x, y = x[0], y[0]
        z = torch.complex(x, y)
        return lambda: op(torch, x, y, z)
    return make


def numpy_op(op):
    def make(side, batch, dtype):
        x, y = (images(side, batch, dtype, s)[:, 0].numpy().squeeze() for s in (0, 1))
        z = (x + 1j * y).astype({"float32": np.complex64, "float64": np.complex128}[dtype])
        return lambda: op(x, y, z)
    return make


def scipy_fft(name, arg):
    def op(x, y, z):
        import scipy.fft
        return getattr(scipy.fft, name)((x, z)[arg])
    return numpy_op(op)


def lines(name, along, library):
    """Transforms of batch rows or columns, side long: fft, rfft or irfft by scipy or torch."""
    def make(side, batch, dtype):
        import scipy.fft, torch
        x = np.random.default_rng(0).random((batch, side)).astype(dtype)
        if name != "rfft":
            x = x + 1j * x[::-1]
        n = side
        if name == "irfft":
            x = x[:, :side // 2 + 1]
        axis = -1
        if along == "columns":
            x, axis = x.T, 0
        x = np.ascontiguousarray(x)
        if library == "scipy":
            return lambda f=getattr(scipy.fft, name): f(x, n, axis)
        return lambda f=getattr(torch.fft, name), x=torch.as_tensor(x): f(x, n, axis)
    return make


def library(*names):
    for n in names:
        path = ctypes.util.find_library(n)
        if path:
            return ctypes.CDLL(path)
    return None


def fftw(real):
    """A plan that FFTW measured (Debian: libfftw3-dev)."""
    def make(side, batch, dtype):
        single = dtype == "float32"
        lib = library("fftw3f" if single else "fftw3")
        if lib is None or batch > 1:
            return None
        p = "fftwf_" if single else "fftw_"
        r, c = ("f4", "c8") if single else ("f8", "c16")
        x = np.random.rand(side, side).astype(r if real else c)
        y = np.empty((side, side // 2 + 1 if real else side), c)
        ptr = lambda a: a.ctypes.data_as(ctypes.c_void_p)
        if real:
            plan = getattr(lib, p + "plan_dft_r2c_2d")
            plan.restype = ctypes.c_void_p
            h = plan(side, side, ptr(x), ptr(y), 0)
        else:
            plan = getattr(lib, p + "plan_dft_2d")
            plan.restype = ctypes.c_void_p
            h = plan(side, side, ptr(x), ptr(y), -1, 0)
        run, h = getattr(lib, p + "execute"), ctypes.c_void_p(h)
        return lambda keep=(x, y): run(h)
    return make


def openblas(side, batch, dtype):
    """OpenBLAS (Debian: libopenblas0); numpy's own copy of it is another row."""
    lib = library("openblas")
    if lib is None or batch > 1:
        return None
    t, c, f = ("f4", ctypes.c_float, lib.cblas_sgemm) if dtype == "float32" else ("f8", ctypes.c_double, lib.cblas_dgemm)
    a, b, o = (np.random.rand(side, side).astype(t) for _ in range(3))
    ptr = lambda m: m.ctypes.data_as(ctypes.c_void_p)
    n = side
    return lambda: f(101, 111, 111, n, n, n, c(1), ptr(a), n, ptr(b), n, c(0), ptr(o), n)


PEERS = {  # the first is the one that goals are about
    "ps": {"plenoptic": ps},
    "pyramid": {"plenoptic": pyramid},
    "ssim": {"plenoptic": metric("ssim")},
    "ms-ssim": {"plenoptic": metric("ms_ssim")},
    "nlpd": {"plenoptic": metric("nlpd")},
    "rfft2": {"torch": torch_op(lambda t, x, y, z: t.fft.rfft2(x)), "scipy": scipy_fft("rfft2", 0), "FFTW": fftw(True)},
    "fft2": {"torch": torch_op(lambda t, x, y, z: t.fft.fft2(z)), "scipy": scipy_fft("fft2", 1), "FFTW": fftw(False)},
    **{f"{name}-{along}": {library: lines(name, along, library) for library in ("scipy", "torch")}
       for name in ("fft", "rfft", "irfft") for along in ("rows", "columns")},
    "matmul": {"torch": torch_op(lambda t, x, y, z: t.matmul(x, y)), "numpy": numpy_op(lambda x, y, z: x @ y), "OpenBLAS": openblas},
    "exp": {"torch": torch_op(lambda t, x, y, z: t.exp(x)), "numpy": numpy_op(lambda x, y, z: np.exp(x))},
}
