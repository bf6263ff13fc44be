"""What is made of figures: medians, ratios within a round, verdicts, and that nothing is hidden."""

from __future__ import annotations

import pytest

from bench.budgets import BUDGETS
from bench.measures import MEASURES
from bench.rounds import rotated, sized
from bench.table import Budget, Metric, Rounds, budget_table, judge, measure_table, percentile, ratios, values

RATE = Metric("rate", "tasks/s", compared=True)
ROUNDS: Rounds = {
    "celery": [{"rate": 100.0}, {"rate": 200.0}, {"rate": 50.0}],
    "ours": [{"rate": 4000.0}, {"rate": 4000.0}, {"rate": 3000.0}],
}


def at_least(bound: float, against: str | None = None) -> Budget:
    return Budget("run", "results", "ours", "rate", "at least", bound, against)


def test_a_ratio_is_taken_within_a_round():
    assert ratios(ROUNDS, "ours", "celery", "rate") == [40.0, 20.0, 60.0]


def test_the_median_of_ratios_is_judged_and_not_the_ratio_of_medians():
    rounds: Rounds = {
        "celery": [{"rate": 10.0}, {"rate": 100.0}, {"rate": 20.0}],
        "ours": [{"rate": 100.0}, {"rate": 200.0}, {"rate": 1000.0}],
    }
    judged = judge(at_least(10, "celery"), rounds)
    assert (judged.value, judged.low, judged.high) == (10.0, 2.0, 50.0)


def test_a_round_in_which_either_failed_gives_no_ratio():
    rounds: Rounds = {"celery": [None, {"rate": 10.0}, {"rate": 10.0}], "ours": [{"rate": 9.0}, None, {"rate": 30.0}]}
    assert ratios(rounds, "ours", "celery", "rate") == [3.0]
    assert values(rounds, "ours", "rate") == [9.0, 30.0]


def test_a_system_that_took_no_part_gives_no_ratio():
    assert ratios(ROUNDS, "ours", "nobody", "rate") == []
    assert ratios(ROUNDS, "ours", "celery", "unknown") == []


@pytest.mark.parametrize(
    ("budget", "verdict"),
    [
        (at_least(40, "celery"), "met"),
        (at_least(40.01, "celery"), "MISSED"),
        (at_least(4000), "met"),
        (at_least(4001), "MISSED"),
        (Budget("p50", "get", "ours", "rate", "at most", 40, "celery"), "met"),
        (Budget("p50", "get", "ours", "rate", "at most", 39.99, "celery"), "MISSED"),
        (Budget("p50", "get", "ours", "p50", "at most", 1), "not measured"),
        (Budget("run", "results", "ours", "rate", "at least", 1, "nobody"), "not measured"),
    ],
)
def test_a_bound_is_met_when_the_median_just_reaches_it(budget: Budget, verdict: str):
    assert judge(budget, ROUNDS).verdict == verdict


def test_every_budget_has_a_row_with_its_verdict():
    budgets = [at_least(40, "celery"), at_least(5000), Budget("memory", "x", "nobody", "mb", "at most", 42, unit=" MB")]
    text = budget_table([judge(budget, ROUNDS) for budget in budgets]).splitlines()
    assert text[0] == "Budgets: 1 met, 1 MISSED, 1 not measured"
    assert [row.split("  ")[-1] for row in text[2:]] == ["met", "MISSED", "not measured"]
    assert "at least 40 x celery" in text[2]
    assert "40.00 (20.00-60.00)" in text[2]
    assert "4,000 (3,000-4,000)" in text[3]
    assert "at most 42 MB" in text[4]


def test_the_table_of_a_measure_shows_median_range_and_ratio():
    text = measure_table([RATE, Metric("cpu", "us", 1)], ROUNDS).splitlines()
    assert text[0].split() == ["system", "tasks/s", "x", "celery", "us"]
    assert "100 (50-200)" in text[1]
    assert "1.00 (1.00-1.00)" in text[1]
    assert "4,000 (3,000-4,000)" in text[2]
    assert "40.00 (20.00-60.00)" in text[2]
    assert text[2].endswith("-")


def test_a_failed_run_is_named_and_not_averaged_away():
    rounds: Rounds = {"celery": [{"rate": 100.0}, None], "ours": [None, None]}
    text = measure_table([RATE], rounds)
    assert "celery (failed 1 of 2)" in text
    assert "ours (failed 2 of 2)" in text


@pytest.mark.parametrize(("share", "sample"), [(0.5, 2), (0.51, 3), (0.99, 4), (1.0, 4), (0.0, 1), (0.25, 1)])
def test_a_percentile_is_the_smallest_sample_that_covers_the_share(share: float, sample: float):
    assert percentile([4, 2, 1, 3], share) == sample


def test_each_system_begins_a_round_once():
    systems = ["celery", "huey", "ours"]
    orders = [rotated(systems, number) for number in range(3)]
    assert [order[0] for order in orders] == systems
    assert all(sorted(order) == sorted(systems) for order in orders)


@pytest.mark.parametrize(
    ("count", "share", "expected"), [(150_000, 0.1, 15_000), (2_000, 0.1, 500), (400, 0.1, 400), (2_000, 1.0, 2_000)]
)
def test_a_quick_run_is_smaller_but_not_meaningless(count: int, share: float, expected: int):
    assert sized(count, share) == expected


def test_every_budget_is_of_a_system_and_a_figure_that_are_measured():
    measures = {measure.name: measure for measure in MEASURES}
    for budget in BUDGETS:
        measure = measures[budget.measure]
        systems = {contestant.name for contestant in measure.sizes}
        assert {budget.system, budget.against or budget.system} <= systems
        assert budget.metric in {metric.name for metric in measure.metrics}
