"""The four checks: each passes what is true, raises on what is false, and prints one stable line."""

import re

import numpy as np
import pytest
import sympy as sp

from pglib.check import equal, estimate, identity, refute

x, y = sp.symbols("x y", real=True)
u = sp.Symbol("u", positive=True)
n = sp.Symbol("n", integer=True, positive=True)
w = sp.Symbol("w", negative=True)
m, v = sp.Symbol("m", nonnegative=True), sp.Symbol("v", nonpositive=True)
z = sp.Symbol("z", real=True, nonzero=True)


def line(capsys):
    """Return the one line that was printed."""
    out = capsys.readouterr().out
    assert out.endswith("\n") and out.count("\n") == 1
    assert re.fullmatch(r"\[(identity|equal|estimate|refute)\] \S+: \S.*", out.rstrip("\n"))
    assert not re.search(r"-0(?![.\d])|nan|\d\.\d{7,}|\d{7,}", out.partition(": ")[2])
    return out.rstrip("\n")


# --- identity


@pytest.mark.parametrize("left, right, symbols", [
    (sp.diff(sp.log(u), u), 1 / u, "u > 0"),
    (sp.sin(x) ** 2 + sp.cos(x) ** 2, 1, "x"),
    (sp.tanh(x), (sp.exp(2 * x) - 1) / (sp.exp(2 * x) + 1), "x"),
    ((x + y) ** 3, x**3 + 3 * x**2 * y + 3 * x * y**2 + y**3, "x, y"),
    (1 / (1 + sp.exp(-x)), sp.exp(x) / (1 + sp.exp(x)), "x"),
    (sp.log(x**2 * w**2), 2 * sp.log(-w) + sp.log(x**2), "w < 0, x"),
    (sp.Matrix([[x, y], [1, u]]), sp.Matrix([[x, y], [1, u + x - x]]), "u > 0, x, y"),
    (sp.cos(2 * sp.pi * n * x), sp.cos(-2 * sp.pi * n * x), "integer n > 0, x"),
    (m * (v + z), m * v + m * z, "m >= 0, v <= 0, z != 0"),
    ([x + x, 2], [2 * x, sp.Rational(4, 2)], "x"),
    (sp.Matrix([x, y]), [x, y], "x, y"),
])  # fmt: skip
def test_true_identities(capsys, left, right, symbols):
    """The line says for which values: what is assumed of a symbol, and that all are real goes without saying."""
    identity("T-true", left, right)
    assert line(capsys) == f"[identity] T-true: holds for all {symbols}"


@pytest.mark.parametrize("left, right, text", [
    (sp.sqrt(2) ** 2, 2, "2"),
    (sp.Rational(1, 3), sp.Rational(2, 6), "1/3"),
    (sp.Float(1) / 3, sp.Float(1) / 3, "0.333333"),
    (sp.Matrix([1, -2]), [1, -2], "(1, -2)"),
    (3, 3, "3"),
])  # fmt: skip
def test_true_identities_of_numbers(capsys, left, right, text):
    identity("T-number", left, right)
    assert line(capsys) == f"[identity] T-number: both are {text}"


@pytest.mark.parametrize("left, right, message", [
    (sp.diff(sp.log(u), u), -1 / u, r"they differ at u=1$"),
    ((x + y) ** 2, x**2 + y**2, r"they differ at x=1, y=3$"),
    (sp.sqrt(x**2), x + 2, r"they differ at x=1$"),
    (sp.sin(sp.pi * x), 0, r"they differ at x=1/7$"),  # 0 at all integers
    (sp.Matrix([[x, y]]), sp.Matrix([[x, -y]]), r"y is not shown to equal -y: they differ at y=1$"),
    (1, 2, r"1 is not shown to equal 2: they differ$"),
    (sp.nan, sp.nan, r"nan is not shown to equal nan: SymPy cannot decide"),
    (sp.oo, sp.oo, r"SymPy cannot decide"),
    (x, sp.nan, r"SymPy cannot decide"),
    (sp.Matrix([x, y]), sp.Matrix([[x, y]]), r"the sides have shapes \(2, 1\) and \(1, 2\)"),
    (x, sp.Matrix([x, x]), r"the sides have shapes \(1, 1\) and \(2, 1\)"),
    ([], [], r"there is nothing to compare"),
    (sp.zeros(0, 3), sp.zeros(0, 3), r"there is nothing to compare"),
])  # fmt: skip
def test_false_identities(capsys, left, right, message):
    with pytest.raises(AssertionError, match=rf"^T-false: .*{message}"):
        identity("T-false", left, right)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("left, right", [("x", x), (x, "x"), ("1", 1), ([x, "y"], [x, y])])
def test_identity_takes_no_strings(capsys, left, right):
    """A string would be read with other symbols than the ones on the page."""
    with pytest.raises(ValueError, match="SympifyError"):
        identity("T-string", left, right)
    assert not capsys.readouterr().out


# --- equal


@pytest.mark.parametrize("left, right, text", [
    (0.1 + 0.2, 0.3, "0.3"),
    ([1.0, 2.0], np.array([1, 2]), "(1, 2)"),
    (np.array([[1e9 + 0.5]]), np.array([[1e9]]), "1e+09"),
    ([1e-13, -1e-13], [0.0, -0.0], "(0, 0)"),
    ([1 / 3], [sp.Rational(1, 3)], "0.333333"),
    (np.arange(20.0), np.arange(20), "20 numbers"),
    (True, 1, "1"),
])  # fmt: skip
def test_equal_arrays(capsys, left, right, text):
    equal("T-equal", left, right)
    assert line(capsys) == f"[equal] T-equal: {text} both ways, to 1e-09"


@pytest.mark.parametrize("left, right, message", [
    (1.0, 1.0 + 2e-9, r"is not"),
    (1e9, 1e9 + 2, r"is not"),
    (1e-12 + 2e-9, 1e-12, r"is not"),
    ([[1, 2], [3, 4]], [[1, 2], [3, 5]], r"4\.0.* is not .*5\.0.* at index \(1, 1\)"),
    (np.nan, np.nan, r"left must hold finite numbers, at least one; it is nan"),
    (1.0, np.nan, r"right must hold finite numbers"),
    ([1, np.inf], [1, np.inf], r"left must hold finite numbers"),
    (None, None, r"left must hold finite numbers"),
    ([], [], r"left must hold finite numbers, at least one; it is \[\]"),
    (np.zeros((0, 3)), np.zeros((0, 3)), r"left must hold finite numbers"),
    ([1, 1], 1, r"left has shape \(2,\), right has shape \(\)"),
    ([[1], [1]], [1, 1], r"left has shape \(2, 1\), right has shape \(2,\)"),
    ([1], 1, r"left has shape \(1,\), right has shape \(\)"),
    (np.array([1 + 2j]), np.array([1.0]), r"left must hold real numbers"),
    (1j, 1j, r"left must hold real numbers"),
    ("1", "1", r"left must hold real numbers; it is array\('1'"),
])  # fmt: skip
def test_unequal_arrays(capsys, left, right, message):
    with pytest.raises(AssertionError, match=rf"^T-unequal: .*{message}"):
        equal("T-unequal", left, right)
    assert not capsys.readouterr().out


def test_tolerance_of_equal(capsys):
    """Absolute to 1, relative above, and stated in the line."""
    equal("T-near", 1.001, 1.0, tolerance=0.01)
    assert line(capsys) == "[equal] T-near: 1 both ways, to 0.01"
    equal("T-near", [1009.0, 0.009], [1000.0, 0.0], tolerance=0.01)
    for left, right in [(1011.0, 1000.0), (0.011, 0.0), (1.0, 1.011)]:
        with pytest.raises(AssertionError, match="is not"):
            equal("T-far", left, right, tolerance=0.01)
    with pytest.raises(AssertionError):
        equal("T-nan", 1.0, 2.0, tolerance=np.nan)
    equal("T-exact", 1.0, 1.0, tolerance=0)
    with pytest.raises(AssertionError):
        equal("T-exact", 1.0, 1.0 + 2**-52, tolerance=0)


@pytest.mark.parametrize("left, right, text", [
    (True, np.True_, "true"),
    (0.2 < 0.1, False, "false"),
    ([3 > 2, 2 > 3], [True, False], "true, false"),
    (np.eye(2) > 0, [[True, False], [False, True]], "true, false, false, true"),
])  # fmt: skip
def test_equal_statements(capsys, left, right, text):
    equal("T-say", left, right)
    assert line(capsys) == f"[equal] T-say: {text}, as claimed"


@pytest.mark.parametrize("left, right, message", [
    (False, True, r"False, and claimed to be True$"),
    (True, False, r"True, and claimed to be False$"),
    ([True, False, True], [True, True, True], r"False, and claimed to be True at index \(1,\)$"),
    ([True], True, r"left has shape \(1,\), right has shape \(\)"),
    ([True, True], [True], r"left has shape \(2,\), right has shape \(1,\)"),
    (np.zeros(0, bool), np.zeros(0, bool), r"left must hold finite numbers, at least one"),
])  # fmt: skip
def test_statements_that_do_not_hold(capsys, left, right, message):
    """Whatever the tolerance: it means nothing for statements."""
    for tolerance in (0, 1e-9, 0.01):
        with pytest.raises(AssertionError, match=rf"^T-say: .*{message}"):
            equal("T-say", left, right, tolerance=tolerance)
    assert not capsys.readouterr().out


def test_numbers_are_no_statements(capsys):
    """A statement beside a number is compared as a number, and the line says so."""
    equal("T-say", [True, False], [1, 0])
    assert line(capsys) == "[equal] T-say: (1, 0) both ways, to 1e-09"


# --- estimate


def normal(mean=1.0, std=1.0, size=10_000):
    return lambda rng: rng.normal(mean, std, size=size)


def seeded(seed=0):
    return np.random.default_rng(seed)


def test_true_estimates(capsys):
    estimate("T-mean", normal(), 1.0, against=0.8, rng=seeded())
    expected = "[estimate] T-mean: within 4.5 standard errors of 1 (N = 10000), and "
    assert line(capsys) == expected + "the error bar excludes 0.8"
    estimate("T-mean", normal()(seeded()), 1, resolution=0.1)
    assert line(capsys) == expected + "an error of 0.1 would show"
    estimate("T-mean", normal([1, -1 / 3], size=(10_000, 2)), [1, -1 / 3], against=[1, 1 / 3], rng=seeded())
    assert line(capsys) == expected.replace("of 1 ", "of (1, -0.333333) ") + "the error bar excludes (1, 0.333333)"
    estimate("T-mean", normal([0, 1], size=(100, 2)), [0, 1], resolution=[1, 2], z=5, rng=seeded())
    assert line(capsys).endswith("within 5 standard errors of (0, 1) (N = 100), and an error of (1, 2) would show")
    estimate("T-constant", np.full(10, 1 / 3), 1 / 3, against=0)
    assert line(capsys).endswith("within 4.5 standard errors of 0.333333 (N = 10), and the error bar excludes 0")
    estimate("T-integers", seeded().integers(2, size=1000), 0.5, against=1)


@pytest.mark.parametrize("samples, truth, options, message", [
    (normal(), 0.8, {"against": 0.0}, r"is not within 4\.5 standard errors"),
    (normal([1, 2], size=(10_000, 2)), [1, 1], {"against": [0, 0]}, r"is not within 4\.5 standard errors"),
    (normal(), 1.0, {"against": 0.99}, r"is too long to see the mistake"),
    (normal(), 1.0, {"against": 0.93}, r"is too long to see the mistake"),  # between one and two half-widths away
    (normal(), 1.0, {"resolution": 0.07}, r"is too long to see the mistake"),
    (normal(), 1.0, {"against": 1.0}, r"is too long to see the mistake"),
    (normal(), 1.0, {"resolution": 0.01}, r"is too long to see the mistake"),
    (normal(), 1.0, {"resolution": 0.0}, r"is too long to see the mistake"),
    (normal(), 1.0, {"resolution": -1.0}, r"is too long to see the mistake"),
    (normal([1, 1], [1, 99], (10_000, 2)), [1, 1], {"resolution": 0.2}, r"is too long to see the mistake"),
    (lambda rng: np.full(10, 1.0), 1.0, {"against": 1.0}, r"is too long to see the mistake"),
    (lambda rng: np.full(10, 1.0), 1.0 + 1e-9, {"against": 0.0}, r"is not within"),
    (normal(np.nan), 1.0, {"against": 0.0}, r"samples must hold finite numbers"),
    (normal(), np.nan, {"against": 0.0}, r"truth must hold finite numbers"),
    (normal(), 1.0, {"against": np.nan}, r"against must hold finite numbers"),
    (normal(), 1.0, {"resolution": np.nan}, r"resolution must hold finite numbers"),
    (lambda rng: np.zeros(0), 0.0, {"against": 1.0}, r"samples must hold finite numbers, at least one"),
    (lambda rng: np.ones(1), 1.0, {"against": 0.0}, r"samples of shape \(1,\) do not fit"),
    (lambda rng: 1.0, 1.0, {"against": 0.0}, r"samples of shape \(\) do not fit a truth of shape \(\)"),
    (normal(size=(100, 2)), 1.0, {"against": 0.0}, r"samples of shape \(100, 2\) do not fit a truth of shape \(\)"),
    (normal(), [1.0], {"against": [0.0]}, r"samples of shape \(10000,\) do not fit a truth of shape \(1,\)"),
    (normal(size=(100, 1)), [1.0, 1.0], {"against": [0.0, 0.0]}, r"do not fit a truth of shape \(2,\)"),
    (normal(size=(100, 2)), [1.0, 1.0], {"against": 0.0}, r"against has shape \(\), truth has shape \(2,\)"),
    (normal(), 1.0, {"against": [0.0]}, r"against has shape \(1,\), truth has shape \(\)"),
    (normal(), 1.0, {"resolution": [1.0, 1.0]}, r"resolution has shape \(2,\), truth has shape \(\)"),
    (lambda rng: rng.normal(size=99) + 1j, 0.0, {"against": 9.0}, r"samples must hold real numbers"),
    (normal(), 1.0, {"against": 0.0, "z": np.nan}, r"z must be at most 6"),
    (normal(), 1.0, {"against": 0.0, "z": np.inf}, r"z must be at most 6"),
    (normal(), 1.0, {"against": 0.0, "z": -4.5}, r"is not within"),
])  # fmt: skip
def test_false_estimates(capsys, samples, truth, options, message):
    with pytest.raises(AssertionError, match=rf"(?s)^T-false: .*{message}"):
        estimate("T-false", samples, truth, **options, rng=seeded())
    assert not capsys.readouterr().out


@pytest.mark.parametrize("samples, options, message", [
    (normal(), {"rng": seeded()}, r"either against= .* or resolution="),
    (normal(), {"rng": seeded(), "against": 0, "resolution": 1}, r"either against= .* or resolution="),
    (normal(), {"against": 0}, r"rng must be a numpy Generator if samples is a function"),
    (normal(), {"against": 0, "rng": 0}, r"rng must be a numpy Generator if samples is a function"),
    (normal()(seeded()), {"against": 0, "rng": seeded()}, r"and absent if it is an array"),
])  # fmt: skip
def test_estimate_without_what_it_needs(capsys, samples, options, message):
    with pytest.raises(TypeError, match=message):
        estimate("T-type", samples, 1.0, **options)
    assert not capsys.readouterr().out


def test_standard_error_of_two_samples():
    """-1 and 1 have the variance 2, by n - 1, and their mean the standard error 1."""
    estimate("T-two", [-1, 1], 4.4, against=-100)
    with pytest.raises(AssertionError, match="is not within 4.5 standard errors"):
        estimate("T-two", [-1, 1], 4.6, against=-100)


def outcomes(mean, seeds, **options):
    """Return the share of seeds under which "the mean is 0" passes."""
    passed = 0
    for seed in range(seeds):
        try:
            estimate("T-seed", normal(mean, size=400), 0.0, rng=seeded(seed), **options)
            passed += 1
        except AssertionError:
            pass
    return passed / seeds


def test_rate_of_false_alarms(capsys):
    """At z = 1 a true claim passes in 68 % of the seeds, at z = 2 in 95 %, at 4.5 always."""
    for z, rate in [(1, 0.683), (2, 0.954)]:
        seen = outcomes(0.0, 1000, resolution=1, z=z)
        assert abs(seen - rate) < 4.5 * np.sqrt(rate * (1 - rate) / 1000)
    assert outcomes(0.0, 200, resolution=1) == 1


def test_a_mistake_of_the_size_of_against_is_caught(capsys):
    """If the truth were `against`, no seed would let the claim pass: the error bar is at most half the distance."""
    against = 2 * 4.5 / 20 * 1.15  # 400 samples of standard deviation 1: just sharp enough for every seed
    assert outcomes(0.0, 200, against=against) > 0.99
    assert outcomes(against, 200, against=against) == 0
    assert outcomes(-against, 200, resolution=against) == 0


# --- refute


@pytest.mark.parametrize("printed, true, text", [
    (4 / 3, -2 / 3, "claimed 1.33333, in truth -0.666667"),
    (-2 / 3, 4 / 3, "claimed -0.666667, in truth 1.33333"),
    ([1, 2], [1, 3], "claimed (1, 2), in truth (1, 3)"),
    ([-1e-12, 1], [-0.0, 2], "claimed (0, 1), in truth (0, 2)"),
    (np.arange(13), np.zeros(13), "claimed 13 numbers, in truth 13 numbers"),
    (2 * x, x, "claimed 2*x, in truth x; they differ at x=1"),
    (x * y, y, "claimed x*y, in truth y; they differ at x=2, y=4"),
    (sp.sin(sp.pi * n / 2), 1, "claimed sin(pi*n/2), in truth 1; they differ at n=2"),
    (w, -w, "claimed w, in truth -w; they differ at w=-1"),
    ([x, y], [x, -y], "claimed (x, y), in truth (x, -y); they differ at y=1"),
    (sp.Rational(1, 3), sp.Rational(2, 3), "claimed 1/3, in truth 2/3"),
    (sp.Float(1) / 3 * x, 0.5 * x, "claimed 0.333333*x, in truth 0.5*x; they differ at x=1"),
    (sp.Integer(2), 1.0, "claimed 2, in truth 1.0"),
])  # fmt: skip
def test_false_formulas(capsys, printed, true, text):
    """The order in the line is that of the arguments."""
    refute("T-wrong", printed, true)
    assert line(capsys) == f"[refute] T-wrong: {text}"


@pytest.mark.parametrize("printed, true, message", [
    (1.0, 1.0, r"the printed value 1\.0 agrees with the true one within 1e-06"),
    (1.0, 1.0 + 9e-7, r"agrees with the true one"),
    ([1, 2], [1, 2], r"agrees with the true one"),
    (1.0, np.nan, r"true must hold finite numbers"),
    (np.nan, 1.0, r"printed must hold finite numbers"),
    (np.inf, 1.0, r"printed must hold finite numbers"),
    (None, 1.0, r"printed must hold finite numbers"),
    ([], [], r"printed must hold finite numbers, at least one"),
    ([], [1.0], r"printed must hold finite numbers, at least one"),
    ([1, 2], 3, r"printed has shape \(2,\), true has shape \(\)"),
    ([1], 3, r"printed has shape \(1,\), true has shape \(\)"),
    (1j, 2.0, r"printed must hold real numbers"),
    ("1", 2.0, r"printed must hold real numbers"),
    (x + x, 2 * x, r"no point found where 2\*x differs from 2\*x"),
    (sp.sin(x) ** 2, 1 - sp.cos(x) ** 2, r"no point found"),
    (sp.log(w**2), 2 * sp.log(-w), r"no point found"),  # true for the negative w it speaks of
    (sp.sqrt(u**2), u, r"no point found"),
    (sp.sin(sp.pi * n), sp.Integer(0), r"no point found"),
    (sp.cos(2 * sp.pi * n), sp.Integer(1), r"no point found"),
    (sp.sin(sp.pi * n * (n + 1) / 2), sp.Integer(0), r"no point found"),  # true for the integer n it speaks of
    (sp.nan, x, r"no point found"),
    (sp.zoo, x, r"no point found"),
    (sp.Matrix([x, y]), sp.Matrix([[x, 2 * y]]), r"printed has shape \(2, 1\), true has shape \(1, 2\)"),
    (sp.zeros(0, 1), sp.zeros(0, 1), r"no point found"),
])  # fmt: skip
def test_formulas_that_are_not_refuted(capsys, printed, true, message):
    with pytest.raises(AssertionError, match=rf"^T-right: .*{message}"):
        refute("T-right", printed, true)
    assert not capsys.readouterr().out


def test_tolerance_of_refute(capsys):
    refute("T-small", 1e-4, 2e-4)
    assert line(capsys) == "[refute] T-small: claimed 0.0001, in truth 0.0002"
    with pytest.raises(AssertionError, match="agrees with the true one within 0.001"):
        refute("T-small", 1e-4, 2e-4, tolerance=1e-3)
    with pytest.raises(AssertionError, match="no point found"):
        refute("T-small", x, x + sp.Rational(1, 100), tolerance=0.1)


@pytest.mark.parametrize("tolerance", [-1, 0.1, np.inf])
def test_equal_refuses_a_tolerance_that_shows_nothing(tolerance):
    with pytest.raises(AssertionError, match="tolerance must lie in"):
        equal("T-loose", 1.0, 1.0, tolerance=tolerance)


@pytest.mark.parametrize("tolerance", [-1, np.inf, np.nan])
def test_refute_refuses_a_tolerance_that_shows_nothing(tolerance):
    with pytest.raises(AssertionError, match="tolerance must be finite"):
        refute("T-loose", 1.0, 2.0, tolerance=tolerance)


@pytest.mark.parametrize("z", [6.1, 1000])
def test_estimate_refuses_an_interval_that_shows_nothing(z):
    with pytest.raises(AssertionError, match="z must be at most 6"):
        estimate("T-loose", np.arange(9.0), 4.0, resolution=1e3, z=z)


def test_estimate_sees_no_mistake_in_the_last_digit():
    with pytest.raises(AssertionError, match="too long to see the mistake"):
        estimate("T-same", np.ones(9), 1.0, against=1 + 1e-15)


def test_a_number_halfway_between_two_prints_the_same_with_noise_in_its_last_digits(capsys):
    for noise in (-1e-15, 0, 1e-15):
        equal("T-example", 0.8083125, 0.8083125 + noise)
    equal("T-example", 0.0642857142, 0.0642857142 + 1e-12)
    lines = capsys.readouterr().out.splitlines()
    assert len(set(lines[:3])) == 1
    assert "0.064286 both ways" in lines[3]
