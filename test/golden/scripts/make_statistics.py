"""Makes statistics.json: the measures and tests of src/evaluation in float64, from their formulas and SciPy.

    python3 test/golden/scripts/make_statistics.py

calibration   logits (N, K) = philox.tensor(90, (N, K), 4), labels i mod K; ECE with 15 bins (b-1)/15 < confidence <= b/15,
              NLL, Brier, top-1 and top-3 accuracy
mcnemar       [b, c, p]: scipy.stats.binomtest below 25 discordant pairs, else chi2.sf((|b - c| - 1)^2 / (b + c), 1)
seeds         a, b and the paired t-test (scipy.stats.ttest_rel), Student's 95 % interval, and the difference that has power
              0.8: the root of P(T > t) + P(T < -t) = 0.8 in the shift, times the standard error
tails         [t, degrees, shift, P(T > t)]

P of the noncentral t is integrated over the chi distribution: scipy.stats.nct is NaN for some of these.
"""

import json
from pathlib import Path

import numpy as np
from philox import tensor
from scipy import integrate, optimize, stats

N, K = 500, 7
logits = np.asarray(tensor(90, (N, K), 4.0), dtype=np.float64)
labels = np.arange(N) % K
# A classifier that knows something: the true logit is raised.
logits[np.arange(N), labels] = np.float32(logits[np.arange(N), labels] + 2)
p = np.exp(logits - logits.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
confidence, right = p.max(1), p.argmax(1) == labels
ece = 0.0
for b in range(1, 16):
    inside = (confidence > (b - 1) / 15) & (confidence <= b / 15)
    if inside.any():
        ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
order = np.argsort(-logits, axis=1)
calibration = {
    "ece": ece,
    "nll": float(-np.log(p[np.arange(N), labels]).mean()),
    "brier": float(((p - np.eye(K)[labels]) ** 2).sum(1).mean()),
    "top1": float((order[:, :1] == labels[:, None]).any(1).mean()),
    "top3": float((order[:, :3] == labels[:, None]).any(1).mean()),
}


def mcnemar(b, c):
    if b + c < 25:
        return 1.0 if b + c == 0 else stats.binomtest(min(b, c), b + c, 0.5).pvalue
    return stats.chi2.sf(max(0, abs(b - c) - 1) ** 2 / (b + c), 1)


def student_tail(t, v, shift):
    at = lambda x: stats.chi.pdf(x, v) * stats.norm.sf(t * x / np.sqrt(v) - shift)
    return integrate.quad(at, 0, np.sqrt(v) + 14, epsabs=1e-14, epsrel=1e-13, limit=500, points=[np.sqrt(v)])[0]


def seeds(a, b):
    a, b = np.asarray(a), np.asarray(b)
    n, d = len(a), np.asarray(b) - np.asarray(a)
    error = d.std(ddof=1) / np.sqrt(n)
    t = stats.t.ppf(0.975, n - 1)
    power = lambda shift: student_tail(t, n - 1, shift) + 1 - student_tail(-t, n - 1, shift) - 0.8
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "value": d.mean(),
        "low": d.mean() - t * error,
        "high": d.mean() + t * error,
        "deviation": d.std(ddof=1),
        "p": stats.ttest_rel(b, a).pvalue,
        "detectable": optimize.brentq(power, 0.5, 60, xtol=1e-12) * error,
    }


pairs = [(0, 0), (0, 5), (3, 9), (12, 12), (10, 14), (10, 15), (12, 13), (40, 60), (5, 90), (300, 301)]
tails = [(0.3, 1, 0.0), (2.5, 1, 0.0), (12.7, 1, 0.0), (2.5, 4, 0.0), (4.0, 9, 0.0), (2.2, 4, 2.0), (2.0, 60, 3.0), (-1.0, 3, 0.5)]
result = {
    "calibration": {"images": N, "classes": K, **calibration},
    "mcnemar": [[b, c, float(mcnemar(b, c))] for b, c in pairs],
    "seeds": [
        seeds([0.912, 0.915, 0.909], [0.918, 0.917, 0.916]),
        seeds([0.5, 0.52], [0.53, 0.54]),
        seeds([0.71, 0.7, 0.73, 0.72, 0.715], [0.7, 0.705, 0.72, 0.731, 0.71]),
    ],
    "tails": [[t, v, shift, float(student_tail(t, v, shift) if shift else stats.t.sf(t, v))] for t, v, shift in tails],
}
path = Path(__file__).parents[1] / "values" / "statistics.json"
path.write_text(json.dumps(result, indent=1, default=float) + "\n")
