"""The page of the speech study: levels, recognised words, and the sounds."""

from markupsafe import Markup

from advkit.reports.axes import NARROW, WIDE
from advkit.reports.clips import clips
from advkit.reports.lines import Line, line_chart
from advkit.reports.page import facts_of, tile
from advkit.reports.parts import Cell, Column, Fact, Figure, Section, Table
from advkit.reports.shell import render
from advkit.reports.speech_tables import SpeechStudy
from advkit.reports.words import count, percent, short, spread

KINDS = {
    "least": "Least noise",
    "masked": "Hidden below masking",
    "string": "Strings of digits",
}


def speech_page(study: SpeechStudy) -> str:
    """Return the page as one self-contained HTML file; sounds are WAV in data URIs."""
    shown, left = clips(study.played, study.rate)
    return render(
        "speech.html",
        title=f"Speech: {short(study.model['name'], 40)}",
        kind="speech",
        sections=[
            Section("result", "Result", "Result"),
            Section("listen", "Listen", "Listen"),
            Section("conditions", "What else was tried", "Conditions"),
            *([Section("strings", "Strings of digits", "Strings")] if study.strings else []),
            Section("reading", "How to read this", "Reading"),
            Section("limits", "What this does not show", "Limits"),
            Section("reproduce", "Run it again", "Run again"),
        ],
        study=study,
        tiles=_tiles(study),
        setting=_setting(study),
        curve=_curve(study),
        levels=_levels(study),
        groups=[(title, of_kind) for kind, title in KINDS.items()
                if (of_kind := [clip for one, clip in shown if one == kind])],
        left=left,
        outcomes=_outcomes(study),
        strings=_strings(study),
        facts={"model": facts_of(study.model), "data": facts_of(study.data),
               "environment": facts_of(study.environment)},
    )  # fmt: skip


def _tiles(study: SpeechStudy) -> list[object]:
    at = {row.snr: row for row in study.curve}
    shown = [at[snr] for snr in (20.0, 30.0, 40.0) if snr in at]
    return [
        tile("Clean accuracy", study.clean, True),
        *(tile(f"Chosen word, {row.snr:.0f} dB", row.targeted, False) for row in shown),
    ]


def _setting(study: SpeechStudy) -> list[Fact]:
    return [
        Fact("model", short(study.model["name"])),
        Fact("clips", f"{count(study.curve[0].targeted.n)} attacked of {count(study.clean.n)}"),
        Fact("sound", f"{study.rate / 1000:g} kHz, values in [-1, 1]"),
        Fact("level", "energy of the change below that of the clip, in dB"),
        Fact("seed", str(study.seed)),
    ]


def _curve(study: SpeechStudy) -> Figure:
    def line(name: str, field: str) -> Line:
        rows = [(row.snr, getattr(row, field)) for row in study.curve]
        points = [(snr, 100 * share.value) for snr, share in rows]
        return Line(name, points, [(s, 100 * i.low, 100 * i.high) for s, i in rows])

    lines = [line("chosen word", "targeted"), line("any other word", "untargeted")]
    title = "How many clips are misheard, by the level of the noise below the speech"
    desc = "; ".join(f"at {row.snr:.0f} dB: {percent(row.targeted.value)} as the chosen word"
                     for row in study.curve)  # fmt: skip

    def draw(width: int) -> Markup:
        return line_chart(lines, name=f"curve-{width}", title=title, desc=desc, width=width,
                          across="dB below the speech (quieter to the right)",
                          up="clips misheard, %")  # fmt: skip

    return Figure(
        "curve", draw(WIDE), draw(NARROW),
        "Share of the clips for which so quiet an example was found. Bands: 95% Wilson intervals.",
        _levels(study)._replace(caption=title),
        reading="Each step of 20 dB is a tenth of the amplitude. A line that stays high to the"
        " right means that hardly audible noise is enough.",
        limits="Lines are lower bounds: a stronger attack may find quieter examples.",
        command=study.command,
    )  # fmt: skip


def _levels(study: SpeechStudy) -> Table:
    columns = [Column(name, True) for name in ("dB below", "chosen word", "95% interval",
                                               "any other word", "95% interval ", "robust accuracy",
                                               "95% interval  ")]  # fmt: skip
    rows = [
        [Cell(f"{row.snr:.0f}", row.snr),
         *(cell for share in (row.targeted, row.untargeted, row.robust)
           for cell in (Cell(percent(share.value), share.value), Cell(spread(share))))]
        for row in study.curve
    ]  # fmt: skip
    return Table("Clips misheard at each level", columns, rows)


def _outcomes(study: SpeechStudy) -> Table:
    columns = [Column("what"), Column("below the speech", True), Column("success", True),
               Column("95% interval", True), Column("comparison")]  # fmt: skip
    rows = [
        [Cell(one.what), Cell(one.level),
         *((Cell(percent(one.share.value), one.share.value), Cell(spread(one.share)))
           if one.share else (Cell("-"), Cell("-"))), Cell(one.note)]
        for one in study.outcomes
    ]  # fmt: skip
    return Table("What else was tried", columns, rows)


def _strings(study: SpeechStudy) -> Table:
    columns = [Column("said"), Column("wanted"), Column("heard after"), Column("reached"),
               Column("energy below, dB", True), Column("peak below, dB", True)]  # fmt: skip
    rows = [
        [Cell(short(row["said"])), Cell(short(row["wanted"])), Cell(short(row["heard"])),
         Cell("yes" if row["success"] else "no", warning=not row["success"]),
         *(Cell("-") if row[name] is None else Cell(f"{row[name]:.1f}", row[name])
           for name in ("snr", "peak_db"))]
        for row in study.strings
    ]  # fmt: skip
    return Table("Strings of digits before and after", columns, rows)
