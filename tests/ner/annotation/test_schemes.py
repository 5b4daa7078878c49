"""Tag schemes: recognised over a whole corpus and read as IOB2."""

from collections import Counter

import pytest

from ner.annotation.schemes import Scheme, SchemeError, find_reading, list_pairs


def pairs_of(*sentences):
    return sum((Counter(list_pairs(tags.split())) for tags in sentences), Counter())


def convert(tags, scheme=None):
    """Read one sentence as a corpus of its own."""
    reading = find_reading(pairs_of(tags), scheme)
    return reading.scheme, " ".join(reading.convert_sentence(tags.split())[0])


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        pytest.param("B-PER I-PER O B-LOC", "iob2", "B-PER I-PER O B-LOC", id="iob2"),
        pytest.param("I-PER I-PER O I-LOC B-LOC", "iob1", "B-PER I-PER O B-LOC B-LOC", id="iob1"),
        pytest.param("I-PER I-LOC O I-LOC", "iob1", "B-PER B-LOC O B-LOC", id="iob1-without-a-b"),
        pytest.param("B-PER I-PER E-PER S-LOC O", "bioes", "B-PER I-PER I-PER B-LOC O", id="bioes"),
        pytest.param("B-PER I-PER L-PER U-LOC O", "bilou", "B-PER I-PER I-PER B-LOC O", id="bilou"),
        pytest.param("B-PER M-PER E-PER S-LOC O", "bmes", "B-PER I-PER I-PER B-LOC O", id="bmes"),
        pytest.param("PER PER O LOC PER", "io", "B-PER I-PER O B-LOC B-PER", id="bare-labels"),
        pytest.param("PER-B PER-I O", "iob2", "B-PER I-PER O", id="letter-behind"),
        pytest.param("B_PER I_PER O", "iob2", "B-PER I-PER O", id="underscore"),
        pytest.param("PER_B PER_I O", "iob2", "B-PER I-PER O", id="underscore-behind"),
        pytest.param("b-per i-per o", "iob2", "B-per I-per O", id="small-letters"),
        pytest.param("B-PER I-PER 0 _", "iob2", "B-PER I-PER O O", id="other-signs-for-o"),
        pytest.param("B-Multi-tissue I-Multi-tissue", "iob2", "B-Multi-tissue I-Multi-tissue", id="hyphen"),
        pytest.param("O O", "iob2", "O O", id="no-entity"),
        pytest.param("B I O B", "iob2", "B-ENTITY I-ENTITY O B-ENTITY", id="letters-without-a-label"),
        pytest.param("B E O S", "bioes", "B-ENTITY I-ENTITY O B-ENTITY", id="bioes-without-a-label"),
        pytest.param("S O M L", "io", "B-S O B-M B-L", id="labels-of-one-letter"),
        pytest.param("S-PER S-LOC E-LOC", "bioes", "B-PER B-LOC B-LOC", id="nothing-goes-on-behind-an-end"),
    ],
)
def test_a_scheme_is_recognised_and_read(tags, scheme, expected):
    assert convert(tags) == (scheme, expected)


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        pytest.param(["B-PER O", "B-PER O", "O I-LOC"], Scheme.IOB2, id="one-fault-among-two"),
        pytest.param(["I-PER O", "O I-LOC", "I-PER B-PER"], Scheme.IOB1, id="b-only-behind-its-own-label"),
    ],
)
def test_faulty_iob2_is_not_iob1(sentences, scheme):
    assert find_reading(pairs_of(*sentences)).scheme is scheme


def test_a_stray_tag_begins_an_entity_and_is_counted():
    reading = find_reading(pairs_of("B-PER I-PER", "B-LOC I-PER"))
    assert reading.convert_sentence(["B-LOC", "I-PER", "I-PER"]) == (["B-LOC", "B-PER", "I-PER"], [1])


@pytest.mark.parametrize(
    ("sentences", "scheme", "tag", "problem"),
    [
        pytest.param(["B-PER L-PER E-PER E-PER"], None, "L-PER", "are of no one scheme", id="two-schemes"),
        pytest.param(["B-PER", "I-PER"], None, "I-PER", "neither IOB2 .* nor IOB1", id="half-and-half"),
        pytest.param(["B-PER O LOC"], None, "LOC", "no tag like the others", id="a-bare-label-among-others"),
        pytest.param(["B-PER B O"], None, "B", "no tag like the others", id="a-letter-among-tags"),
        pytest.param(["B-PER B- O"], None, "B-", "no tag like the others", id="a-letter-without-a-label"),
        pytest.param(
            ["B-PER E-PER"], Scheme.IOB2, "E-PER", "is no IOB2 tag", id="not-the-scheme-that-was-said"
        ),
    ],
)
def test_tags_of_no_scheme_are_refused(sentences, scheme, tag, problem):
    with pytest.raises(SchemeError, match=problem) as refusal:
        find_reading(pairs_of(*sentences), scheme)
    assert refusal.value.tag == tag
