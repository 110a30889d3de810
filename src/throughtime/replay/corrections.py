"""The chapter of corrections: what the article has, what it should be, and the numbers between."""

from throughtime.replay.measures import ENLARGING, SATURATING
from throughtime.replay.numbers import percent, power_of_ten
from throughtime.replay.page import Page
from throughtime.replay.setting import Setting
from throughtime.replay.slips import EXPLODING, Quirks, Slips


def show_slips(page: Page, setting: Setting, found: Slips, printed: Quirks) -> None:
    """Each slip: wrong, right, and the numbers."""
    page.title("slips.title")
    page.say("slips.about")
    of = page.text

    def slip(wrong: str, right: str, *texts: str) -> None:
        page.gap()
        page.line("✗", "bold red", wrong)
        page.line("✓", "bold green", right)
        for text in texts:
            page.line(" ", "", text)

    slip(
        "s₃ = tanh U xₜ + W s₂",
        "s₃ = tanh(U x₃ + W s₂)",
        of(
            "slips.brackets",
            usual=power_of_ten(found.brackets_usual, 0),
            edge=f"{SATURATING:g}",
            large=f"{found.brackets_large:.1f}",
        ),
    )
    slip(
        "∂E₃/∂W = ∂E₃/∂s₃ · ∂s₃/∂sₖ · ∂sₖ/∂W",
        "∂E₃/∂W = Σₖ ∂E₃/∂s₃ · ∂s₃/∂sₖ · ∂sₖ/∂W",
        of(
            "slips.sum",
            t=found.t,
            right=power_of_ten(found.right_error, 0),
            wrong=percent(found.one_term_error),
        ),
    )
    slip(
        "s₃/s₁ = s₃/s₂ · s₂/s₁",
        "∂s₃/∂s₁ = ∂s₃/∂s₂ · ∂s₂/∂s₁",
        of("slips.partial", H=setting.H, error=power_of_ten(found.jacobian_error, 0)),
    )
    slip(
        "… · ∂sₖ/∂W",
        "… · ∂⁺sₖ/∂W",
        of("slips.immediate", wrong=percent(found.total_error), right=power_of_ten(found.right_error, 0)),
    )
    slip(
        "z₃ = V s₃,  z₂ = U x₂ + W s₁",
        "z₃ = V s₃,  a₂ = U x₂ + W s₁",
        of("slips.letters", V=setting.V, H=setting.H),
    )
    W = f"{found.W_norm:.2f}"
    vanishes = found.W_norm > 1.0 > found.W_radius  # as in all but tiny networks
    slip(
        of("slips.bound_wrong"),
        of("slips.bound_right"),
        of(
            "slips.norm",
            J=f"{found.jacobian_norm:.2f}",
            W=W,
            times=f"{ENLARGING:g}",
            large=f"{found.jacobian_norm_enlarged:.2f}",
        ),
        *([of("slips.norm_follows", W=W, radius=f"{found.W_radius:.2f}")] if vanishes else []),
    )
    exploded = found.explosion_norm > 1e6  # not in a few words
    slip(
        of("slips.nan_wrong"),
        of("slips.nan_right"),
        of(
            "slips.nan" if exploded else "slips.nan_short",
            times=f"{EXPLODING:g}",
            norm=power_of_ten(found.explosion_norm, 0),
            nans=found.explosion_nans,
            before=f"{found.loss_before:.2f}",
            after=f"{found.loss_after:.2f}",
            share=percent(found.saturated_after),
        ),
    )
    page.heading("slips.quirks")
    for text in (
        of("slips.overwritten", sum=f"{abs(printed.overwritten_sum):.0f}"),
        of("slips.minus_one", steps=printed.minus_one_steps, error=printed.minus_one_error),
        of("slips.wasted", wasted=printed.wasted, products=printed.products),
        of(
            "slips.duplicates",
            repeated=printed.repeated_words,
            T=setting.T,
            error=percent(printed.duplicates_error),
        ),
    ):
        page.line("•", "dim", text)
