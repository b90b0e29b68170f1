"""Each part against its formula, written out; weights of 0 leave it out."""

import json
import math

import pytest
import torch
from torch import nn

from tools.losses.hybrid_loss import HybridLoss, attention_outside, mask_loss
from tools.losses.weighted_cross_entropy import WeightedCrossEntropy, balanced_weights
from tools.transforms.class_label import ClassLabeld, class_number

LOGITS = torch.tensor([[2.0, -1.0], [0.3, 0.4], [-3.0, 1.0]])
LABELS = torch.tensor([0, 0, 1])
MIXED = torch.tensor([[1.0, 0.0], [0.7, 0.3], [0.0, 1.0]])


def by_hand(logits, target, weights=(1.0, 1.0), smoothing=0.0, gamma=0.0) -> float:
    total = 0.0
    for row, truth in zip(logits.tolist(), target.tolist(), strict=True):
        norm = sum(map(math.exp, row))
        for value, t, weight in zip(row, truth, weights, strict=True):
            p = math.exp(value) / norm
            total -= (t * (1 - smoothing) + smoothing / len(row)) * weight * (1 - p) ** gamma * math.log(p)
    return total / len(logits)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_weighted_cross_entropy_is_its_formula(gamma, smoothing):
    loss = WeightedCrossEntropy([1.5, 0.5], smoothing, gamma)
    expected = by_hand(LOGITS, MIXED, (1.5, 0.5), smoothing, gamma)
    assert loss(LOGITS, MIXED).item() == pytest.approx(expected, abs=1e-6)


def test_it_is_torchs_for_probabilities_and_equal_for_hard_labels():
    ours = WeightedCrossEntropy([1.5, 0.5], 0.1)
    theirs = nn.CrossEntropyLoss(torch.tensor([1.5, 0.5]), label_smoothing=0.1)
    torch.testing.assert_close(ours(LOGITS, MIXED), theirs(LOGITS, MIXED))
    torch.testing.assert_close(ours(LOGITS, LABELS), ours(LOGITS, nn.functional.one_hot(LABELS).float()))


def test_settings_and_shapes_are_checked():
    with pytest.raises(ValueError, match=r"class_weights must be above 0.*label_smoothing must be.*gamma must be"):
        WeightedCrossEntropy([0.0, 1.0], 1.0, -1.0)
    with pytest.raises(ValueError, match=r"class numbers \(3,\) or probabilities \(3, 2\), got \(3, 1\)"):
        WeightedCrossEntropy()(LOGITS, torch.zeros(3, 1))


def test_balanced_weights_are_one_on_average():
    data = [{"label": 0}] * 3 + [{"label": 1}] * 9
    weights = balanced_weights(data)
    assert weights == pytest.approx([2.0, 2 / 3])
    assert sum(weights[item["label"]] for item in data) == pytest.approx(len(data))
    assert balanced_weights(data, enabled=False) == [1.0, 1.0]
    with pytest.raises(ValueError, match=r"every class needs a training sample, found \{0: 3, 1: 0\}"):
        balanced_weights(data[:3])


def test_the_mask_loss_is_half_entropy_and_half_dice():
    logits, mask = torch.tensor([[[[2.0, -1.0]]]]), torch.tensor([[[[1.0, 0.0]]]])
    p, q = (1 / (1 + math.exp(-value)) for value in (2.0, -1.0))
    entropy = -(math.log(p) + math.log(1 - q)) / 2
    dice = (2 * p + 1) / (p + q + 1 + 1)
    assert mask_loss(logits, mask).item() == pytest.approx(0.5 * entropy + 0.5 * (1 - dice), abs=1e-6)


def test_attention_outside_is_none_within_and_all_without():
    attention = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    lung = torch.tensor([[1.0, 0.5, 0.0, 0.0]])
    assert attention_outside(attention, lung).item() == pytest.approx(0.25)


def test_weights_decide_which_parts_count():
    parts = {
        "logits": LOGITS.clone().requires_grad_(),
        "mask_logits": torch.randn(3, 1, 4, 4, requires_grad=True),
        "mask": torch.ones(3, 1, 4, 4),
        "attention": torch.full((3, 4), 0.25, requires_grad=True),
        "lung": torch.tensor([[1.0, 0.0, 0.0, 0.0]] * 3),
    }
    alone = HybridLoss(WeightedCrossEntropy(label_smoothing=0))
    torch.testing.assert_close(alone(parts, LABELS), alone(LOGITS, LABELS))
    loss = HybridLoss(WeightedCrossEntropy(label_smoothing=0), lambda_seg=0.1, lambda_att=0.01)
    total = loss(parts, LABELS)
    by_parts = loss.parts["classification"] + 0.1 * loss.parts["segmentation"] + 0.01 * loss.parts["attention"]
    torch.testing.assert_close(total, by_parts)
    total.backward()
    assert all(parts[name].grad.abs().sum() > 0 for name in ("logits", "mask_logits", "attention"))
    with pytest.raises(ValueError, match="returned no mask_logits"):
        loss(LOGITS, LABELS)
    with pytest.raises(ValueError, match="0 or more, got lambda_seg=-1"):
        HybridLoss(nn.Identity(), lambda_seg=-1)


def test_a_label_is_a_number_a_name_or_an_annotation(tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"label": "Normal"}))
    scores = [{"label": "normal", "score": 0.2}, {"label": "pneumonia", "score": 0.8}]
    (tmp_path / "two.json").write_text(json.dumps({"prediction": scores}))
    (tmp_path / "bad.json").write_text("{}")
    labels = (1, "NORMAL", "1", str(tmp_path / "one.json"), str(tmp_path / "two.json"))
    assert [class_number(label) for label in labels] == [1, 0, 1, 0, 1]
    assert ClassLabeld("label")({"label": "pneumonia"})["label"] == torch.tensor(1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        class_number(2)
    with pytest.raises(ValueError, match="must be a class .normal, pneumonia.*got scan.nii.gz"):
        class_number("scan.nii.gz")
    with pytest.raises(ValueError, match="bad.json has none"):
        class_number(str(tmp_path / "bad.json"))
