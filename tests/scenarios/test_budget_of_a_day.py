"""How often Amazon is asked in a day of a quiet seller, by the default schedule, measured at the stand-in."""

from datetime import timedelta
from pathlib import Path

from slow_time import NOW, slow_shop

from application.schedules import due
from domain.flow import SOURCES, Source

MOST_READS = 130  # issue 4; each of any operation counts, those that are added later too


def test_a_quiet_day_stays_within_its_budget(tmp_path: Path) -> None:
    with slow_shop(tmp_path / "home", NOW, NOW + timedelta(hours=1), orders=12, settlements=1, seed=3) as shop:
        flow = shop.set_up()
        shop.sync()  # the first cycle reads what there is
        before = shop.amazon_reads()
        timetable = shop.services.timetable
        ran = dict.fromkeys(SOURCES, shop.clock.now())
        cycles = 0
        for _ in range(24 * 4):
            shop.wait(timedelta(minutes=15))
            now = shop.clock.now()
            sources: list[Source] = [
                source for source in flow.sources if due(timetable, flow, source, ran[source]) <= now
            ]
            if sources:
                report = shop.sync(sources=sources)
                assert not report.error
                cycles += 1
                ran |= dict.fromkeys(sources, now)
        reads = {name: number - before.get(name, 0) for name, number in shop.amazon_reads().items()}
        throttled = [name for name, each in shop.control("amazon", "calls").items() if each["throttled"]]

    assert cycles == 96
    assert reads["searchOrders"] == 96
    assert sum(reads.values()) <= MOST_READS, reads
    assert throttled == []
