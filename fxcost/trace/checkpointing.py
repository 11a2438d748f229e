"""Activation checkpointing: which modules run again in the backward pass instead of keeping activations."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

from fxcost.errors import DeclarationError, FactoryError

Policy: TypeAlias = (
    "str | type[nn.Module] | Sequence[str | type[nn.Module]] | Callable[[str, nn.Module], bool]"
)
Inside: TypeAlias = "Callable[[nn.Module], AbstractContextManager[None]]"


@dataclass(frozen=True)
class Checkpointing:
    """Modules whose forward pass is run by `torch.utils.checkpoint.checkpoint`.

    Args:
        modules: A pattern of module names such as `"blocks.*"` (`*` stands for anything without a dot), a
            class, several of these, or a callable from a module's name and the module to whether it is one.
        save: Operators whose results are kept all the same, such as `[torch.ops.aten.mm.default]`:
            selective checkpointing.
        reentrant: `use_reentrant` of `torch.utils.checkpoint.checkpoint`.

    Example:
        >>> net = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 1))
        >>> [name for name, _ in Checkpointing("*").chosen(net)]
        ['0', '1']
        >>> [name for name, _ in Checkpointing(nn.Linear).chosen(net)]
        ['0.0', '1']
    """

    modules: Policy
    save: Sequence[Any] = ()
    reentrant: bool = False

    def __post_init__(self) -> None:
        if self.reentrant and self.save:
            raise DeclarationError("Checkpointing: selective checkpointing is not reentrant; leave one out")
        modules: Any = self.modules
        known = callable(modules) or isinstance(modules, (str, Sequence))
        for one in () if _is_predicate(modules) else self._listed() if known else (modules,):
            if not isinstance(one, (str, type)):
                raise DeclarationError(
                    f"Checkpointing(modules={one!r}): write a pattern of names such as 'blocks.*', "
                    "a module class, or lambda name, module: ..."
                )

    def chosen(self, model: nn.Module) -> list[tuple[str, nn.Module]]:
        """Return the chosen modules of a model with their names.

        Raises:
            FactoryError: There is none.
        """
        found = [(name, module) for name, module in model.named_modules() if self._chooses(name, module)]
        if not found:
            raise FactoryError(
                f"checkpoint={self.modules!r} chooses no module of {type(model).__name__}; "
                "its names are those of model.named_modules()"
            )
        return found

    def apply(self, model: nn.Module, inside: Inside) -> None:
        """Let the chosen modules of a model be checkpointed.

        Args:
            model: The model.
            inside: Counts operators towards a module, in the second run, too.
        """
        for _, module in self.chosen(model):
            object.__setattr__(module, "forward", self._checkpointed(module, inside))

    def _checkpointed(self, module: nn.Module, inside: Inside) -> Callable[..., Any]:
        forward = module.forward
        options: dict[str, Any] = {"use_reentrant": self.reentrant}
        if self.save:
            saved = list(self.save)
            options["context_fn"] = functools.partial(create_selective_checkpoint_contexts, saved)

        def run(*args: Any, **kwargs: Any) -> Any:
            with inside(module):
                return forward(*args, **kwargs)

        def checkpointed(*args: Any, **kwargs: Any) -> Any:
            return checkpoint(run, *args, **options, **kwargs)

        return checkpointed

    def _listed(self) -> Sequence[Any]:
        modules: Any = self.modules
        return (modules,) if isinstance(modules, (str, type)) else tuple(modules)

    def _chooses(self, name: str, module: nn.Module) -> bool:
        if _is_predicate(self.modules):
            return bool(self.modules(name, module))  # type: ignore[operator]
        return any(
            matches(name, one) if isinstance(one, str) else isinstance(module, one) for one in self._listed()
        )


def _is_predicate(modules: Any) -> bool:
    return callable(modules) and not isinstance(modules, type)


def matches(name: str, pattern: str) -> bool:
    """Tell whether a name has the pattern's parts, dot by dot.

    Example:
        >>> matches("blocks.3", "blocks.*"), matches("blocks.3.mlp", "blocks.*")
        (True, False)
    """
    parts, wanted = name.split("."), pattern.split(".")
    if not name or len(parts) != len(wanted):
        return False
    return all(fnmatch.fnmatchcase(part, one) for part, one in zip(parts, wanted, strict=True))
