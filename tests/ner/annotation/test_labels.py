"""Labels, tags and ids."""

import pytest

from ner.annotation.labels import TagSet, coarse_label, label_of, tags_of_labels
from ner.core.errors import PipelineError

GERMEVAL_LABELS = [stem + suffix for stem in ("PER", "OTH", "ORG", "LOC") for suffix in ("part", "deriv", "")]
# The order that the original notebook prints.
GERMEVAL_TAGS = ["O", "B-LOC", "I-LOC", "B-LOCderiv", "I-LOCderiv", "B-LOCpart", "I-LOCpart"]
GERMEVAL_TAGS += ["B-ORG", "I-ORG", "B-ORGderiv", "I-ORGderiv", "B-ORGpart", "I-ORGpart"]
GERMEVAL_TAGS += ["B-OTH", "I-OTH", "B-OTHderiv", "I-OTHderiv", "B-OTHpart", "I-OTHpart"]
GERMEVAL_TAGS += ["B-PER", "I-PER", "B-PERderiv", "I-PERderiv", "B-PERpart", "I-PERpart"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(GERMEVAL_LABELS, GERMEVAL_TAGS, id="the-notebooks-25"),
        pytest.param(["b-c", "a", "a"], ["O", "B-a", "I-a", "B-b-c", "I-b-c"], id="repeated-and-hyphened"),
        pytest.param([], ["O"], id="no-label"),
    ],
)
def test_tags_are_outside_then_both_of_every_sorted_label(labels, expected):
    assert tags_of_labels(labels) == expected


@pytest.mark.parametrize(
    ("tag", "label"),
    [
        pytest.param("O", None, id="outside"),
        pytest.param("B-LOCderiv", "LOCderiv", id="begin"),
        pytest.param("I-some-label", "some-label", id="hyphen-in-the-label"),
        pytest.param("B-O", "O", id="label-named-as-the-outside-tag"),
    ],
)
def test_a_tag_gives_its_label(tag, label):
    assert label_of(tag) == label


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        pytest.param("LOCderiv", GERMEVAL_LABELS, "LOC", id="deriv"),
        pytest.param("PERpart", GERMEVAL_LABELS, "PER", id="part"),
        pytest.param("PER", GERMEVAL_LABELS, "PER", id="coarse-already"),
        pytest.param("counterpart", ["counterpart", "PER"], "counterpart", id="stem-is-no-label"),
        pytest.param("part", ["part", "deriv"], "part", id="label-is-the-suffix"),
        pytest.param("LOCpartderiv", ["LOC", "LOCpart", "LOCpartderiv"], "LOCpart", id="one-suffix-only"),
        pytest.param("LOCderivat", GERMEVAL_LABELS, "LOCderivat", id="suffix-inside"),
    ],
)
def test_a_suffix_is_stripped_where_the_stem_is_a_label(label, labels, expected):
    assert coarse_label(label, labels) == expected


def test_a_tag_set_keeps_the_order_it_is_given():
    tag_set = TagSet(["B-PER", "O", "I-PER", "B-some-label"])
    assert tag_set.id2label == {0: "B-PER", 1: "O", 2: "I-PER", 3: "B-some-label"}
    assert tag_set.label2id == {"B-PER": 0, "O": 1, "I-PER": 2, "B-some-label": 3}
    assert [tag_set.id_of(tag) for tag in tag_set.tags] == [0, 1, 2, 3]
    assert tag_set.labels == ["PER", "some-label"]
    assert tag_set == TagSet(("B-PER", "O", "I-PER", "B-some-label"))


def test_an_unknown_tag_has_no_id():
    with pytest.raises(KeyError):
        TagSet(GERMEVAL_TAGS).id_of("B-GPE")


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        pytest.param(["B-PER", "I-PER"], "lacks the tag 'O'", id="no-outside"),
        pytest.param([], "lacks the tag 'O'", id="nothing-at-all"),
        pytest.param(["O", "B-PER", "I-PER", "B-PER"], "'B-PER' more than once", id="duplicate"),
        pytest.param(["O", "O"], "'O' more than once", id="outside-twice"),
        pytest.param(["O", "B-PER", "I-LOC"], "'I-LOC' without 'B-LOC'", id="inside-without-begin"),
        pytest.param(["O", "LOC"], "'LOC' is none of", id="untagged-label"),
        pytest.param(["O", "B-LOC", "S-LOC"], "'S-LOC' is none of", id="other-scheme"),
        pytest.param(["O", "B-"], "'B-' is none of", id="empty-label"),
    ],
)
def test_a_tag_set_that_is_not_iob2_is_refused_with_a_remedy(tags, message):
    with pytest.raises(PipelineError, match=message) as refusal:
        TagSet(tags)
    assert "Remedy:" in str(refusal.value)
