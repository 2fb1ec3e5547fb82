"""What tells one program from another: all that its model, loss and optimizer hold."""

import functools
import hashlib
import inspect
import json
import re
import types
from collections.abc import Callable, Mapping, Set

import numpy as np

from batchlab.foundation.backend import building, keras, tf, tracing_settings

# What Keras notes about a layer, and beside it about a model: names, calls, the last losses.
_NOTES = {*vars(keras.Layer(name="any")), "_input_spec"}
_NOTES_OF_MODELS = {*vars(keras.Model(name="any")), "_functional"}
# And what is among that, but says what is computed.
_TELLING = {
    *("_layers", "_trainable", "_dtype_policy", "autocast", "activity_regularizer"),
    *("_remat_mode", "_supports_masking", "_convert_input_args"),
}
# What decides nothing but what variables start from, which are arguments of a program.
_WITHOUT_EFFECT = {"name", "_name", "_path", "seed", "_initial_seed"}
_ARRAYS = np.ndarray | np.generic | tf.Tensor | tf.Variable | keras.Variable
_PLAIN = bytes | complex | slice | range | tf.DType | np.dtype | tf.TensorShape


def identity(
    model: keras.Model, loss: keras.losses.Loss, optimizer: tuple[type, dict]
) -> str | None:
    """Return what tells a program from others, or None if it cannot be told.

    Whatever a program holds that is not an argument of it is in here by its value: what objects of
    Keras's own classes have as attributes, how they are connected, and Keras's process-wide
    settings. An object of somebody's own class may refer to more, and a function's text says
    nothing of the values it refers to: a program with such a thing in it is not kept.

    Parameters
    ----------
    model : keras.Model
    loss : keras.losses.Loss
    optimizer : type, dict
        From `batchlab.engine.optimizers.settings_of`.

    Returns
    -------
    str or None
        Equal for two models that differ only in what their variables start from and in names, and
        for two optimizers that differ only in a constant learning rate, which is a variable of the
        program.
    """
    optimizer_class, config = optimizer
    rate = config["learning_rate"]
    settings = {**config, "learning_rate": "constant" if isinstance(rate, float) else rate}
    with building:  # else another thread's training may have changed the settings for a moment
        holdings = _Holdings(model)
        held = [
            *holdings.of_parts(),
            holdings.of([loss, optimizer_class, settings, _picked(config, model)]),
            holdings.of(tracing_settings()),
        ]
    return json.dumps(held) if holdings.told else None


def differing_part(model: keras.Model, other: keras.Model) -> str | None:
    """Return the name of what differs between two models beside what their variables start from.

    Parameters
    ----------
    model, other : keras.Model

    Returns
    -------
    str or None
        Of a layer, operation or variable of `model`, the model's own if they are not as many; None
        if nothing differs that can be compared.
    """
    first, second = _Holdings(model), _Holdings(other)
    if len(first.parts) != len(second.parts):
        return model.name
    pairs = zip(first.parts, first.of_parts(), second.of_parts(), strict=True)
    return next((part.name for part, one, two in pairs if one != two), None)


def _picked(config: dict, model: keras.Model) -> list[list[bool]]:
    """Return which variables an optimizer's settings pick by their names."""
    excluded = config.get("excluded_from_weight_decay")
    patterns = [*(config.get("exclude_layers") or ()), *([excluded] if excluded else ())]
    return [
        [
            bool(re.search(pattern, name))
            for pattern in (*patterns, "(?i)embedding")  # Muon's own
            for name in (variable.name, variable.path)
        ]
        for variable in model.trainable_variables
    ]


class _Holdings:
    """What a model holds, in a form that JSON knows and that can be compared.

    Parameters
    ----------
    model : keras.Model

    Attributes
    ----------
    parts : list
        The model's layers, operations and variables.
    told : bool
        Whether all that was described until now is known for what it is.
    """

    def __init__(self, model: keras.Model):
        layers = model._flatten_layers()
        graphs = [graph for graph in map(_graph, layers) if graph]
        operations = [operation for graph in graphs for operation in graph.operations]
        found = [*layers, *graphs, *operations, *model.variables]
        self.parts = list({id(part): part for part in found}.values())
        self.told = True
        self._known = {id(part): f"part {place}" for place, part in enumerate(self.parts)}

    def of_parts(self) -> list:
        """Return what each part holds."""
        return [self._of_part(part) for part in self.parts]

    def of(self, value: object) -> object:
        """Return what a value is."""
        if id(value) in self._known:
            return self._known[id(value)]
        if value is None or type(value) in (bool, int, float, str):
            return value
        if isinstance(value, _ARRAYS):
            return self._of_array(value)
        if isinstance(value, Mapping):
            return {"items": [[self.of(key), self.of(item)] for key, item in value.items()]}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        if isinstance(value, Set):
            return {"set": sorted(json.dumps(self.of(item)) for item in value)}
        if isinstance(value, _PLAIN):
            return repr(value)
        return self._of_object(value)

    def _of_part(self, part: keras.Operation | keras.Variable) -> list:
        if isinstance(part, keras.Variable):
            rules = part.regularizer, part.constraint, part.overwrite_with_gradient, part._autocast
            return [list(part.shape), part.dtype, part.trainable, *map(self.of, rules)]
        held, graph = vars(part), _graph(part)
        names = held.keys() - _NOTES
        if isinstance(part, keras.Model):
            names = set() if _of_keras(type(part)) else names - _NOTES_OF_MODELS
        names |= held.keys() & _TELLING
        wired = graph and self._wired(graph)
        return [self._named(type(part)), self._attributes(held, names), wired]

    def _wired(self, graph: keras.Function) -> object:
        """Return how the operations of a functional model follow each other."""
        nodes = [node for _, row in sorted(graph._nodes_by_depth.items()) for node in row]
        called = [[node.operation, node.arguments.args, node.arguments.kwargs] for node in nodes]
        return self.of([called, graph._inputs_struct, graph._outputs_struct])

    def _attributes(self, held: Mapping[str, object], names: Set[str]) -> dict:
        described = {}
        # One that is None says as much as one that is not there yet.
        for name in sorted(one for one in names - _WITHOUT_EFFECT if held[one] is not None):
            value = held[name]
            if name.endswith("_initializer") or isinstance(value, keras.Initializer):
                self.told &= _of_keras(type(value))
            elif not name.startswith("_self_"):  # TensorFlow's notes
                described[name] = self.of(value)
        return described

    def _of_array(
        self, value: np.ndarray | np.generic | tf.Tensor | tf.Variable | keras.Variable
    ) -> list:
        # A variable that is not the model's may change, and a tensor of a graph has no value.
        symbolic = isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value)
        if symbolic or isinstance(value, keras.Variable | tf.Variable):
            self.told = False
        if symbolic:
            return [str(value.dtype), str(value.shape)]
        array = np.asarray(value)
        content = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
        return [str(array.dtype), list(array.shape), hashlib.sha256(content).hexdigest()]

    def _of_object(self, value: object) -> list:
        if isinstance(value, functools.partial):
            return ["partial", *map(self.of, (value.func, value.args, value.keywords))]
        if inspect.ismethod(value):
            return ["method", self.of(value.__func__), self.of(value.__self__)]
        if inspect.ismodule(value) or isinstance(value, type):
            return [self._named(value)]
        self._known[id(value)] = f"again {len(self._known)}"
        if isinstance(value, types.CellType):
            return [self.of(item) for item in _contents(value)]
        if inspect.isroutine(value):
            names = "__defaults__", "__kwdefaults__", "__closure__"
            return [self._named(value), *(self.of(getattr(value, name, None)) for name in names)]
        named = self._named(type(value))
        # Into what else a layer of somebody's own may hold it does not look: it may be anything.
        if not hasattr(value, "__dict__") or not any(map(_of_keras, type(value).__mro__)):
            self.told = False
            return [named]
        return [named, self._attributes(vars(value), vars(value).keys())]

    def _named(self, thing: type | types.ModuleType | Callable) -> str:
        """Return the name of a class, function or module, told if it is Keras's."""
        self.told &= _of_keras(thing)
        return _name(thing)


def _graph(layer: keras.Layer) -> keras.Function | None:
    """Return the operations that a model consists of, where they are known."""
    return layer if isinstance(layer, keras.Function) else getattr(layer, "_functional", None)


def _contents(cell: types.CellType) -> list:
    try:
        return [cell.cell_contents]
    except ValueError:  # it is empty
        return []


def _of_keras(thing: type | types.ModuleType | Callable) -> bool:
    return _name(thing).startswith("keras.")


def _name(thing: type | types.ModuleType | Callable) -> str:
    if inspect.ismodule(thing):
        return thing.__name__
    return f"{thing.__module__}.{getattr(thing, '__qualname__', '')}"
