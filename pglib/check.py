r"""The four kinds of claim that a page can make, and one function that checks each.

=============  ==========================================================  ==============================
function       claim                                                       evidence
=============  ==========================================================  ==============================
`identity`     two formulas agree for all values of their symbols           SymPy reduces the difference to 0
`equal`        two computed arrays agree                                    every entry, to a stated tolerance
`estimate`     a sample mean estimates a number without bias                z standard errors, and an error bar
                                                                            that would have shown the mistake
`refute`       a printed formula is wrong                                   both values, visibly different
=============  ==========================================================  ==============================

Each takes the id of the claim first, raises `AssertionError` where the claim fails, and otherwise prints one
line, ``[kind] id: what was found``. The line holds exact or rounded numbers only, never a sampled one, so that
it is the same on every machine. The book's ledger is made from these calls and their lines.

A check that cannot fail is worse than none. So nothing here broadcasts, NaN never passes, an empty array is
an error, and `estimate` refuses a sample too small to tell the truth from the mistake that the page argues
against.
"""

import numpy as np

__all__ = ["equal", "estimate", "identity", "refute"]


def identity(claim, lhs, rhs):
    r"""Check that two SymPy expressions (or matrices) are equal for all values of their symbols.

    Parameters
    ----------
    claim : str
        Id of the claim.
    lhs, rhs : sympy.Expr, sympy.Matrix or number
        The two sides; matrices must have the same shape.

    Raises
    ------
    AssertionError
        If SymPy cannot reduce ``lhs - rhs`` to zero. The message names a point where the sides differ, if
        one is found.

    Examples
    --------
    >>> import sympy as sp
    >>> x = sp.Symbol("x", positive=True)
    >>> identity("T-example", sp.diff(sp.log(x), x), 1 / x)
    [identity] T-example: holds for all x > 0
    """
    lhs, rhs = _matrix(lhs), _matrix(rhs)
    if lhs.shape != rhs.shape:
        raise AssertionError(f"{claim}: the sides have shapes {lhs.shape} and {rhs.shape}")
    if not len(lhs):
        raise AssertionError(f"{claim}: there is nothing to compare")
    for left, right in zip(lhs, rhs, strict=True):
        if not _vanishes(left - right):
            point = _difference(left, right)
            undecided = "SymPy cannot decide; rewrite the two sides"
            found = {None: undecided, "": "they differ"}.get(point, f"they differ at {point}")
            raise AssertionError(f"{claim}: {left} is not shown to equal {right}: {found}")
    symbols = sorted(map(_domain, lhs.free_symbols | rhs.free_symbols))
    _report("identity", claim, f"holds for all {', '.join(symbols)}" if symbols else f"both are {_text(rhs)}")


def equal(claim, left, right, *, tolerance=1e-9):
    r"""Check that two arrays agree: :math:`|l_i - r_i| \le \text{tolerance} \cdot \max(1, |r_i|)` for every i.

    Parameters
    ----------
    claim : str
        Id of the claim.
    left, right : array_like
        Numbers of the same shape; nothing is broadcast.
    tolerance : float
        Absolute where ``|right| <= 1``, relative above.

    Raises
    ------
    AssertionError
        If the shapes differ, there is nothing to compare, an entry is not finite, two entries disagree, or
        ``tolerance`` is outside [0, 0.01].

    Examples
    --------
    >>> equal("T-example", [0.1 + 0.2, 1], [0.3, 1])
    [equal] T-example: (0.3, 1) both ways, to 1e-09

    Statements that are true or false, such as a claim about a hundred runs:

    >>> equal("T-example", [0.97 >= 0.95, 0.2 < 0.1], [True, False])
    [equal] T-example: true, false, as claimed
    """
    if not 0 <= tolerance <= 0.01:
        raise AssertionError(f"{claim}: tolerance must lie in [0, 0.01], or the check shows nothing; it is {tolerance}")
    statements = np.asarray(left).dtype == np.asarray(right).dtype == bool
    left, right = _array(claim, "left", left), _array(claim, "right", right)
    if left.shape != right.shape:
        raise AssertionError(f"{claim}: left has shape {left.shape}, right has shape {right.shape}")
    excess = np.abs(left - right) - tolerance * np.maximum(1, np.abs(right))
    if not (excess <= 0).all():  # also if the tolerance is NaN
        worst = np.unravel_index(np.argmax(excess), excess.shape)
        where = f" at index {tuple(map(int, worst))}" if worst else ""
        found, claimed = float(left[worst]), float(right[worst])
        if statements:
            raise AssertionError(f"{claim}: {bool(found)}, and claimed to be {bool(claimed)}{where}")
        raise AssertionError(f"{claim}: {found} is not {claimed}{where}")
    if statements:
        each = ", ".join("true" if x else "false" for x in right.ravel())
        _report("equal", claim, f"{each if right.size <= 12 else f'{right.size} statements'}, as claimed")
    else:
        _report("equal", claim, f"{_text(right)} both ways, to {tolerance:g}")


def estimate(claim, samples, truth, *, against=None, resolution=None, z=4.5, rng=None):
    r"""Check by Monte Carlo that independent samples have the mean ``truth``.

    With sample mean :math:`m` and standard error :math:`\mathrm{sem}` it must hold, in every component, that
    :math:`|m - \text{truth}| \le z\,\mathrm{sem}`. And the error bar must be short enough to have caught the
    mistake: :math:`z\,\mathrm{sem} \le |\text{against} - \text{truth}| / 2` in at least one component, or
    :math:`z\,\mathrm{sem} \le \text{resolution} / 2` in every one.

    Parameters
    ----------
    claim : str
        Id of the claim.
    samples : array_like, shape (N,) or (N, d), or a function of a Generator that returns one
        Independent draws of the estimator.
    truth : array_like, shape () or (d,)
        The expectation claimed.
    against : array_like, shape of ``truth``, optional
        The wrong value that the page argues against. Give this or ``resolution``.
    resolution : float or array_like, optional
        The smallest error that the check must be able to see, in the units of the samples.
    z : float
        Half-width of the interval in standard errors, at most 6. At 4.5 a true claim fails once in 150,000 seeds for
        each component.
    rng : numpy.random.Generator, optional
        Required if ``samples`` is a function, refused otherwise.

    Raises
    ------
    TypeError
        If not exactly one of ``against`` and ``resolution`` is given, or ``rng`` does not go with ``samples``.
    AssertionError
        If the mean is too far from ``truth``, the error bar too long, the shapes do not fit, a number is
        not finite, or ``z`` is above 6.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> estimate("T-example", lambda rng: rng.normal(size=10_000) ** 2, 1, against=0, rng=rng)
    [estimate] T-example: within 4.5 standard errors of 1 (N = 10000), and the error bar excludes 0
    """
    if (against is None) == (resolution is None):
        raise TypeError("estimate needs either against= (the wrong value) or resolution= (the smallest error to see)")
    if callable(samples) != isinstance(rng, np.random.Generator):
        raise TypeError("rng must be a numpy Generator if samples is a function, and absent if it is an array")
    if not z <= 6:
        raise AssertionError(f"{claim}: z must be at most 6, or the interval lets mistakes pass; it is {z}")
    samples = _array(claim, "samples", samples(rng) if callable(samples) else samples)
    truth = _array(claim, "truth", truth)
    if samples.ndim == 0 or samples.shape[1:] != truth.shape or len(samples) < 2:
        raise AssertionError(f"{claim}: samples of shape {samples.shape} do not fit a truth of shape {truth.shape}")

    mean, sem = samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    rounding = 1e-12 * np.maximum(1, np.abs(truth))  # where all samples are equal, sem is 0
    if (np.abs(mean - truth) > z * sem + rounding).any():
        raise AssertionError(f"{claim}: mean {mean} is not within {z} standard errors ({sem}) of {truth}")

    if against is not None:
        wrong = _array(claim, "against", against)
        if wrong.shape != truth.shape:
            raise AssertionError(f"{claim}: against has shape {wrong.shape}, truth has shape {truth.shape}")
        sharp = (2 * z * sem <= np.abs(wrong - truth)) & (np.abs(wrong - truth) > rounding)
        enough, seen = sharp.any(), f"the error bar excludes {_text(wrong)}"
    else:
        smallest = _array(claim, "resolution", resolution)
        if smallest.shape not in {(), truth.shape}:
            raise AssertionError(f"{claim}: resolution has shape {smallest.shape}, truth has shape {truth.shape}")
        enough, seen = (2 * z * sem <= smallest).all(), f"an error of {_text(smallest)} would show"
    if not enough:
        raise AssertionError(f"{claim}: the error bar, {z} * {sem}, is too long to see the mistake; take more samples")
    _report("estimate", claim, f"within {z} standard errors of {_text(truth)} (N = {len(samples)}), and {seen}")


def refute(claim, printed, true, *, tolerance=1e-6):
    r"""Check that a printed formula is wrong: its value and the true one differ by more than ``tolerance``.

    That ``true`` *is* true is another claim, to be checked beside this one.

    Parameters
    ----------
    claim : str
        Id of the claim.
    printed, true : array_like, or sympy.Expr
        The value claimed and the right one, in this order. Expressions with symbols must differ at a
        point, which is shown.
    tolerance : float
        How large a difference counts, in the units of the values.

    Raises
    ------
    AssertionError
        If the values agree within ``tolerance``, have different shapes, or are not finite, or ``tolerance`` is not
        a finite number of at least 0.

    Examples
    --------
    >>> refute("T-example", 4 / 3, -2 / 3)
    [refute] T-example: claimed 1.33333, in truth -0.666667
    """
    if not 0 <= tolerance < np.inf:
        raise AssertionError(f"{claim}: tolerance must be finite and at least 0; it is {tolerance}")
    if _is_sympy(printed) or _is_sympy(true):
        left, right = _matrix(printed), _matrix(true)
        if left.shape != right.shape:
            raise AssertionError(f"{claim}: printed has shape {left.shape}, true has shape {right.shape}")
        points = (_difference(a, b, tolerance) for a, b in zip(left, right, strict=True))
        point = next((p for p in points if p is not None), None)
        if point is None:
            raise AssertionError(f"{claim}: no point found where {printed} differs from {true}")
        values = f"claimed {_text(left)}, in truth {_text(right)}"
        _report("refute", claim, f"{values}; they differ at {point}" if point else values)
        return
    printed, true = _array(claim, "printed", printed), _array(claim, "true", true)
    if printed.shape != true.shape:
        raise AssertionError(f"{claim}: printed has shape {printed.shape}, true has shape {true.shape}")
    if not (np.abs(printed - true) > tolerance).any():
        raise AssertionError(f"{claim}: the printed value {printed} agrees with the true one within {tolerance}")
    _report("refute", claim, f"claimed {_text(printed)}, in truth {_text(true)}")


# --- helpers


def _report(kind, claim, text):
    print(f"[{kind}] {claim}: {text}")


def _array(claim, name, value):
    array = np.asarray(value)
    if array.dtype.kind in "cSU":
        raise AssertionError(f"{claim}: {name} must hold real numbers; it is {array!r}")
    array = array.astype(float)
    if array.size == 0 or not np.isfinite(array).all():
        raise AssertionError(f"{claim}: {name} must hold finite numbers, at least one; it is {array}")
    return array


def _text(value):
    """Write numbers so that the last digits of a float do not show: 6 significant digits, at most 6 decimals."""
    if _is_sympy(value):
        entries = [_short(entry) for entry in value]
    else:
        entries = [f"{_rounded(x):.6g}" for x in np.ravel(value)]
    if len(entries) > 12:
        return f"{len(entries)} numbers"
    return entries[0] if len(entries) == 1 else f"({', '.join(entries)})"


def _rounded(x):
    """Round to 6 decimals; to 9 first, so that a number halfway between two goes the same way on every machine."""
    return round(round(float(x), 9), 6) + 0.0


def _short(expression):
    """Write a SymPy expression with its floats as in `_text`."""
    from sympy import Float, sstr

    rounded = {x: Float(_rounded(x)).n(6) for x in expression.atoms(Float)}
    return sstr(expression.xreplace(rounded), full_prec=False)


def _domain(symbol):
    """Return the name of a symbol with what is assumed of it, such as "beta > 0"; being real goes without saying."""
    signs = {
        "> 0": symbol.is_positive,
        "< 0": symbol.is_negative,
        ">= 0": symbol.is_nonnegative,
        "<= 0": symbol.is_nonpositive,
        "!= 0": symbol.is_nonzero,
    }
    sign = next((f" {text}" for text, holds in signs.items() if holds), "")
    return f"{'integer ' if symbol.is_integer else ''}{symbol}{sign}"


def _is_sympy(value):
    entries = value if isinstance(value, (list, tuple)) else [value]
    return any(type(entry).__module__.startswith("sympy.") for entry in entries)


def _matrix(value):
    """Return a SymPy matrix; a list becomes a column, a single expression 1 x 1. Strings are refused."""
    import sympy as sp

    if isinstance(value, sp.MatrixBase):
        return value.as_immutable()
    entries = value if isinstance(value, (list, tuple)) else [value]
    return sp.ImmutableMatrix([sp.sympify(entry, strict=True) for entry in entries])


def _vanishes(expression):
    import sympy as sp

    rewrites = (
        lambda e: e,
        sp.cancel,
        sp.expand,
        sp.simplify,
        lambda e: sp.simplify(e.rewrite(sp.log)),
        lambda e: sp.simplify(sp.expand(e.rewrite(sp.exp))),
    )
    return any(rewrite(expression) == 0 for rewrite in rewrites)


def _difference(left, right, tolerance=1e-9):
    """Return a point "x=1, y=3" where two expressions differ ("" if they have no symbols), or None."""
    from sympy import Rational

    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    for shift, scale in ((0, 1), (1, 1), (2, 1), (0, 7), (1, 7), (2, 7)):
        values = {}
        for k, symbol in enumerate(symbols):
            integer = 1 + (2 * k + shift) % 5
            size = integer if symbol.is_integer else Rational(integer, scale)
            values[symbol] = -size if symbol.is_nonpositive else size
        gap = (left - right).subs(values).evalf()
        if gap.is_number and gap.is_finite and abs(gap) > tolerance:
            return ", ".join(f"{symbol}={value}" for symbol, value in values.items())
    return None
