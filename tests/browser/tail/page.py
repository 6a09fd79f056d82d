"""What the tests of the tail's page share: reading its state and its counts."""

from playwright.sync_api import Page, expect

MOST_ROWS = 500


def expect_state(page: Page, state: str) -> None:
    expect(page.locator("#tail-state")).to_have_attribute("data-state", state, timeout=30_000)


def counted(page: Page) -> dict[str, int]:
    """The state that the page shows."""
    said = page.eval_on_selector("#tail-counts", "(line) => ({...line.dataset})")
    return {name: int(value) for name, value in said.items()}


def accounted(said: dict[str, int]) -> int:
    """The matched events: those shown, and those skipped for a reason."""
    return said["shown"] + said["sampled"] + said["slow"] + said["older"] + said["passed"]
