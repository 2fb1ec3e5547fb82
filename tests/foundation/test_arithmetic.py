"""Programs round alike on every processor: the settings, what they keep out, and an oracle."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debian
import pytest

from batchlab.foundation import arithmetic

OURS = [
    "--xla_cpu_max_isa=AVX2",
    "--xla_cpu_experimental_ynn_fusion_type=",
    "--xla_backend_extra_options=xla_cpu_disable_platform_dependent_math",
]
KERNELS = "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"
SETTINGS = ("XLA_FLAGS", KERNELS)

needs_x86 = pytest.mark.skipif(not arithmetic.is_x86(), reason="settings for x86-64 processors")
pytestmark = needs_x86


def computed(code, environment=(), before=()):
    """Return what a process prints last, as data, with these variables instead of our settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    ended = subprocess.run(
        [*before, sys.executable, "-c", textwrap.dedent(code)],
        env={**inherited, **dict(environment)},
        capture_output=True,
        text=True,
        timeout=1800,  # under emulation all takes some twenty times as long
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def side_by_side(*calls):
    """Return what several of these return, each a tuple of arguments."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda call: computed(*call), calls))


# The settings


@pytest.fixture
def clean(monkeypatch):
    """An environment without any settings."""
    for name in SETTINGS:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("clean")
def test_settings_are_put_into_an_environment_without_any():
    arithmetic.round_alike()
    assert os.environ["XLA_FLAGS"].split() == OURS
    assert os.environ[KERNELS] == "false"
    assert arithmetic.why_not_alike() == ""
    arithmetic.round_alike()
    assert os.environ["XLA_FLAGS"].split() == OURS


@pytest.mark.usefixtures("clean")
def test_other_flags_are_kept(monkeypatch, tmp_path):
    file = tmp_path / "flags"
    file.write_text("--xla_one=1\n--xla_two=2\n")
    for given in ("--xla_one=1 --xla_two=2", str(file)):
        monkeypatch.setenv("XLA_FLAGS", given)
        arithmetic.round_alike()
        assert os.environ["XLA_FLAGS"].split() == ["--xla_one=1", "--xla_two=2", *OURS]
        assert arithmetic.why_not_alike() == ""
    monkeypatch.setenv("XLA_FLAGS", str(tmp_path / "none"))
    arithmetic.round_alike()
    assert os.environ["XLA_FLAGS"].split() == OURS


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("given", ["--xla_cpu_max_isa=AVX512", f"{OURS[1]}LIBRARY_FUSION_TYPE_DOT"])
def test_what_a_caller_sets_otherwise_is_kept_and_told(monkeypatch, given):
    monkeypatch.setenv("XLA_FLAGS", given)
    arithmetic.round_alike()
    assert os.environ["XLA_FLAGS"].split()[0] == given
    assert len(os.environ["XLA_FLAGS"].split()) == 3
    assert arithmetic.why_not_alike() == given
    monkeypatch.setenv(KERNELS, "1")
    arithmetic.round_alike()
    assert os.environ[KERNELS] == "1"
    assert arithmetic.why_not_alike() == f"{given}, {KERNELS}=1"


@pytest.mark.usefixtures("clean")
def test_backend_options_of_a_caller_stand_beside_ours(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_extra_options=xla_cpu_fold_all")
    arithmetic.round_alike()
    assert os.environ["XLA_FLAGS"].split()[1:] == OURS
    assert arithmetic.why_not_alike() == ""


@pytest.mark.usefixtures("clean")
def test_other_processors_environment_is_left_alone(monkeypatch):
    monkeypatch.setattr(arithmetic.platform, "machine", lambda: "aarch64")
    arithmetic.round_alike()
    assert not set(SETTINGS) & set(os.environ)


COMPUTED = """
    import json, warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        {first}
        import batchlab as bl
        from batchlab.costs import machine
        from batchlab.foundation import arithmetic
    told = [str(one.message) for one in caught if "batchlab" in str(one.message)]
    print(json.dumps([told, arithmetic._computes_roots(), machine.is_usual()]))
"""
USED = """
        import tensorflow as tf
        tf.function(tf.math.rsqrt, jit_compile=True)(tf.ones(8))
"""


def test_settings_are_in_force_whatever_the_environment_says_and_told_where_it_is_too_late():
    loud = {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "DEFAULT"}
    first, imported, used = side_by_side(
        (COMPUTED.format(first=""), {**loud, "XLA_FLAGS": "--xla_cpu_enable_fast_math=false"}),
        (COMPUTED.format(first="import keras"),),
        (COMPUTED.format(first=USED),),
    )
    assert first == imported == [[], True, True]
    (told,), roots, usual = used
    assert "Import batchlab first" in told
    assert (roots, usual) == (False, False)


# What programs are made of

PROGRAMS = """
    import functools, json, os, sys, tempfile
    from pathlib import Path
    import batchlab as bl
    folder = tempfile.mkdtemp()
    dump = f"--xla_dump_to={{folder}}"
    given = os.environ["XLA_FLAGS"] if {settings} else ""
    os.environ["XLA_FLAGS"] = f"{{given}} {{dump}}"
    if not {settings}:
        os.environ["TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL"] = "true"
    from batchlab.engine.optimizers import _optimizers_by_name
    keras, dtype, chosen = bl.keras, {dtype!r}, {chosen!r}
    L = keras.layers
    few = bl.blobs(160, n_train=80)
    images = bl.from_arrays(*(part.reshape(-1, 8, 8, 1) if part.ndim > 1 else part for part in (
        bl.digits().x_train[:80], bl.digits().y_train[:80], bl.digits().x_test[:40],
        bl.digits().y_test[:40])))

    def model(problem, layers):
        keras.config.set_dtype_policy(dtype)
        out = L.Dense(problem.n_classes, activation="softmax")
        return keras.Sequential([keras.Input(problem.feature_shape), *layers(), out])

    activations = ("relu", "tanh", "gelu", "sigmoid", "softplus", "silu", "elu", "selu", "mish",
                   "exponential", "softsign", "hard_sigmoid", "leaky_relu", "relu6", "log_softmax")
    made = {{
        "activations": (few, lambda: [L.Dense(7, activation=name) for name in activations]),
        "normalized": (few, lambda: [L.Dense(9), L.BatchNormalization(), L.LayerNormalization(),
                       L.GroupNormalization(3), L.UnitNormalization(), L.Dropout(0.2),
                       L.GaussianNoise(0.1)]),
        "convolutional": (images, lambda: [L.Conv2D(4, 3, activation="relu"), L.MaxPooling2D(),
                          L.AveragePooling2D(2), L.DepthwiseConv2D(1), L.Flatten()]),
        "recurrent": (images, lambda: [L.Reshape((8, 8)), L.GRU(3, return_sequences=True),
                      L.LSTM(3, return_sequences=True), L.SimpleRNN(3)]),
    }}
    for name, (problem, layers) in made.items():
        if not chosen or name in chosen:
            build = functools.partial(model, layers=layers)
            bl.fit(build, problem, batch_size=40, epochs=1, progress=False)
    plain = functools.partial(bl.mlp, hidden_units=(9,), dtype=dtype)
    for name, optimizer in _optimizers_by_name().items():
        if name != "schedulefreeadamw" and (not chosen or name in chosen):  # which fit refuses
            bl.fit(plain, few, batch_size=80, epochs=1, optimizer=optimizer(0.01), replicates=2,
                   progress=False)
    print(json.dumps(folder))
"""
# What LLVM or the mathematics of C bring, which are one code wherever there is AVX2 and FMA. No
# instruction of one processor (llvm.x86...) is among them, and no library.
KNOWN = {
    *("abs", "bswap", "ceil", "copysign", "ctlz", "ctpop", "exp", "fabs", "floor", "fma", "log"),
    *("fmuladd", "fptosi.sat", "fptoui.sat", "fshl", "maximum", "minimum", "maxnum", "minnum"),
    *("nearbyint", "pow", "powi", "rint", "round", "roundeven", "smax", "smin", "sqrt", "trunc"),
    *("uadd.with.overflow", "umax", "umin", "umul.with.overflow", "usub.sat", "is.fpclass", "sin"),
    *("cos", "tan", "tanh", "ldexp", "frexp", "vector", "masked", "memcpy", "memset", "memmove"),
    *("lifetime", "stacksave", "stackrestore", "assume", "experimental.noalias.scope.decl"),
    *("experimental.constrained", "prefetch", "canonicalize", "exp2", "log2", "fshr", "usub"),
}
# Where LLVM may put an approximation. (It may also reorder sums, "reassoc": XLA asks for that; with
# vectors of AVX2 the order was the same on all processors that were tried.)
RELAXED = re.compile(r"\b(fast|afn|arcp)\b (?=.*(float|double))")


def foreign(folder):
    """Return what programs call that is not known, and arithmetic that LLVM may reorder."""
    called, relaxed, libraries = set(), set(), set()
    files = list(Path(folder).iterdir())
    for path in files:
        if path.name.endswith("ir-with-opt.ll"):
            text = path.read_text()
            called |= set(re.findall(r"\bcall [^@\n]*@\"?([\w.$]+)", text))
            defined = set(re.findall(r"^define [^@\n]*@\"?([\w.$]+)", text, re.MULTILINE))
            called -= defined
            relaxed |= {line.strip()[:80] for line in text.splitlines() if RELAXED.search(line)}
        elif path.name.endswith("after_optimizations.txt"):
            text = path.read_text()
            libraries |= set(re.findall(r'custom_call_target="([^"]+)"', text))
            libraries |= set(re.findall(r"__(?:ynn|onednn|xnn)_fusion", text))
    assert sum(path.name.endswith("after_optimizations.txt") for path in files) > 0
    names = {name.removeprefix("llvm.") for name in called}
    unknown = {n for n in names if not any(n == k or n.startswith(f"{k}.") for k in KNOWN)}
    return unknown, relaxed, libraries


# What XLA itself brings, compiled with TensorFlow: sorting and random bits, without arithmetic.
LIBRARIES = {"TopK", "PadToStatic", "SliceToDynamic"}


def programs_of(dtype, *chosen, settings=True):
    return PROGRAMS.format(dtype=dtype, chosen=chosen, settings=settings)


def test_no_program_calls_what_differs_between_processors():
    for folder in side_by_side((programs_of("float64"),), (programs_of("float32"),)):
        unknown, relaxed, libraries = foreign(folder)
        assert unknown == set()
        assert relaxed == set()
        assert libraries <= LIBRARIES
        shutil.rmtree(folder)


def test_without_the_settings_they_do():
    """Else the test above would see nothing."""
    folder = computed(programs_of("float32", "normalized", "rmsprop", settings=False))
    unknown, *_ = foreign(folder)
    assert any(name.startswith("x86.") and "rsqrt" in name for name in unknown)
    shutil.rmtree(folder)


# Another processor

SHORT = """
    import hashlib, json
    import batchlab as bl
    def normed(problem):
        L, dtype = bl.keras.layers, "float32"
        return bl.keras.Sequential([bl.keras.Input(problem.feature_shape, dtype=dtype),
            L.Dense(50, dtype=dtype), L.BatchNormalization(dtype=dtype), L.ReLU(dtype=dtype),
            L.Dense(problem.n_classes, activation="softmax", dtype=dtype)])
    history = bl.fit(
        normed, bl.blobs(), batch_size=500, epochs=6, optimizer=bl.keras.optimizers.RMSprop(0.01))
    values = b"".join(history[name].values.tobytes() for name in ("loss", "val_loss"))
    print(json.dumps(hashlib.sha256(values).hexdigest()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the emulator runs programs of Linux")
def test_a_processor_with_other_caches_and_instructions_computes_the_same():
    emulator = debian.find("qemu-user")
    if emulator is None:
        (pytest.fail if debian.required() else pytest.skip)(debian.missing("qemu-user"))
    here, other = side_by_side((SHORT,), (SHORT, {}, (emulator, "-cpu", "EPYC,legacy-cache=on")))
    assert other == here
