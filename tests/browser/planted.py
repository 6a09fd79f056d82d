"""The demo's planted problem, explained in a browser."""

from playwright.sync_api import BrowserContext, Page, expect

from tests.fault.serving import SECONDS, Serving

PLANTED = "app-timeline"


def login(serving: Serving) -> tuple[str, str]:
    name, password, _ = next(line for line in serving.logins if line.endswith(" support")).split()
    return name, password


def explain(serving: Serving, context: BrowserContext) -> None:
    """From the overview to the event in two clicks, and from the customer's page to what holds it in one."""
    page = logged_in(serving, context)
    button = page.locator(f"[data-attention='stuck'][data-subscription='{PLANTED}'] a.button")
    expect(button).to_be_visible(timeout=SECONDS * 1000)  # the page looks again by itself
    button.click()
    expect(page.locator("[data-diagnosis='stuck']")).to_contain_text("Events wait, a consumer is connected")
    holder = page.locator("[data-holder]").first
    expect(holder).to_contain_text("uploadedBy")
    poisonous = holder.get_attribute("data-holder")
    holder.locator("h3 a").click()
    expect(page.locator("h1")).to_contain_text("Document uploaded")
    page.goto(f"http://127.0.0.1:{serving.port}/aggregates/patient/4711/")
    page.locator("[data-not-yet]").get_by_role("link", name=f"See what’s blocking {PLANTED}").click()
    expect(page.locator(f"[data-holder='{poisonous}']")).to_be_in_viewport()


def logged_in(serving: Serving, context: BrowserContext) -> Page:
    page, (name, password) = context.new_page(), login(serving)
    page.goto(f"http://127.0.0.1:{serving.port}/login/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"http://127.0.0.1:{serving.port}/")
    return page
