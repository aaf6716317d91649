"""Times as people say them."""

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365.25 * 86_400.0  # seconds


def duration(seconds: float) -> str:
    """Seconds as people say them: 8 s, 3 min 20 s, 12 min, 1 h 50 min, 3.5 days, 41 years."""
    whole, minutes = round(seconds), round(seconds / 60)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if minutes < 60:
        return f"{minutes} min"
    if seconds < 10 * HOUR:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    if seconds < 2 * YEAR:
        days = seconds / DAY
        return f"{days:.1f} days" if days < 10 else f"{days:,.0f} days"
    return f"{seconds / YEAR:,.0f} years" if seconds >= 10 * YEAR else f"{seconds / YEAR:.1f} years"
