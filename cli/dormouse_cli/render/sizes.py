"""VM sizes as text."""

from dormouse_cli.render.values import Fields, price_text, print_problems, print_rows, rows_of

COLUMNS = ("name", "gpu", "gpus", "vcpus", "memory", "price", "spot", "quota left", "zones", "problem")


def print_sizes(page: Fields) -> None:
    """Print a table of sizes."""
    rows = [
        [
            row.get("name"),
            row.get("gpu"),
            row.get("gpus") or "",
            row.get("vcpus"),
            f"{row.get('memory_gib') or 0:g} GiB",
            price_text(row),
            price_text(row, "spot_price_per_hour"),
            _vcpus(row),
            ",".join(map(str, row.get("zones") or [])),
            row.get("problem"),
        ]
        for row in rows_of(page)
    ]
    print_problems(page)
    print_rows(COLUMNS, rows, if_empty="There are no such sizes.", prose=("problem",))


def _vcpus(row: Fields) -> str:
    left = row.get("quota_left_vcpus")
    return "" if left is None else f"{left:g} vCPUs"
