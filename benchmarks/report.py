"""How long a report takes to open in a browser, and to filter.

    python benchmarks/report.py [FOLDER]        a report, by default reports/latest; wants playwright and a Chromium

Prints milliseconds: from opening the page until its tables stand, and from a key in a field of the table of comparisons
to the rows that follow, each at best and in the middle of several tries.
"""

import shutil
import statistics
import sys
from pathlib import Path

TRIES = 7
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FILTER = """async (field, value) => {
  const rows = field.closest("[data-table]").querySelector("tbody");
  const changed = new Promise((done) => new MutationObserver(done).observe(rows, { childList: true }));
  const began = performance.now();
  field.value = value;
  field.dispatchEvent(new Event("input"));
  await changed;
  return performance.now() - began;
}"""


def main() -> int:
    from playwright.sync_api import sync_playwright

    path = Path(sys.argv[1] if len(sys.argv) > 1 else "reports/latest") / "report.html"
    with sync_playwright() as driver:
        own = driver.chromium.executable_path
        found = own if Path(own).exists() else next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            print(f"there is no browser: none of {', '.join(NAMES)} on the path, and playwright has none")
            return 2
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        opening, filtering = [], []
        for _ in range(TRIES):
            page = browser.new_page()
            page.goto(path.resolve().as_uri())
            page.wait_for_selector("html[data-ready]", timeout=60_000)
            opening.append(float(page.get_attribute("html", "data-ready") or "nan"))
            field = page.locator('[data-table="records"]').get_by_label("z at least")
            filtering += [float(field.evaluate(FILTER, value)) for value in ("1", "2", "3")]
            page.close()
        browser.close()
    for what, took in (("opening", opening), ("filtering", filtering)):
        print(f"{what:10} {min(took):7.0f} ms at best, {statistics.median(took):7.0f} ms in the middle")
    return 0


if __name__ == "__main__":
    sys.exit(main())
