"""What a case may say of the product that a dose of cells or vesicles is taken from.

These are declarations only; `lobule.infusion` carries them out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lobule.strict import Section


def _named(value: Any) -> Any:
    """Return the name of a lot that is a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Product(Section):
    """The lot that a dose is taken from."""

    lot: Annotated[str, BeforeValidator(_named)] = Field(
        default="", pattern=r"^[A-Za-z0-9 ._-]*$", max_length=64
    )
    """Name or number of the lot; doses of one lot have one potency."""
    potency: float = Field(default=1.0, ge=0, le=10)
    """Potency over that of the mean product: factor on what is secreted; of lots that vary, the median."""
    potency_log_sd: float = Field(default=0.0, ge=0, le=2)
    """Standard deviation of the logarithm of potency between lots; the lot's is drawn by seed and name."""
    release_potency: float = Field(default=0.0, ge=0, le=10)
    """Release test: a lot of less potency than this is not given."""

    @model_validator(mode="after")
    def _lots_that_vary_have_names(self) -> Self:
        if self.potency_log_sd > 0.0 and not self.lot:
            raise ValueError(
                f'potency_log_sd = {self.potency_log_sd:g} -> which lot? Give it a name: lot = "1"'
            )
        return self


class CellProduct(Product):
    """The lot of living cells that a dose is taken from."""

    viability: float = Field(default=1.0, ge=0, le=1)
    """Share of the cells that are alive; the dead reach the liver as debris."""
    passage: float | None = Field(default=None, ge=0, le=30)
    """Passages in culture; beyond `products.passage_reference` cells are larger and less potent."""
    size_um: float | None = Field(default=None, ge=5, le=60)
    """Diameter of the cells (um); when given, cells from the blood plug the sinusoids they stop in."""
    donor: Literal["allogeneic", "autologous"] = "allogeneic"
    """Whose cells: each allogeneic dose sensitises, so that later ones are cleared faster."""
    engineered: Annotated[tuple[Literal["hgf", "il10", "ev", "ho1", "mmp"], ...], Field(strict=False)] = ()
    """What the cells are engineered to make more of; how much more: `msc.engineered_hgf` and its like."""
    depot: bool = False
    """Whether an intrahepatic dose stays in one depot, which most sections do not meet."""

    @model_validator(mode="after")
    def _each_gene_once(self) -> Self:
        twice = next((gene for gene in self.engineered if self.engineered.count(gene) > 1), None)
        if twice:
            raise ValueError(f"engineered names {twice} twice -> once is enough")
        return self
