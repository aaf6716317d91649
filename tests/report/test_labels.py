from esr.report.labels import Box, place_labels

PLOT = Box(0, 0, 400, 300)
SIZE = (60.0, 12.0)


def test_a_lone_name_goes_to_the_right_of_its_point_at_its_height() -> None:
    assert place_labels([(100, 100)], [SIZE], PLOT) == [Box(112, 94, 172, 106)]


def test_at_the_right_edge_it_goes_to_the_left() -> None:
    assert place_labels([(390, 100)], [SIZE], PLOT) == [Box(318, 94, 378, 106)]


def test_it_makes_way_for_what_is_written_already() -> None:
    written = Box(110, 90, 400, 110)
    (label,) = place_labels([(100, 100)], [SIZE], PLOT, [written])
    assert label.overlap(written) == 0


def test_names_of_near_points_cover_neither_one_another_nor_a_point() -> None:
    points = [(100.0, 100.0), (108.0, 104.0), (116.0, 98.0), (130.0, 110.0), (104.0, 112.0)]
    labels = place_labels(points, [SIZE] * 5, PLOT)
    for index, label in enumerate(labels):
        assert all(label.overlap(other) == 0 for other in labels[:index])
        assert not any(label.left < x < label.right and label.bottom < y < label.top for x, y in points)
        assert label.overlap(PLOT) == label.area


def test_where_nothing_is_free_a_name_is_placed_all_the_same() -> None:
    assert len(place_labels([(5.0, 5.0)] * 3, [SIZE] * 3, Box(0, 0, 10, 10))) == 3
