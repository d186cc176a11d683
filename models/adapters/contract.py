"""What an adapter is: one way of making a model trainable, with what follows from it.

Whoever trains, measures or exports asks the adapter, and never which kind it is. To add one, write
a class like `Full` in a file of its own and name it in `models/adapters/registry.py`
(docs/adding_an_adapter.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Adapter(Protocol):
    """Made from an `AdapterConfig`; it holds settings and no weights, so one object serves many
    models.
    """

    @property
    def keeps_base(self) -> bool:
        """Whether the base's weights stay as they were, so that what is trained can be written
        apart from them as a folder that peft loads. Such an adapter wraps the model in a
        `peft.PeftModel`."""

    def wrap(self, model: Any, *, seed: int, task_type: str) -> Any:
        """The model, or a wrapper of it, with `requires_grad` on what is trained and on nothing
        else.

        It computes what `model` computes until the first step, so DPO's loss starts at ln 2. What
        is drawn comes from `seed` alone. Raises ModelError where the architecture does not take the
        adapter.
        """

    def state(self, model: Any) -> dict[str, Tensor]:
        """Of a wrapped model, the tensors that take gradients, by name; not copied.

        Checkpoints and the epochs of a scoreboard hold these alone: all else `wrap` gives again
        from the same model and seed.
        """

    def restore(self, model: Any, state: dict[str, Tensor]) -> None:
        """Put a state into a model that was wrapped in the same way."""

    def merge(self, model: Any) -> Any:
        """The plain model that computes what the wrapped one does. Consumes its argument."""

    def count(self, network: Any) -> int:
        """How many numbers would be trained of a network that is not wrapped and may lie on the
        meta device.
        """

    def bytes(self, trained: int) -> float:
        """On disk, of what is written beside the merged policy when so many numbers are trained."""
