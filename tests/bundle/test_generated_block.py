import pytest

from tools.bundle.generated_block import block_lines, with_block, without_blocks

EMPTY = "# Title\n\n{}\n{}\n\nrest\n".format(*block_lines("labels"))


def test_a_block_is_filled_and_filled_again_without_touching_the_rest():
    once = with_block(EMPTY, "labels", "| a |\n")
    assert once == EMPTY.replace("\n<!-- end", "\n| a |\n<!-- end")
    assert with_block(once, "labels", "| a |") == once
    assert with_block(once, "labels", "| b |") == once.replace("| a |", "| b |")
    assert without_blocks(once) == without_blocks(EMPTY) == "# Title\n\n\n\nrest\n"


def test_backslashes_in_a_table_are_kept():
    assert r"\1 \| \g<0>" in with_block(EMPTY, "labels", r"\1 \| \g<0>")


@pytest.mark.parametrize(("text", "found"), [("no block", 0), (EMPTY * 2, 2), (EMPTY.replace("end of", ""), 0)])
def test_a_missing_or_doubled_block_is_refused_with_the_lines_to_add(text, found):
    with pytest.raises(ValueError, match=f"one block 'labels', found {found}: .*<!-- labels: made.*<!-- end of labels"):
        with_block(text, "labels", "| a |")


def test_blocks_do_not_swallow_one_another():
    both = EMPTY + EMPTY.replace("labels", "versions")
    filled = with_block(with_block(both, "labels", "| a |"), "versions", "| 1 |")
    one, other = both[: len(EMPTY)], both[len(EMPTY) :]
    assert filled == with_block(one, "labels", "| a |") + with_block(other, "versions", "| 1 |")
    assert without_blocks(filled) == without_blocks(EMPTY) * 2
