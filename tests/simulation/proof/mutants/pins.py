"""Seeds that noticed a mutant when they were pinned, the cheapest first. `--pins` of the survey finds new ones.

What is not here is noticed by its scripted story alone: too few seeds noticed it.
"""

from __future__ import annotations

PINS: dict[str, tuple[int, ...]] = {
    "a_linked_parent_wakes_nobody": (4, 11, 2, 24),
    "a_merge_is_a_delete": (3, 14, 50, 9),
    "adopted_as_it_was_sent": (34, 27, 4, 74),
    "amounts_are_floats": (40, 78, 20, 75),
    "another_spelling_is_an_edit": (4, 6, 13, 19),
    "audit_after_the_write_only": (1, 3, 0, 2),
    "child_before_parent": (4, 23, 11, 2),
    "claims_of_the_gone_stand": (81, 116, 36),
    "counts_from_memory": (7, 4, 5, 2),
    "creates_without_matching": (4, 6, 0, 5),
    "cursor_before_rows": (339, 162, 2),
    "delete_by_absence": (98, 60, 36),
    "echo_by_time": (5, 9, 12, 10),
    "echo_by_user": (7, 4, 5, 10),
    "form_is_what_we_sent": (1, 3, 4, 0),
    "hidden_is_empty": (13, 56, 62),
    "keys_are_not_recognised": (6, 95, 50, 75),
    "last_writer_wins": (7, 0, 5, 6),
    "lease_is_dropped": (34, 40, 47, 13),
    "loser_is_forgotten": (7, 0, 6, 5),
    "losers_stay_as_they_are": (7, 0, 6, 5),
    "newer_row_replaces_a_pending_one": (31, 3, 17, 50),
    "no_intent_before_create": (6, 95, 75),
    "no_look_before_writing": (31, 81, 74, 24),
    "retry_without_retry_after": (54, 19, 13, 24),
    "the_dead_keep_their_lease": (4, 0, 1, 2),
    "two_records_for_one": (7, 132, 230),
    "unknown_base_is_null": (4, 23, 5, 2),
    "unknown_is_repeated": (6, 95, 50, 75),
    "unresolved_is_null": (4, 11, 2, 24),
    "version_is_not_kept": (57, 69, 24),
}
