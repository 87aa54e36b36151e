"""Lines of the W3C Extended Log Format, by their ``#Fields:``: see `core.formats.w3c`."""

from __future__ import annotations

from w3ctools.core.formats.format import Settings
from w3ctools.core.formats.w3c import compile_fields
from w3ctools.core.formats.w3c_fields import compile_layout
from w3ctools.core.synth.formats_parts import (
    BODY_BYTES,
    CLIENT,
    METHOD,
    MILLISECONDS,
    PATH,
    PROTOCOL,
    REFERER,
    REQUEST_BYTES,
    SECONDS_MS,
    STATUS,
    TARGET,
    USER,
    USER_AGENT,
    WIRE_BYTES,
    host_header,
    wire_bytes,
)
from w3ctools.core.synth.line import Host, LineFormat, Moment, OfExchange, OfMoment, OfVisit, Part
from w3ctools.core.timestamp import Zone, rfc3339

#: What IIS logs unless it is told otherwise (Microsoft, W3C Logging), and the sizes.
_IIS = (
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "cs(Referer) sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"
)
#: Fields with the same text in every dialect.
_DATE = OfMoment(lambda moment: _date_and_time(moment)[0])
_TIME = OfMoment(lambda moment: _date_and_time(moment)[1])
_PARTS: dict[str, Part] = {
    **dict.fromkeys(("date", "date-utc", "date-local"), _DATE),
    **dict.fromkeys(("time", "time-utc", "time-local"), _TIME),
    **dict.fromkeys(("c-ip", "c-dns"), CLIENT),
    **dict.fromkeys(("cs-username", "cs-user", "x-h(remoteuser)"), USER),
    **dict.fromkeys(("cs-version", "cs-protocol-version", "x-h(protocol)"), PROTOCOL),
    "cs-method": METHOD,
    "cs-uri-stem": PATH,
    "cs-uri-query": OfExchange(lambda exchange: exchange.query or "-"),
    "cs-uri": TARGET,
    "sc-status": STATUS,
    "sc-substatus": "0",
    "sc-win32-status": "0",
    "cs-bytes": REQUEST_BYTES,
    "timetakenms": MILLISECONDS,
}
_REFERER = ("cs(referer)", "cs(referrer)")
_USER_AGENT = ("cs(user-agent)", "c-user-agent")
_SIZE = ("sc-bytes", "bytes")


def iis(host: Host) -> LineFormat:
    """IIS, with a field for each thing that the site knows."""
    return of_fields(_IIS, host)


def of_fields(text: str, host: Host) -> LineFormat:
    """The format of a ``#Fields:`` line. Raises W3CError where it names no field of an access log."""
    names = tuple(compile_fields(text, Settings("", Zone())).fields_line.split()[1:])
    layout = compile_layout(names, "", True, "auto")
    dialect = layout.dialect
    parts = {**_PARTS, **_of_host(host), **_of_dialect(dialect)}
    template: list[Part] = []
    for name in names:
        template += ["\t" if dialect == "cloudfront" else " ", parts.get(name.lower(), "-")]
    keys = {column.key for column in layout.columns}
    tells: set[str] = {"client", "method", "status"} & keys
    if layout.time is not None and (layout.date is not None or dialect != "cloudfront"):
        tells.add("time")
    if layout.stem is not None or layout.uri is not None:
        tells.add("path")
    line = LineFormat("w3c", tuple(template[1:]), lambda moment: _header(names, dialect, moment))
    line = line._replace(tells=frozenset(tells))
    if "bytes" not in keys:
        return line._replace(size_bytes=lambda exchange: None)
    return line if dialect == "w3c" else line._replace(size_bytes=wire_bytes)


def _of_host(host: Host) -> dict[str, Part]:
    return {
        **dict.fromkeys(("x-host-header", "cs(host)", "cs-host"), host_header(host)),
        **dict.fromkeys(("cs-protocol", "x-h(scheme)"), host.scheme),
        "s-port": str(host.port),
    }


def _of_dialect(dialect: str) -> dict[str, Part]:
    """IIS counts milliseconds, and it and CloudFront the response's head; each has its own blanks."""
    referer = OfVisit(lambda visit: _quoted(REFERER.write(visit), dialect))
    user_agent = OfVisit(lambda visit: _quoted(USER_AGENT.write(visit), dialect))
    return {
        **dict.fromkeys(_REFERER, referer),
        **dict.fromkeys(_USER_AGENT, user_agent),
        **dict.fromkeys(_SIZE, BODY_BYTES if dialect == "w3c" else WIRE_BYTES),
        "time-taken": MILLISECONDS if dialect == "iis" else SECONDS_MS,
    }


def _quoted(text: str, dialect: str) -> str:
    if dialect == "iis":
        return text.replace(" ", "+")
    if dialect == "cloudfront":
        return text.replace("%", "%25").replace(" ", "%20")
    return f'"{text}"' if " " in text else text


def _date_and_time(moment: Moment) -> tuple[str, str]:
    date, _, time = (rfc3339(moment.epoch_s) or "-T-Z")[:-1].partition("T")
    return date, time


def _header(names: tuple[str, ...], dialect: str, moment: Moment) -> str:
    """CloudFront has two lines (AWS, standard logs), IIS four; the draft wants version and fields."""
    date, time = _date_and_time(moment)
    software = "#Software: Microsoft Internet Information Services 10.0\n" if dialect == "iis" else ""
    started = "" if dialect == "cloudfront" else f"#Date: {date} {time}\n"
    return f"{software}#Version: 1.0\n{started}#Fields: {' '.join(names)}\n"
