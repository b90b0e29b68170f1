"""Images and labels of a batch are mixed in the same proportion."""

import pytest
import torch

from tools.transforms.mix_batch import MixBatch


def batch(samples: int = 8) -> dict:
    """Images that are as bright as their label, so that a mixed image says how its label must be mixed."""
    label = torch.arange(samples) % 2
    return {"image": label.float().reshape(-1, 1, 1, 1).expand(-1, 2, 12, 16).clone(), "label": label}


@pytest.mark.parametrize(
    "ways", [{"mixup_alpha": 1.0}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 1.0, "cutmix_alpha": 1.0}]
)
def test_labels_are_mixed_as_the_images_are(ways):
    torch.manual_seed(0)
    mixed = 0
    for _ in range(20):
        image, target = MixBatch(**ways)(batch())
        assert target.shape == (8, 2)
        torch.testing.assert_close(target.sum(dim=1), torch.ones(8))
        torch.testing.assert_close(image.mean(dim=(1, 2, 3)), target[:, 1], atol=1e-5, rtol=0)
        mixed += int(((target > 0) & (target < 1)).any())
    assert mixed > 10


def test_mixup_blends_and_cutmix_cuts():
    torch.manual_seed(1)
    image, _ = MixBatch(mixup_alpha=1.0)(batch())
    assert all(len(one.unique()) == 1 for one in image)
    image, target = MixBatch(cutmix_alpha=1.0)(batch())
    assert set(image.unique().tolist()) == {0.0, 1.0}
    assert ((target > 0) & (target < 1)).any()


def test_nothing_is_mixed_unless_asked_for():
    given = batch()
    image, label = MixBatch()(given)
    assert torch.equal(image, given["image"])
    assert torch.equal(label, given["label"])
    image, target = MixBatch(mixup_alpha=1.0, prob=0.0)(given)
    assert torch.equal(image, given["image"])
    assert torch.equal(target.argmax(dim=1), given["label"])


def test_the_draw_is_that_of_torchs_generator():
    results = []
    for _ in range(2):
        torch.manual_seed(4)
        results.append(MixBatch(mixup_alpha=0.4, cutmix_alpha=1.0)(batch()))
    assert torch.equal(results[0][0], results[1][0])
    with pytest.raises(ValueError, match="alphas must be 0 or more and prob from 0 to 1, got mixup_alpha=-1"):
        MixBatch(mixup_alpha=-1)
