"""What is written of moments, and what is left of it after thinning."""

from __future__ import annotations

import zlib

import pytest

from scaler.model.errors import RecordingError
from scaler.recording.reading import Reader
from scaler.recording.segments import BEAT_SECONDS, KEY_SECONDS, Segment, documents_of, points_of
from scaler.recording.series import GAP_SECONDS, MAX_SAMPLES, samples, series
from scaler.recording.thinning import joined, thinned
from support.builders import NOW
from support.recordings import launching, with_pending, written


def times(segments: list[Segment]) -> list[float]:
    return [document["at"] - NOW for document in documents_of(segments)]


def figures(segments: list[Segment]) -> list[tuple[float, int, int | None]]:
    points = [point for segment in segments for point in points_of(segment.points)]
    return [(point.at - NOW, point.size, point.pending) for point in points]


def test_only_changes_are_written() -> None:
    segments = written([with_pending(3), with_pending(3, NOW + 1), with_pending(4, NOW + 2), with_pending(4, NOW + 3)])

    assert (times(segments), figures(segments)) == ([0, 2], [(0, 1, 3), (2, 1, 4)])


def test_a_quiet_time_is_written_as_such() -> None:
    segments = written(with_pending(0, NOW + second) for second in range(int(3 * BEAT_SECONDS) + 1))

    assert times(segments) == [0, BEAT_SECONDS, 2 * BEAT_SECONDS, 3 * BEAT_SECONDS]


def test_each_group_can_be_read_without_those_before() -> None:
    moments = [with_pending(second, NOW + second) for second in range(0, int(2 * KEY_SECONDS), 50)]
    segments = written(moments)

    assert [segment.is_key for segment in segments] == [True, True]
    read = [Reader().moment(document) for document in documents_of(segments[1:])]
    assert [one.observation for one in read] == [one.observation for one in moments if one.at >= NOW + KEY_SECONDS]


def test_a_clock_that_is_set_back_begins_a_group() -> None:
    segments = written([with_pending(1), with_pending(2, NOW - 100)])

    assert [segment.is_key for segment in segments] == [True, True]


def test_joining_a_group_changes_nothing() -> None:
    one, two = (
        written([with_pending(1), with_pending(2, NOW + 5)]),
        written([with_pending(1), with_pending(3, NOW + 9)]),
    )
    rest = two[0]._replace(is_key=False)

    assert times([joined([one[0], rest])]) == [0, 5, 0, 9]


def test_thinning_keeps_one_moment_in_ten_seconds_and_all_that_act() -> None:
    moments = [launching(NOW + at) if at == 13 else with_pending(at, NOW + at) for at in range(40)]
    thin = thinned(written(moments), 10.0)

    assert (times([thin]), thin.step) == ([9, 13, 19, 29, 39], 10.0)
    read = [Reader().moment(document) for document in documents_of([thin])]
    assert [bool(one.plan.actions) for one in read] == [False, True, False, False, False]
    assert [one.observation.snapshot for one in read] == [
        moments[at].observation.snapshot for at in (9, 13, 19, 29, 39)
    ]


def test_thinning_keeps_the_peak_of_each_interval_and_what_held_after_it() -> None:
    pending = {0: 1, 3: 50, 7: 2, 12: 5}
    thin = thinned(written(with_pending(count, NOW + at) for at, count in pending.items()), 10.0)

    assert figures([thin]) == [(3, 1, 50), (7, 1, 2), (12, 1, 5)]


def test_a_damaged_segment_is_refused() -> None:
    segment = written([with_pending(1)])[0]

    for content in (b"garbage", segment.content[:20], zlib.compress(b'{"\xf0": 1}')):
        with pytest.raises(RecordingError):
            list(documents_of([segment._replace(content=content)]))
    for points in (b"garbage", b'[["\xf0"]]', b"[1]"):
        with pytest.raises(RecordingError):
            points_of(points)


def batches(segments: list[Segment]) -> list[tuple[float, bytes]]:
    return [(segment.until, segment.points) for segment in segments]


def test_a_series_begins_with_what_was_true_before_it() -> None:
    segments = written([with_pending(1), with_pending(2, NOW + 10), with_pending(3, NOW + 20)])

    found = series(batches(segments), NOW + 15, NOW + 30)
    assert [(at - NOW, point.pending if point else None) for at, point in found] == [(15, 2), (20, 3)]


def test_a_time_without_recording_is_unknown_not_the_same() -> None:
    segments = [*written([with_pending(1)]), *written([with_pending(2, NOW + GAP_SECONDS + 1)])]

    found = series(batches(segments), NOW - 1, NOW + 1000)
    assert [(at - NOW, point.pending if point else None) for at, point in found] == [
        (0, 1),
        (0, None),
        (GAP_SECONDS + 1, 2),
    ]


def test_samples_are_bounded_and_their_peaks_kept() -> None:
    segments = written(with_pending(99 if at == 700 else at % 2, NOW + at) for at in range(3 * MAX_SAMPLES))
    end = NOW + 3 * MAX_SAMPLES

    found = samples(series(batches(segments), NOW, end), NOW, end)
    assert len(found) <= MAX_SAMPLES + 2
    assert max(one["pending"] for one in found) == 99
