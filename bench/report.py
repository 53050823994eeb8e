"""Writes the measured tables into docs/developers/performance.md, between the two marks; the words
around them are written by people."""

import json
from pathlib import Path
from typing import Any

FIRST, LAST = "<!-- measured: written by make bench -->", "<!-- end of measured -->"
SIZE_ORDER = ["1m", "100k"]


def write_report(results: Path, document: Path) -> None:
    """The tables of every result file, the largest size first. Raises ValueError when the document
    has lost its marks."""
    text = document.read_text(encoding="utf8")
    if text.count(FIRST) != 1 or text.count(LAST) != 1:
        raise ValueError(f"{document} needs the marks {FIRST} and {LAST} once each")
    files = [results / f"{name}.json" for name in SIZE_ORDER if (results / f"{name}.json").exists()]
    tables = "\n\n".join(_section(json.loads(file.read_text(encoding="utf8"))) for file in files)
    before, after = text.split(FIRST)[0], text.split(LAST)[1]
    document.write_text(f"{before}{FIRST}\n\n{tables}\n\n{LAST}{after}", encoding="utf8")


def _section(result: dict[str, Any]) -> str:
    sizes = list(result["sizes"])
    machine, large = result["machine"], sizes[-1]
    rows = [
        f"### {' against '.join(sizes)}",
        f"{result['started']}, {machine['cores']} cores (load {machine['load']:.1f} at the "
        f"end), Postgres {machine['postgres']}, shared_buffers {machine['shared_buffers']}. "
        + "; ".join(
            f"{name}: {c['customers']:,} customers, {c['conversations']:,} conversations, "
            f"{c['tasks']:,} tasks, {c['events']:,} events, "
            f"{c['stores']} stores, {c['megabytes'] / 1000:.1f} GB"
            for name, c in result["sizes"].items()
        )
        + ".",
        "",
        f"Milliseconds are p50 / p95 in the database of {large}; slope = p50 there ÷ p50 in the "
        "small one.",
        "",
        "| operation | floor | ours, SQL | O/F (goal) | CPU ms, floor · ours | slope, floor · "
        "ours (≤1.5) |",
        "|---|---|---|---|---|---|",
        *[_row(o, sizes) for o in result["operations"]],
        "",
        *_http(result),
    ]
    if big := result.get("big_store"):
        rows += [
            "",
            f"In one store of 60,000 customers, {large}:",
            "",
            "| operation | floor | ours, SQL | O/F (goal) |",
            "|---|---|---|---|",
        ]
        rows += [
            f"| {o['key']} {o['title']} | {_pair(_floor(o, large))} | "
            f"{_pair(o['sizes'][large]['sql'])} | {_ratio(o, large)} |"
            for o in big
        ]
    if pulls := result.get("first_sync"):
        rows += [
            "",
            "First sync of an advisor's whole book at SQL level: "
            + "; ".join(
                f"{name}: {p['rows_per_second']:,} rows/s, a pull that brings nothing "
                f"{p['nothing_new_ms']:.0f} ms"
                for name, p in pulls.items()
            )
            + " (goal 2,000 rows/s).",
        ]
    if lists := result.get("imports"):
        rows += [
            "",
            f"Import of {next(iter(lists.values()))['rows']:,} new leads, checked and looked for "
            "among those there: "
            + "; ".join(
                f"{name}: {i['rows_per_second']:,} rows/s, COPY {i['copy_rows_per_second']:,} "
                f"({i['copy_rows_per_second'] / i['rows_per_second']:.1f}×), "
                f"the same list again {i['again_rows_per_second']:,} rows/s"
                for name, i in lists.items()
            )
            + " (goal 2,000 rows/s and ≤8× of COPY).",
        ]
    if published := result.get("publishing"):
        rows += [
            "",
            "Publishing in a store of 200 fields and 20 roles: "
            + "; ".join(
                f"{name}: "
                + ", ".join(f"{what} {seconds} s" for what, seconds in p["seconds"].items())
                for name, p in published.items()
            )
            + " (goal 1 s).",
        ]
    for name, r in result["rules"].items():
        rate = r["first"]["tasks"] / max(r["first"]["seconds"], 0.1)
        rows += [
            "",
            f"Nightly rules over {r['stores']} stores ({name}): {r['first']['tasks']:,} tasks in "
            f"{r['first']['seconds']} s = {rate:,.0f} a second, "
            f"so 100,000 in {100_000 / rate:.0f} s (goal 60); run again: {r['again']['tasks']} "
            f"tasks in {r['again']['seconds']} s. "
            "Stages whose counters differ from a scan of the deals after all this: "
            f"{r['wrong_counters']}.",
        ]
    return "\n".join(rows)


def _row(o: dict[str, Any], sizes: list[str]) -> str:
    small, large = sizes[0], sizes[-1]
    floor, ours = _floor(o, large), o["sizes"][large]["sql"]
    slope = (
        f"{floor['p50_ms'] / _floor(o, small)['p50_ms']:.2f} · "
        f"{ours['p50_ms'] / o['sizes'][small]['sql']['p50_ms']:.2f}"
        if small != large
        else "–"
    )
    return (
        f"| {o['key']} {o['title']} | {_pair(floor)} | {_pair(ours)} | {_ratio(o, large)} | "
        f"{floor['cpu_ms']:.2f} · {ours['cpu_ms']:.2f} | {slope} |"
    )


def _http(result: dict[str, Any]) -> list[str]:
    served = [
        (o, size, ways["http"])
        for o in result["operations"]
        for size, ways in o["sizes"].items()
        if "http" in ways
    ]
    if not served:
        return []
    size = served[0][1]
    rows = [
        f"Over HTTP through the embedded API ({size}; one client; the peers were measured "
        "elsewhere, on two cores with 100,000 leads):",
        "",
        "| operation | ours, HTTP | CPU ms, API + Postgres | better peer, p50 | ahead by |",
        "|---|---|---|---|---|",
    ]
    for o, _, http in served:
        peer = o["peer_ms"]
        ahead = f"{peer / http['p50_ms']:.1f}×" if peer else "–"
        rows.append(
            f"| {o['key']} {o['title']} | {_pair(http)} | {http['cpu_ms']:.1f} | {peer or '–'} | "
            f"{ahead} |"
        )
    return [
        *rows,
        "",
        "Memory without Postgres: "
        + ", ".join(f"{name} {mb:.0f} MB" for name, mb in result["memory_mb"].items())
        + " (peers 606 and 570 MB).",
    ]


def _floor(o: dict[str, Any], size: str) -> dict[str, float]:
    return o["sizes"][size][o.get("beside", "bare" if o["writes"] else "floor")]


def _ratio(o: dict[str, Any], size: str) -> str:
    ratio = o["sizes"][size]["sql"]["p50_ms"] / _floor(o, size)["p50_ms"]
    return f"{ratio:.1f} (≤{o['goal']:g}){'' if ratio <= o['goal'] else ' **missed**'}"


def _pair(figures: dict[str, float]) -> str:
    return f"{figures['p50_ms']:.2f} / {figures['p95_ms']:.2f}"
