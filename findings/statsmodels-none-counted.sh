#!/usr/bin/env bash
# Intervals and tests of statsmodels go wrong where nothing was counted, which is the count that a watcher of silence asks about.
# `confint_poisson(0, hours, method="midp-c")`, which is chosen because the exact interval is too wide, answers with its upper limit
# twice: an interval without width, and without the rate that was seen. So do "sqrt", and `confint_poisson_2indep`, which compares two
# rates, by its default method: no mail in an hour after 120 in seven is "at 22% of what is usual, from 0.224 to 0.224". Nothing is nan,
# nothing warns. `proportions_ztest(0, n, usual)` takes its variance from what was seen, which is 0 here: no bounce among 20 is then as
# far from a usual 1% as can be, p = 0, where the exact test says p = 1; a warning of a division is all that one gets.
# At a count of 1 all are fit for use. "exact-c", "mover" and scipy's `binomtest` are right at 0 as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-compile --only-binary :all: statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6
cat >none.py <<'PY'
import sys, warnings
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportions_ztest
from statsmodels.stats.rates import confint_poisson, confint_poisson_2indep

def interval(of, *counts, **named):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return "{:.3f} to {:.3f}".format(*of(*counts, **named))

def p(count):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        answer = proportions_ztest(count, 20, 0.01)[1]
    return f"p = {answer:.3f}{', with a warning' if told else ''}"

rows = {
    "mails an hour, 24 h, midp-c": lambda n: interval(confint_poisson, n, 24, method="midp-c"),
    "mails an hour, 24 h, sqrt": lambda n: interval(confint_poisson, n, 24, method="sqrt"),
    "mails an hour, 24 h, exact-c": lambda n: interval(confint_poisson, n, 24, method="exact-c"),
    "ratio to 120 in 7 h, default": lambda n: interval(confint_poisson_2indep, n, 1, 120, 7),
    "ratio to 120 in 7 h, mover": lambda n: interval(confint_poisson_2indep, n, 1, 120, 7, method="mover"),
    "bounces of 20, usually 1%": p,
    "the same, binomtest": lambda n: f"p = {binomtest(n, 20, 0.01).pvalue:.3f}",
}
wanted = {
    "mails an hour, 24 h, midp-c": ("0.125 to 0.125", "0.002 to 0.205"),
    "mails an hour, 24 h, sqrt": ("0.040 to 0.040", "0.000 to 0.163"),
    "mails an hour, 24 h, exact-c": ("0.000 to 0.154", "0.001 to 0.232"),
    "ratio to 120 in 7 h, default": ("0.224 to 0.224", "0.010 to 0.332"),
    "ratio to 120 in 7 h, mover": ("0.000 to 0.227", "0.010 to 0.336"),
    "bounces of 20, usually 1%": ("p = 0.000, with a warning", "p = 0.412"),
    "the same, binomtest": ("p = 1.000", "p = 0.182"),
}
changed = False
print(f"{'':30} {'nothing counted':26} one counted")
for what, ask in rows.items():
    seen = ask(0), ask(1)
    print(f"{what:30} {seen[0]:26} {seen[1]}")
    changed |= seen != wanted[what]
sys.exit(changed)
PY
echo "statsmodels $(venv/bin/python -c 'import statsmodels; print(statsmodels.__version__)')"
echo 'guess:     an interval for a count of 0 begins at 0, or is refused'
echo 'behaviour: it begins at its own end; and a share of 0 is an anomaly with p = 0'
venv/bin/python none.py
